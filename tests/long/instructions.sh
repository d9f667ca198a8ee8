#!/usr/bin/env bash
# A guard of speed that needs no clock: the instructions of a training step, counted by valgrind on the AVX2 path, are at most 15 % over those in
# tests/long/instructions.txt. A step is the difference of two runs, so that starting up and the last evaluation do not count. Of the one worker's thread alone:
# the main thread wakes some times a second, the more often the slower the machine is.
#
#   tests/long/instructions.sh            NORMLAB_PROGRAM names the program (default: build/normlab)
#   tests/long/instructions.sh --renew    writes what it counts to tests/long/instructions.txt: for a kernel made faster, or a price paid on purpose
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bounds=$root/tests/long/instructions.txt
export program=${NORMLAB_PROGRAM:-$root/build/normlab}

skip() { echo "skipped: $*"; exit 77; }
[ "$(uname -m)" = x86_64 ] && grep -qw avx2 /proc/cpuinfo || skip "instructions are counted on processors with AVX2"
command -v valgrind >/dev/null || skip "valgrind is not installed"
! grep -qE '__asan_init|__gcov_init' "$program" || skip "sanitizers and coverage add instructions of their own"

export few=4 many=20
export folder
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/mlp.yaml" <<'END'
data: {name: digits, train: 64, test: 1}
model: {arch: mlp, depth: 2, width: 64}
train: {lr: 0.001, momentum: 0.9, log_every: 1000, eval_every: 1000}
END
cat >"$folder/resnet.yaml" <<'END'
data: {name: synth, size: 8, train: 16, test: 1}
model: {arch: resnet, depth: 8, width: 16}
train: {lr: 0.001, momentum: 0.9, log_every: 1000, eval_every: 1000}
END

count() { # "ARCH NORM BATCH" STEPS: instructions of the whole run, into a file of that name
    read -r arch norm batch <<<"$1"
    name=$folder/$arch-$norm-$batch-$2
    # Every level that the machine may offer is held at AVX2: valgrind knows no AVX-512.
    NORMLAB_ISA=avx2 valgrind --tool=callgrind --separate-threads=yes --callgrind-out-file="$name.thread" \
        "$program" run "$folder/$arch.yaml" "norm.kind=$norm" "train.batch=$batch" "train.steps=$2" -j 1 --quiet --out "$name.out" \
        >/dev/null 2>"$name.log" || { cat "$name.log" >&2; return 255; }
    sed -n 's/^totals: //p' "$name.thread-02" >"$name"
}
export -f count

cases=("mlp none 1" "mlp ln 1" "mlp gn 1" "mlp bn 2") # few rows have kernels of their own
for batch in 8 32; do
    for norm in none bn ln gn; do cases+=("mlp $norm $batch"); done
done
cases+=("resnet bn 8")
for case in "${cases[@]}"; do printf '%s\0' "$case" "$few" "$case" "$many"; done | xargs -0 -n 2 -P "$(nproc)" bash -c 'count "$@"' count

step() { # "ARCH NORM BATCH": instructions of one step
    local name=$folder/${1// /-}
    echo $((($(cat "$name-$many") - $(cat "$name-$few")) / (many - few)))
}

if [ "${1:-}" = --renew ]; then
    {
        echo "# Instructions of a training step on the AVX2 path: network, normalizer, batch, count. Renew: tests/long/instructions.sh --renew"
        for case in "${cases[@]}"; do echo "$case $(step "$case")"; done
    } >"$bounds"
    cat "$bounds"
    exit
fi

failed=0
for case in "${cases[@]}"; do
    bound=$(sed -n "s/^$case //p" "$bounds") found=$(step "$case") verdict=ok
    [ -n "$bound" ] && [ "$found" -gt 0 ] && [ $((100 * found)) -le $((115 * bound)) ] || { verdict=FAIL failed=1; }
    echo "$verdict $case: $found instructions a step, $(((100 * found) / ${bound:-1} - 100)) % over tests/long/instructions.txt, 15 % allowed"
done
[ $failed -eq 0 ] || echo "if the price is meant: tests/long/instructions.sh --renew"
exit $failed
