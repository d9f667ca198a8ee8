"""As train.py, of every case in residual.cases: residual networks without normalizers, and gammas and gradients as their papers want them.

    python tests/golden/residual.py build/normlab        writes tests/golden/residual.safetensors, which tests/golden/test_golden_train.c reads

The modules follow De and Smith 2020 (SkipInit), Zhang, Dauphin and Ma 2019 (Fixup), Brock, De and Smith 2021 (NF-ResNets) and Brock et al. 2021 (adaptive gradient
clipping). What the program starts from is checked, too: it must be what a plain network starts from, changed as the paper says.
"""

import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

import train
import weights
from networks import CANCELS_BIAS, Network, Residual, make_activation, make_norm


class Scalars(nn.Module):
    """A learned multiplier, a learned bias, or both."""

    def __init__(self, weight=False, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1)) if weight else None
        self.bias = nn.Parameter(torch.zeros(1)) if bias else None

    def forward(self, x):
        x = x if self.weight is None else x * self.weight
        return x if self.bias is None else x + self.bias


def left_out(case, norms):
    """Numbers of the normalizers that norm.skip names."""
    return {n if n > 0 else norms + 1 + n for n in map(int, case.get("norm.skip", "[]").strip("[]").split(",") if "norm.skip" in case else [])}


class Plan:
    """What a residual network needs to know of itself while it is built."""

    def __init__(self, case):
        self.case, self.kind = case, case.get("model.residual", "plain")
        self.alpha = float(case.get("model.residual_alpha", "0.2"))
        self.preact = case["norm.placement"] == "preact"
        self.norms, self.variance, self.number = int(case["model.depth"]) - 1, 1.0, 0
        self.skipped = left_out(case, self.norms)

    def norm(self, shape):
        self.number += 1
        if self.case["norm.kind"] == "none" or self.number in self.skipped:
            return nn.Identity()
        return make_norm(self.case, shape)

    def bias(self, readers):
        """Whether a layer has a bias: not where all the normalizers that read what it puts out take it away again."""
        if self.case["model.bias"] != "auto":
            return self.case["model.bias"] == "on"
        return self.kind != "fixup" and not (self.case["norm.kind"] in CANCELS_BIAS and not self.skipped & set(readers))

    def bias_of_sum(self):
        return self.bias(range(self.number + 1, self.norms + 1, 2) if self.preact else [self.number + 1])

    def shift(self):
        return Scalars(bias=True) if self.kind == "fixup" else nn.Identity()

    def activation(self):
        """With variance 1 for standard normal inputs in NF-ResNets. ReLU has a formula; the trapezoidal rule is exact enough for what is smooth."""
        act = make_activation(self.case)
        if self.kind != "nf":
            return act
        z = torch.linspace(-12, 12, 240001)
        y, weight = act(z), torch.exp(-z * z / 2)
        weight = weight / weight.sum()
        gain = 1 / ((y * y * weight).sum() - (y * weight).sum() ** 2).sqrt().item()
        if self.case["model.activation"] == "relu":
            gain = math.sqrt(2 / (1 - 1 / math.pi))
        return nn.Sequential(act, Times(gain))


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


