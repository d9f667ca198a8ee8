"""What the operations of a saved network compute, in PyTorch: the formulas of normlab's core/operation and core/norm.

Activations are (N, H, W, C), token ids (N, S), lengths (N). A function takes a Call and the node's slots in their order, None where a slot is empty, and
returns what the node puts out: a tensor, or a tuple of them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Optional

import torch
from torch import Tensor
from torch.nn import functional as F

Maybe = Optional[Tensor]


@dataclasses.dataclass
class Call:
    """What a function knows of its node beside the slots."""

    name: str
    settings: dict[str, Any]  # what the operation says of itself (core/graph/describe.c); eps, momentum and p where the node has none of its own
    states: dict[str, Tensor]
    training: bool
    samples: int
    like: Tensor  # of the type that is computed with
    run: int = 0  # in a loop: the number of this run of its body, and the position that it sees
    time: int = 0

    def state(self, name: str, dims: int) -> Tensor:
        """A state of so many dimensions: that of this run, where the first runs of a loop have their own."""
        state = self.states[name]
        return state if state.dim() == dims else state[min(self.run, len(state) - 1)]

    def refuse_training(self) -> None:
        if self.training:
            kind = self.settings.get("kind", "state")
            raise NotImplementedError(f"'{self.name}' ({kind}) does not train in PyTorch as it does in normlab: call eval() first")


def rows(x: Tensor) -> Tensor:
    """(N, H, W, C) as (N, S, C)."""
    return x.flatten(1, 2)


def counted(x: Tensor, lengths: Tensor) -> Tensor:
    """Of (N, S, C): whether a position lies before the end of its sequence, (N, S, 1)."""
    return (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[:, :, None]


def images(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "silu": F.silu}
SQUASHES: dict[str, Callable[[Tensor], Tensor]] = {"dyt": torch.tanh, "derf": torch.erf, "hardtanh": F.hardtanh}


def activation(kind: str, approximate: str, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=approximate) if kind == "gelu" else ACTIVATIONS[kind](x)


def activate(call: Call, x: Tensor) -> Tensor:
    return activation(call.settings["kind"], call.settings["approximate"], x)


def gate(call: Call, x: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return activation(call.settings["kind"], call.settings["approximate"], a) * b


def add(call: Call, a: Tensor, b: Tensor) -> Tensor:
    stride = call.settings["stride"]
    return a + F.pad(b[:, ::stride, ::stride], (0, a.shape[-1] - b.shape[-1]))


def bias(call: Call, x: Tensor, b: Tensor) -> Tensor:
    return x + b


def scalars(call: Call, x: Tensor, weight: Maybe = None, bias: Maybe = None) -> Tensor:
    y = x * call.settings["factor"]
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def linear(call: Call, x: Tensor, weight: Tensor, bias: Maybe = None) -> Tensor:
    return F.linear(x if call.settings["by_position"] else x.flatten(1), weight, bias)


def conv(call: Call, x: Tensor, weight: Tensor, bias: Maybe = None) -> Tensor:
    set = call.settings
    y = F.conv2d(images(x), weight, bias, set["stride"], set["pad"], set["dilation"], set["groups"]).permute(0, 2, 3, 1)
    height, width = set["shapes"][0][:2]  # a kernel of even size without padding of its own leaves one more
    return y[:, :height, :width]


def max_pool(call: Call, x: Tensor) -> Tensor:
    return F.max_pool2d(images(x), 2).permute(0, 2, 3, 1)


def mean_pool(call: Call, x: Tensor, lengths: Maybe = None) -> Tensor:
    x = rows(x)
    if lengths is None:
        return x.mean(1)
    return torch.where(counted(x, lengths), x, 0).sum(1) / lengths.clamp(min=1)[:, None]


def take(call: Call, x: Tensor, lengths: Maybe = None) -> Tensor:
    x = rows(x)
    ends = torch.full((x.shape[0],), x.shape[1], device=x.device) if lengths is None else lengths
    at = (ends - 1).clamp(min=0) if call.settings["last"] else torch.zeros_like(ends)
    return torch.where((ends > 0)[:, None], x[torch.arange(x.shape[0], device=x.device), at], 0)


def dropout(call: Call, x: Tensor) -> Tensor:
    return F.dropout(x, call.settings["p"], call.training)


def drop_path(call: Call, x: Tensor) -> Tensor:
    """Of a whole sample: torchvision.ops.StochasticDepth of mode "row"."""
    return x * F.dropout(x.new_ones(len(x), 1, 1, 1), call.settings["p"], call.training)


def excite(call: Call, x: Tensor, factor: Tensor) -> Tensor:
    return x * factor.flatten(1)[:, None, None, :]


def layer_scale(call: Call, x: Tensor, weight: Tensor) -> Tensor:
    return x * weight


def upsample(call: Call, x: Tensor) -> Tensor:
    return F.interpolate(images(x), scale_factor=2, mode="nearest").permute(0, 2, 3, 1)


def noise(call: Call, x: Tensor) -> Tensor:
    """That of Santurkar et al. 2018, another in each call, in training alone: y = s x + m (core/operation/noise.h)."""
    k = call.settings["noise"]
    if not call.training or k == 0:
        return x
    of_channel = torch.rand(2, x.shape[-1], dtype=x.dtype, device=x.device)
    m = k * (of_channel[0] - 0.5) + 0.2 * k * (torch.rand_like(x) - 0.5)
    return (1 + 0.25 * k * of_channel[1] + 0.1 * k * torch.randn_like(x)) * x + m


def concat(call: Call, *parts: Tensor) -> Tensor:
    return torch.cat(parts, -1)


def same(call: Call, x: Tensor, *rest: Maybe) -> Tensor:
    """Copies into and out of loops; what sets parameters before the first step."""
    return x


def zero(call: Call) -> Tensor:
    return call.like.new_zeros(call.samples, *call.settings["shapes"][0])


def carry(call: Call, *last: Tensor) -> Tensor | tuple[()]:
    """A state that goes on from one step of training to the next; in evaluation it begins as 0, and nothing is kept."""
    call.refuse_training()
    return () if last else zero(call)


# ---- sequences ----


def embedding(call: Call, ids: Tensor, weight: Tensor) -> Tensor:
    return F.embedding(ids, weight)


def positions(call: Call, x: Tensor, table: Maybe = None) -> Tensor:
    x = rows(x)
    if table is None:
        count, channels = x.shape[1:]
        channel = torch.arange(channels, device=x.device)
        angle = torch.arange(count, device=x.device, dtype=torch.float64)[:, None] / 10000.0 ** ((channel // 2 * 2).double() / channels)
        table = torch.where(channel % 2 == 1, angle.cos(), angle.sin()).to(x.dtype)
    return x + table


def class_token(call: Call, x: Tensor, token: Tensor, lengths: Maybe = None) -> Tensor | tuple[Tensor, Tensor]:
    y = torch.cat([token.expand(x.shape[0], 1, -1), rows(x)], 1)
    return y if lengths is None else (y, lengths + 1)


def split(call: Call, x: Tensor) -> tuple[Tensor, ...]:
    return x.chunk(call.settings["parts"], -1)


def turned(x: Tensor) -> Tensor:
    """Rotary positions, of (N, heads, S, D): channels 2 i and 2 i + 1 by the angle s 10000^(-2 i / D)."""
    count, width = x.shape[-2:]
    even = torch.arange(0, width, 2, device=x.device, dtype=torch.float64)
    angle = torch.arange(count, device=x.device, dtype=torch.float64)[:, None] * 10000.0 ** (-even / width)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def attention(call: Call, q: Tensor, k: Maybe = None, v: Maybe = None, lengths: Maybe = None) -> Tensor:
    set = call.settings
    parts = rows(q).chunk(3, -1) if k is None or v is None else (q, k, rows(v))  # queries and keys may be in heads already
    samples, count, channels = parts[2].shape
    q, k, v = (part.reshape(samples, count, set["heads"], channels // set["heads"]).transpose(1, 2) for part in parts)
    if set["rotary"]:
        q, k = turned(q), turned(k)
    at = torch.arange(count, device=q.device)
    seen = at <= at[:, None] if set["causal"] else torch.ones(count, count, dtype=torch.bool, device=q.device)
    if lengths is not None:  # queries after the end see all, so that their softmax is a number, and count as 0
        ends = lengths[:, None, None]
        seen = ((seen & (at < ends)) | (at[:, None] >= ends))[:, None]
    p = set["p"] if set["drops"] and call.training else 0.0
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=p).transpose(1, 2).reshape(samples, count, channels)
    return y if lengths is None else torch.where(counted(y, lengths), y, 0)


def hold(call: Call, x: Tensor, before: Tensor, lengths: Tensor) -> Tensor:
    return torch.where((call.time < lengths)[:, None, None, None], x, before)


def lstm_cell(call: Call, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    gates = a + b
    i, f, g, o = gates.chunk(4, -1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    after = f * c + i * g
    return gates, after, o if call.settings["opens"] else o * after.tanh()


def lstm_output(call: Call, o: Tensor, c: Tensor) -> Tensor:
    return o * c.tanh()


def gru_cell(call: Call, a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    (a_r, a_z, a_n), (b_r, b_z, b_n) = a.chunk(3, -1), b.chunk(3, -1)
    r, z = (a_r + b_r).sigmoid(), (a_z + b_z).sigmoid()
    n = (a_n + r * b_n).tanh()
    return a, (1 - z) * n + z * h


# ---- normalizers ----


def inverse(x: Tensor) -> Tensor:
    """1 / x, or 0 where there is nothing to divide by."""
    return torch.where(x == 0, 0, 1 / torch.where(x == 0, 1, x))


def affine(y: Tensor, gamma: Maybe, beta: Maybe) -> Tensor:
    """Of (N, S, C): gamma and beta are (C), (H, W, C), or None."""
    y = y if gamma is None else y * gamma.reshape(-1, gamma.shape[-1])
    return y if beta is None else y + beta.reshape(-1, beta.shape[-1])


def scale_of(set: dict[str, Any], spread: Tensor) -> Tensor:
    eps, power = set["eps"], 1 if set["spread"] == "largest" else set["power"]
    if set["spread"] == "none":
        return torch.ones_like(spread)
    if set["eps_outside"] and power == 2:
        return torch.where(spread + eps == 0, 0, inverse(spread.sqrt() + eps))
    return inverse((spread + eps) ** (1 / power)) * set["factor"]


def statistics(set: dict[str, Any], x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Center and spread of each set, and how many elements count in it, in places that broadcast against x (N, S, C)."""
    samples, count, channels = x.shape
    over = ([0] if set["samples"] else []) + [2, 4]

    def sets(values: Tensor) -> Tensor:
        return values.expand(x.shape).reshape(samples, count // set["positions"], set["positions"], channels // set["channels"], set["channels"])

    def spread_out(values: Tensor) -> Tensor:
        full = values.expand(values.shape[0], values.shape[1], set["positions"], values.shape[3], set["channels"])
        return full.reshape(values.shape[0], count, channels)

    kept = sets(mask.to(x.dtype))
    size = kept.sum(over, keepdim=True).clamp(min=1)
    center = (sets(x) * kept).sum(over, keepdim=True) / size if set["centers"] else torch.zeros_like(size)
    t = (sets(x) - center) * kept
    if set["spread"] == "power":
        spread = t.abs().pow(set["power"]).sum(over, keepdim=True) / size
    else:
        spread = t.abs().amax(over, keepdim=True) if set["spread"] == "largest" else torch.ones_like(center)
    return spread_out(center), spread_out(spread), spread_out(size)


def track(call: Call, center: Tensor, spread: Tensor, size: Tensor) -> None:
    """The running statistics take in those of a batch."""
    with torch.no_grad():
        updates, mean, var = call.state("num_batches_tracked", 0), call.state("running_mean", 1), call.state("running_var", 1)
        if call.settings["unbiased"]:
            spread = spread * size / (size - 1).clamp(min=1)
        updates += 1
        momentum = 1 / int(updates) if call.settings["momentum"] < 0 else call.settings["momentum"]
        mean.lerp_(center[0, 0], momentum)
        var.lerp_(spread[0, 0], momentum)


def normalize(call: Call, x: Tensor, gamma: Maybe = None, beta: Maybe = None, residual: Maybe = None, lengths: Maybe = None, *rest: Maybe) -> Tensor:
    set, x = call.settings, rows(x)
    mask = torch.ones_like(x[:, :, :1], dtype=torch.bool)
    if lengths is not None and (set["samples"] or set["positions"] > 1):  # sets leave out what comes after the ends
        mask = counted(x, lengths - call.time)
    tracks = "running_mean" in call.states
    if tracks and not set["standard"]:
        call.refuse_training()
    if tracks and not call.training:
        center, spread = call.state("running_mean", 1), call.state("running_var", 1)
    else:
        center, spread, size = statistics(set, x, mask)
        if tracks and bool(mask.any()):
            track(call, center, spread, size)
    y = affine((x - set["shift"] * center) * scale_of(set, spread), gamma, beta)
    return torch.where(mask, y, 0)


def squash(call: Call, x: Tensor, gamma: Maybe, beta: Maybe, alpha: Tensor, shift: Maybe = None) -> Tensor:
    u = alpha * rows(x)
    u = u if shift is None else u + shift
    return affine(SQUASHES[call.settings["kind"]](u), gamma, beta)


def rescale(call: Call, x: Tensor, gamma: Maybe = None) -> Tensor:
    set, x = call.settings, rows(x)
    blocks = x.unflatten(1, (-1, set["positions"]))
    if set["kind"] == "scalenorm":
        scale = inverse((blocks * blocks).sum((2, 3), keepdim=True).sqrt().clamp(min=set["eps"]))
    else:
        scale = inverse(((blocks[..., : set["counted"]] ** 2).mean((2, 3), keepdim=True) + set["eps"]).sqrt())
    return affine((blocks * scale).flatten(1, 2), gamma, None)


def lrn(call: Call, x: Tensor) -> Tensor:
    set = call.settings
    y = F.local_response_norm(images(x), set["size"], set["alpha"], set["beta"], set["k"]).permute(0, 2, 3, 1)
    return torch.where(x == 0, 0, y)  # 0 / 0 of an empty window, too


def frn(call: Call, x: Tensor, gamma: Maybe = None, beta: Maybe = None, tau: Maybe = None, learned_eps: Maybe = None) -> Tensor:
    x = rows(x)
    eps = call.settings["eps"] + (0 if learned_eps is None else learned_eps.abs())
    y = affine(x * inverse(((x * x).mean(1, keepdim=True) + eps).sqrt()), gamma, beta)
    return y if tau is None else torch.maximum(y, tau)


# Operators of formulas (core/formula/operators.def) that take values element by element.
ELEMENTWISE: dict[str, Callable[..., Tensor]] = {
    "ADD": torch.add,
    "SUBTRACT": torch.sub,
    "MULTIPLY": torch.mul,
    "DIVIDE": torch.div,
    "POWER": torch.pow,
    "LESS": lambda a, b: (a < b).to(a.dtype),
    "AT_MOST": lambda a, b: (a <= b).to(a.dtype),
    "EQUAL": lambda a, b: (a == b).to(a.dtype),
    "UNEQUAL": lambda a, b: (a != b).to(a.dtype),
    "WHERE": lambda condition, a, b: torch.where(condition != 0, a, b),
    "MIN": torch.minimum,
    "MAX": torch.maximum,
    "NEGATE": torch.neg,
    "SQRT": torch.sqrt,
    "RSQRT": torch.rsqrt,
    "EXP": torch.exp,
    "LOG": torch.log,
    "TANH": torch.tanh,
    "ERF": torch.erf,
    "SIGMOID": torch.sigmoid,
    "RELU": torch.relu,
    "ABS": torch.abs,
    "SIGN": torch.sign,
    "STOP": torch.detach,
}
REDUCTIONS: dict[str, Callable[..., Tensor]] = {"SUM": torch.sum, "LARGEST": torch.amax, "SMALLEST": torch.amin}


def root(a: Tensor) -> Tensor:
    """sqrt whose derivative at 0 is 0."""
    return torch.where(a == 0, 0, torch.where(a == 0, 1, a).sqrt())


def formula(call: Call, x: Tensor, *parameters: Maybe) -> Tensor:
    """x as (N, S, groups, members): each value has these four axes, of which those that it does not vary along have one element."""
    set = call.settings
    if call.training and set["kept"]:
        call.refuse_training()
    groups, like = set["groups"], rows(x)
    shaped = like.unflatten(2, (groups, -1))
    size = shaped.shape

    def spread(value: Tensor, axes: int) -> Tensor:
        return value.reshape([size[axis] if axes >> axis & 1 else 1 for axis in range(4)])

    values: list[Tensor] = []
    for name, *of in set["program"][: max(set["y"], set["evaluation"]) + 1]:
        if name == "X":
            value = shaped
        elif name == "CONSTANT":
            value = like.new_full((1, 1, 1, 1), of[0])
        elif name == "PARAMETER":
            parameter = parameters[of[0]]
            assert parameter is not None
            value = spread(parameter, list(set["learned"].values())[of[0]][0])
        elif name == "STATE":
            value = spread(call.states[of[0]].to(like.dtype), set["kept"][of[0]][0])
        elif name == "NUMBER":
            if of[0]:
                raise NotImplementedError(f"'{call.name}' reads the number of the step, which PyTorch does not know")
            value = like.new_full((1, 1, 1, 1), set["eps"])
        elif name == "COUNT":
            value = like.new_full((1, 1, 1, 1), math.prod(size[axis] for axis in range(4) if of[0] >> axis & 1))
        elif name in REDUCTIONS:
            value = REDUCTIONS[name](values[of[0]], [axis for axis in range(4) if of[1] >> axis & 1], keepdim=True)
        elif name == "ROOT":
            value = root(values[of[0]])
        else:
            value = ELEMENTWISE[name](*(values[i] for i in of))
        values.append(value)
    return values[set["y" if call.training else "evaluation"]].expand(size).reshape(x.shape)


def moments(x: Tensor, over: Any) -> tuple[Tensor, Tensor]:
    return x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True)


