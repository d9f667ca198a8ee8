"""Whitening: dbn (ZCA and PCA) and iternorm.

    python tests/golden/norm_white.py        writes norm_white.safetensors and norm_steep.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what
                                             is in them)

Huang et al. 2018 and 2019, in the batch's own words: S = cov + eps I by groups of channels, xhat = W (x - mean), differentiated by autograd. ZCA and PCA
come from torch.linalg.eigh where no two eigenvalues are near each other. Elsewhere its derivative has no digits, and ZCA's is solved for: W W = S^-1, so
dS = -S^-1 Y S^-1 with W Y + Y W = dW. Without eps a covariance that has no inverse is whitened within its range.

The last word of a name may also be .mixed, channels that correlate; .steep, a condition of 1e6; .orthogonal, equal
eigenvalues; .singular, two channels that are the same.
"""

import torch

import layer


class Case(layer.Case):
    def inputs(self):
        x, dy = super().inputs()
        kind, channels = self.name.rsplit(".", 1)[-1], self.shape[-1]
        if kind in ("mixed", "steep"):
            turn = torch.linalg.qr(self.draw(channels, channels))[0]
            low = 1e-3 if kind == "steep" else 0.3
            x = x * torch.logspace(0, torch.tensor(low).log10(), channels) @ turn
        if kind == "orthogonal":
            x = torch.linalg.qr((x - x.mean((0, 1, 2))).reshape(-1, channels))[0].reshape(self.shape)
        if kind == "singular":
            x[..., 1] = x[..., 0]
        return x, dy


class InverseRoot(torch.autograd.Function):
    """S^(-1/2), whatever its eigenvalues."""

    @staticmethod
    def forward(ctx, s):
        values, vectors = torch.linalg.eigh(s)
        w = vectors * values.rsqrt() @ vectors.T
        ctx.save_for_backward(w)
        return w

    @staticmethod
    def backward(ctx, dw):
        w, = ctx.saved_tensors
        one = torch.eye(len(w))
        y = torch.linalg.solve(torch.kron(w, one) + torch.kron(one, w), ((dw + dw.T) / 2).flatten()).view_as(w)
        return -w @ w @ y @ w @ w


def are_apart(values, scale):
    """Whether autograd has digits for eigenvectors."""
    return bool((values.diff() > 1e-3 * scale).all())


def zca(s):
    values, vectors = torch.linalg.eigh(s)
    if not are_apart(values, values[-1]):
        return InverseRoot.apply(s)
    return vectors * values.rsqrt() @ vectors.T


def pca(s):
    values, vectors = torch.linalg.eigh(s)
    if not are_apart(values, values[1:]):
        values, vectors = values.detach(), vectors.detach()
    order = values.argsort(descending=True, stable=True)
    values, axes = values[order], vectors.T[order]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return values.rsqrt()[:, None] * axes * largest.sign().detach()


def newton(s, iterations):
    trace = s.trace()
    p = torch.eye(len(s))
    for _ in range(iterations):
        p = 1.5 * p - 0.5 * p @ p @ p @ s / trace
    return p / trace.sqrt()


class White(layer.Layer):
    def __init__(self, case):
        channels = case.shape[-1]
        self.kind, self.eps, self.groups = case.key["kind"], case.number("eps", 1e-5), int(case.number("groups", 1))
        self.width = channels // self.groups
        parameters = {}
        if case.key.get("affine") != "none":
            parameters = {"gamma": 1 + 0.3 * case.draw(channels), "beta": case.draw(channels)}
        matrices = torch.eye(self.width) + 0.1 * case.draw(self.groups, self.width, self.width)
        super().__init__(case, parameters, {"running_mean": case.draw(channels), "running_whitening": matrices})

    def matrix(self, centered):
        """W of (m, d), which may be told a basis of the range."""
        m, d = centered.shape
        if self.eps == 0:
            _, sizes, basis = torch.linalg.svd(centered.detach(), full_matrices=False)
            basis = basis[sizes > 1e-12 * sizes[0]] if sizes[0] > 0 else basis[:0]
            if len(basis) < d:
                within = centered @ basis.T
                return basis.T @ zca(within.T @ within / m) @ basis if len(basis) else torch.zeros(d, d)
        s = centered.T @ centered / m + self.eps * torch.eye(d)
        if self.kind == "iternorm":
            return newton(s, int(self.case.number("iterations", 5)))
        return pca(s) if self.case.key.get("whitening") == "pca" else zca(s)

    def forward(self, x, training):
        rows, parts, means, matrices = x.reshape(-1, x.shape[-1]), [], [], []
        for g in range(self.groups):
            of = slice(g * self.width, (g + 1) * self.width)
            mean, w = self.states["running_mean"][of], self.states["running_whitening"][g]
            if training:
                mean = rows[:, of].mean(0)
                w = self.matrix(rows[:, of] - mean)
            parts.append((rows[:, of] - mean) @ w.T)
            means.append(mean.detach())
            matrices.append(w.detach())
        if training:
            momentum = self.case.number("momentum", 0.1)
            for name, batch in ("running_mean", torch.cat(means)), ("running_whitening", torch.stack(matrices)):
                self.states[name] = (1 - momentum) * self.states[name] + momentum * batch
        y = torch.cat(parts, 1).reshape(x.shape)
        p = self.parameters
        return y * p["gamma"] + p["beta"] if p else y


layer.Case = Case
layer.write("white", White)
layer.write("steep", White)
