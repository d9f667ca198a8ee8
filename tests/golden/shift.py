"""What each kind of data.shift makes of images, by numpy, scipy.ndimage and PyTorch in float64, before rounding.

    python tests/golden/shift.py       writes tests/golden/shift.safetensors, which tests/engine/test_shift.c reads

A tensor "FOLDER KIND AMOUNT" is the test part of tests/golden/arrays/FOLDER (arrays.py), (N, H, W, C), under that shift, clipped to the
range of the data: 0 to 255 of bytes, the smallest to the largest value of both parts of floats.

Blur is scipy.ndimage.gaussian_filter with mode "nearest"; rotation is torch.nn.functional.grid_sample (bilinear, zeros outside) on
torch.nn.functional.affine_grid, and translation scipy.ndimage.shift (order 1, mode "grid-constant"); rotations are asserted to be those
of scipy.ndimage.rotate, too.
"""

import pathlib

import numpy
import torch
from safetensors.numpy import save_file
from scipy import ndimage
from torch.nn import functional

from tasks import Stream

folder = pathlib.Path(__file__).parent
CASES = {
    "brightness": [0.25, -0.5],
    "contrast": [0.75, -0.5, 1],
    "blur": [0.4, 1.3, 7],
    "noise": [0.1, 2],
    "rotation": [30, -45, 90, 200.5],
    "translation": [1, -2, 1.75, 40],
    "inversion": [0.25, 1],
}


def load(*names):
    images = numpy.load(folder / "arrays" / names[0] / names[1])
    return images if images.ndim == 4 else images[..., None]


def normals(sample, count):
    stream = Stream(0, "shift")
    out = []
    for i in range(count):
        block = stream.block(sample, i)
        radius, angle = ((high << 32 | low) >> 11 for low, high in (block[:2], block[2:]))
        radius, angle = (radius + 0.5) / 2**53, (angle + 0.5) / 2**53
        out.append(numpy.sqrt(-2 * numpy.log(radius)) * numpy.cos(2 * numpy.pi * angle))
    return numpy.array(out)


def rotated(images, degrees, low):
    height, width = images.shape[1:3]
    angle = numpy.deg2rad(degrees)
    cosine, sine = numpy.cos(angle), numpy.sin(angle)
    # grid_sample's coordinates are in halves of width and height, x before y.
    turn = torch.tensor([[[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]]).expand(len(images), 2, 3)
    x = torch.tensor(images - low).permute(0, 3, 1, 2)
    grid = functional.affine_grid(turn, list(x.shape), align_corners=False)
    out = functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False).permute(0, 2, 3, 1).numpy() + low
    other = ndimage.rotate(images, degrees, axes=(2, 1), reshape=False, order=1, mode="grid-constant", cval=low)
    assert numpy.abs(out - other).max() < 1e-9 * numpy.abs(images).max(), numpy.abs(out - other).max()
    return out


def shifted(images, kind, a, low, high, first):
    if kind == "brightness":
        return images + a * (high - low)
    if kind == "contrast":
        mean = images.mean(axis=(1, 2), keepdims=True)
        return mean + (1 - a) * (images - mean)
    if kind == "blur":
        return ndimage.gaussian_filter(images, (0, a, a, 0), mode="nearest")
    if kind == "noise":
        each = images[0].size
        noise = numpy.stack([normals(first + i, each) for i in range(len(images))]).reshape(images.shape)
        return images + a * (high - low) * noise
    if kind == "rotation":
        return rotated(images, a, low)
    if kind == "translation":
        return ndimage.shift(images, (0, 0, a, 0), order=1, mode="grid-constant", cval=low)
    return (1 - a) * images + a * (low + high - images)


out = {}
for name, train, test in (("bytes", "train_images.npy", "test_images.npy"), ("grey", "faces.npy", "more_faces.npy")):
    seen, images = load(name, train), load(name, test)
    both = numpy.concatenate([seen, images])
    low, high = (0.0, 255.0) if images.dtype == "uint8" else (float(both.min()), float(both.max()))
    for kind, amounts in CASES.items():
        for a in amounts:
            result = shifted(images.astype("float64"), kind, a, low, high, len(seen))
            out[f"{name} {kind} {a}"] = numpy.ascontiguousarray(result.clip(low, high))
save_file(out, folder / "shift.safetensors")
