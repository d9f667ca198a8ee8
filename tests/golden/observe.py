"""What observers see in the first steps of every case in observe.cases, by hooks of PyTorch in float64.

    python tests/golden/observe.py build/normlab        writes tests/golden/observe.safetensors, which tests/golden/test_golden_observe.c reads

The program trains on `ref` and says what it started from, as for train.py, whose networks these are. Stored is PyTorch's: <case>/<tensor>
(rows, 23), a row of step and the quantities of core/graph/quantities.def for each logged step, NaN where there is none; the tensor is named as in
log.tensors. Both must agree to 1e-10, means and deviations relative to the root mean square. Of jacobian:NAME the exact
mean squared singular value is stored, and in place of the norm the standard deviation of an estimate by one projection; of ten they must agree within
four standard errors. kurtosis is scipy's; an angle is Kahan's formula,
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
from torch.autograd import forward_ad
from torch.func import functional_call
from torch.nn import functional as F

import networks
import train
from networks import Block, Network, Residual
from train import DEFAULTS, HERE, learning_rate, make_optimizer

AGREE = 1e-10


def read_cases():
    lines = [line.split() for line in (HERE / "observe.cases").read_text().splitlines() if line and not line.startswith("#")]
    return {name: lines[0][1:] + own for name, *own in lines[1:]}


NAN = float("nan")
QUANTITIES = ["norm", "mean", "std", "zeros", "max", "kurtosis", "ratio", "rotation", "least", "most", "range", "variance", "q1", "q25", "median", "q75",
              "q99", "outlier", "effective", "participation", "singular"]
WHOLE = ("turn:", "saturated:", "shift:", "distribution:", "units:", "samples:", "tokens:", "covariance:", "drift:", "entropy:", "logits:", "grad64:", "along:", "hessian:")
POWER = {"sgd": 2, "adam": 1, "adamw": 1}  # an effective rate is lr / |w|^p: van Laarhoven 2017


FLAT = 1 - torch.tanh(torch.tensor(2.0, dtype=torch.float64)) ** 2  # of the largest slope: where a function counts as flat


class Point(networks.DyT):
    """DyT with another function, which has a shift where it is erf."""

    def __init__(self, kind, width):
        super().__init__(width, True)
        self.function = {"derf": torch.erf, "hardtanh": F.hardtanh}[kind]
        if kind == "derf":
            self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.function(self.alpha * x + getattr(self, "shift", 0)) * self.weight + self.bias


of_networks = networks.make_norm
networks.make_norm = lambda case, shape: Point(case["norm.kind"], shape[0]) if case["norm.kind"] in ("derf", "hardtanh") else of_networks(case, shape)


def saturated(module, x):
    """Of each column of x (rows, width) the share of arguments at which the slope of the module's function is at most FLAT of its largest."""
    u = (getattr(module, "alpha", 1) * x + getattr(module, "shift", 0)).detach().requires_grad_()
    function = getattr(module, "function", torch.tanh if isinstance(module, networks.DyT) else module.forward)
    slope, = torch.autograd.grad(function(u).sum(), u)
    largest, = torch.autograd.grad(function(zero := torch.zeros((), requires_grad=True)), zero)
    return (slope <= FLAT * largest).double().mean(0)


def angle(a, b):
    u, v = a / a.norm(), b / b.norm()
    return 2 * torch.atan2((u - v).norm(), (u + v).norm())


