#!/usr/bin/env bash
# Input that is made to hang the program, to fill memory or a screen, to steer a terminal, or to have something overwritten: it is refused, with an
# error that says why, before anything is started. A time-out is for what hangs: what takes time as the square of its size exceeds it many times over.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export NORMLAB_NO_WARNINGS=1

cases=0
# The exit code and what must be in the message (an extended regular expression); the rest is the command.
expect() { # CODE TEXT COMMAND...
    local wanted=$1 text=$2 code=0
    shift 2
    timeout 100 "$@" >out 2>&1 </dev/null || code=$?
    cases=$((cases + 1))
    if [ $code -eq "$wanted" ] && grep -qE -e "$text" out && ! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' out; then return 0; fi
    echo "$*: exit $code, expected $wanted and '$text'; it said:"; head -c 2000 out | cat -v
    exit 1
}
fill() { # COUNT FORMAT: for each number of 1 to COUNT
    # shellcheck disable=SC2046,SC2059
    printf -- "$2" $(seq "$1")
}

# ---- configurations: depth, number, size ----
fill 260000 '[%.0s' >a.yaml; expect 2 'a.yaml:1:33: .*too deeply' "$program" check a.yaml
fill 60000 '{a: %.0s' >a.yaml; expect 2 'a.yaml:1:129: .*too deeply' "$program" check a.yaml
fill 120000 '- %.0s' >a.yaml; expect 2 'too deeply' "$program" check a.yaml
fill 120000 '? %.0s' >a.yaml; expect 2 'too deeply' "$program" check a.yaml
{ echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'; for i in {1..12}; do echo "a$i: &a$i [$(fill 10 "*a$((i - 1)),%.0s")]"; done; } >a.yaml
expect 2 'aliases multiply' "$program" check a.yaml
fill 15000 $'- &a%d 1\n' >a.yaml; expect 2 'a.yaml:257:.*too many anchors' "$program" check a.yaml
fill 20000 $'key_%d: 1\n' >a.yaml; expect 2 'has 20000 keys' "$program" check a.yaml
fill 500 $'key_%d: 1\n' >a.yaml; expect 2 '^and 480 more$' "$program" check a.yaml
[ "$(grep -c 'unknown key' out)" -eq 20 ]
head -c 300000 /dev/zero | tr '\0' x >a.yaml; expect 2 'too large for a configuration' "$program" check a.yaml
{ printf 'train: {lr: '; fill 200000 x%.0s; echo '}'; } >a.yaml; expect 2 'must be a number' "$program" check a.yaml
[ "$(wc -c <out)" -lt 1000 ]

# ---- sweeps: values, points ----
echo 'sweep: {grid: {train.lr: 1e-3:1:log:1000000000}}' >a.yaml; expect 2 'a.yaml:1:26: .*2 to 10000' "$program" check a.yaml
echo 'sweep: {seeds: 1000000000}' >a.yaml; expect 2 'a.yaml:1:16: .*1 to 10000' "$program" check a.yaml
echo 'sweep: {seeds: 0..1000000000}' >a.yaml; expect 2 'a.yaml:1:16' "$program" check a.yaml
{ printf 'sweep: {grid: {train.batch: ['; fill 100000 '1,%.0s'; echo ']}}'; } >a.yaml; expect 2 'more than 10000 values' "$program" check a.yaml
{ echo 'sweep: {zip: ['; fill 8000 $'{train.batch: 1:10000},\n%.0s'; echo ']}'; } >a.yaml; expect 2 'more than 20000 values in all' "$program" check a.yaml
{ echo 'sweep: {grid: {train.batch: 1:10000}, exclude: ['; fill 6000 $'{train.batch: 1:10000},\n%.0s'; echo ']}'; } >a.yaml
expect 2 'more than 20000 values in all' "$program" check a.yaml
[ "$(wc -l <out)" -lt 10 ]
echo 'sweep: {grid: {train.batch: 1:10000, train.lr: 1:9000}}' >a.yaml; expect 2 'a.yaml:1:38: the grid has 90000000 points' "$program" check a.yaml
{ echo 'sweep: {grid: {train.batch: 1:1408}, seeds: 5, exclude: ['; fill 7000 $'{train.batch: [1]},\n%.0s'; echo ']}'; } >a.yaml
expect 0 'ok: 7035 trials' "$program" check a.yaml

# ---- values ----
for tag in '!foo 3' '!!python/object:os.system 3' '!<tag:x.org,2000:y> 3' '!!str 3' '!!int 3.5' '!!bool 3' '!!seq 3'; do
    echo "train: {batch: $tag}" >a.yaml; expect 2 '^a.yaml:1:16: ' "$program" check a.yaml
done
echo 'train: !!map {batch: !!int 8, lr: !!float 0.1, steps: !!str auto, drop_last: !!bool true}' >a.yaml; expect 0 ok "$program" check a.yaml
for number in 1e-400 1e400 -1e400 0x10 nan .nan inf .inf 1e 1_000; do
    echo "train: {lr: $number}" >a.yaml; expect 2 '^a.yaml:1:13: ' "$program" check a.yaml
    echo "plot: {ymax: $number}" >a.yaml; expect 2 '^a.yaml:1:14: ' "$program" check a.yaml
done
echo 'train: {lr: 0e-400, weight_decay: 1e-300}' >a.yaml; expect 0 ok "$program" check a.yaml
echo 'train: {epochs: 3, steps: 5}' >a.yaml
expect 0 'a.yaml:1:17: warning: training ends after train.steps .5., and train.epochs .3. is ignored' env NORMLAB_NO_WARNINGS= "$program" check a.yaml
echo 'base: a.yaml' >b.yaml
expect 0 '^command line: warning: training ends after train.steps .5., and train.epochs .4. is ignored' env NORMLAB_NO_WARNINGS= "$program" check b.yaml train.epochs=4
echo 'train: {epochs: 3}' >a.yaml; expect 0 ok env NORMLAB_NO_WARNINGS= "$program" check a.yaml train.steps=5
if grep 'is ignored' out; then exit 1; fi

# ---- what is no file ----
mkfifo pipe
mkdir data results_like
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
expect 2 'pipe that nobody writes to' "$program" check pipe
expect 2 'too large for a configuration' "$program" check /dev/zero
expect 2 'not a regular file' "$program" check socket
expect 2 'it is a folder' "$program" check data
mkdir holder
for special in pipe socket /dev/zero holder; do
    expect 2 'not a regular file|is a folder' "$program" eval $special
    expect 2 'not a regular file|is a folder|pipe that nobody|not a .npy file' "$program" check "$root/configs/mlp_digits.yaml" data.name=npy data.train_images=$special
    expect 2 'not a regular file|is a folder' "$program" run "$root/configs/mlp_digits.yaml" model.load=$special
    expect 2 'not a regular file|is a folder' "$program" run "$root/configs/mlp_digits.yaml" --checkpoint $special
    for file in train-images-idx3-ubyte train-labels-idx1-ubyte data_batch_1.bin test_batch.bin; do ln -sfn "$(realpath -s $special)" data/$file; done
    expect 2 'not a regular file|is a folder|cannot find' "$program" data export mnist data.dir=data --out o
    expect 2 'not a regular file|is a folder|cannot find' "$program" data export cifar10 data.dir=data --out o
done
rm -rf data/*
echo 'train: {batch: 7}' >a.yaml
[ "$("$program" show /dev/stdin <a.yaml | grep -c 'batch: 7')" -eq 1 ]
[ "$(cat a.yaml | "$program" show /dev/stdin | grep -c 'batch: 7')" -eq 1 ]
[ "$("$program" show <(sleep 0.2; cat a.yaml) | grep -c 'batch: 7')" -eq 1 ]

# ---- a results folder, its members replaced one by one ----
cat >s.yaml <<'END'
data: {train: 128, val: 0, test: 64}
model: {depth: 1, width: 8}
train: {epochs: 1}
sweep: {grid: {norm.kind: [bn, none]}, seeds: 2}
END
"$program" sweep s.yaml --no-plot -q --out r >/dev/null
for member in experiment.yaml trials.csv curves.csv SHA256SUMS; do
    for special in pipe socket /dev/zero data; do
        rm -rf bad; cp -r r bad; rm bad/$member
        case $special in pipe) mkfifo bad/$member ;; data) mkdir bad/$member ;; *) ln -s "$(realpath -s $special)" bad/$member ;; esac
        if [ $member = curves.csv ]; then expect 1 'not a regular file' "$program" verify bad; else expect 2 'not a regular file|no results' "$program" table bad; fi
    done
done

# ---- bytes that a terminal obeys ----
escape=$'\e]0;owned\a\e[2J\x9b31m\xff\u202e'
printf 'train: {lr: 1}\n"%s": 3\n' '\e[2J\x9b31m' >a.yaml; expect 2 'unknown key .\\x1b\[2J' "$program" check a.yaml
expect 2 '\\x1b\]0;owned' "$program" check "$escape.yaml"
expect 2 '\\x1b\]0;owned' "$program" check s.yaml "$escape=3"
expect 2 '\\x1b\]0;owned' "$program" "$escape"
expect 2 '\\x1b\]0;owned' "$program" check --"$escape"
expect 2 '\\x1b\]0;owned' "$program" table "$escape"
expect 2 'without control characters' "$program" check s.yaml plot.title=$'a\u202eb'
cp s.yaml "$escape.yaml"
expect 0 '\\x1b\]0;owned' "$program" sweep "$escape.yaml" --no-plot --out "$escape"
rm -r bad
expect 0 '\\x1b\]0;owned' "$program" ls .
expect 0 '\\x1b\]0;owned' "$program" verify "$escape"
expect 0 '\\x1b\]0;owned' "$program" show "$escape.yaml"
for format in text md csv latex json; do expect 0 . "$program" table "$escape" --format $format; done
rm -rf bad; cp -r r bad; rm bad/SHA256SUMS; sed -i $'2s/bn/b\e[2Jn/' bad/trials.csv; expect 2 'trials.csv:2: .*control characters' "$program" table bad
if command -v gnuplot >/dev/null; then
    expect 0 . "$program" plot "$escape" --format svg
    if LC_ALL=C grep -l $'[\x01-\x08\x0b-\x1f\x7f]' "$escape"/plots/*; then echo 'control characters in pictures' && exit 1; fi
fi

# ---- the standard streams ----
for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- >&- 2>&-'; do
    rm -rf c; code=0
    eval "'$program' sweep --no-reuse s.yaml --no-plot -q --out c $closed" >/dev/null 2>&1 || code=$?
    [[ $closed == *'>&-'* && $closed != '2>&-' ]] && [ $code -ne 1 ] && echo "$closed: exit $code, though nothing could be printed" && exit 1
    for table in trials curves summary; do cmp r/$table.csv c/$table.csv; done
    cases=$((cases + 1))
done
"$program" run s.yaml norm.kind=bn sweep.seeds=1 -q --out one --save-final m.safetensors >/dev/null
"$program" data export digits data.train=6 data.val=0 data.test=4 --out d >/dev/null
for command in 'complete -- sw' 'eval m.safetensors' 'norm bn --input d/train_x.npy --out arrays' 'merge r --out merged' 'table r' 'table r --format csv' 'table r --format json' 'show s.yaml' keys schema info 'data list' 'data info digits' 'ls .' 'verify r' help version \
    'check s.yaml' 'table --help' 'plot r --text --out p' 'init single -' 'clean r --dry-run' 'sweep s.yaml --dry-run --out r'; do
    for stream in '>/dev/full' '>&-'; do
        code=0
        eval "timeout 100 '$program' $command $stream" 2>out </dev/null || code=$?
        [ $code -eq 1 ] || { echo "$command $stream: exit $code" && cat out && exit 1; }
        cases=$((cases + 1))
    done
done

# ---- a gnuplot that does not start, and one that is not used ----
mkdir bin; printf '#!/bin/sh\necho "gnuplot: error while loading shared libraries: libx.so.1: cannot open" >&2\nexit 127\n' >bin/gnuplot; chmod +x bin/gnuplot
expect 1 'exit code 127.*libx.so.1' env PATH="$PWD/bin:/bin" "$program" plot r --format svg
expect 1 'relative folders in PATH are not used.*bin/gnuplot' env PATH=bin "$program" plot r --format svg
expect 1 "gnuplot is not installed.*gnuplot -e \"format='svg'\" curves.gp draws one" env PATH=/nowhere "$program" plot r --format svg
cp -r r unpictured
expect 0 "gnuplot is not installed.*'unpictured/plots' holds no pictures.*gnuplot -e \"format='png'\" NAME.gp" env PATH=/nowhere "$program" sweep s.yaml --out unpictured
[ -s unpictured/plots/curves.gp ]
expect 0 '' env PATH=/nowhere "$program" report r --out reported
grep -q 'Figure, drawn by the script figures/1-r/curves.gp: ' reported/report.md
[ -s reported/figures/1-r/curves.gp ]
rm -r unpictured reported

# ---- places that are not free ----
find r -type f -exec sha256sum {} + | sort >before
ln -s r/trials elsewhere
for place in r/trials/x elsewhere/x; do
    for option in --save-init --save-final --save-order --checkpoint --out; do
        expect 2 'which is normlab.s own' "$program" run s.yaml norm.kind=bn sweep.seeds=1 --out o $option $place
    done
    expect 2 'which is normlab.s own' "$program" sweep s.yaml --out $place
    expect 2 'which is normlab.s own' "$program" plot r --out $place
    expect 2 'which is normlab.s own' "$program" merge r --out $place
    expect 2 'which is normlab.s own' "$program" data export digits --out $place
done
find r -type f -exec sha256sum {} + | sort | cmp before -
mkdir mnist cifar; ln -s mnist link; touch mnist/train-labels-idx1-ubyte cifar/test_batch.bin
for place in mnist/train-labels-idx1-ubyte link/train-labels-idx1-ubyte mnist/t10k-images-idx3-ubyte.gz; do
    expect 2 "file of the data set 'mnist'" "$program" run "$root/configs/mlp_mnist.yaml" data.dir=mnist --out o --save-final $place
done
expect 2 "file of the data set 'cifar10'" "$program" run "$root/configs/cnn_cifar10.yaml" data.dir=cifar --out o --save-final cifar/test_batch.bin

# ---- a checkpoint that is none stays what it is ----
for content in '' 'my thesis' $'\x08\0\0\0\0\0\0\0{}      '; do
    printf '%s' "$content" >mine.checkpoint; cp mine.checkpoint mine.copy
    expect 2 'mine.checkpoint' "$program" run s.yaml norm.kind=bn sweep.seeds=1 --out o --checkpoint mine.checkpoint
    cmp mine.checkpoint mine.copy
    [ "$(echo mine.*)" = 'mine.checkpoint mine.copy' ]
done
echo "$cases hostile inputs were refused, or did no harm"
