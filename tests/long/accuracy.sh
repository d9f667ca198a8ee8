#!/usr/bin/env bash
# The same nets on real images reach PyTorch's accuracy: the mean of three seeds stands within three standard errors of PyTorch's
# mean over five (tests/golden/accuracy.txt, made by accuracy.py).
set -euo pipefail
golden=$NORMLAB_ROOT/tests/golden
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=77

judge() { # name theirs deviation
    awk -F, -v name="$1" -v theirs="$2" -v deviation="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        { sum += $column["test_accuracy"]; good += $column["status"] == "done"; n++ }
        END {
            ours = sum / n
            bound = 3 * deviation * sqrt(1 / 5 + 1 / 3)
            difference = ours - theirs
            if (difference < 0) difference = -difference
            ok = n == 3 && good == 3 && difference <= bound
            printf "%s %s: test accuracy %.4f over %d seeds, PyTorch %.4f, allowed difference %.4f\n", ok ? "ok" : "FAIL", name, ours, n, theirs, bound
            exit !ok
        }' "$out/$1/trials.csv"
}

while read -r name theirs deviation _; do
    case $name in '' | '#'*) continue ;; esac
    read -r _ config overrides < <(grep "^$name " "$golden/accuracy.cases")
    data=${name%%_*}
    if [ ! -d "${NORMLAB_DATA:-/nonexistent}/$data" ]; then
        echo "skipped: $name: NORMLAB_DATA names no folder with $data"
        continue
    fi
    [ "$status" -ne 77 ] || status=0
    # shellcheck disable=SC2086
    "$NORMLAB_PROGRAM" sweep "$NORMLAB_ROOT/$config" $overrides sweep.seeds=3 --no-plot --quiet --out "$out/$name" >/dev/null
    judge "$name" "$theirs" "$deviation" || status=1
done <"$golden/accuracy.txt"
exit $status
