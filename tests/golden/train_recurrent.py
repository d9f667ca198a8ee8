"""Trainings of recurrent networks, repeated by PyTorch as train.py does.

    python tests/golden/train_recurrent.py build/normlab [CASE ...]        writes tests/golden/train_recurrent.safetensors, which tests/golden/test_golden_train.c reads

Without a normalizer they are torch.nn.LSTM, GRU and RNN themselves, which take our weights by load_state_dict. With one the cell is written out: of Ba et al.
2016 (equations 20 to 22), or of Cooijmans et al. 2017, where each of the first times has running statistics of its own.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import networks
import train

train.DEFAULTS |= {"model.bidirectional": "false", "model.stateful": "false", "norm.time_limit": "auto", "norm.skip": "", "norm.weights": "none"}
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
CHARACTERS = 65  # of Shakespeare's plays


class PerTime(nn.Module):
    """BN with running statistics of each of the first times."""

    def __init__(self, case, channels, times):
        super().__init__()
        limit = times if case["norm.time_limit"] == "auto" else min(times, int(case["norm.time_limit"]))
        self.eps, self.momentum = float(case["norm.eps"]), float(case["norm.momentum"])
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.register_buffer("running_mean", torch.zeros(limit, channels))
        self.register_buffer("running_var", torch.ones(limit, channels))
        self.register_buffer("num_batches_tracked", torch.zeros(limit, dtype=torch.int64))

    def forward(self, x, time):
        at = min(time, len(self.running_mean) - 1)
        if self.training:
            self.num_batches_tracked[at] += 1
        return F.batch_norm(x, self.running_mean[at], self.running_var[at], self.weight, self.bias, self.training, self.momentum, self.eps)


class Timeless(nn.Module):
    """A normalizer to which all times are alike; its parameters are the module's own."""

    def __init__(self, module):
        super().__init__()
        self.module = [module]
        for name, parameter in module.named_parameters():
            self.register_parameter(name, parameter)

    def forward(self, x, time):
        return self.module[0](x)


def make_norm(case, channels, times):
    return PerTime(case, channels, times) if case["norm.kind"] == "bn" else Timeless(networks.make_norm(case, (channels,)))


class Cells(nn.Module):
    """Recurrent layers with normalizers, in the names of torch.nn.LSTM."""

    def __init__(self, case, inputs, times):
        super().__init__()
        self.kind, self.width, self.depth = case["model.arch"], int(case["model.width"]), int(case["model.depth"])
        self.ways = ("", "_reverse") if case["model.bidirectional"] == "true" else ("",)
        self.activation = networks.make_activation(case)
        rows, number = GATES[self.kind] * self.width, 0
        sides = [("ih", rows), ("hh", rows)] + [("c", self.width)] * (self.kind == "lstm")
        skipped = [int(which) for which in case["norm.skip"].split(",") if which]
        count = len(sides) * len(self.ways) * self.depth
        for layer in range(self.depth):
            for way in self.ways:
                end = f"_l{layer}{way}"
                self.register_parameter("weight_ih" + end, nn.Parameter(torch.empty(rows, inputs)))
                self.register_parameter("weight_hh" + end, nn.Parameter(torch.empty(rows, self.width)))
                for side, channels in sides:
                    number += 1
                    normalized = number not in skipped and number - count - 1 not in skipped
                    if normalized:
                        self.add_module(f"norm_{side}{end}", make_norm(case, channels, times))
                    behind = side == "ih" and not hasattr(getattr(self, f"norm_{side}{end}", None), "bias")
                    if side != "c" and (case["model.bias"] == "on" or not normalized or behind):
                        self.register_parameter(f"bias_{side}{end}", nn.Parameter(torch.empty(rows)))
            inputs = self.width * len(self.ways)
        self.bias_is_before = case["model.bias"] == "on"

    def gates(self, side, end, x, time):
        y, norm, bias = x @ getattr(self, f"weight_{side}{end}").T, getattr(self, f"norm_{side}{end}", None), getattr(self, f"bias_{side}{end}", None)
        if norm is None:
            return y + bias
        if bias is not None and self.bias_is_before:
            return norm(y + bias, time)
        return norm(y, time) if bias is None else norm(y, time) + bias

    def step(self, end, x, h, c, time):
        a, b = self.gates("ih", end, x, time), self.gates("hh", end, h, time)
        if self.kind == "rnn":
            return self.activation(a + b), c
        if self.kind == "gru":
            (ar, az, an), (br, bz, bn) = a.chunk(3, 1), b.chunk(3, 1)
            r, z = torch.sigmoid(ar + br), torch.sigmoid(az + bz)
            return (1 - z) * torch.tanh(an + r * bn) + z * h, c
        i, f, g, o = (a + b).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        norm = getattr(self, "norm_c" + end, None)
        return torch.sigmoid(o) * torch.tanh(norm(c, time) if norm else c), c

    def forward(self, x, lengths=None):
        """A sequence is no longer there after its end, at which its state stays, and before which backwards its state is 0."""
        counts = torch.ones(x.shape[:2], dtype=torch.bool) if lengths is None else torch.arange(x.shape[1]) < lengths[:, None]
        for layer in range(self.depth):
            out, last = [], []
            for way in self.ways:
                h = c = x.new_zeros(len(x), self.width)
                places = range(x.shape[1])[::-1 if way else 1]
                states = {}
                for time, place in enumerate(places):
                    there, after = counts[:, place, None], self.step(f"_l{layer}{way}", x[:, place], h, c, time)
                    h, c = torch.where(there, after[0], h), torch.where(there, after[1], c)
                    states[place] = h
                out.append(torch.stack([states[place] for place in sorted(states)], 1))
                last.append(h)
            x = torch.cat(out, 2)
        return x, torch.stack(last)


