"""The networks that the program trains, once more, of torch.nn's modules: what train.py and its kin compare with. A case is a dictionary of keys and values.

Scripts with other normalizers or networks put their own in place of make_norm, make_activation, Residual and LISTED.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

CANCELS_BIAS = ("bn", "in", "brn", "meanbn", "l1bn", "maxbn")  # normalizers that take the bias before them away again


class Ghost(nn.Module):
    """A BatchNorm over slices of the batch, in training."""

    def forward(self, x):
        if not self.training or self.slice is None:
            return super().forward(x)
        return torch.cat([super(Ghost, self).forward(part) for part in x.split(self.slice)])


class Ghost1d(Ghost, nn.BatchNorm1d):
    pass


class Ghost2d(Ghost, nn.BatchNorm2d):
    pass


class Biased1d(nn.BatchNorm1d):
    """Stores the biased variance, which PyTorch does not offer."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(x.mean(0), self.momentum)
            self.running_var.lerp_(x.var(0, unbiased=False), self.momentum)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, eps=self.eps)


class OfBatch(nn.Module):
    """The kin of BatchNorm that PyTorch does not offer, from their papers: see core/norm. Bounds of Batch Renorm grow step by step."""

    def __init__(self, case, channels):
        super().__init__()
        self.kind, self.eps, self.momentum = case["norm.kind"], float(case["norm.eps"]), float(case["norm.momentum"])
        self.detach, self.statistics = case["norm.detach"], case["norm.statistics"]
        self.r_max, self.d_max = float(case["norm.r_max"]), float(case["norm.d_max"])
        self.grows = float(case["norm.warmup"]) * float(case["train.steps"])
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))

    def scale(self, spread):
        if self.kind == "meanbn":
            return torch.ones_like(spread)
        if self.kind == "l1bn":
            return 1 / (math.sqrt(math.pi / 2) * (spread + self.eps))
        return 1 / (spread + self.eps if self.kind == "maxbn" else (spread + self.eps).sqrt())

    def forward(self, x):
        over = [d for d in range(x.dim()) if d != 1]
        shape = [-1 if d == 1 else 1 for d in range(x.dim())]
        mean, spread, r, d = self.running_mean, self.running_var, 1, 0
        if self.training:
            m = x.numel() / x.shape[1]
            batch_mean = x.mean(over)
            if self.detach in ("center", "both"):
                batch_mean = batch_mean.detach()
            t = x - batch_mean.reshape(shape)
            batch = {"l1bn": t.abs().mean(over), "maxbn": t.abs().amax(over)}.get(self.kind, (t * t).mean(over))
            scale = self.scale(batch.detach() if self.detach in ("scale", "both") else batch)
            if self.kind == "brn":
                grown = min(1.0, int(self.num_batches_tracked) / self.grows)
                r_max, d_max = 1 + (self.r_max - 1) * grown, self.d_max * grown
                running = self.scale(self.running_var)
                r = (running / scale.detach()).clamp(1 / r_max, r_max)
                d = ((batch_mean.detach() - self.running_mean) * running).clamp(-d_max, d_max)
            if self.statistics == "running":
                mean, scale = self.running_mean.clone(), self.scale(self.running_var)
            else:
                mean = batch_mean
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * batch_mean
                stored = batch if self.kind in ("l1bn", "maxbn") else batch * m / (m - 1)
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * stored
        else:
            scale = self.scale(spread)
        u = (x if self.kind == "varbn" else x - mean.reshape(shape)) * scale.reshape(shape)
        if self.kind == "brn" and self.training:
            u = u * r.reshape(shape) + d.reshape(shape)
        return u * self.weight.reshape(shape) + self.bias.reshape(shape)


