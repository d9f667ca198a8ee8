# Sourced by the tests that fetch from Debian: the archive they take it from, and what they need to be there.
# shellcheck shell=bash
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
skip() { echo "skipped: $*"; exit 77; }

# needs PROGRAM...
needs() {
    . /etc/os-release
    [ "$ID" = debian ] || skip "it fetches from Debian, and this is $ID"
    [ "$(id -u)" -eq 0 ] || skip "only root can run debootstrap"
    for program in debootstrap "$@"; do
        command -v "$program" >/dev/null || skip "$program is not there"
    done
}
