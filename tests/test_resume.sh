#!/usr/bin/env bash
# A run with --checkpoint that is killed again and again (SIGKILL, SIGHUP, SIGTERM) ends with the bytes of one that is not: trials.csv, curves.csv,
# weights, order. A sweep with --checkpoint-every likewise. NORMLAB_PROGRAM names the program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >images.yaml <<'YAML'
data: {name: synth, size: 8, train: 1024, test: 128, crop: 1, flip: true}
model: {arch: cnn, depth: 3, width: 16}
norm: {eval: [running, precise, batch]}
train: {epochs: 20, batch: 32, lr: 0.1, momentum: 0.9, schedule: cosine, log_every: 1}
YAML
cat >adam.yaml <<'YAML'
data: {train: 1024, test: 128}
model: {depth: 6, width: 96, dropout: 0.2}
norm: {kind: bn, running: cumulative}
train: {epochs: 80, batch: 24, drop_last: false, lr: 0.003, optimizer: adam, label_noise: 0.2}
YAML

# Runs the program with these arguments to its end and leaves in $whole how many seconds that took.
undisturbed() { # argument...
    local start=${EPOCHREALTIME/,/.}
    "$NORMLAB_PROGRAM" "$@" --quiet >/dev/null
    whole=$(awk "BEGIN {print ${EPOCHREALTIME/,/.} - $start}")
}

# Runs the program with these arguments until it ends by itself; each time it is sent the next of the signals, a little later than the last time,
# first after an eighth of $whole.
interrupted=0
until_done() { # argument...
    local wait code signals=(KILL HUP TERM)
    wait=$(awk "BEGIN {print $whole / 8}")
    interrupted=0
    while true; do
        "$NORMLAB_PROGRAM" "$@" --quiet >log 2>&1 &
        local program=$!
        sleep $wait
        kill -"${signals[$((interrupted % 3))]}" $program 2>/dev/null || true
        code=0
        { wait $program || code=$?; } 2>/dev/null # bash says "Killed"
        [ $code -ne 0 ] || return 0
        # 143, 129: terminated before it listens to signals
        [[ $code =~ ^(130|137|143|129)$ ]] || { cat log >&2; exit 1; }
        interrupted=$((interrupted + 1))
        wait=$(awk "BEGIN {print $wait * 1.25}")
    done
}

for case in images adam; do
    undisturbed run $case.yaml --out $case.whole --save-final $case.whole.safetensors --save-order $case.whole.npy
    for _ in {1..8}; do # where the run was quicker than the signals, again, with quicker ones
        rm -rf $case.killed
        until_done run $case.yaml --out $case.killed --save-final $case.killed.safetensors --save-order $case.killed.npy \
            --checkpoint $case.checkpoint --checkpoint-every 0.01s
        [ $interrupted -lt 2 ] || break
        whole=$(awk "BEGIN {print $whole / 2}")
    done
    [ $interrupted -ge 2 ] || { echo "$case ended before it could be killed twice" >&2; exit 1; }
    for table in trials.csv curves.csv; do cmp $case.whole/$table $case.killed/$table; done
    cmp $case.whole.safetensors $case.killed.safetensors
    cmp $case.whole.npy $case.killed.npy
    [ ! -e $case.checkpoint ] || { echo "the checkpoint is still there" >&2; exit 1; }
    echo "same bytes: $case, after $interrupted interruptions"
done

arms=(adam.yaml train.epochs=40 norm.kind=bn,ln train.lr=0.001,0.003 --no-plot -j 2)
undisturbed sweep "${arms[@]}" --out sweep.whole
until_done sweep "${arms[@]}" --out sweep.killed --checkpoint-every 1epoch
for table in trials.csv curves.csv; do cmp sweep.whole/$table sweep.killed/$table; done
[ -z "$(find sweep.killed -name '*.checkpoint')" ] || { echo "checkpoints are still there" >&2; exit 1; }
echo "same bytes: sweep, after $interrupted interruptions"

# A terminal that closes is a Ctrl-C; of what was started with nohup it ends nothing.
for code in 130 0; do
    ([ $code -ne 0 ] || trap '' HUP; exec "$NORMLAB_PROGRAM" sweep "${arms[@]}" --quiet --out sweep.hup.$code >/dev/null 2>&1) &
    program=$!
    until [ -e sweep.hup.$code/experiment.yaml ]; do :; done
    kill -HUP $program
    found=0
    wait $program || found=$?
    [ $found -eq $code ] || { echo "SIGHUP: exit code $found, not $code" >&2; exit 1; }
done
for table in trials.csv curves.csv; do cmp sweep.whole/$table sweep.hup.0/$table; done
echo "SIGHUP: stopped; with nohup not"
