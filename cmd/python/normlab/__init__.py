"""What normlab leaves on the disk, in Python.

load(folder) reads the tables of a results folder as pandas frames; model(path) makes a PyTorch module of a saved network. The program itself is
the command `normlab`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from .results import Results, load

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Results", "load", "model"]


def model(path: str | os.PathLike[str], layout: Literal["nchw", "nhwc"] = "nchw") -> Network:
    """The network that `normlab run --save-final`, `--save-init` or `normlab fold` wrote, as a torch.nn.Module in evaluation mode (needs PyTorch and safetensors).

    Its layers are modules of torch.nn where PyTorch has them. Tensors have the names and shapes of the file. forward(x), of sequences of different lengths
    forward(x, lengths), takes standardized images (N, C, H, W), or (N, H, W, C) as `normlab data export` writes them with layout="nhwc"; sequences
    (N, S, C); token ids (N, S); or rows of a table (N, C). It returns (N, classes), or (N, S, classes).
    Another shape, type or length is a ValueError or a TypeError that says what is taken.
    FileNotFoundError, ValueError: the file is not there, or no network of normlab. NotImplementedError: a layer that is not known here, by its name.
    """
    from . import network  # which imports torch

    return network.read(path, layout)
