"""Golden vectors: every normalizer, forward and backward, by PyTorch in float64.

    python tests/golden/norm.py        writes tests/golden/norm.safetensors, which tests/golden/test_golden.c reads

A case is named <kind>.<what>; its tensors are <case>/<tensor>:

    setup         I64 (10) samples N, positions S, channels C, groups, stat_batch (0: whole batch), over (1: position),
                           running_var (1: unbiased), affine entries (C, S C or 0), detach (1: center, 2: scale, 3: both),
                           statistics (1: training normalizes with the running ones)
    hyper         F64 (4)  eps, momentum (-1: cumulative average), r_max, d_max
    x dy y dx     F64 (N, S, C): channels last, unlike PyTorch
    gamma beta dgamma dbeta          F64 (affine entries); left out where there is none
    mean var                         F64 (sets): mean and biased variance of each set; rms: 0 and the mean of squares;
                                     l1bn, maxbn: the mean and the mean or the largest of |x - mean|
    running_mean running_var updates F64 (C), (C), I64 (1), before the batch; the same with _after at its end; bn and its kin only
    y_eval dx_eval dgamma_eval dbeta_eval  in evaluation mode, with the statistics after the batch; bn and its kin only

The numbers are those of torch.nn's modules. Each case is also composed from elementary tensor operations with autograd, and
the two must agree to 5e-11, so that a wrong call here is noticed here. Sets of one element and eps 0, which PyTorch
refuses in training, and what it does not offer (the biased running variance, brn, meanbn, varbn, l1bn, maxbn, detached
statistics, training with the running ones) are the composition's alone: the paper's formula, differentiated by autograd.
"""

import pathlib
import sys
import zlib

import numpy
import safetensors
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

EPS = 1e-5
OF_BATCH = ("bn", "brn", "meanbn", "varbn", "l1bn", "maxbn")
AGREE = 5e-11


class Case:
    def __init__(self, name, shape, values="normal", groups=1, slice=0, over="sample", affine="channel", eps=EPS,
                 momentum=0.1, unbiased=True, r_max=3.0, d_max=5.0, detach="none", running=False, composed=False):
        self.name, self.values, self.groups, self.over, self.affine = name, values, groups, over, affine
        self.kind = name.split(".")[0]
        self.samples, self.height, self.width, self.channels = shape
        self.positions = self.height * self.width
        self.slice, self.eps, self.momentum, self.unbiased = slice, eps, momentum, unbiased
        self.r_max, self.d_max, self.detach, self.running = r_max, d_max, detach, running
        self.tracks = self.kind in OF_BATCH
        self.composed = composed or self.kind in OF_BATCH[1:] or detach != "none" or running  # PyTorch has no such thing: the composition's word alone

    def affine_shape(self):
        return {"channel": (self.channels,), "element": (self.positions, self.channels), "none": None}[self.affine]


def draw(case):
    """Inputs of a case: its name is the seed, so that a new case moves no other."""
    generator = torch.Generator().manual_seed(zlib.crc32(case.name.encode()))

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    shape = (case.samples, case.positions, case.channels)
    x = normal(*shape)
    if case.values == "normal":  # every channel with a mean and a deviation of its own
        x = x * (0.5 + torch.rand(case.channels, generator=generator)) + normal(case.channels)
    elif case.values == "offset":  # the mean 1e4 times the deviation
        x = 2.0 * x + 2e4
    elif case.values == "constant":  # exact in binary, so that the variance is 0 and not a rounding error
        x = torch.full(shape, 3.75)
    elif case.values == "tiny":  # a variance near eps, which shows where eps stands
        x = 4e-3 * x + 1e-3
    else:
        raise ValueError(case.values)
    inputs = {"x": x, "dy": normal(*shape)}
    if case.affine_shape():
        inputs["gamma"] = 1.0 + 0.5 * normal(*case.affine_shape())
        if case.kind != "rms":
            inputs["beta"] = normal(*case.affine_shape())
    if case.tracks:
        inputs["running_mean"] = normal(case.channels)
        inputs["running_var"] = 0.5 + torch.rand(case.channels, generator=generator)
        inputs["updates"] = torch.tensor([3])
    return inputs


def differentiate(x, gamma, beta, dy, function):
    """y and the gradients of sum(y dy): {y, dx, dgamma, dbeta}."""
    given = {"x": x, "gamma": gamma, "beta": beta}
    leaves = {name: t.clone().requires_grad_() for name, t in given.items() if t is not None}
    y = function(leaves["x"], leaves.get("gamma"), leaves.get("beta"))
    gradients = torch.autograd.grad(y, list(leaves.values()), dy)
    return {"y": y.detach()} | {"d" + name: g for name, g in zip(leaves, gradients)}


