#!/usr/bin/env bash
# metrics.csv: what log.tensors asks for, and that a finished trial which lacks it runs again, says so, and loses nothing. NORMLAB_PROGRAM names the
# program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >e.yaml <<'YAML'
data: {train: 128, test: 60}
model: {depth: 2, width: 8}
train: {batch: 16, epochs: 2, lr: 0.1, log_every: 5}
sweep: {grid: {norm.kind: [bn, none]}, seeds: 2}
YAML

fail() {
    echo "$*" >&2
    exit 1
}
sweep() { "$NORMLAB_PROGRAM" sweep --no-reuse e.yaml --no-plot -j 2 "$@" 2>log >/dev/null; }
says() { grep -qF -- "$1" log || { cat log >&2; fail "not said: $1"; }; }

# Without it there is no such table; and its trials are the same ones.
sweep --out plain
[ ! -e plain/metrics.csv ] || fail "a table that nobody asked for"
sweep --out one 'log.tensors=norm1,grad:fc?.weight'
sweep --out listed 'log.tensors=[norm1, "grad:fc?.weight"]'
cmp one/metrics.csv listed/metrics.csv
cmp plain/trials.csv one/trials.csv
cmp plain/curves.csv one/curves.csv
[ "$(cd plain/trials && ls)" = "$(cd one/trials && ls)" ]
head -n 1 one/metrics.csv | grep -qx 'trial,norm.kind,train.seed,step,tensor,quantity,value'
# 16 steps, logged at 5, 10, 15 and the last; two gradients, and with bn a normalizer; ten quantities of all tensors
[ "$(wc -l <one/metrics.csv)" -eq $((1 + 10 * 4 * (2 * 3 + 2 * 2))) ] || fail "$(wc -l <one/metrics.csv) lines"
[ "$(cut -d , -f 4 one/metrics.csv | sort -nu | tr '\n' ' ')" = "step 5 10 15 16 " ]
"$NORMLAB_PROGRAM" verify one | grep -q '5 tables.*good'
(cd one && sha256sum --quiet -c SHA256SUMS)
printf x >>one/metrics.csv
"$NORMLAB_PROGRAM" verify one >log 2>&1 && fail "a damaged table is good"
says "metrics.csv' does not match its checksum"

# A measurement that a finished trial lacks; those that are there already are not made again.
sweep --out one log.tensors=norm1,grad:fc?.weight
says "4 of 4 trials are done already"
sweep --out one 'log.tensors=grad:fc1.weight,update:*'
says "4 finished trials lack what is to be observed and are run again"
cmp plain/trials.csv one/trials.csv
sweep --out both log.tensors=norm1,grad:fc?.weight,update:*
sweep --out one log.tensors=norm1,grad:fc?.weight,update:*
says "4 of 4 trials are done already"
cmp one/metrics.csv both/metrics.csv
sweep --out plain log.tensors=norm1
says "2 finished trials lack what is to be observed and are run again"

# At steps of its own: the curves stay the same, and what was seen at others is not what is asked for.
sweep --out often log.tensors=norm1,update:fc1.weight log.every=3
cmp plain/trials.csv often/trials.csv
cmp plain/curves.csv often/curves.csv
[ "$(cut -d , -f 4 often/metrics.csv | sort -nu | tr '\n' ' ')" = "step 3 6 9 12 15 16 " ]
[ "$(cut -d , -f 6 often/metrics.csv | sort -u | tr '\n' ' ')" = "effective kurtosis least max mean most norm quantity range ratio rotation std variance zeros " ]
[ -z "$(awk -F, '$6 ~ /^(ratio|rotation)$/ && $5 !~ /^update:/' often/metrics.csv)" ] || fail "a tensor that does not change has a rotation"
sweep --out often log.tensors=norm1,update:fc1.weight log.every=3
says "4 of 4 trials are done already"
sweep --out often log.tensors=norm1,update:fc1.weight log.every=8
says "4 finished trials lack what is to be observed and are run again"
[ "$(cut -d , -f 4 often/metrics.csv | sort -nu | tr '\n' ' ')" = "step 8 16 " ]

