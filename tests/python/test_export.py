"""ONNX files of saved networks beside the program: onnxruntime puts out what `normlab eval --outputs` does, on random networks of every architecture.

    pytest tests/python/test_export.py       5 networks, 50 with NORMLAB_ALL=1; `normlab` on the PATH, or NORMLAB_PROGRAM
"""

import hashlib
import os
import pathlib
import random
import subprocess
import sys

import numpy
import pytest

torch = pytest.importorskip("torch")
for needed in ("safetensors", "onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(needed)
import normlab  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from normlab import export  # noqa: E402

PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")
NETWORKS = 50 if os.environ.get("NORMLAB_ALL") else 5

KINDS = ("bn", "ln", "gn", "in", "rms", "brn", "meanbn", "varbn", "l1bn", "maxbn", "dyt", "derf", "hardtanh", "frn", "position", "scalenorm", "prms", "lrn",
         "switch", "bin", "bcn", "dbn", "iternorm", "none")  # fmt: skip
ARCHITECTURES = {
    "mlp": {"model.depth": (1, 2, 4), "norm.placement": ("before", "after"), "data.name": ("digits", "synth")},
    "cnn": {"model.depth": (2, 3), "norm.placement": ("before", "after"), "data.name": ("digits", "synth")},
    "resnet": {"model.depth": (8,), "norm.placement": ("before", "preact"), "data.name": ("synth",), "norm.weights": ("none", "ws", "sws")},
    "transformer": {"model.depth": (1, 2), "model.heads": (2, 4), "norm.placement": ("before", "post", "peri", "sandwich", "deepnorm"),
                    "norm.kind": ("ln", "rms", "dyt", "scalenorm", "position"), "data.name": ("text", "parity", "digits"), "model.gated": ("false", "true"),
                    "model.positions": ("learned", "sinusoidal", "rotary")},
    "recurrent": {"model.arch": ("rnn", "lstm", "gru"), "model.depth": (1, 2), "norm.kind": ("ln", "bn", "gn", "rms", "none"), "data.name": ("digits", "parity"),
                  "model.bidirectional": ("false", "true")},
}  # fmt: skip
OF_DATA = {
    "digits": {},
    "synth": {"data.size": ("8",)},
    "text": {"data.context": ("10",)},
    "parity": {"data.length": ("6",), "data.min_length": ("2",)},
}


def run(*words):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)


def drawn(number):
    """The keys of random network `number`; some are refused by the program."""
    rng = random.Random(number)
    arch = list(ARCHITECTURES)[number % len(ARCHITECTURES)]
    choices = {"model.arch": (arch,), "norm.kind": KINDS, "model.activation": ("relu", "tanh", "silu", "gelu", "sigmoid"), "norm.affine": ("channel", "none"),
               "norm.weights": ("none", "none", "wn"), "model.width": (8, 12, 16), "norm.groups": (2, 4), **ARCHITECTURES[arch]}  # fmt: skip
    keys = {name: rng.choice(values) for name, values in choices.items()}
    keys.update({name: values[0] for name, values in OF_DATA[keys["data.name"]].items()})
    if arch == "transformer" and keys["data.name"] == "digits":
        keys["data.as"] = "patches"
    if arch == "recurrent" and keys["data.name"] == "digits":
        keys["data.as"] = "rows"
    return keys


def trained(folder, keys, kind):
    """Path of the network after three steps with these keys; None: the program refuses them."""
    (folder / "a.yaml").write_text("train: {steps: 3, batch: 8, lr: 0.05}\ndata: {train: 48, test: 40}\n")
    words = [f"{name}={value}" for name, value in keys.items()]
    done = run("run", folder / "a.yaml", *words, f"device.kind={kind}", "-q", "--out", folder / kind, "--save-final", folder / f"{kind}.safetensors")
    assert done.returncode in (0, 2), done.stderr
    return folder / f"{kind}.safetensors" if done.returncode == 0 else None


def inputs(path, folder):
    """What `normlab data export` says that the network sees, in the shapes that its ONNX file takes."""
    done = run("data", "export", path, "--out", folder)
    assert done.returncode == 0, done.stderr
    return {name: numpy.load(folder / f"test_{name}.npy") for name in ("x", "lengths") if (folder / f"test_{name}.npy").exists()}