def scale_shift(xhat, gamma, beta):
    y = xhat if gamma is None else xhat * gamma
    return y if beta is None else y + beta


# ---- by hand: the formula and its partition, from elementary operations ----

def block_of(case):
    """The set's extent: samples, positions, channels."""
    n, s, c = case.samples, case.positions, case.channels
    if case.tracks:
        return case.slice or n, s, 1
    return {"in": (1, s, 1), "gn": (1, s, c // case.groups),
            "ln": (1, 1 if case.over == "position" else s, c), "rms": (1, 1 if case.over == "position" else s, c)}[case.kind]


def spread_of(case, t, over):
    if case.kind == "l1bn":
        return t.abs().mean(over, keepdim=True)
    if case.kind == "maxbn":
        return t.abs().amax(over, keepdim=True)
    return (t ** 2).mean(over, keepdim=True)


def scale_of(case, spread):
    if case.kind == "meanbn":
        return torch.ones_like(spread)
    if case.kind == "l1bn":
        return 1 / ((torch.pi / 2) ** 0.5 * (spread + case.eps))
    if case.kind == "maxbn":
        return 1 / (spread + case.eps)
    return 1 / (spread + case.eps).sqrt()


def normalized(case, sets, mu, spread, running):
    """xhat of sets with these statistics; running: those of their channels, before the batch."""
    scale = scale_of(case, spread.detach() if case.detach in ("scale", "both") else spread)
    xhat = (sets if case.kind == "varbn" else sets - mu) * scale
    if case.kind != "brn":
        return xhat
    running_mean, running_scale = running[0], scale_of(case, running[1])
    r = (running_scale / scale.detach()).clamp(1 / case.r_max, case.r_max)
    d = ((mu.detach() - running_mean) * running_scale).clamp(-case.d_max, case.d_max)
    return xhat * r + d


def composed(case, inputs):
    samples, positions, channels = block_of(case)
    mean, var = [], []

    def forward(x, gamma, beta):
        out = []
        for part in x.split(samples):
            n, s, c = part.shape
            sets, over = part.reshape(n, s // positions, positions, c // channels, channels), (0, 2, 4)
            mu = sets.mean(over, keepdim=True) * (case.kind != "rms")
            if case.detach in ("center", "both"):
                mu = mu.detach()
            spread = spread_of(case, sets - mu, over)
            mean.append(mu.detach().flatten())
            var.append(spread.detach().flatten())
            running = [inputs[name].reshape(mu.shape) for name in ("running_mean", "running_var")] if case.tracks else None
            xhat = normalized(case, sets, *(running if case.running else (mu, spread)), running)
            out.append(xhat.reshape(n, s, c))
        return scale_shift(torch.cat(out), gamma, beta)

    out = differentiate(inputs["x"], inputs.get("gamma"), inputs.get("beta"), inputs["dy"], forward)
    out |= {"mean": torch.cat(mean), "var": torch.cat(var)}
    if not case.tracks:
        return out

    running_mean, running_var, updates = inputs["running_mean"], inputs["running_var"], inputs["updates"].clone()
    for part, mu, square in zip(inputs["x"].split(samples), mean, var):
        updates += 1
        momentum = 1.0 / updates if case.momentum is None else case.momentum
        m = part.shape[0] * part.shape[1]
        of_squares = case.kind not in ("l1bn", "maxbn")
        stored = square * m / (m - 1) if case.unbiased and m > 1 and of_squares else square
        running_mean = (1 - momentum) * running_mean + momentum * mu
        running_var = (1 - momentum) * running_var + momentum * stored
    out |= {"running_mean_after": running_mean, "running_var_after": running_var, "updates_after": updates}

    def evaluate(x, gamma, beta):
        return scale_shift(normalized(case, x, running_mean, running_var, (running_mean, running_var)), gamma, beta)

    evaluated = differentiate(inputs["x"], inputs.get("gamma"), inputs.get("beta"), inputs["dy"], evaluate)
    return out | {name + "_eval": t for name, t in evaluated.items()}


# ---- by PyTorch: what its users call ----

def to_nchw(x, case):
    if case.positions == 1:
        return x[:, 0, :]
    # contiguous: PyTorch's channels-last group norm takes E[x^2] - E[x]^2, 3e-8 off where the mean is 1e4 times the deviation
    return x.reshape(len(x), case.height, case.width, case.channels).permute(0, 3, 1, 2).contiguous()


def from_nchw(y, case):
    if case.positions == 1:
        return y[:, None, :]
    if y.requires_grad:  # contiguous here too: with a permuted gradient instance_norm's dx is wrong for a batch of one (2.15.0)
        y.register_hook(lambda gradient: gradient.contiguous())
    return y.permute(0, 2, 3, 1).reshape(len(y), case.positions, case.channels)


def batch_norm(case, inputs):
    make = nn.BatchNorm1d if case.positions == 1 else nn.BatchNorm2d
    module = make(case.channels, eps=case.eps, momentum=case.momentum, affine=False)
    module.running_mean.copy_(inputs["running_mean"])
    module.running_var.copy_(inputs["running_var"])
    module.num_batches_tracked.copy_(inputs["updates"][0])

    def forward(x, gamma, beta):  # the module's weight and bias, given from outside so that they can be differentiated
        module.weight, module.bias = gamma, beta
        slices = x.split(case.slice or case.samples) if module.training else [x]
        return torch.cat([from_nchw(module(to_nchw(part, case)), case) for part in slices])

    del module.weight, module.bias
    arguments = inputs["x"], inputs.get("gamma"), inputs.get("beta"), inputs["dy"], forward
    out = differentiate(*arguments)
    out |= {"running_mean_after": module.running_mean.clone(), "running_var_after": module.running_var.clone(),
            "updates_after": module.num_batches_tracked.reshape(1).clone()}
    module.eval()
    return out | {name + "_eval": t for name, t in differentiate(*arguments).items()}


def by_pytorch(case, inputs):
    if case.kind == "bn":
        return batch_norm(case, inputs)
    s, c, eps = case.positions, case.channels, case.eps
    shape = (c,) if case.over == "position" else (s, c)
    own = case.affine_shape() == shape  # PyTorch's own gamma and beta have the normalized shape

    def layer_norm(x, gamma, beta):
        if own:
            return F.layer_norm(x, shape, gamma, beta, eps)
        return scale_shift(F.layer_norm(x, shape, eps=eps), gamma, beta)

    def rms_norm(x, gamma, beta):
        if own:
            return F.rms_norm(x, shape, gamma, eps)
        return scale_shift(F.rms_norm(x, shape, eps=eps), gamma, beta)

    def group_norm(x, gamma, beta):
        if case.affine == "element":
            return scale_shift(from_nchw(F.group_norm(to_nchw(x, case), case.groups, eps=eps), case), gamma, beta)
        return from_nchw(F.group_norm(to_nchw(x, case), case.groups, gamma, beta, eps), case)

    def instance_norm(x, gamma, beta):
        return from_nchw(F.instance_norm(to_nchw(x, case), weight=gamma, bias=beta, eps=eps), case)

    function = {"ln": layer_norm, "rms": rms_norm, "gn": group_norm, "in": instance_norm}[case.kind]
    return differentiate(inputs["x"], inputs.get("gamma"), inputs.get("beta"), inputs["dy"], function)


# ---- the cases ----

KINDS = ("bn", "ln", "gn", "in", "rms") + OF_BATCH[1:]

S1 = (8, 1, 1, 12)    # a fully connected layer
S6 = (6, 2, 3, 12)    # an image
ODD = (3, 3, 5, 19)   # no dimension a multiple of a vector register
ONE = (1, 2, 3, 12)   # a batch of one image
M1 = (1, 1, 1, 12)    # a batch of one, fully connected

CASES = [Case(f"{kind}.{shape_name}.{values}", shape, values, groups=4, composed=kind == "in" and shape == S1)
         for kind in KINDS
         for shape_name, shape in (("s1", S1), ("s6", S6))
         for values in ("normal", "offset", "constant", "tiny")]
CASES += [Case(f"{kind}.odd", ODD, groups=19) for kind in KINDS]
CASES += [Case(f"{kind}.one", ONE, groups=3) for kind in KINDS]
CASES += [Case(f"{kind}.affine_none", S6, affine="none", groups=3) for kind in KINDS]
CASES += [Case(f"{kind}.affine_element", S6, affine="element", groups=3) for kind in ("ln", "gn", "rms")]
CASES += [Case(f"{kind}.eps_{eps:g}", S6, eps=eps, groups=3, composed=kind == "bn" and eps == 0)
          for kind in KINDS for eps in (0.0, 1e-2)]
CASES += [
    Case("bn.m1", M1, composed=True),
    Case("bn.m2", (2, 1, 1, 12), "tiny"),
    Case("bn.momentum_0", S1, momentum=0.0),
    Case("bn.momentum_0.3", S6, momentum=0.3),
    Case("bn.momentum_1", S1, momentum=1.0),
    Case("bn.cumulative", S6, momentum=None),
    Case("bn.biased", S6, unbiased=False, composed=True),
    Case("bn.biased_cumulative", S1, momentum=None, unbiased=False, composed=True),
    Case("bn.ghost_s1", S1, slice=4),
    Case("bn.ghost_s1_last_smaller", S1, slice=3),
    Case("bn.ghost_s1_last_one", (7, 1, 1, 12), slice=3, composed=True),
    Case("bn.ghost_s6", S6, slice=2),
    Case("bn.ghost_s6_last_one", (7, 2, 3, 12), slice=3),
    Case("bn.ghost_of_one", (3, 2, 3, 12), slice=1),
    Case("bn.ghost_offset", S6, "offset", slice=2),
    Case("bn.ghost_cumulative", S6, slice=2, momentum=None),
    Case("bn.ghost_biased", S6, slice=4, unbiased=False, composed=True),
    Case("bn.ghost_larger_than_batch", S6, slice=16),
    *(Case(f"{kind}.ghost_s6", S6, slice=4) for kind in OF_BATCH[1:]),
    *(Case(f"bn.detach_{detach}", S6, detach=detach) for detach in ("center", "scale", "both")),
    *(Case(f"{kind}.detach_center", S6, detach="center") for kind in ("l1bn", "maxbn")),
    *(Case(f"{kind}.statistics_running", S6, running=True) for kind in ("bn", "brn", "l1bn")),
    Case("brn.uncorrected", S6, r_max=1.0, d_max=0.0),
    Case("brn.bounded", S6, r_max=1.1, d_max=0.1),
    Case("brn.unbounded", S6, r_max=1e9, d_max=1e9),
    Case("gn.odd_g1", ODD, groups=1),
    *(Case(f"gn.s6_g{groups}", S6, groups=groups) for groups in (1, 2, 3, 6, 12)),
    *(Case(f"gn.s1_g{groups}", S1, groups=groups) for groups in (1, 2, 6)),
    Case("gn.m1", S1, groups=12, composed=True),
    Case("in.m1", M1, composed=True),
    Case("ln.m1", (4, 1, 1, 1)),
    Case("rms.m1", (4, 1, 1, 1)),
    *(Case(f"{kind}.position_{values}", S6, values, over="position") for kind in ("ln", "rms")
      for values in ("normal", "offset", "constant", "tiny")),
    *(Case(f"{kind}.position_{affine}", S6, over="position", affine=affine) for kind in ("ln", "rms")
      for affine in ("element", "none")),
]


def difference(a, b):
    """Largest difference over largest magnitude; NaN stays NaN."""
    largest = b.abs().max().item()
    d = (a - b).abs().max().item()
    return d / largest if largest > 0 else d


def main():
    tensors, worst = {}, 0.0
    for case in CASES:
        inputs = draw(case)
        outputs = composed(case, inputs)
        if not case.composed:
            torchs = by_pytorch(case, inputs)
            for name, value in torchs.items():
                d = difference(value.double(), outputs[name].double())
                if not d <= AGREE:
                    sys.exit(f"{case.name}/{name}: PyTorch and the composition differ by {d:.1e}")
                worst = max(worst, d)
                if not outputs[name].any():  # exactly 0, as dgamma of a constant input: PyTorch's 1e-13 there is rounding
                    torchs[name] = outputs[name]
            outputs |= torchs
        affine = inputs["gamma"].numel() if "gamma" in inputs else 0
        momentum = -1.0 if case.momentum is None else case.momentum
        inputs["setup"] = torch.tensor([case.samples, case.positions, case.channels, case.groups, case.slice,
                                        case.over == "position", case.unbiased, affine,
                                        ("none", "center", "scale", "both").index(case.detach), case.running])
        inputs["hyper"] = torch.tensor([case.eps, momentum, case.r_max, case.d_max])
        for name, value in (inputs | outputs).items():
            if not torch.isfinite(value).all():
                sys.exit(f"{case.name}/{name} is not finite")
            tensors[f"{case.name}/{name}"] = value.contiguous()
    path = pathlib.Path(__file__).with_name("norm.safetensors")
    save_file(tensors, path, {"made_by": "tests/golden/norm.py", "torch": torch.__version__, "numpy": numpy.__version__,
                              "safetensors": safetensors.__version__})
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes; PyTorch and the composition agree to {worst:.1e}")


if __name__ == "__main__":
    main()
