"""Running statistics of batch normalizers: 200 training steps of every case in running.cases, repeated by PyTorch in float64.

    python tests/golden/running.py build/normlab [CASE ...]        writes tests/golden/running.safetensors

As train.py, with normalizers that say what becomes of their running statistics: frozen ones are F.batch_norm with training=False, as FrozenBatchNorm2d of
torchvision and detectron2 has it; a reset is reset_running_stats; workers have a BatchNorm each with the same parameters, of which DistributedDataParallel
keeps the buffers of rank 0, and SyncBatchNorm is one over all of them.
"""

import math
import pathlib
import subprocess

import torch
import torch.nn.functional as F
from torch import nn

import networks
import train

train.DEFAULTS |= {"norm.freeze": "1", "norm.freeze_affine": "false", "norm.momentum_schedule": "constant", "norm.momentum_end": "0.01",
                   "norm.momentum_lr": "0.01", "norm.reset": "0", "norm.history": "16", "norm.sync": "false", "train.workers": "1"}
TRAINING_SAMPLES = 1428  # of digits


class Normalize(torch.autograd.Function):
    """z = x scale, whose gradient takes the mean of products from `average`."""

    @staticmethod
    def forward(ctx, x, scale, over, average):
        z = x * scale
        ctx.save_for_backward(z, scale)
        ctx.over, ctx.average = over, average
        return z

    @staticmethod
    def backward(ctx, g):
        z, scale = ctx.saved_tensors
        psi = ctx.average((g * z).mean(ctx.over, keepdim=True))
        return scale * (g - z * psi), None, None, None


