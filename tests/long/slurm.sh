#!/usr/bin/env bash
# Sweeps on a real Slurm, Debian's, with a controller and three nodes on this machine: `normlab submit` ends with the bytes of a sweep in one piece where
# nothing happens, where tasks are preempted, come to their time limit, are cancelled, and where a node is lost with all that ran there. Events are
# counted. Everything lies in a folder of its own, with ports and a key of its own.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=$(realpath "${NORMLAB_PROGRAM:-$root/build/normlab}")
. "$root/tests/store/rounds.sh"
skip() { echo "skipped: $*"; exit 77; }
. /etc/os-release
[ "$(id -u)" -eq 0 ] || skip "only root can run Slurm's daemons"
needed="slurmctld slurmd slurm-client munge"
are_there() { local program; for program; do command -v "$program" >/dev/null || return 1; done; }
if ! are_there slurmctld slurmd sbatch munged; then
    [ "$ID" = debian ] || skip "there is no Slurm, and it is installed from Debian: this is $ID"
    # Nobody's services are started here.
    policy=/usr/sbin/policy-rc.d
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap 'rm -f $policy' EXIT; }
    # shellcheck disable=SC2086
    { apt-get install -y -q --no-install-recommends $needed || { apt-get update -q && apt-get install -y -q --no-install-recommends $needed; }; } >/dev/null 2>&1 || skip "Slurm cannot be installed"
fi

folder=$(mktemp -d)
nodes="n1 n2 n3"
leave() {
    scancel --full --me >/dev/null 2>&1 || true
    for file in "$folder"/*.pid; do [ ! -e "$file" ] || kill -9 "$(cat "$file")" 2>/dev/null || true; done
    for pid in $(of_node n); do kill -9 "$pid" 2>/dev/null || true; done
    rm -rf "$folder" "${policy:-/nonexistent}"
}
trap leave EXIT
die() {
    echo "$*"
    squeue --all 2>&1 | tail -n 20
    sinfo 2>&1
    for log in "$folder"/*.log out-slurm/*; do [ ! -e "$log" ] || { echo "== $log"; tail -n 15 "$log"; }; done
    exit 1
}

# ---- a cluster ----

# The processes of a node: its daemon, what runs in its jobs, which have its name in their environment, and the keepers of these, their parents.
of_node() { # prefix of names
    local file pid parent
    for file in $(grep -lsza "^SLURM_CONF=$folder/" /proc/[0-9]*/environ); do
        pid=${file#/proc/}
        pid=${pid%/environ}
        if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "^slurmd -N $1"; then
            echo "$pid"
        elif grep -qsza "^SLURMD_NODENAME=$1" "$file"; then
            echo "$pid"
            parent=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
            ! grep -q '^slurmstepd' "/proc/$parent/comm" || echo "$parent"
        fi
    done 2>/dev/null | sort -u
}
mkdir "$folder/state" "$folder/work"
chmod 755 "$folder"
head -c 1024 /dev/urandom >"$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" --force 2>"$folder/munged.err" ||
    skip "munged does not start here: $(tail -n 1 "$folder/munged.err")"
port=$((20000 + $$ % 20000))
cat >"$folder/slurm.conf" <<CONF
ClusterName=normlab
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
KillWait=5
InactiveLimit=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=1
GresTypes=gpu
NodeName=n[1-3] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 3))] CPUs=2 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 MaxTime=INFINITE State=UP GraceTime=5
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP
CONF
for gpu in 0 1; do mknod "$folder/gpu$gpu" c 1 3; done # devices that Slurm counts, and that compute nothing
printf 'AutoDetect=off\nNodeName=n[1-3] Name=gpu File=%s\n' "$folder/gpu[0-1]" >"$folder/gres.conf"
export SLURM_CONF=$folder/slurm.conf
slurmctld 2>"$folder/slurmctld.err" || skip "slurmctld does not start here: $(tail -n 1 "$folder/slurmctld.err")"
start_node() { slurmd -N "$1" 2>"$folder/slurmd-$1.err" || skip "slurmd does not start here: $(tail -n 1 "$folder/slurmd-$1.err")"; }
for node in $nodes; do start_node "$node"; done

seconds=600 # a watchdog for what hangs
wait_for() { # what, command...
    local what=$1 begun=$SECONDS
    shift
    until "$@"; do
        [ $((SECONDS - begun)) -lt $seconds ] || die "waited in vain: $what"
        sleep 0.2
    done
}
idle_nodes() { [ "$(sinfo --noheader --Node --partition=low --format=%t | grep -c '^idle')" -eq 3 ]; }
wait_for "three idle nodes" idle_nodes
echo "$(sinfo --version), $(sinfo --noheader --Node --partition=low | wc -l) nodes"

