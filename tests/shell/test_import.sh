#!/usr/bin/env bash
# Logs of other programs, in exactly their forms (tests/golden/logs.py), are imported; what normlab says of them is what scipy says.
set -euo pipefail
program=${NORMLAB_PROGRAM:?} root=${NORMLAB_ROOT:?} logs=$NORMLAB_ROOT/tests/golden/logs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$logs"

# LOG BASELINE FILE ... [KEY=VALUE ...]
log() {
    local name=$1 baseline=$2
    shift 2
    "$program" import "$@" "sweep.baseline=$baseline" --quiet --out "$work/$name"
    "$program" table "$work/$name" --format json >"$work/$name.json"
    "$program" verify "$work/$name" --quiet
    "$program" plot "$work/$name" --quiet >/dev/null
}

log wandb norm.kind=none wandb.csv
log lightning norm.kind=bn lightning/*/*/metrics.csv 'import.path={norm}/version_{seed}/metrics.csv'
log trainer label.method=post trainer/*/trainer_state.json 'import.path={run}/trainer_state.json'
log keras norm.kind=none keras/*.json
log timm norm.kind=gn timm/*/summary.csv
log tensorboard label.method=theirs tensorboard/*.csv 'import.metrics={Value: test_accuracy}'
log tidy label.method=A tidy.csv
log chart norm.kind=ln chart.csv

python3 - "$work" "$logs/expected.txt" <<'END'
import json, pathlib, sys

work, expected = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
labels = {"none": "no norm", "rms_norm": "RMSNorm", "batch_norm": "BN"}
checked = 0
for line in expected.read_text().splitlines():
    (log, method, against), numbers = line.split(" = ")[0].split(), [float(x) for x in line.split(" = ")[1].split()]
    answer = json.loads((work / f"{log}.json").read_text())["answer"]
    names = [labels.get(name, name) for name in (method, against)]
    claim = next((c for c in answer["claims"] if [c["method"], c["against"]] == names), None)
    assert claim, (log, names, [(c["method"], c["against"]) for c in answer["claims"]])
    p = claim["tests"]["difference"]["p"]
    scale = 100 if claim["unit"] == "points" else 1
    got = [claim["effect"] / scale, claim["lower"] / scale, claim["upper"] / scale, p]
    for is_, wanted in zip(got, numbers):
        assert abs(is_ - wanted) <= 1e-9 * max(1, abs(wanted)) + 1e-6 * abs(wanted), (log, names, got, numbers)
    checked += 1
assert checked == 9, checked
END

# What is imported again says the same, and the file that it was read from has not changed.
cp wandb.csv "$work/runs.csv"
"$program" import "$work/runs.csv" --quiet --out "$work/first"
"$program" import "$work/first/experiment.yaml" --quiet --out "$work/again"
cmp "$work/first/trials.csv" "$work/again/trials.csv"
sed -i s/0.7/0.6/ "$work/runs.csv"
if "$program" import "$work/first/experiment.yaml" --quiet --out "$work/changed" 2>"$work/errors"; then exit 1; fi
grep -q 'is not the file that was imported' "$work/errors"
echo "8 logs, 9 comparisons"
