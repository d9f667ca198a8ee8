#!/usr/bin/env bash
# experiments/pieces.sh: what a sweep has finished is kept with a checksum, and elsewhere the sweep goes on from it, to the same tables.
set -euo pipefail
root=${NORMLAB_ROOT:?} NORMLAB_PROGRAM=${NORMLAB_PROGRAM:?}
export NORMLAB_PROGRAM
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/experiments"
cp "$root/experiments/pieces.sh" "$work/experiments/"
cd "$work"
cat >e.yaml <<'YAML'
data: {name: synth, size: 4, train: 64, test: 64}
model: {depth: 1, width: 8}
train: {steps: 4}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 3}
YAML
sweep() { "$NORMLAB_PROGRAM" sweep --no-reuse e.yaml --no-plot --no-warnings -q "$@" >/dev/null; }

sweep --out whole
sweep --out half sweep.seeds=2
./experiments/pieces.sh keep half | grep -q '^4 trials in experiments/pieces/half.tar.xz'
first=$(cat experiments/pieces/SHA256SUMS)
./experiments/pieces.sh keep half >/dev/null
[ "$first" = "$(cat experiments/pieces/SHA256SUMS)" ] # the same bytes whenever it is packed

./experiments/pieces.sh restore half on | grep -q "^4 trials in 'on'"
"$NORMLAB_PROGRAM" sweep --no-reuse e.yaml --out on --dry-run --no-warnings 2>&1 | grep -q 'of which to run: 2; finished: 4'
sweep --out on
cmp whole/trials.csv on/trials.csv
cmp whole/curves.csv on/curves.csv

refused() { if "$@" >said 2>&1; then echo "not refused: $*"; exit 1; fi; }
refused ./experiments/pieces.sh restore half on
grep -q "'on' is there already" said
refused ./experiments/pieces.sh restore other new
grep -q "there are no pieces of 'other'" said
refused ./experiments/pieces.sh
printf x >>experiments/pieces/half.tar.xz
refused ./experiments/pieces.sh restore half new
grep -q 'half.tar.xz: FAILED' said
[ ! -e new ]
printf x >>half/trials.csv
refused ./experiments/pieces.sh keep half
grep -q "is not good, and not kept" said

# What the project keeps is what its checksums say.
(cd "$root/experiments/pieces" && sha256sum --quiet -c SHA256SUMS)
echo "kept, restored, refused"
