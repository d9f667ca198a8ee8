"""The transformers of model.arch transformer as a PyTorch module, in the manner of nanoGPT. Its state_dict has the names and shapes of the weights that
`normlab run --save-final` writes, so that load_state_dict takes them:

    transformer.wte.weight (V, C)                 tokens; transformer.embed (C, I) and its bias where x is vectors
    transformer.wpe.weight (S, C)                 model.positions learned
    transformer.class_token.weight (1, C)         model.pool_tokens class
    transformer.ln_emb                            norm.placement peri
    transformer.h.0.ln_1, ln_2                    and, peri and sandwich, ln_1_out, ln_2_out
    transformer.h.0.attn.c_attn.weight (3 C, C)   queries, keys and values, one below the other
    transformer.h.0.attn.q_norm, k_norm           norm.qk: of a head's channels
    transformer.h.0.attn.c_proj.weight (C, C)
    transformer.h.0.mlp.c_fc.weight (H, C)        model.gated: (2 H, C), what is activated first
    transformer.h.0.mlp.c_proj.weight (C, H)
    transformer.h.0.attn_scale, mlp_scale         model.residual skipinit: one number
    transformer.ln_f
    lm_head.weight (V, C)                         a label at each position; model.tied: it is transformer.wte.weight, and not stored twice
    head.weight (K, C), head.bias (K)             a label a sample

Dropout stands where nanoGPT has it: after the embedding, on the weights of attention and after both branches.
"""

import math
from dataclasses import dataclass
from typing import Callable, Optional

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Settings:
    outputs: int                          # classes, or the vocabulary of the labels
    positions: int
    depth: int = 4
    width: int = 64
    heads: int = 4
    vocabulary: Optional[int] = None      # of tokens as inputs; else
    inputs: Optional[int] = None          # channels of vectors
    each: bool = True                     # a label at each position
    causal: bool = True
    norm: Callable = nn.LayerNorm         # of a number of channels
    placement: str = "pre"                # pre, post, peri, sandwich, deepnorm
    final: Optional[bool] = None          # a normalizer after the last block; None: with pre and peri
    qk: bool = False
    depth_scale: bool = False
    encoding: str = "learned"             # learned, sinusoidal, rotary, none
    tied: bool = False
    parallel: bool = False
    class_token: bool = False
    mlp_ratio: float = 4.0
    activation: Callable = F.gelu
    gated: bool = False
    bias: bool = True
    skipinit: bool = False
    dropout: float = 0.0


def sinusoidal(positions, width):
    """Vaswani et al. 2017, section 3.5."""
    angles = torch.arange(positions)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    table = torch.empty(positions, width)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()[:, : width // 2]
    return table


def turn(x):
    """Su et al. 2021, equation 34: pairs of neighbouring channels are turned by their position. x (N, heads, S, D)."""
    positions, width = x.shape[-2:]
    angles = torch.arange(positions)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = even * angles.cos() - odd * angles.sin(), even * angles.sin() + odd * angles.cos()
    return torch.stack(turned, -1).flatten(-2)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.weight * x


class Attention(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.c_attn = nn.Linear(s.width, 3 * s.width, bias=s.bias)
        self.c_proj = nn.Linear(s.width, s.width, bias=s.bias)
        if s.qk:
            self.q_norm, self.k_norm = s.norm(s.width // s.heads), s.norm(s.width // s.heads)
        self.resid_dropout = nn.Dropout(s.dropout)

    def forward(self, x, counts=None):
        q, k, v = (part.unflatten(-1, (self.s.heads, -1)) for part in self.c_attn(x).chunk(3, -1))
        if self.s.qk:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        if self.s.encoding == "rotary":
            q, k = turn(q), turn(k)
        seen = None if counts is None else counts[:, None, None, :]
        if self.s.causal and seen is not None:
            seen = seen & torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        y = F.scaled_dot_product_attention(q, k, v, seen, is_causal=self.s.causal and seen is None, dropout_p=self.s.dropout if self.training else 0.0)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).flatten(-2)))


