"""200 training steps of every case in train.cases, repeated by PyTorch in float64 from our weights and our order.

    python tests/golden/train.py build/normlab        writes tests/golden/train.safetensors, which tests/golden/test_golden_train.c reads

The program trains on `ref` and says what it started from: --save-init (weights), --save-order (the samples of each step) and
`data export` (the arrays as it sees them). From these the same network is built of torch.nn's modules, trained by torch.optim,
and must give the same loss at every step, the same final weights and the same final evaluation, to 1e-8 relative. What
is stored is PyTorch's: <case>/losses (200), <case>/train and <case>/test (loss, accuracy in evaluation mode), and where norm.eval
asks for them <case>/test_batch and <case>/test_precise, all F64.
"""

import csv
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import networks

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = pathlib.Path(__file__).parent
AGREE = 1e-8

# What a case does not say: the program's defaults (normlab help keys), written down again here, where nobody derives them from us.
DEFAULTS = {
    "data.name": "digits", "model.activation": "relu", "model.gelu_approximate": "none", "model.bias": "auto", "model.pool": "1,3",
    "norm.placement": "before", "norm.eps": "1e-5", "norm.affine": "channel", "norm.over": "sample", "norm.groups": "8",
    "norm.momentum": "0.1", "norm.stat_batch": "auto", "norm.running": "ema", "norm.running_var": "unbiased",
    "norm.eval": "[running]", "norm.precise_batch": "256", "norm.r_max": "3", "norm.d_max": "5", "norm.warmup": "0.3",
    "norm.detach": "none", "norm.statistics": "batch",
    "train.drop_last": "true", "train.optimizer": "sgd", "train.lr_scale": "fixed", "train.lr_base_batch": "32",
    "train.nesterov": "false", "train.beta1": "0.9", "train.beta2": "auto", "train.trust": "0.001", "train.adam_eps": "1e-8", "train.weight_decay": "0",
    "train.weight_decay_on": "all", "train.schedule": "constant", "train.step_epochs": "10", "train.gamma": "0.1",
    "train.lr_min": "0", "train.warmup_epochs": "0", "train.warmup_steps": "0", "train.label_smoothing": "0", "train.accumulate": "1", "train.clip_norm": "0", "train.clip_value": "0",
}


def read_cases(name):
    """{name: [key=value, ...]} of name.cases, the common ones first."""
    lines = [line.split() for line in (HERE / f"{name}.cases").read_text().splitlines() if line and not line.startswith("#")]
    common = lines[0][1:]
    return {name: common + own for name, *own in lines[1:]}


# ---- the training ----

