"""Which module of torch.nn computes a node of a saved network. Where none computes exactly the same, network.py has a layer of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Optional

from torch import Tensor, nn


@dataclasses.dataclass
class Place:
    """What decides on a node's module."""

    settings: dict[str, Any]  # the node, with eps, momentum and p of the configuration where it has none of its own
    shape: list[int]  # height, width and channels of its first input
    is_image: bool  # whether the first input is (N, C, H, W)
    has_others: bool  # whether it takes more than its first input and its own weight and bias
    weight: Optional[Tensor]
    bias: Optional[Tensor]

    @property
    def positions(self) -> int:
        return self.shape[0] * self.shape[1]


Made = Optional[nn.Module]


class BatchNormOfSequences(nn.BatchNorm1d):
    """BatchNorm1d of (N, S, C), which PyTorch has of (N, C, S)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class LayerNormOfImages(nn.LayerNorm):
    """LayerNorm of the channels of each position of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def conv(at: Place) -> Made:
    set, weight = at.settings, at.weight
    if weight is None:
        return None
    steps = (n + 2 * set["pad"] - set["dilation"] * (weight.shape[2] - 1) - 1 for n in at.shape[:2])
    if [n // set["stride"] + 1 for n in steps] != set["shapes"][0][:2]:  # an even kernel without padding of its own leaves a row more
        return None
    return nn.Conv2d(
        weight.shape[1] * set["groups"], weight.shape[0], weight.shape[2], set["stride"], set["pad"], set["dilation"],
        set["groups"], bias=at.bias is not None, device="meta",
    )  # fmt: skip


def linear(at: Place) -> Made:
    if at.weight is None or (at.is_image and at.settings["by_position"]):
        return None
    return nn.Linear(at.weight.shape[1], at.weight.shape[0], bias=at.bias is not None, device="meta")


def embedding(at: Place) -> Made:
    return None if at.weight is None or at.positions == 1 else nn.Embedding(at.weight.shape[0], at.weight.shape[1], device="meta")


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "silu": nn.SiLU}


def activate(at: Place) -> Made:
    kind = at.settings["kind"]
    return nn.GELU(at.settings["approximate"]) if kind == "gelu" else ACTIVATIONS[kind]()


def dropout(at: Place) -> Made:
    return nn.Dropout(at.settings["p"])


def max_pool(at: Place) -> Made:
    return nn.MaxPool2d(2)


def mean_pool(at: Place) -> Made:
    """Its output is (N, C, 1, 1), from which the network takes the ones."""
    return nn.AdaptiveAvgPool2d(1) if at.is_image and not at.has_others else None


def upsample(at: Place) -> Made:
    return nn.Upsample(scale_factor=2)


def lrn(at: Place) -> Made:
    """Not with k = 0, where an empty window is 0 / 0 in PyTorch and 0 in normlab."""
    set = at.settings
    return nn.LocalResponseNorm(set["size"], set["alpha"], set["beta"], set["k"]) if at.is_image and set["k"] > 0 else None


def batch_norm(at: Place) -> Made:
    set = at.settings
    fits = set["channels"] == 1 and set["positions"] == at.positions and set["unbiased"] and "running_mean" in set["states"] and set["loop"] is None
    if not fits:
        return None
    momentum = None if set["momentum"] < 0 else set["momentum"]
    kind = nn.BatchNorm2d if at.is_image else BatchNormOfSequences if at.positions > 1 else nn.BatchNorm1d
    return kind(at.shape[2], set["eps"], momentum, affine=at.weight is not None, device="meta")


def sample_norm(at: Place) -> Made:
    """Sets of one sample: groups of channels over all positions, or all channels of a position."""
    set, channels, has_weight = at.settings, at.shape[2], at.weight is not None
    groups = channels // set["channels"]
    is_of_all = set["positions"] == at.positions
    if is_of_all and (at.is_image or (at.positions == 1 and groups > 1)):
        if set["positions"] * set["channels"] == 1:  # which PyTorch refuses
            return None
        if set["kind"] == "in":
            return nn.InstanceNorm2d(channels, set["eps"], affine=has_weight, device="meta")
        return nn.GroupNorm(groups, channels, set["eps"], affine=has_weight, device="meta")
    if set["positions"] > 1 or groups > 1:
        return None
    kind = LayerNormOfImages if at.is_image else nn.LayerNorm
    return kind(channels, set["eps"], elementwise_affine=has_weight, bias=at.bias is not None, device="meta")


def normalize(at: Place) -> Made:
    set, channels = at.settings, at.shape[2]
    general = {"spread": "power", "power": 2, "shift": 1, "factor": 1, "eps_outside": 0, "standard": 1}
    if any(set[name] != value for name, value in general.items()) or set["eps"] == 0:
        return None
    if any(own is not None and own.shape != (channels,) for own in (at.weight, at.bias)):  # gammas of each element
        return None
    if at.has_others and (set["samples"] or set["positions"] > 1):  # lengths, by which sets leave out what comes after the ends
        return None
    if not set["centers"]:
        of_position = not set["samples"] and set["positions"] == 1 and set["channels"] == channels and not at.is_image and at.bias is None
        return nn.RMSNorm(channels, set["eps"], elementwise_affine=at.weight is not None, device="meta") if of_position else None
    if "running_mean" in set["states"] and not set["samples"]:
        return None
    made = batch_norm(at) if set["samples"] else sample_norm(at)
    one_alone = (at.weight is None) != (at.bias is None)
    return None if one_alone and not isinstance(made, nn.LayerNorm) else made


MODULES: dict[str, Callable[[Place], Made]] = {
    "activate": activate,
    "conv": conv,
    "depthwise_conv": conv,
    "dropout": dropout,
    "embedding": embedding,
    "linear": linear,
    "lrn": lrn,
    "max_pool": max_pool,
    "mean_pool": mean_pool,
    "normalize": normalize,
    "upsample": upsample,
}
