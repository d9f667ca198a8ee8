#!/usr/bin/env bash
# Fuzzes the readers with libFuzzer under the address and undefined-behaviour sanitizers.
#
#   tests/fuzz/run.sh [TARGET [SECONDS | RUNSx]]   TARGET: a .c file of this folder without its ending, or all (default); each takes 600 seconds,
#                                                  or so many executions: 20000x
#
# A finding stops the target, is made small and lies in corpus/TARGET/ as found-HASH: with its cure it is committed and from then on a case of
# tests/shell/test_fuzz.sh. What a run learned besides stays in build/fuzz/learned/TARGET/.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
target=${1:-all} length=${2:-600}
case $length in
    *[!0-9x]* | '' | x | *x?*) echo "tests/fuzz/run.sh: '$length' is neither seconds nor executions" >&2; exit 2 ;;
    *x) limit=-runs=${length%x} ;;
    *) limit=-max_total_time=$length ;;
esac

NORMLAB_BUILD=$root/build/fuzz
. "$root/tests/setup.sh"
install_missing fuzz
cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER=clang -DNORMLAB_CUDA=OFF -DNORMLAB_SANITIZE=fuzzer-no-link,address,undefined >/dev/null

folder=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)")
trap 'rm -rf "$folder"' EXIT

# Words that the formats have: keys and columns, and what headers are made of.
{
    sed -n 's/^ *KEY(\([a-z_]*\), *\([a-z_]*\),.*/"\1.\2"\n"\2"/p' "$root/core/config/keys.def" | sort -u
    printf '"%s"\n' sweep grid zip exclude seeds baseline base made '\x0a%%\x0a' '<<: ' '\x93NUMPY' "'descr': '<f4'" "'fortran_order': False" "'shape': (" \
        '\x22dtype\x22:\x22F32\x22' '\x22shape\x22:[' '\x22data_offsets\x22:[' '\x22__metadata__\x22:{' '\\u' \
        --max-time --checkpoint-every --retry --device "# sha256 " "data/" "plot.title=" '`' '\\' \
        done diverged dead error nan inf test_error val_loss_batch failed_step
} >"$folder/words"

fuzz() { # TARGET
    local corpus=$root/tests/fuzz/corpus/$1 learned=$build/learned/$1 program=$build/fuzz_$1 log=$build/$1.log crash small
    cmake --build "$build" -j "$(nproc)" --target "fuzz_$1" >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }
    mkdir -p "$corpus" "$learned" "$folder/$1"
    # Stacks of allocations and a long memory for freed blocks cost half of the time; a finding is read again with both.
    if ! ASAN_OPTIONS=malloc_context_size=0:quarantine_size_mb=1:max_redzone=16 \
        "$program" "$limit" -timeout=20 -rss_limit_mb=4096 -malloc_limit_mb=256 -max_len=8192 -artifact_prefix="$folder/$1/" -print_final_stats=1 \
        -dict="$folder/words" "$learned" "$corpus" >"$log" 2>&1; then
        crash=$(find "$folder/$1" -maxdepth 1 -name '*-*' -type f | head -n 1)
        [ -n "$crash" ] || { tail -n 20 "$log" >&2; return 1; }
        small=$corpus/found-$(sha256sum "$crash" | cut -c1-12)
        "$program" -minimize_crash=1 -max_total_time=30 -exact_artifact_path="$small" "$crash" >/dev/null 2>&1 || true
        [ -e "$small" ] || cp "$crash" "$small"
        grep -m 3 -E 'ERROR|runtime error|assertion|SUMMARY' "$log" >&2 || true
        printf '%-12s FOUND  %s\n' "$1" "${small#"$root"/}"
        return 1
    fi
    printf '%-12s %10d executions in %d s, nothing found\n' "$1" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log")"
}

[ "$target" = all ] || [ -e "$root/tests/fuzz/$target.c" ] || { echo "tests/fuzz/run.sh: no target '$target'" >&2; exit 2; }
failed=
for source in "$root"/tests/fuzz/*.c; do
    name=$(basename "$source" .c)
    if [ "$name" != replay ] && [ "$name" != disk ] && { [ "$target" = all ] || [ "$target" = "$name" ]; }; then
        fuzz "$name" || failed=1
    fi
done
[ -z "$failed" ]
