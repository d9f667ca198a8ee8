#!/usr/bin/env bash
# A first language model: a small GPT reads Shakespeare's plays, which the program carries, character by character, and then writes by itself.
#
#   experiments/shakespeare.sh [FOLDER]     (default: results/shakespeare)
#
# Installs what is missing (apt-get, with sudo where needed), builds into build/, trains configs/gpt_shakespeare.yaml for a quarter of its steps, and prints
# what the network writes after "ROMEO:". Started again it trains again. The whole of its 2,000 steps:
#
#   build/normlab run configs/gpt_shakespeare.yaml --save-final model.safetensors
set -euo pipefail
case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "shakespeare.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"
install_missing
build_program OFF

out=${1:-$root/results/shakespeare}
mkdir -p "$out"
start=$SECONDS
"$build/normlab" run "$root/configs/gpt_shakespeare.yaml" train.steps=500 data.train=2000 --save-final "$out/model.safetensors" --out "$out/run" --replace
say ""
"$build/normlab" sample "$out/model.safetensors" --prompt "ROMEO:" --tokens 300 --temperature 0.8
say ""
say "done in $((SECONDS - start)) s; more: build/normlab sample $out/model.safetensors --seed 2"
