"""ResNet-20 in PyTorch, torch.nn.functional throughout.

    python resnet_torch.py FOLDER channels_last|contiguous [THREADS] [--mode MODE] [--device cuda]

MODE: eager (the default); compiled and reduce-overhead, forward and backward by torch.compile in that mode; graphs, on a GPU the whole compiled step as
one CUDA graph.
"""

import itertools
import sys

import torch
from torch.nn import functional as F

from competitor import CHECKED, DEVICE, Case, compete, take
from torch_device import captured, keep_in_place, prepare

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
    mode = take("--mode", "eager")
    case, layout = Case(sys.argv[1]), {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[sys.argv[2]]
    prepare(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    x = torch.from_numpy(case.x).to(DEVICE).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    y = torch.from_numpy(case.y).to(DEVICE)
    order = itertools.cycle([rows.clone() for rows in torch.from_numpy(case.order).long().to(DEVICE)])  # a view's offset would be compiled for
    network = Network(case, layout)
    optimizer = torch.optim.SGD(network.params.values(), lr=case.lr, momentum=case.momentum, fused=True)

    def objective(samples):
        return F.cross_entropy(network(x[samples]), y[samples])

    if mode != "eager":
        keep_in_place([*network.params.values(), *network.state.values()])
        objective = torch.compile(objective, dynamic=False, fullgraph=True, mode="reduce-overhead" if mode == "reduce-overhead" else None)

    def step(samples):
        optimizer.zero_grad(set_to_none=True)
        loss = objective(samples)
        loss.backward()
        optimizer.step()
        return loss.detach()

    steps = 1 if DEVICE == "cpu" else 50  # between two looks at the loss, for which a device is waited for

    def run():
        for _ in range(steps):
            loss = step(next(order))
        return steps, loss.item()

    losses = [step(next(order)).item() for _ in range(CHECKED // 2)]
    if mode == "graphs":
        step = captured(step, next(order))
    compete(losses + [step(next(order)).item() for _ in range(CHECKED // 2)], run)


if __name__ == "__main__":
    main()
