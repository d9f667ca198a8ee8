"""The fully connected network in PyTorch.

    python mlp_torch.py FOLDER eager|compiled [--device cuda]
    python mlp_torch.py FOLDER vmap REPLICAS [--device cuda]      a time is a replica's

eager: torch.nn.functional, and the faster of torch.optim.SGD's fused and foreach forms. compiled: the whole step, gradient and update included, as one
graph of torch.compile. vmap: the same step of many trainings at once, compiled too.
"""

import sys
import time

import torch
from torch.nn import functional as F

from competitor import CHECKED, DEVICE, Case, compete, own_orders
from torch_device import prepare

EPS, NORM_MOMENTUM, GROUPS = 1e-5, 0.1, 8


def batch_norm(h, gamma, beta, state):
    """Output and new state, nothing in place: torch.func.vmap refuses F.batch_norm's running statistics."""
    mean = h.mean(0)
    centred = h - mean
    var = (centred * centred).mean(0)
    unbiased = var * (len(h) / max(len(h) - 1, 1))
    state = tuple((1 - NORM_MOMENTUM) * old + NORM_MOMENTUM * new.detach() for old, new in zip(state, (mean, unbiased)))
    return centred * (torch.rsqrt(var + EPS) * gamma) + beta, state


def normalize(kind, h, gamma, beta, state, train):
    if kind == "bn" and train and len(h) == 1:
        return (h - h.detach()) * gamma + beta  # F.batch_norm refuses a batch of one, whose output is beta
    if kind == "bn":
        return F.batch_norm(h, *state, gamma, beta, train, NORM_MOMENTUM, EPS)
    if kind == "ln":
        return F.layer_norm(h, h.shape[1:], gamma, beta, EPS)
    return F.group_norm(h, GROUPS, gamma, beta, EPS)


def forward(kind, depth, params, states, x, train=True, functional=False):
    """Logits; functional: and the new states, instead of those given being overwritten."""
    h, new = x, []
    for layer in range(1, depth + 1):
        h = F.linear(h, params[f"fc{layer}.weight"], params.get(f"fc{layer}.bias"))
        if kind != "none":
            gamma, beta, state = params[f"norm{layer}.weight"], params[f"norm{layer}.bias"], states[layer - 1] if states else None
            if functional and kind == "bn":
                h, state = batch_norm(h, gamma, beta, state)
                new.append(state)
            else:
                h = normalize(kind, h, gamma, beta, state, train)
        h = F.relu(h)
    logits = F.linear(h, params["head.weight"], params["head.bias"])
    return (logits, new) if functional else logits


def start_from(init, kind, depth):
    params = {name: torch.tensor(value) for name, value in init.items() if "running" not in name and "num_batches" not in name}
    states = [(torch.tensor(init[f"norm{i + 1}.running_mean"]), torch.tensor(init[f"norm{i + 1}.running_var"])) for i in range(depth)] if kind == "bn" else []
    return params, states


def make_eager_step(kind, depth, momentum, lr, params, states, how):
    """step(x, y), both of one batch; how: fused or foreach."""
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


def update(case, params, velocity, grads):
    for name, p in params.items():
        velocity[name].mul_(case.momentum).add_(grads[name])
        p.sub_(velocity[name], alpha=case.lr)


def make_compiled_step(case, params, states, x, y):
    velocity = {name: torch.zeros_like(p) for name, p in params.items()}

    def objective(params, states, rows):
        return F.cross_entropy(forward(case.norm, case.depth, params, states, x[rows]), y[rows])

    @torch.compile(dynamic=False, fullgraph=True)
    def step(params, velocity, states, rows):
        grads, loss = torch.func.grad_and_value(objective)(params, states, rows)
        update(case, params, velocity, grads)
        return loss

    def run(rows):
        with torch.no_grad():
            return step(params, velocity, states, rows)

    return run


def make_vmap_step(case, params, states, x, y, replicas):
    """step(rows (replicas, batch)): the losses of all replicas."""
    def stack(value):
        return value.expand(replicas, *value.shape).contiguous()

    params = {name: stack(p) for name, p in params.items()}
    states = [tuple(map(stack, state)) for state in states]
    velocity = {name: torch.zeros_like(p) for name, p in params.items()}

    def objective(params, states, x, y):
        logits, new = forward(case.norm, case.depth, params, states, x, functional=True)
        return F.cross_entropy(logits, y), new

    gradient = torch.func.vmap(torch.func.grad_and_value(objective, has_aux=True))

    @torch.compile(dynamic=False, fullgraph=True)
    def step(params, velocity, states, rows):
        grads, (losses, new) = gradient(params, states, x[rows], y[rows])
        update(case, params, velocity, grads)
        for state, values in zip(states, new):
            for old, value in zip(state, values):
                old.copy_(value)
        return losses

    def run(rows):
        with torch.no_grad():
            return step(params, velocity, states, rows)

    return run


def seconds_of(step, order):
    start = time.perf_counter()
    for rows in order:
        loss = step(rows)
    loss.reshape(-1)[0].item()  # waits for a device
    return time.perf_counter() - start


def main():
    case, mode, replicas = Case(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1
    prepare()
    x, y = torch.from_numpy(case.x.reshape(len(case.x), -1)).to(DEVICE), torch.from_numpy(case.y).to(DEVICE)
    orders = own_orders(case.order, replicas).transpose(1, 0, 2) if mode == "vmap" else case.order
    order = [rows.clone() for rows in torch.from_numpy(orders).long().to(DEVICE)]  # a view is another storage offset: compiled anew

    def make(how):
        params, states = start_from(case.init, case.norm, case.depth)
        if how == "compiled":
            return make_compiled_step(case, params, states, x, y)
        if how == "vmap":
            return make_vmap_step(case, params, states, x, y, replicas)
        step = make_eager_step(case.norm, case.depth, case.momentum, case.lr, params, states, how)
        return lambda rows: step(x.index_select(0, rows), y.index_select(0, rows))

    best, losses = None, None
    for how in ["fused", "foreach"] if mode == "eager" else [mode]:
        step = make(how)
        losses = [step(rows).reshape(-1)[0].item() for rows in order[:CHECKED]]
        took = seconds_of(step, order[:200])
        if best is None or took < best[0]:
            best = took, step
    step = best[1]

    def run():
        for rows in order[:200]:
            loss = step(rows)
        return len(order[:200]) * replicas, loss.reshape(-1)[0].item()

    compete(losses, run)


if __name__ == "__main__":
    main()