def quantities(step, name, x, before=None, rate=NAN):
    """before: of a parameter or gradient, of which x is the change; rate: of an update the effective one."""
    x = x.detach().flatten()
    if x.isnan().all():
        return [float(step), *[NAN] * len(QUANTITIES)]
    kurtosis = stats.kurtosis(x.numpy(), fisher=False) if (x != x[0]).any() else NAN
    change = [NAN, NAN]
    if before is not None and before.norm() > 0:
        before = before.flatten()
        change = [(x.norm() / before.norm()).item(), angle(before, before + x).item()]
    whole = [NAN] * 6
    if name.startswith(WHOLE):
        middle = x.abs().quantile(0.5).item()
        whole = [*numpy.quantile(x.numpy(), [0.01, 0.25, 0.5, 0.75, 0.99]), x.abs().max().item() / middle if middle > 0 else NAN]
    participation = (x.sum() ** 2 / (x**2).sum()).item() if name.startswith("covariance:") else NAN
    return [float(step), x.norm().item(), x.mean().item(), x.std().item(), (x == 0).double().mean().item(), x.abs().max().item(), kurtosis, *change,
            x.min().item(), x.max().item(), (x.max() - x.min()).item(), x.var().item(), *whole, rate, participation, NAN]


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
    """The eigenvalues of the whole Hessian and of the blocks of weights, the largest first."""
    parameters = {name: value.detach().clone().requires_grad_() for name, value in before.items()}
    loss = F.cross_entropy(functional_call(network, parameters | {name: value.clone() for name, value in buffers.items()}, (x,)), y)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(parameters.values()), create_graph=True)])
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(element, list(parameters.values()), retain_graph=True, materialize_grads=True)])
            for element in gradient]
    matrix = torch.stack(rows)
    matrix = (matrix + matrix.T) / 2
    found, place = {"hessian:eigenvalues": torch.linalg.eigvalsh(matrix).flip(0)}, 0
    for name, value in parameters.items():
        block = slice(place, place := place + value.numel())
        if value.dim() > 1:
            found[f"hessian:{name}"] = torch.linalg.eigvalsh(matrix[block, block]).flip(0)
    return found


def cosines(x):
    """Of each row of x (rows, width) that is not 0 its mean cosine with the others."""
    x = x[x.norm(dim=1) > 0]
    return (F.cosine_similarity(x[:, None], x[None], dim=-1).sum(1) - 1) / (len(x) - 1) if len(x) > 1 else x.new_empty(0)


def representations(name, x):
    """What is seen of the activations x of a whole batch (N, C) or (N, C, H, W), with their channels last."""
    x = x.detach().movedim(1, -1)
    rows = x.flatten(0, -2)
    eigenvalues = torch.linalg.eigvalsh(torch.cov(rows.T)).flip(0)[: min(rows.shape)]
    found = {f"distribution:{name}": x, f"units:{name}": (rows**2).mean(0).sqrt(), f"samples:{name}": cosines(x.flatten(1)),
             f"covariance:{name}": torch.where(eigenvalues < 1e-12 * eigenvalues[0], 0, eigenvalues)}
    if x.dim() > 2:
        means = [c.mean() for c in map(cosines, x.flatten(1, 2)) if len(c)]
        found[f"tokens:{name}"] = torch.stack(means) if means else x.new_empty(0)
    return {key: value for key, value in found.items() if value.numel()}


def jacobians(network, outputs, x):
    """{name: (mean squared singular value, standard deviation of its estimate by one projection on random signs)} of every output by the batch x."""
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    columns, found, directions = {}, {}, torch.eye(x.numel())
    for direction in directions:
        with forward_ad.dual_level():
            moved = forward_ad.make_dual(x, direction.reshape(x.shape))
            functional_call(network, {name: value.clone() for name, value in buffers.items()}, (moved,))
            for name, output in outputs.items():
                columns.setdefault(name, []).append(forward_ad.unpack_dual(output).tangent.detach().flatten())
    for name, of_inputs in columns.items():
        jacobian = torch.stack(of_inputs, 1)
        product = jacobian.T @ jacobian
        values = min(jacobian.shape)
        off = (product**2).sum() - (product.diagonal() ** 2).sum()
        found[name] = (product.trace().item() / values, (2 * off).clamp(min=0).sqrt().item() / values)
    return found


