"""Cases of switch, bin and bcn: their papers' formulas in PyTorch, float64, differentiated by autograd.

    python tests/golden/norm_mix.py        writes norm_mix.safetensors, by norm_mix.cases

Inputs are (N, H, W, C). Statistics are those of each set by itself, never made of one another, so that what the program derives is checked.
"""

import pathlib

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
HERE = pathlib.Path(__file__).parent
DEFAULTS = {"eps": "1e-5", "affine": "channel", "groups": "8", "momentum": "0.1", "running_var": "unbiased", "statistics": "batch"}


def read_cases():
    for line in (HERE / "norm_mix.cases").read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words[0], [int(n) for n in words[1].split(",")], dict(DEFAULTS, **dict(w.split("=") for w in words[2:]))


def moments(x, dims):
    mean = x.mean(dims, keepdim=True)
    return mean, ((x - mean) ** 2).mean(dims, keepdim=True)


def rstd(var, eps):
    """1 / sqrt(var + eps), or 0 where there is nothing to divide by."""
    nothing = var + eps == 0
    return torch.where(nothing, torch.zeros_like(var), 1 / torch.where(nothing, torch.ones_like(var), var + eps).sqrt())


def of_groups(x, groups, eps):
    n, h, w, c = x.shape
    parts = x.reshape(n, h, w, groups, c // groups)
    mean, var = moments(parts, (1, 2, 4))
    return ((parts - mean) * rstd(var, eps)).reshape(x.shape)


class Layer:
    """One call: state has running_mean and running_var, which training moves along."""

    def __init__(self, case, parameters, state):
        self.case, self.p, self.state, self.eps = case, parameters, state, float(case["eps"])

    def batch(self, x, training):
        mean, var = moments(x, (0, 1, 2))
        if not training:
            return self.state["running_mean"], self.state["running_var"]
        m, share = x.numel() // x.shape[3], float(self.case["momentum"])
        stored = var * m / (m - 1) if self.case["running_var"] == "unbiased" and m > 1 else var
        with torch.no_grad():
            self.state["running_mean"] = (1 - share) * self.state["running_mean"] + share * mean.flatten()
            self.state["running_var"] = (1 - share) * self.state["running_var"] + share * stored.flatten()
        if self.case["statistics"] == "running":
            return self.state["running_mean"], self.state["running_var"]
        return mean, var

    def __call__(self, x, training):
        mean, var = self.batch(x, training)
        instance_mean, instance_var = moments(x, (1, 2))
        kind = self.case["kind"]
        if kind == "switch":
            layer_mean, layer_var = moments(x, (1, 2, 3))
            w, v = self.p["mean_weight"].softmax(0), self.p["var_weight"].softmax(0)
            xhat = (x - w[0] * instance_mean - w[1] * layer_mean - w[2] * mean) * rstd(v[0] * instance_var + v[1] * layer_var + v[2] * var, self.eps)
        elif kind == "bin":
            of_batch, of_instance = (x - mean) * rstd(var, self.eps), (x - instance_mean) * rstd(instance_var, self.eps)
            xhat = self.p["rho"] * of_batch + (1 - self.p["rho"]) * of_instance
        else:
            z = (x - mean) * rstd(var, self.eps)
            if "batch_weight" in self.p:
                z = z * self.p["batch_weight"] + self.p["batch_bias"]
            xhat = of_groups(z, int(self.case["groups"]), self.eps)
        return xhat * self.p["gamma"] + self.p["beta"] if "gamma" in self.p else xhat


def parameters_of(case, channels, draw):
    named = {}
    if case["affine"] != "none":
        named.update(gamma=1 + 0.5 * draw(channels), beta=draw(channels))
    if case["kind"] == "switch":
        named.update(mean_weight=1 + draw(3), var_weight=1 + draw(3))
    if case["kind"] == "bin":
        named.update(rho=draw(channels).sigmoid())
    if case["kind"] == "bcn" and case["affine"] != "none":
        named.update(batch_weight=1 + 0.5 * draw(channels), batch_bias=draw(channels))
    return {name: value.requires_grad_() for name, value in named.items()}


def input_of(case, shape, draw):
    fill = case.get("fill", "normal")
    if fill == "constant":
        return torch.full(shape, 2.5)
    x = draw(*shape) * (1 + torch.arange(shape[3]) % 3) + draw(shape[0], 1, 1, 1) + draw(shape[3])
    return {"normal": x, "far": x + 1e4, "large": x * 1e6, "small": x * 1e-6}[fill]


def make(number, name, shape, case):
    generator = torch.Generator().manual_seed(7000 + number)
    draw = lambda *size: torch.randn(*size, generator=generator)
    channels = shape[3]
    x, dy = input_of(case, shape, draw).requires_grad_(), draw(*shape)
    state = {"running_mean": x.detach().mean((0, 1, 2)) + 0.3 * draw(channels), "running_var": (1 + draw(channels) ** 2) * (1 + x.detach().var(unbiased=False))}
    parameters = parameters_of(case, channels, draw)
    out = {"x": x, "dy": dy, **state, **parameters}
    layer = Layer(case, parameters, dict(state))
    y = layer(x, True)
    given = {"x": x, **parameters}
    gradients = torch.autograd.grad(y, list(given.values()), dy, allow_unused=True)
    out["y"] = y
    out.update({f"d{key}": torch.zeros_like(given[key]) if d is None else d for key, d in zip(given, gradients)})
    out.update({f"{key}_after": value for key, value in layer.state.items()})
    y = layer(x, False)
    out.update(y_eval=y, dx_eval=torch.autograd.grad(y, x, dy)[0])
    return {f"{name}/{key}": value.detach().clone().contiguous() for key, value in out.items()}


stored = {}
for number, (name, shape, case) in enumerate(read_cases()):
    stored.update(make(number, name, shape, case))
save_file(stored, HERE / "norm_mix.safetensors")
