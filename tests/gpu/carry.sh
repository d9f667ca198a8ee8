#!/usr/bin/env bash
# Packs the program with the cuda backend, and what the comparison with PyTorch and JAX times (tests/bench/gpu.py), for a machine with a GPU on which
# nothing can be installed: build/gpu-programs.tgz, unpacked there by tests/gpu/run.sh. Beside the programs lie the libraries that such a
# machine may not have; the C library and the driver are its own.
#
#   tests/gpu/carry.sh [ARCHITECTURES]     compute capabilities as NORMLAB_CUDA_ARCHITECTURES has them (default: 90, and PTX for later ones)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${NORMLAB_BUILD:-$root/build/gpu-carry}
pack=$root/build/gpu-programs.tgz
MOST=$((40 << 20)) # bytes

programs=$build/programs
rm -rf "$programs"
mkdir -p "$programs"
# An RPATH, not a RUNPATH: the libraries' own libraries are looked for beside them too.
cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DNORMLAB_CUDA=ON -DNORMLAB_CUDA_ARCHITECTURES="${1:-90}" -DNORMLAB_TESTS=OFF -DNORMLAB_FETCH=OFF \
    -DNORMLAB_BENCH=ON -DCMAKE_BUILD_RPATH='$ORIGIN' -DCMAKE_EXE_LINKER_FLAGS="-Wl,--disable-new-dtags -static-libstdc++ -static-libgcc" >"$programs/log"
cmake --build "$build" -j "$(nproc)" --target normlab step kernel >>"$programs/log" || { tail -n 30 "$programs/log"; exit 1; }
rm "$programs/log"
install -s "$build/normlab" "$build/step" "$build/kernel" "$programs"
others() { # libraries that the programs take from elsewhere, but for the C library
    ldd "$programs"/{normlab,step,kernel} | awk '$2 == "=>" && $1 !~ /^(libc|libm|libpthread|libdl|librt)\.so/ { print $3 }' | grep -v "^$programs/" | sort -u || true
}
others | xargs -I{} install -s {} "$programs"
tar -czf "$pack" -C "$programs" .

# It is worth carrying if it starts by itself, and is small enough.
[ -z "$(others)" ] || { echo "the programs still need $(others)"; exit 1; }
"$programs/normlab" info >/dev/null
bytes=$(stat -c %s "$pack")
[ "$bytes" -le "$MOST" ] || { echo "$pack has $bytes bytes, over $MOST"; exit 1; }
echo "$pack: $((bytes >> 20)) MiB"
