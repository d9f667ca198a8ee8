#!/usr/bin/env bash
# No sentence and no cell says "nan" or "inf": results folders in which much is undefined (tests/statistics/undefined.py) go through every output form: answer, tables,
# JSON, power, diff, pictures, report, summary.csv. JSON has null, CSV an empty field. NORMLAB_ALL: with ten times as many folders.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
count=40
[ -z "${NORMLAB_ALL:-}" ] || count=400
python3 "$root/tests/statistics/undefined.py" "$folder/results" "$count" 1

# scripts are judged, not what gnuplot makes of them
mkdir "$folder/bin"
printf '#!/bin/sh\nexit 0\n' >"$folder/bin/gnuplot"
chmod +x "$folder/bin/gnuplot"
export PATH=$folder/bin:$PATH

# What a command says, on either stream. That a folder has nothing to show is an answer, too.
say() {
    local to=$1 code=0
    shift
    "$program" "$@" >"$to" 2>"$to.err" || code=$?
    [ "$code" -le 2 ] || { echo "exit code $code: normlab $*"; cat "$to.err"; exit 1; }
}

for ((n = 1; n <= count; n++)); do
    at=$folder/results/$n out=$folder/out/$n
    mkdir -p "$out"
    for format in text md latex csv json; do
        for what in summary grid trials; do
            say "$out/$what.$format" table "$at" --format $format --what $what
        done
    done
    say "$out/power.text" power "$at"
    say "$out/power.json" power "$at" --format json
    say "$out/diff.text" diff "$at" "$folder/results/$((n % count + 1))"
    say "$out/plot.text" plot "$at" plot.kind=small_batch,lr_tolerance,curves,heatmap,figure,steps plot.target=50 --format svg --out "$out/plots"
    say "$out/loss.text" plot "$at" plot.metric=train_loss plot.kind=small_batch,lr_tolerance,curves,heatmap,figure --format svg --out "$out/loss"
    say "$out/report.text" report "$at" --out "$out/report"
done

# a network whose losses are no numbers
printf 'data: {train: 128, test: 64}\nmodel: {depth: 2, width: 8}\nnorm: {kind: none}\ntrain: {epochs: 1, lr: 1e6}\n' >"$folder/run.yaml"
mkdir "$folder/out/run"
say "$folder/out/run/run.text" run "$folder/run.yaml"
say "$folder/out/run/again.text" sweep "$folder/run.yaml" sweep.seeds=2 --out "$folder/sweep" --no-plot
cp "$folder/sweep"/*.csv "$folder/out/run/"
for format in text csv json; do
    say "$folder/out/run/sweep.$format" table "$folder/sweep" --format $format
done

python3 - "$folder/out" "$count" <<'END'
import json, pathlib, re, sys

word = re.compile(r"(?<![\w.])[-+]?(nan|inf|infinity)(?![\w.])", re.IGNORECASE)
judged = 0
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    if not path.is_file() or path.suffix in (".svg", ".html", ".pdf", ".png"):
        continue
    text = path.read_text()
    if path.suffix == ".gp":  # NaN is gnuplot's word for what is not drawn: only the numbers are judged
        text = "\n".join(line for line in text.splitlines() if re.match(r"\s*[-+.\d]|floor", line) or "range" in line)
    found = word.search(text)
    assert not found, f"{path}: {text[max(0, found.start() - 120):found.end() + 60]!r}"
    judged += 1
    if path.suffix == ".json" and text:
        json.loads(text, parse_constant=lambda name: sys.exit(f"{path}: {name}"))
assert judged > 20 * int(sys.argv[2]), judged
END
echo "100%: Checks: $count"
