#!/usr/bin/env bash
# Results folders on NFS: a kernel that runs as a program (Debian's user-mode-linux) has a server and two machines, each with a network, a name and a mount of
# its own. A folder that one machine works in keeps the other out; a machine that is cut off loses it; shards of a sweep in rounds, on both machines, end with
# the bytes of a sweep in one piece, though each machine remembers what was not there; where locks do not leave the machine, a sweep says so.
set -euo pipefail
skip() { echo "skipped: $*"; exit 77; }
die() { echo "$*"; exit 1; }

# ---- inside: what the kernel runs as its first process ----

if [ "${1:-}" = inside ]; then
    set +e
    root=$2 folder=$3 program=$4
    export PATH=$folder/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
    export NORMLAB_NO_WARNINGS=1
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t tmpfs tmp /run
    mount -t tmpfs tmp /var/lib
    mount -t tmpfs tmp /mnt
    mount -t hostfs -o "$folder" none "$folder"
    exec >"$folder/inside.log" 2>&1 </dev/null
    ending() { sync; echo o >/proc/sysrq-trigger; sleep infinity; } # until the power is off
    trap ending EXIT
    . "$root/tests/store/rounds.sh"
    for module in nfsd nfsv4 nfsv3 veth; do modprobe -d "$folder" $module || die "no module $module"; done
    mkdir -p /var/lib/nfs/{v4recovery,rpc_pipefs,sm,sm.bak} /mnt/export /mnt/here /run/netns
    touch /var/lib/nfs/{etab,rmtab}
    mount -t tmpfs tmp /mnt/export
    mount -t nfsd nfsd /proc/fs/nfsd
    ip link set lo up
    for n in 1 2; do
        ip netns add machine$n
        ip link add to$n type veth peer name eth netns machine$n
        ip addr add 10.0.$n.1/24 dev to$n
        ip link set to$n up
        ip -n machine$n addr add 10.0.$n.2/24 dev eth
        ip -n machine$n link set eth up
    done
    echo 10 >/proc/fs/nfsd/nfsv4leasetime # seconds that a machine may be silent
    echo 10 >/proc/fs/nfsd/nfsv4gracetime
    exportfs -i -o rw,no_root_squash,fsid=0,insecure,no_subtree_check '*:/mnt/export'
    mkdir -p /run/rpcbind
    rpcbind
    rpc.mountd -u 2>/dev/null
    rpc.nfsd -U 4 || die "no NFS server: $(tail -n 3 "$folder/inside.log")"
    echo Y >/proc/fs/nfsd/v4_end_grace

    # The commands of a machine run where its disk is mounted.
    for n in 1 2; do
        cat >"/run/machine$n" <<MACHINE
