#!/usr/bin/env bash
# Trials that a sweep beside has trained are taken from there: under another name of the file, in another folder, out of a folder that was moved and out of
# rounds. Tables are the bytes of a sweep that trained all of them. What is damaged, of other numerics, failed, without what is to be observed, behind a link or
# not beside is trained. NORMLAB_PROGRAM names the
# program, NORMLAB_ROOT the repository.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir lab alone
. "$NORMLAB_ROOT/tests/store/rounds.sh"
die() { echo "$*" >&2; [ ! -e log ] || cat log >&2; exit 1; }

cat >lab/e.yaml <<'YAML'
data: {train: 128, test: 64}
model: {depth: 2, width: 8}
train: {lr: 0.1, epochs: 2}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 2}
YAML
cp lab/e.yaml lab/renamed.yaml
sweep() { "$NORMLAB_PROGRAM" sweep "$@" --no-plot --no-warnings -j 1 >out 2>log || die "exit $? of: sweep $*"; }
says() { grep -q -- "$1" log || die "it does not say '$1'"; }
takes_nothing() { ! grep -q 'taken from' log || die "something was taken: $1"; }
same() { # OUT, REFERENCE
    for table in trials.csv curves.csv summary.csv ${3:-}; do
        cmp "$2/$table" "$1/$table" || die "$table of $1 is not that of $2"
    done
    "$NORMLAB_PROGRAM" verify "$1" >log 2>&1 || die "$1 is not whole"
}
rows() { [ "$(wc -l <"$1/timing.csv")" -eq $(($2 + 1)) ] || die "timing.csv of $1 has other rows than $2"; }
# A trial's file with another first line, or whatever else sed makes of it, under a seal that fits.
resealed() { # FILE, sed's words
    sed -e '$d' -e "$2" "$1" >text
    { cat text; echo "$3sha256 $(sha256sum <text | cut -d ' ' -f 1)"; } >"$1"
}

sweep lab/e.yaml sweep.seeds=3 --out alone/reference
sweep lab/e.yaml --out lab/first
takes_nothing "there was nothing yet"

# Another name, another folder, more seeds.
sweep lab/renamed.yaml sweep.seeds=3 --out lab/second --dry-run
says "4 of 6 trials would be taken from 'lab/first'"
grep -q 'of which to run: 2; finished: 4' out || die "the dry run counts otherwise: $(cat out)"
[ ! -e lab/second ] || die "a dry run writes"
sweep lab/renamed.yaml sweep.seeds=3 --out lab/second
says "^4 of 6 trials are taken from 'lab/first'$"
same lab/second alone/reference
rows lab/second 2
grep -q "taken_1: \"lab/first (.*): 4 trials, begun from 2.*Z to 2.*Z\"" lab/second/experiment.yaml || die "experiment.yaml does not say where they are from"
[ "$(grep -l '^taken lab/first (' lab/second/trials/*.trial | wc -l)" -eq 4 ] || die "files of trials do not say where they are from"
echo "same bytes: 4 of 6 trials taken"

# Put together with the folder that they were taken from, they have their times again; without it, what was taken is said.
"$NORMLAB_PROGRAM" merge lab/second lab/first --out alone/merged >log 2>&1 || die "merge"
same alone/merged alone/reference
rows alone/merged 6
! grep -q taken alone/merged/experiment.yaml || die "what was trained there is said to be taken"
"$NORMLAB_PROGRAM" merge lab/second --out alone/copied >log 2>&1 || die "merge of one"
grep -q 'taken_1: "lab/first' alone/copied/experiment.yaml || die "merge forgets where trials were taken from"
rm -r alone/merged alone/copied

