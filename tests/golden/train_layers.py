"""Trainings of networks that model.layers lists, as train.py has them: train_layers.cases.

    python tests/golden/train_layers.py build/normlab        writes tests/golden/train_layers.safetensors

Each network is written down again in torch.nn's modules. Stochastic depth draws the numbers of the program's random streams, which tasks.py works out from
their definition; everything else of it is torchvision's.
"""

import torch
from torch import nn
from torch.nn import functional as F

import tasks
import train
from networks import OverPosition


class Layers(nn.Module):
    """Its modules stand under the program's names, with the dots of these."""

    def add(self, name, module):
        *path, last = name.split(".")
        at = self
        for part in path:
            if part not in dict(at.named_children()):
                at.add_module(part, nn.Module())
            at = dict(at.named_children())[part]
        at.add_module(last, module)
        return module

    def forward(self, x):
        return self.head(self.body(x.permute(0, 3, 1, 2)))


class Convs(Layers):
    def __init__(self, case, image_shape, classes):
        super().__init__()
        conv, bn = (lambda number, *shape, **more: self.add(f"conv{number}", nn.Conv2d(*shape, **({"bias": False} | more)))), (lambda number, width: self.add(f"norm{number}", nn.BatchNorm2d(width)))
        self.sequence = [conv(1, image_shape[2], 6, 4, padding=2), bn(1, 6), F.gelu, conv(2, 6, 8, 2, stride=2), bn(2, 8), F.gelu, conv(3, 8, 8, 3, padding=2, dilation=2), bn(3, 8),
                         F.gelu, conv(4, 8, 8, 4, padding=1, groups=8), bn(4, 8), conv(5, 8, 8, 3, padding=3), bn(5, 8), F.gelu,
                         conv(6, 8, 6, 5, stride=3, padding=1, dilation=2, bias=True), F.gelu]
        self.head = nn.Linear(6, classes)

    def body(self, x):
        for module in self.sequence:
            x = module(x)
        return x.flatten(1)


class Patches(Layers):
    """A depthwise convolution of four numbers a channel; the head takes all that it puts out, in the program's order (H, W, C)."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[2], 12, 4, stride=4)
        self.conv2 = nn.Conv2d(12, 12, 2, padding=1, dilation=2, groups=12)
        self.head = nn.Linear(48, classes)

    def body(self, x):
        return F.gelu(self.conv2(F.gelu(self.conv1(x)))).permute(0, 2, 3, 1).flatten(1)


class Colour(Layers):
    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(image_shape[2], 8, 7, stride=2, padding=3), nn.GroupNorm(2, 8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, padding=1, dilation=2, groups=8), nn.GroupNorm(2, 8)
        self.conv3, self.norm3 = nn.Conv2d(8, 16, 2, stride=3, padding=1), nn.GroupNorm(2, 16)
        self.head = nn.Linear(16, classes)

    def body(self, x):
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2), (self.conv3, self.norm3)):
            x = torch.tanh(norm(conv(x)))
        return x.mean((2, 3))


class Inception(Layers):
    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(image_shape[2], 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.mixed = nn.ModuleDict({"conv1": nn.Conv2d(6, 4, 1), "conv2": nn.Conv2d(6, 4, 1), "conv3": nn.Conv2d(4, 6, 3, padding=1),
                                    "conv4": nn.Conv2d(6, 3, 5, padding=2, bias=False), "norm1": nn.BatchNorm2d(3), "conv5": nn.Conv2d(6, 3, 1)})
        self.norm2 = nn.BatchNorm2d(16)
        self.conv2, self.conv3 = nn.Conv2d(16, 4, 3, stride=2, padding=1), nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16)
        self.head = nn.Linear(20, classes)

    def body(self, x):
        x, m = F.gelu(self.norm1(self.conv1(x))), self.mixed
        x = torch.cat([F.gelu(m["conv1"](x)), F.gelu(m["conv3"](F.gelu(m["conv2"](x)))), F.gelu(m["norm1"](m["conv4"](x))),
                       F.interpolate(m["conv5"](F.max_pool2d(x, 2)), scale_factor=2, mode="nearest")], 1)
        x = self.norm2(x)
        return torch.cat([self.conv2(x), F.gelu(self.conv3(x))], 1).mean((2, 3))


class UNet(Layers):
    """Ronneberger, Fischer and Brox 2015, of two levels, its upsampling by nearest neighbours."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        for path, outer, inner in (("down1.", 4, 8), ("down1.down2.", 8, 16)):
            self.add(path + "conv1", nn.Conv2d(outer, inner, 3, padding=1))
            self.add(path + "norm1", nn.GroupNorm(2, inner))
        self.conv1, self.norm1 = nn.Conv2d(image_shape[2], 4, 3, padding=1), nn.GroupNorm(2, 4)
        self.add("down1.down2.conv2", nn.Conv2d(16, 8, 3, padding=1))
        self.add("down1.conv2", nn.Conv2d(16, 8, 3, padding=1))
        self.add("down1.norm2", nn.GroupNorm(2, 8))
        self.add("down1.conv3", nn.Conv2d(8, 4, 3, padding=1))
        self.conv2, self.norm2 = nn.Conv2d(8, 4, 3, padding=1), nn.GroupNorm(2, 4)
        self.head = nn.Linear(4, classes)

    def body(self, x):
        def up(x):
            return F.interpolate(x, scale_factor=2, mode="nearest")

        one, two = self.down1, self.down1.down2
        x = F.gelu(self.norm1(self.conv1(x)))
        y = F.gelu(one.norm1(one.conv1(F.max_pool2d(x, 2))))
        z = F.gelu(two.norm1(two.conv1(F.max_pool2d(y, 2))))
        y = torch.cat([y, two.conv2(up(z))], 1)
        y = F.gelu(one.norm2(one.conv2(y)))
        x = torch.cat([x, one.conv3(up(y))], 1)
        return F.gelu(self.norm2(self.conv2(x))).mean((2, 3))