# Passes beside the step have a schedule of their own.
sweep --out rarely log.tensors=norm1,slice:0.0,turn:fc1.weight log.every=3 log.passes_every=7
cmp plain/trials.csv rarely/trials.csv
cmp plain/curves.csv rarely/curves.csv
[ "$(grep norm1 rarely/metrics.csv | cut -d , -f 4 | sort -nu | tr '\n' ' ')" = "3 6 9 12 15 16 " ]
[ "$(grep turn: rarely/metrics.csv | cut -d , -f 4 | sort -nu | tr '\n' ' ')" = "3 6 9 12 15 16 " ]
[ "$(grep slice: rarely/metrics.csv | cut -d , -f 4 | sort -nu | tr '\n' ' ')" = "7 14 16 " ]
sweep --out rarely log.tensors=norm1,slice:0.0,turn:fc1.weight log.every=3 log.passes_every=7
says "4 of 4 trials are done already"
sweep --out rarely log.tensors=norm1,slice:0.0,turn:fc1.weight log.every=3 log.passes_every=5
says "4 finished trials lack what is to be observed and are run again"

# A way leads to a network that was saved; without one it leads nowhere.
"$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 train.seed=9 --out other --save-final other.safetensors >log 2>&1
"$NORMLAB_PROGRAM" check e.yaml norm.kind=bn log.layers=ways >log 2>&1 && fail "a way that leads nowhere"
says "'log.toward' names no file"
"$NORMLAB_PROGRAM" check e.yaml norm.kind=bn log.layers=ways log.toward=other.safetensors model.width=12 >log 2>&1 && fail "a way to a network of another size"
says "does not fit the network"
"$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 train.seed=9 model.load=other.safetensors train.steps=0 log.layers=ways log.toward=other.safetensors --out way >log 2>&1
[ "$(grep -c between: way/metrics.csv)" -gt 21 ]
[ "$(grep ',mean,' way/metrics.csv | cut -d , -f 6 | sort -u | wc -l)" -eq 1 ] || fail "on the way to itself the loss stays"

# A trial that diverged has seen what there was to see, whether in a step that is observed or between two.
for every in 1 3 100; do
    sweep --out lost$every norm.kind=none train.lr=1e4 log.tensors=fc1 log.every=$every
    grep -q diverged lost$every/trials.csv
    sweep --out lost$every norm.kind=none train.lr=1e4 log.tensors=fc1 log.every=$every
    says "2 of 2 trials are done already"
done

# By groups, alone and beside a tensor that none of them has.
sweep --out layers log.layers=gradients,normalizers
[ "$(cut -d , -f 5 layers/metrics.csv | sort -u | tr '\n' ' ')" = "grad:fc1.weight grad:fc2.weight grad:head.weight norm1.bias norm1.running_mean norm1.running_var norm1.weight norm2.bias norm2.running_mean norm2.running_var norm2.weight tensor " ]
cmp plain/trials.csv layers/trials.csv
sweep --out layers log.layers=gradients log.tensors=fc1
says "4 finished trials lack what is to be observed and are run again"
[ "$(cut -d , -f 5 layers/metrics.csv | sort -u | tr '\n' ' ')" = "fc1 grad:fc1.weight grad:fc2.weight grad:head.weight tensor " ]
sweep --out layers log.layers=normalizers
says "4 of 4 trials are done already"
[ "$(cut -d , -f 5 layers/metrics.csv | sort -u | tr '\n' ' ')" = "norm1.bias norm1.running_mean norm1.running_var norm1.weight norm2.bias norm2.running_mean norm2.running_var norm2.weight tensor " ]

