#!/usr/bin/env bash
# 10,000 random configurations (tests/engine/test_generated.c) in a build with the address and undefined-behaviour sanitizers, on two processors.
#
#   tests/long/generated.sh [FIRST [COUNT]]   these numbers; FIRST 1 replays a finding
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
first=${1:-0} count=${2:-10000}
build=$root/build/sanitized-address,undefined
cmake -S "$root" -B "$build" -DNORMLAB_SANITIZE=address,undefined -DNORMLAB_CUDA=OFF >/dev/null
cmake --build "$build" -j "$(nproc)" --target test_generated >/dev/null
half=$((count / 2)) failed=0
"$build/test_generated" "$first" $((count - half)) &
other=$!
[ $half -eq 0 ] || "$build/test_generated" $((first + count - half)) $half || failed=1
wait $other || failed=1
exit $failed
