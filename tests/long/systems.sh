#!/usr/bin/env bash
# Other systems, as far as compilers here can say. gcc and clang take every C file as ISO C11 (-std=c11 -Wpedantic), every warning an error. Built with
# musl, as on Alpine, the tests of what a C library gives pass, and whole trainings leave the same bytes as here. For macOS and FreeBSD the program is
# compiled and linked (by zig cc, which brings their headers and the names in their libraries); nothing here can run it. What differs between the systems
# stands in core/base/system.[hc]. build/systems keeps the compilers, and the libraries as they were built for each.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
export NORMLAB_PROGRAM=${NORMLAB_PROGRAM:-$root/build/normlab}
systems=$(dirname "$NORMLAB_PROGRAM")/systems
. "$root/tests/debian.sh" # mirror, skip
. "$root/tests/setup.sh"  # install_missing
command -v apt-get >/dev/null || skip "musl and the sources of libraries are fetched from Debian"
install_missing systems
mkdir -p "$systems"
fail() { echo "$*"; exit 1; }
logged() { # FILE COMMAND...
    local log=$1
    shift
    "$@" >"$log" 2>&1 || { tail -n 30 "$log"; fail "failed: $*"; }
}

! grep -l '__linux__\|__APPLE__\|__FreeBSD__' -r "$root/core" "$root/cmd" --include=*.[ch] | grep -v '/core/base/system\.[hc]$' || fail "these ask for the system, too"

# ---- ISO C11 ----

for compiler in gcc clang; do
    build=$systems/$compiler
    logged "$systems/log" cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER=$compiler -DCMAKE_C_EXTENSIONS=OFF -DCMAKE_C_FLAGS=-Wpedantic -DNORMLAB_DEVELOPER=ON \
        -DNORMLAB_CUDA=OFF -DNORMLAB_BENCH=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
    jq -r '.[] | select(.file | endswith(".c")) | "cd \(.directory | @sh) && \(.command) -fsyntax-only"' "$build/compile_commands.json" >"$build/commands"
    grep -q -e '-std=c11 .*core/base/system.c' "$build/commands" || fail "CMake asks for another C"
    xargs -d '\n' -P "$(nproc)" -n 1 sh -c <"$build/commands" >"$systems/log" 2>&1 || { head -n 60 "$systems/log"; fail "$compiler finds fault with it as ISO C"; }
    echo "  $compiler: $(wc -l <"$build/commands") times a file as ISO C11"
done

# ---- libraries ----

sources=$systems/sources
fetch_sources() { # PACKAGE...: as Debian has them
    . /etc/os-release
    local apt="-q -o Dir::Etc::SourceList=$sources/list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=$sources/lists -o Dir::Cache=$sources/cache -o APT::Sandbox::User=root"
    [ ! -e "$sources/complete" ] || return 0
    rm -rf "$sources"
    mkdir -p "$sources/lists/partial" "$sources/cache/archives/partial"
    echo "deb-src $mirror $VERSION_CODENAME main" >"$sources/list"
    # shellcheck disable=SC2086
    (cd "$sources" && apt-get $apt update && apt-get $apt source "$@") >"$sources/log" 2>&1 || { tail -n 3 "$sources/log"; skip "no sources from $mirror"; }
    touch "$sources/complete"
}

# build_libraries HOST PREFIX CMAKE'S ARGUMENTS...: yaml, expat, zlib, nettle, and check where the tests run, static; $CC, $AR and $RANLIB make them. HOST: as
# config.guess would call it.
build_libraries() {
    local host=$1 prefix=$2 work=$2/work
    shift 2
    [ ! -e "$prefix/complete" ] || return 0
    rm -rf "$prefix"
    mkdir -p "$work"
    cp -a "$sources"/{libyaml,expat,zlib,check,nettle}-*/ "$work"
    sed -i 's/#cmakedefine XML_DTD/#cmakedefine01 XML_DTD/' "$work"/expat-*/expat/expat_config.h.cmake # Debian's patches want a number
    local library folder check=
    [[ $host != *-musl ]] || check=check
    for library in libyaml expat $check; do
        folder=$(dirname "$(find "$work/$library"-* -name CMakeLists.txt | awk '{ print length, $0 }' | sort -n | head -n 1 | cut -d ' ' -f 2-)")
        logged "$work/log" cmake -S "$folder" -B "$work/$library" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
            -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DEXPAT_SHARED_LIBS=OFF -DEXPAT_BUILD_{TOOLS,EXAMPLES,TESTS}=OFF -DCHECK_ENABLE_{TESTS,SUBUNIT}=OFF "$@"
        logged "$work/log" cmake --build "$work/$library" -j "$(nproc)" --target install
    done
    mkdir -p "$prefix/lib/pkgconfig"
    sed "s|@libdir@|$prefix/lib|; s|@includedir@|$prefix/include|; s|@[a-z_]*prefix@|$prefix|; s|@PACKAGE_VERSION@|0.2|" "$work"/libyaml-*/yaml-0.1.pc.in \
        >"$prefix/lib/pkgconfig/yaml-0.1.pc" # which CMake does not make there
    [ -z "$check" ] || sed -i 's/-lcheck_pic/-lcheck/' "$prefix/lib/pkgconfig/check.pc" # as Debian calls it
    (
        cd "$work"/zlib-*/
        # The name is of no matter for a static library; that a macro has it keeps zlib from taking macOS for a system without fdopen.
        uname=Linux CFLAGS="-O2 -Dfdopen=fdopen" logged "$work/log" ./configure --static --prefix="$prefix"
        logged "$work/log" make -j "$(nproc)" install
        cd "$work"/nettle-*/
        touch aclocal.m4 configure config.h.in stamp-h.in # made already; Debian's patches look newer
        logged "$work/log" ./configure --host="$host" --prefix="$prefix" --libdir="$prefix/lib" --disable-{shared,assembler,public-key,documentation,openssl}
        logged "$work/log" make -j "$(nproc)" libnettle.a
        logged "$work/log" make install-headers install-static install-pkgconfig
    )
    rm -rf "$work"
    touch "$prefix/complete"
}

