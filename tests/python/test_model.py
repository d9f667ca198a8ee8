"""normlab.model beside the program: networks of every architecture and normalizer, trained a few steps on `ref` (float64), saved, and computed by PyTorch on
what `normlab data export` says the network sees. The loss is that of `normlab eval` to 1e-9, and of float32 (cpu) to float32's rounding.

    pytest tests/python            with `normlab` on the PATH, or NORMLAB_PROGRAM
"""

import copy
import json
import os
import pathlib
import re
import subprocess

import numpy
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
import normlab  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")
ROOT = pathlib.Path(__file__).parents[2]
SMALL = ["data.train=48", "data.test=40", "train.batch=8", "train.epochs=1", "train.lr=0.05"]
CNN = ["model.arch=cnn", "model.width=16", "model.depth=3", "norm.groups=4"]
RESNET = ["model.arch=resnet", "model.width=8", "model.depth=8", "norm.groups=4"]
MLP = ["model.arch=mlp", "model.width=16", "model.depth=3", "norm.groups=4"]
LSTM = ["model.arch=lstm", "model.width=12", "model.depth=2", "norm.groups=4", "data.as=rows"]
GPT = ["model.arch=transformer", "model.width=16", "model.depth=2", "model.heads=2", "data.name=text", "data.context=12", "norm.kind=ln"]
VIT = ["model.arch=transformer", "model.width=16", "model.depth=2", "model.heads=2", "data.as=patches", "norm.kind=ln", "norm.groups=4"]
IMAGES = ["data.name=synth", "data.size=8"]  # 8 x 8 x 3
TASK = ["data.name=sort", "data.length=6", "data.min_length=3"]


def kinds(table):
    """All that norms.def or weights.def lists, so that a new one is not forgotten."""
    return re.findall(r"^(?:WEIGHT_)?NORM\((\w+)\)", (ROOT / "core" / "norm" / table).read_text(), re.M)


