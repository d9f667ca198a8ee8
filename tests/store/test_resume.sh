#!/usr/bin/env bash
# A run with --checkpoint that is killed again and again (SIGKILL, SIGHUP, SIGTERM) ends with the bytes of one that is not: trials.csv, curves.csv, metrics.csv,
# weights, order. A sweep with --checkpoint-every likewise. NORMLAB_PROGRAM names the program.
#
# A signal is sent when a checkpoint is there that was not before, so that each call gets further, however slow it is. One that ends before the signal
# comes is too short for this machine: all is tried again with twice the epochs.
set -euo pipefail
# Started by nohup, which has SIGHUP ignored, the program would ignore it, too.
[ -n "${NORMLAB_HANGS_UP:-}" ] || NORMLAB_HANGS_UP=1 exec env --default-signal=HUP bash "$0"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >images.yaml <<'YAML'
data: {name: synth, size: 8, train: 1024, test: 128, crop: 1, flip: true}
model: {arch: cnn, depth: 3, width: 16}
norm: {eval: [running, precise, batch]}
train: {batch: 32, lr: 0.1, momentum: 0.9, schedule: cosine, log_every: 1}
log: {tensors: [norm1, "grad:conv?.weight", "update:head.*"]}
YAML
cat >adam.yaml <<'YAML'
data: {train: 1024, test: 128}
model: {depth: 6, width: 96, dropout: 0.2}
norm: {kind: bn, running: cumulative}
train: {batch: 24, drop_last: false, lr: 0.003, optimizer: adam, label_noise: 0.2}
YAML
cat >language.yaml <<'YAML'
data: {name: text, context: 8, train: 1024, test: 128}
model: {arch: transformer, depth: 2, width: 16, heads: 2, dropout: 0.1, activation: gelu}
norm: {kind: rms}
train: {batch: 32, lr: 0.003, optimizer: adamw, weight_decay: 0.1, clip_norm: 1, log_every: 8}
log: {tensors: ["*.ln_1", "grad:*.c_attn.weight", "update:lm_head.*"]}
YAML
cat >recurrent.yaml <<'YAML'
data: {name: text, context: 8, train: 1024, test: 128, sampling: stream}
model: {arch: lstm, depth: 2, width: 16, dropout: 0.1, stateful: true}
norm: {kind: ln}
train: {batch: 32, lr: 0.003, optimizer: adam, clip_norm: 1, log_every: 8}
log: {tensors: ["rnn.norm_c_l?", "grad:rnn.weight_hh_*", "update:head.*"]}
YAML
signals=(KILL HUP TERM)
[ -z "${NORMLAB_ALL:-}" ] || signals+=("${signals[@]}")
touch -d @1 long_ago

doubled() { # EPOCHS: these, twice as many, and so on
    for ((n = $1; n <= 1000000; n *= 2)); do echo $n; done
}
die() { echo "$*" >&2; cat log >&2; exit 1; }

