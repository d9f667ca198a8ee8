"""What observers see in the first steps of every case in observe.cases, by hooks of PyTorch in float64.

    python tests/golden/observe.py build/normlab        writes tests/golden/observe.safetensors, which tests/golden/test_golden_observe.c reads

The program trains on `ref` and says what it started from, as for train.py, whose networks these are. Stored is PyTorch's: <case>/<tensor>
(rows, 5), a row of step, norm, mean, std (torch.std) and share of zeros for each logged step; the tensor is named as in log.tensors. Both must
agree to 1e-10, means and deviations relative to the root mean square.
"""

import csv
import pathlib
import sys
import tempfile

import numpy
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import train
from networks import Block, Network, Residual
from train import DEFAULTS, HERE, learning_rate, make_optimizer

AGREE = 1e-10


def read_cases():
    lines = [line.split() for line in (HERE / "observe.cases").read_text().splitlines() if line and not line.startswith("#")]
    return {name: lines[0][1:] + own for name, *own in lines[1:]}


def quantities(step, x):
    x = x.detach().flatten()
    return [float(step), x.norm().item(), x.mean().item(), x.std().item(), (x == 0).double().mean().item()]


def name_of(name, module):
    """Our name of a module's output, or None: a residual block ends with its second activation, or with the sum."""
    if isinstance(module, Block):
        return f"{name}.add" if module.preact else f"{name}.act2"
    if isinstance(module, (nn.Sequential, Network, Residual, nn.Identity)) or name.split(".")[-1] == "act":
        return None
    return name


def observe(case, start, order, parts):
    """{tensor: [quantities of each logged step]}, {tensor: elements}"""
    x, y = parts["train"]["x"], parts["train"]["y"]
    network = (Residual if case["model.arch"] == "resnet" else Network)(case, x.shape[1:], classes=10)
    network.load_state_dict(start)
    optimizer = make_optimizer(case, network)
    batch, seen, outputs, elements = int(case["train.batch"]), {}, {}, {}
    steps_per_epoch = len(x) // batch if case["train.drop_last"] == "true" else -(-len(x) // batch)
    position = {int(sample): i for i, sample in enumerate(parts["train"]["index"])}

    def keep(name):
        def hook(module, inputs, output):
            output.retain_grad()
            outputs[name] = output
        return hook

    for name, module in network.named_modules():
        if name_of(name, module):
            module.register_forward_hook(keep(name_of(name, module)))
    network.train()
    for step, row in enumerate(order):
        samples = [position[int(sample)] for sample in row if sample >= 0]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(case, step, steps_per_epoch)
        optimizer.zero_grad()
        F.cross_entropy(network(x[samples]), y[samples]).backward()
        before = {name: value.detach().clone() for name, value in network.named_parameters()}
        found = {name: value for name, value in (outputs | before).items()}
        found |= {f"grad:{name}": value.grad.clone() for name, value in outputs.items()}
        found |= {f"grad:{name}": value.grad.clone() for name, value in network.named_parameters()}
        if float(case["train.clip_norm"]):
            nn.utils.clip_grad_norm_(network.parameters(), float(case["train.clip_norm"]))
        optimizer.step()
        found |= {f"update:{name}": value - before[name] for name, value in network.named_parameters()}
        if (step + 1) % int(case["train.log_every"]) == 0 or step + 1 == len(order):
            for name, value in found.items():
                seen.setdefault(name, []).append(quantities(step + 1, value))
                elements[name] = value.numel()
    return {name: torch.tensor(rows) for name, rows in seen.items()}, elements


def read_ours(path):
    """{tensor: [[step, norm, mean, std, zeros], ...]} of metrics.csv."""
    ours = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            rows = ours.setdefault(row["tensor"], {})
            rows.setdefault(float(row["step"]), []).append(float(row["value"]))
    return {name: torch.tensor([[step, *values] for step, values in rows.items()]) for name, rows in ours.items()}


def difference(ours, torchs, count):
    """Relative; of means and deviations to the root mean square."""
    if ours.shape != torchs.shape or not torch.equal(ours[:, 0], torchs[:, 0]):
        return float("inf")
    scale = torch.stack([torchs[:, 1], torchs[:, 1] / count**0.5, torchs[:, 1] / count**0.5, torch.ones(len(torchs))], 1)
    return ((ours - torchs)[:, 1:].abs() / scale.clamp(min=1e-300)).max().item()


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    tensors, worst = {}, 0.0
    for name, overrides in read_cases().items():
        case = DEFAULTS | dict(o.split("=", 1) for o in overrides)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            parts, _ = train.run(program, folder, overrides)
            start, order = load_file(folder / "init.safetensors"), numpy.load(folder / "order.npy")
            ours = read_ours(folder / "out" / "metrics.csv")
        torchs, elements = observe(case, start, order, parts)
        d = {tensor: difference(ours[tensor], rows, elements[tensor]) for tensor, rows in torchs.items()}
        largest = max(d, key=d.get)
        print(f"{name:24} {len(torchs)} of {len(ours)} tensors; largest difference {d[largest]:.1e} ({largest}); "
              f"not judged: {', '.join(sorted(ours.keys() - torchs.keys()))}")
        if not d[largest] <= AGREE:
            sys.exit(f"{name}: not within {AGREE:.0e}")
        worst = max(worst, d[largest])
        tensors |= {f"{name}/{tensor}": rows for tensor, rows in torchs.items()}
    print(f"{len(tensors)} tensors agree to {worst:.1e}")
    save_file(tensors, HERE / "observe.safetensors",
              {"made_by": "tests/golden/observe.py", "torch": torch.__version__, "numpy": numpy.__version__,
               "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
