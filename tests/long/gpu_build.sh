#!/usr/bin/env bash
# What tests/gpu/run.sh builds on a machine with a GPU builds here too, and starts: it has a list of sources of its own, which would fall behind unnoticed. The
# trainings of test_train need a device; the test of what has no kernel needs none, and must pass. So does the program with the cuda backend, which no gate
# compiles: it is clear about a device that is not there (tests/cuda/test_cuda_build.sh).
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
export NORMLAB_BUILD=${NORMLAB_BUILD:-$root/build/gpu}
"$root/tests/gpu/run.sh" build
said=$("$NORMLAB_BUILD/test_train" 2>&1) || true
grep -q "^training on cuda: .* tests" <<<"$said" && ! grep "failed: what_has_no_kernel" <<<"$said" || {
    echo "test_train does not get as far as a device:"
    echo "$said" | tail -n 20
    exit 1
}

program=$NORMLAB_BUILD-program
cmake -S "$root" -B "$program" -DNORMLAB_CUDA=ON -DNORMLAB_TESTS=OFF -DNORMLAB_DEVELOPER=ON >/dev/null
cmake --build "$program" -j "$(nproc)" --target normlab >"$program/log" 2>&1 || { tail -n 20 "$program/log"; exit 1; }
NORMLAB_PROGRAM=$program/normlab NORMLAB_ROOT=$root bash "$root/tests/cuda/test_cuda_build.sh"
