#!/usr/bin/env bash
# Whole trainings leave the same bytes on every instruction set: our kernels held at each level by NORMLAB_ISA, and once under valgrind, which offers
# no AVX-512, so that the loops that the compiler vectorizes run on AVX2 as well. NORMLAB_PROGRAM names the program, NORMLAB_ELSEWHERE one that
# was built for another processor, if there is one (tests/long/arm64.sh).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >e.yaml <<'END'
data: {train: 96, test: 32}
model: {depth: 2, width: 20}
norm: {groups: 4, kind: none}
train: {batch: 7, lr: 0.02, steps: 12, log_every: 1}
END

levels=(avx2 plain ${NORMLAB_ELSEWHERE:+elsewhere})

train() { # OUT, then the command that is our program, if it is not NORMLAB_PROGRAM
    local out=$1
    shift
    "${@:-$NORMLAB_PROGRAM}" run e.yaml "${overrides[@]}" --quiet --out "$out" >/dev/null
}

tested=0
same() { # KEY=VALUE...
    overrides=("$@")
    rm -rf best "${levels[@]}"
    train best
    NORMLAB_ISA=avx2 train avx2
    NORMLAB_ISA=plain train plain
    [ -z "${NORMLAB_ELSEWHERE:-}" ] || train elsewhere "$NORMLAB_ELSEWHERE"
    for level in "${levels[@]}"; do
        for table in trials.csv curves.csv; do
            cmp "best/$table" "$level/$table" || { echo "$table differs on $level: $*" >&2; exit 1; }
        done
    done
    [ "$(grep -c ',train,' best/curves.csv)" -ge 4 ]
    tested=$((tested + 1))
}

for kind in none bn ln gn in rms; do
    same norm.kind=$kind model.arch=mlp train.momentum=0.9
    same norm.kind=$kind model.arch=cnn train.optimizer=adam data.crop=1
    same norm.kind=$kind model.arch=resnet model.depth=8 model.width=4 train.steps=4 train.weight_decay=0.01
done
same model.arch=mlp model.width=100 train.batch=64 train.clip_norm=1
same model.arch=mlp model.width=64 train.batch=1 train.momentum=0.9
same model.arch=mlp model.width=80 train.batch=2 train.momentum=0.9 train.nesterov=true train.weight_decay=0.01
same model.arch=mlp model.activation=gelu model.dropout=0.3 train.optimizer=adamw
same model.arch=mlp norm.kind=ln train.optimizer=lion train.weight_decay=0.1
same model.arch=cnn train.optimizer=lars train.lr=5 train.momentum=0.9 train.weight_decay=0.01
same model.arch=mlp norm.kind=ln train.optimizer=rmsprop train.lr=0.001 train.momentum=0.9
same model.arch=cnn train.optimizer=muon train.lr=0.01 train.momentum=0.9 train.nesterov=true
same model.arch=mlp model.activation=gelu model.gelu_approximate=tanh
same model.arch=mlp model.activation=tanh
same model.arch=mlp model.activation=sigmoid
same model.arch=cnn data.name=synth data.size=9 model.width=33

same model.arch=resnet model.depth=8 model.width=16 norm.kind=bn data.name=synth data.size=10 train.steps=3
same model.arch=resnet model.depth=8 model.width=16 norm.kind=bn data.name=synth data.size=10 train.steps=3 device.conv=direct

text=(data.name=text data.train=64 data.context=10 model.heads=2)
same "${text[@]}" model.arch=transformer norm.kind=ln train.optimizer=adamw model.activation=gelu model.dropout=0.1
same "${text[@]}" model.arch=transformer norm.kind=rms model.positions=rotary model.gated=true model.activation=silu
same "${text[@]}" model.arch=lstm norm.kind=ln train.optimizer=adam
same "${text[@]}" model.arch=gru norm.kind=none train.clip_norm=1

# One file of weights draws the same tokens on each.
for arch in transformer lstm; do
    overrides=("${text[@]}" model.arch=$arch norm.kind=ln train.optimizer=adam train.steps=40 data.train=640)
    rm -rf best
    "$NORMLAB_PROGRAM" run e.yaml "${overrides[@]}" --quiet --out best --save-final weights.safetensors >/dev/null
    for level in best "${levels[@]}"; do
        program=$NORMLAB_PROGRAM isa=()
        case $level in avx2 | plain) isa=(NORMLAB_ISA=$level) ;; elsewhere) program=$NORMLAB_ELSEWHERE ;; esac
        for seed in 1 2 3; do
            env "${isa[@]}" $program sample weights.safetensors --tokens 300 --seed $seed
        done >$level.tokens
        cmp best.tokens $level.tokens || { echo "other tokens are drawn on $level: $arch" >&2; exit 1; }
    done
    [ "$(wc -c <best.tokens)" -ge 900 ]
done

plain_build=$(grep -sx 'NORMLAB_SANITIZE:[A-Z]*=OFF' "$(dirname "$NORMLAB_PROGRAM")/CMakeCache.txt" || true) # valgrind runs no instrumented program
if [ -n "$plain_build" ] && command -v valgrind >/dev/null; then
    for arch in mlp cnn; do
        overrides=(model.arch=$arch train.steps=4)
        rm -rf best valgrind
        train best
        train valgrind valgrind --tool=none -q "$NORMLAB_PROGRAM"
        cmp best/curves.csv valgrind/curves.csv
    done
fi
echo "$tested trainings: the same bytes on every instruction set${NORMLAB_ELSEWHERE:+, and elsewhere}"
