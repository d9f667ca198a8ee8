#!/usr/bin/env bash
# Another architecture: built for arm64, every warning an error, and run in an emulator. The test programs pass there, and whole trainings leave
# the same bytes as here (tests/kernels/test_isa.sh). build/arm64 keeps what is compiled against, so that it is fetched once.
set -euo pipefail
. "$(dirname "$0")/../debian.sh"
needs aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ qemu-aarch64-static
export NORMLAB_PROGRAM=${NORMLAB_PROGRAM:-$root/build/normlab}
build=$(dirname "$NORMLAB_PROGRAM")/arm64
sysroot=$build/root

fetch_sysroot "$sysroot" arm64 "$VERSION_CODENAME" \
    libc6-dev,libyaml-dev,libopenblas-dev,zlib1g-dev,nettle-dev,libexpat1-dev,libcurl4-openssl-dev,libarchive-dev,check

openblas=/usr/lib/aarch64-linux-gnu/openblas-pthread # where Debian's alternatives would point
cat >"$build/emulated" <<END
#!/bin/sh
exec qemu-aarch64-static -L '$sysroot' -E LD_LIBRARY_PATH=$openblas "\$@"
END
cat >"$build/elsewhere" <<END
#!/bin/sh
exec '$build/emulated' '$build/normlab' "\$@"
END
chmod +x "$build/emulated" "$build/elsewhere"

compile_against "$sysroot" aarch64
cmake -S "$root" -B "$build" -DNORMLAB_CUDA=OFF -DNORMLAB_DEVELOPER=ON -DCMAKE_CROSSCOMPILING_EMULATOR="$build/emulated" "${against[@]}"
cmake --build "$build" -j "$(nproc)"

export NORMLAB_GOLDEN_STEPS=20 CK_TIMEOUT_MULTIPLIER=100 CK_EXCLUDE_TAGS=threads_at_once # threads that spin for one another take minutes
ran=0
for source in "$root"/tests/*/test_*.c; do
    name=$(basename "$source" .c)
    case $name in
        test_cli) continue ;;    # it starts the program, which the kernel here cannot
        test_cuda_*) continue ;; # kernels of a GPU, played on the processor: minutes, and nothing of their own
        test_microbatch) continue ;; # minutes: networks of a hundred images
    esac
    start=$SECONDS
    "$build/emulated" "$build/$name" >"$build/$name.log" 2>&1 </dev/null || {
        code=$?
        tail -n 20 "$build/$name.log"
        echo "$name: exit code $code"
        exit 1
    }
    echo "  $name $((SECONDS - start)) s"
    ran=$((ran + 1))
done
NORMLAB_ELSEWHERE=$build/elsewhere bash "$root/tests/kernels/test_isa.sh"
echo "$("$build/elsewhere" --version), arm64: $ran test programs; whole trainings leave the same bytes as here"