class OverSample(nn.Module):
    """LN or RMSNorm of a whole image, (C, H, W): gamma and beta one a channel, or one an element (H, W, C)."""

    def __init__(self, kind, shape, element, eps):
        super().__init__()
        channels, height, width = shape
        self.kind, self.eps = kind, eps
        size = (height, width, channels) if element else (channels,)
        self.weight = nn.Parameter(torch.empty(size))
        if kind == "ln":
            self.bias = nn.Parameter(torch.empty(size))

    def forward(self, x):
        normalize = F.layer_norm if self.kind == "ln" else F.rms_norm
        y = normalize(x, x.shape[1:], eps=self.eps).permute(0, 2, 3, 1) * self.weight
        return (y + self.bias if self.kind == "ln" else y).permute(0, 3, 1, 2)


class OverPosition(nn.Module):
    """LN or RMSNorm of each position's channels: ConvNeXt's LayerNorm."""

    def __init__(self, kind, channels, eps):
        super().__init__()
        module = nn.LayerNorm(channels, eps) if kind == "ln" else nn.RMSNorm(channels, eps)
        self.weight, self.bias = module.weight, getattr(module, "bias", None)
        self.kind, self.eps = kind, eps

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        if self.kind == "ln":
            y = F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
        else:
            y = F.rms_norm(x, self.weight.shape, self.weight, self.eps)
        return y.permute(0, 3, 1, 2)


class DyT(nn.Module):
    """Zhu et al. 2025."""

    def __init__(self, width, bias):
        super().__init__()
        self.alpha, self.weight = nn.Parameter(torch.empty(1)), nn.Parameter(torch.empty(width))
        self.register_parameter("bias", nn.Parameter(torch.empty(width)) if bias else None)

    def forward(self, x):
        y = torch.tanh(self.alpha * x) * self.weight
        return y if self.bias is None else y + self.bias


def make_norm(case, shape):
    """The normalizer of a layer with outputs of this shape: (C) or (C, H, W)."""
    kind, eps, channels, image = case["norm.kind"], float(case["norm.eps"]), shape[0], len(shape) == 3
    affine = case["norm.affine"]
    if kind in ("brn", "meanbn", "varbn", "l1bn", "maxbn") or case["norm.detach"] != "none" or case["norm.statistics"] != "batch":
        return OfBatch(case, channels)
    if kind == "bn":
        momentum = None if case["norm.running"] == "cumulative" else float(case["norm.momentum"])
        if case["norm.running_var"] == "biased":
            return Biased1d(channels, eps, momentum)
        module = (Ghost2d if image else Ghost1d)(channels, eps, momentum, affine=affine != "none")
        module.slice = None if case["norm.stat_batch"] == "auto" else int(case["norm.stat_batch"])
        return module
    if kind == "in":
        return nn.InstanceNorm2d(channels, eps, affine=True)
    if kind == "gn":
        return nn.GroupNorm(int(case["norm.groups"]), channels, eps)
    if kind == "dyt":
        return DyT(channels, True)
    if image and case["norm.over"] == "position":
        return OverPosition(kind, channels, eps)
    if image:
        return OverSample(kind, shape, affine == "element", eps)
    return nn.LayerNorm(channels, eps) if kind == "ln" else nn.RMSNorm(channels, eps)


def make_activation(case):
    kind = case["model.activation"]
    if kind == "gelu":
        return nn.GELU(approximate=case["model.gelu_approximate"])
    return {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}[kind]()


