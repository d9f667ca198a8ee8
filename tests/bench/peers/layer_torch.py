"""A normalizer as a layer begins in PyTorch, channels last, one thread: its own function where there is one, else the formula of the kind's file in core/norm under
torch.compile. A kind that stands in neither table has no peer.

    python layer_torch.py KIND SAMPLES SIZE CHANNELS ...      of each size, forward and backward: it answers for each in turn as `layer` does for one
"""

import sys

import torch
import torch._functorch.config
from torch.nn import functional as F

from competitor import CHECKED, compete
from kernel import FACTOR_DY, FACTOR_X, image
from torch_device import prepare

EPS, GROUPS, MOMENTUM, R_MAX, D_MAX, ALPHA = 1e-5, 8, 0.1, 3, 5, 0.5
BATCH = (0, 2, 3)


class Layer:
    def __init__(self, channels):
        self.gamma, self.beta = (torch.full((channels,), value, requires_grad=True) for value in (1.0, 0.0))
        self.alpha, self.shift = (torch.full((1,), value, requires_grad=True) for value in (ALPHA, 0.0))
        self.mean, self.spread = torch.zeros(channels), torch.ones(channels)
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


def variance(t):
    return t.square().mean(BATCH, keepdim=True)


OWN = {"bn": Layer.bn, "ln": Layer.ln, "gn": Layer.gn, "in": Layer.in_, "rms": Layer.rms, "custom": Layer.bn}  # custom: as its parts are by default
FORMULAS = {name: getattr(Layer, name) for name in ("brn", "meanbn", "varbn", "l1bn", "maxbn", "dyt", "derf", "hardtanh")}


def ten_times(made):
    def run():
        for _ in range(10):
            made()
        return 10, 0.0

    return run


def cases(kind, samples, size, channels):
    """y and dx of a new layer, as functions."""
    x, dy = image(samples, size, channels, FACTOR_X, "channels_last").requires_grad_(), image(samples, size, channels, FACTOR_DY, "channels_last")
    layer = Layer(channels)

    def forward(x):
        return (OWN | FORMULAS)[kind](layer, x)

    if kind in FORMULAS:
        torch._functorch.config.donated_buffer = False  # its backward is called again and again
        forward = torch.compile(forward, dynamic=False)
    y = forward(x)
    dx = torch.autograd.grad(y, [x, *layer.learned], dy, retain_graph=True)[0]
    first = [float(v) for made in (y, dx) for v in made.detach().permute(0, 2, 3, 1).flatten()[:CHECKED]]
    return first, [lambda: forward(x), lambda: torch.autograd.grad(y, [x, *layer.learned], dy, retain_graph=True)]


def main():
    kind, samples, *shapes = sys.argv[1], *map(int, sys.argv[2:])
    prepare()
    if kind not in OWN | FORMULAS:
        sys.exit(f"there is no formula for {kind}")
    found = [cases(kind, samples, *shape) for shape in zip(shapes[::2], shapes[1::2])]
    compete([v for first, _ in found for v in first], *(ten_times(made) for _, both in found for made in both))


if __name__ == "__main__":
    main()