class SqueezeExcitation(nn.Module):
    """torchvision.ops.SqueezeExcitation, whose convolutions of 1 x 1 are linear layers."""

    def __init__(self, width, between):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, between), nn.Linear(between, width)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3))))))[:, :, None, None]


class Excite(Layers):
    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1, self.norm1, self.se1 = nn.Conv2d(image_shape[2], 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), SqueezeExcitation(8, 3)
        self.block = nn.ModuleDict({"conv1": nn.Conv2d(8, 16, 1, bias=False), "norm1": nn.BatchNorm2d(16), "conv2": nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=False),
                                    "norm2": nn.BatchNorm2d(16), "se": SqueezeExcitation(16, 4), "conv3": nn.Conv2d(16, 8, 1, bias=False), "norm3": nn.BatchNorm2d(8)})
        self.head = nn.Linear(8, classes)

    def body(self, x):
        b = self.block
        x = self.se1(F.gelu(self.norm1(self.conv1(x))))
        y = b["se"](F.gelu(b["norm2"](b["conv2"](F.gelu(b["norm1"](b["conv1"](x)))))))
        return F.gelu(x + b["norm3"](b["conv3"](y))).mean((2, 3))


class Scale(nn.Module):
    """The layer_scale of torchvision's CNBlock, of (N, C, H, W)."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return x * self.weight[:, None, None]


class StochasticDepth(nn.Module):
    """torchvision.ops.stochastic_depth of mode "row", with the program's uniform numbers in place of torch's."""

    def __init__(self, case, name, p):
        super().__init__()
        self.stream, self.p, self.calls = tasks.Stream(int(case["train.seed"]), name), p, 0
        self.parts = int(case["train.accumulate"])  # of a step's batch, which come one after the other

    def forward(self, x):
        if not self.training:
            return x
        step, part = divmod(self.calls, self.parts)
        self.calls += 1
        kept = torch.tensor([self.stream.uniform(step, part * len(x) + n) >= self.p for n in range(len(x))], dtype=x.dtype)
        return x * (kept / (1 - self.p))[:, None, None, None]


class CNBlock(nn.Module):
    """That of torchvision.models.convnext; p: of stochastic depth, whose stream has the name of its operation and its node."""

    def __init__(self, case, width, name, p):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, width, 7, padding=3, groups=width), OverPosition("ln", width, 1e-5)
        self.conv2, self.conv3, self.scale1 = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1), Scale(width)
        self.drop = StochasticDepth(case, name, p) if p else nn.Identity()

    def forward(self, x):
        return x + self.drop(self.scale1(self.conv3(F.gelu(self.conv2(self.norm1(self.conv1(x)))))))


class ConvNeXt(Layers):
    """Liu et al. 2022."""

    drop_path = 0.0

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.stem, self.norm1 = nn.Conv2d(image_shape[2], 16, 2, stride=2), OverPosition("ln", 16, 1e-5)
        self.stage1 = nn.Sequential(*(CNBlock(case, 16, f"drop_path.stage1.{i}.add1.drop_path", self.drop_path) for i in range(2)))
        self.norm2, self.down = OverPosition("ln", 16, 1e-5), nn.Conv2d(16, 32, 2, stride=2)
        self.stage2 = nn.Sequential(*(CNBlock(case, 32, f"drop_path.stage2.{i}.add1.drop_path", self.drop_path) for i in range(2)))
        self.norm3, self.head = nn.LayerNorm(32), nn.Linear(32, classes)

    def body(self, x):
        x = self.stage1(self.norm1(self.stem(x)))
        x = self.stage2(self.down(self.norm2(x)))
        return self.norm3(x.mean((2, 3)))


class ConvNeXtOfDepth(ConvNeXt):
    drop_path = 0.3


class Dense(nn.Module):
    """DenseNet-BC's layer."""

    def __init__(self, inputs, between, growth):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, between, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(between), nn.Conv2d(between, growth, 3, padding=1)

    def forward(self, x):
        return torch.cat([x, self.conv2(F.gelu(self.norm2(self.conv1(F.gelu(self.norm1(x))))))], 1)


