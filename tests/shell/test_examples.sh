#!/usr/bin/env bash
# Every example in a help text is tried, as it stands there, in a folder that has what it names: small results, a trained network, arrays. So are the
# values that `normlab keys` shows: lists and texts of keys on the command line and in a file, and what stands under sweep and claim.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}

folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p bin share/normlab stage/home

# ---- what came with the program, trained for a moment; and programs that an example calls and a machine may lack ----
ln "$program" bin/normlab 2>/dev/null || cp "$program" bin/normlab
cp -r "$root/configs" "$root/experiments" share/normlab/
shorten() { # file, keys
    mv "share/normlab/$1" "share/normlab/$1.whole"
    printf 'base: %s.whole\n%s\n' "${1##*/}" "$2" >"share/normlab/$1"
}
shorten configs/gpt_shakespeare.yaml 'train: {steps: 2, eval_every: 2, batch: 2}
data: {train: 64, test: 16, val: 0}'
shorten configs/mlp_digits.yaml 'train: {epochs: 1}'
shorten experiments/small_batch.yaml 'train: {epochs: 1}'
shorten experiments/lr_tolerance.yaml 'train: {steps: 4}'
shorten experiments/claims/b_small_batch.yaml 'data: {train: 128, test: 64, val: 0}'
cat >bin/gnuplot <<'END_OF_GNUPLOT'
#!/bin/sh
case "$*" in
    *svg*) echo '<svg></svg>' ;;
    *png*) printf 'PNG\0\0\0\0IEND\256\102\140\202' ;;
    *pdf*) echo '%%EOF' ;;
    *) echo picture ;;
