#!/usr/bin/env bash
# trials.csv, curves.csv and summary.csv are the same bytes: when a sweep is run whole; in three shards, merged in any order; after
# --retry; after --max-time and the same command again. What is not comparable is not merged. NORMLAB_PROGRAM names the program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >e.yaml <<'YAML'
data: {train: 512, test: 128}
model: {depth: 3, width: 32}
train: {epochs: 8, momentum: 0.9}
norm: {eval: [running, precise]}
sweep:
  grid: {norm.kind: [bn, ln, none], train.batch: [32, 4], train.lr: [0.05, 1e4]}
  seeds: 3
YAML
trials=36

fail() {
    echo "$*" >&2
    exit 1
}

sweep() { # OUT, then options
    local out=$1
    shift
    "$NORMLAB_PROGRAM" sweep e.yaml --out "$out" --no-plot --quiet "$@" >/dev/null
}

same() { # OUT WHAT
    for table in trials.csv curves.csv summary.csv; do
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

code=0 rounds=0
until sweep limited -j 1 --max-time 0.05s 2>stderr; do
    code=$?
    [ $code -eq 3 ] || fail "exit code $code of --max-time"
    grep -q "the time is up" stderr || fail "--max-time does not say that the time is up"
    rounds=$((rounds + 1))
    [ $rounds -lt 200 ] || fail "--max-time never comes to an end"
done
[ $rounds -gt 0 ] || fail "the sweep ended before the time was up"
same limited "--max-time, $((rounds + 1)) times"

sweep more train.seed=4 sweep.seeds=2
"$NORMLAB_PROGRAM" merge whole more --out five >/dev/null
mv whole three
sweep whole sweep.seeds=5
same five "three seeds and two more"
mv three whole

sweep other train.lr=0.05,1e3
refused "train.lr: 0.05, 10000 in 'shard1', 0.05, 1000 in 'other'" shard1 other
sweep ref device.kind=ref norm.kind=bn train.batch=32 sweep.seeds=1
refused "device.kind: cpu in 'shard1', ref in 'ref'" shard1 ref
cp -r shard2 numerics
sed -i '/^# sha256/d; s/^  numerics: .*/  numerics: 0/' numerics/experiment.yaml
refused "numerics: " shard1 numerics
refused "was made by another version of normlab" numerics
cp -r shard2 data
sed -i '/^# sha256/d; s/^  data_1: "digits sha256 ./&0/' data/experiment.yaml
refused "data_1: digits sha256" shard1 data
cp -r shard2 forged
forged=$(find forged/trials -name "*.trial" | sort | sed -n 1p)
sed -i 's/^steps [0-9]*/&1/; /^sha256 /d' "$forged"
echo "sha256 $(sha256sum <"$forged" | cut -d ' ' -f 1)" >>"$forged"
refused "has one result in 'shard2' and another in 'forged'" shard2 forged
