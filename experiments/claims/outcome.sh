#!/usr/bin/env bash
# Writes OUTCOME.md as a whole: runs every claim by both protocols, quick and full, and prints what came of them. Finished trials are kept, and not trained again.
#
#   experiments/claims/outcome.sh [RESULTS_FOLDER] > OUTCOME.md     (default: results; what was run lies in its claims and claims_quick)
#
# The program is build/normlab, or the one in NORMLAB_PROGRAM.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
program=$(realpath "${NORMLAB_PROGRAM:-$root/build/normlab}") results=$(realpath -m "${1:-results}")
texts=$(mktemp -d)
trap 'rm -rf "$texts"' EXIT
cd "$root"
"$program" claims run --quick --format md --out "$results/claims_quick" >"$texts/quick"
"$program" claims run --format md --out "$results/claims" >"$texts/full"

# Of a claim's folders, with its controls and objections: the seconds that their trials took, and the revisions of the programs that trained them.
seconds() { cat "$1/$2"{,.*}/timing.csv 2>/dev/null | awk -F, '$1 != "trial" { sum += $2 } END { if (NR) printf "%.0f s", sum; else printf "-" }' || true; }
revisions() { { cat "$results"/claims{,_quick}/"$1"{,.*}/experiment.yaml 2>/dev/null || true; } | sed -n 's/^  commit: "\(.*\)"$/\1/p' | sort -u | paste -sd' '; }
verdict() { awk -F' [|] ' -v claim="| $1" '$1 == claim { print $2 }' "$2"; }

cat <<'END'
# What came out of the claims

Claims that can be measured have two protocols, the quick one and the full one. Below stands what came of each, first in short, then part by part.
Times are those of the trials, one by one, with controls and objections; other programs may have run beside them. Where only one of the two protocols came to objections,
it may be the quick one that took longer. `experiments/claims/outcome.sh` writes this file.

| claim | quick | full | quick took | full took | trained by revision |
|---|---|---|---|---|---|
END
waiting=()
while read -r claim; do
    quick=$(verdict "$claim" "$texts/quick")
    if [ "$quick" = waiting ]; then
        waiting+=("$claim")
    else
        echo "| $claim | $quick | $(verdict "$claim" "$texts/full") | $(seconds "$results/claims_quick" "$claim") | $(seconds "$results/claims" "$claim") | $(revisions "$claim") |"
    fi
done < <(sed -n '/^|---/,/^$/s/^| \([^ ]*\) .*/\1/p' "$texts/quick")
printf '\nThese wait for something that the program lacks: %s.\n' "$(printf '%s, ' "${waiting[@]}" | sed 's/, $//')"
for protocol in quick full; do
    printf '\n# By the %s protocols\n' "$protocol"
    sed 1d "$texts/$protocol"
done
