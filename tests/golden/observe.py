"""What observers see in the first steps of every case in observe.cases, by hooks of PyTorch in float64.

    python tests/golden/observe.py build/normlab        writes tests/golden/observe.safetensors, which tests/golden/test_golden_observe.c reads

The program trains on `ref` and says what it started from, as for train.py, whose networks these are. Stored is PyTorch's: <case>/<tensor>
(rows, 12), a row of step and the quantities of core/graph/quantities.def for each logged step, NaN where there is none; the tensor is named as in
log.tensors. Both must agree to 1e-10, means and deviations relative to the root mean square. kurtosis is scipy's; an angle is Kahan's formula,
2 atan2(|u - v|, |u + v|) of unit vectors.
"""

import csv
import pathlib
import sys
import tempfile

import numpy
import safetensors
import torch
from safetensors.torch import load_file, save_file
from scipy import stats
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

import train
from networks import Block, Network, Residual
from train import DEFAULTS, HERE, learning_rate, make_optimizer

AGREE = 1e-10


def read_cases():
    lines = [line.split() for line in (HERE / "observe.cases").read_text().splitlines() if line and not line.startswith("#")]
    return {name: lines[0][1:] + own for name, *own in lines[1:]}


NAN = float("nan")
QUANTITIES = ["norm", "mean", "std", "zeros", "max", "kurtosis", "ratio", "rotation", "least", "most", "range"]


def angle(a, b):
    u, v = a / a.norm(), b / b.norm()
    return 2 * torch.atan2((u - v).norm(), (u + v).norm())


def quantities(step, x, before=None):
    """before: of a parameter or gradient, of which x is the change."""
    x = x.detach().flatten()
    kurtosis = stats.kurtosis(x.numpy(), fisher=False) if (x != x[0]).any() else NAN
    change = [NAN, NAN]
    if before is not None and before.norm() > 0:
        before = before.flatten()
        change = [(x.norm() / before.norm()).item(), angle(before, before + x).item()]
    return [float(step), x.norm().item(), x.mean().item(), x.std().item(), (x == 0).double().mean().item(), x.abs().max().item(), kurtosis, *change,
            x.min().item(), x.max().item(), (x.max() - x.min()).item()]


def name_of(name, module):
    """Our name of a module's output, or None: a residual block ends with its second activation, or with the sum."""
    if isinstance(module, Block):
        return f"{name}.add" if module.preact else f"{name}.act2"
    if isinstance(module, (nn.Sequential, Network, Residual, nn.Identity)) or name.split(".")[-1] == "act":
        return None
    return name


def gradients(network, parameters, buffers, x, y):
    """Loss and gradients of a network with these parameters; its own, and its running statistics, stay as they are."""
    parameters = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    loss = F.cross_entropy(functional_call(network, parameters | {name: value.clone() for name, value in buffers.items()}, (x,)), y)
    return loss.item(), dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))


def shifts(network, order, before, stepped, buffers, grad, x, y):
    """Santurkar et al. 2018, Definition 2.1: {shift:weight: (change of its gradient, its gradient)} where the modules that are computed before its
    own have made the step. order: the names of modules with parameters, as they are computed."""
    found = {}
    for place, module in list(enumerate(order))[1:]:
        name = f"{module}.weight"
        if before[name].dim() > 1:
            mixed = {key: (stepped if key.rsplit(".", 1)[0] in order[:place] else before)[key] for key in before}
            found[f"shift:{name}"] = (gradients(network, mixed, buffers, x, y)[1][name] - grad[name], grad[name])
    return found


def landscape(network, before, buffers, grad, lr, x, y):
    """Their section 3.1: the losses at 1/2, 1, ..., 4 learning rates along the gradient, how far the gradients there are, and that by the distance."""
    def length(a, b):
        return torch.sqrt(sum(((a[key] - b[key]) ** 2).sum() for key in a)).item()

    rows = []
    for step in range(1, 9):
        there = {key: before[key] - step / 2 * lr * grad[key] for key in before}
        loss, other = gradients(network, there, buffers, x, y)
        rows.append([loss, length(other, grad), length(other, grad) / length(there, before)])
    return {f"along:{name}": torch.tensor(values) for name, values in zip(("loss", "gradient", "smoothness"), zip(*rows))}


