"""`normlab data export` of a run beside NumPy and PyTorch: its arrays are the raw ones of its split, standardized as documented, and the saved network has the
recorded error on them.

    pytest tests/python/test_data_export.py            with `normlab` on the PATH, or NORMLAB_PROGRAM
"""

import csv
import os
import pathlib
import subprocess

import numpy
import pytest

PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")
ARRAYS = pathlib.Path(__file__).parents[1] / "golden" / "arrays"
CONFIGURATION = """
data: {name: npy, dir: %s, val: 12}
model: {arch: cnn, width: 8, depth: 2}
train: {epochs: 2, batch: 8, seed: 4}
norm: {groups: 2}
"""


def run(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def exported(folder, source, name, *keys):
    run("data", "export", source, *keys, "--out", folder / name)
    return {path.stem: numpy.load(path) for path in (folder / name).glob("*.npy")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("export")
    (at / "a.yaml").write_text(CONFIGURATION % (ARRAYS / "bytes"))
    run("run", at / "a.yaml", "-q", "--out", at / "r", "--save-final", at / "m.safetensors")
    return at


def test_the_arrays_are_the_raw_ones_standardized(folder):
    raw = numpy.concatenate([numpy.load(ARRAYS / "bytes" / f"{part}_images.npy") for part in ("train", "test")]).astype("float64")
    labels = numpy.concatenate([numpy.load(ARRAYS / "bytes" / f"{part}_labels.npy") for part in ("train", "test")])
    arrays = exported(folder, folder / "m.safetensors", "of_model")
    assert sorted(numpy.concatenate([arrays[f"{part}_index"] for part in ("train", "val", "test")])) == list(range(len(raw)))
    trained = raw[arrays["train_index"]]
    mean, deviation = trained.mean((0, 1, 2)), trained.std((0, 1, 2))
    for part, count in (("train", 48), ("val", 12), ("test", 20)):
        index = arrays[f"{part}_index"]
        assert len(index) == count and arrays[f"{part}_x"].dtype == numpy.float32
        numpy.testing.assert_allclose(arrays[f"{part}_x"], (raw[index] - mean) / deviation, rtol=0, atol=1e-6)
        assert (arrays[f"{part}_y"] == labels[index]).all()


def test_a_run_is_named_by_its_network_its_configuration_or_its_number(folder):
    of_model = exported(folder, folder / "m.safetensors", "of_model")
    for source, name in ((folder / "a.yaml", "of_configuration"), (f"{folder}/r:1", "of_number")):
        others = exported(folder, source, name)
        assert others.keys() == of_model.keys() and all((others[key] == array).all() for key, array in of_model.items())


def test_what_is_not_standardized_is_raw(folder):
    arrays = exported(folder, folder / "a.yaml", "raw", "data.standardize=false")
    raw = numpy.load(ARRAYS / "bytes" / "train_images.npy")
    assert (arrays["train_x"] == raw[arrays["train_index"]]).all()


def test_the_saved_network_has_the_recorded_error_on_them(folder):
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    import normlab

    network, arrays = normlab.model(folder / "m.safetensors", layout="nhwc"), exported(folder, folder / "m.safetensors", "of_model")
    with open(folder / "r" / "trials.csv", newline="") as file:
        trial = next(csv.DictReader(file))
    for part in ("train", "val", "test"):
        with torch.no_grad():
            logits = network(torch.from_numpy(arrays[f"{part}_x"])).double()
        labels = torch.from_numpy(arrays[f"{part}_y"])
        assert (logits.argmax(1) != labels).double().mean().item() == pytest.approx(float(trial[f"{part}_error"]), abs=1e-12)
        assert torch.nn.functional.cross_entropy(logits, labels).item() == pytest.approx(float(trial[f"{part}_loss"]), rel=1e-5)
