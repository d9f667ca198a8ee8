#!/usr/bin/env bash
# Keeps what a long sweep has finished, so that nothing is trained twice, on whatever machine the sweep goes on.
#
#   experiments/pieces.sh keep RESULTS         packs the finished trials of a results folder into experiments/pieces/NAME.tar.xz, with its checksum
#   experiments/pieces.sh restore NAME DIR     puts them into a new results folder DIR, where the sweep goes on: normlab sweep FILE --out DIR
#
# NAME is the folder's. A trial is found by what it is of (settings, data, numerics): pieces of other numerics are trained anew. The program is
# build/normlab, or the one in NORMLAB_PROGRAM.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${NORMLAB_PROGRAM:-$root/build/normlab} pieces=$root/experiments/pieces
usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

case ${1:-} in
    keep)
        [ $# -eq 2 ] || usage
        results=$(realpath "$2") name=$(basename "$(realpath "$2")")
        # A sweep that is at work, or was stopped, lacks tables and trials: what is there must be good all the same.
        "$program" verify "$results" || { echo "pieces.sh: '$results' is not good, and not kept" >&2; exit 1; }
        mkdir -p "$pieces"
        (cd "$results" && find . -name '*.trial' -o -name experiment.yaml | LC_ALL=C sort |
            tar --no-recursion --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rw,go=r -cJf "$pieces/$name.tar.xz" -T -)
        (cd "$pieces" && sha256sum -- *.tar.xz >SHA256SUMS)
        echo "$(tar tJf "$pieces/$name.tar.xz" | grep -c '\.trial$') trials in experiments/pieces/$name.tar.xz, $(stat -c %s "$pieces/$name.tar.xz") bytes"
        ;;
    restore)
        [ $# -eq 3 ] || usage
        [ ! -e "$3" ] || { echo "pieces.sh: '$3' is there already" >&2; exit 1; }
        grep -q "  $2\.tar\.xz\$" "$pieces/SHA256SUMS" 2>/dev/null || { echo "pieces.sh: there are no pieces of '$2'" >&2; exit 1; }
        (cd "$pieces" && grep "  $2\.tar\.xz\$" SHA256SUMS | sha256sum --quiet -c -)
        mkdir -p "$3"
        tar xJf "$pieces/$2.tar.xz" -C "$3"
        echo "$(find "$3" -name '*.trial' | wc -l) trials in '$3'; normlab sweep FILE --out '$3' goes on"
        ;;
    *) usage ;;
esac