def attention(case, start, order, parts):
    """What the first block of a transformer attends to in the first step: {tensor: [quantities]}."""
    rows = parts["train"]["x"][[list(parts["train"]["index"]).index(int(sample)) for sample in order[0]]]
    positions, heads = int(case["data.length"]), int(case["model.heads"])
    tokens, length = rows[:, :positions].long(), rows[:, positions:].long() if "data.min_length" in case else torch.full((len(rows), 1), positions)
    w = {name: value.double() for name, value in start.items()}
    x = w["transformer.wte.weight"][tokens] + w["transformer.wpe.weight"]
    x = F.layer_norm(x, x.shape[-1:], w["transformer.h.0.ln_1.weight"], w["transformer.h.0.ln_1.bias"])
    x = F.linear(x, w["transformer.h.0.attn.c_attn.weight"], w["transformer.h.0.attn.c_attn.bias"])
    q, k, _ = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in x.chunk(3, -1))
    counts = torch.arange(positions) < length
    scores = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).masked_fill(~counts[:, None, None], -torch.inf)
    p = scores.softmax(-1)
    of_queries = counts[:, None].expand(scores.shape[:3])
    name = "transformer.h.0.attn.attention"
    found = {f"entropy:{name}": torch.special.entr(p).sum(-1)[of_queries], f"logits:{name}": scores.amax(-1)[of_queries]}
    return {key: torch.tensor([quantities(1, key, value)]) for key, value in found.items()}, {key: value.numel() for key, value in found.items()}, {}, {}