class Followed(nn.Module):
    """bn, brn and mabn, step by step."""

    def __init__(self, case, channels):
        super().__init__()
        self.case, self.calls = case, 0
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        if case["norm.running"] == "learned":
            self.register_buffer("learned_momentum", torch.zeros(3, channels))
        if case["norm.kind"] == "mabn":
            self.register_buffer("history", torch.zeros(2, int(case["norm.history"]), channels))

    def number(self, key):
        return float(self.case[key])

    def reset(self):
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches_tracked.zero_()
        if "learned_momentum" in self._buffers:
            self.learned_momentum.zero_()

    def learned(self, mean, var):
        """Each channel's momentum: autograd differentiates the error, in which the running statistics are linear in the momentum."""
        shift, mean_slope, var_slope = self.learned_momentum
        eps, begin = self.number("norm.eps"), self.number("norm.momentum")
        logit = math.log(begin / (1 - begin)) + shift
        a = logit.clone().requires_grad_()
        with torch.enable_grad():
            moved = torch.sigmoid(a) - torch.sigmoid(logit)
            m, v = self.running_mean + moved * mean_slope, self.running_var + moved * var_slope
            error = (mean - m) ** 2 / (self.running_var + eps) + ((var + eps).log() - (v + eps).log()) ** 2
            gradient, = torch.autograd.grad(error.sum(), a)
        shift -= self.number("norm.momentum_lr") * gradient.clamp(-1, 1)
        momentum = torch.sigmoid(math.log(begin / (1 - begin)) + shift)
        mean_slope.copy_((1 - momentum) * mean_slope + mean - self.running_mean)
        var_slope.copy_((1 - momentum) * var_slope + var - self.running_var)
        return momentum

    def momentum(self, mean, var):
        first, last, done = self.number("norm.momentum"), self.number("norm.momentum_end"), self.calls / self.number("train.steps")
        if self.case["norm.running"] == "cumulative":
            return 1 / int(self.num_batches_tracked)
        if self.case["norm.running"] == "learned":
            return self.learned(mean, var)
        if self.case["norm.momentum_schedule"] == "linear":
            return first + (last - first) * done
        if self.case["norm.momentum_schedule"] == "cosine":
            return last + (first - last) * 0.5 * (1 + math.cos(math.pi * done))
        return first

    @torch.no_grad()
    def follow(self, mean, var):
        self.num_batches_tracked += 1
        momentum = self.momentum(mean, var)
        self.running_mean.copy_((1 - momentum) * self.running_mean + momentum * mean)
        self.running_var.copy_((1 - momentum) * self.running_var + momentum * var)

    def bounds(self):
        until = self.number("norm.warmup") * self.number("train.steps")
        grown = self.calls / until if self.calls < until else 1.0
        return 1 + (self.number("norm.r_max") - 1) * grown, self.number("norm.d_max") * grown

    def batch(self, x, followed):
        """One set a channel. followed: whether running statistics take it in."""
        over = [d for d in range(x.dim()) if d != 1]
        y = F.batch_norm(x, None, None, None, None, True, eps=self.number("norm.eps"))
        mean, var = x.detach().mean(over), x.detach().var(over)
        if self.case["norm.kind"] == "brn":
            shape = [-1 if d == 1 else 1 for d in range(x.dim())]
            r_max, d_max = self.bounds()
            running = (self.running_var + self.number("norm.eps")).sqrt()
            r = ((x.detach().var(over, correction=0) + self.number("norm.eps")).sqrt() / running).clamp(1 / r_max, r_max)
            d = ((mean - self.running_mean) / running).clamp(-d_max, d_max)
            y = y * r.reshape(shape) + d.reshape(shape)
        if followed:
            self.follow(mean, var)
        return y

    def moving(self, x):
        over, eps = [d for d in range(x.dim()) if d != 1], self.number("norm.eps")
        shape = [-1 if d == 1 else 1 for d in range(x.dim())]
        before, size = int(self.num_batches_tracked), self.history.shape[1]

        def average(of, value):
            of[before % size] = value.flatten().detach()
            return value if before < size else of.mean(0).reshape(value.shape)

        chi = average(self.history[0], (x.detach() ** 2).mean(over)).reshape(shape)
        z = Normalize.apply(x, 1 / (chi + eps).sqrt(), over, lambda value: average(self.history[1], value))
        r_max, _ = self.bounds()
        r = ((chi + eps).sqrt() / (self.running_var.reshape(shape) + eps).sqrt()).clamp(1 / r_max, r_max)
        self.follow(torch.zeros_like(self.running_mean), chi.flatten())
        return r * z

    def steps(self, x):
        workers = 1 if self.case["norm.sync"] == "true" else int(self.case["train.workers"])
        parts = []
        for worker, part in enumerate(x.chunk(workers)):
            size = len(part) if self.case["norm.stat_batch"] == "auto" else int(self.case["norm.stat_batch"])
            parts += [self.batch(slice, worker == 0) for slice in part.split(size)]
        return torch.cat(parts)

    def forward(self, x):
        shape = [-1 if d == 1 else 1 for d in range(x.dim())]
        frozen = self.calls >= self.number("norm.freeze") * self.number("train.steps")
        weight, bias = self.weight, self.bias
        if not self.training or frozen:
            y = F.batch_norm(x, self.running_mean, self.running_var, eps=self.number("norm.eps"))
            if frozen and self.case["norm.freeze_affine"] == "true":  # no gradient: an optimizer passes them over
                weight, bias = weight.detach(), bias.detach()
        else:
            every = round(self.number("norm.reset") * (TRAINING_SAMPLES // int(self.case["train.batch"])))
            if every and self.calls and self.calls % every == 0:
                self.reset()
            y = self.moving(x) if self.case["norm.kind"] == "mabn" else self.steps(x)
        self.calls += self.training
        return y * weight.reshape(shape) + bias.reshape(shape)


def train_and_adapt(name, case, start, order, parts, *how):
    out, state = repeat(name, case, start, order, parts, *how)
    if "adapt" in case["norm.eval"]:
        out |= {f"{part}_adapt": adapt(case, state, parts[part]["x"], parts[part]["y"]) for part in ("test",)}
    return out, state


@torch.no_grad()
def adapt(case, state, x, y):
    """AdaBN: statistics of all that reaches each normalizer while x passes, batch by batch with statistics of its own; then x with them."""
    network = networks.Network(case, x.shape[1:], classes=10)
    network.load_state_dict(state)
    seen = {module: [] for module in network.modules() if isinstance(module, Followed)}
    hooks = [norm.register_forward_pre_hook(lambda norm, inputs: seen[norm].append(inputs[0])) for norm in seen]
    for norm in seen:
        norm.forward = lambda x, norm=norm: F.batch_norm(x, None, None, norm.weight, norm.bias, True, eps=norm.number("norm.eps"))
    for group in train.groups_of(x, int(case["norm.precise_batch"])):
        network(x[group])
    for hook in hooks:
        hook.remove()
    for norm, inputs in seen.items():
        del norm.forward
        inputs = torch.cat(inputs)
        over = [d for d in range(inputs.dim()) if d != 1]
        norm.running_mean.copy_(inputs.mean(over))
        norm.running_var.copy_(inputs.var(over, correction=0))
    return train.evaluate(network, x, y)


def run_loaded(program, folder, overrides):
    """norm.freeze=0 begins with a network that has been trained: for 60 steps, as tests/golden/test_golden_train.c has it."""
    if "norm.freeze=0" not in overrides:
        return run(program, folder, overrides)
    config, loaded = folder / "first.yaml", folder / "loaded.safetensors"
    config.write_text("device: {kind: ref}\n")
    subprocess.run([program, "run", config, *overrides, "norm.freeze=1", "train.steps=60", "--quiet", "--out", folder / "first", "--save-final", loaded],
                   check=True, stdout=subprocess.DEVNULL)
    return run(program, folder, overrides + [f"model.load={loaded}"])


repeat, run = train.train, train.run
train.train, train.run = train_and_adapt, run_loaded
networks.make_norm = lambda case, shape: Followed(case, shape[0])

if __name__ == "__main__":
    train.store(train.judge("running"), "running", "running.py")
