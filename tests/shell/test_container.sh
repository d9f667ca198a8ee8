#!/usr/bin/env bash
# Real control groups: a group that is made below this process's own, with a quota of processor time and a limit of memory, is seen from a group
# below it. Of either version; skipped where none can be made (it takes root, and hierarchies that are not mounted read-only).
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
! grep -qE '__asan_init|__tsan_init' "$program" || { echo "skipped: sanitizers take memory of their own"; exit 77; }

folder=$(mktemp -d)
made=()
leave() { # the groups are empty: what ran in them has ended
    for ((i = ${#made[@]} - 1; i >= 0; i--)); do rmdir "${made[i]}" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap leave EXIT
cd "$folder"
die() { echo "$*"; exit 1; }

# Where this process's group of the controller is: the folder, with the file that limits it, in a group that can be made there. Leaves $outer and $inner,
# one below the other; false: it cannot be done.
make_groups() { # controller, file of version 1, file of version 2
    local id list path mount type file
    while IFS=: read -r id list path; do
        case ,$list, in
            *,"$1",*) type=cgroup file=$2 ;;
            ,,) type=cgroup2 file=$3 ;;
            *) continue ;;
        esac
        mount=$(awk -v type=$type -v name="$1" '$4 == "/" { for (i = 7; $i != "-"; i++); if ($(i + 1) == type && (type == "cgroup2" || ("," $(i + 3) ",") ~ "," name ",")) { print $5; exit } }' /proc/self/mountinfo)
        [ -n "$mount" ] || continue
        outer=$mount${path%/}/normlab-test-$$ inner=$outer/inner
        mkdir "$outer" 2>/dev/null || continue
        made+=("$outer")
        [ -e "$outer/$file" ] && mkdir "$inner" && made+=("$inner") && limited=$outer/$file && return
    done </proc/self/cgroup
    false
}
inside() { # command...: in the inner group
    (echo "$BASHPID" >"$inner/cgroup.procs" && exec "$@")
}
field() { sed -n "s/^  $1: *//p" <<<"$said"; }

checks=0
if make_groups cpu cpu.cfs_quota_us cpu.max; then
    for quota in 150000 50000; do
        case $limited in
            *cpu.max) echo "$quota 100000" >"$limited" ;;
            *) echo 100000 >"$outer/cpu.cfs_period_us"; echo $quota >"$limited" ;;
        esac
        said=$(inside "$program" info)
        expected=$(((quota + 99999) / 100000))
        [ "$(nproc)" -ge $expected ] || expected=$(nproc)
        [ "$(field cores)" = $expected ] || die "$quota of 100000: $said"
        [ "$(field cores_quota)" = "$(awk -v quota=$quota 'BEGIN { print quota / 100000 }')" ] || die "$said"
        [ "$(field cores_quota_from)" = "\"$limited\"" ] || die "$said"
        checks=$((checks + 3))
    done
else
    echo "skipped: no control group for processor time can be made here"
fi

if make_groups memory memory.limit_in_bytes memory.max; then
    echo $((200 << 20)) >"$limited"
    said=$(inside "$program" info)
    [ "$(field memory)" = '"200 MiB"' ] || die "$said"
    [ "$(field memory_limit_from)" = "\"$limited\"" ] || die "$said"
    cat >large.yaml <<'END'
data: {name: synth, size: 8, train: 64, test: 64}
model: {arch: mlp, depth: 2, width: 6000}
train: {steps: 1, batch: 8}
END
    code=0
    said=$(inside "$program" sweep large.yaml --no-plot -q --out out 2>&1) || code=$?
    [ $code -eq 2 ] && [[ $said == *"a trial needs"*" MiB of memory, and this machine has 1"??" MiB free"* ]] || die "exit $code: $said"
    inside "$program" sweep large.yaml --no-plot -q --out out model.width=8 >/dev/null 2>&1 || die "what fits does not run"
    checks=$((checks + 4))
else
    echo "skipped: no control group for memory can be made here"
fi
[ $checks -gt 0 ] || exit 77
echo "100%: Checks: $checks"