# Passes beside the steps leave the training as it is, one by one and together; and what they see does not depend on who trains beside.
for optimizer in sgd adam; do
    sweep --out plain-$optimizer train.optimizer=$optimizer
    sweep --out aside-$optimizer train.optimizer=$optimizer log.layers=shift,landscape,curvature,slices,planes,turns,distributions,representations,propagation
    cmp plain-$optimizer/trials.csv aside-$optimizer/trials.csv
    cmp plain-$optimizer/curves.csv aside-$optimizer/curves.csv
    sweep --out together-$optimizer train.optimizer=$optimizer log.layers=shift,landscape,curvature,slices,planes,turns,distributions,representations,propagation --cohort 2
    cmp aside-$optimizer/metrics.csv together-$optimizer/metrics.csv
done
[ "$(cut -d , -f 5 aside-sgd/metrics.csv | grep -E '^(tensor|along|hessian|shift)' | sort -u | tr '\n' ' ')" = "along:gradient along:loss along:smoothness hessian:eigenvalues hessian:trace shift:fc2.weight shift:head.weight tensor " ]
grep -q ',shift:fc2.weight,rotation,0\.' aside-sgd/metrics.csv

# Where a gradient takes for constants what parameters change, there is no Hessian.
for key in norm.kind=brn norm.kind=cbn norm.kind=mabn norm.detach=scale "norm.kind=ln norm.weights=sn"; do
    "$NORMLAB_PROGRAM" check e.yaml norm.kind=bn $key log.layers=curvature >log 2>&1 && fail "$key has a Hessian"
    says "'log.layers' cannot show the Hessian with "
done

# results/README.md knows all quantities.
"$NORMLAB_PROGRAM" keys quantity | sed -n 's/^quantity\.//p' >quantities
[ "$(wc -l <quantities)" -eq 21 ]
while read -r quantity; do grep -q "^| .quantity. .*.$quantity." "$NORMLAB_ROOT/results/README.md" || fail "results/README.md does not explain $quantity"; done <quantities

# A dry run counts what they take: most of the folder.
"$NORMLAB_PROGRAM" sweep --no-reuse e.yaml --out all 'log.tensors=*,grad:*,update:*' log.every=1 --dry-run >dry 2>/dev/null
sweep --out all 'log.tensors=*,grad:*,update:*' log.every=1
said=$(sed -n -E 's/^disk +about ([0-9.]+) (KiB|MiB).*/\1 \2/p' dry | awk '{ print int($1 * ($2 == "MiB" ? 1048576 : 1024)) }')
took=$(du -sb all | cut -f 1)
[ "$said" -gt $((took * 2 / 3)) ] && [ "$said" -lt $((took * 3 / 2)) ] || fail "a dry run says $said bytes, and it is $took"

# A training of no steps sees what the first step would see, and leaves the network as it was initialized.
for device in cpu ref; do
    for kind in bn ln; do
        start="norm.kind=$kind sweep.seeds=1 device.kind=$device log.layers=activations,gradients,updates,normalizers train.optimizer=adam"
        "$NORMLAB_PROGRAM" run e.yaml $start train.steps=0 --out start-$device-$kind --save-init init.safetensors --save-final final.safetensors >log 2>&1
        "$NORMLAB_PROGRAM" run e.yaml $start train.steps=1 log.every=1 --out first-$device-$kind >log 2>&1
        cmp init.safetensors final.safetensors
        for folder in start first; do
            sed -E 's/,[01],([a-z0-9:._]*,[a-z]*,[^,]*)$/,\1/; /running_/d' $folder-$device-$kind/metrics.csv >$folder.csv
        done
        [ "$(wc -l <start.csv)" -gt 80 ] || fail "a training of no steps saw $(wc -l <start.csv) numbers"
        diff start.csv first.csv >difference || { head -8 difference; fail "another first step"; }
    done
    grep -q ',0,norm1.running_var,mean,1$' start-$device-bn/metrics.csv
