#!/usr/bin/env bash
# Measures normlab side by side with what its users would run instead, and writes tests/bench/RESULTS.md. Never part of the tests.
#
#   tests/bench/run.sh                everything, on a quiet machine (65 minutes)
#   tests/bench/run.sh --quick        a small row of each part, into build-bench/bench/quick.md: whether everything still runs (4 minutes)
#   tests/bench/run.sh --only PART    one part, may be repeated; the others keep their last figures: overhead, sweep (40 trials), mlp, resnet, share,
#                                     two_cores, conv, norm, sweep1000 (2 minutes), bits or ref. Of networks on sequences, which are a part of RESULTS.md by
#                                     themselves (20 minutes): gpt, vit, lstm (plain and with LN), gpt_share (a normalizer's share of a step), sequence_cores
#                                     (two cores) or trainings (100 from a cold shell)
#   tests/bench/run.sh --kinds [KIND ...]  every kind of `normlab norms` beside PyTorch: a part of RESULTS.md by itself (10 minutes); of some kinds,
#                                     the table alone
#   ... --batch N                     only this batch size of a part that has several; may be repeated
#   ... --without WORD                leaves out competitors with this in their name
#
# Figures are kept in build-bench/bench/results.json and sequences.json. PyTorch and JAX are installed into tests/bench/.venv, or $NORMLAB_BENCH_VENV if that is
# set; what they compile is kept beside it. oneDNN and FANN come from Debian.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
case ${1:-} in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
. "$root/tests/setup.sh"

bench=$root/tests/bench
venv=${NORMLAB_BENCH_VENV:-$bench/.venv}
build=${NORMLAB_BUILD:-$root/build-bench}
install_missing bench
NORMLAB_CMAKE="-DCMAKE_BUILD_TYPE=Release -DNORMLAB_BENCH=ON ${NORMLAB_CMAKE:-}" build_program OFF

if ! "$venv/bin/python" -c 'import torch, jax, safetensors' 2>/dev/null; then
    say "installing PyTorch and JAX into ${venv#"$PWD"/}"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install -q torch --index-url https://download.pytorch.org/whl/cpu || "$venv/bin/pip" install -q torch
    "$venv/bin/pip" install -q -r "$bench/requirements.txt"
fi

cc -std=gnu11 -O3 -march=native -ffp-contract=fast -fno-tree-loop-distribute-patterns "$bench/probe.c" -o "$build/probe"
# oneDNN declares every list of sizes as long as the longest.
cc -std=gnu11 -O2 -Wno-stringop-overread "$bench/onednn.c" -ldnnl -o "$build/onednn"
cc -std=gnu11 -O2 "$bench/fann.c" -lfloatfann -lm -o "$build/fann"
cc -O2 -shared -fPIC "$bench/mkl_avx512.c" -o "$build/mkl_avx512.so"

if [ "${1:-}" = --kinds ]; then
    shift
    exec "$venv/bin/python" "$bench/kinds.py" --build "$build" "$@"
fi
exec "$venv/bin/python" "$bench/bench.py" --build "$build" --caches "$venv/compiled" "$@"
