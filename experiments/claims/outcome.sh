#!/usr/bin/env bash
# Writes OUTCOME.md as a whole: runs every claim by its full protocol, and prints what came of it. Finished trials are kept, and not trained again.
#
#   experiments/claims/outcome.sh [RESULTS_FOLDER] > OUTCOME.md     (default: results/claims)
#
# The program is build/normlab, or the one in NORMLAB_PROGRAM.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "${NORMLAB_PROGRAM:-$root/build/normlab}") results=$(realpath -m "${1:-results/claims}")
text=$(mktemp)
trap 'rm -f "$text"' EXIT
cd "$root"
"$program" claims run --format md --out "$results" >"$text"

# Of a claim's folders, with its controls and objections: the seconds that their trials took, and the revisions of the programs that trained them.
read_folders() { cat "$results/$1"{,.control_*,.objection_*}/"$2" 2>/dev/null || true; }
seconds() { read_folders "$1" timing.csv | awk -F, '$1 != "trial" { sum += $2 } END { if (NR) printf "%.0f s", sum; else printf "-" }'; }
revisions() { read_folders "$1" experiment.yaml | sed -n 's/^  commit: "\(.*\)"$/\1/p' | sort -u | paste -sd' '; }

cat <<'END'
# What came out of the claims

Below stands what came of each claim by its full protocol, first in short, then part by part. Times are those of the trials, one by one, with controls and objections;
other programs may have run beside them. `experiments/claims/outcome.sh` writes this file.

| claim | outcome | took | trained by revision | what the paper says |
|---|---|---|---|---|
END
while IFS='|' read -r _ claim outcome says _; do
    claim=${claim// /}
    echo "| $claim |$outcome| $(seconds "$claim") | $(revisions "$claim") |$says|"
done < <(sed -n '/^|---/,/^$/p' "$text" | grep '^| [a-z]')
echo
sed -n '/^## /,$p' "$text"
