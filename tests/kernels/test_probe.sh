#!/usr/bin/env bash
# `normlab norm` takes every kind that `normlab norms` lists, in every form: it shows numbers, or refuses with a message, and never ends otherwise.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
normlab=${NORMLAB_PROGRAM:-$root/build/normlab}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

kinds=$(sed -n 's/^\(WEIGHT_\)\{0,1\}NORM(\(.*\))/\2/p' "$root/core/norm/norms.def" "$root/core/norm/weights.def")
listed=$("$normlab" norms)
for kind in $kinds; do
    grep -qw "$kind" <<<"$listed" || { echo "normlab norms does not list $kind" >&2; exit 1; }
    shown=0
    while read -r form; do
        status=0
        # shellcheck disable=SC2086
        "$normlab" norm "$kind" $form >out 2>err || status=$?
        if [ "$status" -ne 0 ] && { [ "$status" -ne 2 ] || ! grep -q '^normlab: ' err; }; then
            echo "normlab norm $kind $form: exit $status" >&2
            cat err >&2
            exit 1
        fi
        [ "$status" -ne 0 ] || shown=$((shown + 1))
    done <<'END'
--values 1
--values 1,2,3 norm.groups=1
--values 1,2,3,4,5,6,7,8 --grad 1
--values 1,2,3 --eval norm.groups=1
--values 5,5,5,5,5,5,5,5 --device cpu
--values 1,-2,3e30,4 --grad 1 --device cpu
--values 0,nan,inf
--shape 4,32
--shape 2,3,3,32
--shape 32,64
--values 8,7,6,5,4,3,2,1 --out numbers
--input numbers/y.npy --out again
END
    [ "$shown" -ge 5 ] || { echo "normlab norm $kind: refuses most forms" >&2; exit 1; }
    rm -rf numbers again
done

# shapes that no input has
printf "\x93NUMPY\x01\x00\x56\x00%-85s\n%8s" "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 8), }" >deep.npy
for form in "--input deep.npy" "--shape 1,1,1,1,1,1,1,8" "--shape 1,1,1,1,1,1,1,1,8" "--shape 2,4,4" "--shape 8"; do
    # shellcheck disable=SC2086
    ! "$normlab" norm ln $form 2>err || { echo "normlab norm ln $form is no error" >&2; exit 1; }
    grep -q "the input must have shape N,C or N,H,W,C" err || { cat err >&2; exit 1; }
done
echo "$(wc -w <<<"$kinds") kinds"
