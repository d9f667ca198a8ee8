#!/usr/bin/env bash
# The cuda backend on a GPU: its tests, compute-sanitizer, its speed; under nine minutes. Needs CMake, nvcc and a C compiler; nothing is
# installed. Exit code 77 where there is no GPU or no nvcc.
#
#   tests/gpu/run.sh           all of it
#   tests/gpu/run.sh --build   only builds (for compute capability 9.0 where there is no GPU)
#
# NORMLAB_BUILD names the build folder (default: build/gpu).
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${NORMLAB_BUILD:-$root/build/gpu}

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
skip() { echo "skipped: $*"; exit 77; }

nvcc=$(command -v nvcc || ls "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" 2>/dev/null) || skip "there is no nvcc"
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
[ -n "$capability" ] || [ "${1:-}" = --build ] || skip "there is no GPU"

say "building for compute capability ${capability:=90}"
mkdir -p "$build"
cmake -S "$root/tests/gpu" -B "$build" -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$capability" >"$build/log" 2>&1 &&
    cmake --build "$build" -j "$(nproc)" >>"$build/log" 2>&1 || {
    tail -n 30 "$build/log"
    exit 1
}
[ "${1:-}" != --build ] || exit 0

failures=()
check() { # name command...
    local name=$1 code=0
    shift
    say "$name"
    "$@" >"$build/$name.log" 2>&1 || code=$?
    tail -n 12 "$build/$name.log"
    [ "$code" -eq 0 ] || failures+=("$name")
}

# The tests look into images right after a launch.
for name in operations ends norm train; do
    check "$name" timeout 120 env CUDA_LAUNCH_BLOCKING=1 "$build/test_$name"
done
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck; do
        check "$tool" timeout 90 compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/short_train"
    done
else
    echo "skipped: there is no compute-sanitizer"
fi
check bench timeout 180 "$build/bench"

say "summary"
cat "$build/bench.log"
[ ${#failures[@]} -eq 0 ] || { echo "failed: ${failures[*]}"; exit 1; }
echo "all passed"
