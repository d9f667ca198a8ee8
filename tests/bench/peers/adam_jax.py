"""What the peers on sequences share in JAX: AdamW with decay of matrices alone (Adam where the decay is 0), gradients clipped to a norm, and steps in one
`lax.scan` under `jit`, buffers donated, the batch gathered inside."""

import itertools
import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
from jax import lax

from competitor import CHECKED, compete

jax.config.update("jax_platforms", "cpu")

EPS = 1e-8


def cross_entropy(logits, labels):
    """logits (..., classes). The logit of the class by a product: its gradient needs no scatter."""
    return (jax.nn.logsumexp(logits, axis=-1) - (logits * jax.nn.one_hot(labels, logits.shape[-1])).sum(-1)).mean()


def start_from(init):
    """A weight is kept as (in, out), in which x @ w is fast, but with more inputs than outputs as (out, in): the gradient of a wide one is faster."""
    def wide(name, value):
        table = any(word in name for word in ("wte", "wpe", "embedding"))
        return value.T if value.ndim == 2 and not table and value.shape[0] >= value.shape[1] else value

    return {name: jnp.asarray(wide(name, value)) for name, value in init.items()}


def product(x, w):
    """x (rows, in), w as start_from leaves it."""
    return x @ (w if w.shape[0] == x.shape[1] else w.T)


def make_train(case, loss_of):
    """train(carry, order (steps, batch)): all the steps, and their losses."""
    x, y = jnp.asarray(case.x), jnp.asarray(case.y, jnp.int32)
    if x.dtype != jnp.float32:
        x = x.astype(jnp.int32)

    def step(carry, rows):
        params, first, second, taken = carry
        loss, grads = jax.value_and_grad(loss_of)(params, x[rows], y[rows])
        norm = jnp.sqrt(sum((g * g).sum() for g in grads.values()))
        scale, taken = jnp.minimum(case.clip / (norm + 1e-6), 1.0), taken + 1
        rate, root = case.lr / (1 - case.beta1 ** taken), lax.rsqrt(1 - case.beta2 ** taken)
        first = {name: case.beta1 * m + (1 - case.beta1) * scale * grads[name] for name, m in first.items()}
        second = {name: case.beta2 * v + (1 - case.beta2) * jnp.square(scale * grads[name]) for name, v in second.items()}
        params = {name: (1 - case.lr * case.decay * (p.ndim > 1)) * p - rate * first[name] / (jnp.sqrt(second[name]) * root + EPS) for name, p in params.items()}
        return (params, first, second, taken), loss

    return jax.jit(lambda carry, order: lax.scan(step, carry, order), donate_argnums=0)


def carry_from(init):
    """Weights, both moments, steps made."""
    params = start_from(init)
    return params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.float32(0)


def compete_by(case, loss_of):
    carry, train = carry_from(case.init), make_train(case, loss_of)
    chunks = itertools.cycle(jnp.asarray(case.order).reshape(-1, case.chunk, case.order.shape[1]))

    def run():
        nonlocal carry
        carry, losses = train(carry, next(chunks))
        return case.chunk, losses.block_until_ready()

    first = []
    while len(first) < CHECKED:
        first += map(float, run()[1])

    def some():
        steps, losses = run()
        return steps, float(losses[-1])

    compete(first[:CHECKED], some)
