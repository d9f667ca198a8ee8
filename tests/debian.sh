# Sourced by the tests that fetch from Debian: the archive they take it from, what they need to be there, and what they compile against.
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

# fetch_sysroot FOLDER ARCHITECTURE RELEASE PACKAGES: headers and libraries of another architecture or an older Debian; PACKAGES with commas between
# them. Unpacked, not installed: nothing of it has to run. It is fetched once.
fetch_sysroot() {
    [ "$(cat "$1/complete" 2>/dev/null)" != "$3 $4" ] || return 0
    rm -rf "$1"
    mkdir -p "$(dirname "$1")"
    debootstrap --foreign --arch="$2" --variant=minbase --include="$4" "$3" "$1" "$mirror" >"$1.log" 2>&1 || { tail -n 3 "$1.log"; skip "no libraries from $mirror"; }
    local package link to
    for package in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$package" "$1"; done
    find "$1" -type l -lname '/*' -printf '%p %l\n' | while read -r link to; do ln -sfn "$1$to" "$link"; done # absolute ones: into it, too
    echo "$3 $4" >"$1/complete"
}

# compile_against SYSROOT MACHINE: sets `against`, the arguments for CMake, and what it and pkg-config read. MACHINE: x86_64 or aarch64.
compile_against() {
    local libraries=$1/usr/lib/$2-linux-gnu
    export PKG_CONFIG_SYSROOT_DIR=$1 PKG_CONFIG_LIBDIR=$libraries/pkgconfig
    # gcc has the libc that it came with beside itself, and takes it before that of a sysroot.
    export CFLAGS="--sysroot=$1 -isystem $1/usr/include/$2-linux-gnu -isystem $1/usr/include -B$libraries -L$libraries -L$1/lib/$2-linux-gnu"
    against=(-DCMAKE_C_COMPILER="$2-linux-gnu-gcc" -DCMAKE_CXX_COMPILER="$2-linux-gnu-g++" -DCMAKE_LIBRARY_ARCHITECTURE="$2-linux-gnu"
        -DCMAKE_FIND_ROOT_PATH="$1" -DCMAKE_FIND_ROOT_PATH_MODE_{LIBRARY,INCLUDE}=ONLY)
    [ "$2" = "$(uname -m)" ] || against+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$2") # what is built for this one may run
}