class DenseNet(Layers):
    """Huang et al. 2017, with max-pools between the blocks."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[2], 16, 3, padding=1)
        self.block1 = nn.Sequential(*(Dense(16 + 8 * i, 16, 8) for i in range(3)))
        self.norm1, self.conv2 = nn.BatchNorm2d(40), nn.Conv2d(40, 20, 1)
        self.block2 = nn.Sequential(*(Dense(20 + 8 * i, 16, 8) for i in range(3)))
        self.norm2, self.head = nn.BatchNorm2d(44), nn.Linear(44, classes)

    def body(self, x):
        x = self.conv2(F.gelu(self.norm1(self.block1(self.conv1(x)))))
        return F.gelu(self.norm2(self.block2(F.max_pool2d(x, 2)))).mean((2, 3))


class PreactBlock(nn.Module):
    """He et al. 2016; where the width changes, the shortcut is a convolution of what comes out of the first activation, as in Zagoruyko and Komodakis 2016."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1, bias=False)
        if inputs != width:
            self.shortcut1 = nn.ModuleDict({"conv1": nn.Conv2d(inputs, width, 1, stride=stride, bias=False)})

    def forward(self, x):
        a = F.gelu(self.norm1(x))
        y = self.conv2(F.gelu(self.norm2(self.conv1(a))))
        return y + (self.shortcut1["conv1"](a) if hasattr(self, "shortcut1") else x)


class WideResNet(Layers):
    """Zagoruyko and Komodakis 2016: two groups of two blocks."""

    def __init__(self, case, image_shape, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[2], 4, 3, padding=1, bias=False)
        for number, inputs, width in ((1, 4, 8), (2, 8, 16)):
            blocks = nn.ModuleDict({"first": PreactBlock(inputs, width, number), "second": PreactBlock(width, width, 1)})
            self.add_module(f"group{number}", blocks)
        self.norm1, self.head = nn.BatchNorm2d(16), nn.Linear(16, classes)

    def body(self, x):
        x = self.conv1(x)
        for group in (self.group1, self.group2):
            x = group["second"](group["first"](x))
        return F.gelu(self.norm1(x)).mean((2, 3))


NETWORKS = {"convs": Convs, "patches": Patches, "colour": Colour, "inception": Inception, "unet": UNet, "excite": Excite, "convnext": ConvNeXt,
            "convnext.drop_path": ConvNeXtOfDepth, "densenet": DenseNet, "wrn": WideResNet}


def build(name, case, image_shape):
    return NETWORKS[name](case, image_shape, 10)


if __name__ == "__main__":
    train.store(train.judge("train_layers", build), "train_layers", "train_layers.py")
