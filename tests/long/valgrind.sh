#!/usr/bin/env bash
# All test programs under valgrind's memcheck, which sees what the sanitizers do not: decisions and output by memory that was never written.
# Leaks are the address sanitizer's to find; here each child that a test forks would be searched for them too.
# The kernels are those for AVX2, since valgrind knows no AVX-512; of the golden trainings, which take longest, the first steps are run.
# Trainings by teams of threads are the thread sanitizer's: valgrind runs one thread at a time, and the others wait for theirs while they spin.
#
#   tests/long/valgrind.sh [WORD...]   only programs whose name contains one of the words
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
export NORMLAB_PROGRAM=${NORMLAB_PROGRAM:-$root/build/normlab} NORMLAB_ISA=avx2 NORMLAB_GOLDEN_STEPS=20
export OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 CK_TIMEOUT_MULTIPLIER=100 CK_EXCLUDE_TAGS=threads_at_once
build=$(dirname "$NORMLAB_PROGRAM")
logs=$build/test-logs/valgrind
mkdir -p "$logs"

wanted() { # WORD...
    [ $# -eq 0 ] && return
    for word; do [[ $name == *$word* ]] && return; done
    return 1
}

ran=0 failed=0
for source in "$root"/tests/*/test_*.c; do
    name=$(basename "$source" .c)
    wanted "$@" || continue
    start=$SECONDS code=0
    valgrind --quiet --error-exitcode=99 --leak-check=no "$build/$name" >"$logs/$name.log" 2>&1 </dev/null || code=$?
    printf '  %-24s %4d s  %s\n' "$name" $((SECONDS - start)) "$([ $code -eq 0 ] && echo ok || echo "exit $code, $logs/$name.log")"
    ran=$((ran + 1)) failed=$((failed + (code != 0)))
done
printf 'valgrind %s: %d test programs, %d with errors\n' "$(valgrind --version | sed 's/.*-//')" "$ran" "$failed"
[ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
