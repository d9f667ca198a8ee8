#!/usr/bin/env bash
# Measures normlab side by side with what its users would run instead, and writes tests/bench/RESULTS.md. Never part of the tests.
#
#   tests/bench/run.sh                everything (about 40 minutes; on a quiet machine)
#   tests/bench/run.sh --quick        a few rows (under 2 minutes once PyTorch and JAX are installed)
#   tests/bench/run.sh --only WORD    one part: overhead, sweep (40 trials), mlp, resnet, norm, sweep1000, bits or ref; the others keep their last figures
#   ... --without WORD                leaves out competitors with this in their name (compiled: it takes the longest)
#
# PyTorch and JAX are installed into tests/bench/.venv, or $NORMLAB_BENCH_VENV if that is set.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
case ${1:-} in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
. "$root/tests/setup.sh"

bench=$root/tests/bench
venv=${NORMLAB_BENCH_VENV:-$bench/.venv}
build=${NORMLAB_BUILD:-$root/build-bench}
install_missing
NORMLAB_CMAKE="-DCMAKE_BUILD_TYPE=Release ${NORMLAB_CMAKE:-}" build_program OFF

if ! "$venv/bin/python" -c 'import torch, jax, safetensors' 2>/dev/null; then
    say "installing PyTorch and JAX into ${venv#"$PWD"/}"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install -q torch --index-url https://download.pytorch.org/whl/cpu || "$venv/bin/pip" install -q torch
    "$venv/bin/pip" install -q -r "$bench/requirements.txt"
fi

cc -std=gnu11 -O3 -march=native -ffp-contract=fast -fno-tree-loop-distribute-patterns "$bench/probe.c" -o "$build/probe"
for program in step normalize; do
    # shellcheck disable=SC2046
    cc -std=c11 -D_GNU_SOURCE -O2 -I"$root/core" "$bench/$program.c" "$build/libnormlab.a" \
        $(pkg-config --libs yaml-0.1 openblas zlib libcrypto) -lpthread -lm -o "$build/$program"
done

exec "$venv/bin/python" "$bench/bench.py" --build "$build" "$@"
