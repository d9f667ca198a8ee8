#!/usr/bin/env bash
# normlab sweep --live: the page while a sweep runs, when it is stopped, and at its end; and a page that cannot be written any more.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "$*" >&2
    exit 1
}

# A page is well-formed, loads nothing and runs nothing. Prints after how many seconds it loads itself anew, its texts, a line an element, and how many lines are drawn.
cat >look.py <<'PYTHON'
import sys
import xml.etree.ElementTree as tree
text = open(sys.argv[1]).read()
elements = list(tree.fromstring(text).iter())
assert "://" not in text, text[text.index("://") - 40:][:80]
assert not {e.tag for e in elements} & {"script", "iframe", "object", "embed", "img", "image", "use", "form", "b", "i"}
for e in elements:
    for name, value in e.attrib.items():
        assert not name.startswith("on") and name not in ("src", "style", "action"), (e.tag, name)
        assert name != "href" or value == "data:,", value
meta = {e.get("http-equiv"): e.get("content") for e in elements if e.tag == "meta"}
assert meta["Content-Security-Policy"].startswith("default-src 'none'"), meta
print("reload", meta.get("refresh"))
for e in elements:
    if e.tag != "style" and e.text and e.text.strip():
        print(f"{e.tag}: {e.text.strip()}")
lines = [e for e in elements if e.tag == "polyline"]
print("lines", sum(e.get("stroke-width") == "2.2" for e in lines), sum(e.get("stroke-width") == "0.8" for e in lines))
for e in lines:
    for point in e.get("points").split():
        x, y = map(float, point.split(","))
        assert -0.1 <= x <= 720 and -0.1 <= y <= 500, point
PYTHON
look() { # PAGE LINE ...
    python3 look.py "$1" >text || fail "$1 is no such page"
    for line in "${@:2}"; do grep -qxF -- "$line" text || fail "$1 lacks '$line': $(cat text)"; done
}
hold() { kill -0 "$process" 2>/dev/null || fail "the sweep ended: $(cat log)"; sleep 0.1; }
interrupt() {
    kill -INT "$process"
    code=0
    wait "$process" || code=$?
    [ $code -eq 130 ] || fail "exit code $code: $(cat log)"
}

# Two trainings have no end; the others are done, and half of them diverge, while these run.
head='data: {train: 256, val: 0, test: 128}
model: {depth: 1, width: 8}
plot: {title: "a <b>\"bold\"</b> & more", labels: "bn=<i>&BN"}'
cat >endless.yaml <<YAML
$head
sweep:
  grid: {norm.kind: [bn, ln]}
  zip:
    train.lr: [0.1, 1000000, 0.01]
    train.steps: [40, 40, 10000000000]
    train.eval_every: [10, 10, 1000000000]
    train.log_every: [10, 10, 1000000000]
YAML
cat >short.yaml <<YAML
$head
train: {lr: 0.1, steps: 40, eval_every: 10}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 3}
YAML
"$NORMLAB_PROGRAM" sweep endless.yaml --no-plot -j 3 --live page.html --out o 2>log >/dev/null &
process=$!
until grep -qs '4/6 done' page.html; do hold; done
look page.html 'reload 5' 'h1: a <b>"bold"</b> & more' 'li: Results folder: o' 'h2: Curves' 'text: <i>&BN' 'h2: Table' 'lines 2 2' \
    'p: 2 of 4 runs failed: they diverged, ended at chance, or ended with an error.' 'td: diverged: seed 1 (step 2)'
grep -qE '^p: Training: 4/6 done, 2 running, 2 failed  [0-9:]+(, about [0-9:]+ left)?\.$' text || fail "where it stands: $(cat text)"
grep -q '^h2: Answer' text && fail "an answer before the end"

# Stopped, it loads itself no more, and says what is missing.
interrupt
look page.html 'reload None' 'p: Stopped: 4 of 6 trials are done; the same command goes on.' 'h2: Answer'
grep -q '^p: INCOMPLETE: trials missing: 2 of 6' text || fail "what is missing: $(cat text)"

# It replaces its own page. At the end it has the answer that the command prints.
"$NORMLAB_PROGRAM" sweep short.yaml --no-plot --live page.html --out done >answer 2>log
look page.html 'reload None' 'p: Done: 6 trials.' "p: $(head -n 1 answer)" 'lines 2 6' 'p: None of 6 runs failed.'
grep -q missing text && fail "something is missing"

# The curves are those of curves.csv: the mean of the last evaluation is as high in the picture as the tables say.
python3 - <<'PYTHON'
import csv, math, statistics
import xml.etree.ElementTree as tree
svg = next(e for e in tree.parse("page.html").getroot().iter("svg"))
inner = svg.find("svg")
means = [[tuple(map(float, p.split(","))) for p in e.get("points").split()]
         for e in inner.iter("polyline") if e.get("stroke-width") == "2.2"]
