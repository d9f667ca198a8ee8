"""Trainings with RMSprop and Muon, as train.py has them: train_optimizers.cases.

    python tests/golden/train_optimizers.py build/normlab        writes tests/golden/train_optimizers.safetensors

RMSprop is torch.optim's. Muon is torch.optim's code without its cast to bfloat16, on the weights of hidden layers as matrices, and torch.optim.AdamW on all
other parameters.
"""

import inspect

import torch
import train
from torch.optim import _muon

CAST = "grad.to(dtype=torch.bfloat16, copy=True)"
source = inspect.getsource(_muon._zeropower_via_newtonschulz)
assert source.count(CAST) == 1
exec(source.replace(CAST, "grad.clone()"), vars(_muon))  # the function has the module's names, and the module this function


class Muon(torch.optim.Optimizer):
    """torch.optim's function, on each weight as a matrix of its outputs by all its inputs."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("buffer", torch.zeros_like(p))
                matrices = [[tensor.view(len(p), -1)] for tensor in (p, p.grad.contiguous(), buffer)]
                _muon.muon(*matrices, lr=group["lr"], weight_decay=group["weight_decay"], momentum=group["momentum"], nesterov=group["nesterov"],
                           ns_coefficients=(_muon.DEFAULT_A, _muon.DEFAULT_B, _muon.DEFAULT_C), eps=_muon.EPS, ns_steps=_muon.DEFAULT_NS_STEPS,
                           adjust_lr_fn=None, has_complex=False)


class Both:
    def __init__(self, *optimizers):
        self.optimizers = optimizers
        self.param_groups = [group for optimizer in optimizers for group in optimizer.param_groups]

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


def make_optimizer(case, network):
    decay, on = float(case["train.weight_decay"]), case["train.weight_decay_on"]
    parameters = dict(network.named_parameters())
    matrices = [name for name, p in parameters.items() if p.dim() >= 2]
    decays = {"all": list(parameters), "weights": matrices, "matrices": matrices}[on]
    hidden = matrices[:-1] if case["train.optimizer"] == "muon" else []  # the last one is the head's

    def groups(names):
        return [{"params": [parameters[name] for name in names if (name in decays) == pulls], "weight_decay": decay if pulls else 0.0} for pulls in (True, False)]

    rest = groups([name for name in parameters if name not in hidden])
    beta2 = case["train.beta2"]
    if case["train.optimizer"] == "rmsprop":
        return torch.optim.RMSprop(rest, lr=1.0, alpha=0.99 if beta2 == "auto" else float(beta2), eps=float(case["train.adam_eps"]),
                                   momentum=float(case["train.momentum"]))
    betas = float(case["train.beta1"]), 0.999 if beta2 == "auto" else float(beta2)
    adamw = torch.optim.AdamW(rest, lr=1.0, betas=betas, eps=float(case["train.adam_eps"]))
    muon = Muon(groups(hidden), {"lr": 1.0, "momentum": float(case["train.momentum"]), "nesterov": case["train.nesterov"] == "true"})
    return Both(muon, adamw)


train.make_optimizer = make_optimizer

if __name__ == "__main__":
    train.store(train.judge("train_optimizers"), "train_optimizers", "train_optimizers.py")
