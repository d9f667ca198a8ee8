#!/usr/bin/env bash
# Shards as experiments/README.md starts them without Slurm: its lines for GNU parallel are run, with this machine in place of those reached by ssh, and its
# manifest for Kubernetes is held against the schema of a Job, and its container's command run for each index. Both end with the bytes of a sweep in one piece.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=$(realpath "${NORMLAB_PROGRAM:-$root/build/normlab}")
skip() { echo "skipped: $*"; exit 77; }
die() { echo "$*"; exit 1; }
install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && { apt-get install -y -q --no-install-recommends "$@" || { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; }; } >/dev/null 2>&1; }
{ command -v parallel >/dev/null && parallel --version | grep -q '^GNU parallel'; } || install parallel || skip "GNU parallel is not there"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
ln -s "$program" "$folder/bin/normlab"
PATH=$folder/bin:$PATH
export NORMLAB_NO_WARNINGS=1
cd "$folder"
cat >mine.yaml <<'YAML'
data: {train: 256, test: 64}
model: {depth: 2, width: 8}
train: {epochs: 2, lr: 0.1}
sweep: {grid: {norm.kind: [bn, none], train.batch: [16, 4]}, seeds: 2}
YAML
normlab sweep --no-reuse mine.yaml --out whole --no-plot -q >/dev/null
section() { sed -n "/^<!-- $1 -->/,/^<!-- end of $1 -->/{//!p}" "$root/experiments/README.md" | sed 's/^    //'; }
checks=0
same() { # what
    local table
    for table in trials.csv curves.csv summary.csv; do cmp whole/$table results/mine/$table || die "$table differs: $1"; done
    checks=$((checks + 1))
    echo "same bytes: $1"
}

section parallel | sed 's/--sshlogin [^ ]*/--sshlogin :/' >lines
grep -q -- '--sshlogin : ' lines || die "the lines for GNU parallel are not there"
bash -e lines >log 2>&1 || { cat log; die "the lines for GNU parallel"; }
same "GNU parallel"
[ -e results/mine/plots/curves.svg ] || die "no plot: $(ls results/mine/plots)"
rm -r results

section kubernetes >job.yaml
python3 -m venv venv >/dev/null 2>&1 || { install python3-venv && python3 -m venv venv >/dev/null; } || skip "no virtual environment can be made"
venv/bin/pip install -q kubernetes-validate pyyaml >pip.log 2>&1 || skip "the schema of a Job cannot be had: $(tail -n 1 pip.log)"
venv/bin/kubernetes-validate --strict job.yaml || die "the manifest is no Job"
sed 's/completions: 4/completions: four/' job.yaml >wrong.yaml
! venv/bin/kubernetes-validate --strict wrong.yaml >/dev/null 2>&1 || die "a wrong manifest passes: nothing is validated"
checks=$((checks + 2))
venv/bin/python - <<'PYTHON'
import os, subprocess, yaml
job = yaml.safe_load(open("job.yaml"))["spec"]
container = job["template"]["spec"]["containers"][0]
for index in range(job["completions"]):
    subprocess.run(container["command"] + container["args"], check=True, env=dict(os.environ, JOB_COMPLETION_INDEX=str(index)))
PYTHON
normlab merge results/mine-[1-9]*of4 --out results/mine >/dev/null
same "the containers' command"
echo "100%: Checks: $checks"
