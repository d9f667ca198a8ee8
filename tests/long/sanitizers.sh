#!/usr/bin/env bash
# All tests once more, in a build with the address and undefined-behaviour sanitizers.
set -euo pipefail
NORMLAB_BUILD=$NORMLAB_ROOT/build/sanitized NORMLAB_CMAKE=-DNORMLAB_SANITIZE=ON exec "$NORMLAB_ROOT/tests/run.sh"
