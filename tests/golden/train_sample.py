"""Trainings with the normalizers of a sample, frn, position, scalenorm, prms and lrn, repeated by PyTorch as train.py does.

    python tests/golden/train_sample.py build/normlab        writes tests/golden/train_sample.safetensors, which tests/golden/test_golden_train.c reads

The formulas are those of norm_sample.py. A TLU takes the place of the activation right after its normalizer: its output is marked, and the activation lets
what is marked pass.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

import networks
import train


class Norm(nn.Module):
    def __init__(self, case, shape):
        super().__init__()
        self.case, self.kind, self.eps = case, case["norm.kind"], float(case["norm.eps"])
        channels, positions = shape[0], math.prod(shape[1:])
        if self.kind in ("frn", "position", "prms"):
            self.weight = nn.Parameter(torch.empty(channels))
        if self.kind in ("frn", "position"):
            self.bias = nn.Parameter(torch.empty(channels))
        if self.kind == "frn" and case.get("norm.tlu", "true") == "true":
            self.tau = nn.Parameter(torch.empty(channels))
        if self.kind == "frn" and {"auto": positions == 1, "on": True}[case.get("norm.learn_eps", "auto")]:
            self.learned_eps = nn.Parameter(torch.empty(1))
        if self.kind == "scalenorm":
            self.g = nn.Parameter(torch.empty(1))

    def frn(self, x):
        eps = self.eps + self.learned_eps.abs() if hasattr(self, "learned_eps") else self.eps
        y = x * torch.rsqrt((x * x).mean((1, 2), keepdim=True) + eps) * self.weight + self.bias
        if not hasattr(self, "tau"):
            return y
        z = torch.maximum(y, self.tau)
        z.is_activated = True
        return z

    def position(self, x):
        return F.layer_norm(x, x.shape[3:], self.weight, self.bias, self.eps)

    def over(self):
        return 3 if self.case["norm.over"] == "position" else (1, 2, 3)

    def scalenorm(self, x):
        return self.g * x / torch.linalg.vector_norm(x, dim=self.over(), keepdim=True).clamp(min=self.eps)

    def prms(self, x):
        first = x[..., : math.ceil(float(self.case.get("norm.share", "0.0625")) * x.shape[3])]
        return x * torch.rsqrt((first * first).mean(self.over(), keepdim=True) + self.eps) * self.weight

    def lrn(self, x):
        return nn.LocalResponseNorm(5, float(self.case["norm.lrn_alpha"]))(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def forward(self, x):
        image = x.permute(0, 2, 3, 1) if x.dim() == 4 else x[:, None, None]
        y = getattr(self, self.kind)(image)
        out = y.permute(0, 3, 1, 2) if x.dim() == 4 else y[:, 0, 0]
        out.is_activated = getattr(y, "is_activated", False)
        return out


class Activation(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return x if getattr(x, "is_activated", False) else self.function(x)


class Residual(networks.Residual):
    """No TLU where no activation is right after: at the end of a branch."""

    def __init__(self, case, *rest, **named):
        super().__init__(case, *rest, **named)
        for block in self.modules():
            if isinstance(block, networks.Block) and not block.preact:
                del block.norm2.tau


class Listed(nn.Module):
    """layers.frn: a convolution and a residual block, each with a TLU, and a ReLU after the sum."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        shape = (8, *image_shape[:2])
        for number, inputs in enumerate((image_shape[2], 8, 8), 1):
            self.add_module(f"conv{number}", nn.Conv2d(inputs, 8, 3, padding=1))
            self.add_module(f"norm{number}", Norm(case, shape))
        del self.norm3.tau
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        x = self.norm1(self.conv1(x.permute(0, 3, 1, 2)))
        x = F.relu(x + self.norm3(self.conv3(self.norm2(self.conv2(x)))))
        return self.head(x.mean((2, 3)))


make_activation = networks.make_activation
networks.make_norm = Norm
networks.make_activation = lambda case: Activation(make_activation(case))
networks.Residual = Residual
networks.LISTED = {"layers.frn": Listed}

if __name__ == "__main__":
    train.store(train.judge("train_sample"), "train_sample", "train_sample.py")
