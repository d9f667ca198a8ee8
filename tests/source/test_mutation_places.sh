#!/usr/bin/env bash
# Every mutation of tests/mutations/table.txt has its place in the source, so that the long test that makes them (tests/long/mutations.sh) still can.
set -euo pipefail
python3 "$(dirname "$0")/../mutations/run.py" --places
