#!/usr/bin/env bash
# Each command that writes files, at the moment when a file is written and has no name yet: killed (SIGKILL) there, it leaves the file that was there
# before, and what it left half-written is found by `normlab clean` in a results folder, and is gone once the same command has run. Where files are
# limited in size (ulimit -f) it says so and ends with 1, or with 2 before it has begun. A stack of 64 KiB (ulimit -s) is enough; a smaller one is refused.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
killer=$(dirname "$program")/libinject.so
! grep -qE '__asan_init|__tsan_init' "$program" || { echo "skipped: a sanitizer wants to be loaded first"; exit 77; }

folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir bin stage
export TMPDIR=$folder/work/tmp
die() { echo "normlab $command: $*"; cat log; exit 1; }
normlab() { "$program" "$@"; }

# Pictures are not the matter here: a gnuplot that draws at once.
cat >bin/gnuplot <<'END_OF_GNUPLOT'
#!/bin/sh
case "$*" in
    *svg*) echo '<svg></svg>' ;;
    *png*) printf 'PNG\0\0\0\0IEND\256\102\140\202' ;;
    *pdf*) echo '%%EOF' ;;
esac
END_OF_GNUPLOT
chmod +x bin/gnuplot
PATH=$folder/bin:$PATH

# ---- what is there before: results R, the same without tables P, two shards A and B, a trained network, an array ----
cd stage
mkdir tmp
cat >a.yaml <<'END_OF_YAML'
data: {train: 64, val: 32, test: 32}
model: {depth: 1, width: 4}
train: {epochs: 2}
sweep: {grid: {norm.kind: [bn, none]}, seeds: 2}
END_OF_YAML
cat a.yaml - >claim.yaml <<'END_OF_YAML'
claim:
  says: BN is better than no normalization
  source: this test
  measure: {metric: test_accuracy}
  parts: [{says: it is, of: {norm.kind: bn}, minus: {norm.kind: none}, smallest: 2}]