new_checkpoint() { # since all were made old
    for file in *.checkpoint */trials/*.checkpoint; do
        [ ! "$file" -nt long_ago ] || return 0
    done
    return 1
}

# Runs the program with these arguments, once for each signal, which it gets when it has written a checkpoint; then to its end. Every other time it
# writes one after an eighth of its epochs, and else as often as it can. False: it ended before it got all of the signals; else $done is set.
killed() { # argument...
    local program code every signal i
    done=
    for ((i = 0; i < ${#signals[@]}; i++)); do
        signal=${signals[i]} every=$((epochs / 8))epochs
        [ $((i % 2)) -eq 0 ] || every=0.000000001s
        find . -name '*.checkpoint' -exec touch -d @0 {} +
        "$NORMLAB_PROGRAM" "$@" --checkpoint-every $every >log 2>&1 &
        program=$!
        until new_checkpoint || ! kill -0 $program 2>/dev/null; do sleep 0.002; done
        kill -$signal $program 2>/dev/null || true
        code=0
        { wait $program || code=$?; } 2>/dev/null # bash says "Killed"
        [ $code -ne 0 ] || return 1
        [ $code -eq "$([ $signal = KILL ] && echo 137 || echo 130)" ] || die "SIG$signal: exit code $code"
        [ "$1" = sweep ] || [ $i -eq 0 ] || grep -q '^resuming from .* after [1-9]' log || die "it does not go on after SIG${signals[i - 1]}"
    done
    # between a trial and its checkpoint a kill leaves the checkpoint of a trial that has ended, which nobody needs
    [ "$1" = run ] || "$NORMLAB_PROGRAM" clean sweep.killed --force >log 2>&1 || die "exit code $? of clean"
    "$NORMLAB_PROGRAM" "$@" --checkpoint-every 1epoch >log 2>&1 || die "exit code $?"
    done=1
}

same_tables() { # OUT OUT
    for table in trials.csv curves.csv; do cmp "$1/$table" "$2/$table"; done
    [ ! -e "$1/metrics.csv" ] || cmp "$1/metrics.csv" "$2/metrics.csv"
}

declare -A epochs_of=([images]=80 [adam]=80 [language]=16 [recurrent]=16)
for case in images adam language recurrent; do
    for epochs in $(doubled ${epochs_of[$case]}); do
        rm -rf $case.*whole* $case.*killed* $case.checkpoint
        arguments=(run $case.yaml train.epochs=$epochs)
        "$NORMLAB_PROGRAM" "${arguments[@]}" --quiet --out $case.whole --save-final $case.whole.safetensors --save-order $case.whole.npy >/dev/null
        ! killed "${arguments[@]}" --out $case.killed --save-final $case.killed.safetensors --save-order $case.killed.npy --checkpoint $case.checkpoint || break
    done
    [ -n "$done" ] || die "$case ended before it could be killed ${#signals[@]} times"
    same_tables $case.whole $case.killed
    cmp $case.whole.safetensors $case.killed.safetensors
    cmp $case.whole.npy $case.killed.npy
    [ ! -e $case.checkpoint ] || die "the checkpoint is still there"
    echo "same bytes: $case, $epochs epochs, after ${#signals[@]} interruptions"
done

arms=(--no-reuse adam.yaml norm.kind=bn,ln train.lr=0.001,0.003 --no-plot -j 2)
for epochs in $(doubled 40); do
    rm -rf sweep.whole sweep.killed
    "$NORMLAB_PROGRAM" sweep "${arms[@]}" train.epochs=$epochs --quiet --out sweep.whole >/dev/null
    ! killed sweep "${arms[@]}" train.epochs=$epochs --out sweep.killed || break
done
[ -n "$done" ] || die "the sweep ended before it could be killed ${#signals[@]} times"
same_tables sweep.whole sweep.killed
[ -z "$(find sweep.killed -name '*.checkpoint')" ] || die "checkpoints are still there"
echo "same bytes: sweep, $epochs epochs, after ${#signals[@]} interruptions"

# A terminal that closes is a Ctrl-C (of a sweep that would not end by itself);
"$NORMLAB_PROGRAM" sweep "${arms[@]}" train.steps=10000000000 train.log_every=1000000000 train.eval_every=1000000000 --quiet --out sweep.hup >/dev/null 2>log &
program=$!
until [ -e sweep.hup/experiment.yaml ] || ! kill -0 $program 2>/dev/null; do sleep 0.01; done
kill -HUP $program
code=0
wait $program || code=$?
[ $code -eq 130 ] || die "SIGHUP: exit code $code, not 130"

# of what was started with nohup it ends nothing. That it runs when the signal comes is known because it is stopped meanwhile.
for epochs in $(doubled $epochs); do
    rm -rf sweep.nohup
    (trap '' HUP; exec "$NORMLAB_PROGRAM" sweep "${arms[@]}" train.epochs=$epochs --quiet --out sweep.nohup >/dev/null 2>log) &
    program=$! state=
    until [ -e sweep.nohup/experiment.yaml ] || ! kill -0 $program 2>/dev/null; do sleep 0.01; done
    kill -STOP $program 2>/dev/null || true
    until [[ $state == [TZ] ]]; do read -r _ _ state _ 2>/dev/null </proc/$program/stat || state=Z; done
    kill -HUP $program 2>/dev/null || true
    kill -CONT $program 2>/dev/null || true
    code=0
    wait $program || code=$?
    [ $code -eq 0 ] || die "SIGHUP with nohup: exit code $code"
    [ $state = Z ] || break
done
[ $state = T ] || die "every sweep ended before SIGHUP"
grep -q "^ *epochs: $epochs\b" sweep.whole/experiment.yaml || { rm -r sweep.whole; "$NORMLAB_PROGRAM" sweep "${arms[@]}" train.epochs=$epochs --quiet --out sweep.whole >/dev/null; }
same_tables sweep.whole sweep.nohup
echo "SIGHUP: stopped; with nohup not"
