#!/usr/bin/env bash
# The program with the cuda backend in it: built where nvcc is, and clear about what is missing where there is no GPU. The kernels
# themselves are judged by test_cuda_* (on the host) and tests/gpu/run.sh (on a GPU).
set -euo pipefail
normlab=$NORMLAB_PROGRAM

# Without a device nothing starts: exit code 2, and the key that asked for it.
refused() { # what stderr must hold
    local code=0
    "$normlab" run "$NORMLAB_ROOT/configs/mlp_digits.yaml" device.kind=cuda device.index=99 --out "$folder/never" >/dev/null 2>"$folder/stderr" || code=$?
    [ "$code" -eq 2 ] && grep -q "$1" "$folder/stderr" && grep -q "device.kind=cuda" "$folder/stderr" && [ ! -e "$folder/never" ] || {
        echo "exit $code, and:"
        cat "$folder/stderr"
        exit 1
    }
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The script for a GPU never passes where there is none.
if [ ! -e /dev/nvidiactl ]; then
    code=0
    "$NORMLAB_ROOT/tests/gpu/run.sh" >"$folder/gpu" || code=$?
    [ "$code" -eq 77 ] && grep -q "^skipped: there is no" "$folder/gpu" || {
        echo "tests/gpu/run.sh: exit $code, and:"
        cat "$folder/gpu"
        exit 1
    }
fi

if "$normlab" info | grep -A 3 "^cuda:" | grep -q "not built into"; then
    refused "this normlab was built without cuda"
else
    refused "no device of kind cuda\|no device 99 of kind cuda"
fi