class Network(nn.Module):
    """Of images (H, W, C), pixel by pixel, with one answer, or of token ids (S) with one at each position."""

    def __init__(self, case, shape, classes):
        super().__init__()
        self.each, hidden, ways = len(shape) == 1, int(case["model.width"]), 1 + (case["model.bidirectional"] == "true")
        channels, times = (hidden, shape[0]) if self.each else (shape[2], shape[0] * shape[1])
        if self.each:
            tokens, classes = (CHARACTERS, CHARACTERS) if case["data.name"] == "text" else (int(case["data.symbols"]) + 2, int(case["data.symbols"]) + 1)
            self.embedding = nn.Embedding(tokens, hidden)
        if case["norm.kind"] == "none":
            options = {"nonlinearity": case["model.activation"]} if case["model.arch"] == "rnn" else {}
            self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[case["model.arch"]](
                channels, hidden, int(case["model.depth"]), batch_first=True, bidirectional=ways == 2, bias=case["model.bias"] != "off", **options)
        else:
            self.rnn = Cells(case, channels, times)
        if case["norm.weights"] == "wn":
            for name in [name for name, _ in self.rnn.named_parameters() if name.startswith("weight")]:
                parametrizations.weight_norm(self.rnn, name)
        self.ways, self.head = ways, nn.Linear(hidden * ways, classes)
        self.stateful, self.steps = case["model.stateful"] == "true", 0
        self.steps_per_epoch = int(case["data.train"]) // int(case["train.batch"])

    def recur(self, x):
        """Truncated back-propagation through time, as in PyTorch's word_language_model: the states of the batch before are "repackaged"; an epoch begins with zeros."""
        if not self.stateful or not self.training:
            return self.rnn(x)
        y, states = self.rnn(x, None if self.steps % self.steps_per_epoch == 0 else self.states)
        self.states = tuple(state.detach() for state in states) if isinstance(states, tuple) else states.detach()
        self.steps += 1
        return y, states

    def forward(self, x):
        y, states = self.recur(self.embedding(x.long()) if self.each else x.flatten(1, 2))
        if self.each:
            return self.head(y).transpose(1, 2)
        states = states[0] if isinstance(states, tuple) else states
        return self.head(torch.cat(list(states[-self.ways:]), 1))


if __name__ == "__main__":
    train.store(train.judge("train_recurrent", build=lambda name, case, shape: Network(case, shape, classes=10)), "train_recurrent", "train_recurrent.py")
