"""Loss and gradients of networks of the operations of sequences, by PyTorch in float64.

    python tests/golden/sequence.py      writes tests/golden/sequence.safetensors, which tests/engine/test_sequence.c reads

Parameters and inputs are formulas, which the test has too: element e of parameter number i, in the order of the layers, is
sin(e + 1 + 100 i) / sqrt(its last dimension). The loss is the mean over the positions that count.
"""

import pathlib

import numpy
import safetensors
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
ACTIVATIONS = {"relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu}


class Parameters:
    """Named tensors, made as they are asked for."""

    def __init__(self):
        self.of = {}

    def __call__(self, name, *shape):
        count = torch.Size(shape).numel()
        value = torch.sin(torch.arange(count, dtype=torch.float64) + 1 + 100 * len(self.of)) / shape[-1] ** 0.5
        self.of[name] = value.reshape(shape).requires_grad_()
        return self.of[name]


def sinusoids(positions, channels):
    s, c = torch.meshgrid(torch.arange(positions), torch.arange(channels), indexing="ij")
    angle = s.double() / 10000.0 ** ((c // 2 * 2).double() / channels)
    return torch.where(c % 2 == 1, angle.cos(), angle.sin())


def turn(x):
    """Su et al. 2021, equation 34, of (N, heads, S, D): pairs of channels as complex numbers."""
    positions, width = x.shape[-2:]
    rate = 10000.0 ** (-torch.arange(0, width, 2).double() / width)
    angle = torch.outer(torch.arange(positions).double(), rate)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(pairs).flatten(-2)


def attend(q, k, v, flags, counts):
    """Of (N, heads, S, D). counts (N, S): the positions that count; the others put out 0."""
    if "r" in flags:
        q, k = turn(q), turn(k)
    may = counts[:, None, None, :] & counts[:, None, :, None]
    if "c" in flags:
        may = may & torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).tril()
    may = may | ~counts[:, None, :, None]  # a softmax needs something; it is thrown away
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=may)
    return (y * counts[:, None, :, None]).transpose(1, 2).flatten(-2)


def heads_of(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def layer(word, i, x, counts, own, state):
    kind, _, told = word.partition(":")
    if kind == "embed":
        state["table"] = own(f"l{i}.weight", state["vocabulary"], int(told))
        return F.embedding(x, state["table"])
    if kind == "linear":
        return F.linear(x, own(f"l{i}.weight", int(told), x.shape[-1]), own(f"l{i}.bias", int(told)))
    if kind == "tied":
        return x @ state["table"].T
    if kind == "learned":
        return x + own(f"l{i}.weight", *x.shape[1:])
    if kind == "sin":
        return x + sinusoids(*x.shape[1:])
    if kind == "cls":
        return torch.cat([own(f"l{i}.weight", 1, x.shape[-1]).expand(len(x), 1, -1), x], 1)
    if kind in ("attn", "qkv"):
        heads, flags = int(told.rstrip("cr")), told.lstrip("0123456789")
        if kind == "qkv":
            width = x.shape[-1]
            x = F.linear(x, own(f"l{i}.in.weight", 3 * width, width), own(f"l{i}.in.bias", 3 * width))
        q, k, v = (heads_of(part, heads) for part in x.chunk(3, -1))
        if kind == "qkv":
            q = F.rms_norm(q, q.shape[-1:], own(f"l{i}.q.weight", q.shape[-1]), eps=1e-3)
            k = F.rms_norm(k, k.shape[-1:], own(f"l{i}.k.weight", k.shape[-1]), eps=1e-3)
        return attend(q, k, v, flags, counts)
    if kind == "gate":
        a, b = x.chunk(2, -1)
        return ACTIVATIONS[told](a) * b
    if kind == "act":
        return ACTIVATIONS[told](x)
    if kind == "keep":
        state["kept"] = x
        return x
    if kind == "add":
        return x + state["kept"]
    if kind == "first":
        return x[:, 0]
    if kind == "last":
        last = (counts.sum(1) - 1).clamp(min=0)
        return x[torch.arange(len(x)), last] * counts.any(1, keepdim=True)
    if kind == "mean":
        return (x * counts.unsqueeze(2)).sum(1) / counts.sum(1, keepdim=True).clamp(min=1)
    raise ValueError(word)


def compute(sizes, words):
    samples, positions, classes = sizes["samples"], sizes["positions"], sizes["classes"]
    at = torch.arange(samples * positions)
    lengths = (positions - 3 * torch.arange(samples)) % (positions + 1) if sizes["lengths"] else torch.full((samples,), positions)
    counts = torch.arange(positions) < lengths.unsqueeze(1)
    if "vocabulary" in sizes:
        x = ((5 * at + at // 3) % sizes["vocabulary"]).reshape(samples, positions)
    else:
        x = torch.sin(1.3 * torch.arange(samples * positions * sizes["channels"]).double() + 1).reshape(samples, positions, -1)
    own, state = Parameters(), {"vocabulary": sizes.get("vocabulary")}
    for i, word in enumerate(words):
        if word != "squared":
            x = layer(word, i, x, counts, own, state)
        if word == "cls":
            counts = F.pad(counts, (1, 0), value=True)
    each = x if x.dim() == 3 else x.unsqueeze(1)
    counts = counts if x.dim() == 3 else torch.ones(samples, 1, dtype=torch.bool)
    at = torch.arange(each[..., 0].numel()).reshape(each.shape[:2])
    if "squared" in words:
        wanted = torch.cos(torch.arange(each.numel()).double() + 2).reshape(each.shape)
        loss, right = F.mse_loss(each[counts], wanted[counts]), torch.tensor(0.0)
    else:
        labels = (7 * at + at // 3 + 2) % classes
        loss, right = F.cross_entropy(each[counts], labels[counts]), (each.argmax(-1) == labels)[counts].sum()
    gradients = torch.autograd.grad(loss, list(own.of.values()))
    return {"sums": torch.stack([loss * counts.sum(), right, counts.sum()])} | {f"grad.{n}": g for n, g in zip(own.of, gradients)}


def main():
    lines = [line.split() for line in (HERE / "sequence.cases").read_text().splitlines() if line and not line.startswith("#")]
    tensors = {}
    for name, *own in lines[1:]:
        sizes = {key: int(value) for key, value in (word.split("=") for word in lines[0][1:] + own if "=" in word)}
        for tensor, value in compute(sizes, [word for word in own if "=" not in word]).items():
            tensors[f"{name}/{tensor}"] = value.detach().double().flatten().contiguous()
        print(name, tensors[f"{name}/sums"].tolist())
    save_file(tensors, HERE / "sequence.safetensors",
              {"made_by": "tests/golden/sequence.py", "torch": torch.__version__, "numpy": numpy.__version__, "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