CASES = {
    **{f"cnn-{kind}": [*CNN, f"norm.kind={kind}"] for kind in kinds("norms.def")},
    **{f"mlp-{kind}": [*MLP, f"norm.kind={kind}"] for kind in kinds("norms.def")},
    **{f"cnn-weights-{kind}": [*CNN, "norm.kind=bn", f"norm.weights={kind}", "norm.weights_head=true"] for kind in kinds("weights.def")},
    **{f"lstm-{kind}": [*LSTM, f"norm.kind={kind}", "norm.time_limit=3"] for kind in ("bn", "ln", "gn", "rms", "none", "dyt", "maxbn", "l1bn")},
    **{f"cnn-{activation}": [*CNN, f"model.activation={activation}"] for activation in ("sigmoid", "tanh", "gelu", "silu")},
    "cnn-gelu-tanh": [*CNN, "model.activation=gelu", "model.gelu_approximate=tanh"],
    **{f"{name}-images": [*words, "norm.kind=bn", *IMAGES] for name, words in (("cnn", CNN), ("mlp", MLP), ("resnet", RESNET))},
    "cnn-images-ln-element": [*CNN, *IMAGES, "norm.kind=ln", "norm.affine=element"],
    "layers-images": [*IMAGES, "model.arch=layers", "model.layers=[{conv: 6}, norm, max-pool, {linear: 12}, norm, {linear: classes}]", "norm.kind=bn"],
    **{f"cnn-maps-of-one-{kind}": [*CNN[:2], "model.depth=4", "model.pool=[1,2,3]", "norm.groups=16", f"norm.kind={kind}"] for kind in ("bn", "ln", "gn", "in")},
    "cnn-formula-states": [
        *CNN,
        "norm.kind=formula",
        "norm.formula=m = mean(x, batch space); v = var(x, batch space); y = gamma * (x - m) / sqrt(v + eps) + beta",
        "norm.parameters={gamma: {shape: channel, init: 1}, beta: {shape: channel, init: 0}}",
        "norm.states={rm: {shape: channel, init: 0, next: 0.9 * rm + 0.1 * m}, rv: {shape: channel, init: 1, next: 0.9 * rv + 0.1 * v}}",
        "norm.evaluation=y = gamma * (x - rm) / sqrt(rv + eps) + beta",
    ],
    "cnn-formula-groups": [
        *CNN,
        "norm.kind=formula",
        "norm.formula=s = norm(x, space group(4)); w = where(x > 0, x, a * relu(s - max(x, space group(4)))); y = g * w / (s + eps) + e * tanh(x)",
        "norm.parameters={g: {shape: group, init: 2}, a: {shape: one, init: 0.5}, e: {shape: element, init: 0.1}}",
    ],
    "cnn-after": [*CNN, "norm.placement=after"],
    "cnn-element": [*CNN, "norm.kind=ln", "norm.affine=element"],
    "cnn-no-affine": [*CNN, "norm.affine=none"],
    "cnn-position": [*CNN, *IMAGES, "norm.kind=ln", "norm.over=position"],
    "cnn-rms-position": [*CNN, "norm.kind=scalenorm", "norm.over=position"],
    "cnn-eps": [*CNN, "norm.eps_place=outside", "norm.eps=0.1"],
    "cnn-ghost": [*CNN, "norm.stat_batch=4"],
    "cnn-cumulative": [*CNN, "norm.running=cumulative"],
    "cnn-learned": [*CNN, "norm.running=learned"],
    "cnn-skip": [*CNN, "norm.skip=[2]"],
    "cnn-dropout": [*CNN, "model.dropout=0.3"],
    "cnn-noise": [*CNN, "norm.noise=0.5"],
    "transformer-noise": [*GPT, "norm.noise=0.5"],
    "cnn-pca": [*CNN, "norm.kind=dbn", "norm.whitening=pca"],
    "cnn-frn-no-tlu": [*CNN, "norm.kind=frn", "norm.tlu=false", "norm.learn_eps=on"],
    "cnn-lrn": [*CNN, "norm.kind=lrn", "norm.lrn_size=4", "norm.lrn_alpha=2"],
    **{
        f"cnn-custom-{center}-{scale}-{name}": [*CNN, "norm.kind=custom", f"norm.center={center}", f"norm.scale={scale}", f"norm.sets={sets}"]
        for name, sets in {"bn": "[samples,height,width]", "ln": "[height,width,channels]", "gn": "[height,width,channels/4]", "in": "[height,width]"}.items()
        for center, scale in (("mean", "std"), ("mean", "l1"), ("kept", "std"), ("kept", "max"), ("none", "std"), ("none", "none"))
    },
    **{f"resnet-{kind}": [*RESNET, f"norm.kind={kind}"] for kind in ("bn", "ln", "gn", "none", "frn", "cbn", "switch")},
    "resnet-preact": [*RESNET, "norm.placement=preact"],
    "resnet-last-gamma": [*RESNET, "norm.last_gamma=0"],
    **{f"resnet-{kind}": [*RESNET, "norm.kind=none", f"model.residual={kind}"] for kind in ("skipinit", "fixup")},
    "resnet-nf": [*RESNET, "norm.kind=none", "model.residual=nf", "norm.weights=sws", "norm.placement=preact"],
    **{f"rnn-{arch}": [*LSTM, f"model.arch={arch}", "norm.kind=ln", "model.bidirectional=true"] for arch in ("rnn", "lstm", "gru")},
    **{f"plain-{arch}": [*LSTM, f"model.arch={arch}", "norm.kind=none"] for arch in ("rnn", "lstm", "gru")},
    "lstm-weights": [*LSTM, "norm.weights=wn", "norm.kind=none"],
    "lstm-text": [*GPT, "model.arch=lstm", "norm.kind=ln"],
    "gru-stateful": [*GPT, "model.arch=gru", "norm.kind=none", "model.stateful=true", "data.sampling=stream"],
    "lstm-lengths": [*TASK, "model.arch=lstm", "model.width=12", "model.depth=2", "norm.kind=bn"],
    "gru-both-lengths": ["data.name=parity", "data.length=6", "data.min_length=2", "model.arch=gru", "model.width=12", "model.depth=2",
                         "model.bidirectional=true", "norm.kind=ln"],
    "lstm-adding": ["data.name=adding", "data.length=7", "model.arch=lstm", "model.width=12", "model.depth=1", "norm.kind=none"],
    "gpt": GPT,
    "gpt-tied-rotary": [*GPT, "model.tied=true", "model.positions=rotary", "model.gated=true", "model.activation=silu", "norm.kind=rms"],
    "gpt-sinusoidal": [*GPT, "model.positions=sinusoidal", "model.parallel=true", "model.bias=off"],
    "gpt-qk": [*GPT, "norm.qk=true", "norm.depth_scale=true"],
    "gpt-no-positions": [*GPT, "model.positions=none", "norm.kind=none"],
    **{f"gpt-{placement}": [*GPT, f"norm.placement={placement}"] for placement in ("post", "peri", "sandwich", "deepnorm")},
    **{f"gpt-{kind}": [*GPT, f"norm.kind={kind}"] for kind in ("dyt", "derf", "hardtanh", "position")},
    "gpt-lengths": [*TASK, *[word for word in GPT if "data." not in word]],
    "vit": VIT,
    "vit-class": [*VIT, "model.pool_tokens=class"],
    "vit-bn": [*VIT, "norm.kind=bn"],
    "encoder-lengths": ["data.name=parity", "data.length=6", "data.min_length=2", *[word for word in VIT if "data." not in word], "norm.kind=bn"],
    "encoder-class-lengths": ["data.name=parity", "data.length=6", "data.min_length=2", *[word for word in VIT if "data." not in word],
                              "model.pool_tokens=class", "norm.kind=gn"],
    "layers": ["model.arch=layers", "norm.kind=bn", "model.layers=[{conv: 4, kernel: 2, stride: 2, padding: 0}, {concat: [[], [norm-activation, {conv: 3, dilation: 2}], "
               "[max-pool, {conv: 2, kernel: 4, padding: 3, dilation: 2}, upsample]]}, {residual: [norm, conv: 9, squeeze-excitation: 3, layer-scale: 0.5], drop-path: 0.3}, "
               "{conv: depthwise, kernel: 4, padding: 1}, mean-pool, linear: classes]"],
    **{f"configs-{name}": [str(ROOT / "configs" / f"{name}.yaml")] for name in (
        "vgg11_digits", "residual_mlp_digits", "mobilenet_synth", "resnet8_synth", "vit_digits", "convnext_digits", "densenet_digits", "wrn16_synth")},
}


