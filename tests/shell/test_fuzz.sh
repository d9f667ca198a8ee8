#!/usr/bin/env bash
# Each reader takes every input of its fuzz corpus, seeds and what fuzzing once found, and what it accepts it keeps its promises for
# (tests/fuzz/*.c). New inputs are looked for by tests/fuzz/run.sh. A reader takes some milliseconds; the time-out is for one that hangs.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
build=$(dirname "${NORMLAB_PROGRAM:-$root/build/normlab}")

for corpus in "$root"/tests/fuzz/corpus/*/; do
    reader=$(basename "$corpus")
    if [ "$reader" = archive ] && [ ! -x "$build/fuzz_archive" ]; then
        echo "skipped: no libarchive: fuzz_archive is not built"
        continue
    fi
    printf '%-12s ' "$reader"
    timeout 900 "$build/fuzz_$reader" "$corpus"* || { echo "failed: $reader, exit $?" && exit 1; }
done