# build_for PREFIX BUILD CMAKE'S ARGUMENTS...: normlab with these libraries and no other, every warning an error.
build_for() {
    local prefix=$1 build=$2
    shift 2
    PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig logged "$systems/log" cmake -S "$root" -B "$build" -DCMAKE_PREFIX_PATH="$prefix" -DNORMLAB_STATIC=ON -DNORMLAB_DEVELOPER=ON \
        -DNORMLAB_CUDA=OFF -DNORMLAB_FETCH=OFF "$@"
}

fetch_sources libyaml expat zlib check nettle

# ---- musl ----

build=$systems/musl
export CC=musl-gcc AR=ar RANLIB=ranlib
build_libraries x86_64-linux-musl "$build/libraries" -DCMAKE_C_COMPILER=$CC
build_for "$build/libraries" "$build" -DCMAKE_C_COMPILER=$CC
tests=(test_{base,batch,cgroup,disk,stats,team}) # of what the C library and the kernel give; the numbers are those of whole trainings, below
logged "$systems/log" cmake --build "$build" -j "$(nproc)" --target normlab "${tests[@]}"
! readelf -V "$build/normlab" | grep GLIBC || fail "glibc is in it"
for name in "${tests[@]}"; do
    start=$SECONDS
    NORMLAB_PROGRAM=$build/normlab "$build/$name" >"$build/$name.log" 2>&1 </dev/null || { tail -n 20 "$build/$name.log"; fail "$name fails with musl"; }
    echo "  $name $((SECONDS - start)) s"
done
NORMLAB_ELSEWHERE=$build/normlab bash "$root/tests/kernels/test_isa.sh"

# ---- macOS and FreeBSD ----

zig=$systems/venv/bin/python-zig
[ -x "$zig" ] || {
    python3 -m venv "$systems/venv" && "$systems/venv/bin/pip" install -q "ziglang == 0.15.*" || skip "no zig cc from PyPI"
    printf '#!/bin/sh\nexec %s -m ziglang "$@"\n' "$systems/venv/bin/python" >"$zig"
    chmod +x "$zig"
}
export ZIG_GLOBAL_CACHE_DIR=$systems/zig-cache ZIG_LOCAL_CACHE_DIR=$systems/zig-cache
for target in aarch64-macos:Darwin:aarch64-apple-darwin aarch64-freebsd:FreeBSD:aarch64-unknown-freebsd14; do
    IFS=: read -r name system host <<<"$target"
    build=$systems/$name
    mkdir -p "$build/bin"
    printf '#!/bin/sh\nexec %s cc -target %s -fno-sanitize=all "$@" -Wno-pass-failed\n' "$zig" "$name" >"$build/bin/cc" # a loop that is not unrolled is no fault
    for tool in ar ranlib; do printf '#!/bin/sh\nexec %s %s "$@"\n' "$zig" $tool >"$build/bin/$tool"; done
    chmod +x "$build"/bin/*
    export CC=$build/bin/cc AR=$build/bin/ar RANLIB=$build/bin/ranlib
    of_cmake=(-DCMAKE_SYSTEM_NAME="$system" -DCMAKE_SYSTEM_PROCESSOR="${name%%-*}" -DCMAKE_C_COMPILER="$CC" -DCMAKE_AR="$AR" -DCMAKE_RANLIB="$RANLIB"
        -DCMAKE_INSTALL_NAME_TOOL=true -DCMAKE_OSX_SYSROOT= -DCMAKE_FIND_ROOT_PATH="$build/libraries" -DCMAKE_FIND_ROOT_PATH_MODE_{LIBRARY,INCLUDE}=ONLY)
    build_libraries "$host" "$build/libraries" "${of_cmake[@]}"
    build_for "$build/libraries" "$build" -DNORMLAB_TESTS=OFF "${of_cmake[@]}"
    logged "$systems/log" cmake --build "$build" -j "$(nproc)" --target normlab
    echo "  $name: $(file -b "$build/normlab" | cut -d , -f 1-3)"
done
echo "ISO C11 by gcc and clang; ${#tests[@]} test programs with musl; programs for macOS and FreeBSD"
