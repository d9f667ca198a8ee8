"""Writes defaults.txt: what PyTorch's optimizers and normalizers take where nothing is given, by the signatures of their constructors.

A line is CLASS KEY VALUE, with the key of normlab that means the same. Needs torch.
"""
import inspect
import pathlib

import torch

OPTIMIZERS = {
    "SGD": {"lr": "train.lr", "momentum": "train.momentum", "weight_decay": "train.weight_decay", "nesterov": "train.nesterov"},
    "Adam": {"lr": "train.lr", "betas": ("train.beta1", "train.beta2"), "eps": "train.adam_eps", "weight_decay": "train.weight_decay"},
    "AdamW": {"lr": "train.lr", "betas": ("train.beta1", "train.beta2"), "eps": "train.adam_eps", "weight_decay": "train.weight_decay"},
    "RMSprop": {"lr": "train.lr", "alpha": "train.beta2", "eps": "train.adam_eps", "weight_decay": "train.weight_decay", "momentum": "train.momentum"},
    # its eps is that of the orthogonalization, not AdamW's
    "Muon": {"lr": "train.lr", "weight_decay": "train.weight_decay", "momentum": "train.momentum", "nesterov": "train.nesterov"},
}
NORMALIZERS = {
    "BatchNorm1d": {"eps": "norm.eps", "momentum": "norm.momentum", "affine": "norm.affine"},
    "BatchNorm2d": {"eps": "norm.eps", "momentum": "norm.momentum", "affine": "norm.affine"},
    "InstanceNorm2d": {"eps": "norm.eps", "affine": "norm.affine"},
    "GroupNorm": {"eps": "norm.eps", "affine": "norm.affine"},
    "LayerNorm": {"eps": "norm.eps", "elementwise_affine": "norm.affine"},
    "RMSNorm": {"eps": "norm.eps", "elementwise_affine": "norm.affine"},
}


def rows(module, prefix, classes):
    for name, keys in classes.items():
        signature = inspect.signature(getattr(module, name).__init__)
        for argument, key in keys.items():
            value = signature.parameters[argument].default
            if key == "norm.eps" and value is None:  # torch.nn.functional.rms_norm
                value = torch.finfo(torch.float32).eps
            if key == "norm.affine":
                value = "channel" if value else "none"
            pairs = zip(key, value) if isinstance(key, tuple) else [(key, value)]
            for key_, value_ in pairs:
                yield f"{prefix}.{name} {key_} {str(value_).lower()}"


out = pathlib.Path(__file__).with_name("defaults.txt")
out.write_text("\n".join([*rows(torch.optim, "torch.optim", OPTIMIZERS), *rows(torch.nn, "torch.nn", NORMALIZERS)]) + "\n")
