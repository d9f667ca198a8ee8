"""Cross-iteration batch normalization, by the formulas of its paper and PyTorch's autograd in float64.

    python tests/golden/cbn.py build/normlab      writes tests/golden/cbn.safetensors and cbn_train.safetensors

The networks, the optimizer and the data are those of train.py, from the program's weights and order. Of each case are stored <case>/losses,
<case>/train and <case>/test (loss, accuracy in evaluation mode); of cbn.cases, which are a few steps, also every tensor after them,
<case>/final.<tensor>; cbn_train.cases are 200 steps. tests/golden/test_golden_cbn.c reads both. The program must agree to 1e-8, in the first steps to 1e-10.
"""

import pathlib
import sys
import tempfile

import numpy
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import networks
import train

HERE = pathlib.Path(__file__).parent
FEW = 10  # steps


class CrossIteration(nn.Module):
    """Yao et al. 2021: the mean and the mean of squares of the last batches, by first order at today's weight of the layer in front."""

    def __init__(self, case, channels):
        super().__init__()
        self.eps, self.momentum, self.detach = float(case["norm.eps"]), float(case["norm.momentum"]), case["norm.detach"]
        self.history, self.compensates = int(case["norm.history"]), case["norm.compensate"] == "true"
        self.warmup = float(case["norm.warmup"]) * float(case["train.steps"])
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
        self.earlier = []  # (mu, nu, dmu/dw, dnu/dw, w), the last step first
        self.layer = None  # [the layer in front]: in a list, so that it is no part of this one

    def then(self, mu, nu, dmu, dnu, w):
        """An earlier batch's, with the weight of today."""
        if self.compensates:
            moved = self.layer[0].weight.detach() - w
            mu, nu = mu + (dmu * moved).flatten(1).sum(1), nu + (dnu * moved).flatten(1).sum(1)
        return mu, torch.maximum(nu, mu * mu)

    def forward(self, x):
        over = [d for d in range(x.dim()) if d != 1]
        shape = [-1 if d == 1 else 1 for d in range(x.dim())]
        if self.training:
            step, m = int(self.num_batches_tracked), x.numel() / x.shape[1]
            mu, nu = x.mean(over), (x * x).mean(over)
            window = [(mu, nu)] + [self.then(*of) for of in (self.earlier if step >= self.warmup else [])]
            mean = sum(mu for mu, _ in window) / len(window)
            var = sum(nu for _, nu in window) / len(window) - mean * mean
            derivatives = None, None, None
            if self.compensates:
                w = self.layer[0].weight
                derivatives = *(torch.autograd.grad(s.sum(), w, retain_graph=True)[0] for s in (mu, nu)), w.detach().clone()
            self.earlier = [(mu.detach(), nu.detach(), *derivatives)] + self.earlier[: self.history - 1]
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mu
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * (nu - mu * mu) * m / (m - 1)
        else:
            mean, var = self.running_mean, self.running_var
        if self.detach == "center":
            mean = mean.detach()
        if self.detach == "scale":
            var = var.detach()
        u = (x - mean.reshape(shape)) / (var.reshape(shape) + self.eps).sqrt()
        return u * self.weight.reshape(shape) + self.bias.reshape(shape)


class Depthwise(networks.MobileNet):
    """layers.depthwise: the same network with the normalizer of the case after each convolution."""

    def __init__(self, case, image_shape, classes):
        super().__init__(case, image_shape, classes)
        for of in (self, self.block1, self.block2):
            for name, norm in list(of.named_children()):
                if isinstance(norm, nn.BatchNorm2d):
                    of.add_module(name, CrossIteration(case, norm.num_features))


def connect(module):
    """Before the first step: each normalizer gets to know the layer in front of it."""
    for of in module.modules():
        for name, norm in of.named_children():
            if isinstance(norm, CrossIteration) and norm.compensates:
                number = name.removeprefix("norm")
                norm.layer = [getattr(of, "conv" + number, None) or getattr(of, "fc" + number)]


def repeat(program, name, overrides):
    """PyTorch's tensors of a case, with which the program agrees."""
    case = train.DEFAULTS | {"norm.history": "3", "norm.compensate": "true"} | dict(o.split("=", 1) for o in overrides)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        parts, rows = train.run(program, folder, overrides)
        start, final, order = load_file(folder / "init.safetensors"), load_file(folder / "final.safetensors"), numpy.load(folder / "order.npy")
    tensors, state = train.train(name, case, start, order, parts)
    few = int(case["train.steps"]) <= FEW
    ours = torch.tensor([float(row["loss"]) for row in rows if row["split"] == "train" and not row["eval"]])
    apart = {"losses": train.relative(ours, tensors["losses"]), "first losses": train.relative(ours[:FEW], tensors["losses"][:FEW])}
    apart |= {tensor: train.relative(final[tensor].double(), value.double()) for tensor, value in state.items()}
    worst = max(apart, key=apart.get)
    print(f"{name:16} loss {ours[0]:.4f} to {ours[-1]:.4f}; first losses {apart['first losses']:.1e}; most {apart[worst]:.1e} ({worst})")
    bad = [what for what, value in apart.items() if not value <= (1e-10 if few or what == "first losses" else 1e-8)]
    if bad:
        sys.exit(f"{name}: {bad}")
    return tensors | ({f"final.{tensor}": value.double() for tensor, value in state.items()} if few else {})


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    networks.CANCELS_BIAS += ("cbn",)
    make_norm = networks.make_norm
    networks.make_norm = lambda case, shape: CrossIteration(case, shape[0]) if case["norm.kind"] == "cbn" else make_norm(case, shape)
    networks.LISTED["layers.depthwise"] = Depthwise
    nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: connect(module) if hasattr(module, "head") else None)
    for file in ("cbn", "cbn_train"):
        lines = [line.split() for line in (HERE / f"{file}.cases").read_text().splitlines() if line and not line.startswith("#")]
        common, tensors = lines[0][1:], {}
        for name, *own in lines[1:]:
            tensors |= {f"{name}/{what}": value for what, value in repeat(program, name, common + own).items()}
        save_file(tensors, HERE / f"{file}.safetensors",
                  {"made_by": "tests/golden/cbn.py", "torch": torch.__version__, "numpy": numpy.__version__, "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
