"""The LSTM of normlab in PyTorch, plain or with the layer normalization of Ba et al. 2016 (equations 20 to 22).

    python lstm_torch.py FOLDER eager|batch_first|cell [THREADS]

eager: what torch.nn.LSTM calls, which PyTorch gives to oneDNN, over sequences in time-major order; batch_first: in the other. With layer normalization there is no
such call: eager is a loop over the positions. cell: the same loop with a cell by torch.compile, with layer normalization or without. The inputs of all positions
are multiplied and normalized in one call.
"""

import sys

import torch
from torch.nn import functional as F

from adam_torch import compete_by, compiled
from competitor import Case


def make_cell(normalized):
    def cell(of_x, h, c, w, *norms):
        of_h = F.linear(h, w)
        if normalized:
            of_h = F.layer_norm(of_h, of_h.shape[-1:], *norms[:2])
        i, f, g, o = (of_x + of_h).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(F.layer_norm(c, c.shape[-1:], *norms[2:]) if normalized else c), c

    return cell


def make_loop(case, cell):
    """(T, N, C) to (T, N, H)"""
    normalized = case.norm == "ln"

    def loop(params, x):
        for layer in range(case.depth):
            def own(*names):
                return [params[f"rnn.{name}"] for stem in names for name in (stem.replace("*", f"l{layer}"),)]

            h = c = x.new_zeros(x.shape[1], params[f"rnn.weight_hh_l{layer}"].shape[1])
            of_x = F.linear(x, *own("weight_ih_*"))
            of_x = F.layer_norm(of_x, of_x.shape[-1:], *own("norm_ih_*.weight", "norm_ih_*.bias")) if normalized else of_x + sum(own("bias_ih_*", "bias_hh_*"))
            norms = own("norm_hh_*.weight", "norm_hh_*.bias", "norm_c_*.weight", "norm_c_*.bias") if normalized else []
            states = []
            for now in of_x.unbind(0):
                h, c = cell(now, h, c, *own("weight_hh_*"), *norms)
                states.append(h)
            x = torch.stack(states)
        return x

    return loop


def make_module(case, batch_first):
    """torch.nn.LSTM's own call."""
    def module(params, x):
        weights = [params[f"rnn.{kind}_{side}_l{layer}"] for layer in range(case.depth) for kind in ("weight", "bias") for side in ("ih", "hh")]
        zero = x.new_zeros(case.depth, x.shape[0 if batch_first else 1], weights[1].shape[1])
        return torch.lstm(x, (zero, zero), weights, True, case.depth, 0.0, True, False, batch_first)[0]

    return module


def make_loss(recur, batch_first):
    def loss_of(params, x, y):
        tokens = params.get("embedding.weight")
        x = x.flatten(2) if tokens is None else F.embedding(x, tokens)
        h = recur(params, x if batch_first else x.transpose(0, 1).contiguous())
        if tokens is None:
            h = h[:, -1] if batch_first else h[-1]
        else:
            h, y = h.flatten(0, 1), (y if batch_first else y.T).flatten()
        return F.cross_entropy(F.linear(h, params["head.weight"], params["head.bias"]), y)

    return loss_of


def main():
    case, mode = Case(sys.argv[1]), sys.argv[2]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    cell = make_cell(case.norm == "ln")
    if mode != "cell" and case.norm == "none":
        recur = make_module(case, mode == "batch_first")
    else:
        recur = make_loop(case, compiled(cell) if mode == "cell" else cell)
    compete_by("eager", case, make_loss(recur, mode == "batch_first"), threads=threads)


if __name__ == "__main__":
    main()
