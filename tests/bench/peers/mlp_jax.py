"""The fully connected network in JAX: steps in one `lax.scan` under `jit`, buffers donated, the batch gathered inside.

    python mlp_jax.py FOLDER [REPLICAS] [--device cuda]      with REPLICAS, `vmap` over so many trainings; a time is a replica's
"""

import os
import sys

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from competitor import CHECKED, DEVICE, Case, compete, own_orders

jax.config.update("jax_platforms", DEVICE)
jax.config.update("jax_default_matmul_precision", "highest")  # float32: a GPU would take TF32

EPS, NORM_MOMENTUM, GROUPS = 1e-5, 0.1, 8
UNROLL = 2  # steps in an iteration of the scan: faster than 1 and 4


def batch_norm(h, gamma, beta, state, train):
    """h (batch, channels); state: running mean and variance."""
    if not train:
        return (h - state[0]) * (lax.rsqrt(state[1] + EPS) * gamma) + beta, state
    mean = h.mean(0)
    centred = h - mean
    var = (centred * centred).mean(0)
    unbiased = var * (len(h) / max(len(h) - 1, 1))
    state = tuple((1 - NORM_MOMENTUM) * old + NORM_MOMENTUM * new for old, new in zip(state, (mean, unbiased)))
    return centred * (lax.rsqrt(var + EPS) * gamma) + beta, state


def group_norm(h, gamma, beta, groups):
    """Of the forms tried the fastest: layer normalization, which is that of one group, without a reshape; groups of one sample by a product
    with the matrix that averages."""
    channels = h.shape[1]
    if groups == 1:
        centred = h - h.mean(1, keepdims=True)
        return centred * lax.rsqrt((centred * centred).mean(1, keepdims=True) + EPS) * gamma + beta
    if len(h) == 1:
        size = channels // groups
        average = jnp.asarray(np.kron(np.eye(groups), np.full((size, size), 1 / size)), h.dtype)
        centred = h - h @ average
        return centred * lax.rsqrt((centred * centred) @ average + EPS) * gamma + beta
    sets = h.reshape(len(h), groups, -1)
    centred = sets - sets.mean(2, keepdims=True)
    scale = lax.rsqrt((centred * centred).mean(2, keepdims=True) + EPS) * gamma.reshape(groups, -1)
    return (centred * scale + beta.reshape(groups, -1)).reshape(h.shape)


def forward(kind, depth, params, states, x, train=True):
    """Logits, and the new states."""
    new, h = [], x
    for layer in range(depth):
        h = h @ params[f"fc{layer + 1}.weight"]
        if f"fc{layer + 1}.bias" in params:
            h = h + params[f"fc{layer + 1}.bias"]
        if kind != "none":
            gamma, beta = params[f"norm{layer + 1}.weight"], params[f"norm{layer + 1}.bias"]
            if kind == "bn":
                h, state = batch_norm(h, gamma, beta, states[layer], train)
            else:
                h, state = group_norm(h, gamma, beta, GROUPS if kind == "gn" else 1), None
            new.append(state)
        h = jax.nn.relu(h)
    return h @ params["head.weight"] + params["head.bias"], new


def cross_entropy(logits, y):
    """The logit of the class by a product: its gradient needs no scatter."""
    return (jax.nn.logsumexp(logits, axis=1) - (logits * jax.nn.one_hot(y, logits.shape[1])).sum(1)).mean()


def make_step(kind, depth, momentum, x, y):
    def step(carry, rows, lr):
        params, velocity, states = carry

        def objective(params):
            logits, new = forward(kind, depth, params, states, x[rows])
            return cross_entropy(logits, y[rows]), new

        (loss, states), grads = jax.value_and_grad(objective, has_aux=True)(params)
        velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, grads)
        params = jax.tree.map(lambda p, v: p - lr * v, params, velocity)
        return (params, velocity, states), loss

    return step


def make_train(step, replicas):
    """train(carry, order (steps, batch), lr): all the steps, and their losses; order (replicas, steps, batch) with replicas."""
    def train(carry, order, lr):
        return lax.scan(lambda carry, rows: step(carry, rows, lr), carry, order, unroll=UNROLL)

    return jax.jit(jax.vmap(train, (0, 0, None)) if replicas else train, donate_argnums=0)


def start_from(init, kind, depth):
    """Weights are kept (in, out), the layout in which x @ w is fast."""
    params = {name: value.T if value.ndim == 2 else value for name, value in init.items() if "running" not in name and "num_batches" not in name}
    states = [(init[f"norm{i + 1}.running_mean"], init[f"norm{i + 1}.running_var"]) for i in range(depth)] if kind == "bn" else [None] * depth
    return params, jax.tree.map(jnp.zeros_like, params), states if kind != "none" else []


def main():
    case = Case(sys.argv[1])
    replicas = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    x, y = jnp.asarray(case.x.reshape(len(case.x), -1)), jnp.asarray(case.y, jnp.int32)
    carry = jax.tree.map(jnp.asarray, start_from(case.init, case.norm, case.depth))
    order = jnp.asarray(case.order)
    if replicas:
        carry = jax.tree.map(lambda a: jnp.repeat(a[None], replicas, 0), carry)
        order = jnp.asarray(own_orders(case.order, replicas))
    train = make_train(make_step(case.norm, case.depth, case.momentum, x, y), replicas)
    lr = jnp.float32(case.lr)
    carry, losses = train(carry, order, lr)
    steps = losses.size
    holder = [carry]

    def run():
        holder[0], losses = train(holder[0], order, lr)
        return steps, losses.reshape(-1)[-1].block_until_ready()

    compete((losses[0] if replicas else losses)[:CHECKED], run)


if __name__ == "__main__":
    main()
