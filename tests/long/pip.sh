#!/usr/bin/env bash
# What a user of Python gets: a wheel, whose program is linked statically but for libc, in a clean environment; a sweep without gnuplot and its
# frames; the module's tests and types; PyTorch modules of saved networks; and what the documentation says, as it stands there.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
skip() { echo "skipped: $*"; exit 77; }
command -v python3 >/dev/null || skip "python3 is not there"
python3 -c 'import venv, ensurepip' 2>/dev/null || skip "python3 has no venv (Debian package python3-venv)"

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
cd "$folder"
fail() { echo "$*"; exit 1; }

# A copy, so that nothing is left in the clone, and nothing untracked gets in.
mkdir source
(cd "$root" && git ls-files -z | tar -c --null -T - | tar -x -C "$folder/source")

clean() { env -i HOME="$folder" PATH="$folder/$1/bin:/usr/bin:/bin" LC_ALL=C.UTF-8 "${@:2}"; }
without_gnuplot() { env -i HOME="$folder" PATH="$folder/venv/bin" "$@"; }

python3 -m venv venv
venv/bin/pip wheel -q --no-deps -w wheels "$folder/source" -C cmake.define.NORMLAB_CUDA=OFF -C cmake.define.NORMLAB_STATIC=ON || {
    venv/bin/pip download -q numpy -d probe 2>/dev/null && fail "pip wheel"
    skip "no packages from PyPI"
}
venv/bin/pip install -q auditwheel wheels/*.whl
venv/bin/auditwheel show wheels/*.whl | tr '\n' ' ' >said
grep -q 'platform tag: "manylinux_2_[0-9]*_' said || { cat said; fail "the wheel needs more than libc"; }
clean venv normlab --version | grep -q "^normlab $(sed -n 's/^project(normlab VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt") " || fail "another version"
clean venv normlab check -q small_batch # by its name: the experiments came along
clean venv python -c 'import sys, normlab; assert "torch" not in sys.modules; normlab.load' || fail "without torch"
{ clean venv python -c 'import normlab; normlab.model("x")' 2>&1 || true; } | grep -q "No module named" || fail "model without torch says nothing of it"

# The first lines that cmd/python/README.md has one type, where there is no gnuplot.
sed -n '/^<!-- first lines -->/,/^<!-- end of first lines -->/s/^    //p' "$root/cmd/python/README.md" >commands
[ "$(wc -l <commands)" -eq 2 ] || fail "cmd/python/README.md has no first lines"
without_gnuplot /bin/sh -ec "$(cat commands)" >said || { cat said; fail "the first lines of cmd/python/README.md"; }
grep -q "gnuplot is not installed.*'results/lr/plots' holds no pictures" said || fail "nothing is said of gnuplot"
grep -q '75 rows' said || { cat said; fail "no frame of 75 trials"; }

venv/bin/pip install -q pytest mypy pandas-stubs
export NORMLAB_PROGRAM=$folder/venv/bin/normlab
venv/bin/pytest -q -p no:cacheprovider "$root/tests/python/test_load.py"

if venv/bin/pip install -q torch safetensors; then
    venv/bin/mypy --config-file "$root/pyproject.toml" "$root/cmd/python/normlab"
    venv/bin/pip install -q tensorboard pillow onnx onnxscript onnxruntime pyarrow polars duckdb pyyaml
    venv/bin/pytest -q -p no:cacheprovider "$root/tests/python"
    sed -n '/^```python/,/^```$/{/^```/d;p}' "$root/cmd/python/README.md" >example.py
    clean venv python example.py >said || fail "the example in cmd/python/README.md"
    cat said
    error=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "test_error") at = i } NR == 2 { printf "%.4f", $at }' results/cnn/trials.csv)
    grep -qx "test error $error" said || fail "the module's error is not the program's, $error"
else
    echo "skipped: PyTorch cannot be installed"
fi

echo "pip install, frames, modules, and what the documentation says"
