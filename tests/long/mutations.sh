#!/usr/bin/env bash
# Every mutation of tests/mutations/table.txt makes the test fail that it names; half an hour of two processors.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v git >/dev/null && git -C "$root" rev-parse >/dev/null 2>&1 || { echo "skipped: git knows nothing of this copy"; exit 77; }
python3 "$root/tests/mutations/run.py"
