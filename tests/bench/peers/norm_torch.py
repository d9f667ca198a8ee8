"""A normalizer with the ReLU after it in PyTorch, one thread; arguments and answers as `kernel KIND`.

    python norm_torch.py KIND SAMPLES SIZE CHANNELS forward|backward channels_last|contiguous [compiled] [--device cuda]

compiled: with a ReLU written without a mask, for the compiled forward stores a mask in a scalar loop.
"""

import sys

import torch
import torch._functorch.config
from torch.nn import functional as F

from competitor import CHECKED, DEVICE, compete
from kernel import FACTOR_DY, FACTOR_X, image
from torch_device import prepare

EPS, GROUPS = 1e-5, 8


def main():
    kind, samples, size, channels = sys.argv[1], *map(int, sys.argv[2:5])
    way, layout, compiled = sys.argv[5], sys.argv[6], len(sys.argv) > 7
    prepare()
    x, dy = image(samples, size, channels, FACTOR_X, layout).requires_grad_(), image(samples, size, channels, FACTOR_DY, layout)
    gamma, beta = torch.full((channels,), 1.5, requires_grad=True), torch.full((channels,), 0.25, requires_grad=True)
    mean, var = torch.zeros(channels), torch.ones(channels)

    def forward(x, gamma, beta):
        if kind == "bn":
            y = F.batch_norm(x, mean, var, gamma, beta, True, 0.1, EPS)
        elif kind == "in":
            y = F.instance_norm(x, None, None, gamma, beta, True, 0.1, EPS)
        elif kind == "rms":
            y = F.rms_norm(x, x.shape[1:], None, EPS) * gamma[:, None, None]
        else:  # one group of all channels is a layer normalization with gamma and beta a channel
            y = F.group_norm(x, GROUPS if kind == "gn" else 1, gamma, beta, EPS)
        return 0.5 * (y + y.abs()) if compiled else F.relu(y, inplace=True)

    if compiled:
        torch._functorch.config.donated_buffer = False  # its backward is called again and again
        forward = torch.compile(forward, dynamic=False)
    parameters = (x, gamma) if kind == "rms" else (x, gamma, beta)
    y = forward(x, gamma, beta)

    def made():
        if way == "forward":
            return forward(x, gamma, beta)
        return torch.autograd.grad(y, parameters, dy, retain_graph=True)[0]

    def run():
        for _ in range(10):
            made()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        return 10, 0.0

    compete(made().detach().permute(0, 2, 3, 1).flatten()[:CHECKED].tolist(), run)


if __name__ == "__main__":
    main()