done
"$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 train.epochs=0 --out none >log 2>&1
grep -q ',done,,0,0,0,' none/trials.csv

# Nothing is asked for: the table goes, what was measured stays.
sweep --out one
[ ! -e one/metrics.csv ]
sweep --out one log.tensors=norm1,grad:fc?.weight,update:*
says "4 of 4 trials are done already"
cmp one/metrics.csv both/metrics.csv

# Folders that have measured different things are pooled.
sweep --out left log.tensors=norm1,update:*
sweep --out right log.tensors=grad:fc?.weight
"$NORMLAB_PROGRAM" merge left right --out pooled >/dev/null 2>&1
cp e.yaml pooled.yaml
"$NORMLAB_PROGRAM" sweep --no-reuse pooled.yaml --no-plot --out pooled log.tensors=norm1,grad:fc?.weight,update:* 2>log >/dev/null
says "4 of 4 trials are done already"
cmp pooled/metrics.csv both/metrics.csv

# A trial that cannot be run again keeps its result.
sweep --out single norm.kind=bn sweep.seeds=1
cp single/trials/*.trial kept
mkdir "$(echo single/trials/*.trial | sed 's/trial$/checkpoint/')"
code=0
sweep --out single norm.kind=bn sweep.seeds=1 log.tensors=fc1 --checkpoint-every 1epoch || code=$?
[ $code -eq 1 ] || fail "exit code $code"
says "cannot run trial 1 again: cannot open"
says "the result that it had stays"
cmp kept single/trials/*.trial

# A checkpoint in which a tensor was not observed is no beginning for one in which it is.
"$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 train.steps=10000000000 train.log_every=50 log.every=1000000 log.tensors=fc1 --out long --checkpoint a.checkpoint \
    --checkpoint-every 1epoch >log 2>&1 &
program=$!
until [ -e a.checkpoint ] || ! kill -0 $program 2>/dev/null; do sleep 0.01; done
kill -TERM $program
wait $program || true
"$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 train.steps=10000000000 train.log_every=50 log.every=1000000 log.tensors=fc2 --out other --checkpoint a.checkpoint \
    >log 2>&1 && fail "it goes on"
says "log.tensors is '[fc1]' there and '[fc2]' here"

# What is wrong is said where it stands.
printf 'log: {tensors: [norm1, "grad:fc1.wieght"]}\n' >>e.yaml
"$NORMLAB_PROGRAM" check e.yaml >log 2>&1 && fail "a tensor that is not there"
says "e.yaml:5:16: 'log.tensors' has 'grad:fc1.wieght', and no tensor has such a name"
says "did you mean 'grad:fc1.weight'?"
"$NORMLAB_PROGRAM" check e.yaml 'log.tensors=*norm1,fc*' >log 2>&1
says "ok: 4 trials, 5 to 6 tensors observed"
"$NORMLAB_PROGRAM" check e.yaml log.tensors=fc1 >log 2>&1
says "ok: 4 trials, 1 tensor observed"
"$NORMLAB_PROGRAM" check e.yaml norm.kind=none log.tensors=norm1 >log 2>&1 && fail "no normalizer has an output"
"$NORMLAB_PROGRAM" check e.yaml 'log.tensors=fc1,fc1' >log 2>&1 && fail "twice"
says "'log.tensors' has 'fc1' twice"
sed -i 's/^log.*/log: {tensors: [*.weight]}/' e.yaml
"$NORMLAB_PROGRAM" check e.yaml >log 2>&1 && fail "a star without quotes"
says "a text that begins with * needs quotes"
sed -i '/^log/d' e.yaml
sed -i 's/norm.kind: \[bn, none\]/log.tensors: [[fc1], [fc2]]/' e.yaml
"$NORMLAB_PROGRAM" check e.yaml >log 2>&1 && fail "no axis"
says "'log.tensors' cannot vary in a sweep: keys of 'log' change no trial"
echo "metrics.csv has what is asked for, and nothing is lost"
