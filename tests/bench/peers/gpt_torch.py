"""A character GPT in PyTorch: nanoGPT's small configuration without dropout and biases (4 layers, 4 heads, width 128, context 64, 65 characters, learned positions,
the embedding as the head), AdamW with decay of matrices alone, and gradients clipped to a norm of 1.

    python gpt_torch.py BATCH eager|compiled

The tokens are drawn: a step takes as long for any. eager: the module, and the fused AdamW of torch.optim. compiled: the whole step, gradient, clipping and
update included, as one graph of torch.compile.
"""

import sys

import torch
from torch.nn import functional as F

from competitor import CHECKED, compete
from torch_device import prepare

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY = 4, 4, 128, 64, 65
LR, BETAS, EPS, DECAY, CLIP = 1e-3, (0.9, 0.99), 1e-8, 0.1, 1.0
BATCHES = 64


def parameters():
    torch.manual_seed(1)
    def matrix(*shape):
        return 0.02 * torch.randn(*shape)
    params = {"wte": matrix(VOCABULARY, WIDTH), "wpe": matrix(CONTEXT, WIDTH), "ln_f": torch.ones(WIDTH)}
    for i in range(LAYERS):
        params |= {f"{i}.ln_1": torch.ones(WIDTH), f"{i}.c_attn": matrix(3 * WIDTH, WIDTH), f"{i}.attn_proj": matrix(WIDTH, WIDTH),
                   f"{i}.ln_2": torch.ones(WIDTH), f"{i}.c_fc": matrix(4 * WIDTH, WIDTH), f"{i}.mlp_proj": matrix(WIDTH, 4 * WIDTH)}
    return params


def loss_of(params, tokens, labels):
    def norm(x, name):
        return F.layer_norm(x, (WIDTH,), params[name])
    x = F.embedding(tokens, params["wte"]) + params["wpe"]
    for i in range(LAYERS):
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in F.linear(norm(x, f"{i}.ln_1"), params[f"{i}.c_attn"]).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(-2)
        x = x + F.linear(y, params[f"{i}.attn_proj"])
        x = x + F.linear(F.gelu(F.linear(norm(x, f"{i}.ln_2"), params[f"{i}.c_fc"])), params[f"{i}.mlp_proj"])
    return F.cross_entropy(F.linear(norm(x, "ln_f"), params["wte"]).flatten(0, 1), labels.flatten())


def make_eager_step(params):
    for p in params.values():
        p.requires_grad_()
    groups = [{"params": [p for p in params.values() if (p.dim() > 1) == decays], "weight_decay": DECAY * decays} for decays in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS, fused=True)

    def step(tokens, labels):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(params, tokens, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params.values(), CLIP)
        optimizer.step()
        return loss.detach()

    return step


def make_compiled_step(params):
    first, second = ({name: torch.zeros_like(p) for name, p in params.items()} for _ in range(2))
    taken = torch.zeros(())

    @torch.compile(dynamic=False, fullgraph=True)
    def step(tokens, labels):
        grads, loss = torch.func.grad_and_value(loss_of)(params, tokens, labels)
        norm = torch.stack([g.square().sum() for g in grads.values()]).sum().sqrt()
        scale = (CLIP / (norm + 1e-6)).clamp(max=1.0)
        taken.add_(1)
        for name, p in params.items():
            g = grads[name] * scale
            first[name].lerp_(g, 1 - BETAS[0])
            second[name].mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
            rate = (second[name] / (1 - BETAS[1] ** taken)).sqrt() + EPS
            p.mul_(1 - LR * DECAY * (p.dim() > 1)).sub_(LR * (first[name] / (1 - BETAS[0] ** taken)) / rate)
        return loss

    def run(tokens, labels):
        with torch.no_grad():
            return step(tokens, labels)

    return run


def main():
    batch, mode = int(sys.argv[1]), sys.argv[2]
    prepare()
    step = (make_compiled_step if mode == "compiled" else make_eager_step)(parameters())
    batches = [torch.randint(VOCABULARY, (2, batch, CONTEXT)) for _ in range(BATCHES)]
    losses = [step(*batches[i % BATCHES]).item() for i in range(CHECKED)]

    def run():
        for tokens, labels in batches[:4]:
            loss = step(tokens, labels)
        return 4, loss.item()

    compete(losses, run)


if __name__ == "__main__":
    main()