def hessian(network, before, buffers, x, y):
    """The eigenvalues of the whole Hessian, the largest first."""
    parameters = {name: value.detach().clone().requires_grad_() for name, value in before.items()}
    loss = F.cross_entropy(functional_call(network, parameters | {name: value.clone() for name, value in buffers.items()}, (x,)), y)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(parameters.values()), create_graph=True)])
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(element, list(parameters.values()), retain_graph=True, materialize_grads=True)])
            for element in gradient]
    matrix = torch.stack(rows)
    return torch.linalg.eigvalsh((matrix + matrix.T) / 2).flip(0)


def observe(case, start, order, parts):
    """{tensor: [quantities of each logged step]}, {tensor: elements}, {step: trace of the Hessian}"""
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
    computed, traces = [], {}
    for name, module in network.named_modules():
        if list(module.parameters(recurse=False)):
            module.register_forward_pre_hook(lambda *_, name=name: computed.append(name) if name not in computed else None)
    network.train()
    for step, row in enumerate(order):
        samples = [position[int(sample)] for sample in row if sample >= 0]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(case, step, steps_per_epoch)
        optimizer.zero_grad()
        buffers = {name: value.clone() for name, value in network.named_buffers()}
        F.cross_entropy(network(x[samples]), y[samples]).backward()
        before = {name: value.detach().clone() for name, value in network.named_parameters()}
        grad = {name: value.grad.clone() for name, value in network.named_parameters()}
        found = {name: value for name, value in (outputs | before).items()}
        found |= {f"grad:{name}": value.grad.clone() for name, value in outputs.items()}
        found |= {f"grad:{name}": value.grad.clone() for name, value in network.named_parameters()}
        if float(case["train.clip_norm"]):
            nn.utils.clip_grad_norm_(network.parameters(), float(case["train.clip_norm"]))
        optimizer.step()
        found |= {f"update:{name}": value - before[name] for name, value in network.named_parameters()}
        found |= {name: value.clone() for name, value in network.named_buffers() if "running" in name}
        stepped = {name: value.detach().clone() for name, value in network.named_parameters()}
        found |= shifts(network, computed, before, stepped, buffers, grad, x[samples], y[samples])
        if "hessian" in case["log.tensors"]:
            eigenvalues = hessian(network, before, buffers, x[samples], y[samples])
            found["hessian:eigenvalues"] = eigenvalues[:5]
            traces[step + 1] = eigenvalues.sum().item()
        found |= landscape(network, before, buffers, grad, learning_rate(case, step, steps_per_epoch), x[samples], y[samples])
        if (step + 1) % int(case["train.log_every"]) == 0 or step + 1 == len(order):
            for name, value in found.items():
                of = before[name.removeprefix("update:")] if name.startswith("update:") else None
                value, of = value if isinstance(value, tuple) else (value, of)
                seen.setdefault(name, []).append(quantities(step + 1, value, of))
                elements[name] = value.numel()
    return {name: torch.tensor(rows) for name, rows in seen.items()}, elements, traces


def read_ours(path):
    """{tensor: rows of quantities} of metrics.csv."""
    ours = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            rows = ours.setdefault(row["tensor"], {})
            values = rows.setdefault(float(row["step"]), [NAN] * len(QUANTITIES))
            values[QUANTITIES.index(row["quantity"])] = float(row["value"] or "nan")
    return {name: torch.tensor([[step, *values] for step, values in rows.items()]) for name, rows in ours.items()}


def difference(ours, torchs, count):
    """Relative; of means and deviations to the root mean square, of shares and angles absolute. A kurtosis is of what rounding leaves where the
    elements differ by no more: it is held against its largest value, the number of elements."""
    if ours.shape != torchs.shape or not torch.equal(ours[:, 0], torchs[:, 0]) or not torch.equal(ours.isnan(), torchs.isnan()):
        return float("inf")
    norm, largest, one = torchs[:, 1], torchs[:, 5], torch.ones(len(torchs))
    rms = norm / count**0.5
    scale = torch.stack([norm, rms, rms, one, largest, one * count, torchs[:, 7].nan_to_num(1), one, largest, largest, largest], 1)
    return ((ours - torchs)[:, 1:].abs() / scale.clamp(min=1e-300)).nan_to_num(0).max().item()


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
        torchs, elements, traces = observe(case, start, order, parts)
        torchs = {tensor: rows for tensor, rows in torchs.items() if tensor in ours}
        for step, _, mean, std, *_ in ours.get("hessian:trace", torch.empty(0, 12)).tolist():
            if not abs(mean - traces[step]) <= 4 * std / 10**0.5:  # ten probes
                sys.exit(f"{name}: a trace of {mean} +- {std / 10**0.5}, not {traces[step]}")
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
