#!/usr/bin/env bash
# Sweeps in rounds (sweep.tune, refine, until) end with the same bytes at once, in shards that are merged as they say, and stopped in every round
# and started again. A dry run of each round says what is decided. NORMLAB_PROGRAM names the program.
set -euo pipefail
. "$(dirname "$0")/rounds.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
ln -s "$NORMLAB_PROGRAM" "$folder/bin/normlab"
PATH=$folder/bin:$PATH
cd "$folder"

tuned_sweep EPOCHS >tune.in
cat >refine.in <<YAML
data: {train: 192, val: 64, test: 64}
model: {depth: 2, width: 8}
train: {epochs: EPOCHS, momentum: 0.9}
sweep:
  grid: {norm.kind: [bn, none], train.lr: [0.03, 0.3, 3]}
  seeds: 2
  baseline: {norm.kind: none}
  refine: 3
plot: {kind: [lr_tolerance]}
YAML
cat >until.in <<YAML
data: {train: 192, val: 64, test: 64, test_seed: 1}
model: {depth: 2, width: 8}
train: {epochs: EPOCHS, momentum: 0.9}
sweep:
  grid: {norm.kind: [bn, none]}
  seeds: 3
  question: compare
  until: {half_width: 6, max_seeds: 9}
YAML
kinds='tune refine until'
few=2 # epochs

with_epochs() { # EPOCHS: the files with so many
    local name
    for name in $kinds; do sed "s/EPOCHS/$1/" $name.in >$name.yaml; done
}
die() { echo "$*" >&2; exit 1; }

same() { # OUT WANTED WHAT: of each round
    same_tables "$2" "$1" || die "$3"
    echo "same bytes: $3"
}

trials_in() { { find "$1" -name '*.trial' 2>/dev/null || true; } | wc -l; }

with_epochs $few
for kind in $kinds; do
    normlab sweep --no-reuse $kind.yaml --out whole/$kind --no-plot -q >/dev/null 2>whole.log || { cat whole.log; die "$kind"; }
done
[ -e whole/tune/tuning/trials.csv ] && [ -e whole/tune/same/trials.csv ] || die "the sweep that tunes does not have all its rounds"
# the grid has trials of the same values, which are copied: those that the tables of `same` lack would not be there at all
[ "$(wc -l <whole/tune/trials.csv)" -eq 13 ] && [ "$(wc -l <whole/tune/same/trials.csv)" -eq 13 ] || die "a round lacks trials"
[ "$(trials_in whole/tune/same)" -eq 12 ] || die "trials of another round are not in this one's folder"
grep -q '^  points:' whole/refine/experiment.yaml || die "no rate was added"
grep -q 'first_seeds: 3' whole/until/experiment.yaml || die "no number of seeds was decided"
[ "$(wc -l <whole/until/trials.csv)" -gt 7 ] || die "the first stage sufficed: the test wants a second one"

# ---- shards: what they print is done ----

for kind in $kinds; do
    there=-1
    for ((turn = 0; there != $(trials_in results/$kind); turn++)); do
        there=$(trials_in results/$kind)
        for shard in 1/2 2/2; do
            normlab sweep $kind.yaml --shard $shard --no-plot >log 2>shard.log || { cat shard.log >&2; die "$kind, shard $shard"; }
            grep '^  normlab merge' log >merge || true # nothing where all is there
        done
        bash -e merge >/dev/null
    done
    normlab sweep --no-reuse $kind.yaml --no-plot -q >log 2>&1 # what is there is there: the answer
    [ "$there" = "$(trials_in results/$kind)" ] || die "$kind: the shards left trials out"
    for round in "" tuning/ same/; do
        for shard in results/$kind-?of2/; do ls "$shard${round}trials" 2>/dev/null || true; done | sort | uniq -d >twice
        [ ! -s twice ] || die "$kind: two shards hold the same trials of a round: $(head -n 3 twice)"
    done
    same results/$kind whole/$kind "$kind in 2 shards, $turn turns"
done

# With --out a shard does not know the others: each gathers the trials in its own folder.
for ((turn = 1; turn <= 3; turn++)); do
    for shard in 1 2; do
        normlab sweep tune.yaml --shard $shard/2 --out own$shard --no-plot >own$shard.log 2>/dev/null
    done
    for shard in 1 2; do
        round=$(sed -n 's/^  normlab merge .* --out \(own[12]\|DIR\)//p' own$shard.log)
        [ -d "own$shard$round" ] || die "no folder is named: $(cat own$shard.log)"
        normlab merge own1$round own2$round --out own$shard$round >/dev/null
    done
done
normlab sweep --no-reuse tune.yaml --out own1 --no-plot -q >/dev/null 2>&1
same own1 whole/tune "shards with folders of their own"

# ---- a dry run says what is decided, and what is open ----

dry_run() { normlab sweep "$@" -n >log 2>&1 || { cat log >&2; die "dry run of $*"; }; }
says() { grep -q "$1" log || { cat log >&2; die "not said: $1"; }; }