# Builds: both folders are of an earlier one, which is named once, and beside this program's.
for out in lab/first lab/second; do resealed $out/experiment.yaml 's/^  commit: .*/  commit: "elder"/' '# '; done
rm "$(grep -l '^taken' lab/second/trials/*.trial | head -1)"
sweep lab/renamed.yaml sweep.seeds=3 --out lab/second
says "^1 of 6 trials is taken from 'lab/first'$"
[ "$(grep -c '^  earlier_.*elder' lab/second/experiment.yaml)" -eq 1 ] || die "the earlier build is not named once"
grep -q '^taken lab/first (.*, elder)$' lab/second/trials/*.trial || die "the trial does not say which build trained it"
same lab/second alone/reference

# The same command again, and with other seeds: what was taken stays, and says where it was trained first.
sweep lab/renamed.yaml sweep.seeds=3 --out lab/second
says '^6 of 6 trials are done already'
grep -q 'taken_1: "lab/first' lab/second/experiment.yaml || die "experiment.yaml forgets"
rm -r lab/first
(cd lab && sweep e.yaml sweep.seeds=3)
mv lab/out lab/log .
takes_nothing "results/ is another parent"
(cd lab && sweep ./e.yaml sweep.seeds=3 --out third)
mv lab/out lab/log .
says "^6 of 6 trials are taken from 'second'$"
grep -q '^taken lab/first (' lab/third/trials/*.trial || die "where a trial was trained is forgotten"
rows lab/third 0
for metric in plot.x=seconds 'plot.kind=figure plot.x=seconds'; do
    code=0
    # shellcheck disable=SC2086
    "$NORMLAB_PROGRAM" plot lab/third $metric --format svg --out drawn >log 2>&1 || code=$?
    [ $code -eq 1 ] || die "$metric: exit $code"
    says "'lab/third/timing.csv' has no time of trial 1, which another sweep"
done
sweep lab/e.yaml sweep.seeds=3 --out lab/third --retry all --no-reuse
rows lab/third 6
! grep -q '^taken' lab/third/trials/*.trial || die "a trial that was trained again says that it was taken"
same lab/third alone/reference

# A folder that was moved.
mkdir elsewhere
mv lab/second elsewhere/moved
rm -r lab/third lab/results
sweep lab/e.yaml sweep.seeds=3 --out lab/none
takes_nothing "nothing is beside"
mv lab/none elsewhere/trained
rm -r elsewhere/moved
sweep lab/e.yaml sweep.seeds=3 --out elsewhere/deep/../new
says "^6 of 6 trials are taken from 'elsewhere/deep/../trained'$"
same elsewhere/new alone/reference
rm -r elsewhere/new
mkdir elsewhere/here
(cd elsewhere/here && sweep ../../lab/e.yaml sweep.seeds=3 --out .)
mv elsewhere/here/out elsewhere/here/log .
says "^6 of 6 trials are taken from './../trained'$"
rm -r elsewhere/here

# --no-reuse, and one trial that was there already.
sweep lab/e.yaml sweep.seeds=3 --out elsewhere/anew --no-reuse
takes_nothing --no-reuse
rows elsewhere/anew 6
same elsewhere/anew alone/reference
rm -r elsewhere/anew

# A claim, and a shard.
sweep lab/e.yaml sweep.seeds=3 --out elsewhere/part --shard 1/2
takes_nothing "a shard"
rm -r elsewhere/part
{ cat lab/e.yaml; echo 'claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}]}'; } >lab/claim.yaml
sweep lab/claim.yaml sweep.seeds=3 --out elsewhere/claimed
takes_nothing "a claim"
rm -r elsewhere/claimed

# Where everybody may write, another user's folder.
if [ "$(id -u)" -eq 0 ]; then
    chmod 777 elsewhere
    chown 12345 elsewhere/trained
    sweep lab/e.yaml sweep.seeds=3 --out elsewhere/shared
    takes_nothing "the folder is of another user"
    chmod 755 elsewhere
    rm -r elsewhere/shared
    sweep lab/e.yaml sweep.seeds=3 --out elsewhere/shared
    says "^6 of 6 trials are taken from 'elsewhere/trained'$"
    rm -r elsewhere/shared
fi

# A damaged file, one of another version, one that could not be run, one without scores of today, and a link; of other numerics is the folder.
files=(elsewhere/trained/trials/*.trial)
sed -i 's/^steps /steps 1/' "${files[0]}"
resealed "${files[1]}" '1s/trial 1/trial 2/' ''
resealed "${files[2]}" 's/^status done/status error/' ''
resealed "${files[4]}" '/^test_top5_error/d; /^test_ece/d' ''
mv "${files[3]}" outside.trial
ln -s "$PWD/outside.trial" "${files[3]}"
sweep lab/e.yaml sweep.seeds=3 --out elsewhere/careful
says "^1 of 6 trials is taken from 'elsewhere/trained'$"
same elsewhere/careful alone/reference
rm -r elsewhere/careful
resealed elsewhere/trained/experiment.yaml 's/^  numerics: .*/  numerics: 1/' '# '
sweep lab/e.yaml sweep.seeds=3 --out elsewhere/numerics
takes_nothing "other numerics"
rm -r elsewhere/trained
mv elsewhere/numerics outside
ln -s ../outside elsewhere/link
mkdir elsewhere/held
ln -s ../../outside/trials elsewhere/held/trials
cp outside/experiment.yaml elsewhere/held
mkdir -m 0 elsewhere/unreadable
sweep lab/e.yaml sweep.seeds=3 --out elsewhere/linked
takes_nothing "a link out of the folder"
rmdir elsewhere/unreadable
rm -r elsewhere/link elsewhere/held
echo "what cannot be used is trained"