# A grid line stands at the number that is written beside it; the axis may be logarithmic.
lines = [float(e.get("y1")) - float(inner.get("y")) for e in svg.findall("line") if e.get("stroke") == "#e2e2e2"]
numbers = [float(e.text) for e in svg.findall("text") if e.get("text-anchor") == "end"]
part = lambda at: [(v - at[0]) / (at[-1] - at[0]) for v in at]
errors = {f: max(abs(a - b) for a, b in zip(part(lines), part([f(n) for n in numbers]), strict=True))
          for f in (float, math.log) if f is float or min(numbers) > 0}
scale = min(errors, key=errors.get)
assert len(lines) > 2 and errors[scale] < 0.01, (lines, numbers)
def value(y):
    first, last = scale(numbers[0]), scale(numbers[-1])
    at = first + (y - lines[0]) / (lines[-1] - lines[0]) * (last - first)
    return at if scale is float else math.exp(at)
rows = [r for r in csv.DictReader(open("done/curves.csv")) if r["split"] == "test"]
trials = {r["trial"]: r["norm.kind"] for r in csv.DictReader(open("done/trials.csv"))}
for kind, points in zip(("bn", "ln"), means, strict=True):
    steps = sorted({int(r["step"]) for r in rows})
    assert len(points) == len(steps), (points, steps)
    for step, (x, y) in zip(steps, points):
        error = {r["trial"]: 100 * (1 - float(r["accuracy"]))
                 for r in rows if int(r["step"]) == step and trials[r["trial"]] == kind}
        assert len(error) == 3 and abs(value(y) - statistics.mean(error.values())) < 0.1, (kind, step, value(y), error)
PYTHON

# Titles of panels that stand side by side do not reach into one another, and a panel without a line says so.
cat >panels.yaml <<'YAML'
data: {train: 64, val: 0, test: 64}
model: {depth: 1, width: 8}
train: {steps: 4, eval_every: 2}
sweep: {grid: {norm.kind: [bn, ln], norm.placement: [before, after], train.batch: [16, 32], train.lr: [0.1, 1.0, 1000000]}}
YAML
"$NORMLAB_PROGRAM" sweep panels.yaml --no-plot --no-warnings -q --live panels.html --out panels >/dev/null
look panels.html 'reload None' 'text: no values'
python3 - <<'PYTHON'
import xml.etree.ElementTree as tree
svg = next(e for e in tree.parse("panels.html").getroot().iter("svg"))
titles = [(float(e.get("y")), float(e.get("x")), e.text) for e in svg.findall("text") if e.text.startswith("placement")]
rows = {y: sorted((x, text) for at, x, text in titles if at == y) for y, _, _ in titles}
assert len(titles) == 12 and max(map(len, rows.values())) > 1, titles
for row in rows.values():
    for (x, text), (other, _) in zip(row, row[1:]):
        assert other - x > 6 * len(text), (x, other, text)  # of 12 units, a letter is about half as wide
PYTHON

# A shard's page is of its own part; a sweep in rounds says which one, and has both answers at the end.
"$NORMLAB_PROGRAM" sweep short.yaml --no-plot -q --shard 1/2 --live part.html --out p
look part.html 'reload None' 'p: Done: this part of the sweep, 3 of 6 trials.'
cat >rounds.yaml <<'YAML'
data: {train: 256, val: 64, test: 64}
model: {depth: 4, width: 16}
train: {steps: 20, eval_every: 10}
sweep: {grid: {norm.kind: [bn, none]}, seeds: 2, tune: {train.lr: [0.01, 1], by: val_loss, seeds: 2}}
YAML
"$NORMLAB_PROGRAM" sweep rounds.yaml --no-plot --live rounds.html --out rounds >answer 2>log
look rounds.html 'reload None' 'h1: rounds' 'li: Round 3, the same values for all.' 'li: Results folder: rounds/same' "p: $(head -n 1 answer)" \
    'h2: Answer with the values of each point' 'h2: Answer with the same values for all'

# A page that cannot be written any more is said once, and the sweep goes on.
mkdir gone
"$NORMLAB_PROGRAM" sweep endless.yaml --no-plot -j 3 --live gone/page.html --out q 2>log >/dev/null &
process=$!
until [ -e gone/page.html ]; do hold; done
rm -r gone
until grep -q '^warning: --live: ' log; do hold; done
interrupt
[ "$(grep -c -- --live: log)" -eq 1 ] || fail "$(cat log)"
[ "$(find q/trials -name '*.trial' | wc -l)" -eq 4 ] || fail "trials were lost"
