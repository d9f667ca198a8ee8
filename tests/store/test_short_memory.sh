#!/usr/bin/env bash
# Memory that is short, played by a limit on the address space: what does not fit is recorded as an error and tried again by the next call, trials that
# do not fit together are run in parts to the same bits, and a worker that cannot be started is told of.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
! grep -qE '__asan_init|__tsan_init' "$program" || { echo "skipped: sanitizers reserve terabytes of address space"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
die() { echo "$*"; exit 1; }
limit=300000 # KiB
short() { # exit code, folder, argument...: the sweep where memory is short; what it says is left in $said
    local code=0 expected=$1
    said=$( (ulimit -v $limit && "$program" sweep --no-reuse --no-plot -q --out "${@:2}" 2>&1 >/dev/null) ) || code=$?
    [ $code -eq "$expected" ] || die "exit $code, not $expected: $said"
}
whole() { "$program" sweep --no-reuse --no-plot -q --out "$@" >/dev/null 2>&1; }
same() { for table in trials curves summary; do cmp "$1/$table.csv" "$2/$table.csv"; done; }

cat >large.yaml <<'END'
data: {name: synth, size: 8, train: 4096, test: 64}
model: {arch: mlp, depth: 1, width: 8192}
train: {steps: 1}
sweep: {grid: {train.batch: [8, 4096]}}
END
whole large large.yaml -j 1
short 1 large.short large.yaml -j 1
[[ $said == *"trial 2 (train.batch=4096 train.seed=1) could not be run: not enough memory: the network at batch 4096 needs"* ]] || die "$said"
[ "$(cut -d , -f 4 large.short/trials.csv | tr '\n' ' ')" = "status $(sed -n 2p large/trials.csv | cut -d , -f 4) error " ] || die "$(cat large.short/trials.csv)"
whole large.short large.yaml -j 1
same large large.short

cat >many.yaml <<'END'
data: {name: synth, size: 8, train: 512, test: 64}
model: {arch: mlp, depth: 1, width: 8192}
train: {steps: 2, batch: 512, lr: 1.0e-3}
sweep: {seeds: 4}
END
whole many many.yaml -j 1
awk -F , -v limit=$limit 'NR > 1 { bytes += $5 } END { exit !(bytes / 1024 > limit) }' many/timing.csv || die "the four fit together"
short 0 many.short many.yaml -j 1 --cohort 4
same many many.short

short 1 many.workers many.yaml -j 200 model.width=8
[[ $said =~ "cannot start worker "[0-9]+" of 200: "[^\;]+"; try a smaller -j" ]] || die "$said"
echo "100%: Checks: 3"
