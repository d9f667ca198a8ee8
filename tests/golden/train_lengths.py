"""Trainings on sequences of different lengths, repeated by PyTorch as train.py does.

    python tests/golden/train_lengths.py build/normlab [CASE ...]        writes tests/golden/train_lengths.safetensors, which tests/golden/test_golden_train.c reads

Recurrent networks without a normalizer are torch.nn.LSTM, GRU and RNN on packed sequences. With one, the cells of train_recurrent.py run as many times as each
sequence has positions. Transformers are transformer_model.py, where attention has a mask of the positions that count; a normalizer over several positions is
written out on those.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import train
import train_recurrent
import train_transformer
from transformer_model import Settings, Transformer

TOKENS = {"copy": lambda n: n + 2, "sort": lambda n: n + 2, "recall": lambda n: 2 * n + 1, "parity": lambda n: 2}
LABELS = {"copy": lambda n: n + 1, "sort": lambda n: n + 1, "recall": lambda n: n, "parity": lambda n: 2}


def has_each(case):
    return case["data.name"] in ("copy", "sort")


class Recurrent(nn.Module):
    def __init__(self, case, positions):
        super().__init__()
        width, depth, arch = int(case["model.width"]), int(case["model.depth"]), case["model.arch"]
        self.ways, self.each, symbols = 1 + (case["model.bidirectional"] == "true"), has_each(case), int(case["data.symbols"])
        self.embedding = nn.Embedding(TOKENS[case["data.name"]](symbols), width)
        if case["norm.kind"] == "none":
            self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[arch](width, width, depth, batch_first=True, bidirectional=self.ways == 2)
        else:
            self.rnn = train_recurrent.Cells(case, width, positions)
        self.head = nn.Linear(width * self.ways, LABELS[case["data.name"]](symbols))

    def recur(self, x, lengths):
        if isinstance(self.rnn, train_recurrent.Cells):
            return self.rnn(x, lengths)
        y, states = self.rnn(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        return pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], states[0] if isinstance(states, tuple) else states

    def forward(self, x):
        y, states = self.recur(self.embedding(x[:, :-1].long()), x[:, -1].long())
        return self.head(y).transpose(1, 2) if self.each else self.head(torch.cat(list(states[-self.ways:]), 1))


class CountedBatchNorm(nn.BatchNorm1d):
    """Over the positions of a batch that count; the others stay as they are."""

    def forward(self, x):
        y = x.clone()
        y[self.counts] = super().forward(x[self.counts])
        return y


class CountedSampleNorm(nn.LayerNorm):
    """Over all positions of a sample that count."""

    def forward(self, x):
        y = x.clone()
        for i, counts in enumerate(self.counts):
            z = x[i][counts]
            y[i, counts] = (z - z.mean()) / (z.var(correction=0) + self.eps).sqrt() * self.weight + self.bias
        return y


def norm_of(case):
    eps = float(case["norm.eps"])
    if case["norm.kind"] == "bn":
        return lambda width: CountedBatchNorm(width, eps, float(case["norm.momentum"]))
    if case["norm.over"] == "sample":
        return lambda width: CountedSampleNorm(width, eps)
    return train_transformer.norm_of(case, True)


class Encoder(Transformer):
    def __init__(self, case, positions):
        symbols, each = int(case["data.symbols"]), has_each(case)
        super().__init__(Settings(outputs=LABELS[case["data.name"]](symbols), vocabulary=TOKENS[case["data.name"]](symbols), positions=positions,
                                  depth=int(case["model.depth"]), width=int(case["model.width"]), heads=int(case["model.heads"]), each=each,
                                  causal=each and case["model.causal"] == "auto", norm=norm_of(case), placement=case["norm.placement"],
                                  encoding=case["model.positions"], class_token=case["model.pool_tokens"] == "class"))

    def forward(self, x):
        ids, lengths = x[:, :-1].long(), x[:, -1].long()
        extra = self.s.class_token
        for module in self.modules():
            module.counts = torch.arange(self.s.positions + extra) < lengths[:, None] + extra
        y = super().forward(ids, lengths)
        return y.transpose(1, 2) if self.s.each else y


def build(name, case, shape):
    return (Encoder if case["model.arch"] == "transformer" else Recurrent)(case, shape[0] - 1)


if __name__ == "__main__":
    train.store(train.judge("train_lengths", build), "train_lengths", "train_lengths.py")
