#!/usr/bin/env bash
# Built with clang and without what may be left out (cuda, data fetch), every warning an error: the tests of the numbers once more, and of
# whole trainings.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v clang >/dev/null || { echo "skipped: clang is not there"; exit 77; }
NORMLAB_BUILD=$root/build/clang NORMLAB_CMAKE="-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DNORMLAB_CUDA=OFF -DNORMLAB_FETCH=OFF -DNORMLAB_DEVELOPER=ON" \
    "$root/tests/run.sh" backend conv gemm golden isa norm train install
