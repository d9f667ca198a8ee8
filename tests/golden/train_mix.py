"""As train.py, of every case in train_mix.cases: switch, bin and bcn, by the formulas of norm_mix.py.

    python tests/golden/train_mix.py build/normlab        writes tests/golden/train_mix.safetensors, which tests/golden/test_golden_train.c reads
"""

import torch
from torch import nn

import networks
import norm_mix
import train

networks.CANCELS_BIAS += ("bin", "bcn")


class Mixture(networks.Ghost):
    """rho is clipped before it is used, which is after each step."""

    def __init__(self, case, channels):
        nn.Module.__init__(self)
        self.kind, self.eps, self.momentum, self.groups = case["norm.kind"], float(case["norm.eps"]), float(case["norm.momentum"]), int(case["norm.groups"])
        self.statistics, self.unbiased, self.track_running_stats = case["norm.statistics"], case["norm.running_var"] == "unbiased", True
        own = {"switch": {"mean_weight": 3, "var_weight": 3}, "bin": {"rho": channels}, "bcn": {"batch_weight": channels, "batch_bias": channels}}
        for name, count in ({"weight": channels, "bias": channels} | own[self.kind]).items():
            self.register_parameter(name, nn.Parameter(torch.empty(count)))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))

    def batch(self, x):
        if not self.training:
            return self.running_mean, self.running_var
        mean, var = norm_mix.moments(x, (0, 1, 2))
        m = x.numel() // x.shape[3]
        if self.track_running_stats:
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean = torch.lerp(self.running_mean, mean.flatten(), self.momentum)
                self.running_var = torch.lerp(self.running_var, var.flatten() * (m / (m - 1) if self.unbiased else 1), self.momentum)
        return (self.running_mean, self.running_var) if self.statistics == "running" else (mean, var)

    def forward(self, x):
        if self.kind == "bin":
            with torch.no_grad():
                self.rho.clamp_(0, 1)
        flat = x.dim() == 2
        x = x[:, None, None] if flat else x.permute(0, 2, 3, 1)
        y = norm_mix.mix(self.kind, x, self.batch(x), dict(self.named_parameters()), self.eps, self.groups) * self.weight + self.bias
        return y[:, 0, 0] if flat else y.permute(0, 3, 1, 2)


networks.make_norm = lambda case, shape: Mixture(case, shape[0])
if __name__ == "__main__":
    train.store(train.judge("train_mix"), "train_mix", "train_mix.py")