def learning_rate(case, step, steps_per_epoch):
    steps, batch = int(case["train.steps"]), int(case["train.batch"])
    ratio = batch / int(case["train.lr_base_batch"])
    lr = float(case["train.lr"]) * {"fixed": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[case["train.lr_scale"]]
    low = float(case["train.lr_min"])
    warm = int(case["train.warmup_steps"]) or round(float(case["train.warmup_epochs"]) * steps_per_epoch)
    if step < warm:
        return lr * (step + 1) / warm
    u, total = step - warm, max(steps - warm, 1)
    drops = math.floor(step / (float(case["train.step_epochs"]) * steps_per_epoch))
    return {"constant": lr, "step": lr * float(case["train.gamma"]) ** drops,
            "cosine": low + (lr - low) * (1 + math.cos(math.pi * u / total)) / 2,
            "linear": lr + (low - lr) * u / total, "inverse_sqrt": lr * math.sqrt(max(warm, 1) / (step + 1))}[case["train.schedule"]]


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, algorithm 2."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = beta1 * m + (1 - beta1) * p.grad
                p -= group["lr"] * (c.sign() + group["weight_decay"] * p)
                m.copy_(beta2 * m + (1 - beta2) * p.grad)


class Lars(torch.optim.Optimizer):
    """You, Gitman and Ginsburg 2017, Large Batch Training of Convolutional Networks, algorithm 1; weights alone adapt."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            decay = group["weight_decay"]
            for p in (p for p in group["params"] if p.grad is not None):
                v = self.state[p].setdefault("v", torch.zeros_like(p))
                rate = group["trust"] * p.norm() / (p.grad.norm() + decay * p.norm()) if group["adapts"] else 1.0
                v.copy_(group["momentum"] * v + group["lr"] * rate * (p.grad + decay * p))
                p -= v


def make_optimizer(case, network):
    decay = float(case["train.weight_decay"])
    kind = case["train.optimizer"]
    spares = "weights" if kind == "lars" else case["train.weight_decay_on"]
    spared = [p for name, p in network.named_parameters()
              if (spares == "weights" and ("norm" in name or name.endswith(("bias", "original0", "gain")))) or (spares == "matrices" and p.dim() < 2)]
    decayed = [p for p in network.parameters() if not any(p is other for other in spared)]
    groups = [{"params": decayed, "weight_decay": decay, "adapts": True}, {"params": spared, "weight_decay": 0.0, "adapts": False}]
    beta2 = {"lion": 0.99}.get(kind, 0.999) if case["train.beta2"] == "auto" else float(case["train.beta2"])
    betas = float(case["train.beta1"]), beta2
    if kind == "lion":
        return Lion(groups, {"lr": 1.0, "betas": betas})
    if kind == "lars":
        return Lars(groups, {"lr": 1.0, "momentum": float(case["train.momentum"]), "trust": float(case["train.trust"])})
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=1.0, momentum=float(case["train.momentum"]), nesterov=case["train.nesterov"] == "true")
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](groups, lr=1.0, betas=betas, eps=float(case["train.adam_eps"]))


def evaluate(network, x, y):
    network.eval()
    with torch.no_grad():
        logits = network(x)
        return torch.stack([F.cross_entropy(logits, y), (logits.argmax(1) == y)[y >= 0].double().mean()])


def groups_of(x, size):
    """Slices of `size` samples; a smaller rest joins the last one, so that no statistics come from a handful."""
    starts = list(range(0, max(len(x) - size, 0) + 1, size))
    return [slice(start, end) for start, end in zip(starts, starts[1:] + [len(x)])]


def evaluate_by_batch(case, network, x, y):
    """The scores with each batch's own statistics: BN left in training mode, nothing tracked."""
    network.train()
    norms = [module for module in network.modules() if isinstance(module, networks.Ghost)]
    for norm in norms:
        norm.track_running_stats = False
    with torch.no_grad():
        logits = torch.cat([network(x[group]) for group in groups_of(x, int(case["train.batch"]) // int(case["train.accumulate"]))])
    for norm in norms:
        norm.track_running_stats = True
    return torch.stack([F.cross_entropy(logits, y), (logits.argmax(1) == y).double().mean()])


def take_precise_statistics(case, network, x):
    """PreciseBN: the moments of all that reaches each BN while batches pass in training mode with frozen weights."""
    seen = {module: [] for module in network.modules() if isinstance(module, networks.Ghost)}
    hooks = [norm.register_forward_pre_hook(lambda norm, inputs: seen[norm].append(inputs[0].detach())) for norm in seen]
    evaluated = case | {"train.batch": case["norm.precise_batch"], "train.accumulate": "1"}
    evaluate_by_batch(evaluated, network, x, torch.zeros(len(x), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    for norm, inputs in seen.items():
        inputs = torch.cat(inputs)
        over = [d for d in range(inputs.dim()) if d != 1]
        norm.running_mean.copy_(inputs.mean(over))
        norm.running_var.copy_(inputs.var(over, correction=0))


def prepare(case, network):
    """What weights.py does to the modules of a network before it is trained."""


def train(name, case, start, order, parts, build=networks.build, clip=None):
    """PyTorch's losses and final evaluations, and the trained network's state. clip(case, network) changes the gradients first."""
    x, y = parts["train"]["x"], parts["train"]["y"]
    network = build(name, case, x.shape[1:])
    prepare(case, network)
    network.load_state_dict(start)
    optimizer = make_optimizer(case, network)
    batch = int(case["train.batch"])
    steps_per_epoch = len(x) // batch if case["train.drop_last"] == "true" else math.ceil(len(x) / batch)
    clip_norm, clip_value = float(case["train.clip_norm"]), float(case["train.clip_value"])
    position = {int(sample): i for i, sample in enumerate(parts["train"]["index"])}
    losses = []
    network.train()
    for step, row in enumerate(order):
        samples = [position[int(sample)] for sample in row if sample >= 0]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(case, step, steps_per_epoch)
        optimizer.zero_grad()
        loss = 0.0
        for part in torch.tensor(samples).split(batch // int(case["train.accumulate"])):
            share = F.cross_entropy(network(x[part]), y[part], label_smoothing=float(case["train.label_smoothing"])) * len(part) / len(samples)
            share.backward()
            loss += share.item()
        if clip:
            clip(case, network)
        if clip_norm:
            nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        if clip_value:
            nn.utils.clip_grad_value_(network.parameters(), clip_value)
        optimizer.step()
        losses.append(loss)
    out = {"losses": torch.tensor(losses)} | {part: evaluate(network, parts[part]["x"], parts[part]["y"]) for part in parts}
    state = {name: value.clone() for name, value in network.state_dict().items()}
    if "batch" in case["norm.eval"]:
        out |= {"test_batch": evaluate_by_batch(case, network, parts["test"]["x"], parts["test"]["y"])}
    if "precise" in case["norm.eval"]:
        take_precise_statistics(case, network, x)
        out |= {"test_precise": evaluate(network, parts["test"]["x"], parts["test"]["y"])}
    return out, state


# ---- our side of it ----

def with_lengths(part, lengths):
    """A sequence's length stands behind its ids; labels after its end are those that cross_entropy leaves out."""
    part["x"] = torch.cat([part["x"], lengths[:, None]], 1)
    if part["y"].dim() == 2:
        part["y"] = torch.where(torch.arange(part["y"].shape[1]) < lengths[:, None], part["y"], -100)


def run(program, folder, overrides):
    """Trains the case with the program; what it started from, what it saw, and what came out."""
    config = folder / "case.yaml"
    config.write_text("device: {kind: ref}\n")
    subprocess.run([program, "run", config, *overrides, "--quiet", "--out", folder / "out", "--save-init", folder / "init.safetensors",
                    "--save-final", folder / "final.safetensors", "--save-order", folder / "order.npy"],
                   check=True, stdout=subprocess.DEVNULL)
    name = dict(o.split("=", 1) for o in overrides).get("data.name", DEFAULTS["data.name"])
    data = [o for o in overrides if o.startswith(("data.", "train.seed=")) and not o.startswith("data.name=")]
    subprocess.run([program, "data", "export", name, *data, "--out", folder / "data"], check=True, stdout=subprocess.DEVNULL)
    parts = {part: {what: torch.from_numpy(numpy.load(folder / "data" / f"{part}_{what}.npy")) for what in ("x", "y", "index")}
             for part in ("train", "test")}
    for name, part in parts.items():
        part["x"] = part["x"].double()
        lengths = folder / "data" / f"{name}_lengths.npy"
        if lengths.exists():
            with_lengths(part, torch.from_numpy(numpy.load(lengths)))
    with open(folder / "out" / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return parts, rows


def initial(program, overrides):
    """The weights that a training begins with."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "case.yaml").write_text("device: {kind: ref}\n")
        subprocess.run([program, "run", folder / "case.yaml", *overrides, "train.steps=1", "--quiet", "--out", folder / "out", "--save-init",
                        folder / "init.safetensors"], check=True, stdout=subprocess.DEVNULL)
        return load_file(folder / "init.safetensors")


def relative(ours, torchs):
    """Largest difference over the largest magnitude; NaN stays NaN."""
    return ((ours - torchs).abs().max() / torchs.abs().max()).item()


def judge(cases, build=networks.build, clip=None, check_start=None):
    """PyTorch's tensors of all cases of that file, with which the program agrees. check_start(name, case, start, weights_of): whether the program begins where it
    should; weights_of(overrides) are those that another training begins with."""
    program = pathlib.Path(sys.argv[1]).resolve()
    only = sys.argv[2:]
    tensors, worst = {}, 0.0
    for name, overrides in read_cases(cases).items():
        if only and name not in only:
            continue
        case = DEFAULTS | dict(o.split("=", 1) for o in overrides)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            parts, rows = run(program, folder, overrides)
            start, final = load_file(folder / "init.safetensors"), load_file(folder / "final.safetensors")
            order = numpy.load(folder / "order.npy")
        if check_start:
            check_start(name, case, start, lambda *more: initial(program, [*overrides, *more]))
        torchs, state = train(name, case, start, order, parts, build, clip)
        losses = torch.tensor([float(row["loss"]) for row in rows if row["split"] == "train" and not row["eval"]])
        d = {"losses": ((losses - torchs["losses"]).abs() / torchs["losses"].abs()).max().item()}
        for what in torchs.keys() - {"losses"}:
            part, _, statistics = what.partition("_")
            scores = [row for row in rows if row["split"] == part and row["eval"] == (statistics or "running")][-1]
            d[what] = relative(torch.tensor([float(scores["loss"]), float(scores["accuracy"])]), torchs[what])
        for tensor, value in state.items():  # a bias beside its layer's weight: one that a mean takes away again is rounding noise
            scale = value.abs().max()
            beside = tensor.removesuffix("bias") + "weight"
            if tensor.endswith(".bias") and beside in state:
                scale = torch.maximum(scale, state[beside].abs().max())
            d[tensor] = (final[tensor] - value).abs().max().item() / (scale.max().item() or 1.0)  # a running mean may stay 0
        largest = max(d, key=lambda what: math.inf if math.isnan(d[what]) else d[what])
        print(f"{name:24} loss {torchs['losses'][0]:.4f} to {torchs['losses'][-1]:.4f}, test accuracy {torchs['test'][1]:.3f}; "
              f"largest difference {d[largest]:.1e} ({largest})")
        if not all(value <= AGREE for value in d.values()):
            sys.exit(f"{name}: not within {AGREE:.0e}: " + ", ".join(f"{w} {v:.1e}" for w, v in d.items() if not v <= AGREE))
        worst = max(worst, d[largest])
        tensors |= {f"{name}/{what}": value for what, value in torchs.items()}
    print(f"{sum(name.endswith('/losses') for name in tensors)} cases agree to {worst:.1e}")
    return {} if only else tensors


def store(tensors, name, script):
    if tensors:
        save_file(tensors, HERE / f"{name}.safetensors",
                  {"made_by": f"tests/golden/{script}", "torch": torch.__version__, "numpy": numpy.__version__,
                   "safetensors": safetensors.__version__})


if __name__ == "__main__":
    store(judge("train"), "train", "train.py")
