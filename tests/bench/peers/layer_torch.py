"""A normalizer as a layer begins in PyTorch, channels last, one thread: its own function where there is one, else the formula of the kind's file in core/norm.
Each is timed as it is and under torch.compile, and forward and backward are asked for in the better of both. A kind that is no method of Layer has no peer.

    python layer_torch.py KIND SAMPLES SIZE CHANNELS ...      of each size, forward and backward: it answers for each in turn as `layer` does for one
"""

import sys
import time

import torch
import torch._functorch.config
from torch.nn import functional as F

from competitor import CHECKED, compete
from kernel import FACTOR_DY, FACTOR_X, image
from torch_device import prepare

EPS, GROUPS, MOMENTUM, R_MAX, D_MAX, ALPHA, SHARE, ITERATIONS, WINDOW = 1e-5, 8, 0.1, 3, 5, 0.5, 0.0625, 5, 4
BATCH, SAMPLE, INSTANCE = (0, 2, 3), (1, 2, 3), (2, 3)
TRIALS = 5  # of a variant, before the better one is chosen


class Layer:
    def __init__(self, samples, size, channels):
        self.gamma, self.beta = (torch.full((channels,), value, requires_grad=True) for value in (1.0, 0.0))
        self.alpha, self.shift = (torch.full((1,), value, requires_grad=True) for value in (ALPHA, 0.0))
        self.mean, self.spread = torch.zeros(channels), torch.ones(channels)
        self.tau = torch.zeros(channels, requires_grad=True)
        self.rho, self.gain = torch.ones(channels, requires_grad=True), torch.full((1,), (size * size * channels) ** 0.5, requires_grad=True)
        self.mean_weight, self.var_weight = (torch.ones(3, requires_grad=True) for _ in range(2))
        self.batch_gamma, self.batch_beta = (torch.full((channels,), value, requires_grad=True) for value in (1.0, 0.0))
        self.running_w = torch.eye(channels // GROUPS).repeat(GROUPS, 1, 1)
        self.others = torch.zeros(15, channels)  # mabn's history but for this batch
        self.learned = [self.gamma, self.beta]

    def affine(self, xhat):
        return xhat * self.gamma[:, None, None] + self.beta[:, None, None]

    def track(self, mean, spread):
        """With statistics of shape (1, C, 1, 1). Not in place: a compiled backward would work out the corrections of brn again from what they are by then."""
        self.mean = self.mean.lerp(mean.detach().flatten(), MOMENTUM)
        self.spread = self.spread.lerp(spread.detach().flatten(), MOMENTUM)

    def tracked(self, x, of_deviations, normalized):
        """A normalizer of the batch: affine(normalized(x, mean, spread))."""
        mean = x.mean(BATCH, keepdim=True)
        spread = of_deviations(x - mean)
        y = self.affine(normalized(x, mean, spread))
        self.track(mean, spread)
        return y

    # Functions of PyTorch's own.
    def bn(self, x):
        return F.batch_norm(x, self.mean, self.spread, self.gamma, self.beta, True, MOMENTUM, EPS)

    def ln(self, x):  # one group of all channels is a layer normalization with gamma and beta a channel
        return F.group_norm(x, 1, self.gamma, self.beta, EPS)

    def gn(self, x):
        return F.group_norm(x, GROUPS, self.gamma, self.beta, EPS)

    def in_(self, x):
        return F.instance_norm(x, None, None, self.gamma, self.beta, True, MOMENTUM, EPS)

    def rms(self, x):
        self.learned = [self.gamma]
        return F.rms_norm(x, x.shape[1:], None, EPS) * self.gamma[:, None, None]

    # Formulas.
    def brn(self, x):
        def normalized(x, mean, var):
            sigma, running = (var + EPS).sqrt(), (self.spread + EPS).sqrt()[:, None, None]
            r = (sigma / running).clamp(1 / R_MAX, R_MAX).detach()
            d = ((mean - self.mean[:, None, None]) / running).clamp(-D_MAX, D_MAX).detach()
            return (x - mean) / sigma * r + d

        return self.tracked(x, variance, normalized)

    def meanbn(self, x):
        return self.tracked(x, variance, lambda x, mean, var: x - mean)

    def varbn(self, x):
        return self.tracked(x, variance, lambda x, mean, var: x / (var + EPS).sqrt())

    def l1bn(self, x):
        return self.tracked(x, lambda t: t.abs().mean(BATCH, keepdim=True), lambda x, mean, s: (x - mean) / ((torch.pi / 2) ** 0.5 * (s + EPS)))

    def maxbn(self, x):
        return self.tracked(x, lambda t: t.abs().amax(BATCH, keepdim=True), lambda x, mean, s: (x - mean) / (s + EPS))

    def dyt(self, x):
        self.learned = [self.gamma, self.beta, self.alpha]
        return self.affine(torch.tanh(self.alpha * x))

    def derf(self, x):
        self.learned = [self.gamma, self.beta, self.alpha, self.shift]
        return self.affine(torch.erf(self.alpha * x + self.shift))

    def hardtanh(self, x):
        self.learned = [self.gamma, self.beta, self.alpha]
        return self.affine(F.hardtanh(self.alpha * x))

    def cbn(self, x):
        """Without compensation; the batches before had mean 0 and variance 0."""
        mean, squares = x.mean(BATCH, keepdim=True), x.square().mean(BATCH, keepdim=True)
        self.track(mean, squares - mean.square())
        mean, squares = mean / WINDOW, squares / WINDOW
        return self.affine((x - mean) * (squares - mean.square() + EPS).rsqrt())

    def mabn(self, x):
        """Histories are sums of zeros and this batch: so the numbers are a first batch's, and the work that of later ones."""
        chi = torch.cat([x.square().mean(BATCH)[None], self.others]).sum(0)
        r = ((chi + EPS) / (self.spread + EPS)).sqrt().clamp(1 / R_MAX, R_MAX).detach()
        self.spread = self.spread.lerp(chi.detach(), MOMENTUM)
        return self.affine(MovingAverage.apply(x, chi, self.others) * r[:, None, None])

    def frn(self, x):
        self.learned = [self.gamma, self.beta, self.tau]
        return torch.maximum(self.affine(x * (x.square().mean(INSTANCE, keepdim=True) + EPS).rsqrt()), self.tau[:, None, None])

    def position(self, x):
        centred = x - x.mean(1, keepdim=True)
        return self.affine(centred * (centred.square().mean(1, keepdim=True) + EPS).rsqrt())

    def scalenorm(self, x):
        self.learned = [self.gain]
        return x * (self.gain / x.square().sum(SAMPLE, keepdim=True).sqrt().clamp(min=EPS))

    def prms(self, x):
        self.learned = [self.gamma]
        first = x[:, :max(1, -int(-x.shape[1] * SHARE // 1))]
        return x * (first.square().mean(SAMPLE, keepdim=True) + EPS).rsqrt() * self.gamma[:, None, None]

    def lrn(self, x):
        self.learned = []
        return F.local_response_norm(x, 5, 1e-4, 0.75, 1)

    def switch(self, x):
        self.learned = [self.gamma, self.beta, self.mean_weight, self.var_weight]
        mean_in = x.mean(INSTANCE, keepdim=True)
        var_in = (x - mean_in).square().mean(INSTANCE, keepdim=True)
        squares = var_in + mean_in.square()
        mean_ln, mean_bn = mean_in.mean(1, keepdim=True), mean_in.mean(0, keepdim=True)
        var_ln, var_bn = squares.mean(1, keepdim=True) - mean_ln.square(), squares.mean(0, keepdim=True) - mean_bn.square()
        self.track(mean_bn, var_bn)
        w, v = self.mean_weight.softmax(0), self.var_weight.softmax(0)
        mean, var = w[0] * mean_in + w[1] * mean_ln + w[2] * mean_bn, v[0] * var_in + v[1] * var_ln + v[2] * var_bn
        return self.affine((x - mean) * (var + EPS).rsqrt())

    def bin(self, x):
        self.learned = [self.gamma, self.beta, self.rho]
        of_batch = F.batch_norm(x, self.mean, self.spread, None, None, True, MOMENTUM, EPS)
        rho = self.rho[:, None, None]
        return self.affine(rho * of_batch + (1 - rho) * F.instance_norm(x, None, None, None, None, True, MOMENTUM, EPS))

    def bcn(self, x):
        self.learned = [self.gamma, self.beta, self.batch_gamma, self.batch_beta]
        z = F.batch_norm(x, self.mean, self.spread, self.batch_gamma, self.batch_beta, True, MOMENTUM, EPS)
        return F.group_norm(z, GROUPS, self.gamma, self.beta, EPS)

    def whitened(self, x, matrix):
        samples, channels, height, width = x.shape
        rows = x.permute(1, 0, 2, 3).reshape(GROUPS, channels // GROUPS, -1)
        mean = rows.mean(2, keepdim=True)
        t = rows - mean
        w = matrix(t @ t.transpose(1, 2) / t.shape[2] + EPS * torch.eye(channels // GROUPS))
        self.mean = self.mean.lerp(mean.detach().flatten(), MOMENTUM)
        self.running_w = self.running_w.lerp(w.detach(), MOMENTUM)
        return self.affine((w @ t).view(channels, samples, height, width).permute(1, 0, 2, 3))

    def dbn(self, x):
        return self.whitened(x, InverseRoot.apply)

    def iternorm(self, x):
        def newton(s):
            trace = s.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
            p, scaled = torch.eye(s.shape[1]).expand_as(s), s / trace
            for _ in range(ITERATIONS):
                p = 1.5 * p - 0.5 * p @ p @ p @ scaled
            return p * trace.rsqrt()

        return self.whitened(x, newton)

    def custom(self, x):  # as its parts are by default
        return self.bn(x)


class MovingAverage(torch.autograd.Function):
    """x / sqrt(chi + eps), whose backward averages the mean of products over the history, too."""

    @staticmethod
    def forward(ctx, x, chi, others):
        scale = (chi + EPS).rsqrt()[:, None, None]
        ctx.save_for_backward(x, scale, others)
        return x * scale

    @staticmethod
    def backward(ctx, dz):
        x, scale, others = ctx.saved_tensors
        z = x * scale
        psi = torch.cat([(dz * z).mean(BATCH)[None], others]).sum(0)[:, None, None]
        return (dz - z * psi) * scale, None, None


class InverseRoot(torch.autograd.Function):
    """S^(-1/2) by eigenvectors, with the paper's gradient: that of torch.linalg.eigh divides by the difference of eigenvalues."""

    @staticmethod
    def forward(ctx, s):
        values, vectors = torch.linalg.eigh(s)
        roots = values.rsqrt()
        ctx.save_for_backward(vectors, roots)
        return (vectors * roots[:, None, :]) @ vectors.transpose(1, 2)

    @staticmethod
    def backward(ctx, dw):
        vectors, roots = ctx.saved_tensors
        a, b = roots[:, :, None], roots[:, None, :]
        turned = vectors.transpose(1, 2) @ (dw + dw.transpose(1, 2)) @ vectors / 2
        return vectors @ (turned * (-a * a * b * b / (a + b))) @ vectors.transpose(1, 2)


def variance(t):
    return t.square().mean(BATCH, keepdim=True)


def ten_times(made):
    def run():
        for _ in range(10):
            made()
        return 10, 0.0

    return run


def better(variants):
    """Of functions that compute the same, the faster one."""
    best = [min(seconds(made) for _ in range(TRIALS)) for made in variants]
    return variants[best.index(min(best))]


def seconds(made):
    start = time.perf_counter()
    for _ in range(10):
        made()
    return time.perf_counter() - start


def passes(kind, compiled, samples, size, channels):
    """y and dx of a new layer, and the functions that make them."""
    x, dy = image(samples, size, channels, FACTOR_X, "channels_last").requires_grad_(), image(samples, size, channels, FACTOR_DY, "channels_last")
    layer = Layer(samples, size, channels)
    of_kind = getattr(Layer, {"in": "in_"}.get(kind, kind))

    def forward(x):
        return of_kind(layer, x)

    if compiled:
        forward = torch.compile(forward, dynamic=False)
    y = forward(x)
    inputs = [x, *layer.learned]
    dx = torch.autograd.grad(y, inputs, dy, retain_graph=True)[0]
    first = [float(v) for made in (y, dx) for v in made.detach().permute(0, 2, 3, 1).flatten()[:CHECKED]]
    return first, [lambda: forward(x), lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)]


def cases(kind, *shape):
    """Its first numbers, and the better ways forward and back."""
    eager, compiled = (passes(kind, way, *shape) for way in (False, True))
    return eager[0], [better(variants) for variants in zip(eager[1], compiled[1])]


def main():
    kind, samples, *shapes = sys.argv[1], *map(int, sys.argv[2:])
    prepare()
    if not hasattr(Layer, {"in": "in_"}.get(kind, kind)):
        sys.exit(f"there is no formula for {kind}")
    torch._functorch.config.donated_buffer = False  # a compiled backward is called again and again
    found = [cases(kind, samples, *shape) for shape in zip(shapes[::2], shapes[1::2])]
    compete([v for first, _ in found for v in first], *(ten_times(made) for _, both in found for made in both))


if __name__ == "__main__":
    main()
