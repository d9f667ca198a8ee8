"""Data sets of other libraries become arrays that the program reads, and no code of a pickle is run.

    pytest tests/python/test_convert_data.py            with `normlab` on the PATH, or NORMLAB_PROGRAM; needs torch and pillow for some of it
"""

import os
import pickle
import subprocess
import sys

import numpy
import pytest

PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")
rng = numpy.random.default_rng(1)


def convert(*words):
    return subprocess.run([sys.executable, "-m", "normlab", "convert", *map(str, words)], capture_output=True, text=True)


def made(*words):
    result = convert(*words)
    assert result.returncode == 0, result.stderr
    return {path.stem: numpy.load(path) for path in words[1].glob("*.npy")}


def info(folder):
    shown = subprocess.run([PROGRAM, "data", "info", "npy", f"data.dir={folder}"], capture_output=True, text=True, check=True)
    return shown.stdout


def put_cifar(folder, names, key, count=4, protocol=2):
    folder.mkdir(parents=True)
    images = {}
    for name in names:
        images[name] = rng.integers(0, 256, (count, 3, 32, 32), dtype="uint8")
        content = {b"data": images[name].reshape(count, -1), key: [i % 10 for i in range(count)]}
        (folder / name).write_bytes(pickle.dumps(content, protocol))
    return images


@pytest.mark.parametrize("protocol", (2, 4))
def test_cifar10(tmp_path, protocol):
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    images = put_cifar(tmp_path / "cifar-10-batches-py", names, b"labels", protocol=protocol)
    arrays = made(tmp_path, tmp_path / "out")  # below a root, as torchvision has it
    expected = numpy.concatenate([images[name] for name in names[:5]]).transpose(0, 2, 3, 1)
    assert (arrays["train_images"] == expected).all() and (arrays["test_images"] == images["test_batch"].transpose(0, 2, 3, 1)).all()
    assert arrays["train_labels"].tolist() == [0, 1, 2, 3] * 5
    assert "32 x 32 pixels, 3 channels" in info(tmp_path / "out") and "20 train, 4 test" in info(tmp_path / "out")


def test_cifar100_takes_fine_labels(tmp_path):
    put_cifar(tmp_path / "c", ["train", "test"], b"fine_labels")
    assert made(tmp_path / "c", tmp_path / "out")["test_labels"].tolist() == [0, 1, 2, 3]


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("protocol", (0, 2, 4))
def test_no_code_of_a_pickle_is_run(tmp_path, protocol):
    put_cifar(tmp_path / "c", ["data_batch_1", "test_batch"], b"labels")
    (tmp_path / "c" / "data_batch_1").write_bytes(pickle.dumps({b"data": Hostile(tmp_path / "made")}, protocol))
    result = convert(tmp_path / "c", tmp_path / "out")
    assert result.returncode == 1 and "mkdir'" in result.stderr and "may run code" in result.stderr
    assert not (tmp_path / "made").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", (b"", b"garbage", pickle.dumps([1]), pickle.dumps({b"data": 1}), pickle.dumps({b"data": numpy.zeros((2, 5), "uint8"), b"labels": [1, 2]})))
def test_damaged_pickles(tmp_path, content):
    put_cifar(tmp_path / "c", ["data_batch_1", "test_batch"], b"labels")
    (tmp_path / "c" / "data_batch_1").write_bytes(content)
    result = convert(tmp_path / "c", tmp_path / "out")
    assert result.returncode == 1 and "cannot read" in result.stderr and "Traceback" not in result.stderr


def test_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    x, y = torch.arange(10 * 3 * 4 * 5).reshape(10, 3, 4, 5).to(torch.uint8), torch.arange(10) % 2
    torch.save((x, y), tmp_path / "pair.pt")
    torch.save({"y": y, "x": x}, tmp_path / "named.pt")
    for name in ("pair", "named"):
        arrays = made(tmp_path / f"{name}.pt", tmp_path / name)
        assert (arrays["train_images"] == x.permute(0, 2, 3, 1).numpy()).all() and (arrays["train_labels"] == y.numpy()).all()
    assert "4 x 5 pixels, 3 channels, 2 classes" in info(tmp_path / "pair")
    torch.save(Hostile(tmp_path / "made"), tmp_path / "hostile.pt")
    torch.save({"a": x, "b": x, "c": x}, tmp_path / "weights.pt")
    for name, said in ("hostile", "cannot read"), ("weights", "safetensors"):
        result = convert(tmp_path / f"{name}.pt", tmp_path / "none")
        assert result.returncode == 1 and said in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "made").exists()


def test_folders_of_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = {}
    for part in ("train", "val"):
        for name in ("cat", "dog", "owl"):
            (tmp_path / "p" / part / name).mkdir(parents=True)
            for i in range(3):
                if (part, name) == ("val", "cat"):
                    continue
                array = pixels[part, name, i] = rng.integers(0, 256, (6, 7, 3), dtype="uint8")
                image.fromarray(array).save(tmp_path / "p" / part / name / f"{i}.png")
    arrays = made(tmp_path / "p", tmp_path / "out")
    assert (arrays["train_images"] == numpy.stack([pixels["train", name, i] for name in ("cat", "dog", "owl") for i in range(3)])).all()
    assert arrays["train_labels"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and arrays["test_labels"].tolist() == [1, 1, 1, 2, 2, 2]
    image.fromarray(pixels["train", "cat", 0][:5]).save(tmp_path / "p" / "train" / "owl" / "other.png")
    result = convert(tmp_path / "p", tmp_path / "other")
    assert result.returncode == 1 and "--size" in result.stderr
    assert made(tmp_path / "p", tmp_path / "sized", "--size", 4)["train_images"].shape == (10, 4, 4, 3)


def test_what_is_no_data_set(tmp_path):
    for source in (tmp_path, tmp_path / "nowhere"):
        result = convert(source, tmp_path / "out")
        assert result.returncode == 1 and "Traceback" not in result.stderr
    put_cifar(tmp_path / "c", ["train", "test"], b"fine_labels")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x_train.npy").touch()
    assert "already" in convert(tmp_path / "c", tmp_path / "full").stderr
