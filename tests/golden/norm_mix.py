"""Mixtures of normalizers: switch, bin and bcn.

    python tests/golden/norm_mix.py        writes norm_mix.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what is in it)

The formulas of the papers (Luo et al. 2019, Nam and Kim 2018, Qiao et al. 2019), differentiated by autograd. The statistics of each set are taken by
themselves, never made of those of smaller sets, so that what the program derives is checked.
"""

import torch

import layer


def moments(x, dims):
    mean = x.mean(dims, keepdim=True)
    return mean, ((x - mean) ** 2).mean(dims, keepdim=True)


def rstd(var, eps):
    """1 / sqrt(var + eps), or 0 where there is nothing to divide by."""
    nothing = var + eps == 0
    return torch.where(nothing, torch.zeros_like(var), 1 / torch.where(nothing, torch.ones_like(var), var + eps).sqrt())


def mix(kind, x, batch, p, eps, groups):
    """xhat of x (N, H, W, C). batch: mean and variance of each channel; p: the parameters by name."""
    mean, var = batch
    if kind == "bcn":
        z = (x - mean) * rstd(var, eps)
        z = z * p["batch_weight"] + p["batch_bias"] if "batch_weight" in p else z
        parts = z.unflatten(3, (groups, -1))
        of_group = moments(parts, (1, 2, 4))
        return ((parts - of_group[0]) * rstd(of_group[1], eps)).flatten(3)
    instance = moments(x, (1, 2))
    if kind == "bin":
        return p["rho"] * (x - mean) * rstd(var, eps) + (1 - p["rho"]) * (x - instance[0]) * rstd(instance[1], eps)
    sample, w, v = moments(x, (1, 2, 3)), p["mean_weight"].softmax(0), p["var_weight"].softmax(0)
    center, spread = (share[0] * instance[i] + share[1] * sample[i] + share[2] * (mean, var)[i] for i, share in enumerate((w, v)))
    return (x - center) * rstd(spread, eps)


class Mixture(layer.Layer):
    def __init__(self, case):
        self.kind, channels = case.key["kind"], case.shape[3]
        affine, parameters = case.key.get("affine") != "none", {}
        if affine:
            parameters = {"gamma": 1 + 0.3 * case.draw(channels), "beta": case.draw(channels)}
        if self.kind == "switch":
            parameters |= {"mean_weight": 1 + case.draw(3), "var_weight": 1 + case.draw(3)}
        elif self.kind == "bin":
            parameters |= {"rho": case.draw(channels).sigmoid()}
        elif affine:
            parameters |= {"batch_weight": 1 + 0.3 * case.draw(channels), "batch_bias": case.draw(channels)}
        states = {"running_mean": case.draw(channels), "running_var": 0.5 + case.draw(channels) ** 2}
        super().__init__(case, parameters, states)

    def batch(self, x, training):
        """The batch's statistics, or those that stand for them."""
        mean, var = moments(x, (0, 1, 2))
        if training:
            m, share = x.numel() // x.shape[3], self.case.number("momentum", 0.1)
            stored = var if self.case.key.get("running_var") == "biased" or m == 1 else var * m / (m - 1)
            for name, value in (("running_mean", mean), ("running_var", stored)):
                self.states[name] = (1 - share) * self.states[name] + share * value.detach().flatten()
        if training and self.case.key.get("statistics") != "running":
            return mean, var
        return self.states["running_mean"], self.states["running_var"]

    def forward(self, x, training):
        groups, eps = int(self.case.number("groups", 8)), self.case.number("eps", 1e-5)
        xhat = mix(self.kind, x, self.batch(x, training), self.parameters, eps, groups)
        return xhat * self.parameters["gamma"] + self.parameters["beta"] if "gamma" in self.parameters else xhat


if __name__ == "__main__":
    layer.write("mix", Mixture)
