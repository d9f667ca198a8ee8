"""The transformers of normlab in PyTorch, as its initial weights say: a character GPT, which has tokens, or a ViT of patches.

    python transformer_torch.py FOLDER eager|forward|compiled [THREADS]      (adam_torch.py says what these are)

Compiled, attention is the better of scaled_dot_product_attention and its formula, which the compiler can fuse.
"""

import math
import sys

import torch
from torch.nn import functional as F

from adam_torch import compete_by
from competitor import Case


def formula(q, k, v, is_causal):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if is_causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -math.inf)
    return scores.softmax(-1) @ v


def make_loss(case, attention):
    def loss_of(params, x, y):
        def linear(x, name):
            return F.linear(x, params[f"{name}.weight"], params.get(f"{name}.bias"))

        def norm(x, name):
            return F.layer_norm(x, x.shape[-1:], params[f"{name}.weight"], params.get(f"{name}.bias")) if f"{name}.weight" in params else x

        tokens = params.get("transformer.wte.weight")
        h = linear(x.flatten(2), "transformer.embed") if tokens is None else F.embedding(x, tokens)
        h = h + params["transformer.wpe.weight"]
        for block in (f"transformer.h.{i}" for i in range(case.depth)):
            q, k, v = (part.unflatten(-1, (case.heads, -1)).transpose(1, 2) for part in linear(norm(h, f"{block}.ln_1"), f"{block}.attn.c_attn").chunk(3, -1))
            h = h + linear(attention(q, k, v, is_causal=tokens is not None).transpose(1, 2).flatten(-2), f"{block}.attn.c_proj")
            h = h + linear(F.gelu(linear(norm(h, f"{block}.ln_2"), f"{block}.mlp.c_fc")), f"{block}.mlp.c_proj")
        h = norm(h, "transformer.ln_f")
        if tokens is None:
            return F.cross_entropy(linear(h.mean(1), "head"), y)
        return F.cross_entropy(F.linear(h, tokens).flatten(0, 1), y.flatten())

    return loss_of


def main():
    case, mode = Case(sys.argv[1]), sys.argv[2]
    forms = [F.scaled_dot_product_attention] + [formula] * (mode != "eager")
    compete_by(mode, case, *(make_loss(case, attention) for attention in forms), threads=int(sys.argv[3]) if len(sys.argv) > 3 else 1)


if __name__ == "__main__":
    main()
