"""Data sets of other libraries as a folder of .npy files, which `data: {name: npy, dir: FOLDER}` reads: see `convert` in the README."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any, Optional

import numpy

Arrays = dict[str, numpy.ndarray]  # train_images, train_labels, test_images, test_labels; without test files only the first two

# What numpy puts into its pickles: an array, its type, and, where Python 3 wrote protocol 2, its bytes. None of them runs code of the file.
HARMLESS = {
    *((f"{numpys}.multiarray", "_reconstruct") for numpys in ("numpy.core", "numpy._core")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp", ".tif", ".tiff"}


class Refused(Exception):
    """The source is none that is read, and why."""


class ArraysAlone(pickle.Unpickler):
    """Reads numbers, texts, lists, dicts and arrays of numpy, and refuses a pickle that names anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in HARMLESS:
            raise Refused(f"it names '{module}.{name}', and only arrays are read: a pickle may run code")
        return super().find_class(module, name)


def unpickled(path: pathlib.Path) -> dict[bytes, Any]:
    with open(path, "rb") as file:
        try:
            content = ArraysAlone(file, encoding="bytes").load()
        except Refused as why:
            raise Refused(f"cannot read '{path}': {why}") from why
        except Exception as why:  # pickle raises whatever a damaged file leads to
            raise Refused(f"cannot read '{path}': it is no pickle, or damaged ({why})") from why
    if not isinstance(content, dict):
        raise Refused(f"cannot read '{path}': it holds no dictionary, as the files of CIFAR do")
    return content


# ---- CIFAR-10 and CIFAR-100, the Python version ----


def cifar_part(paths: list[pathlib.Path], labels: bytes) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(N, 32, 32, 3) and (N), of files whose rows are 1024 pixels of red, of green, of blue."""
    images, numbers = [], []
    for path in paths:
        content = unpickled(path)
        data, classes = content.get(b"data"), content.get(labels)
        if not isinstance(data, numpy.ndarray) or data.dtype != numpy.uint8 or data.ndim != 2 or data.shape[1] != 3072:
            raise Refused(f"cannot read '{path}': its 'data' is no array (N, 3072) of uint8")
        if not isinstance(classes, list) or len(classes) != len(data) or not all(isinstance(label, int) for label in classes):
            raise Refused(f"cannot read '{path}': its '{labels.decode()}' is no list of as many integers as there are images")
        images.append(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        numbers.append(numpy.array(classes, "int64"))
    return numpy.concatenate(images), numpy.concatenate(numbers)


def cifar(source: pathlib.Path) -> Optional[Arrays]:
    for name, first in ("cifar-10-batches-py", "data_batch_1"), ("cifar-100-python", "train"):
        folder = source / name if (source / name).is_dir() else source
        if not (folder / first).is_file():
            continue
        ten = first == "data_batch_1"
        train = [path for path in (folder / f"data_batch_{i}" for i in range(1, 6)) if path.is_file()] if ten else [folder / first]
        test, labels = folder / ("test_batch" if ten else "test"), b"labels" if ten else b"fine_labels"
        if not test.is_file():
            raise Refused(f"cannot find '{test.name}' in '{folder}', where '{first}' is")
        arrays = (*cifar_part(train, labels), *cifar_part([test], labels))
        return dict(zip(("train_images", "train_labels", "test_images", "test_labels"), arrays))
    return None


# ---- tensors of PyTorch ----


def tensors(path: pathlib.Path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Images and labels of a file that torch.save wrote: a pair of tensors, or a dictionary of two, of which one has a dimension."""
    try:
        import torch
    except ImportError as missing:
        raise Refused("reading .pt files needs PyTorch: pip install torch") from missing
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as why:  # torch raises several kinds
        raise Refused(f"cannot read '{path}': {str(why).splitlines()[0] if str(why) else type(why).__name__}") from why
    pair = list(content.values()) if isinstance(content, dict) else list(content) if isinstance(content, (tuple, list)) else [content]
    if not all(isinstance(value, torch.Tensor) for value in pair) or len(pair) != 2:
        weights = isinstance(content, dict) and len(content) > 2
        raise Refused(
            f"cannot read '{path}': it holds {'many tensors' if weights else 'no pair of tensors'}, expected images and labels"
            + ("; weights are saved by safetensors.torch.save_file(state, 'w.safetensors')" if weights else "")
        )
    images, labels = pair if pair[0].ndim >= pair[1].ndim else pair[::-1]
    images = images.permute(0, 2, 3, 1) if images.ndim == 4 and images.shape[1] in (1, 3, 4) else images  # to (N, H, W, C)
    return numpy.ascontiguousarray(images.contiguous().numpy()), labels.contiguous().numpy()