dry_run tune.yaml --out dry
says "^round 1, tuning: 32 trials in 'dry/tuning'; its results decide what follows"
[ ! -e dry ] || die "a dry run wrote something"
mkdir dry; cp -r whole/tune/tuning dry
dry_run tune.yaml --out dry
says '^chosen by val_loss over 2 seeds'
says "^round 2, the grid: 12 trials in 'dry'"
[ "$(grep -c '^  norm.kind: ' log)" -eq 4 ] || die "not every choice is said"
dry_run refine.yaml --out whole/refine
says '^refined: '
dry_run until.yaml --out whole/until
says '^[0-9]* seeds, for intervals of at most 6 to each side'

# ---- what a results folder says of its rounds ----

normlab verify whole/tune >log
cut -d: -f1 log | cmp - <(printf 'whole/tune\nwhole/tune/tuning\nwhole/tune/same\n') || { cat log; die "verify"; }
cp -r whole/tune damaged
echo x >>damaged/tuning/curves.csv
echo x >>damaged/same/trials.csv
code=0
normlab verify damaged >log || code=$?
[ $code -eq 1 ] && [ "$(grep -c ': 1 bad' log)" -eq 2 ] || { cat log; die "verify of damaged rounds"; }
normlab ls whole | awk 'NR > 1 {print $1}' | grep -A2 '^whole/tune$' | cmp - <(printf 'whole/tune\nwhole/tune/same\nwhole/tune/tuning\n') || { normlab ls whole; die "ls"; }
[ "$(normlab ls whole | wc -l)" -eq 6 ]
touch damaged/tuning/trials/0123456789abcdef.trial.part
normlab clean damaged -n >log
grep -q "'damaged/tuning'" log && grep -q "'damaged/same'" log || { cat log; die "clean"; }

# ---- a changed wish is refused; what was frozen is not chosen again ----

cp -r whole/tune changed
sed 's/0.003, 0.03, 0.3, 3\]/0.003, 0.3]/' tune.yaml >other.yaml
code=0
normlab sweep --no-reuse other.yaml --out changed --no-plot -q >log 2>&1 || code=$?
[ $code -eq 2 ] || { cat log; die "other rates to choose from: exit $code"; }
grep -q 'train.lr' log && grep -q -- --replace log || { cat log; die "not said what differs"; }
same changed whole/tune "refused, nothing written"
normlab sweep --no-reuse whole/tune/experiment.yaml --out frozen --no-plot -q >/dev/null 2>&1
[ ! -e frozen/tuning ] || die "a frozen choice was tuned again"
cmp frozen/trials.csv whole/tune/trials.csv && cmp frozen/same/trials.csv whole/tune/same/trials.csv || die "the frozen choice"
for kind in refine until; do
    normlab sweep --no-reuse whole/$kind/experiment.yaml --out frozen_$kind --no-plot -q >/dev/null 2>&1
    same frozen_$kind whole/$kind "frozen, $kind"
done

# ---- stopped in each round, and started again ----

# Stops a sweep with a signal when a new trial is there, again and again until it comes to its end.
stopped() { # KIND SIGNAL
    local program code before stops=0
    rm -rf stop
    >rounds
    for ((;;)); do
        before=$(trials_in stop)
        normlab sweep --no-reuse "$1.yaml" --out stop --no-plot -q -j 1 >/dev/null 2>stop.log &
        program=$!
        until [ "$(trials_in stop)" -gt "$before" ] || ! kill -0 $program 2>/dev/null; do :; done
        kill -"$2" $program 2>/dev/null || true
        code=0
        wait $program || code=$?
        [ $code -ne 0 ] || break
        [ $code -eq 130 ] || [ $code -eq 137 ] || { cat stop.log; die "$1, SIG$2: exit $code"; }
        stops=$((stops + 1))
        find stop -name experiment.yaml | sort | xargs sed -s '/^made:/,$d' | sha256sum >>rounds
    done
    states=$(sort -u rounds | wc -l)
    echo "$1: stopped $stops times in $states rounds by SIG$2, with $epochs epochs"
}

# How many rounds of the sweep in once/ must have been stopped; where fewer were, it was too quick, and is tried again with twice the epochs.
stoppable() {
    case $1 in
        tune) find once -name experiment.yaml | wc -l ;; # same/ is there where the points chose different rates
        refine) grep -q '^  points:' once/experiment.yaml && echo 2 || echo 1 ;;
        until) [ "$(trials_in once)" -gt 6 ] && echo 2 || echo 1 ;;
    esac
}

for kind in $kinds; do
    for signal in TERM KILL; do
        states=0 wanted=1
        for ((epochs = few; states < wanted && epochs <= 1000000; epochs *= 2)); do
            with_epochs $epochs
            rm -rf once
            normlab sweep --no-reuse $kind.yaml --out once --no-plot -q >/dev/null 2>&1
            wanted=$(stoppable $kind)
            stopped $kind $signal
            same stop once "$kind, SIG$signal"
        done
        [ "$states" -ge "$wanted" ] || die "$kind was too quick for SIG$signal"
    done
done
