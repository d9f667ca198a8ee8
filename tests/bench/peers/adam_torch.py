"""What the peers on sequences share in PyTorch: AdamW with decay of matrices alone (Adam where the decay is 0), and gradients clipped to a norm of 1."""

import itertools
import time

import torch

from competitor import CHECKED, compete
from torch_device import prepare

EPS = 1e-8


def compiled(function):
    return torch.compile(function, dynamic=False, fullgraph=True)


def start_from(init):
    return {name: torch.tensor(value) for name, value in init.items()}


def make_module_step(loss_of, params, case):
    """The gradient by autograd, clipping and the fused AdamW of torch.optim."""
    for p in params.values():
        p.requires_grad_()
    groups = [{"params": [p for p in params.values() if (p.dim() > 1) == decays], "weight_decay": case.decay * decays} for decays in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=case.lr, betas=(case.beta1, case.beta2), eps=EPS, fused=True)

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(params, x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params.values(), case.clip)
        optimizer.step()
        return loss.detach()

    return step


def make_compiled_step(loss_of, params, case):
    """Gradient, clipping and update as one graph of torch.compile."""
    first, second = ({name: torch.zeros_like(p) for name, p in params.items()} for _ in range(2))
    taken = torch.zeros(())

    @compiled
    def step(x, y):
        grads, loss = torch.func.grad_and_value(loss_of)(params, x, y)
        norm = torch.stack([g.square().sum() for g in grads.values()]).sum().sqrt()
        scale = (case.clip / (norm + 1e-6)).clamp(max=1.0)
        taken.add_(1)
        for name, p in params.items():
            g = grads[name] * scale
            first[name].lerp_(g, 1 - case.beta1)
            second[name].mul_(case.beta2).addcmul_(g, g, value=1 - case.beta2)
            rate = (second[name] / (1 - case.beta2 ** taken)).sqrt() + EPS
            p.mul_(1 - case.lr * case.decay * (p.dim() > 1)).sub_(case.lr * (first[name] / (1 - case.beta1 ** taken)) / rate)
        return loss

    def run(x, y):
        with torch.no_grad():
            return step(x, y)

    return run


def compete_by(mode, case, *forms, threads=1):
    """mode: eager; forward, where the loss is one graph of torch.compile; compiled, where the whole step is. forms: loss_of(params, x, y), written in several
    ways, of which the fastest is timed."""
    prepare(threads)
    x, y = torch.from_numpy(case.x), torch.from_numpy(case.y)
    order = [rows.clone() for rows in torch.from_numpy(case.order).long()]
    runs = []
    for loss_of in forms:
        if mode == "forward":
            loss_of = compiled(loss_of)
        step = (make_compiled_step if mode == "compiled" else make_module_step)(loss_of, start_from(case.init), case)
        steps = itertools.cycle(order)
        losses = [step(x[rows], y[rows]).item() for rows in itertools.islice(steps, CHECKED)]

        def run(step=step, steps=steps):
            for rows in itertools.islice(steps, case.chunk):
                loss = step(x[rows], y[rows])
            return case.chunk, loss.item()

        start = time.perf_counter()
        run()
        runs.append((time.perf_counter() - start, losses, run))
    _, losses, run = min(runs, key=lambda found: found[0])
    compete(losses, run)
