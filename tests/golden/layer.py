"""What the scripts norm_WORD.py have in common: cases of one layer, and the file of what PyTorch computes.

A line of norm_WORD.cases is a name, a shape N,H,W,C and key=value words of the norm section; the words of its first line are part of every case.
norm_WORD.safetensors has, of each case:

    x dy            (N, H, W, C)
    lengths         (N) of sequences: a word of the line, lengths:5,2,0
    NAME            of each parameter and state: what it is before, by the name that `normlab norm` has for it (gamma, alpha, running_mean)
    y dx            in training
    dNAME           of each parameter
    NAME_after      of each state
    y_eval dx_eval  in evaluation, with the states after training; left out where a layer has no states
"""

import pathlib
import zlib

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = pathlib.Path(__file__).parent


class Case:
    def __init__(self, name, shape, words):
        self.name = name
        self.shape = tuple(int(n) for n in shape.split(","))
        self.key = dict(word.removeprefix("norm.").split("=", 1) for word in words if "=" in word)
        self.lengths = [int(n) for word in words if word.startswith("lengths:") for n in word.removeprefix("lengths:").split(",")]
        self.values = self.key.pop("values", "normal")
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def number(self, key, otherwise):
        return float(self.key.get(key, otherwise))

    def draw(self, *shape):
        """Numbers of the case's own, so that a new case moves no other."""
        return torch.randn(*shape, generator=self.generator)

    def inputs(self):
        """x and dy. The name's last word says what x is like: .equal, no spread within a channel; .far, a mean of 1e4 standard deviations; .large,
        .small, times 1e4 or 1e-4; .ties, few different numbers."""
        x = self.draw(*self.shape)
        kind = self.name.rsplit(".", 1)[-1]
        if kind == "equal":
            x = x[:1, :1, :1].expand(self.shape).clone()
        elif kind == "far":
            x = x + 1e4
        elif kind in ("large", "small"):
            x = x * (1e4 if kind == "large" else 1e-4)
        elif kind == "ties":
            x = torch.round(x)
        return x, self.draw(*self.shape)


def read(word):
    lines = [line.split() for line in (HERE / f"norm_{word}.cases").read_text().splitlines() if line and not line.startswith("#")]
    common = lines[0][1:]
    return [Case(line[0], line[1], common + line[2:]) for line in lines[1:]]


class Layer:
    """A layer under test: parameters and states by name, and forward(x, training), which replaces states by new tensors."""

    def __init__(self, case, parameters, states=None):
        self.case, self.states = case, states or {}
        self.parameters = {name: value.clone().requires_grad_() for name, value in parameters.items()}


def write(word, make):
    """make(case): its Layer."""
    out = {}
    for case in read(word):
        x, dy = case.inputs()
        layer = make(case)
        put = lambda name, value: out.__setitem__(f"{case.name}/{name}", value.detach().clone().contiguous())
        put("x", x)
        put("dy", dy)
        if case.lengths:
            put("lengths", torch.tensor(case.lengths, dtype=torch.float64))
        for name, value in {**layer.parameters, **layer.states}.items():
            put(name, value)

        def both(suffix, training):
            at = x.clone().requires_grad_()
            y = layer.forward(at, training)
            gradients = torch.autograd.grad((y * dy).sum(), [at, *layer.parameters.values()], allow_unused=True)
            put("y" + suffix, y)
            put("dx" + suffix, torch.zeros_like(x) if gradients[0] is None else gradients[0])
            return gradients[1:]

        for (name, value), gradient in zip(layer.parameters.items(), both("", True)):
            put("d" + name, torch.zeros_like(value) if gradient is None else gradient)
        for name, value in layer.states.items():
            put(name + "_after", value)
        if layer.states:
            both("_eval", False)
    save_file(out, str(HERE / f"norm_{word}.safetensors"))
    print(f"norm_{word}.safetensors: {len(out)} tensors")
