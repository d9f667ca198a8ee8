"""A character LSTM in PyTorch: an embedding, 2 layers of 128 units over 64 positions, and a head with 65 characters at each of them; Adam, and gradients clipped to a
norm of 1.

    python lstm_torch.py BATCH eager|batch_first|compiled none|ln

The tokens are drawn: a step takes as long for any. eager: torch.nn.LSTM, which PyTorch gives to oneDNN, over sequences in time-major order; batch_first: in the
other. With ln, the layer normalization of Ba et al. 2016 (equations 20 to 22), there is no such module: eager is a loop over torch.nn modules, compiled the same loop
with a cell by torch.compile. Either way the inputs of all positions are multiplied and normalized in one call. Without ln, compiled is that loop and cell with
torch.nn.Identity in place of the normalizers.
"""

import sys

import torch
from torch import nn
from torch.nn import functional as F

from competitor import CHECKED, compete
from torch_device import prepare

LAYERS, WIDTH, CONTEXT, VOCABULARY = 2, 128, 64, 65
LR, CLIP = 1e-3, 1.0
BATCHES = 64


class Cell(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.hh = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.norm_hh, self.norm_c = norm(4 * WIDTH), norm(WIDTH)

    def forward(self, of_x, h, c):
        i, f, g, o = (of_x + self.norm_hh(self.hh(h))).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(self.norm_c(c)), c


class Layer(nn.Module):
    def __init__(self, norm, compiled):
        super().__init__()
        self.ih = nn.Linear(WIDTH, 4 * WIDTH, bias=norm is nn.Identity)
        self.norm_ih, self.cell = norm(4 * WIDTH), Cell(norm)
        self.step = torch.compile(self.cell, dynamic=False, fullgraph=True) if compiled else self.cell

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], WIDTH)
        states = []
        for of_x in self.norm_ih(self.ih(x)).unbind(0):
            h, c = self.step(of_x, h, c)
            states.append(h)
        return torch.stack(states)


class Model(nn.Module):
    def __init__(self, mode, norm):
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, VOCABULARY)
        self.module = mode != "compiled" and norm is nn.Identity
        self.rnn = (nn.LSTM(WIDTH, WIDTH, LAYERS, batch_first=mode == "batch_first") if self.module else
                    nn.Sequential(*(Layer(norm, mode == "compiled") for _ in range(LAYERS))))

    def forward(self, tokens):
        y = self.rnn(self.embedding(tokens))
        return self.head(y[0] if self.module else y)


def main():
    batch, mode, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    prepare()
    torch.manual_seed(1)
    model = Model(mode, nn.LayerNorm if kind == "ln" else nn.Identity)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    shape = (batch, CONTEXT) if mode == "batch_first" else (CONTEXT, batch)
    batches = [torch.randint(VOCABULARY, (2, *shape)) for _ in range(BATCHES)]

    def step(tokens, labels):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(tokens).flatten(0, 1), labels.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return loss.detach()

    losses = [step(*batches[i % BATCHES]).item() for i in range(CHECKED)]

    def run():
        for tokens, labels in batches[:4]:
            loss = step(tokens, labels)
        return 4, loss.item()

    compete(losses, run)


if __name__ == "__main__":
    main()
