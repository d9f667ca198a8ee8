#!/usr/bin/env bash
# The Debian packages on a clean root: installed with what they depend on and nothing else, run, compiled against, taken away. Built without
# CUDA, which is not in Debian's main archive.
set -euo pipefail
. "$(dirname "$0")/../debian.sh"
needs dpkg-shlibdeps cpack
build=$root/build/deb

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
clean=$folder/root
inside() { chroot "$clean" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }

cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DNORMLAB_CUDA=OFF -DNORMLAB_TESTS=OFF
cmake --build "$build" -j "$(nproc)"
(cd "$build" && cpack -G DEB -B "$folder/packages")
debootstrap --variant=minbase "$VERSION_CODENAME" "$clean" "$mirror" >"$folder/log" 2>&1 || { tail -n 3 "$folder/log"; skip "no clean root from $mirror"; }
cp "$folder"/packages/*.deb "$root/tests/install/train.c" "$clean/tmp/"
inside apt-get update -q >"$folder/log"
inside sh -c 'apt-get install -y -q --no-install-recommends /tmp/normlab_*.deb'
inside normlab --version
inside normlab check -q small_batch
inside normlab run /usr/share/normlab/configs/mlp_digits.yaml --out /tmp/run
inside sh -c 'apt-get install -y -q --no-install-recommends /tmp/libnormlab-dev_*.deb gcc libc6-dev pkg-config >/dev/null'
inside sh -c 'cc -Wall -Wextra -Werror /tmp/train.c $(pkg-config --cflags --libs normlab) -o /tmp/train'
loss=$(inside /tmp/train /usr/share/normlab/configs/mlp_digits.yaml)
tr ',' '\n' <"$clean/tmp/run/trials.csv" | awk -v loss="$loss" '$1 == loss { found = 1 } END { exit !found }' || {
    echo "the library's test loss is $loss, the program's is in $(cat "$clean/tmp/run/trials.csv")"
    exit 1
}
inside apt-get purge -y -q normlab libnormlab-dev
left=$(find "$clean/usr" "$clean/etc" -name '*normlab*')
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
echo "100%: Checks: 7"
