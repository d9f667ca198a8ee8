#!/usr/bin/env bash
# What saved networks say of their graph is whole, for networks of every architecture, normalizer and normalizer of weights: JSON in which each node takes what
# is there before it, whose parameters and states are the file's tensors, and whose operations the Python module knows (cmd/python/normlab/operations.py).
# That the module computes the same is for tests/long/pip.sh, which has PyTorch.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

count=0
echo '{}' >defaults.yaml
save() { # [FILE] KEY=VALUE...
    local file=defaults.yaml
    [[ $1 != *.yaml ]] || { file=$1; shift; }
    "$program" run "$file" "$@" data.train=16 data.test=4 train.batch=8 train.steps=1 --out run$count --save-final $((count++)).safetensors -q >/dev/null
}
small="model.width=8 model.depth=2 norm.groups=4"
for kind in $(sed -n 's/^NORM(\(.*\))/\1/p' "$root/core/norm/norms.def"); do save model.arch=cnn $small norm.kind="$kind"; done
for kind in $(sed -n 's/^WEIGHT_NORM(\(.*\))/\1/p' "$root/core/norm/weights.def"); do save model.arch=mlp $small norm.weights="$kind" norm.weights_init=$([ "$kind" = wn ] && echo data || echo weights); done
for residual in plain skipinit fixup nf; do save model.arch=resnet model.depth=8 model.width=4 norm.kind=none model.residual=$residual norm.placement=preact; done
for arch in rnn lstm gru; do save model.arch=$arch $small data.as=rows norm.kind=ln model.bidirectional=true; done
save model.arch=lstm $small data.name=sort data.min_length=3 norm.kind=bn norm.time_limit=2
save model.arch=transformer $small model.heads=2 data.name=text data.context=8 norm.kind=rms model.gated=true norm.qk=true model.tied=true norm.placement=deepnorm
save model.arch=transformer $small model.heads=2 data.as=patches model.pool_tokens=class norm.kind=ln
for name in vgg11_digits mobilenet_synth residual_mlp_digits convnext_digits densenet_digits wrn16_synth; do save "$root/configs/$name.yaml"; done
save model.arch=layers "model.layers=[conv: 4, {concat: [[], [max-pool, upsample]]}, squeeze-excitation: 3, {residual: [layer-scale], drop-path: 0.3}, mean-pool, linear: classes]"

python3 - "$root" <<'PYTHON'
import json, pathlib, re, struct, sys

known = set(re.findall(r'^    "(\w+)": \w+,$', (pathlib.Path(sys.argv[1]) / "cmd/python/normlab/operations.py").read_text(), re.M))
assert len(known) > 30
nodes = 0
for path in sorted(pathlib.Path().glob("*.safetensors")):
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    graph = json.loads(header["__metadata__"]["network"])
    there = {entry["value"] for entry in graph["inputs"]} | set(graph["parameters"].values())
    assert [entry["name"] for entry in graph["inputs"]] in (["x"], ["lengths", "x"]), path
    there |= {value for loop in graph["loops"] for _, before, _, last in loop["states"] for value in (before, last)}
    names = set(graph["parameters"])
    for node in graph["nodes"]:
        assert node["operation"] in known, node
        assert {value for value in node["in"] if value is not None} <= there, (path, node)
        assert len(node["out"]) == len(node["shapes"]), node
        there |= set(node["out"])
        names |= set(node["states"].values())
        nodes += 1
    assert graph["output"] in there
    assert names == {name for name in header if name != "__metadata__"}, (path, names)
print(f"{nodes} nodes of {len(list(pathlib.Path().glob('*.safetensors')))} networks")
PYTHON
