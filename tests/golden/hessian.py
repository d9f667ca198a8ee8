"""Products of the Hessian with a vector, by PyTorch's autograd in float64, for the networks of hessian.cases.

    python tests/golden/hessian.py build/normlab      writes tests/golden/hessian.safetensors, which tests/golden/test_hessian.c reads

The loss is that of the first batch at the initial weights. The vector has sin(e + 1) for element e of each parameter. Of the product
H v two numbers a parameter are stored under <case>/<parameter>: its norm, and the sum of (H v)[e] cos(e).
"""

import pathlib
import sys
import tempfile

import numpy
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from networks import Network, Residual
from train import DEFAULTS, run

HERE = pathlib.Path(__file__).parent


def product(case, start, order, parts):
    """{parameter: H v}"""
    x, y = parts["train"]["x"], parts["train"]["y"]
    network = (Residual if case["model.arch"] == "resnet" else Network)(case, x.shape[1:], classes=10)
    network.load_state_dict(start)
    network.train()
    position = {int(sample): i for i, sample in enumerate(parts["train"]["index"])}
    batch = [position[int(sample)] for sample in order[0]]
    names, parameters = zip(*network.named_parameters())
    gradients = torch.autograd.grad(F.cross_entropy(network(x[batch]), y[batch]), parameters, create_graph=True)
    vector = [torch.sin(torch.arange(p.numel()) + 1.0).reshape(p.shape) for p in parameters]
    along = sum((g * v).sum() for g, v in zip(gradients, vector))
    return dict(zip(names, torch.autograd.grad(along, parameters, materialize_grads=True)))


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    lines = [line.split() for line in (HERE / "hessian.cases").read_text().splitlines() if line and not line.startswith("#")]
    common, tensors = lines[0][1:], {}
    for name, *own in lines[1:]:
        overrides = common + own
        case = DEFAULTS | dict(o.split("=", 1) for o in overrides)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            parts, _ = run(program, folder, overrides)
            start, order = load_file(folder / "init.safetensors"), numpy.load(folder / "order.npy")
        for parameter, value in product(case, start, order, parts).items():
            value = value.flatten()
            tensors[f"{name}/{parameter}"] = torch.stack([value.norm(), (value * torch.cos(torch.arange(value.numel()) * 1.0)).sum()])
        print(name, len(start), "tensors")
    save_file(tensors, HERE / "hessian.safetensors",
              {"made_by": "tests/golden/hessian.py", "torch": torch.__version__, "numpy": numpy.__version__, "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
