#!/usr/bin/env bash
# normlab signal: a sweep of untrained networks, its tables, its pictures, and its answer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "$*" >&2
    exit 1
}
signal() { "$NORMLAB_PROGRAM" signal "$NORMLAB_ROOT/configs/mlp_digits.yaml" model.width=32 train.batch=32 "$@" 2>log; }

signal model.depth=8 norm.kind=none,bn --out small >answer
[ "$(ls small/plots/*.png | wc -l)" -eq 4 ]
for part in variance cosine gradient jacobian; do
  grep -q "At initialization" "small/plots/signal_$part.txt" || fail "the caption of signal_$part"
done
grep -q '^Signals over 9 layers, from fc1 to head, at initialization: means of 5 seeds.$' answer
[ "$(grep -c '^    a layer ' answer)" -eq 4 ]
grep -q 'Test error' answer && fail "the error of untrained networks"
[ ! -s log ] || ! grep -q warning log || fail "a warning"

# Batch normalization with ReLU multiplies squared singular values by pi / (pi - 1) = 1.47 a layer (Yang et al. 2019), in
# large batches of wide layers; without a normalizer He's initialization keeps them.
change() { awk '/^  Mean squared singular/ { on = 1 } on && /a layer/ { print $'"$1"' + 0 }' answer; } # "0.97x (0.9 to 1.1)": 3, 7
awk -v none="$(change 3)" -v bn="$(change 7)" 'BEGIN { exit !(none > 0.75 && none < 1.25 && bn > 1.3 && bn < 1.8) }' ||
  fail "changes a layer: $(change 3), $(change 7)"

# The means over seeds of the logarithm of the change, and Student's interval (4 degrees of freedom), from metrics.csv.
python3 - answer <<'PYTHON'
import csv, math, re, statistics, sys
values = {}
for row in csv.DictReader(open("small/metrics.csv")):
    if row["tensor"] in ("jacobian:fc1", "jacobian:fc8") and row["quantity"] == "singular":
        values[row["norm.kind"], row["train.seed"], row["tensor"]] = float(row["value"])
answer = re.findall(r"a layer +(.*)", open(sys.argv[1]).read())[3]
found = [[float(x) for x in re.findall(r"[0-9.]+", text)] for text in re.findall(r"[0-9.]+x \(.*?\)", answer)]
for kind, (mean, low, high) in zip(("none", "bn"), found, strict=True):
    logs = [math.log(values[kind, s, "jacobian:fc8"] / values[kind, s, "jacobian:fc1"]) / 7 for s in "12345"]
    half = 2.7764451 * statistics.stdev(logs) / math.sqrt(5)
    for got, want in zip((mean, low, high), (0, -half, half)):
        want = math.exp(statistics.mean(logs) + want)
        assert abs(got - want) <= 0.005 * want, (kind, got, want)
PYTHON

# It is a sweep with these keys, and its results are those of one.
"$NORMLAB_PROGRAM" sweep --no-reuse "$NORMLAB_ROOT/configs/mlp_digits.yaml" model.width=32 train.batch=32 model.depth=8 norm.kind=none,bn sweep.seeds=5 \
  train.steps=0 log.layers=distributions,representations,propagation sweep.question=signal plot.kind=signal --no-plot --out swept >other 2>log
cmp small/metrics.csv swept/metrics.csv
cmp <(sed '/^plot: /d; s/small/swept/' answer) other
"$NORMLAB_PROGRAM" table small >again
cmp <(sed '/^tables: /,$d' answer | sed '$d') again

# What the user says comes last; rounds are left out; one seed has no interval.
cat >tuned.yaml <<YAML
base: $NORMLAB_ROOT/configs/mlp_digits.yaml
data: {val: 128}
model: {depth: 4, width: 8}
sweep: {grid: {norm.kind: [bn]}, seeds: 1, tune: {train.lr: [0.1, 0.2], by: val_loss, seeds: 2}}
YAML
"$NORMLAB_PROGRAM" signal tuned.yaml train.steps=3 --no-plot --out one >answer 2>log
grep -q 'at the last step of each run: means of 1 seed.$' answer
grep -q ' to ' <(sed '1d; /^tables/,$d; /from the first/d' answer) && fail "an interval of one seed"

# Tokens have no derivative: what they are embedded as has. Loops show nothing inside them.
"$NORMLAB_PROGRAM" run "$NORMLAB_ROOT/configs/vit_digits.yaml" train.steps=0 log.layers=representations,propagation --out vit >/dev/null 2>log
grep -q ',tokens:.*,mean,' vit/metrics.csv
cat >sequence.yaml <<'YAML'
data: {name: parity, length: 6}
model: {arch: transformer, depth: 1, width: 8}
train: {steps: 0}
log: {layers: [representations, propagation]}
YAML
"$NORMLAB_PROGRAM" run sequence.yaml --out gpt >/dev/null 2>log
grep -q ',jacobian:transformer.wpe,singular,1$' gpt/metrics.csv
"$NORMLAB_PROGRAM" run sequence.yaml model.arch=lstm --out lstm >/dev/null 2>log
grep -q ',jacobian:head,singular,' lstm/metrics.csv

code=0
"$NORMLAB_PROGRAM" signal 2>log || code=$?
[ "$code" -eq 2 ] || fail "without a file: exit code $code"
grep -q 'signal needs a file' log
