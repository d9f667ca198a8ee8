#!/usr/bin/env bash
# A disk that is full, played by a limit on the size of files: whatever file is the first that does not fit, the sweep says which and fails,
# leaves no half file, and the same command goes on once there is room, to the same tables. So with pictures. Output to a full device is an error too.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
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
sweep() { "$program" sweep --no-reuse a.yaml --no-plot -q --out "$@"; }

sweep whole >/dev/null
for kib in 0 2 6 24; do # the lock, experiment.yaml, a trial, a table
    code=0
    said=$( (ulimit -f $kib && sweep part 2>&1 >/dev/null) ) || code=$?
    echo "$kib KiB: exit $code, $said"
    [ $code -ne 0 ]
    [[ $said == *"cannot write 'part/"*": File too large"* ]]
    [ -z "$(find part -name '*.tmp')" ]
done
sweep part >/dev/null
for table in trials curves summary; do cmp "whole/$table.csv" "part/$table.csv"; done

# A picture for which there is no room is told of, and the one of before stays; the script, of 5 KiB, is written.
pictures=0
if command -v gnuplot >/dev/null; then
    for format in svg png; do
        "$program" plot whole -q --format $format >/dev/null
        cp -r whole/plots before
        code=0
        said=$( (ulimit -f 8 && "$program" plot whole -q --format $format plot.title=other 2>&1 >/dev/null) ) || code=$?
        echo "$format: exit $code, $said"
        [ $code -eq 1 ]
        [[ $said == *"cannot write 'whole/plots/curves.$format': File too large"* ]]
        cmp whole/plots/curves.$format before/curves.$format
        [ "$(ls whole/plots)" = "$(ls before)" ]
        grep -q '"other"' whole/plots/curves.gp
        rm -r before
        pictures=$((pictures + 1))
    done
else
    echo "skipped: gnuplot is not installed"
fi

for command in "table whole" "show a.yaml" "keys" "schema"; do
    code=0
    said=$("$program" $command 2>&1 >/dev/full) || code=$?
    echo "$command: exit $code, $said"
    [ $code -eq 1 ]
    [[ $said == *"cannot write to the standard output"* ]]
done
echo "a full disk is told of at 4 places of a sweep, which goes on from each, of $pictures pictures, and by 4 commands"
