"""normlab fold beside PyTorch: networks of every architecture, normalizer and placement, trained a few steps on `ref` (float64), folded, and computed by
PyTorch before and after. The folded weights are those of torch.nn.utils.fusion.

    pytest tests/python            with `normlab` on the PATH, or NORMLAB_PROGRAM
"""

import json
import subprocess

import numpy
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
import normlab  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from test_model import CASES, CNN, IMAGES, LSTM, MLP, PROGRAM, RESNET, laid_out, run, saved  # noqa: E402
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval  # noqa: E402

BATCH = ("bn", "brn", "meanbn", "varbn", "l1bn", "maxbn", "cbn", "mabn", "dbn", "iternorm", "custom")  # which the layer before takes in
LAYERS = [*IMAGES, "model.arch=layers"]
FOLDS = {
    **CASES,
    **{f"cnn-after-{kind}": [*CNN, "norm.placement=after", f"norm.kind={kind}", "norm.groups=4", "norm.compensate=false"] for kind in BATCH},
    **{f"mlp-after-{kind}": [*MLP, "norm.placement=after", f"norm.kind={kind}", "model.dropout=0.2", "norm.compensate=false"] for kind in BATCH},
    **{f"resnet-preact-{kind}": [*RESNET, "norm.placement=preact", f"norm.kind={kind}", "norm.compensate=false"] for kind in BATCH},
    **{f"bcn-{kind}": [*CNN, "norm.kind=bcn", f"norm.weights={kind}"] for kind in ("ws", "cwn", "sn")},
    **{f"{arch}-one-time-{kind}": [*LSTM, f"model.arch={arch}", f"norm.kind={kind}", "norm.time_limit=1", "model.bidirectional=true"] for arch in ("rnn", "lstm", "gru") for kind in ("bn", "brn", "varbn")},
    "layers-after": [*LAYERS, "norm.kind=dbn", "norm.groups=2", "model.layers=[{conv: 6}, activation, norm, {conv: 8, kernel: 1}, activation, norm, mean-pool, {linear: classes}]"],
    "layers-image-after": [*LAYERS, "norm.kind=iternorm", "norm.groups=2", "model.layers=[{conv: 6}, activation, norm, {linear: 10}, norm, norm, {linear: classes}]"],
    "layers-before-and-after": [*LAYERS, "norm.kind=bn", "norm.noise=0.3", "model.layers=[{conv: 6}, activation, norm, {conv: 8, kernel: 1}, norm, {linear: classes}]"],
}


def folded(path, *words):
    """What `normlab fold` said, or None and stderr where nothing can be folded; and the path of the new file."""
    out = path.with_name("folded.safetensors")
    done = subprocess.run([PROGRAM, "fold", path, "--out", out, "--format", "json", *words], capture_output=True, text=True)
    if done.returncode == 2 and "can be folded" in done.stderr + done.stdout or "nothing to fold" in done.stderr:
        assert not out.exists()
        return None, done.stderr, out
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr, out


def outputs(path, arrays):
    network = normlab.model(path)
    x = laid_out(network, arrays["x"])
    with torch.no_grad():
        return network(x) if "lengths" not in arrays else network(x, arrays["lengths"])


@pytest.mark.parametrize("name", FOLDS)
def test_pytorch_computes_the_same(name, tmp_path):
    path, arrays, loss = saved(tmp_path, FOLDS[name], "ref")
    said, _, out = folded(path)
    if said is None:
        return
    before, after = outputs(path, arrays), outputs(out, arrays)
    assert (after - before).abs().max() <= 1e-10 * before.abs().max()
    assert said["outputs"]["relative"] <= 1e-10
    gone = {item["node"] for item in said["normalizers"] if item["outcome"] in ("folded", "weight")}
    assert not gone & {name for name, _ in normlab.model(out).named_modules()}
    scores = json.loads(run("eval", out, "--format", "json"))
    assert len(scores) == 1 and abs(scores[0]["loss"] - loss) <= 1e-10 * abs(loss)


