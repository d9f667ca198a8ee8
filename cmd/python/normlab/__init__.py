"""What normlab leaves on the disk, in Python.

load(folder) reads the tables of a results folder as pandas frames; model(path) makes a PyTorch module of a saved network. The program itself is
the command `normlab`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .results import Results, load

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Results", "load", "model"]


def model(path: str | os.PathLike[str]) -> Network:
    """The network that `normlab run --save-final` or `--save-init` wrote, as a torch.nn.Module in evaluation mode (needs PyTorch and safetensors).

    Tensors have the names and shapes of the file. forward(x), of sequences of different lengths forward(x, lengths), takes what `normlab data export`
    writes: samples of (height, width, channels), standardized, or token ids; it returns (samples, classes), or (samples, positions, classes).
    Another shape, type or length is a ValueError or a TypeError that says what is taken.
    FileNotFoundError, ValueError: the file is not there, or no network of normlab. NotImplementedError: a layer that is not known here, by its name.
    """
    from . import network  # which imports torch

    return network.read(path)
