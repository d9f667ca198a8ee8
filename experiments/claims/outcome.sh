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

# Of a claim's folders, with its controls and objections: the seconds that their trials took.
seconds() { cat "$results/$1"{,.control_*,.objection_*}/timing.csv 2>/dev/null | awk -F, '$1 != "trial" { sum += $2 } END { if (NR) printf "%.0f s", sum; else printf "-" }' || true; }

cat <<END
# What came out of the claims

Below stands what came of each claim by its full protocol, first in short, then part by part. \`experiments/claims/outcome.sh\` writes this file, here with
$("$program" --version | head -n 1). Times are those of the trials, one by one, with controls and objections; other programs may have run beside them.

| claim | outcome | took | what the paper says |
|---|---|---|---|
END
while IFS='|' read -r _ claim outcome says _; do
    claim=${claim// /}
    echo "| $claim |$outcome| $(seconds "$claim") |$says|"
done < <(sed -n '/^|---/,/^$/p' "$text" | grep '^| [a-z]')
echo
sed -n '/^## /,$p' "$text"
