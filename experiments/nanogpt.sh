#!/usr/bin/env bash
# Does a small GPT end at the loss that the same recipe reaches in PyTorch? The network and the recipe are nanoGPT's for characters
# (configs/gpt_shakespeare.yaml).
#
#   experiments/nanogpt.sh [FOLDER]     (default: results/nanogpt)
#
# Installs what is missing (apt-get, with sudo where needed), builds into build/, trains five seeds, two to four minutes of one core each, and compares their
# losses on the whole test text with those of five trainings in PyTorch. experiments/nanogpt.py has the margin, which was written down before the first
# training, and the test. Started again it trains only what is not there yet.
set -euo pipefail
case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "nanogpt.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"
install_missing comparison
build_program OFF

out=${1:-$root/results/nanogpt}
"$build/normlab" sweep "$root/configs/gpt_shakespeare.yaml" sweep.seeds=5 --out "$out" >/dev/null
python3 "$root/experiments/nanogpt.py" "$out"