class Network(nn.Module):
    """[fc or conv, norm and activation in the order of norm.placement, pool] x depth, head."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        height, width, channels = image_shape
        self.image = case["model.arch"] == "cnn"
        self.sequence = []
        pools = [int(layer) for layer in case["model.pool"].split(",")]
        kind, before = case["norm.kind"], case["norm.placement"] == "before"
        bias = {"auto": not (before and kind in CANCELS_BIAS), "on": True, "off": False}[case["model.bias"]]
        inputs, units = channels if self.image else height * width * channels, int(case["model.width"])
        for layer in range(1, int(case["model.depth"]) + 1):
            if self.image:
                self.add(f"conv{layer}", nn.Conv2d(inputs, units, 3, padding=1, bias=bias))
            else:
                self.add(f"fc{layer}", nn.Linear(inputs, units, bias=bias))
            shape = (units, height, width) if self.image else (units,)
            norm = [] if kind == "none" else [(f"norm{layer}", make_norm(case, shape))]
            activation = [(f"act{layer}", make_activation(case))]
            for name, module in norm + activation if before else activation + norm:
                self.add(name, module)
            if self.image and layer in pools:
                self.add(f"pool{layer}", nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            inputs = units
        self.head = nn.Linear(inputs, classes)

    def add(self, name, module):
        self.add_module(name, module)
        self.sequence.append(module)

    def forward(self, x):  # (N, H, W, C)
        x = x.permute(0, 3, 1, 2) if self.image else x.flatten(1)
        for module in self.sequence:
            x = module(x)
        return self.head(x.mean((2, 3)) if self.image else x)


def make_block_norm(case, shape):
    return nn.Identity() if case["norm.kind"] == "none" else make_norm(case, shape)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: every other pixel where the stride is 2, zeros for new channels (option A)."""

    def __init__(self, case, inputs, units, size, stride, bias):
        super().__init__()
        self.preact, self.stride, self.new = case["norm.placement"] == "preact", stride, units - inputs
        height, width = size
        out = (units, -(-height // stride), -(-width // stride))
        self.conv1 = nn.Conv2d(inputs, units, 3, stride=stride, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(units, units, 3, padding=1, bias=bias)
        self.norm1 = make_block_norm(case, (inputs, height, width) if self.preact else out)
        self.norm2 = make_block_norm(case, out)
        self.act = make_activation(case)

    def forward(self, x):
        shortcut = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.new))
        if self.preact:
            return shortcut + self.conv2(self.act(self.norm2(self.conv1(self.act(self.norm1(x))))))
        return self.act(shortcut + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x))))))


class Residual(nn.Module):
    """6n + 2 layers, He et al. 2015 (norm.placement before) or 2016 (preact)."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        height, width, channels = image_shape
        units, kind = int(case["model.width"]), case["norm.kind"]
        self.preact = case["norm.placement"] == "preact"
        bias = {"auto": kind not in CANCELS_BIAS, "on": True, "off": False}[case["model.bias"]]
        self.act = make_activation(case)
        self.conv1 = nn.Conv2d(channels, units, 3, padding=1, bias=bias)
        if not self.preact:
            self.norm1 = make_block_norm(case, (units, height, width))
        inputs = units
        for stage in (1, 2, 3):
            blocks = []
            for i in range((int(case["model.depth"]) - 2) // 6):
                stride = 2 if stage > 1 and i == 0 else 1
                blocks.append(Block(case, inputs, units * 2 ** (stage - 1), (height, width), stride, bias))
                inputs, height, width = units * 2 ** (stage - 1), -(-height // stride), -(-width // stride)
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        if self.preact:
            self.norm = make_block_norm(case, (inputs, height, width))
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):  # (N, H, W, C)
        x = self.conv1(x.permute(0, 3, 1, 2))
        if not self.preact:
            x = self.act(self.norm1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        if self.preact:
            x = self.act(self.norm(x))
        return self.head(x.mean((2, 3)))


# ---- what model.layers lists, written down again ----

class StagedResidual(Residual):
    """layers.resnet: BN in the first stage, GN in the others, of 2 and 4 groups."""

    def __init__(self, case, image_shape, classes):
        nn.Module.__init__(self)
        height, width, channels = image_shape
        self.preact, self.act = False, make_activation(case)
        self.conv1, self.norm1 = nn.Conv2d(channels, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.layer1 = Block(case, 4, 4, (height, width), 1, False)
        self.layer2 = Block(case | {"norm.kind": "gn", "norm.groups": "2"}, 4, 8, (height, width), 2, True)
        self.layer3 = Block(case | {"norm.kind": "gn", "norm.groups": "4"}, 8, 16, (-(-height // 2), -(-width // 2)), 2, True)
        for stage in (1, 2, 3):  # named as a stage of one block
            setattr(self, f"layer{stage}", nn.Sequential(getattr(self, f"layer{stage}")))
        self.head = nn.Linear(16, classes)


class Vgg11(nn.Module):
    """layers.vgg11: VGG-11 for images of 8 x 8, a sixteenth as wide."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        inputs, self.order = image_shape[2], []
        for layer, units in enumerate((4, 8, 16, 16, 32, 32, 32, 32), 1):
            self.add(f"conv{layer}", nn.Conv2d(inputs, units, 3, padding=1, bias=False))
            self.add(f"norm{layer}", nn.BatchNorm2d(units))
            self.order.append(F.relu)
            self.order += [nn.MaxPool2d(2)] if layer in (1, 2, 4) else []
            inputs = units
        self.order.append(lambda x: x.flatten(1))
        for layer in (1, 2):
            self.add(f"fc{layer}", nn.Linear(32, 32))
            self.order.append(F.relu)
        self.add("head", nn.Linear(32, classes))

    def add(self, name, module):
        self.add_module(name, module)
        self.order.append(module)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)
        for module in self.order:
            x = module(x)
        return x


