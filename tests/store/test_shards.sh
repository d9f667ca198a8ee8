#!/usr/bin/env bash
# trials.csv, curves.csv, metrics.csv and summary.csv are the same bytes: when a sweep is run whole; in three shards, merged in any order; after
# --retry; after --max-time and the same command again. What is not comparable is not merged. NORMLAB_PROGRAM names the program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >e.yaml <<'YAML'
data: {train: 512, test: 128}
model: {depth: 3, width: 32}
train: {momentum: 0.9}
norm: {eval: [running, precise]}
log: {tensors: [act2, "grad:*"]}
sweep:
  grid: {norm.kind: [bn, ln, none], train.batch: [32, 4], train.lr: [0.05, 1e4]}
  seeds: 3
YAML
trials=36
epochs=8 # of every sweep

fail() {
    echo "$*" >&2
    exit 1
}

sweep() { # OUT, then options
    local out=$1
    shift
    "$NORMLAB_PROGRAM" sweep --no-reuse e.yaml train.epochs=$epochs --out "$out" --no-plot --quiet "$@" >/dev/null
}

same() { # OUT WHAT
    for table in trials.csv curves.csv metrics.csv summary.csv; do
        cmp "whole/$table" "$1/$table" || fail "$table differs: $2"
    done
    echo "same bytes: $2"
}

refused() { # WORDS, then the folders: merge says the words, exits with 2, and writes nothing
    local words=$1 code=0
    shift
    "$NORMLAB_PROGRAM" merge "$@" --out refused >/dev/null 2>stderr || code=$?
    [ $code -eq 2 ] || fail "exit code $code of merge $*"
    grep -qF -- "$words" stderr || { cat stderr >&2; fail "merge $* does not say '$words'"; }
    [ ! -e refused/experiment.yaml ] || fail "merge $* wrote something"
    echo "refused: $words"
}

sweep whole
grep -q ',diverged,' whole/trials.csv || fail "no trial diverges: --retry has nothing to do"

# every trial is in one shard, and the shards weigh alike
for shard in 1 2 3; do sweep "shard$shard" --shard $shard/3; done
[ "$(cat shard?/trials.csv | grep -c '^[0-9]')" -eq $trials ] || fail "the shards do not make up the grid"
for shard in 1 2 3; do
    steps=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "train.batch") b = i } NR > 1 { s += 4096 / $b } END { print s }' "shard$shard/trials.csv")
    echo "shard $shard: $(grep -c '^[0-9]' "shard$shard/trials.csv") trials, $steps steps asked for"
    [ "$steps" -gt 5500 ] && [ "$steps" -lt 8500 ] || fail "shard $shard is not of a third's size"
done
"$NORMLAB_PROGRAM" merge shard1 shard2 shard3 --out merged >/dev/null
same merged "three shards"
"$NORMLAB_PROGRAM" merge shard3 shard1 --out bit_by_bit >/dev/null
"$NORMLAB_PROGRAM" merge shard2 --out bit_by_bit >/dev/null
same bit_by_bit "three shards in two merges, in another order"
for shard in 1 2 3; do sweep one_folder --shard $shard/3; done
same one_folder "three shards in one folder"

cp -r whole retried
sweep retried --retry failed
same retried "--retry failed"
sweep retried --retry all -j 1
same retried "--retry all"

there() { find "$1/trials" -name '*.trial' | wc -l; }

limited() { # TIME: the exit code is left in $code: 0, or 3 with what --max-time says then
    code=0
    sweep limited -j 1 --max-time "$1" 2>stderr || code=$?
    [ $code -eq 0 ] || [ $code -eq 3 ] || fail "exit code $code of --max-time"
    [ $code -eq 0 ] || grep -qF "the time is up; done: $(there limited) of $trials trials" stderr || fail "--max-time does not say that the time is up"
    [ "$(grep -c '^[0-9]' limited/trials.csv)" -eq "$(there limited)" ] || fail "the tables do not hold what has finished"
}

# Within a nanosecond no trial begins, neither the first nor the next one.
limited 0.000000001s
[ $code -eq 3 ] && [ "$(there limited)" -eq 0 ] || fail "exit code $code, $(there limited) trials within a nanosecond"
sweep limited --shard 2/3
part=$(there limited)
limited 0.000000001s
[ $code -eq 3 ] && [ "$part" -gt 0 ] && [ "$(there limited)" -eq "$part" ] || fail "exit code $code, $(there limited) trials, $part of them there before, within a nanosecond"
limited 9999h
[ $code -eq 0 ] || fail "exit code $code of --max-time: 416 days were not enough"
same limited "--max-time before the first trial and before the next one"

sweep more train.seed=4 sweep.seeds=2
"$NORMLAB_PROGRAM" merge whole more --out five >/dev/null
mv whole three
sweep whole sweep.seeds=5
same five "three seeds and two more"
rm -r whole
mv three whole

sweep other train.lr=0.05,1e3
refused "train.lr: 0.05, 10000 in 'shard1', 0.05, 1000 in 'other'" shard1 other
sweep ref device.kind=ref norm.kind=bn train.batch=32 sweep.seeds=1
refused "device.kind: cpu in 'shard1', ref in 'ref'" shard1 ref
cp -r shard2 numerics
sed -i '/^# s[eh]a/d; s/^  numerics: .*/  numerics: 0/' numerics/experiment.yaml
refused "numerics: " shard1 numerics
refused "was made by another version of normlab" numerics
cp -r shard2 data
sed -i '/^# s[eh]a/d; s/^  data_1: "digits sha256 ./&0/' data/experiment.yaml
refused "data_1: digits sha256" shard1 data
cp -r shard2 forged
forged=$(find forged/trials -name "*.trial" | sort | sed -n 1p)
sed -i 's/^steps [0-9]*/&1/; /^sha256 /d' "$forged"
echo "sha256 $(sha256sum <"$forged" | cut -d ' ' -f 1)" >>"$forged"
refused "has one result in 'shard2' and another in 'forged'" shard2 forged

# The time also ends among trials that run. How long they take nobody knows: it is a millisecond at first, and doubled each time. A sweep that never
# was left with more trials than before, and fewer than all, is tried again with twice the epochs.
asked=$epochs
for ((among = 0; among == 0; epochs *= 2)); do
    [ $epochs -le 1000000 ] || fail "every sweep ended before the time was up"
    rm -rf limited
    before=0 rounds=0
    for ((milliseconds = 1; ; milliseconds *= 2)); do
        limited "$((milliseconds / 1000)).$(printf '%03d' $((milliseconds % 1000)))s"
        rounds=$((rounds + 1))
        [ $code -ne 0 ] || break
        [ "$(there limited)" -eq "$before" ] || among=$((among + 1))
        before=$(there limited)
    done
    [ $epochs -eq $asked ] || { rm -r whole; sweep whole; }
    same limited "--max-time, $rounds times, $among times among trials, of $epochs epochs"
done
