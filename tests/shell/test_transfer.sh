#!/usr/bin/env bash
# Fine-tuning and averages of weights as their user sees them: axes of one sweep from one pre-training, a head for other classes, other normalizers, what is
# refused and what is said. NORMLAB_PROGRAM names the program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "$*" >&2
    exit 1
}
normlab() { "$NORMLAB_PROGRAM" "$@"; }
says() { grep -qF -- "$1" log || { cat log >&2; fail "not said: $1"; }; }
refused() { # TEXT COMMAND
    local text=$1 code=0
    shift
    normlab "$@" >log 2>&1 || code=$?
    [ $code -eq 2 ] || { cat log >&2; fail "exit code $code: $*"; }
    says "$text"
}
column() { # FILE NAME; a list in quotes is one field
    sed -E 's/"([^"]|"")*"/LIST/g' "$1" | awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print at ? $at : "none" }'
}

cat >first.yaml <<'YAML'
model: {depth: 2, width: 16}
train: {epochs: 3, momentum: 0.9}
YAML
normlab run first.yaml --quiet --out first --save-final first.safetensors >/dev/null 2>&1

# Statistics kept, frozen and reset, of all of the network or of parts of it, from one pre-training. With a rate of 0 nothing is learned: the frozen network
# scores what the file does, and the one whose statistics are reset something else.
cat >tune.yaml <<'YAML'
model: {depth: 2, width: 16, load: first.safetensors}
train: {steps: 8, batch: 16, lr: 0}
sweep:
  grid: {train.only: [[], [head], [head, '*norm*']]}
  zip: {model.load_statistics: [keep, keep, reset], norm.freeze: [1, 0, 1]}
YAML
normlab sweep tune.yaml --no-plot --out tune >/dev/null 2>log
[ "$(tail -n +2 tune/trials.csv | wc -l)" -eq 9 ] || fail "not nine trials"
head -n 1 tune/trials.csv | grep -q '^trial,train.only,model.load_statistics,norm.freeze,'
grep -q '"\[head, ""\*norm\*""\]",keep,0' tune/trials.csv || fail "the parts are not named: $(cut -c -40 tune/trials.csv)"
normlab sweep tune.yaml --no-plot --out again >/dev/null 2>log
cmp tune/trials.csv again/trials.csv
[ "$(ls tune/trials)" = "$(ls again/trials)" ]
loss=$(column first/trials.csv test_loss)
column tune/trials.csv test_loss | sort | uniq -c | sort -rn >losses
[ "$(awk -v loss="$loss" '$2 == loss { print $1 }' losses)" = 3 ] || { cat losses; fail "frozen networks do not score $loss"; }
[ "$(wc -l <losses)" -eq 3 ] || { cat losses; fail "kept, frozen and reset statistics do not differ"; }

# Parts of the network alone train.
cat >one.yaml <<'YAML'
model: {depth: 2, width: 16, load: first.safetensors}
train: {steps: 8, batch: 16}
YAML
normlab run one.yaml train.lr=0.1 train.only=[head] norm.freeze=0 --out head --save-final head.safetensors >/dev/null 2>log
normlab run one.yaml train.lr=0.1 train.only=[head] norm.freeze=0 --out more --save-ema x >log 2>&1 && fail "an average that is not taken is saved"
says "'--save-ema' has nothing to write: 'train.ema' asks for no average of the weights"
refused "did you mean 'norm1', 'norm2'" run one.yaml 'train.only=[norn]' --out no
says "'train.only' has 'norn', and no parameter of the network has such a name"
refused "'norm.freeze' 0 holds the statistics of 'model.load', and 'model.load_statistics' reset throws them away" \
    run one.yaml train.only=[head] norm.freeze=0 model.load_statistics=reset --out no
normlab run first.yaml 'train.only=[head]' --out random >/dev/null 2>log
says "train.only leaves 89 % of the parameters as they were drawn: no file is loaded"
normlab run one.yaml 'train.only=[*]' --out all >/dev/null 2>log
says "train.only names every parameter of the network"

# Data with three classes, a table of the same 64 inputs.
awk 'BEGIN { srand(5); for (c = 0; c < 64; c++) printf "x%d,", c; print "class"
    for (i = 0; i < 120; i++) { k = i % 3; for (c = 0; c < 64; c++) printf "%.4f,", (c % 3 == k) + rand(); print "abc" substr("xyz", k + 1, 1) } }' >own.csv