def mixture(call: Call, x: Tensor, gamma: Maybe, beta: Maybe, residual: Maybe, lengths: Maybe, *own: Maybe) -> Tensor:
    """own: mean_weight and var_weight of switch, rho of bin, gamma and beta of the batch's part of bcn."""
    call.refuse_training()
    set, x = call.settings, rows(x)
    eps = set["eps"]
    mean, var = call.state("running_mean", 1), call.state("running_var", 1)
    of_batch = (x - mean) * inverse((var + eps).sqrt())
    if set["kind"] == "switch":
        sets = moments(x, 1), moments(x, (1, 2)), (mean, var)  # in, ln, bn
        center, spread = (
            torch.stack([of_set[i].expand(x.shape[0], 1, x.shape[2]) for of_set in sets], -1) @ weight.softmax(0) for i, weight in enumerate(own) if weight is not None
        )
        return affine((x - center) * inverse((spread + eps).sqrt()), gamma, beta)
    if set["kind"] == "bin":
        center, spread = moments(x, 1)
        share = own[0] if own[0] is not None else torch.ones_like(mean)
        return affine(share * of_batch + (1 - share) * (x - center) * inverse((spread + eps).sqrt()), gamma, beta)
    z = affine(of_batch, *(*own, None, None)[:2]).unflatten(2, (set["groups"], -1))
    center, spread = moments(z, (1, 3))
    return affine(((z - center) * inverse((spread + eps).sqrt())).flatten(2), gamma, beta)


