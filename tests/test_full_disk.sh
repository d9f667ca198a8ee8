#!/usr/bin/env bash
# A disk that is full, played by a limit on the size of files: whatever file is the first that does not fit, the sweep says which and fails,
# leaves no half file, and the same command goes on once there is room, to the same tables. Output to a full device is an error too.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >a.yaml <<'END'
data: {train: 128, val: 32, test: 64}
model: {depth: 1, width: 8}
train: {epochs: 60, log_every: 1}
sweep: {grid: {norm.kind: [bn, none]}, seeds: 2}
END
sweep() { "$program" sweep a.yaml --no-plot -q --out "$@"; }

sweep whole >/dev/null
for kib in 0 2 6 24; do # the lock, experiment.yaml, a trial, a table
    code=0
    said=$( (trap '' XFSZ && ulimit -f $kib && sweep part 2>&1 >/dev/null) ) || code=$?
    echo "$kib KiB: exit $code, $said"
    [ $code -ne 0 ]
    [[ $said == *"cannot write 'part/"*": File too large"* ]]
    [ -z "$(find part -name '*.tmp')" ]
done
sweep part >/dev/null
for table in trials curves summary; do cmp "whole/$table.csv" "part/$table.csv"; done

for command in "table whole" "show a.yaml" "keys" "schema"; do
    code=0
    said=$("$program" $command 2>&1 >/dev/full) || code=$?
    echo "$command: exit $code, $said"
    [ $code -eq 1 ]
    [[ $said == *"cannot write to the standard output"* ]]
done
echo "a full disk is told of at 4 places of a sweep, which goes on from each, and by 4 commands"
