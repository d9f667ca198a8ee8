"""ResNet-20 in eager PyTorch, torch.nn.functional throughout.

    python resnet_torch.py FOLDER channels_last|contiguous [THREADS]
"""

import itertools
import sys

import torch
from torch.nn import functional as F

from competitor import CHECKED, Case, compete

EPS, NORM_MOMENTUM, GROUPS = 1e-5, 0.1, 8


class Network:
    def __init__(self, case, layout):
        self.norm, self.blocks = case.norm, case.blocks
        self.params, self.state = {}, {}
        for name, value in case.init.items():
            value = torch.tensor(value)
            if value.dim() == 4:
                value = value.contiguous(memory_format=layout)
            if "running" in name:
                self.state[name] = value
            elif "num_batches" not in name:
                self.params[name] = value.requires_grad_()

    def conv(self, name, x, stride=1):
        return F.conv2d(x, self.params[f"{name}.weight"], self.params.get(f"{name}.bias"), stride, 1)

    def normalize(self, name, x):
        if self.norm == "none":
            return x
        gamma, beta = self.params[f"{name}.weight"], self.params[f"{name}.bias"]
        if self.norm == "bn":
            return F.batch_norm(x, self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"], gamma, beta, True, NORM_MOMENTUM, EPS)
        return F.group_norm(x, GROUPS, gamma, beta, EPS)

    def __call__(self, x):
        h = F.relu(self.normalize("norm1", self.conv("conv1", x)), inplace=True)
        for stage, block in itertools.product(range(1, 4), range(self.blocks)):
            name, shortcut = f"layer{stage}.{block}", h
            stride = 2 if stage > 1 and block == 0 else 1
            h = F.relu(self.normalize(f"{name}.norm1", self.conv(f"{name}.conv1", h, stride)), inplace=True)
            h = self.normalize(f"{name}.norm2", self.conv(f"{name}.conv2", h))
            if stride == 2:
                shortcut = F.pad(shortcut[:, :, ::2, ::2], (0, 0, 0, 0, 0, h.shape[1] - shortcut.shape[1]))
            h = F.relu(h + shortcut, inplace=True)
        return F.linear(h.mean((2, 3)), self.params["head.weight"], self.params["head.bias"])


def main():
    case, layout = Case(sys.argv[1]), {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[sys.argv[2]]
    torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    torch.set_flush_denormal(True)
    x = torch.from_numpy(case.x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    y = torch.from_numpy(case.y)
    order = itertools.cycle(torch.from_numpy(case.order).long())
    network = Network(case, layout)
    optimizer = torch.optim.SGD(network.params.values(), lr=case.lr, momentum=case.momentum, fused=True)

    def run():
        samples = next(order)
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(x[samples]), y[samples])
        loss.backward()
        optimizer.step()
        return 1, loss.item()

    compete([run()[1] for _ in range(CHECKED)], run)


if __name__ == "__main__":
    main()
