"""Loss, gradients and products of the Hessian with a vector of causal language models, by PyTorch in float64.

    python tests/golden/language.py      writes tests/golden/language.safetensors, which tests/engine/test_language.c reads

Parameters, ids, labels and lengths are formulas, which the test has too. Element e of parameter number i is sin(e + 1 + 100 i) / 2, in the order
of named_parameters(); the vector has cos(e + 1 + 100 i). The loss is the mean over the positions that count.
"""

import pathlib

import numpy
import safetensors
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


class Language(nn.Module):
    def __init__(self, case):
        super().__init__()
        width, hidden = case["width"], case["hidden"]
        self.heads = case["heads"]
        self.embedding = nn.Embedding(case["vocabulary"], width)
        self.q, self.k, self.v = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-3)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def attention(self, x):
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return (scores.masked_fill(later, -torch.inf).softmax(-1) @ v).transpose(1, 2).flatten(-2)

    def forward(self, ids, counts):
        x = self.embedding(ids)
        y = x + self.attention(x) * counts.unsqueeze(-1)
        y = y + self.fc2(F.gelu(self.fc1(self.norm(y))))
        return y @ self.embedding.weight.T


def formula(function, parameters):
    return [function(torch.arange(p.numel(), dtype=torch.float64) + 1 + 100 * i).reshape(p.shape) for i, p in enumerate(parameters)]


def compute(case):
    network = Language(case).double()
    names, parameters = zip(*network.named_parameters())
    for parameter, value in zip(parameters, formula(torch.sin, parameters)):
        parameter.data = value / 2
    samples, positions, vocabulary = case["samples"], case["positions"], case["vocabulary"]
    at = torch.arange(samples * positions).reshape(samples, positions)
    ids = (5 * at + at // 3) % vocabulary
    labels = torch.where(at % 3 == 0, ids, (7 * at + 2) % vocabulary)
    lengths = torch.arange(samples) * 5 % (positions + 1) if case["lengths"] else torch.full((samples,), positions)
    counts = torch.arange(positions) < lengths.unsqueeze(1)
    logits = network(ids, counts)
    loss = F.cross_entropy(logits[counts], labels[counts])
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    along = sum((g * v).sum() for g, v in zip(gradients, formula(torch.cos, parameters)))
    products = torch.autograd.grad(along, parameters)
    sums = torch.stack([loss * counts.sum(), (logits.argmax(-1) == labels)[counts].sum(), counts.sum()])
    return {"sums": sums} | {f"grad.{n}": g for n, g in zip(names, gradients)} | {f"product.{n}": p for n, p in zip(names, products)}


def main():
    lines = [line.split() for line in (HERE / "language.cases").read_text().splitlines() if line and not line.startswith("#")]
    tensors = {}
    for name, *own in lines[1:]:
        case = {key: int(value) for key, value in (word.split("=") for word in lines[0][1:] + own)}
        for tensor, value in compute(case).items():
            tensors[f"{name}/{tensor}"] = value.detach().double().flatten().contiguous()
        print(name, tensors[f"{name}/sums"].tolist())
    save_file(tensors, HERE / "language.safetensors",
              {"made_by": "tests/golden/language.py", "torch": torch.__version__, "numpy": numpy.__version__, "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