def compare(folder, path, bound):
    """Of the largest logit; outputs after the end of a sequence are NaN in the program's file, and left out."""
    onnx_path = folder / f"{path.stem}.onnx"
    shapes = export.onnx(path, onnx_path, layout="nhwc")
    onnx.checker.check_model(onnx_path)
    fed = inputs(path, folder / f"{path.stem}_data")
    real = numpy.float64 if path.stem == "ref" else numpy.float32
    fed["x"] = fed["x"].reshape(len(fed["x"]), *shapes["x"][1:])
    fed["x"] = fed["x"].astype(real) if fed["x"].dtype == numpy.float32 else fed["x"]
    done = run("eval", path, "--stats", "running", "--outputs", folder / "outputs.npy", "-q")
    assert done.returncode == 0, done.stderr
    expected, found = numpy.load(folder / "outputs.npy"), onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"]).run(None, fed)[0]
    assert expected.dtype == found.dtype == real and expected.shape == found.shape == (40, *shapes["outputs"][1:])
    counts = ~numpy.isnan(expected)
    assert counts.any() and abs(expected[counts]).max() > 0
    difference = abs(found - expected)[counts].max() / abs(expected[counts]).max()
    assert difference <= bound, f"{difference} > {bound}"


@pytest.mark.parametrize("number", range(NETWORKS))
def test_onnxruntime_puts_out_what_the_program_does(number, tmp_path):
    for attempt in range(40):  # of the same architecture
        keys = drawn(number + 5000 * attempt)
        path = trained(tmp_path, keys, "ref")
        if path:
            break
    assert path, keys
    print(keys)  # of a failure
    if keys["norm.kind"] != "derf" and keys["model.activation"] != "gelu":  # onnxruntime has no Erf of float64
        compare(tmp_path, path, 1e-9)
    compare(tmp_path, trained(tmp_path, keys, "cpu"), 1e-5)


def test_the_file_says_what_it_is(tmp_path):
    path = trained(tmp_path, {"model.arch": "cnn", "model.depth": 2, "model.width": 8, "norm.kind": "gn", "norm.groups": 2}, "cpu")
    said = subprocess.run([sys.executable, "-m", "normlab", "export", path, "--onnx", tmp_path / "a.onnx"], capture_output=True, text=True)
    assert said.returncode == 0 and said.stderr == f"{tmp_path}/a.onnx: ONNX opset 18, x (samples, 1, 8, 8), outputs (samples, 10)\n"
    model = onnx.load(tmp_path / "a.onnx")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["norm.kind"] == "gn" and metadata["norm.weights"] == "none" and metadata["layout"] == "nchw" and metadata["source"] == "cpu.safetensors"
    assert metadata["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [entry.version for entry in model.opset_import] == [18] and str(pathlib.Path.cwd()) not in str(model)


@pytest.mark.parametrize("statistics, said", [("batch", "statistics of what is evaluated, which no file holds"), ("adapt", "statistics of what is evaluated"),
                                              ("precise", "statistics of the training part, which the file does not hold")])  # fmt: skip
def test_statistics_that_no_file_holds_are_refused(statistics, said, tmp_path):
    path = trained(tmp_path, {"norm.kind": "bn", "norm.eval": f"{statistics},running", "model.width": 8, "model.depth": 1}, "cpu")
    with pytest.raises(export.Refused, match=f"{said}.*norm.eval: {statistics}.*--stats running"):
        export.onnx(path, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()
    export.onnx(path, tmp_path / "a.onnx", stats="running")
    assert (tmp_path / "a.onnx").exists()


def test_normalizers_without_statistics_need_none(tmp_path):
    path = trained(tmp_path, {"norm.kind": "ln", "norm.eval": "batch", "model.width": 8, "model.depth": 1}, "cpu")
    if path:  # where the key has no meaning, it is not refused either
        export.onnx(path, tmp_path / "a.onnx")


@pytest.mark.parametrize("words, said", [(["none.safetensors", "--onnx", "a.onnx"], "none.safetensors"), (["a.yaml", "--onnx", "a.onnx"], "is not a file that normlab run"),
                                         (["cpu.safetensors", "--onnx", "cpu.safetensors"], "ends with .onnx"), (["cpu.safetensors", "--onnx", "x/a.onnx"], "there is no folder '")])  # fmt: skip
def test_wrong_files_are_refused(words, said, tmp_path):
    path = trained(tmp_path, {"norm.kind": "ln", "model.width": 8, "model.depth": 1}, "cpu")
    before = path.read_bytes()
    words = [word if word == "--onnx" else tmp_path / word for word in words]
    done = subprocess.run([sys.executable, "-m", "normlab", "export", *words], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("normlab: ") and said in done.stderr and "Traceback" not in done.stderr
    assert path.read_bytes() == before


def test_the_convolution_of_float64_is_pytorchs():
    torch.manual_seed(1)
    for size, stride, pad, groups in ((3, 1, 1, 1), (3, 2, 1, 2), (1, 2, 0, 1), (5, 1, 2, 4), (2, 2, 0, 2)):
        x, weight, bias = torch.randn(3, 4, 9, 8).double(), torch.randn(8, 4 // groups, size, size).double(), torch.randn(8).double()
        for own in (bias, None):
            found = export.conv2d(x, weight, own, [stride] * 2, [pad] * 2, [1, 1], groups)
            torch.testing.assert_close(found, torch.nn.functional.conv2d(x, weight, own, stride, pad, groups=groups), rtol=1e-12, atol=1e-12)