def torch_files(source: pathlib.Path) -> Optional[Arrays]:
    """One file, or a folder with those of both parts, as torchvision's MNIST once had them: training.pt and test.pt."""
    if source.is_file():
        return dict(zip(("train_images", "train_labels"), tensors(source))) if source.suffix in (".pt", ".pth") else None
    train = next((source / name for name in ("train.pt", "training.pt") if (source / name).is_file()), None)
    if not train:
        return None
    arrays = dict(zip(("train_images", "train_labels"), tensors(train)))
    if (source / "test.pt").is_file():
        arrays.update(zip(("test_images", "test_labels"), tensors(source / "test.pt")))
    return arrays


# ---- folders of pictures ----


def classes_of(folder: pathlib.Path) -> list[str]:
    """The names of the folders that hold pictures: the classes, as torchvision's ImageFolder numbers them."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and any(file.suffix.lower() in PICTURES for file in path.iterdir()))


def pictures(folder: pathlib.Path, classes: list[str], size: Optional[int]) -> tuple[numpy.ndarray, numpy.ndarray]:
    try:
        from PIL import Image
    except ImportError as missing:
        raise Refused("reading pictures needs Pillow: pip install pillow") from missing
    images: list[numpy.ndarray] = []
    labels = []
    first = None
    for number, name in enumerate(classes):
        for path in sorted(file for file in (folder / name).iterdir() if file.suffix.lower() in PICTURES):
            try:
                with Image.open(path) as opened:
                    picture = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
            except Exception as why:  # Pillow raises several kinds
                raise Refused(f"cannot read '{path}': {why}") from why
            if size:
                picture = picture.resize((size, size), Image.Resampling.BILINEAR)
            pixels = numpy.asarray(picture)
            first = first or (path, pixels.shape)
            if pixels.shape[:2] != first[1][:2]:
                raise Refused(f"'{path}' has {pixels.shape[1]} x {pixels.shape[0]} pixels, and '{first[0]}' {first[1][1]} x {first[1][0]}; --size N makes all N x N")
            images.append(pixels)
            labels.append(number)
    if any(image.ndim == 3 for image in images):  # grey ones among them
        images = [image if image.ndim == 3 else numpy.repeat(image[:, :, None], 3, axis=2) for image in images]
    return numpy.stack(images), numpy.array(labels, "int64")


def picture_folders(source: pathlib.Path, size: Optional[int]) -> Optional[Arrays]:
    """A folder for each class, or such folders below train/ and, if it is there, test/, val/ or valid/."""
    train = source / "train" if (source / "train").is_dir() else source
    classes = classes_of(train)
    if not classes:
        return None
    arrays = dict(zip(("train_images", "train_labels"), pictures(train, classes, size)))
    test = next((source / name for name in ("test", "val", "valid") if train != source and (source / name).is_dir()), None)
    if test:
        if sorted(set(classes_of(test)) - set(classes)):
            raise Refused(f"'{test}' has the class '{sorted(set(classes_of(test)) - set(classes))[0]}', which '{train}' has not")
        arrays.update(zip(("test_images", "test_labels"), pictures(test, [name for name in classes if (test / name).is_dir()], size)))
        present = [number for number, name in enumerate(classes) if (test / name).is_dir()]
        arrays["test_labels"] = numpy.array(present, "int64")[arrays["test_labels"]]
    return arrays


def convert(source: pathlib.Path, target: pathlib.Path, size: Optional[int] = None) -> Arrays:
    """Writes what `source` holds into the folder `target`, and returns it. A source that is not read raises Refused, and nothing is written."""
    if not source.exists():
        raise Refused(f"there is no '{source}'")
    arrays = torch_files(source) or (None if source.is_file() else cifar(source) or picture_folders(source, size))
    if not arrays:
        raise Refused(
            f"'{source}' is neither CIFAR's Python version, nor a .pt file or a folder with train.pt, nor a folder with a folder of pictures for each class"
        )
    target.mkdir(parents=True, exist_ok=True)
    taken = sorted(path.name for path in target.glob("*.np[yz]"))
    if taken:
        raise Refused(f"'{target}' has '{taken[0]}' already: name a new folder")
    for name, array in arrays.items():
        numpy.save(target / f"{name}.npy", array)
    return arrays