# ---- sweeps ----

mkdir "$folder/bin"
ln -s "$program" "$folder/bin/normlab"
PATH=$folder/bin:$PATH
cd "$folder/work"
export NORMLAB_NO_WARNINGS=1
cat >grid.in <<'YAML'
data: {train: 512, test: 128}
model: {depth: 3, width: 32}
train: {epochs: EPOCHS, lr: 0.1}
sweep: {grid: {norm.kind: [bn, none], train.batch: [16, 4]}, seeds: 3}
YAML
tuned_sweep EPOCHS >rounds.in

begin() { # KIND EPOCHS: a folder with the sweep, and whole/ beside it
    rm -rf now; mkdir now; cd now
    sed "s/EPOCHS/$2/" "../$1.in" >sweep.yaml
    normlab sweep --no-reuse sweep.yaml --out whole --no-plot -q >/dev/null 2>&1 || die "the sweep in one piece"
}
submit() { # options of submit, then of sbatch
    normlab submit sweep.yaml --tasks 4 --out out --checkpoint-every 1s "$@" >>submitted 2>&1 || { cat submitted; die "submit $*"; }
}
no_jobs() { [ -z "$(squeue --noheader --all)" ]; }
same() { # what
    wait_for "the end of $1" no_jobs
    same_tables whole out || die "$1"
    normlab verify out >/dev/null || die "$1: verify"
    checks=$((checks + 1))
    echo "same bytes: $1"
}
checkpoints() { find out-*of4 -name '*.checkpoint' 2>/dev/null | wc -l; }
some_checkpoints() { [ "$(checkpoints)" -ge 2 ] || no_jobs; }
array() { sed -n 's/^submitted: \([0-9]*\), .*/\1/p' submitted | tail -n 1; }
restarts() { scontrol show job "$(array)" | grep -o 'Restarts=[0-9]*' | awk -F= '{ s += $2 } END { print s + 0 }'; } # of all tasks
epochs_for() { # KIND COMMAND: the command with begun sweeps of ever more epochs, until it says that the event came in time
    local epochs
    for ((epochs = 40; epochs <= 1000000; epochs *= 4)); do
        begin "$1" $epochs
        "$2" && return
        wait_for "the end of what was too quick" no_jobs
        cd ..
    done
    die "every sweep ended before $2"
}
checks=0

nothing_happens() {
    submit
    grep -q '^submitted: ' submitted || die "submit does not say what it submitted"
    same "nothing happens"
    [ -e out/plots/curves.svg ] || die "no pictures"
    grep -q "mean of 3 seeds" out-slurm/*.log || die "no table"
    normlab submit sweep.yaml --tasks 4 --out out >said 2>&1 && grep -q "there is nothing to submit" said || die "submitted twice: $(cat said)"
    normlab ls . | grep -q '^./out-\*of4 .* 12 of 12 ' || die "ls: $(normlab ls .)"
}
begin grid 2
nothing_happens
cd ..

# Jobs of more priority take every node.
preempt() {
    submit
    wait_for "checkpoints" some_checkpoints
    sbatch --parsable --partition=high --nodes=3 --exclusive --output=/dev/null --wrap 'sleep 1000000' >urgent
    urgent_runs() { [ "$(squeue --noheader --jobs="$(cat urgent)" --format=%T)" = RUNNING ]; }
    wait_for "the urgent job" urgent_runs
    there=$(normlab ls . | sed -n 's/^.*of4 .* \([0-9]*\) of 12.*/\1/p')
    preempted=$(restarts)
    scancel "$(cat urgent)"
    [ "$preempted" -gt 0 ] && [ "${there:-0}" -lt 12 ]
}
epochs_for grid preempt
same "preempted: $preempted tasks, when $there of 12 trials were there"
cd ..

# A node is lost: its daemon and all that ran there are killed at once.
lose_node() {
    submit
    wait_for "checkpoints" some_checkpoints
    lost=$(squeue --noheader --states=RUNNING --format=%N | sort -u | head -n 1)
    [ -n "$lost" ] || return
    killed=$(of_node "$lost")
    # shellcheck disable=SC2086
    { kill -STOP $killed; kill -9 $killed; } 2>/dev/null || true # nobody tells what becomes of the others
    is_down() { [[ $(sinfo --noheader --Node --nodes="$lost" --partition=low --format=%T) == down* ]] || no_jobs; }
    wait_for "a node that is down" is_down
    requeued=$(restarts)
    start_node "$lost"
    [ "$requeued" -gt 0 ]
}
epochs_for grid lose_node
same "node $lost lost with $(wc -w <<<"$killed") processes: $requeued tasks queued again"
cd ..