# Another program works there: nobody waits.
(
    flock -x 9
    sweep lab/e.yaml sweep.seeds=3 --out elsewhere/beside
    says "^6 of 6 trials are taken from 'elsewhere/linked'$"
) 9>>elsewhere/linked/.lock
rm -r elsewhere/beside

# Tensors: what lacks them is trained, what has them and more is taken; what depends on keys that no identity has is trained.
sweep lab/e.yaml sweep.seeds=3 log.tensors=norm1,fc1 --out alone/seen
sweep lab/e.yaml sweep.seeds=3 log.tensors=norm1,fc1 --out elsewhere/seen
takes_nothing "tensors are lacking"
same elsewhere/seen alone/seen metrics.csv
rm -r elsewhere/linked
sweep lab/e.yaml sweep.seeds=3 log.tensors=fc1 --out elsewhere/less
says "^6 of 6 trials are taken from 'elsewhere/seen'$"
sweep lab/e.yaml sweep.seeds=3 log.tensors=fc1 --out alone/less --no-reuse
same elsewhere/less alone/less metrics.csv
sweep lab/e.yaml sweep.seeds=1 log.tensors=slice:0.0 log.statistics=batch --out elsewhere/points --no-reuse
sweep lab/e.yaml sweep.seeds=1 log.tensors=slice:0.0 log.statistics=running --out elsewhere/others
takes_nothing "the loss at points"
rm -r elsewhere/*
echo "tensors are taken where they are there"

# Rounds: out of tuning/ and same/, and into them.
tuned_sweep 2 >lab/tuned.yaml
sweep lab/tuned.yaml --out elsewhere/tuned
sweep lab/tuned.yaml --out elsewhere/again
says "trials are taken from 'elsewhere/tuned/tuning'$"
says "trials are taken from 'elsewhere/tuned'$"
[ -e elsewhere/again/same/trials.csv ] || die "there is no round of equal values"
same_tables elsewhere/tuned elsewhere/again || die "the rounds differ"
echo "rounds are taken"

# A run without --out has a folder of its own for each setting.
cd lab
run() { "$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 "$@" --no-warnings >out 2>log || die "exit $? of: run $*"; }
run
run train.lr=0.2
says "'results/e' holds other results: those of this run are in 'results/e-2'"
run train.lr=0.3
says "those of this run are in 'results/e-3'"
run train.lr=0.2
says "those of this run are in 'results/e-2'"
says 'the trial is done already'
run
says 'the trial is done already'
code=0
"$NORMLAB_PROGRAM" run e.yaml norm.kind=bn sweep.seeds=1 train.lr=0.4 --out results/e >out 2>log || code=$?
[ $code -eq 2 ] && grep -q -- '--out results/e-4 keeps both' log || die "a folder that was given: exit $code"
run train.lr=0.4 --replace
[ ! -e results/e-4 ] || die "--replace takes another folder"
echo "runs have folders of their own"
