#!/usr/bin/env bash
# trials.csv, curves.csv and metrics.csv are the same bytes: with one worker and with two, twice, after SIGKILL in the middle and a restart, after
# Ctrl-C and a restart. NORMLAB_PROGRAM names the program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >e.yaml <<'YAML'
data: {train: 512, test: 128}
model: {depth: 3, width: 32}
train: {lr: 0.1, momentum: 0.9}
norm: {eval: [running, precise, batch]}
log: {tensors: [norm1, "grad:fc2*", "update:*.weight"]}
sweep:
  grid: {norm.kind: [bn, ln, none], train.batch: [16, 4, 1]}
  seeds: 4
YAML
trials=36
epochs=40 # of every sweep

sweep() { # OUT, then options
    local out=$1
    shift
    "$NORMLAB_PROGRAM" sweep --no-reuse e.yaml train.epochs=$epochs --out "$out" --no-plot --quiet "$@"
}

# Makes whole/ anew, with one worker.
whole() {
    rm -rf whole
    sweep whole -j 1 >/dev/null
    [ "$(wc -l <whole/trials.csv)" -eq $((trials + 1)) ]
}

same() { # OUT WHAT
    for table in trials.csv curves.csv metrics.csv; do
        cmp "whole/$table" "$1/$table" || { echo "$table differs: $2" >&2; exit 1; }
    done
    echo "same bytes: $2"
}

# Starts a sweep, sends it a signal when three trials have finished, and leaves its exit code in $code. How fast it is, is not what is tested: a sweep
# that was quicker than the signal is tried again with twice the epochs.
interrupt() { # OUT SIGNAL
    local program there asked=$epochs
    for (( ; epochs <= 1000000; epochs *= 2)); do
        rm -rf "$1"
        "$NORMLAB_PROGRAM" sweep --no-reuse e.yaml train.epochs=$epochs --out "$1" --no-plot --quiet -j 2 >/dev/null 2>"$1.stderr" &
        program=$!
        until [ "$(find "$1/trials" -name '*.trial' 2>/dev/null | wc -l)" -ge 3 ] || ! kill -0 $program 2>/dev/null; do :; done
        kill -"$2" $program 2>/dev/null || true
        code=0
        wait $program || code=$?
        there=$(find "$1/trials" -name '*.trial' | wc -l)
        if [ $code -ne 0 ] && [ "$there" -lt $trials ]; then
            echo "SIG$2 after $there of $trials trials of $epochs epochs: exit $code"
            [ $epochs -eq $asked ] || whole
            return
        fi
        cat "$1.stderr" >&2
    done
    echo "every sweep ended before SIG$2" >&2
    exit 1
}

whole
sweep again -j 1 >/dev/null
same again "twice"
sweep two -j 2 >/dev/null
same two "-j 2"
sweep five -j 5 >/dev/null
same five "-j 5"
sweep whole -j 2 >/dev/null
same two "the same command again"

interrupt killed KILL
[ $code -eq 137 ]
sweep killed -j 2 >/dev/null
same killed "killed and started again"

interrupt stopped TERM
[ $code -eq 130 ]
grep -q "stopped; done: .* to continue:" stopped.stderr
grep -q -- "sweep --no-reuse e.yaml train.epochs=$epochs --out stopped --no-plot --quiet -j 2" stopped.stderr
[ "$(wc -l <stopped/trials.csv)" -gt 3 ]
sweep stopped -j 1 >/dev/null
same stopped "stopped and started again"
