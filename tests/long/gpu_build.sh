#!/usr/bin/env bash
# What tests/gpu/run.sh builds on a machine with a GPU builds here too: it has a list of sources of its own, which would fall behind unnoticed.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$root/tests/gpu/run.sh" build
