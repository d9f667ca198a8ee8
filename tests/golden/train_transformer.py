"""Transformers, repeated by PyTorch as train.py does: the module is transformer_model.py.

    python tests/golden/train_transformer.py build/normlab    writes tests/golden/train_transformer.safetensors, which tests/golden/test_golden_train.c reads

Where torch.nn.TransformerEncoderLayer says the same (pre and post, one branch after the other, nothing gated), each block is held against it before the training.
Initial weights are looked at, too: those that model.init and norm.placement scale have the standard deviations of the papers.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

import networks
import train
from transformer_model import Settings, Transformer

train.DEFAULTS |= {
    "data.context": "64", "model.heads": "4", "model.mlp_ratio": "4", "model.gated": "false", "model.causal": "auto", "model.positions": "learned",
    "model.tied": "false", "model.parallel": "false", "model.pool_tokens": "mean", "model.residual": "plain", "model.init": "he",
    "norm.placement": "pre", "norm.qk": "false", "norm.final": "auto", "norm.depth_scale": "false", "norm.alpha": "0.5", "norm.over": "position",
}


class TokenBatchNorm(nn.BatchNorm1d):
    """Over the samples and positions of a batch."""

    def forward(self, x):
        return super().forward(x.flatten(0, -2)).reshape(x.shape)


def norm_of(case, bias):
    eps = float(case["norm.eps"])
    return {"ln": lambda width: nn.LayerNorm(width, eps, bias=bias), "rms": lambda width: nn.RMSNorm(width, eps), "dyt": lambda width: networks.DyT(width, bias),
            "bn": lambda width: TokenBatchNorm(width, eps), "none": lambda width: nn.Identity()}[case["norm.kind"]]


def settings_of(case, image_shape):
    text, bias = case["data.name"] == "text", case["model.bias"] != "off"
    activation = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh}[case["model.activation"]]
    final = {"auto": None, "on": True, "off": False}[case["norm.final"]]
    flag = lambda key: case[key] == "true"  # noqa: E731
    positions, channels = (image_shape[0], 1) if text else (image_shape[0] * image_shape[1], image_shape[2])
    return Settings(outputs=VOCABULARY if text else 10, positions=positions, depth=int(case["model.depth"]), width=int(case["model.width"]),
                    heads=int(case["model.heads"]), vocabulary=VOCABULARY if text else None, inputs=channels, each=text,
                    causal=text if case["model.causal"] == "auto" else case["model.causal"] == "on", norm=norm_of(case, bias), placement=case["norm.placement"],
                    final=final, qk=flag("norm.qk") and case["norm.kind"] != "none", depth_scale=flag("norm.depth_scale"), encoding=case["model.positions"],
                    tied=flag("model.tied"), parallel=flag("model.parallel"), class_token=case["model.pool_tokens"] == "class" and not text,
                    mlp_ratio=float(case["model.mlp_ratio"]), activation=activation, gated=flag("model.gated"), bias=bias,
                    skipinit=case["model.residual"] == "skipinit")


VOCABULARY = 65  # characters of tinyshakespeare


class Network(Transformer):
    """As train.py wants it: x are float64, and the classes come second."""

    def forward(self, x):
        if self.s.vocabulary:
            return super().forward(x.long()).transpose(1, 2)
        return super().forward(x.flatten(1, -2))


# ---- what is looked at before a training ----

def encoder_layer(block):
    """torch.nn.TransformerEncoderLayer with the block's weights."""
    s = block.s
    layer = nn.TransformerEncoderLayer(s.width, s.heads, block.mlp.c_fc.out_features, 0.0, s.activation, batch_first=True, norm_first=s.placement == "pre")
    for ours, theirs in ((block.attn.c_attn.weight, layer.self_attn.in_proj_weight), (block.attn.c_attn.bias, layer.self_attn.in_proj_bias),
                         (block.attn.c_proj.weight, layer.self_attn.out_proj.weight), (block.attn.c_proj.bias, layer.self_attn.out_proj.bias),
                         (block.mlp.c_fc.weight, layer.linear1.weight), (block.mlp.c_fc.bias, layer.linear1.bias),
                         (block.mlp.c_proj.weight, layer.linear2.weight), (block.mlp.c_proj.bias, layer.linear2.bias)):
        theirs.data = ours.data
    layer.norm1, layer.norm2 = block.ln_1, block.ln_2
    return layer


def hold_against_torch(network):
    s = network.s
    if s.placement not in ("pre", "post") or s.parallel or s.gated or not s.bias or s.qk or s.depth_scale or s.skipinit or s.encoding == "rotary":
        return False
    x = torch.randn(3, s.positions, s.width)
    mask = nn.Transformer.generate_square_subsequent_mask(s.positions) if s.causal else None
    for block in network.transformer.h:
        theirs = encoder_layer(block)(x, src_mask=mask, is_causal=s.causal)
        assert (block(x) - theirs).abs().max() <= 1e-12 * theirs.abs().max()
    return True


def check_start(name, case, start, weights_of):
    """Standard deviations, to five standard errors of what is drawn."""
    width, depth = int(case["model.width"]), int(case["model.depth"])
    deep = (8 * depth) ** -0.25 if case["norm.placement"] == "deepnorm" else 1.0
    fixup = case["model.init"] == "tfixup"
    inner = 0.67 * depth**-0.25 if fixup else deep
    for tensor, value in start.items():
        parts, scaled = [value], [1.0]
        if tensor.endswith("c_attn.weight"):
            parts, scaled = value.chunk(3), [1.0, 1.0, inner]
        elif tensor.endswith("c_fc.weight"):
            parts, scaled = value.chunk(2 if case["model.gated"] == "true" else 1), [inner, inner]
        elif tensor.endswith("c_proj.weight"):
            scaled = [(2 * depth) ** -0.5 if case["model.init"] == "gpt2" else inner]
        elif not tensor.endswith(("wte.weight", "wpe.weight", "token.weight", "embed.weight", "head.weight")):
            continue
        table = tensor.endswith(("wte.weight", "wpe.weight", "token.weight"))
        for part, factor in zip(parts, scaled):
            out, inputs = part.shape
            std = {"he": (2 / inputs) ** 0.5, "xavier": (2 / (inputs + out)) ** 0.5, "tfixup": (2 / (inputs + out)) ** 0.5, "gpt2": 0.02}[case["model.init"]]
            if table and case["model.init"] != "gpt2":
                std = width**-0.5 * ((9 * depth) ** -0.25 if fixup and "token" not in tensor else 1)
            want, got = std * factor, part.double().square().mean().sqrt().item()
            assert abs(got / want - 1) <= 5 / math.sqrt(2 * part.numel()), (name, tensor, got, want)


held = []


def build(name, case, image_shape):
    network = Network(settings_of(case, image_shape))
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    if hold_against_torch(network):
        held.append(name)
    return network


if __name__ == "__main__":
    torch.manual_seed(1)
    tensors = train.judge("train_transformer", build, check_start=check_start)
    print(f"{len(held)} cases have blocks of torch.nn.TransformerEncoderLayer")
    train.store(tensors, "train_transformer", "train_transformer.py")