class Block(nn.Module):
    def __init__(self, plan, inputs, units, size, stride):
        super().__init__()
        out = (units, -(-size[0] // stride), -(-size[1] // stride))
        self.plan, self.stride, self.new = plan, stride, units - inputs
        self.beta = math.sqrt(plan.variance) if plan.kind == "nf" else 1.0
        if stride > 1:
            plan.variance = 1.0
        plan.variance += plan.alpha ** 2
        if plan.preact:
            self.norm1 = plan.norm((inputs, *size))
        self.conv1 = nn.Conv2d(inputs, units, 3, stride=stride, padding=1, bias=plan.bias([plan.number + 1]))
        if plan.preact:
            self.norm2 = plan.norm(out)
        else:
            self.norm1 = plan.norm(out)
        self.conv2 = nn.Conv2d(units, units, 3, padding=1, bias=plan.bias_of_sum())
        if not plan.preact:
            self.norm2 = plan.norm(out)
        self.bias_conv1, self.bias_conv2, self.bias_act1 = plan.shift(), plan.shift(), plan.shift()
        self.bias_act2 = plan.shift() if plan.preact else nn.Identity()
        self.scale = {"skipinit": Scalars(weight=True), "fixup": Scalars(weight=True, bias=True), "nf": Times(plan.alpha)}.get(plan.kind, nn.Identity())
        self.act = plan.activation()

    def forward(self, x):
        h = x / self.beta
        around = h if self.stride > 1 else x
        shortcut = F.pad(around[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.new))
        if self.plan.preact:
            h = self.conv1(self.bias_conv1(self.act(self.bias_act1(self.norm1(h)))))
            return shortcut + self.scale(self.conv2(self.bias_conv2(self.act(self.bias_act2(self.norm2(h))))))
        h = self.act(self.bias_act1(self.norm1(self.conv1(self.bias_conv1(h)))))
        return self.act(shortcut + self.scale(self.norm2(self.conv2(self.bias_conv2(h)))))


class Unnormalized(nn.Module):
    """Residual of train.py, with what model.residual and norm.skip do to it."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        plan = self.plan = Plan(case)
        height, width, channels = image_shape
        units, blocks = int(case["model.width"]), (int(case["model.depth"]) - 2) // 6
        self.act = plan.activation()
        self.conv1 = nn.Conv2d(channels, units, 3, padding=1, bias=plan.bias_of_sum())
        if not plan.preact:
            self.norm1, self.bias_act1 = plan.norm((units, height, width)), plan.shift()
        inputs = units
        for stage in (1, 2, 3):
            made = []
            for i in range(blocks):
                stride = 2 if stage > 1 and i == 0 else 1
                made.append(Block(plan, inputs, units * 2 ** (stage - 1), (height, width), stride))
                inputs, height, width = units * 2 ** (stage - 1), -(-height // stride), -(-width // stride)
            self.add_module(f"layer{stage}", nn.Sequential(*made))
        if plan.preact:
            self.norm, self.bias_act = plan.norm((inputs, height, width)), plan.shift()
        self.bias_head = plan.shift()
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):  # (N, H, W, C)
        x = self.conv1(x.permute(0, 3, 1, 2))
        if not self.plan.preact:
            x = self.act(self.bias_act1(self.norm1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        if self.plan.preact:
            x = self.act(self.bias_act(self.norm(x)))
        return self.head(self.bias_head(x.mean((2, 3))))


class SkipInitList(nn.Module):
    """skipinit_list"""

    def __init__(self, image_shape):
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[2], 4, 3, padding=1)
        self.conv2, self.conv3 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.conv4 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.shortcut1 = nn.ModuleDict({"conv1": nn.Conv2d(4, 8, 1, stride=2)})
        self.add1, self.add2 = (nn.ModuleDict({"scale": Scalars(weight=True)}) for _ in range(2))
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x.permute(0, 3, 1, 2)))
        x = x + self.add1["scale"](self.conv3(F.relu(self.conv2(x))))
        x = self.shortcut1["conv1"](x) + self.add2["scale"](self.conv4(x))
        return self.head(x.mean((2, 3)))


class LastGammaList(nn.Module):
    """last_gamma_list"""

    def __init__(self, image_shape):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(image_shape[2], 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        for i in (2, 3, 4):
            self.add_module(f"conv{i}", nn.Conv2d(4, 4, 3, padding=1, bias=False))
            self.add_module(f"norm{i}", nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x.permute(0, 3, 1, 2))))
        x = x + self.norm3(self.conv3(F.relu(self.norm2(self.conv2(x)))))
        x = x + self.norm4(self.conv4(x))
        return self.head(x.mean((2, 3)))


class SkipCnn(Network):
    """skip_cnn: the second of three normalizers is left out, and its convolution has a bias."""

    def __init__(self, case, image_shape, classes):
        super().__init__(case, image_shape, classes)
        self.sequence = [module for module in self.sequence if module is not self.norm2]
        del self.norm2
        biased = nn.Conv2d(8, 8, 3, padding=1)
        self.sequence[self.sequence.index(self.conv2)] = biased
        self.conv2 = biased


def build(name, case, image_shape):
    lists = {"skipinit_list": SkipInitList, "last_gamma_list": LastGammaList}
    if name in lists:
        return lists[name](image_shape)
    return {"resnet": Unnormalized, "cnn": SkipCnn, "mlp": Network}[case["model.arch"]](case, image_shape, classes=10)


# ---- adaptive gradient clipping ----

def unitwise_norm(x):
    """The authors' (deepmind/nfnets, agc_optax.py), for PyTorch's (O, I, ...) weights; a vector is one unit."""
    return x.norm() if x.squeeze().dim() <= 1 else x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.dim() - 1))


def clip(case, network):
    limit = float(case.get("train.agc", "0"))
    for name, p in network.named_parameters():
        if limit and not name.startswith("head."):
            most, norm = limit * unitwise_norm(p).clamp(min=1e-3), unitwise_norm(p.grad)
            p.grad = torch.where(norm > most, p.grad * (most / norm.clamp(min=1e-6)), p.grad).detach()


# ---- what a training begins with ----

def expected_start(name, case, plain):
    """The plain network's initial weights, changed by the papers' rules."""
    residual, branches = case.get("model.residual", "plain"), (int(case.get("model.depth", "0")) - 2) // 6 * 3
    gamma, last = float(case.get("norm.gamma_init", "1")), case.get("norm.last_gamma")
    lasts = {"last_gamma": "norm2.weight", "last_gamma_list": "norm3.weight"}.get(name)
    start = {}
    for tensor, value in plain.items():
        of_branch = tensor.startswith("layer")
        if residual == "fixup" and of_branch and tensor.endswith("conv1.weight"):
            value = value * branches ** -0.5
        if residual == "fixup" and (of_branch and tensor.endswith("conv2.weight") or tensor == "head.weight"):
            value = torch.zeros_like(value)
        if "norm" in tensor and tensor.endswith(".weight"):
            value = torch.full_like(value, gamma)
            if last and tensor.endswith(lasts) and (of_branch or name == "last_gamma_list"):
                value = torch.full_like(value, float(last))
            if name == "last_gamma_list" and tensor == "norm4.weight":
                value = torch.full_like(value, 3)
        start[tensor] = value
    return start


def check_start(name, case, start, weights_of):
    off = ["model.residual=plain", "norm.gamma_init=1", "norm.last_gamma=auto", "train.agc=0"]
    if case["model.arch"] == "layers":
        off.append("model.layers=" + case["model.layers"].replace(',"branch":"skipinit"', "").replace('"gamma_init":3', '"eps":1e-5'))
    expected = expected_start(name, case, weights_of(*off))
    for tensor, value in start.items():
        wanted = expected.get(tensor)
        if wanted is None:  # a scalar of the branches or a bias that the plain network lacks
            initial = 1.0 if tensor.endswith("scale.weight") and case.get("model.residual") == "fixup" else 0.0
            wanted = torch.full_like(value, initial)
        # two roundings to float32 apart, at most
        if value.shape != wanted.shape or not torch.allclose(value.double(), wanted.double(), rtol=2e-7, atol=0):
            sys.exit(f"{name}: {tensor} does not begin as it should")


if __name__ == "__main__":
    train.prepare = lambda case, network: weights.prepare(case, network) if "norm.weights" in case else None
    train.store(train.judge("residual", build, clip, check_start), "residual", "residual.py")