class Perceptron(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        hidden = max(1, math.floor(s.mlp_ratio * s.width + 0.5))
        self.c_fc = nn.Linear(s.width, 2 * hidden if s.gated else hidden, bias=s.bias)
        self.c_proj = nn.Linear(hidden, s.width, bias=s.bias)
        self.dropout = nn.Dropout(s.dropout)

    def forward(self, x):
        x = self.c_fc(x)
        if self.s.gated:
            a, b = x.chunk(2, -1)
            x = self.s.activation(a) * b
        else:
            x = self.s.activation(x)
        return self.dropout(self.c_proj(x))


class Block(nn.Module):
    def __init__(self, s, number):
        super().__init__()
        self.s = s
        self.factor = number**-0.5 if s.depth_scale else 1.0
        self.alpha = (2 * s.depth) ** 0.25 if s.placement == "deepnorm" else 1.0
        self.attn, self.mlp = Attention(s), Perceptron(s)
        self.ln_1 = s.norm(s.width)
        if not s.parallel:
            self.ln_2 = s.norm(s.width)
        if s.placement in ("peri", "sandwich"):
            self.ln_1_out, self.ln_2_out = s.norm(s.width), s.norm(s.width)
        if s.skipinit:
            self.attn_scale, self.mlp_scale = Scale(), Scale()

    def branch(self, f, x, number):
        y = f(x)
        if self.s.placement in ("peri", "sandwich"):
            y = getattr(self, f"ln_{number}_out")(y)
        return (self.attn_scale, self.mlp_scale)[number - 1](y) if self.s.skipinit else y

    def forward(self, x, counts=None):
        attn = lambda x: self.attn(x, counts)  # noqa: E731
        if self.s.placement in ("post", "deepnorm"):
            x = self.ln_1(self.alpha * x + self.branch(attn, x, 1))
            return self.ln_2(self.alpha * x + self.branch(self.mlp, x, 2))
        normalized = self.factor * self.ln_1(x)
        x = x + self.branch(attn, normalized, 1)
        return x + self.branch(self.mlp, normalized if self.s.parallel else self.factor * self.ln_2(x), 2)


class Transformer(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        positions = s.positions + s.class_token
        parts = {"wte": nn.Embedding(s.vocabulary, s.width)} if s.vocabulary else {"embed": nn.Linear(s.inputs, s.width)}
        if s.class_token:
            parts["class_token"] = nn.Embedding(1, s.width)
        if s.encoding == "learned":
            parts["wpe"] = nn.Embedding(positions, s.width)
        if s.encoding == "sinusoidal":
            self.register_buffer("table", sinusoidal(positions, s.width), persistent=False)
        if s.placement == "peri":
            parts["ln_emb"] = s.norm(s.width)
        parts["drop"] = nn.Dropout(s.dropout)
        parts["h"] = nn.ModuleList([Block(s, number) for number in range(1, s.depth + 1)])
        if s.placement in ("pre", "peri") if s.final is None else s.final:
            parts["ln_f"] = s.norm(s.width)
        self.transformer = nn.ModuleDict(parts)
        if not s.each:
            self.head = nn.Linear(s.width, s.outputs)
        elif not s.tied:
            self.lm_head = nn.Linear(s.width, s.outputs, bias=False)

    def forward(self, x, lengths=None):
        """x (N, S) of tokens, or (N, S, I) of vectors; logits (N, S, V), or (N, K). lengths (N): no position counts from there on."""
        s, t = self.s, self.transformer
        counts = None if lengths is None else torch.arange(s.positions + s.class_token) < lengths[:, None] + s.class_token
        x = t.wte(x) if s.vocabulary else t.embed(x)
        if s.class_token:
            x = torch.cat([t.class_token.weight.expand(len(x), 1, -1), x], 1)
        if s.encoding == "learned":
            x = x + t.wpe.weight
        if s.encoding == "sinusoidal":
            x = x + self.table
        if s.placement == "peri":
            x = t.ln_emb(x)
        x = t.drop(x)
        for block in t.h:
            x = block(x, counts)
        if "ln_f" in t:
            x = t.ln_f(x)
        if s.each:
            return F.linear(x, t.wte.weight if s.tied else self.lm_head.weight)
        if s.class_token:
            return self.head(x[:, 0])
        return self.head(x.mean(1) if counts is None else (x * counts[:, :, None]).sum(1) / lengths[:, None])