@pytest.mark.parametrize("arch", ["cnn", "mlp"])
def test_which_normalizers_are_folded(arch, tmp_path):
    for kind in [name.removeprefix("cnn-") for name in CASES if name.startswith("cnn-") and "norm.kind=" + name.removeprefix("cnn-") == CASES[name][-1]]:
        path, _, _ = saved(tmp_path / kind, CASES[f"{arch}-{kind}"], "ref")
        said, why, _ = folded(path)
        outcomes = {item["outcome"] for item in said["normalizers"]} if said else {"stays"}
        assert outcomes == ({"folded"} if kind in BATCH else {"half"} if kind == "bcn" else {"stays"}), (kind, why)
        assert said is not None or kind == "none" or why.count(" stays: ") == 3, why


@pytest.mark.parametrize("name, pairs", [
    ("cnn-bn", [(f"conv{i}", f"norm{i}") for i in (1, 2, 3)]),
    ("mlp-bn", [(f"fc{i}", f"norm{i}") for i in (1, 2, 3)]),
    ("resnet-bn", [("conv1", "norm1"), *((f"layer{i}.0.conv{k}", f"layer{i}.0.norm{k}") for i in (1, 2, 3) for k in (1, 2))]),
    ("configs-mobilenet_synth", None),
])
def test_folded_weights_are_those_of_pytorchs_fusion(name, pairs, tmp_path):
    path, _, _ = saved(tmp_path, CASES[name], "ref")
    said, _, out = folded(path)
    network, tensors = normlab.model(path), load_file(out)
    found = [(item["layer"], item["node"]) for item in said["normalizers"] if item["outcome"] == "folded" and item["side"] == "before"]
    assert found and (pairs is None or found == pairs)
    for layer, norm in found:
        fuse = fuse_linear_bn_eval if isinstance(network.get_submodule(layer), torch.nn.Linear) else fuse_conv_bn_eval
        fused = fuse(network.get_submodule(layer), network.get_submodule(norm))
        torch.testing.assert_close(tensors[f"{layer}.weight"], fused.weight.detach(), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(tensors[f"{layer}.bias"], fused.bias.detach(), rtol=1e-12, atol=1e-14)
        assert not any(key.startswith(f"{norm}.") for key in tensors)


def test_weight_normalization_becomes_pytorchs_weight(tmp_path):
    path, _, _ = saved(tmp_path, [*MLP, "norm.kind=none", "norm.weights=wn"], "ref")
    said, _, out = folded(path)
    before, after = load_file(path), load_file(out)
    assert [item["outcome"] for item in said["normalizers"]] == ["weight"] * 3
    for i in (1, 2, 3):
        g, v = (before[f"fc{i}.parametrizations.weight.original{k}"] for k in (0, 1))
        torch.testing.assert_close(after[f"fc{i}.weight"], torch._weight_norm(v, g, 0), rtol=1e-13, atol=1e-15)


def test_outputs_of_float32_agree_to_its_rounding(tmp_path):
    path, _, _ = saved(tmp_path, CASES["resnet-bn"], "cpu")
    said, _, out = folded(path)
    logits = []
    for file in (path, out):
        run("eval", file, "--outputs", tmp_path / "logits.npy", "--stats", "running", "-q")
        logits.append(numpy.load(tmp_path / "logits.npy"))
    largest = numpy.abs(logits[1] - logits[0]).max()
    assert largest <= 1e-5 * numpy.abs(logits[0]).max()
    assert abs(largest - said["outputs"]["largest_difference"]) <= 1e-9 + 1e-3 * largest


def test_bench_times_both(tmp_path):
    path, _, _ = saved(tmp_path, CASES["cnn-bn"], "cpu")
    _, _, out = folded(path)
    found = json.loads(run("bench", path, out, "--rounds", 5, "--batch", 16, "--format", "json"))
    assert (found["rounds"], found["batch"], found["part"]) == (5, 16, "test")
    counts = [{entry["operation"]: entry["instructions"] for entry in model["operations"]} for model in found["models"]]
    assert counts[0]["conv"] == counts[1]["conv"] == 3 and counts[0]["normalize"] == 3 and "normalize" not in counts[1]
    for model in found["models"]:
        for low, median, high in (model["single_seconds"], model["batch_seconds"], *(entry["seconds"] for entry in model["operations"])):
            assert 0 <= low <= median <= high
        assert model["samples_per_second"] * model["batch_seconds"][1] == pytest.approx(16)
