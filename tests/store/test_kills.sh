#!/usr/bin/env bash
# A program that is killed (SIGKILL) at any call by which it changes files (tests/faults/inject.c) has lost nothing: what was finished stays as it
# is, and the same command once more ends with the bytes of one that nobody killed. Each command is killed at its first call, at its second, and so
# on to its last; writes are killed half-way. Here at every so many calls; with NORMLAB_ALL at each, and the command that goes on is killed, too.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
killer=$(dirname "$program")/libinject.so
! grep -qE '__asan_init|__tsan_init' "$program" || { echo "skipped: a sanitizer wants to be loaded first"; exit 77; }

folder=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) # no power is cut here: a disk need not be waited for
trap 'rm -rf "$folder"' EXIT
cd "$folder"
die() { echo "$scene, call $call: $*"; cat log; exit 1; }

cat >e.yaml <<'END'
data: {train: 64, val: 32, test: 64}
model: {depth: 1, width: 8}
train: {epochs: 6, batch: 16, lr: 0.1, momentum: 0.9}
sweep: {grid: {norm.kind: [bn, none], train.lr: [0.1, 1e6]}}
END

# ---- what is killed: the folder `before` holds what is there, $command is what is run in a copy of it ----

normlab() { "$program" "$@"; }
whole_tables() { # of results/: those that there must be
    for table in trials curves summary; do cmp "../whole/results/$table.csv" "results/$table.csv" || die "$table.csv differs"; done
    normlab verify -q results >>../log 2>&1 || die "not as it was written"
    [ -z "$(find . -name '*.tmp' -o -name '*.damaged*')" ] || die "left behind: $(find .)"
}
finished() { # of finished trials: checksums of their files, which hold the seconds that they took
    { find . -name '*.trial' -exec grep -L "$1" {} + || true; } | sort | xargs -r sha256sum # grep's exit code says something else
}

a_sweep() {
    command=(sweep e.yaml --out results --no-plot -q -j 1)
    kept=nothing
    check() { whole_tables; }
}
a_sweep_with_checkpoints() {
    a_sweep
    command+=(--checkpoint-every 1epochs)
    # between a trial and its checkpoint a kill leaves the checkpoint of a trial that has ended, which nobody needs
    check() { normlab clean results --force >/dev/null && [ -z "$(find . -name '*.checkpoint')" ] || die "checkpoints stay"; whole_tables; }
}
a_retry() {
    normlab sweep e.yaml --out results --no-plot -q -j 1 >>../log 2>&1
    a_sweep
    command+=(--retry failed)
    kept='^status diverged' # those are run again
}
a_merge() {
    for shard in 1 2; do normlab sweep e.yaml --out shard$shard --shard $shard/2 --no-plot -q -j 1 >>../log 2>&1; done
    command=(merge shard1 shard2 --out results)
    kept=nothing
    check() { whole_tables; }
}
a_run_with_a_checkpoint() {
    command=(run e.yaml norm.kind=bn train.lr=0.1 --out results -q --checkpoint run.checkpoint --checkpoint-every 1epochs --save-final final.safetensors)
    kept=status # a run is always run
    check() {
        for table in trials curves; do cmp "../whole/results/$table.csv" "results/$table.csv" || die "$table.csv differs"; done
        cmp ../whole/final.safetensors final.safetensors || die "the weights differ"
        [ ! -e run.checkpoint ] || die "the checkpoint stays"
    }
}
some_pictures() {
    normlab sweep e.yaml --out results --no-plot -q -j 1 >>../log 2>&1
    normlab plot results -q --format svg >>../log 2>&1
    command=(plot results -q --format svg plot.title=other)
    kept=nothing
    check() { for picture in ../whole/results/plots/*; do cmp "$picture" "results/plots/${picture##*/}" || die "$picture differs"; done; }
}

# ---- killing ----

kills=0
run_killed() { # leaves the exit code in $code
    code=0
    { (cd work && NORMLAB_KILL_AT=$call LD_PRELOAD=$killer exec "$program" "${command[@]}") >log 2>&1 || code=$?; } 2>/dev/null
    [ $code -eq 0 ] || [ $code -eq 137 ] || die "exit code $code"
    kills=$((kills + (code == 137)))
}
walk() { # scene, stride
    local stride=$2 there before=$kills last
    scene=$1 call=0
    rm -rf before whole; mkdir before; cp e.yaml before/; : >log
    pushd before >/dev/null; $scene; popd >/dev/null
    cp -r before whole
    (cd whole && normlab "${command[@]}" >../log 2>&1) || die "it fails"
    for ((call = 1; ; call += stride)); do
        rm -rf work; cp -r before work
        run_killed
        last=$code
        [ -z "${NORMLAB_ALL:-}" ] || [ $last -eq 0 ] || run_killed
        there=$(cd work && finished "$kept")
        [ $scene != some_pictures ] || pictures_are_whole
        (cd work && normlab "${command[@]}" >../log 2>&1) || die "it does not go on, exit code $?"
        [ -z "$there" ] || (cd work && sha256sum --quiet -c <<<"$there" >>../log 2>&1) || die "a finished trial was run again"
        (cd work && check)
        [ $last -ne 0 ] || break
    done
    printf '%-24s %4d kills, all before call %d\n' "$scene" $((kills - before)) $call
    [ $kills -gt $before ] || die "it was never killed"
}
pictures_are_whole() { # those of before, or those that are to be
    for picture in work/results/plots/*.svg; do
        cmp -s "$picture" "before/${picture#work/}" || cmp -s "$picture" "whole/${picture#work/}" || die "$picture is neither the old picture nor the new one"
    done
}

stride() { [ -n "${NORMLAB_ALL:-}" ] && echo 1 || echo "$1"; }
walk a_sweep "$(stride 5)"
walk a_sweep_with_checkpoints "$(stride 23)"
walk a_retry "$(stride 5)"
walk a_merge "$(stride 5)"
walk a_run_with_a_checkpoint "$(stride 11)"
if command -v gnuplot >/dev/null; then walk some_pictures "$(stride 5)"; else echo "skipped: gnuplot is not installed"; fi
echo "killed $kills times, nothing was lost"
