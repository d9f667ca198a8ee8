#!/usr/bin/env bash
# A short fuzz of every target: 20,000 executions each, beyond its corpus.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v clang >/dev/null || { echo "skipped: clang is not there"; exit 77; }
"$root/tests/fuzz/run.sh" all 20000x