set -- train.only=[head] data.name=csv data.file=own.csv train.lr=0.1 train.steps=60
refused "does not fit the network: 'head.weight' is (10, 16), expected (3, 16)" run one.yaml "$@" --out no
normlab run one.yaml "$@" model.load_head=replace --out own --save-final own.safetensors >/dev/null 2>log
says "the last layer: 2 tensors begun anew"
normlab eval own.safetensors --stats running --format csv >log 2>&1
awk -F, 'NR == 2 && !($8 < 0.3) { exit 1 }' log || { cat log; fail "a new head for three classes learns nothing"; }

# Another normalizer: what is taken and what is not; and that there is nothing to replace.
refused "does not fit the network" run one.yaml norm.kind=gn --out no
normlab run one.yaml norm.kind=gn model.load_norm=replace --out gn >/dev/null 2>log
says "'first.safetensors' with norm.kind gn: gamma and beta: 4 tensors taken from the file; biases of layers: 2 tensors begun anew; 6 tensors of the file are left out"
normlab run one.yaml model.load_norm=replace --out bn >/dev/null 2>log
says "model.load_norm: replace has nothing to replace"
normlab run one.yaml norm.kind=gn model.load_norm=replace --quiet --out gn2 --save-final gn.safetensors >/dev/null 2>&1
normlab run first.yaml norm.freeze=0 model.load=gn.safetensors model.load_norm=replace --out frozen >/dev/null 2>log
says "norm.freeze: 0 holds statistics that the file does not have: they stay mean 0 and variance 1"

# Samples of the test part that the file's network has seen.
normlab run one.yaml train.seed=2 --out seen >/dev/null 2>log
says "the network of model.load was trained where the split's seed was 1: here, with 2, it is tested with samples that it has seen"
normlab run one.yaml train.seed=2 data.split_seed=1 --out unseen >/dev/null 2>log
if grep -q 'that it has seen' log; then fail "the split is the file's"; fi

# Averages: columns and rows of their own, beside a training whose own rows are the same; identities of trainings without them stay.
normlab run first.yaml --out plain >/dev/null 2>&1
normlab run first.yaml train.ema=0.9 train.swa_start=0.5 train.average_statistics=precise --out averaged --save-ema ema.safetensors --save-swa swa.safetensors \
    >out 2>log
grep -q '^test   ema ' out || fail "no score of the ema"
grep -q '^test   swa ' out || fail "no score of swa"
cut -d , -f 2- plain/curves.csv >a
grep -vE ',(ema|swa),' averaged/curves.csv | cut -d , -f 2- >b
cmp a b
[ "$(column averaged/trials.csv test_error_ema)" != none ]
[ "$(column plain/trials.csv test_error_ema)" = none ]
[ "$(grep -c ,ema, averaged/curves.csv)" -eq 4 ] || fail "an ema is scored at three evaluations, and on the training part at the end"
[ "$(grep -c ,swa, averaged/curves.csv)" -eq 3 ] || fail "swa begins after half of the training"
normlab eval ema.safetensors --stats precise --format csv >log 2>&1
[ "$(tail -n 1 log | cut -d , -f 6)" = "$(column averaged/trials.csv test_loss_ema)" ] || { cat log; fail "the saved ema does not score $(column averaged/trials.csv test_loss_ema)"; }
refused "'train.swa_start' 0.9 averages nothing: its first weights would be those after update 200, and the training has 132" \
    run first.yaml train.swa_start=0.9 train.swa_every=100 --out no
normlab run first.yaml train.ema=0.999 --out slow >/dev/null 2>log
says "88 % of the average is still the weights after the first: 0.999^131"
normlab run first.yaml train.lr=1e5 train.swa_start=0.9 train.swa_every=10 --out lost --save-swa lost.safetensors >/dev/null 2>log
says "'lost.safetensors' was not written: the training ended after 2 steps, and swa begins after update 120"
[ ! -e lost.safetensors ]

# A target is reached by the training's own scores, and not by those of an average beside it.
for ema in 0 0.9; do
    normlab sweep first.yaml norm.kind=ln,none sweep.seeds=3 sweep.question=speed sweep.baseline=norm.kind=none plot.metric=test_loss plot.target=0.9 train.lr=0.15 \
        train.batch=8 train.momentum=0.5 train.eval_every=5 train.ema=$ema --no-plot --quiet --out speed$ema >"answer$ema" 2>&1
    [ "$ema" = 0 ] || grep -qF "test_loss_ema" speed$ema/trials.csv
done
sed 's/speed0.9/speed0/' answer0.9 | cmp - answer0

echo "kept, reset, frozen and replaced; averaged beside the training"
