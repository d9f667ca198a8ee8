#!/usr/bin/env bash
# Passes the tests: installs what is missing, builds, runs every test program and script.
#
#   tests/run.sh          some minutes
#   tests/run.sh --all    also what takes longer
#   tests/run.sh WORD...  only tests with one of the words in their folder or name: kernels, golden_train
#
# NORMLAB_DATA names a folder with mnist/ and cifar10/ for the tests on real data; without it they are skipped, and counted so.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"

all=
words=()
for argument; do
    case $argument in
        --all) all=1 ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
        -*) echo "tests/run.sh: unknown option '$argument' (see --help)" >&2; exit 2 ;;
        *) words+=("$argument") ;;
    esac
done

install_missing tests
build_program ON

wanted() {
    [ ${#words[@]} -eq 0 ] && return 0
    for word in "${words[@]}"; do [[ $1 == *$word* ]] && return 0; done
    return 1
}

passed=0 failed=0 skipped=0 failures=()
logs=$build/test-logs
mkdir -p "$logs"

# What a test says of itself: how many checks it made, else its last line.
summary() { # log
    local checks
    checks=$(grep -o '^[0-9]*%: Checks: [0-9]*' "$1" | tail -n 1)
    if [ -n "$checks" ]; then echo "${checks##*: } checks"; else tail -n 1 "$1" | sed '/^skipped: /d' | cut -c 1-120; fi
}

# A test is a program or script: exit 0 passes, 77 says that it was skipped (and why, on its last line).
run_test() { # folder/name
    local name=${1##*/} start=$SECONDS code=0
    local command=("$build/$name")
    [[ $name != *.sh ]] || command=(bash "$root/tests/$1")
    "${command[@]}" >"$logs/$name.log" 2>&1 </dev/null || code=$?
    echo "$code $((SECONDS - start))" >"$logs/$name.end"
}

report_test() { # folder/name
    local name=${1##*/} code took
    read -r code took <"$logs/$name.end"
    while read -r line; do
        skipped=$((skipped + 1))
        printf '  skip  %-24s %s\n' "$name" "${line#skipped: }"
    done < <(grep '^skipped: ' "$logs/$name.log" || true)
    case $code in
        0) passed=$((passed + 1)); printf '  ok    %-24s %3d s  %s\n' "$name" "$took" "$(summary "$logs/$name.log")" ;;
        77) ;; # its "skipped:" line was counted
        *)
            failed=$((failed + 1)) failures+=("$name")
            printf '  FAIL  %-24s %3d s  exit %d, %s\n' "$name" "$took" "$code" "${logs#"$PWD"/}/$name.log"
            tail -n 25 "$logs/$name.log" | sed 's/^/        /'
            ;;
    esac
}

run_tests() { # how many at a time, folder/name...
    local -A running=()
    local at_once=$1 name pid
    shift
    for name; do
        wanted "$name" || continue
        [ ${#running[@]} -lt "$at_once" ] || report_next
        run_test "$name" &
        running[$!]=$name
    done
    while [ ${#running[@]} -gt 0 ]; do report_next; done
}

# Waits for one of those that are running.
report_next() {
    wait -n -p pid
    report_test "${running[$pid]}"
    unset "running[$pid]"
}

names() { # files
    for file; do
        file=${file#"$root/tests/"}
        echo "${file%.c}"
    done
}

export NORMLAB_PROGRAM=$build/normlab NORMLAB_ROOT=$root NORMLAB_ALL=$all
# shellcheck disable=SC2046
run_tests "$(nproc)" $(names "$root"/tests/*/test_*.c "$root"/tests/*/test_*.sh)
# shellcheck disable=SC2046
[ -z "$all" ] || run_tests 1 $(names "$root"/tests/long/*.sh)

[ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[*]}"
[ $((passed + failed)) -gt 0 ] || { echo "no test matches" >&2; exit 2; }
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
