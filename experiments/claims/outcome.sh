#!/usr/bin/env bash
# Writes OUTCOME.md: runs claims by their full protocols, and puts what came of them in the place of what stands there. Finished trials are kept, and not
# trained again.
#
#   experiments/claims/outcome.sh [CLAIM ...]     (default: all claims)
#
# The program is build/normlab, or the one in NORMLAB_PROGRAM. Results are in results/claims, or in the folder in NORMLAB_RESULTS.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${NORMLAB_PROGRAM:-build/normlab}") results=${NORMLAB_RESULTS:-results/claims} file=experiments/claims/OUTCOME.md
new=$(mktemp) old=$(mktemp)
trap 'rm -f "$new" "$old"' EXIT
"$program" claims run "$@" --format md --out "$results" >"$new"
cp "$file" "$old"
commit=$("$program" --version | sed -n '1s/.*commit \([^)]*\)).*/\1/p')

# Of a claim's folders, with its controls, hinge and objections: the seconds that their trials took.
seconds() { cat "$results/$1"{,.control_*,.hinge_*,.objection_*}/timing.csv 2>/dev/null | awk -F, '$1 != "trial" { sum += $2 } END { if (NR) printf "%.0f s", sum; else printf "-" }' || true; }

is_new() { grep -q "^## $1:" "$new"; }

row() {
    if is_new "$1"; then
        awk -F' [|] ' -v name="$1" -v seconds="$(seconds "$1")" -v commit="$commit" \
            '$1 == "| " name { printf "| %s | %s | %s | %s | %s\n", name, $2, seconds, seconds == "-" ? "-" : commit, $3 }' "$new"
    else
        grep "^| $1 |" "$old" || true
    fi
}

# A claim's part of a file: from its title to the next one.
section() { awk -v title="## $2:" '/^## / { on = index($0, title) == 1 } on' "$1"; }

{
    cat <<'END'
# Outcomes of the claims

Below stands what came of each claim by its full protocol, first in short, then part by part. `experiments/claims/outcome.sh` writes this file. Each claim was
judged by the commit that stands beside it, on trials with that commit's version of the numerics. Times are those of the trials, one by one, with controls, other
values of the hinge and objections; other programs may have run beside them. CIFAR-10 is here CIFAR-10 (JPEG copy): the same images and labels, once re-encoded as JPEG.

| claim | outcome | took | commit | what the paper says |
|---|---|---|---|---|
END
    names=$(basename -s .yaml experiments/claims/*.yaml)
    for name in $names; do row "$name"; done
    echo
    for name in $names; do
        if is_new "$name"; then section "$new" "$name"; else section "$old" "$name"; fi
        echo
    done
} | cat -s | sed '${/^$/d}' >"$file"
