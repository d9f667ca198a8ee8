"""The transformers of transformer_torch.py in JAX (adam_jax.py).

    python transformer_jax.py FOLDER

Layer normalization has a backward pass of its own, which is a tenth faster than autograd's.
"""

import math
import sys

import jax
import jax.numpy as jnp
from jax import lax

from adam_jax import compete_by, cross_entropy, product
from competitor import Case

EPS = 1e-5


def mean(x):
    """Over channels, by a product: XLA adds the numbers of a row one after the other."""
    return x @ jnp.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)


@jax.custom_vjp
def layer_norm(x, gamma, beta):
    return normalize(x, gamma, beta)[0]


def normalize(x, gamma, beta):
    centred = x - mean(x)
    root = lax.rsqrt(mean(centred * centred) + EPS)
    unit = centred * root
    return unit * gamma + (0 if beta is None else beta), (unit, root, gamma, beta)


def unnormalize(unit, root, gamma, dy):
    """dx"""
    dunit = dy * gamma
    return root * (dunit - mean(dunit) - unit * mean(dunit * unit))


def normalize_back(kept, dy):
    """Sums over rows by products, too."""
    unit, root, gamma, beta = kept
    ones = jnp.ones((1, len(dy)), dy.dtype)
    return unnormalize(unit, root, gamma, dy), (ones @ (dy * unit))[0], None if beta is None else (ones @ dy)[0]


layer_norm.defvjp(normalize, normalize_back)


def attend(q, k, v, causal):
    """(N, H, S, D). Divided by the sum after the product."""
    scores = jnp.einsum("nhsd,nhtd->nhst", q, k) / math.sqrt(q.shape[-1])
    if causal:
        scores = jnp.where(jnp.tri(q.shape[2], dtype=bool), scores, -jnp.inf)
    weights = jnp.exp(scores - lax.stop_gradient(scores.max(-1, keepdims=True)))
    return jnp.einsum("nhst,nhtd->nhsd", weights, v) / (mean(weights) * weights.shape[-1])


def make_loss(case):
    def loss_of(params, x, y):
        def project(x, name):
            y, bias = product(x, params[f"{name}.weight"]), params.get(f"{name}.bias")
            return y if bias is None else y + bias

        def norm(x, name):
            return layer_norm(x, params[f"{name}.weight"], params.get(f"{name}.bias")) if f"{name}.weight" in params else x

        tokens, (samples, positions) = params.get("transformer.wte.weight"), x.shape[:2]
        h = project(x.reshape(samples * positions, -1), "transformer.embed").reshape(samples, positions, -1) if tokens is None else tokens[x]
        h = (h + params["transformer.wpe.weight"]).reshape(samples * positions, -1)
        for block in (f"transformer.h.{i}" for i in range(case.depth)):
            q, k, v = (part.reshape(samples, positions, case.heads, -1).transpose(0, 2, 1, 3)
                       for part in jnp.split(project(norm(h, f"{block}.ln_1"), f"{block}.attn.c_attn"), 3, -1))
            h = h + project(attend(q, k, v, tokens is not None).transpose(0, 2, 1, 3).reshape(h.shape), f"{block}.attn.c_proj")
            h = h + project(jax.nn.gelu(project(norm(h, f"{block}.ln_2"), f"{block}.mlp.c_fc"), approximate=False), f"{block}.mlp.c_proj")
        h = norm(h, "transformer.ln_f")
        if tokens is None:
            return cross_entropy(project(h.reshape(samples, positions, -1).mean(1), "head"), y)
        return cross_entropy(h @ tokens.T, y.reshape(-1))

    return loss_of


def main():
    case = Case(sys.argv[1])
    compete_by(case, make_loss(case))


if __name__ == "__main__":
    main()