hostname machine$n
mount -t nfs4 -o vers=4.2,addr=10.0.$n.1,clientaddr=10.0.$n.2 10.0.$n.1:/ /mnt/here || exit 9
cd /mnt/here
while read -r line <&3; do eval "\$line"; echo "\$?" >&4; done
MACHINE
        mkfifo /run/to$n /run/from$n
        ip netns exec machine$n unshare --mount --uts bash /run/machine$n 3<>/run/to$n 4<>/run/from$n &
    done
    on() { # MACHINE COMMAND: its exit code
        local code
        echo "$2" >"/run/to$1"
        read -r -t 120 code <"/run/from$1" || die "machine$1 is silent: $2"
        return "$code"
    }
    checks=0
    check() { # WHAT, after a command whose exit code is that of the check
        [ $? -eq 0 ] || { tail -n 20 /mnt/export/*.log; die "not so: $1"; }
        checks=$((checks + 1))
        echo "so it is: $1"
    }

    # One machine works in a folder.
    cat >/mnt/export/long.yaml <<'YAML'
data: {train: 512, test: 128}
model: {depth: 3, width: 32}
train: {epochs: 1000000, lr: 0.1}
norm: {kind: bn}
YAML
    on 2 'normlab ls both' 2>/dev/null
    on 1 'normlab run long.yaml --out both -q >one.log 2>&1 & echo $! >one.pid'
    while ! grep -q machine1 /mnt/export/both/.lock 2>/dev/null || [ ! -e /mnt/export/both/experiment.yaml ]; do sleep 0.1; done
    on 2 'normlab ls both >ls.log 2>&1; grep -q "0 of 1, running" ls.log'
    check "the other machine's ls says that it runs, at once"
    on 2 'normlab run long.yaml --out both -q >two.log 2>&1; [ $? -eq 2 ]'
    check "the other machine is kept out, with exit code 2"
    grep -q "cannot work in 'both': another normlab is at work there (process $(cat /mnt/export/one.pid) on machine1)" /mnt/export/two.log
    check "the other machine is told by whom"

    # It is cut off, and the server lets go of its lock.
    ip link set to1 down
    begun=$SECONDS
    on 2 'for i in $(seq 600); do timeout -s INT 1 normlab run long.yaml --out both -q >two.log 2>&1; grep -q "stopped" two.log && break; sleep 0.2; done; grep -q stopped two.log'
    check "a machine that was cut off lost the folder, $((SECONDS - begun)) s after"
    ip link set to1 up
    on 1 'kill -9 $(cat one.pid); wait; timeout 100 sh -c "until timeout -s KILL 1 flock -n back true; do sleep 0.1; done"'
    check "it comes back, and the server gives it locks again"

    # A sweep in rounds, by two machines that remember what was not there when they looked.
    tuned_sweep 2 >/mnt/export/tuned.yaml
    on 1 'normlab sweep --no-reuse tuned.yaml --out whole --no-plot -q >whole.log 2>&1; test -e whole/same/trials.csv'
    check "the sweep in one piece"
    for turn in 1 2 3; do
        for n in 1 2; do on $n "normlab sweep --no-reuse tuned.yaml --shard $n/2 --no-plot >shard$n.log 2>&1" || die "shard $n: $(cat /mnt/export/shard$n.log)"; done
        grep '^  normlab merge' /mnt/export/shard2.log >/mnt/export/merge
        on 2 'bash -e merge >merge.log 2>&1'
    done
    same_tables /mnt/export/whole /mnt/export/results/tuned
    check "three rounds by two machines, each of which merges for both: the bytes of a sweep in one piece"

    # Locks that stay on a machine.
    on 2 'umount -l /mnt/here; cd /; mount -t nfs -o vers=3,nolock,addr=10.0.2.1,proto=tcp,mountproto=tcp,mountaddr=10.0.2.1 10.0.2.1:/mnt/export /mnt/here && cd /mnt/here && normlab run long.yaml train.epochs=1 --out alone >alone.log 2>&1'
    grep -q "'alone' is locked on this machine alone (nfs, local_lock=all)" /mnt/export/alone.log
    check "a warning where locks do not leave the machine"
    echo "checks: $checks"
    exit
fi

# ---- outside ----

root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=$(realpath "${NORMLAB_PROGRAM:-$root/build/normlab}")
. /etc/os-release
[ "$(id -u)" -eq 0 ] || skip "only root can install what is needed"
are_there() { local program; for program; do command -v "$program" >/dev/null || return 1; done; }
if ! are_there linux.uml rpc.nfsd modprobe ip; then
    [ "$ID" = debian ] || skip "user-mode-linux is not there, and it is installed from Debian: this is $ID"
    policy=/usr/sbin/policy-rc.d # nobody's services are started here
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap 'rm -f $policy' EXIT; }
    needed="user-mode-linux nfs-kernel-server kmod iproute2"
    # shellcheck disable=SC2086
    { apt-get install -y -q --no-install-recommends $needed || { apt-get update -q && apt-get install -y -q --no-install-recommends $needed; }; } >/dev/null 2>&1 || skip "$needed cannot be installed"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder" "${policy:-/nonexistent}"' EXIT
mkdir -p "$folder/bin" "$folder/lib/modules"
ln -s "$program" "$folder/bin/normlab"
cp -r /usr/lib/uml/modules/* "$folder/lib/modules"
depmod -b "$folder" "$(ls "$folder/lib/modules")"
printf '#!/bin/bash\nexec bash %q inside %q %q %q\n' "$root/tests/long/nfs.sh" "$root" "$folder" "$program" >"$folder/init"
chmod +x "$folder/init"
for try in 1 2 3 4; do # this kernel's own processes are killed by it now and then, which says nothing about ours
    TMPDIR=$folder timeout 300 linux.uml mem=600M root=/dev/root rootfstype=hostfs rootflags=/ ro init="$folder/init" con=null con0=fd:0,fd:1 quiet </dev/null >"$folder/kernel.log" 2>&1 || true
    grep -q "Kernel panic" "$folder/kernel.log" || break
    echo "try $try: $(grep -m 1 "Kernel panic" "$folder/kernel.log")"
done
[ -e "$folder/inside.log" ] || skip "user-mode-linux does not start here: $(tail -n 1 "$folder/kernel.log")"
cat "$folder/inside.log"
checks=$(sed -n 's/^checks: //p' "$folder/inside.log")
[ -n "$checks" ] || die "it did not come to its end: $(tail -n 3 "$folder/kernel.log")"
echo "100%: Checks: $checks"
