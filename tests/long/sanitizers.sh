#!/usr/bin/env bash
# All tests once more in a build with the address and undefined-behaviour sanitizers; those of threads with the thread sanitizer.
set -euo pipefail
export CK_TIMEOUT_MULTIPLIER=10 # several times slower, and perhaps on a busy machine
unset NORMLAB_DATA              # trainings on real images touch no other code, and take an hour here
under() { # SANITIZERS, then words for tests/run.sh
    local sanitizers=$1
    shift
    NORMLAB_BUILD=$NORMLAB_ROOT/build/sanitized-$sanitizers NORMLAB_CMAKE=-DNORMLAB_SANITIZE=$sanitizers "$NORMLAB_ROOT/tests/run.sh" "$@"
}
under address,undefined
under thread team sweep train
