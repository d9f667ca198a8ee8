# Sourced by tests of reports: small results in $folder: batch (with hostile texts), rates (runs that fail), tuned (rounds), part (incomplete).
# shellcheck shell=bash disable=SC2154

make_results() {
    cat >"$folder/base.yaml" <<'YAML'
data: {train: 256, val: 64, test: 64}
model: {depth: 1, width: 8}
train: {epochs: 1, lr: 0.1}
sweep: {seeds: 3, baseline: {norm.kind: none}}
YAML
    cat >"$folder/batch.yaml" <<'YAML'
base: base.yaml
sweep: {grid: {norm.kind: [bn, none], train.batch: [32, 8]}, question: small_batch}
plot:
  kind: [small_batch, curves]
  title: "</h2><script>alert(1)</script> & \"quotes\" [x](javascript:1) | $\\alpha_1$ \\input{/etc/passwd} 中é"
  protocol: "<img src=http://evil.example/x onerror=alert(1)> ]]> --> %"
YAML
    cat >"$folder/rates.yaml" <<'YAML'
base: base.yaml
sweep: {grid: {norm.kind: [bn, ln, none], train.lr: [0.1, 1.0, 1e6]}, question: lr_tolerance}
plot: {kind: [lr_tolerance, curves]}
YAML
    cat >"$folder/tuned.yaml" <<'YAML'
base: base.yaml
sweep: {grid: {norm.kind: [bn, none]}, tune: {train.lr: [1e-3, 0.3, 3], seeds: 2}}
YAML
    for name in batch rates tuned; do
        "$program" sweep --no-reuse "$folder/$name.yaml" --out "$folder/$name" --no-plot --no-warnings -q >/dev/null
    done
    "$program" sweep "$folder/batch.yaml" plot.title=part --out "$folder/part" --no-plot --no-warnings -q --shard 1/2 >/dev/null
    mv "$folder/batch" "$folder/a & <b> \$(x) %_#"
    reported=("$folder/a & <b> \$(x) %_#" "$folder/rates" "$folder/tuned" "$folder/part")
}
