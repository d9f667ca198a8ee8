#!/usr/bin/env bash
# Completion: what the program offers, and that bash, fish and zsh pass it on; and the manual pages, judged by mandoc. Every option that
# a command takes stands in its usage text, or neither would know it.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
folder=$(mktemp -d) prefix=$(mktemp -d)
trap 'rm -rf "$folder" "$prefix"' EXIT
checks=0

same() { # what, expected, found (words)
    checks=$((checks + 1))
    [ "$2" = "$3" ] || { printf '%s:\n  expected %s\n  found    %s\n' "$1" "$2" "$3"; exit 1; }
}

# As installed, with what may go by its name.
mkdir -p "$prefix/bin" "$prefix"/share/normlab/{experiments,configs}
touch "$prefix"/share/normlab/{experiments/grid,configs/net}.yaml
program=$prefix/bin/normlab
cp "${NORMLAB_PROGRAM:-$root/build/normlab}" "$program"

cd "$folder"
mkdir -p experiments sub results/done results/other
touch experiments/a.yaml experiments/b.yml experiments/notes.txt one.yaml two.safetensors results/done/experiment.yaml

# ---- the program: the words typed | what it offers ----
offers() { "$program" complete -- "$@" | cut -f 1 | tr '\n' ' '; }
while IFS='|' read -r typed expected; do
    IFS=, read -ra words <<<"${typed%% }"
    for i in "${!words[@]}"; do words[i]=${words[i]//;/,}; done
    [ "${typed: -1}" != , ] || words+=("")
    same "normlab ${words[*]}" "$expected" "$(offers "${words[@]}")"
done <<'END'
sw|sweep 
hel|help 
help,sw|sweep 
nothing,x|
sweep,o|one.yaml 
sweep,|experiments/ one.yaml results/ sub/ grid net 
run,ne|net 
sweep,experiments/|experiments/a.yaml experiments/b.yml 
sweep,one.yaml,n|norm. 
sweep,one.yaml,norm.pl|norm.placement= 
sweep,one.yaml,norm.placement=b|norm.placement=before 
sweep,one.yaml,norm.kind=bn;l|norm.kind=bn,ln norm.kind=bn,l1bn norm.kind=bn,lrn 
sweep,one.yaml,data.test=a|data.test=auto 
sweep,one.yaml,data.flip=|data.flip=true data.flip=false 
run,one.yaml,model.load=t|model.load=two.safetensors 
sweep,one.yaml,sweep.b|sweep.baseline= 
sweep,one.yaml,sweep.baseline=norm.kind=n|sweep.baseline=norm.kind=none 
sweep,one.yaml,--o|--out 
sweep,one.yaml,--out,r|results/ 
sweep,one.yaml,--out=r|--out=results/ 
sweep,--out,x,o|one.yaml 
sweep,--unknown,o|one.yaml 
sweep,one.yaml,--unknown,c|
sweep,one.yaml,--retry,failed;di|failed,diverged 
check,one.yaml,--color,|auto always never 
table,results/|results/done results/other/ 
table,results/done,plot.metric=val_a|plot.metric=val_accuracy 
table,results/done,norm.k|
table,-f,l|latex 
table,-w,|summary grid trials 
table,results/done,--columns,norm.ki|norm.kind 
plot,results/done,-f,svg;pn|svg,png 
diff,on|one.yaml 
diff,g|grid 
diff,one.yaml,results/d|results/done 
merge,results/done,results/d|results/done 
verify,results/other,results/d|results/done 
eval,t|two.safetensors 
eval,two.safetensors,--order,s|shuffled sorted 
keys,no|norm norm. 
keys,sw|sweep 
keys,train.momen|train.momentum 
norm,g|gn 
norm,gn,--device,r|ref 
norm,gn,norm.gr|norm.groups= 
init,s|single small-batch sub/ 
data,e|export 
data,info,cifar1|cifar10 cifar100 
data,info,mnist,data.d|data.dir= data.difficulty= 
show,norm.kind=bn,norm.kind=r|norm.kind=rms 
schema,|
END

# ---- each option of the sources is in the help, each of the help completes ----
for command in $("$program" complete -- "" | cut -f 1 | grep -vxe help -e version); do
    source=$root/cmd/$command.c
    [ -e "$source" ] || continue # its options are those of another command
    while read -r option; do
        same "--$option of $command in its help" "--$option" "$(offers "$command" "--$option" | tr ' ' '\n' | grep -x -e "--$option")"
    done < <(grep -oE '\{"[a-z-]+", (no|required)_argument' "$source" | cut -d '"' -f 2)
done

# ---- bash ----
in_bash() { # the line up to the cursor
    bash --norc -c '
        . "$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        _normlab
        printf "%s " "${COMPREPLY[@]}"' bash "$root/cmd/install/normlab.bash" "$1"
}
export PATH="$(dirname "$program"):$PATH"
same "bash: a command" "sweep " "$(in_bash 'normlab sw')"
same "bash: a path of the program" "sweep " "$(in_bash "$program sw")"
same "bash: a value, after what readline has" "before " "$(in_bash 'normlab run one.yaml norm.placement=b')"
same "bash: the second value" "bn,rms " "$(in_bash 'normlab run one.yaml norm.kind=bn,r')"
same "bash: a new word" "experiments/ one.yaml results/ sub/ grid net " "$(in_bash 'normlab check ')"

# ---- fish ----
if command -v fish >/dev/null; then
    in_fish() { HOME=$folder fish --no-config -c "source $root/cmd/install/normlab.fish; complete -C '$1'" | cut -f 1 | tr '\n' ' '; }
    same "fish: a command" "sweep " "$(in_fish 'normlab sw')"
    same "fish: a value" "norm.placement=before " "$(in_fish 'normlab run one.yaml norm.placement=b')"
    same "fish: a new word" "experiments/ one.yaml results/ sub/ grid net " "$(in_fish 'normlab check ')"
else
    echo "skipped: fish is not there: its completion was not tried"
fi

# ---- zsh: its compadd is replaced by one that prints ----
if command -v zsh >/dev/null; then
    zsh -n "$root/cmd/install/normlab.zsh"
    in_zsh() { # words...
        zsh -f -c '
            file=$1; shift
            compadd() { print -rn -- "${(P)@[-1]} " }
            words=("$@") CURRENT=$# PREFIX=${@[-1]}
            . $file' zsh "$root/cmd/install/normlab.zsh" "$@" | tr -s ' '
    }
    same "zsh: a command" "sweep " "$(in_zsh normlab sw)"
    same "zsh: a value" "norm.placement=before " "$(in_zsh normlab run one.yaml norm.placement=b)"
    same "zsh: files, then what goes on" "one.yaml grid net experiments/ results/ sub/ " "$(in_zsh normlab check '')"
else
    echo "skipped: zsh is not there: its completion was not tried"
fi

# ---- manual pages ----
"$program" manual man normlab-results.5="$root/results/README.md" normlab-experiments.7="$root/experiments/README.md" \
    normlab-plots.7="$root/plots/README.md" normlab-code.7="$root/core/README.md" --date 2026-01-31
for command in $("$program" complete -- "" | cut -f 1 | grep -vxe help -e version); do
    grep -q '^\.SH EXAMPLES' "man/normlab-$command.1"
    checks=$((checks + 1))
done
if command -v mandoc >/dev/null; then
    same "mandoc" "" "$(mandoc -Tlint -Wwarning man/*)"
    same "a page as it is read" "normlab keys [SECTION | KEY | WORD ...]" "$(mandoc -Tutf8 man/normlab-keys.1 | col -b | sed -n 's/^ *\(normlab keys \[.*\)/\1/p')"
    same "empty cells of a table" "none none.c" "$(mandoc -Tutf8 man/normlab-code.7 | col -b | grep -A 0 '^ *none ' | tr -s ' ' | sed 's/^ //')"
    same "each item of a numbered list begins a line" "1. 2. 3." "$(mandoc -Tutf8 man/normlab-code.7 | col -b | grep -oE '^ *[123]\. ' | tr -d '\n' | tr -s ' ' | sed 's/^ //; s/ $//')"
    key=$(mandoc -Tutf8 -Owidth=200 man/normlab-config.5 | col -b | grep -A 2 '^ *norm\.momentum' | tr -s ' \n' ' ')
    column=$(mandoc -Tutf8 -Owidth=200 man/normlab-results.5 | col -b | grep -A 1 '^ *failed_step' | tr -s ' \n' ' ')
    [[ $column == *"the step that diverged"* ]] || { echo "failed_step: $column"; exit 1; }
    [[ $key == *"running = (1 - momentum) running + momentum batch"*"number, 0 to 1; default 0.1"* ]] || { echo "norm.momentum: $key"; exit 1; }
else
    echo "skipped: mandoc is not there: the manual pages were not judged"
fi
echo "100%: Checks: $checks"
