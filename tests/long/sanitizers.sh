#!/usr/bin/env bash
# All tests once more in a build with the address and undefined-behaviour sanitizers, but for those that limit memory or load a library before the
# sanitizer's, which skip themselves; those of teams, sweeps and trainings with the thread sanitizer.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
export CK_TIMEOUT_MULTIPLIER=10 # several times slower, and perhaps on a busy machine
unset NORMLAB_DATA              # trainings on real images touch no other code, and take an hour here
said=
under() { # SANITIZERS, then words for tests/run.sh
    local sanitizers=$1 last
    shift
    last=$(NORMLAB_BUILD=$root/build/sanitized-$sanitizers NORMLAB_CMAKE=-DNORMLAB_SANITIZE=$sanitizers "$root/tests/run.sh" "$@" | tee >(cat >&2) | tail -n 1)
    said+="${said:+; }$sanitizers: $last"
}
under address,undefined
under thread team sweep train
echo "$said"