class ResidualMlp(nn.Module):
    """layers.residual_mlp: a block after a ReLU whose output goes around it, and one that begins with LN."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(math.prod(image_shape), 24), nn.Linear(24, 24), nn.Linear(24, 24)
        self.block = nn.ModuleDict({"norm1": nn.LayerNorm(24), "fc1": nn.Linear(24, 24), "fc2": nn.Linear(24, 24)})
        self.head = nn.Linear(24, classes)

    def forward(self, x):
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(x + self.fc3(F.relu(self.fc2(x))))
        return self.head(x + self.block["fc2"](F.gelu(self.block["fc1"](self.block["norm1"](x)))))


class MobileNet(nn.Module):
    """layers.mobilenet: two depthwise separable convolutions, the second of 5 x 5 with stride 2."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(image_shape[2], 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        for number, (inputs, kernel, stride) in enumerate(((8, 3, 1), (16, 5, 2)), 1):
            depthwise = nn.Conv2d(inputs, inputs, kernel, stride=stride, padding=kernel // 2, groups=inputs, bias=False)
            self.add_module(f"block{number}", nn.ModuleDict({"conv1": depthwise, "norm1": nn.BatchNorm2d(inputs),
                                                             "conv2": nn.Conv2d(inputs, 16, 1, bias=False), "norm2": nn.BatchNorm2d(16)}))
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x.permute(0, 3, 1, 2))))
        for block in (self.block1, self.block2):
            x = F.relu(block["norm1"](block["conv1"](x)))
            x = F.relu(block["norm2"](block["conv2"](x)))
        return self.head(x.mean((2, 3)))


class OwnNumbers(nn.Module):
    """layers.own: normalizers with eps, momentum and slices of their own; BN's own momentum is one although norm.running is cumulative."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.fc1, self.norm1 = nn.Linear(math.prod(image_shape), 24, bias=False), nn.BatchNorm1d(24, 0.01, 0.02)
        self.fc2, self.norm2 = nn.Linear(24, 24), nn.LayerNorm(24, 0.5)
        self.fc3, self.norm3 = nn.Linear(24, 24, bias=False), Ghost1d(24, 1e-5, None)
        self.norm3.slice = 8
        self.fc4, self.norm4 = nn.Linear(24, 24, bias=False), nn.BatchNorm1d(24, 1e-5, None)
        self.head = nn.Linear(24, classes)

    def forward(self, x):
        x = F.relu(self.norm1(self.fc1(x.flatten(1))))
        x = F.relu(self.norm2(self.fc2(x)))
        x = F.relu(self.norm3(self.fc3(x)))
        return self.head(F.relu(self.norm4(self.fc4(x))))


LISTED = {"layers.own": OwnNumbers, "layers.resnet": StagedResidual, "layers.vgg11": Vgg11, "layers.residual_mlp": ResidualMlp, "layers.mobilenet": MobileNet}


def build(name, case, image_shape):
    return (LISTED[name] if case["model.arch"] == "layers" else Residual if case["model.arch"] == "resnet" else Network)(case, image_shape, classes=10)
