#!/usr/bin/env bash
# Sizes that no machine has: each whole number of a configuration at its upper bound, alone and in pairs, and lists of layers whose strides and
# repetitions multiply, under `check` and `sweep --dry-run`. The program says ok or what is wrong; it never crashes, and `check` never takes for ever: it builds
# the network. A dry run also trains a step, which of the largest networks that fit the memory takes hours: it is left after 20 seconds. Built with
# -fsanitize=undefined the program also stops at a sum that runs over. NORMLAB_ALL: all pairs with all networks, not only those of keys that sizes are made of,
# with one network each.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
normlab=${NORMLAB_PROGRAM:-$root/build/normlab}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

printf 'data: {train: 4, test: 4}\nmodel: {depth: 8, width: 8}\ntrain: {batch: 4, epochs: 1, drop_last: false}\nsweep: {grid: {norm.kind: [gn]}}\n' >e.yaml

# KEY=LARGEST
whole=$(sed -n -E 's/^(COHORT_|HYPER_)?KEY\(([a-z]+), ([a-z_0-9]+), (INT|AUTO_INT), "[^"]*", [^,]*, ([^,]*),.*/\2.\3 \5/p' "$root/core/config/keys.def" |
    awk '!/^(plot|log|device)\./ { printf "%s=%.0f\n", $1, $2 }')
sizes="model.depth=200 model.width=8192 model.heads=8192 model.mlp_ratio=1000 data.size=512 data.channels=16 data.patch=512 data.length=100000
data.symbols=10000 data.context=65536 norm.history=50 norm.time_limit=100000 train.batch=1000000 train.accumulate=10000 train.workers=1000000"
[ "$(wc -w <<<"$whole")" -gt 30 ]
[ -z "${NORMLAB_ALL:-}" ] || sizes="$whole model.mlp_ratio=1000"

ran=0 left=0
try() { # KEY=VALUE...
    local status way seconds
    for way in check "sweep --dry-run"; do
        [[ "$way $*" != sweep*data.t[re]*=1* ]] || continue # so many samples are made where there is memory for them
        status=0
        seconds=300
        [ "$way" = check ] || seconds=20
        # shellcheck disable=SC2086
        timeout "$seconds" "$normlab" $way e.yaml "$@" >out 2>err || status=$?
        if [ "$status" -eq 124 ] && [ "$way" != check ]; then
            left=$((left + 1))
        elif [ "$status" -ne 0 ] && { [ "$status" -gt 2 ] || [ ! -s err ] || grep -q 'runtime error' err; }; then
            echo "normlab $way e.yaml $*: exit $status" >&2
            tail -n 20 err >&2
            exit 1
        fi
        ran=$((ran + 1))
    done
}

bases=("data.name=synth model.arch=mlp norm.kind=bn" "data.name=synth model.arch=resnet norm.kind=cbn norm.compensate=true"
    "data.name=synth model.arch=cnn norm.kind=gn norm.weights=ws norm.affine=element" "data.name=synth data.as=pixels model.arch=transformer norm.kind=ln model.gated=true"
    "data.name=copy model.arch=lstm norm.kind=ln" "data.name=recall model.arch=transformer norm.kind=rms norm.qk=true")
turn=0
for base in "${bases[@]}"; do
    turn=$((turn + 1)) pair=0
    # shellcheck disable=SC2206
    settings=($base)
    for one in $whole; do
        [ -z "${NORMLAB_ALL:-}" ] && [[ " $sizes " != *"$one"* ]] && [ "$turn" -ne 1 ] || try "${settings[@]}" "$one"
    done
    for one in $sizes; do
        for other in $sizes; do
            [[ "$one" < "$other" ]] || continue
            pair=$((pair + 1)) # in the gate each base has every sixth
            [ -n "${NORMLAB_ALL:-}" ] || [ $(((pair + turn) % ${#bases[@]})) -eq 0 ] || continue
            try "${settings[@]}" "$one" "$other"
        done
    done
done

conv='{conv: 4, stride: 16}'
for inner in "$conv" "{conv: 8192, stride: 16}, norm, activation" "{linear: 8192}" "max-pool, $conv" "{residual: [$conv]}" \
    "{residual: [$conv], shortcut: [$conv]}" "{residual: [{layers: [$conv], repeat: 12}]}" "{layers: [{layers: [$conv], repeat: 9}], repeat: 9}"; do
    for repeat in 1 8 12 40 1000; do
        try data.name=synth model.arch=layers "model.layers=[{layers: [$inner], repeat: $repeat}, mean-pool, {linear: classes}]"
        try data.name=synth data.size=512 data.channels=16 train.batch=1000000 model.arch=layers \
            "model.layers=[{layers: [$inner], repeat: $repeat}, mean-pool, {linear: classes}]"
    done
done
echo "$ran commands; $left were still training a step"
