#!/usr/bin/env bash
# The comparison of a small GPT with PyTorch (experiments/nanogpt.py): the losses that are kept end within the margin that was written down beforehand, those that
# are worse by less than the margin but too spread do not, and an unfinished sweep is not compared. scipy's ttest_ind gave the interval.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

expect() { # exit code, part of what is said, arguments
    local code=$1 part=$2 got=0
    shift 2
    python3 "$root/experiments/nanogpt.py" "$@" >"$folder/said" 2>&1 || got=$?
    [ "$got" = "$code" ] && grep -qF -- "$part" "$folder/said" || { echo "nanogpt.py $*: exit $got, not $code with '$part':"; cat "$folder/said"; exit 1; }
}

sweep() { # name, then losses
    local name=$1 seed=0
    shift
    mkdir "$folder/$name"
    { echo "train.seed,status,test_loss"; for loss; do seed=$((seed + 1)); echo "$seed,done,$loss"; done; } >"$folder/$name/trials.csv"
}

expect 0 "equal within 0.03"
sweep near 1.92 1.90 1.93 1.91 1.905
expect 0 "normlab 1.9130, PyTorch 1.9100 nats a character; difference +0.0030, 90 % interval -0.0094 to +0.0154: equal within 0.03" "$folder/near"
sweep worse 1.94 1.92 1.95 1.93 1.925
expect 1 "interval +0.0106 to +0.0354: not shown to be equal within 0.03" "$folder/worse"
sweep fewer 1.92 1.90 1.93 1.91
expect 1 "does not have 5 finished trials" "$folder/fewer"
sweep failed 1.92 1.90 1.93 1.91 nan
sed -i 's/5,done/5,diverged/' "$folder/failed/trials.csv"
expect 1 "does not have 5 finished trials" "$folder/failed"
echo "the kept losses: $(python3 "$root/experiments/nanogpt.py")"
