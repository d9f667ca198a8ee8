"""Normalizers with eps outside the root (norm.eps_place = outside): y = gamma (x - mean) / (sqrt(var) + eps) + beta.

    python tests/golden/norm_root.py        writes norm_root.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what is in it)

The formula, differentiated by autograd. Where a set has no spread, the root has no derivative: it counts as 0, as the square's at its least.
"""

import torch

import layer

SETS = {"bn": (0, 1, 2), "brn": (0, 1, 2), "varbn": (0, 1, 2), "ln": (1, 2, 3), "rms": (1, 2, 3), "in": (1, 2), "gn": (1, 2, 4)}


def root(v):
    return torch.where(v > 0, torch.where(v > 0, v, 1).sqrt(), 0)


class Root(layer.Layer):
    def __init__(self, case):
        n, h, w, c = case.shape
        self.kind, self.eps = case.key["kind"], case.number("eps", 1e-5)
        count = {"channel": (c,), "element": (h, w, c), "none": None}[case.key.get("affine", "channel")]
        parameters = {"gamma": 1 + 0.3 * case.draw(*count), "beta": case.draw(*count)} if count else {}
        if self.kind == "rms":
            parameters.pop("beta", None)
        states = {}
        if self.kind in ("bn", "brn", "varbn"):
            states = {"running_mean": 0.3 * case.draw(c), "running_var": 1 + 0.3 * case.draw(c).abs()}
        super().__init__(case, parameters, states)

    def moments(self, x, over):
        key = self.case.key.get("detach", "none")
        mean = torch.zeros(()) if self.kind == "rms" else x.mean(over, keepdim=True)
        mean = mean.detach() if key in ("center", "both") else mean
        var = ((x - mean) ** 2).mean(over, keepdim=True)
        return mean, var.detach() if key in ("scale", "both") else var

    def batch(self, x):
        """A slice of the batch that shares statistics."""
        s, (mean, var) = self.states, self.moments(x, (0, 1, 2))
        count = x[..., 0].numel()
        y = (x - (0 if self.kind == "varbn" else mean)) / (root(var) + self.eps)
        if self.kind == "brn":  # a bound of 3 on r, of 5 on d
            running = s["running_var"].sqrt() + self.eps
            r = ((root(var) + self.eps) / running).detach().clamp(1 / 3, 3)
            d = ((mean - s["running_mean"]) / running).detach().clamp(-5, 5)
            y = y * r + d
        self.updates += 1
        share = 1 / self.updates if self.case.key.get("running") == "cumulative" else 0.1
        for name, value in ("running_mean", mean), ("running_var", var * count / max(count - 1, 1)):
            s[name] = (1 - share) * s[name] + share * value.detach().flatten()
        return y

    def normalized(self, x, training):
        s = self.states
        if not s:
            n, h, w, c = x.shape
            groups = int(self.case.key.get("groups", 1))
            over = (3,) if self.case.key.get("over") == "position" else SETS[self.kind]
            z = x.reshape(n, h, w, groups, c // groups) if self.kind == "gn" else x
            mean, var = self.moments(z, over)
            return ((z - mean) / (root(var) + self.eps)).reshape(x.shape)
        if not training:
            return (x - (0 if self.kind == "varbn" else s["running_mean"])) / (s["running_var"].sqrt() + self.eps)
        self.updates = 0
        return torch.cat([self.batch(part) for part in x.split(int(self.case.key.get("stat_batch", 0)) or len(x))])

    def forward(self, x, training):
        p, y = self.parameters, self.normalized(x, training)
        return y * p["gamma"] + p.get("beta", 0) if p else y


layer.write("root", Root)
