#!/usr/bin/env bash
# The Containerfile: builds its image from a clean copy, and trains in a container as its head says. The image of Debian that it begins with is made by
# debootstrap here, so that no registry is asked.
set -euo pipefail
. "$(dirname "$0")/../debian.sh"
if ! command -v buildah >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    { apt-get install -y -q --no-install-recommends buildah debootstrap || { apt-get update -q && apt-get install -y -q --no-install-recommends buildah debootstrap; }; } >/dev/null 2>&1 || true
fi
needs buildah

folder=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs # which need nothing of the kernel
export XDG_RUNTIME_DIR=$folder
images() { buildah --root "$folder/images" --runroot "$folder/running" "$@"; }
trap 'images rm --all >/dev/null 2>&1 || true; rm -rf --one-file-system "$folder"' EXIT
fail() { echo "$*"; exit 1; }
logged() { # COMMAND...
    "$@" >"$folder/log" 2>&1 || { tail -n 20 "$folder/log"; fail "failed: $*"; }
}

debootstrap --variant=minbase bookworm "$folder/debian" "$mirror" >"$folder/log" 2>&1 || { tail -n 3 "$folder/log"; skip "no Debian from $mirror"; }
base=$(images from scratch)
logged images copy -q "$base" "$folder/debian" /
logged images commit -q "$base" docker.io/library/debian:bookworm-slim
rm -rf --one-file-system "$folder/debian"

# A copy, so that nothing untracked gets in.
mkdir "$folder/source"
(cd "$root" && git ls-files -z | tar -c --null -T - | tar -x -C "$folder/source")
logged images build --pull=never -f "$folder/source/cmd/install/Containerfile" -t normlab "$folder/source"

container=$(images from --pull=never normlab)
[ "$(images inspect --type image --format '{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.WorkingDir}}' normlab)" = "[normlab] /lab" ] || fail "the image has another entry"
logged images run "$container" -- normlab sweep small_batch sweep.seeds=2 train.epochs=2
[ -s "$(images mount "$container")/lab/results/small_batch/plots/small_batch.png" ] || fail "the sweep in a container drew nothing"
! images run "$container" -- sh -c 'command -v cc cmake' >/dev/null 2>&1 || fail "the image has a compiler"
echo "an image by the Containerfile, and a sweep with its pictures in a container"