# A minute is the least that Slurm limits a job to; half of it is left to a task.
time_limit() {
    submit --time 1m
    wait_for "the end" no_jobs
    turns=$(cat out-slurm/*.log | grep -c 'stopping: finished trials are kept' || true)
    [ "$turns" -gt 0 ]
}
epochs_for grid time_limit
same "time limit: $turns times, and gone on with"
cd ..

# A task that is cancelled is not begun again, and the rest is merged. The same command submits what is missing.
cancelled() {
    submit
    wait_for "checkpoints" some_checkpoints
    scancel "$(array)_1" || true
    wait_for "the end" no_jobs
    grep -q "to train what is missing: normlab submit" out-slurm/*.log
}
epochs_for grid cancelled
normlab submit sweep.yaml --tasks 4 --out out --script-only -q | grep -q -- '--array=1$' || die "not only what is missing is submitted: $(normlab submit sweep.yaml --tasks 4 --out out --script-only)"
submit
same "cancelled, and submitted again"
cd ..

# Each task is told of a GPU of its own. Here is none: each says so, nothing is trained, and the merging job says what would train it.
gpus() {
    mkdir "$folder/on_gpu"
    cat >"$folder/on_gpu/normlab" <<'SCRIPT'
#!/bin/bash
[ "$1" != sweep ] || echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES" >>gpus
exec -a normlab "${0%/*}/../bin/normlab" "$@"
SCRIPT
    chmod +x "$folder/on_gpu/normlab"
    begin grid 2
    (PATH=$folder/on_gpu:$PATH && submit --gpus 1)
    wait_for "tasks on a GPU" no_jobs
    [ "$(grep -c '^n[123] [01]$' gpus)" -eq 4 ] || die "not every task was given a GPU: $(cat gpus)"
    for task in 1 2 3 4; do
        grep -q -e "built without cuda" -e "no device of kind cuda" out-slurm/*_$task.log || die "task $task does not say that there is no GPU: $(cat out-slurm/*_$task.log)"
    done
    grep -q "nobody knows how long trials take (their device is not on this machine" submitted || die "a forecast without a GPU: $(cat submitted)"
    grep -q "to train what is missing: normlab submit" out-slurm/*.log || die "the merging job does not say what to do: $(cat out-slurm/*)"
    [ ! -e out ] && [ -z "$(find out-*of4 -name '*.trial' 2>/dev/null)" ] || die "something was trained"
    checks=$((checks + 1))
    echo "four tasks, each with a GPU that Slurm gave it: $(sort gpus | tr '\n' ',')"
    cd ..
}
if [ -e /dev/nvidiactl ]; then echo "skipped: tasks without a GPU: here is one"; else gpus; fi

# The commands of experiments/README.md as they stand there; nodes have two processors here, and a partition has a name.
readme() {
    mkdir readme; cd readme
    ln -s "$folder/bin" build
    sed -n '/^<!-- slurm -->/,/^<!-- end of slurm -->/s/^    //p' "$root/experiments/README.md" | sed 's/=NAME/=low/; s/--cpus-per-task=4/--cpus-per-task=2/' >commands
    [ "$(wc -l <commands)" -eq 3 ] || die "experiments/README.md has other commands for Slurm"
    bash -e commands >said 2>&1 || die "the commands of experiments/README.md for Slurm: $(cat said)"
    wait_for "the end of README's sweep" no_jobs
    bash -ec "$(tail -n 1 commands)" | grep -q '^results/mine-\*of8 .* 128 of 128 ' || die "normlab ls does not follow README's sweep: $(build/normlab ls)"
    normlab sweep --no-reuse mine.yaml --out whole --no-plot -q >/dev/null 2>&1
    same_tables whole results/mine || die "README's sweep"
    [ -s results/mine/plots/small_batch.png ] && grep -q "the test error" results/mine-slurm/*.log || die "README's sweep ends without picture or answer"
    checks=$((checks + 1))
    echo "same bytes: README's section"
    cd ..
}
readme

begin rounds 2
submit
same "three rounds, each submitted by the one before"
[ -e out/tuning/trials.csv ] && [ -e out/same/trials.csv ] || die "not every round was run"
cd ..
echo "100%: Checks: $checks"
