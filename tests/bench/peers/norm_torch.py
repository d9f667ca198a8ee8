"""A normalizer with the ReLU behind it in eager PyTorch, one thread; arguments and answers as normalize.c.

    python norm_torch.py KIND SAMPLES HEIGHT CHANNELS forward|backward channels_last|contiguous      images are HEIGHT x HEIGHT
"""

import sys

import torch
from torch.nn import functional as F

from competitor import CHECKED, compete

EPS, GROUPS = 1e-5, 8


def numbers(count, factor):
    return ((torch.arange(count) * factor) % 1009).float() / 504 - 1


def main():
    kind, samples, height, channels = sys.argv[1], *map(int, sys.argv[2:5])
    layout = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[sys.argv[6]]
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)

    def image(factor):
        return numbers(samples * height * height * channels, factor).view(samples, height, height, channels).permute(0, 3, 1, 2).contiguous(memory_format=layout)

    x, dy = image(7919).requires_grad_(), image(104729)
    wide = (channels,)
    gamma, beta = torch.full(wide, 1.5, requires_grad=True), torch.full(wide, 0.25, requires_grad=True)
    mean, var = torch.zeros(wide), torch.ones(wide)

    def forward():
        if kind == "bn":
            y = F.batch_norm(x, mean, var, gamma, beta, True, 0.1, EPS)
        elif kind == "in":
            y = F.instance_norm(x, None, None, gamma, beta, True, 0.1, EPS)
        else:  # one group of all channels is a layer normalization with gamma and beta a channel
            y = F.group_norm(x, GROUPS if kind == "gn" else 1, gamma, beta, EPS)
        return F.relu(y, inplace=True)

    y = forward()

    def backward():
        return torch.autograd.grad(y, (x, gamma, beta), dy, retain_graph=True)[0]

    made = forward if sys.argv[5] == "forward" else backward

    def run():
        for _ in range(10):
            made()
        return 10, 0.0

    compete(made().detach().permute(0, 2, 3, 1).flatten()[:CHECKED].tolist(), run)


if __name__ == "__main__":
    main()