END_OF_YAML
for out in R P A:1/2 B:2/2; do
    shard=${out#?}
    normlab sweep --no-reuse a.yaml -q --no-plot --out "${out%%:*}" ${shard:+--shard "${shard#:}"} >/dev/null
done
rm P/*.csv P/SHA256SUMS "$(find P/trials -name '*.trial' | head -n 1)"
normlab run a.yaml norm.kind=bn sweep.seeds=1 -q --out one --save-final m.safetensors >/dev/null
normlab norm ln --values 1,2,4 --out arrays >/dev/null
cd ..

# Folders of results that a command writes to stand before it, so that `clean` can be asked about them.
writers() {
    cat <<'END_OF_TABLE'
-    init small-batch new.yaml
-    manual man
-    submit a.yaml --tasks 2 --out new --script-only
-    norm ln --values 1,2,4 --out new
-    data export digits data.train=16 data.val=4 data.test=8 --out new
new  run a.yaml norm.kind=bn sweep.seeds=1 -q -j 1 --out new --save-init init.safetensors --save-final new.safetensors --save-order new.npy
new  run a.yaml norm.kind=bn sweep.seeds=1 -q -j 1 --out new --checkpoint run.checkpoint --checkpoint-every 1epochs
new  sweep a.yaml --no-reuse -q -j 1 --out new --checkpoint-every 1epochs
P    sweep a.yaml --no-reuse -q -j 1 --out P
new  merge A B --out new
R    plot R -q
P    plot P -q --text
-    plot P -q --format svg --out drawn
-    table P
-    report R P --out new
-    claims run claim.yaml -q --out new
END_OF_TABLE
}

fresh() { rm -rf work && cp -r stage work; }
files_of() { (cd "$1" && find . -type f ! -name .lock -exec sha256sum {} + | sort); }
temporaries() { find work -name '*.tmp' -o -name 'normlab-tables.*' -o -name '.normlab*'; }

kills=0 limits=0 stacks=0
while read -r results command; do
    read -ra words <<<"$command"

    # ---- killed at each renaming ----
    for ((call = 1; ; call++)); do
        fresh
        code=0
        { (cd work && NORMLAB_KILL_AT=rename:$call LD_PRELOAD=$killer exec "$program" "${words[@]}") >log 2>&1 || code=$?; } 2>/dev/null
        [ $code -ne 0 ] || break
        [ $code -eq 137 ] || die "renaming $call: exit code $code"
        kills=$((kills + 1))
        [ -n "$(temporaries)" ] || die "renaming $call: nothing is half-written"
        if [ "$results" != - ] && [ -e work/$results/experiment.yaml ]; then
            there=$(find work/$results -name '*.tmp' | wc -l)
            found=$(normlab clean work/$results --dry-run | grep -c half-written || true)
            [ "$found" -eq "$there" ] || die "renaming $call: clean finds $found of $there half-written files"
        fi
        (cd work && normlab "${words[@]}" >../log 2>&1) || die "renaming $call: it does not go on"
        [ -z "$(temporaries)" ] || die "renaming $call: this stays: $(temporaries)"
    done
    [ "$call" -gt 1 ] || die "it was never killed"

    # ---- files of at most so many KiB ----
    for limit in 0 1 4; do
        fresh
        code=0
        said=$( (ulimit -f $limit && cd work && exec "$program" "${words[@]}" 2>&1 >/dev/null) ) || code=$?
        echo "$said" >log
        [ $code -le 1 ] || { [ $code -eq 2 ] && cmp -s <(files_of stage) <(files_of work); } || die "$limit KiB: exit code $code"
        [ $code -eq 0 ] || [[ $said == *"File too large"* ]] || die "$limit KiB: it does not say why"
        [ $code -gt 0 ] || [ $limit -gt 0 ] || die "it is done without writing"
        [ -z "$(temporaries)" ] || die "$limit KiB: this stays: $(temporaries)"
        for file in $(cd stage && find R -type f ! -name .lock ! -path '*/plots/*'); do
            cmp "stage/$file" "work/$file" >>log 2>&1 || die "$limit KiB: $file changed"
        done
        limits=$((limits + (code > 0)))
    done

    # ---- a small stack ----
    fresh
    (ulimit -s 64 && cd work && exec "$program" "${words[@]}") >log 2>&1 || die "a stack of 64 KiB: exit code $?"
    stacks=$((stacks + 1))
done < <(writers)

# Threads have a stack of that size, too: the shipped networks, and all normalizers, take a step. What lacks its data is left out.
for config in "$root"/configs/*.yaml; do
    grep -qE 'name: *(mnist|cifar10)' "$config" && continue
    command="run $config"
    (ulimit -s 64 && normlab run "$config" train.steps=1 data.train=64 data.test=32 -q --no-warnings --out "small/${config##*/}") >log 2>&1 || die "exit code $?"
    stacks=$((stacks + 1))
done
kinds=$(normlab keys norm.kind | sed -n 's/^ *one of \(.*\); default.*/\1/p' | tr -d ' ')
command="sweep configs/cnn_digits.yaml norm.kind=$kinds"
(ulimit -s 64 && normlab sweep --no-reuse "$root/configs/cnn_digits.yaml" "norm.kind=$kinds" norm.groups=4 train.steps=1 data.train=64 data.test=32 -q --no-warnings --no-plot \
    --out small/kinds) >log 2>&1 || die "exit code $?"

command="version"
code=0
said=$( (ulimit -s 48 && normlab version 2>&1 >/dev/null) ) || code=$?
[ $code -eq 2 ] && [[ $said == *"the stack is limited to 48 KiB, and normlab needs 64 KiB"* ]] || { echo "$said" >log; die "a stack of 48 KiB: exit code $code"; }
echo "$stacks commands on a small stack, killed $kills times, told $limits times that a file is too large"