esac
END_OF_GNUPLOT
printf '#!/bin/sh\ncat >/dev/null; echo 7\n' >bin/sbatch
printf '#!/bin/sh\nexit 1\n' >bin/squeue
printf '#!/bin/sh\nexec cat\n' >bin/less
printf '#!/bin/sh\nexec "$@"\n' >bin/watch
printf '#!/bin/sh\nfor last; do :; done; exec test -s "$last"\n' | tee bin/man >bin/pdflatex
chmod +x bin/*
export PATH=$folder/bin:$PATH HOME=$folder/stage/home NORMLAB_NO_WARNINGS=1
unset NORMLAB_DATA XDG_DATA_HOME

# ---- what the examples name ----
cd stage
cp -r ../share/normlab/configs ../share/normlab/experiments .
mkdir results; cp "$root/results/README.md" results/
prepare() {
    "$@" >>../log 2>&1 || { echo "$*"; cat ../log; exit 1; }
}
prepare normlab sweep small_batch --no-plot -q -j 2
for shard in 1 2 3; do prepare normlab sweep small_batch --no-plot -q --shard $shard/3; done
prepare normlab sweep lr_tolerance --no-plot -q
prepare normlab sweep mlp_digits norm.kind=bn,none train.batch=16,32 sweep.seeds=2 --no-plot -q --out results/mine
prepare normlab sweep gradients_depth sweep.seeds=2 train.steps=10 --no-plot -q
for day in monday tuesday; do prepare normlab run mlp_digits -q --out results/$day; done
for where in here:1 there:2; do prepare normlab sweep lr_tolerance --shard ${where#*:}/2 --no-plot -q --out ${where%:*}/lr_tolerance; done
prepare normlab run mlp_digits -q --out results/a_model --save-final model.safetensors
prepare normlab norm ln --values 2,4,8,10 --out arrays
cp arrays/y.npy x.npy; cp arrays/y.npy dy.npy
echo '{method: grid, parameters: {lr: {values: [0.1, 0.01]}}}' >sweep.yaml
echo norm,seed,rng,acc >runs.csv
for norm in bn none; do
    for seed in 1 2 3 4 5; do
        echo "$norm,$seed,$seed,0.$((90 + seed))" >>runs.csv
        mkdir -p logs/$norm/seed_$seed; printf 'epoch,val_acc\n1,0.5\n2,0.%s\n' $((60 + seed)) >logs/$norm/seed_$seed/metrics.csv
    done
done
prepare normlab claims run r_spectral_normalization --quick
cd ..

# ---- the examples; some cannot be tried here ----
left_out() { # example: why
    case $1 in
        *"data fetch"*) echo "it uses the network" ;;
        *"claims run --quick"*) echo "it takes a quarter of an hour" ;;
        *small_batch_cifar10*) echo "it needs CIFAR-10" ;;
        *" power "*--effect*) [ -z "${NORMLAB_ALL:-}" ] && echo "the one before it simulates as long" ;;
        *) return 1 ;;
    esac
}
tried=0
try() { # example
    local why code=0
    if why=$(left_out "$1"); then echo "not tried, since $why: $1"; return 0; fi
    local began=$SECONDS
    (cd work && bash -o pipefail -c "$1") >log 2>&1 </dev/null || code=$?
    [ $((SECONDS - began)) -lt 2 ] || echo "$((SECONDS - began)) s $1"
    [ $code -eq 0 ] || { [[ $1 == "normlab diff "* ]] && [ $code -eq 1 ]; } || { cat log; echo "exit $code: $1"; exit 1; }
    tried=$((tried + 1))
}
commands=$(normlab help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p')
for command in $commands manual complete; do
    case $command in help | version) continue ;; esac
    examples=$(normlab help "$command" | sed -n '/^examples:/,/^$/s/^  //p')
    [ -n "$examples" ] || { echo "normlab help $command has no example"; exit 1; }
    rm -rf work; cp -r stage work
    # The examples of one command follow one another: what one makes, the next takes.
    while read -r example; do try "$example"; done <<<"$examples"
done

# ---- what `normlab keys` shows, and the other words of help ----
shows() { normlab show "$@" >log 2>&1 || { cat log; echo "normlab keys shows what is refused: $*"; exit 1; }; }
values=0
# Lists in brackets, of keys that are lists; texts in quotes with '=', of the others: on the command line and in a file.
while IFS=$'\t' read -r key value; do
    shows "$key=$value" norm.kind=bn,gn,none # which labels and colours name
    case $value in \[*) ;; *) value="\"$value\"" ;; esac
    printf '%s: %s\nsweep: {grid: {norm.kind: [bn, gn, none]}}\n' "$key" "$value" >one.yaml
    shows one.yaml
    values=$((values + 1))
done < <(python3 - "$program" <<'END_OF_PYTHON'
import re, subprocess, sys

def brackets(text):  # "[a, [b]]" and the like, outermost
    depth, start, found = 0, 0, []
    for i, c in enumerate(text):
        if c == "[":
            start = i if depth == 0 else start
            depth += 1
        elif c == "]" and depth:
            depth -= 1
            if depth == 0:
                found.append(text[start : i + 1])
    return found

def explained(*words):
    return subprocess.run([sys.argv[1], "keys", *words], capture_output=True, text=True, check=True).stdout

sections = re.findall(r"^[a-z]+(?=  )", explained(), re.M)
for block in "\n".join(explained(section) for section in sections).split("\n\n"):
    name, form, help_ = block.split("\n")[:3]
    if name.startswith(("sweep.", "claim.")):
        continue
    is_list = "list of" in form
    for value in brackets(form) + brackets(help_) if is_list else re.findall(r"'([^' ]+=[^']*)'", help_):
        if "..." not in value and (value.startswith("[{") or not name.endswith("layers")):
            print(name, value if "classes" in value or not name.endswith("layers") else value[:-1] + ", {linear: classes}]", sep="\t")
END_OF_PYTHON
)
[ $values -gt 12 ] || { echo "only $values values of keys"; exit 1; }
shows model.arch=layers 'model.layers=[{layers: [{conv: 4}, norm], name: stage1, norm: bn}, mean-pool, {linear: classes}]' model.layers.stage1.norm.kind=gn

# What may stand under sweep and claim: each form that begins with a bracket, in an experiment that has what it names.
fields=0
while read -r name && read -r form && read -r _; do
    case $form in [\[{]* | [0-9]*) ;; *) continue ;; esac
    sweep='grid: {norm.kind: [bn, ln, none], train.batch: [1, 2]}'
    claim='says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}]'
    case $name in
        sweep.grid) sweep="grid: $form" ;;
        sweep.zip) sweep="zip: $form" ;;
        sweep.refine) sweep="grid: {train.lr: [0.1, 1]}, refine: $form" ;;
        sweep.until) sweep="$sweep, seeds: 5, until: $form" ;;
        sweep.chosen) sweep="grid: {norm.kind: [bn]}, tune: {train.lr: [0.1, 1]}, chosen: $form" ;;
        sweep.same) sweep="grid: {norm.kind: [bn]}, tune: {train.lr: [0.1, 1]}, same: $form" ;;
        sweep.*) sweep="$sweep, ${name#sweep.}: $form" ;;
        claim.measure) sweep='grid: {norm.kind: [bn, ln], train.lr: [0.1, 1]}' claim="${claim/measure: \{metric: test_accuracy\}/measure: $form}" ;;
        claim.parts) claim="${claim%parts:*}parts: $form" ;;
        claim.*) claim="$claim, ${name#claim.}: $form" ;;
    esac
    [[ $name != claim.* ]] || sweep=${sweep/, train.batch: \[1, 2\]/}
    printf 'data: {val: 64}\nsweep: {%s}\n' "$sweep" >one.yaml
    [[ $name == sweep.* ]] || printf 'claim: {%s}\n' "$claim" >>one.yaml
    normlab check one.yaml >log 2>&1 || { cat one.yaml log; echo "normlab keys $name shows what is refused"; exit 1; }
    fields=$((fields + 1))
done < <(for section in sweep claim; do normlab keys $section | sed '/^$/d'; done)
[ $fields -gt 12 ] || { echo "only $fields fields"; exit 1; }

for word in $(normlab keys norm.eval | sed -n 's/^ *list of \(.*\); default.*/\1/p' | tr -d ,); do
    normlab help eval | grep -- '--stats' | grep -qw "$word" || { echo "normlab help eval does not know $word"; exit 1; }
done
echo "$tried examples, $values values of keys and $fields fields are taken as they are shown"