def observe(case, start, order, parts):
    """{tensor: [quantities of each logged step]}, {tensor: elements}, {step: trace of the Hessian}, {(step, output): its Jacobian}"""
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
    computed, traces, by_input, inputs_of_norms, bounded, last = [], {}, {}, {}, {}, {}
    for name, module in network.named_modules():
        if f"{name}.running_mean" in dict(network.named_buffers()):
            module.register_forward_pre_hook(lambda _, inputs, name=name: inputs_of_norms.update({name: inputs[0]}))
        if isinstance(module, (nn.Tanh, nn.Sigmoid, networks.DyT)):
            module.register_forward_pre_hook(lambda module, inputs, name=name: bounded.update({name: saturated(module, inputs[0])}))
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
        if "jacobian" in case["log.tensors"]:
            by_input |= {(step + 1, name): value for name, value in jacobians(network, outputs, x[samples]).items()}
            network.load_state_dict(network.state_dict() | buffers)
            optimizer.zero_grad()
        F.cross_entropy(network(x[samples]), y[samples]).backward()
        before = {name: value.detach().clone() for name, value in network.named_parameters()}
        grad = {name: value.grad.clone() for name, value in network.named_parameters()}
        found = {name: value for name, value in (outputs | before).items()}
        for name, value in outputs.items():
            found |= representations(name, value)
        for name, value in inputs_of_norms.items():
            rows = value.detach().movedim(1, -1).flatten(0, -2)
            found[f"drift:{name}"] = (buffers[f"{name}.running_mean"] - rows.mean(0)) / rows.std(0, unbiased=False)
        found |= {f"grad64:{name}": value for name, value in grad.items() if value.dim() > 1}
        found |= {f"distribution:{name}": value for name, value in before.items()}
        found |= {f"grad:{name}": value.grad.clone() for name, value in outputs.items()}
        found |= {f"grad:{name}": value.grad.clone() for name, value in network.named_parameters()}
        if float(case["train.clip_norm"]):
            nn.utils.clip_grad_norm_(network.parameters(), float(case["train.clip_norm"]))
        optimizer.step()
        found |= {f"update:{name}": value - before[name] for name, value in network.named_parameters()}
        update = {name: value.detach() - before[name] for name, value in network.named_parameters()}
        nothing = {name: (torch.full_like(value, NAN), None) for name, value in update.items()}
        found |= {f"turn:{name}": (value - last[name], last[name]) if last else nothing[name] for name, value in update.items()}
        found |= {f"saturated:{name}": share for name, share in bounded.items()}
        last = update
        found |= {name: value.clone() for name, value in network.named_buffers() if "running" in name}
        stepped = {name: value.detach().clone() for name, value in network.named_parameters()}
        found |= shifts(network, computed, before, stepped, buffers, grad, x[samples], y[samples])
        if "hessian" in case["log.tensors"]:
            eigenvalues = hessian(network, before, buffers, x[samples], y[samples])
            found |= {name: values[:5] for name, values in eigenvalues.items()}
            traces[step + 1] = eigenvalues["hessian:eigenvalues"].sum().item()
        found |= landscape(network, before, buffers, grad, learning_rate(case, step, steps_per_epoch), x[samples], y[samples])
        if (step + 1) % int(case["train.log_every"]) == 0 or step + 1 == len(order):
            for name, value in found.items():
                of = before[name.removeprefix("update:")] if name.startswith("update:") else None
                value, of = value if isinstance(value, tuple) else (value, of)
                rate = NAN
                if name.startswith("update:") and of.norm() > 0:
                    rate = learning_rate(case, step, steps_per_epoch) / of.norm().item() ** POWER[case["train.optimizer"]]
                seen.setdefault(name, []).append(quantities(step + 1, name, value, of, rate))
                elements[name] = value.numel()
    return {name: torch.tensor(rows) for name, rows in seen.items()}, elements, traces, by_input


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
    scale = torch.stack([norm, rms, rms, one, largest, one * count, torchs[:, 7].nan_to_num(1), one, largest, largest, largest, rms**2, *[largest] * 5,
                         *torchs[:, 18:].nan_to_num(1).T], 1)
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
        torchs, elements, traces, by_input = (attention if name.startswith("attention") else observe)(case, start, order, parts)
        torchs = {tensor: rows for tensor, rows in torchs.items() if tensor in ours}
        for step, _, mean, std, *_ in ours.get("hessian:trace", torch.empty(0, 1 + len(QUANTITIES))).tolist():
            if not abs(mean - traces[step]) <= 4 * std / 10**0.5:  # ten probes
                sys.exit(f"{name}: a trace of {mean} +- {std / 10**0.5}, not {traces[step]}")
        z = [(row[-1] - by_input[row[0], tensor[9:]][0]) / (by_input[row[0], tensor[9:]][1] / 10**0.5)
             for tensor, rows in ours.items() if tensor.startswith("jacobian:") for row in rows.tolist() if (row[0], tensor[9:]) in by_input]
        if z and not max(map(abs, z)) <= 4:
            sys.exit(f"{name}: estimates of squared singular values are up to {max(map(abs, z))} standard errors off")
        if z:
            print(f"{name:24} {len(z)} Jacobians; furthest estimate {max(map(abs, z)):.1f} standard errors off")
        d = {tensor: difference(ours[tensor], rows, elements[tensor]) for tensor, rows in torchs.items()} | {"": 0.0}
        largest = max(d, key=d.get)
        print(f"{name:24} {len(torchs)} of {len(ours)} tensors; largest difference {d[largest]:.1e} ({largest}); "
              f"not judged: {', '.join(sorted(ours.keys() - torchs.keys()))}")
        if not d[largest] <= AGREE:
            sys.exit(f"{name}: not within {AGREE:.0e}")
        worst = max(worst, d[largest])
        tensors |= {f"{name}/{tensor}": rows for tensor, rows in torchs.items()}
        for (step, output), (value, deviation) in by_input.items():
            row = [step, deviation, *[NAN] * (len(QUANTITIES) - 2), value]
            tensors[f"{name}/jacobian:{output}"] = torch.cat([tensors.get(f"{name}/jacobian:{output}", torch.empty(0, len(row))), torch.tensor([row])])
    print(f"{len(tensors)} tensors; those that are not estimated agree to {worst:.1e}")
    save_file(tensors, HERE / "observe.safetensors",
              {"made_by": "tests/golden/observe.py", "torch": torch.__version__, "numpy": numpy.__version__,
               "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