def whitening(call: Call, x: Tensor, gamma: Maybe = None, beta: Maybe = None) -> Tensor:
    call.refuse_training()
    w = call.state("running_whitening", 3)
    t = (rows(x) - call.state("running_mean", 1)).unflatten(2, (len(w), -1))
    return affine(torch.einsum("gij,nsgj->nsgi", w, t).flatten(2), gamma, beta)


def parametrize(call: Call, original: Tensor, gain: Maybe = None) -> Tensor:
    set, over = call.settings, tuple(range(1, original.dim()))
    t = original - original.mean(over, keepdim=True) if set["centers"] else original
    square, count = (t * t).sum(over, keepdim=True), original[0].numel()
    if set["measure"] == "deviation":
        scale = 1 / ((square / (count - 1)).sqrt() + set["eps"])
    elif set["measure"] == "bounded":
        scale = 1 / square.clamp(min=set["eps"]).sqrt()
    else:
        scale = inverse(square.sqrt())
    weight = t * scale
    return weight if gain is None else weight * gain.reshape(-1, *[1] * len(over))


def spectral_norm(call: Call, original: Tensor) -> Tensor:
    call.refuse_training()
    sigma = call.state("0._u", 1) @ original.flatten(1) @ call.state("0._v", 1)
    return original * inverse(sigma)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "activate": activate,
    "add": add,
    "attention": attention,
    "bias": bias,
    "carry": carry,
    "class_token": class_token,
    "concat": concat,
    "conv": conv,
    "cross_iteration": normalize,
    "depthwise_conv": conv,
    "drop_path": drop_path,
    "dropout": dropout,
    "embedding": embedding,
    "excite": excite,
    "formula": formula,
    "frn": frn,
    "gate": gate,
    "gru_cell": gru_cell,
    "hold": hold,
    "layer_scale": layer_scale,
    "linear": linear,
    "lrn": lrn,
    "lstm_cell": lstm_cell,
    "lstm_output": lstm_output,
    "max_pool": max_pool,
    "mean_pool": mean_pool,
    "mixture": mixture,
    "noise": noise,
    "normalize": normalize,
    "parametrize": parametrize,
    "positions": positions,
    "rescale": rescale,
    "scalars": scalars,
    "spectral_norm": spectral_norm,
    "split": split,
    "squash": squash,
    "standardize": same,
    "take": take,
    "transpose": same,
    "transpose_int32": same,
    "upsample": upsample,
    "whitening": whitening,
    "zero": zero,
}
