"""The fully connected network in PyTorch.

    python mlp_torch.py FOLDER eager|compiled

eager: torch.nn.functional, and the faster of torch.optim.SGD's fused and foreach forms. compiled: the whole step, gradient and update included, as one
graph of torch.compile.
"""

import sys
import time

import torch
from torch.nn import functional as F

from competitor import CHECKED, Case, compete

EPS, NORM_MOMENTUM, GROUPS = 1e-5, 0.1, 8


def forward(kind, depth, params, states, x, train=True):
    h = x
    for layer in range(1, depth + 1):
        h = F.linear(h, params[f"fc{layer}.weight"], params.get(f"fc{layer}.bias"))
        if kind != "none":
            gamma, beta = params[f"norm{layer}.weight"], params[f"norm{layer}.bias"]
            if kind == "bn" and train and len(h) == 1:
                h = (h - h.detach()) * gamma + beta  # F.batch_norm refuses a batch of one, whose output is beta
            elif kind == "bn":
                mean, var = states[layer - 1]
                h = F.batch_norm(h, mean, var, gamma, beta, train, NORM_MOMENTUM, EPS)
            elif kind == "ln":
                h = F.layer_norm(h, h.shape[1:], gamma, beta, EPS)
            else:
                h = F.group_norm(h, GROUPS, gamma, beta, EPS)
        h = F.relu(h)
    return F.linear(h, params["head.weight"], params["head.bias"])


def start_from(init, kind, depth):
    params = {name: torch.tensor(value) for name, value in init.items() if "running" not in name and "num_batches" not in name}
    states = [(torch.tensor(init[f"norm{i + 1}.running_mean"]), torch.tensor(init[f"norm{i + 1}.running_var"])) for i in range(depth)] if kind == "bn" else []
    return params, states


def make_eager_step(kind, depth, momentum, lr, params, states, how):
    for p in params.values():
        p.requires_grad_()
    optimizer = torch.optim.SGD(params.values(), lr=lr, momentum=momentum, **{how: True})

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(kind, depth, params, states, x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def make_compiled_step(case, params, states, x, y):
    velocity = {name: torch.zeros_like(p) for name, p in params.items()}

    def objective(params, states, rows):
        return F.cross_entropy(forward(case.norm, case.depth, params, states, x[rows]), y[rows])

    @torch.compile(dynamic=False, fullgraph=True)
    def step(params, velocity, states, rows):
        grads, loss = torch.func.grad_and_value(objective)(params, states, rows)
        for name, p in params.items():
            velocity[name].mul_(case.momentum).add_(grads[name])
            p.sub_(velocity[name], alpha=case.lr)
        return loss

    def run(rows):
        with torch.no_grad():
            return step(params, velocity, states, rows)

    return run


def make_step(case, mode, x, y):
    params, states = start_from(case.init, case.norm, case.depth)
    if mode == "compiled":
        return make_compiled_step(case, params, states, x, y)
    step = make_eager_step(case.norm, case.depth, case.momentum, case.lr, params, states, mode)
    return lambda rows: step(x[rows], y[rows])


def seconds_of(step, order):
    start = time.perf_counter()
    for rows in order:
        step(rows)
    return time.perf_counter() - start


def main():
    case, mode = Case(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    x, y = torch.from_numpy(case.x.reshape(len(case.x), -1)), torch.from_numpy(case.y)
    order = [rows.clone() for rows in torch.from_numpy(case.order).long()]  # a view is another storage offset: compiled anew
    modes = ["fused", "foreach"] if mode == "eager" else [mode]
    best, losses = None, None
    for mode in modes:
        step = make_step(case, mode, x, y)
        losses = [step(rows).item() for rows in order[:CHECKED]]
        took = seconds_of(step, order[:200])
        if best is None or took < best[0]:
            best = took, step
    step = best[1]

    def run():
        for rows in order[:200]:
            loss = step(rows)
        return len(order[:200]), loss.item()

    compete(losses, run)


if __name__ == "__main__":
    main()
