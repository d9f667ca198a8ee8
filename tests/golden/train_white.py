"""Trainings with whitening, as train.py has them: train_white.cases.

    python tests/golden/train_white.py build/normlab        writes tests/golden/train_white.safetensors

dbn and iternorm are written as in norm_white.py, S = cov + eps I by groups of channels.
"""

import torch
from torch import nn

import networks
import train


def inverse_root(s, case):
    d = len(s)
    if case["norm.kind"] == "iternorm":
        p, trace = torch.eye(d), s.trace()
        for _ in range(int(case["norm.iterations"])):
            p = 1.5 * p - 0.5 * p @ p @ p @ s / trace
        return p / trace.sqrt()
    values, vectors = torch.linalg.eigh(s)
    if case["norm.whitening"] == "zca":
        return vectors * values.rsqrt() @ vectors.T
    axes = vectors.T.flip(0)
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return values.flip(0).rsqrt()[:, None] * axes * largest.sign().detach()


class White(networks.Ghost):
    """track_running_stats is that of a BatchNorm: whether training moves the running statistics."""

    def __init__(self, case, channels):
        nn.Module.__init__(self)
        self.case, self.groups, self.eps, self.momentum = case, int(case["norm.groups"]), float(case["norm.eps"]), float(case["norm.momentum"])
        self.track_running_stats, width = True, channels // self.groups
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_whitening", torch.eye(width).repeat(self.groups, 1, 1))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))

    def moments(self, x):
        """The mean, and S of each group."""
        rows = x.transpose(0, 1).flatten(1)
        mean = rows.mean(1, keepdim=True)
        return mean.flatten(), [(part @ part.T) / rows.shape[1] + self.eps * torch.eye(len(part)) for part in (rows - mean).chunk(self.groups)]

    def forward(self, x):
        mean, w = self.running_mean, self.running_whitening
        if self.training:
            mean, sigma = self.moments(x)
            w = torch.stack([inverse_root(s, self.case) for s in sigma])
            if self.track_running_stats:
                with torch.no_grad():
                    self.num_batches_tracked += 1
                    momentum = 1 / int(self.num_batches_tracked) if self.case["norm.running"] == "cumulative" else self.momentum
                    self.running_mean = (1 - momentum) * self.running_mean + momentum * mean
                    self.running_whitening = (1 - momentum) * self.running_whitening + momentum * w
        rows = x.transpose(0, 1).flatten(1) - mean[:, None]
        rows = torch.cat([of @ part for of, part in zip(w, rows.chunk(self.groups))]) * self.weight[:, None] + self.bias[:, None]
        return rows.reshape(x.transpose(0, 1).shape).transpose(0, 1)


def take_precise_statistics(case, network, x):
    """W of the covariance of all that reaches each layer while batches pass in training mode with frozen weights."""
    seen = {module: [] for module in network.modules() if isinstance(module, White)}
    hooks = [norm.register_forward_pre_hook(lambda norm, inputs: seen[norm].append(inputs[0].detach())) for norm in seen]
    train.evaluate_by_batch(case | {"train.batch": case["norm.precise_batch"]}, network, x, torch.zeros(len(x), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    for norm, inputs in seen.items():
        mean, sigma = norm.moments(torch.cat(inputs))
        norm.running_mean.copy_(mean)
        norm.running_whitening.copy_(torch.stack([inverse_root(s, case) for s in sigma]))


networks.make_norm = lambda case, shape: White(case, shape[0])
train.take_precise_statistics = take_precise_statistics
networks.CANCELS_BIAS += ("dbn", "iternorm")
train.DEFAULTS |= {"norm.whitening": "zca", "norm.iterations": "5"}

if __name__ == "__main__":
    train.store(train.judge("train_white"), "train_white", "train_white.py")
