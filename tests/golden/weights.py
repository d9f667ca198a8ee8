"""Normalizers of weights by PyTorch in float64: alone, and in trainings.

    python tests/golden/weights.py build/normlab    writes tests/golden/weights.safetensors, which tests/kernels/test_weights.c reads,
                                                    and weights_train.safetensors of weights_train.cases, for tests/golden/test_golden_train.c

A case alone is named <kind>.<what>; its tensors are <case>/<tensor>:

    setup         I64 (4)  outputs O, inputs I, kernel (0: a linear layer's weight), power iterations
    v dw w dv     F64 (O, I) or (O, I, kernel, kernel): the original weight, the gradient of the computed one, that one, the gradient of the original
    g dg          F64 (O)  the gain and its gradient; of kinds with one
    begin         F64 (O)  the gain that PyTorch begins with, wn alone
    a b           F64 (O), (I kernel kernel): the vectors of power iteration before the step; the same with _after at its end; sn alone
    w_eval        F64      w in evaluation mode after the step; sn alone
    w_svd         F64      v over its largest singular value; sn alone

wn and sn are torch.nn.utils.parametrizations, the others their authors' formulas, differentiated by autograd.
"""

import sys
import zlib

import torch
import train
from torch import nn
from torch.nn.utils import parametrizations, parametrize


class Standardized(nn.Module):
    """Qiao et al. 2019, as their code: the unbiased deviation, eps added to it."""

    def forward(self, v):
        rows = v.flatten(1)
        std, mean = torch.std_mean(rows, dim=1, keepdim=True)
        return ((rows - mean) / (std + 1e-5)).reshape(v.shape)


class ScaledStandardized(nn.Module):
    """Brock et al. 2021, as their code."""

    def __init__(self, v):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(len(v), *[1] * (v.dim() - 1)))

    def forward(self, v):
        rows = v.flatten(1)
        var, mean = torch.var_mean(rows, dim=1, correction=0, keepdim=True)
        scale = torch.rsqrt(torch.maximum(rows.shape[1] * var, torch.tensor(1e-4))) * self.gain.flatten(1)
        return ((rows - mean) * scale).reshape(v.shape)


class Centred(nn.Module):
    """Huang et al. 2017: g (v - mean) / |v - mean|."""

    def forward(self, g, v):
        rows = v.flatten(1)
        t = rows - rows.mean(1, keepdim=True)
        return (g.flatten(1) * t / t.norm(dim=1, keepdim=True)).reshape(v.shape)

    def right_inverse(self, w):
        rows = w.flatten(1)
        length = (rows - rows.mean(1, keepdim=True)).norm(dim=1)
        return length.reshape(-1, *[1] * (w.dim() - 1)), w


def normalize(module, kind, iterations):
    """The weight of the module becomes a computed one."""
    if kind == "wn":
        parametrizations.weight_norm(module)
    elif kind == "sn":
        parametrizations.spectral_norm(module, n_power_iterations=iterations)
    elif kind == "ws":
        parametrize.register_parametrization(module, "weight", Standardized())
    elif kind == "sws":
        parametrize.register_parametrization(module, "weight", ScaledStandardized(module.weight))
    else:
        parametrize.register_parametrization(module, "weight", Centred())


def prepare(case, network):
    for name, module in list(network.named_modules()):
        if isinstance(module, (nn.Linear, nn.Conv2d)) and (name != "head" or case.get("norm.weights_head") == "true"):
            normalize(module, case["norm.weights"], int(case.get("norm.iterations", 1)))


# ---- a weight alone ----

SHAPES = {"linear": (7, 12, 0), "wide": (67, 40, 0), "conv": (5, 3, 3), "wide_conv": (33, 4, 3), "one_output": (1, 9, 0), "point": (6, 5, 1)}


def cases():
    """(name, kind, O, I, kernel, values, iterations)"""
    for kind in ("wn", "ws", "sws", "cwn", "sn"):
        for what, shape in SHAPES.items():
            yield f"{kind}.{what}", kind, *shape, "normal", 1
        yield f"{kind}.short", kind, 6, 10, 0, "short", 1
        yield f"{kind}.long", kind, 6, 4, 3, "long", 1
        yield f"{kind}.offset", kind, 6, 10, 0, "offset", 1
    for kind in ("wn", "sn"):
        yield f"{kind}.one_weight", kind, 5, 1, 0, "normal", 1
    for kind in ("ws", "sws"):
        yield f"{kind}.constant", kind, 4, 6, 0, "constant", 1
    yield "sn.three", "sn", 7, 12, 0, "normal", 3
    yield "sn.converged", "sn", 9, 6, 0, "normal", 1000
    yield "sn.conv_converged", "sn", 6, 2, 3, "normal", 1000


def values_of(values, shape, normal):
    """short and long: lengths of 1e-4 and 1e4; offset: the mean a thousand deviations away."""
    v = normal(*shape)
    length = v.flatten(1).norm(dim=1).reshape(-1, *[1] * (len(shape) - 1))
    if values == "constant":  # exact in binary, so that the deviation is 0 and not a rounding error
        return torch.full(shape, 0.375)
    return {"normal": v, "short": 1e-4 * v / length, "long": 1e4 * v / length, "offset": 1e-2 * v + 10}[values]


def alone(name, kind, outputs, inputs, kernel, values, iterations):
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    module = nn.Conv2d(inputs, outputs, kernel, bias=False) if kernel else nn.Linear(inputs, outputs, bias=False)
    v, dw = values_of(values, module.weight.shape, normal), normal(*module.weight.shape)
    with torch.no_grad():
        module.weight.copy_(v)
    torch.manual_seed(zlib.crc32(name.encode()))  # for what spectral_norm draws
    normalize(module, kind, iterations)
    out = {"setup": torch.tensor([outputs, inputs, kernel, iterations]), "v": v, "dw": dw}
    p = module.parametrizations.weight
    original = p.original1 if kind in ("wn", "cwn") else p.original
    gain = {"wn": lambda: p.original0, "cwn": lambda: p.original0, "sws": lambda: p[0].gain}.get(kind, lambda: None)()
    if kind in ("wn", "cwn"):
        out["begin"] = gain.detach().flatten().clone()
    if gain is not None:
        with torch.no_grad():
            gain.copy_(1 + 0.5 * normal(*gain.shape))
        out["g"] = gain.detach().flatten().clone()
    if kind == "sn":
        out |= {"a": p[0]._u.clone(), "b": p[0]._v.clone()}
        out["w_svd"] = v / torch.linalg.svdvals(v.flatten(1))[0]
    w = module.weight
    gradients = torch.autograd.grad(w, [original] + ([gain] if gain is not None else []), dw)
    out |= {"w": w.detach(), "dv": gradients[0]}
    if gain is not None:
        out["dg"] = gradients[1].flatten()
    if kind == "sn":
        out |= {"a_after": p[0]._u.clone(), "b_after": p[0]._v.clone(), "w_eval": module.eval().weight.detach()}
    return {f"{name}/{tensor}": value.contiguous() for tensor, value in out.items()}


if __name__ == "__main__":
    tensors = {}
    for case in cases():
        tensors |= alone(*case)
    train.store(tensors, "weights", "weights.py")
    print(f"{len(tensors)} tensors of {len(list(cases()))} weights")
    train.prepare = prepare
    train.store(train.judge("weights_train"), "weights_train", "weights.py")
