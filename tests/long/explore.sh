#!/usr/bin/env bash
# The explorer of reports in a real browser (Chromium), at three widths: it is clicked, pointed at and used by keys, and what it says is held against summary.csv
# and trials.csv; without script the page has a sentence in its place; the page's policy refuses every other script. test_explore.sh needs no browser.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
missing=()
for needed in chromium python3 gnuplot; do
    command -v "$needed" >/dev/null || missing+=("$needed")
done
[ ${#missing[@]} -eq 0 ] || { echo "skipped: not there: ${missing[*]}"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$root/tests/plots/report_folders.sh"
make_results
cat >"$folder/keys.yaml" <<'YAML'
base: base.yaml
norm: {groups: 2}
sweep: {grid: {norm.kind: [bn, gn, none], norm.placement: [before, after], train.batch: [32, 8], train.lr: [0.1, 1]}, seeds: 2}
plot: {kind: [figure], labels: "gn=</script><script>alert(1)</script>"}
YAML
cat >"$folder/ghost.yaml" <<'YAML'
base: base.yaml
sweep: {grid: {norm.kind: [bn, ln], norm.stat_batch: [4, 8, 32]}, seeds: 2, baseline: {norm.kind: ln}}
plot: {kind: [figure]}
YAML
for name in keys ghost; do
    "$program" sweep --no-reuse "$folder/$name.yaml" --out "$folder/$name" --no-plot --no-warnings -q >/dev/null
done
# In this one, of which a part was run, every run of a cell is missing.
"$program" sweep "$folder/keys.yaml" sweep.seeds=1 --out "$folder/few" --no-plot --no-warnings -q --shard 1/5 >/dev/null
mv "$folder/a & <b> \$(x) %_#" "$folder/batch"
for name in batch rates tuned part keys ghost few; do
    "$program" report "$folder/$name" --out "$folder/$name-report" -q >/dev/null
done
python3 "$root/tests/long/explore.py" "$folder" ${NORMLAB_SCREENSHOTS:+"$NORMLAB_SCREENSHOTS"}