def run(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved(folder, words, kind):
    """A network trained so, what its data are to it, and the program's own loss on the test part."""
    folder.mkdir(exist_ok=True)
    path, file = folder / "model.safetensors", [word for word in words if word.endswith(".yaml")]
    own = [word for word in words if word not in file]
    (folder / "defaults.yaml").write_text("{}\n")
    run("run", *(file or [folder / "defaults.yaml"]), *SMALL, *own, f"device.kind={kind}", "norm.eval=running", "--out", folder / "run", "--save-final", path, "-q")
    run("data", "export", path, "--out", folder / "data")
    arrays = {name: torch.from_numpy(numpy.load(folder / "data" / f"test_{name}.npy")) for name in ("x", "y", "lengths") if (folder / "data" / f"test_{name}.npy").exists()}
    return path, arrays, json.loads(run("eval", path, "--stats", "running", "--format", "json"))[0]["loss"]


def laid_out(network, x, layout="nchw"):
    """x of `normlab data export`, where images are (N, H, W, C) and sequences (N, S, 1, C), in a layout."""
    is_image = network.config.get("data.as") == "image" and x.dim() == 4 and x.shape[2] > 1
    return x.permute(0, 3, 1, 2) if is_image and layout == "nchw" else x


def loss_of(network, arrays, layout="nchw"):
    x, y, lengths = laid_out(network, arrays["x"], layout), arrays["y"], arrays.get("lengths")
    with torch.no_grad():
        out = (network(x) if lengths is None else network(x, lengths)).double()
    if y.is_floating_point():
        return ((out - y.double().reshape(out.shape)) ** 2).mean().item()
    if out.dim() == 2:
        return torch.nn.functional.cross_entropy(out, y).item()
    counts = y >= 0 if lengths is None else torch.arange(y.shape[1]) < lengths[:, None]
    counts &= y >= 0
    return torch.nn.functional.cross_entropy(out[counts], y[counts]).item()


@pytest.mark.parametrize("name", CASES)
def test_the_loss_is_the_programs(name, tmp_path):
    path, arrays, expected = saved(tmp_path, CASES[name], "ref")
    stored = load_file(path)
    for layout in ("nchw", "nhwc"):
        network = normlab.model(path, layout)
        assert next(network.parameters()).dtype == torch.float64
        loss = loss_of(network, arrays, layout)
        assert abs(loss - expected) <= 1e-9 * abs(expected), (layout, loss, expected)
        assert set(network.state_dict()) == {key for key in stored if not key.startswith("training.")}
        assert all(torch.equal(value, stored[key]) for key, value in network.state_dict().items())
        network.load_state_dict(stored)
        for key, module in network.named_modules():  # parts that several names share are computed as one, so that their hooks run
            assert type(module) is not torch.nn.Module or ".parametrizations" in key, key


@pytest.mark.parametrize("name", ["mlp-bn", "cnn-gn", "resnet-bn", "gpt", "lstm-bn"])
def test_float32_agrees_to_its_rounding(name, tmp_path):
    path, arrays, expected = saved(tmp_path, CASES[name], "cpu")
    network = normlab.model(path)
    assert next(network.parameters()).dtype == torch.float32
    assert abs(loss_of(network, arrays) - expected) <= 1e-5 * abs(expected)


@pytest.mark.parametrize("words", [
    ["model.width=256", "model.depth=4", "norm.kind=none"],
    ["model.arch=cnn", "model.width=64", "model.depth=4", "norm.kind=none"],
    ["model.arch=resnet", "model.width=64", "model.depth=8", "norm.kind=bn"],
    ["model.arch=transformer", "model.width=256", "model.depth=2", "model.heads=2", "data.name=text", "data.context=16", "norm.kind=ln"],
    ["model.arch=lstm", "model.width=128", "model.depth=2", "data.as=rows", "norm.kind=none"],
], ids=["mlp", "cnn", "resnet", "gpt", "lstm"])
def test_flops_are_the_products_that_pytorch_counts(words, tmp_path):
    """A third of the column flops is forward. PyTorch counts products alone, of a causal attention all T x T; the rest is under a fifth here."""
    from torch.utils.flop_counter import FlopCounterMode

    path, arrays, _ = saved(tmp_path, words, "cpu")
    trial = normlab.load(tmp_path / "run").trials.iloc[0]
    network, samples = normlab.model(path), len(arrays["x"])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(laid_out(network, arrays["x"]))
    forward = trial["flops"] / 3 / trial["samples"] * samples
    assert 0.98 <= forward / counter.get_total_flops() <= 1.2, (forward, counter.get_total_flops())


def trained_losses(network, arrays, steps=5):
    """The losses of full-batch steps, after which each parameter has a finite gradient."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        out = network(laid_out(network, arrays["x"]))
        loss = torch.nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), arrays["y"].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None and bool(parameter.grad.isfinite().all()) for parameter in network.parameters())
    return losses


@pytest.mark.parametrize("name", ["mlp-bn", "mlp-ln", "mlp-dyt", "cnn-bn", "cnn-frn", "resnet-gn", "lstm-bn", "gpt"])
def test_a_step_of_training_in_pytorch_lowers_the_loss(name, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "cpu")
    losses = trained_losses(normlab.model(path), arrays)
    assert losses[-1] < losses[0]


def test_running_statistics_leave_out_what_comes_after_the_ends(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["encoder-lengths"], "ref")
    network = normlab.model(path)
    layer = network.get_submodule("transformer.h.0.ln_1")
    assert not isinstance(layer, torch.nn.BatchNorm1d)  # which knows no lengths
    norm = torch.nn.BatchNorm1d(16, dtype=torch.float64)
    norm.load_state_dict(layer.state_dict())
    hidden = {}
    layer.register_forward_hook(lambda module, inputs, output: hidden.update(x=inputs[0], y=output))
    network.train()(arrays["x"], arrays["lengths"])
    counts = torch.arange(arrays["x"].shape[1]) < arrays["lengths"][:, None]
    torch.testing.assert_close(hidden["y"][counts], norm(hidden["x"][counts]), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.running_var, norm.running_var, rtol=1e-12, atol=0)
    assert layer.num_batches_tracked == norm.num_batches_tracked


LAYERS = {
    "cnn-bn": {"conv1": "Conv2d(1, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)", "norm2": "BatchNorm2d(16, eps=1e-05, momentum=0.1",
               "act1": "ReLU()", "pool1": "MaxPool2d(kernel_size=2, stride=2", "avgpool": "AdaptiveAvgPool2d(output_size=1)", "head": "Linear(in_features=16, out"},
    "cnn-cumulative": {"norm1": "BatchNorm2d(16, eps=1e-05, momentum=None, affine=True"},
    "cnn-no-affine": {"norm1": "BatchNorm2d(16, eps=1e-05, momentum=0.1, affine=False"},
    "cnn-gn": {"norm1": "GroupNorm(4, 16, eps=1e-05, affine=True"},
    "cnn-ln": {"norm1": "GroupNorm(1, 16, eps=1e-05, affine=True"},
    "cnn-in": {"norm1": "InstanceNorm2d(16, eps=1e-05, momentum=0.1, affine=True"},
    "cnn-lrn": {"norm1": "LocalResponseNorm(4, alpha=2, beta=0.75, k=1)"},
    "cnn-custom-mean-std-bn": {"norm1": "BatchNorm2d(16"},
    "cnn-custom-mean-std-gn": {"norm1": "GroupNorm(4, 16"},
    "cnn-dropout": {"drop1": "Dropout(p=0.3"},
    "cnn-gelu-tanh": {"act1": "GELU(approximate='tanh')"},
    "cnn-silu": {"act1": "SiLU()"},
    "cnn-sigmoid": {"act1": "Sigmoid()"},
    "cnn-tanh": {"act1": "Tanh()"},
    "mlp-bn": {"fc1": "Linear(in_features=64, out_features=16, bias=False)", "norm1": "BatchNorm1d(16"},
    "mlp-ln": {"norm1": "LayerNorm((16,), eps=1e-05, elementwise_affine=True"},
    "mlp-rms": {"norm1": "RMSNorm((16,), eps=1e-05"},
    "mlp-gn": {"norm1": "GroupNorm(4, 16"},
    "gpt": {"transformer.wte": "Embedding(65, 16)", "transformer.h.0.ln_1": "LayerNorm((16,), eps=1e-05", "transformer.h.0.attn.c_attn": "Linear(in_features=16"},
    "gpt-tied-rotary": {"transformer.ln_f": "RMSNorm((16,), eps=1e-05, elementwise_affine=True)", "lm_head": "Layer(linear"},
    "cnn-position": {"norm1": "LayerNormOfImages((16,), eps=1e-05, elementwise_affine=True"},
    "vit-bn": {"transformer.h.0.ln_1": "BatchNormOfSequences(16, eps=1e-05, momentum=0.1, affine=True"},
    # What PyTorch computes otherwise, or not at all.
    "cnn-rms": {"norm1": "Layer(normalize, kind=rms"},
    "cnn-eps": {"norm1": "Layer(normalize, kind=bn"},
    "cnn-ghost": {"norm1": "Layer(normalize, kind=bn"},
    "cnn-element": {"norm1": "Layer(normalize, kind=ln"},
    "cnn-l1bn": {"norm1": "Layer(normalize, kind=l1bn"},
    "cnn-meanbn": {"norm1": "Layer(normalize, kind=meanbn"},
    "cnn-brn": {"norm1": "Layer(normalize, kind=brn"},
    "cnn-weights-wn": {"conv1": "Layer(\n  conv, stride=1, pad=1, dilation=1, groups=1 -> 8x8x16"},
    "mlp-in": {"norm1": "Layer(normalize, kind=in"},
    "encoder-lengths": {"transformer.h.0.ln_1": "Layer(normalize, kind=bn"},
    "lstm-bn": {"rnn.norm_ih_l0": "Layer(normalize, kind=bn"},
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_pytorchs_where_it_has_them(name, tmp_path):
    path, _, _ = saved(tmp_path, CASES[name], "cpu")
    network = normlab.model(path)
    for layer, text in LAYERS[name].items():
        assert repr(network.get_submodule(layer)).startswith(text), network
        assert not text.startswith("BatchNormOf") or isinstance(network.get_submodule(layer), torch.nn.BatchNorm1d)
    assert not any(parameter.is_meta for parameter in network.state_dict().values())


def batches(network, arrays):
    return laid_out(network, arrays["x"].double()).split(10)


def test_update_bn_finds_batch_norms_of_sequences(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["vit-bn"], "ref")
    network, mean = normlab.model(path), []
    layer = network.get_submodule("transformer.h.0.ln_1")
    layer.register_forward_hook(lambda module, inputs, output: mean.append(inputs[0].mean((0, 1))))
    torch.optim.swa_utils.update_bn(batches(network, arrays), network)
    torch.testing.assert_close(layer.running_mean, torch.stack(mean).mean(0), rtol=1e-12, atol=1e-12)
    assert layer.num_batches_tracked == len(mean) == 4


@pytest.mark.parametrize("name", ["cnn-bn", "mlp-bn", "resnet-bn"])
def test_update_bn_takes_the_statistics_of_its_batches(name, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "ref")
    network, before = normlab.model(path), load_file(path)
    torch.optim.swa_utils.update_bn(batches(network, arrays), network)
    first = next(name for name, layer in network.named_modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm))
    with torch.no_grad():
        linear = network.conv1 if hasattr(network, "conv1") else network.fc1
        sums = [linear(x if hasattr(network, "conv1") else x.permute(0, 2, 3, 1).flatten(1)) for x in batches(network, arrays)]
        mean = torch.stack([y.transpose(0, 1).flatten(1).mean(1) for y in sums]).mean(0)
    torch.testing.assert_close(network.get_submodule(first).running_mean, mean, rtol=1e-12, atol=1e-12)
    for key, value in network.state_dict().items():
        is_statistic = key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        assert torch.equal(value, before[key]) != is_statistic, key
    assert not network.training


def test_a_fused_convolution_gives_the_same_outputs(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["cnn-bn"], "ref")
    network = normlab.model(path)
    x = laid_out(network, arrays["x"])
    before = network(x)
    for at in (1, 2, 3):
        conv, norm = getattr(network, f"conv{at}"), getattr(network, f"norm{at}")
        setattr(network, f"conv{at}", torch.nn.utils.fusion.fuse_conv_bn_eval(conv, norm))
        setattr(network, f"norm{at}", torch.nn.Identity())
    assert network.conv1.bias is not None
    torch.testing.assert_close(network(x), before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name, layer, made", [
    ("cnn-bn", "norm1", lambda: torch.nn.GroupNorm(4, 16)),
    ("cnn-frn", "norm1", lambda: torch.nn.BatchNorm2d(16)),
    ("mlp-ln", "norm1", lambda: torch.nn.BatchNorm1d(16)),
    ("resnet-bn", "layer1.0", lambda: torch.nn.Conv2d(8, 8, 1)),
    ("cnn-bn", "head", lambda: torch.nn.Linear(16, 12)),
    ("cnn-weights-wn", "conv2", lambda: torch.nn.Conv2d(16, 16, 3, padding=1)),
    ("gpt", "transformer.h.0.ln_1", lambda: torch.nn.RMSNorm(16)),
    ("gpt", "transformer.h.0.attn.attention", lambda: torch.nn.Linear(48, 16)),
])
def test_a_replaced_layer_trains(name, layer, made, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "cpu")
    network, new = normlab.model(path), made()
    above, _, own = layer.rpartition(".")
    setattr(network.get_submodule(above), own, new)
    before = {key: value.clone() for key, value in new.state_dict().items()}
    losses = trained_losses(network, arrays)
    assert losses[-1] < losses[0]
    assert all(not torch.equal(value, before[key]) for key, value in new.named_parameters())


def test_a_layer_of_ours_refuses_what_another_shape_leaves_it(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["resnet-bn"], "cpu")
    network = normlab.model(path)
    setattr(network.get_submodule("layer1.0"), "norm2", torch.nn.Conv2d(8, 12, 1))
    with pytest.raises(ValueError, match=r"'layer1.0.add' takes \(N, 8, 8, 8\), and is given \(40, 12, 8, 8\)"):
        network(laid_out(network, arrays["x"]))


@pytest.mark.parametrize("name", ["cnn-bn", "resnet-frn", "mlp-dyt", "gpt", "vit-class", "lstm-ln", "gru-both-lengths"])
def test_hooks_of_all_modules_see_tensors(name, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "cpu")
    network, seen = normlab.model(path), {}
    for key, module in network.named_modules():
        module.register_forward_hook(lambda module, inputs, output, key=key: seen.update({key: (inputs, output)}))
    network(laid_out(network, arrays["x"]), *([arrays["lengths"]] if "lengths" in arrays else []))
    assert set(seen) == {key for key, _ in network.named_modules()}
    for inputs, output in seen.values():
        assert all(isinstance(x, torch.Tensor) for x in (*inputs, *(output if isinstance(output, tuple) else (output,))))


def test_hooks_see_images_with_channels_first_and_a_block_what_passes_through(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["resnet-bn"], "cpu")
    network, seen = normlab.model(path), {}
    for key in ("layer2", "layer2.0", "layer2.0.conv1", "layer2.0.add", "avgpool", "head"):
        network.get_submodule(key).register_forward_hook(lambda module, inputs, output, key=key: seen.update({key: (inputs[0], output)}))
    network(laid_out(network, arrays["x"]))
    shapes = {key: [tuple(x.shape[1:]) for x in pair] for key, pair in seen.items()}
    assert shapes["layer2"] == shapes["layer2.0"] == shapes["layer2.0.conv1"] == [(8, 8, 8), (16, 4, 4)]
    assert shapes["layer2.0.add"] == [(16, 4, 4), (16, 4, 4)]
    assert shapes["avgpool"] == [(32, 2, 2), (32, 1, 1)] and shapes["head"] == [(32,), (10,)]
    assert seen["layer2"][1] is seen["layer2.0"][1]


@pytest.mark.parametrize("name", ["cnn-bn", "mlp-bn", "resnet-bn", "resnet-frn", "gpt", "vit-class", "lstm-bn", "gru-both-lengths"])
def test_an_exported_program_gives_the_same_outputs(name, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "ref")
    network = normlab.model(path)
    inputs = (laid_out(network, arrays["x"]), *([arrays["lengths"]] if "lengths" in arrays else []))
    n = torch.export.Dim("n")
    program = torch.export.export(network, tuple(x[:3] for x in inputs), dynamic_shapes=tuple({0: n} for _ in inputs))
    torch.testing.assert_close(program.module()(*inputs), network(*inputs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["resnet-frn", "lstm-bn"])
def test_a_copy_computes_the_same_by_itself(name, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "cpu")
    network = normlab.model(path)
    x = laid_out(network, arrays["x"])
    torch.save(network, tmp_path / "network.pt")
    for other in (copy.deepcopy(network), torch.load(tmp_path / "network.pt", weights_only=False)):
        assert torch.equal(other(x), network(x))
        other.head.weight.data.zero_()
        assert not torch.equal(other(x), network(x))


REFUSED = {
    "channels last": (CASES["cnn-images"], lambda x: x.permute(0, 2, 3, 1), ValueError,
                      r"takes \(N, 3, 8, 8\); channels come first: x.permute\(0, 3, 1, 2\), or normlab.model\(path, layout='nhwc'\)"),
    "half images": (CASES["cnn-images"], lambda x: x[:, :, :4], ValueError, "takes"),
    "four halves of two": (CASES["cnn-images"], lambda x: x[:4].reshape(8, 3, 4, 8), ValueError, "takes"),
    "flat": (CASES["cnn-images"], lambda x: x.flatten(1), ValueError, "takes"),
    "one sample": (CASES["cnn-images"], lambda x: x[0], ValueError, "takes"),
    "one row more": (CASES["cnn-images"], lambda x: torch.cat([x, x[:, :, :1]], 2), ValueError, "takes"),
    "a number": (CASES["cnn-images"], lambda x: x.flatten()[0], ValueError, "takes"),
    "bytes": (CASES["cnn-images"], lambda x: (x * 9).to(torch.uint8), TypeError, "real numbers"),
    "a shorter sequence": (LSTM, lambda x: x[:, :4], ValueError, r"takes \(N, 8, 8\)$"),
    "ids of half a window": (GPT, lambda x: x[:, :6], ValueError, r"shape \(N, 12\)"),
    "ids of two windows": (GPT, lambda x: torch.cat([x, x], 1), ValueError, r"shape \(N, 12\)"),
    "ids as floats": (GPT, lambda x: x.float(), TypeError, "token ids"),
    "unknown ids": (GPT, lambda x: x + 1000, ValueError, "this network knows 0 to 64"),
    "negative ids": (GPT, lambda x: x - 1000, ValueError, "this network knows 0 to 64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_shape_is_refused(name, tmp_path):
    words, change, kind, said = REFUSED[name]
    path, arrays, _ = saved(tmp_path, words, "cpu")
    network = normlab.model(path)
    x = laid_out(network, arrays["x"])
    network(x)
    with pytest.raises(kind, match=said):
        network(change(x))


def test_another_layout_is_refused(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["cnn-images"], "cpu")
    x = arrays["x"]
    with pytest.raises(ValueError, match=r"takes \(N, 8, 8, 3\); channels come last: x.permute\(0, 2, 3, 1\), or normlab.model\(path\)"):
        normlab.model(path, layout="nhwc")(x.permute(0, 3, 1, 2))
    assert torch.equal(normlab.model(path, layout="nhwc")(x), normlab.model(path)(x.permute(0, 3, 1, 2)))
    with pytest.raises(ValueError, match="layout is 'NCHW', and it can be 'nchw' or 'nhwc'"):
        normlab.model(path, layout="NCHW")


@pytest.mark.parametrize("name, shape", [("cnn-gn", (10,)), ("resnet-bn", (10,)), ("gpt", (12, 65)), ("vit-class", (10,)), ("lstm-ln", (10,))])
def test_no_samples_have_no_outputs(name, shape, tmp_path):
    path, arrays, _ = saved(tmp_path, CASES[name], "cpu")
    network = normlab.model(path)
    assert network(laid_out(network, arrays["x"])[:0]).shape == (0, *shape)


def test_lengths_that_do_not_fit_are_refused(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["lstm-lengths"], "cpu")
    network, x, lengths = normlab.model(path), arrays["x"], arrays["lengths"]
    for wrong in (None, lengths[:-1], lengths[:, None], lengths * 0, lengths + 1000, lengths.float()):
        with pytest.raises((TypeError, ValueError)):
            network(x, wrong)
    path, arrays, _ = saved(tmp_path / "of_one", CASES["mlp-bn"], "cpu")
    with pytest.raises(TypeError, match="of one length"):
        normlab.model(path)(arrays["x"], lengths)


def test_dimensions_of_one_may_be_left_out(tmp_path):
    path, arrays, _ = saved(tmp_path, MLP, "cpu")  # digits: 8 x 8 x 1
    network, x = normlab.model(path), arrays["x"]
    torch.testing.assert_close(network(x[..., 0]), network(x), rtol=0, atol=0)
    torch.testing.assert_close(network(x[..., 0]), network(x.permute(0, 3, 1, 2)), rtol=0, atol=0)
    assert network(x[:0]).shape == (0, 10)


def test_what_it_cannot_do_it_refuses_by_name(tmp_path):
    path, arrays, _ = saved(tmp_path, CASES["mlp-brn"], "cpu")
    network = normlab.model(path)
    with pytest.raises(NotImplementedError, match="'norm1' .brn. does not train"):
        network.train()(arrays["x"])
    stored, config = load_file(path), dict(network.config)
    save_file(stored, tmp_path / "plain.safetensors")
    with pytest.raises(ValueError, match="does not say which network"):
        normlab.model(tmp_path / "plain.safetensors")
    config["network"] = config["network"].replace('"operation": "activate"', '"operation": "fold"')
    save_file(stored, tmp_path / "new.safetensors", metadata=config)
    with pytest.raises(NotImplementedError, match="'act1' is a layer 'fold'"):
        normlab.model(tmp_path / "new.safetensors")
    del stored["fc1.weight"]
    save_file(stored, tmp_path / "part.safetensors", metadata=dict(network.config))
    with pytest.raises(ValueError, match="there is no tensor 'fc1.weight'"):
        normlab.model(tmp_path / "part.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(ValueError, match="text.safetensors' is not a file that normlab run --save-final or --save-init wrote"):
        normlab.model(tmp_path / "text.safetensors")
    (tmp_path / "empty.safetensors").write_text("")
    with pytest.raises(ValueError, match="empty.safetensors' is not a file that normlab run --save-final or --save-init wrote"):
        normlab.model(tmp_path / "empty.safetensors")
    with pytest.raises(ValueError, match="run' is a folder: model takes a file that normlab run --save-final or --save-init wrote"):
        normlab.model(tmp_path / "run")
    for wrong in ("{", "[]", '{"nodes": []}'):
        save_file(stored, tmp_path / "broken.safetensors", metadata={**network.config, "network": wrong})
        with pytest.raises(ValueError, match="broken.safetensors'"):
            normlab.model(tmp_path / "broken.safetensors")
    with pytest.raises(FileNotFoundError):
        normlab.model(tmp_path / "absent.safetensors")
