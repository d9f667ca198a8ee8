"""ResNet-20 in JAX: the step under `jit`, buffers donated, NHWC; on the processor one thread, on a GPU all steps in one `lax.scan`.

    python resnet_jax.py FOLDER [REPLICAS] [--device cuda]      with REPLICAS, `vmap` over so many trainings, in a scan; a time is a replica's
"""

import itertools
import os
import sys

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import jax
import jax.numpy as jnp
from jax import lax

from competitor import CHECKED, DEVICE, Case, compete, own_orders
from mlp_jax import cross_entropy, make_train

EPS, NORM_MOMENTUM, GROUPS = 1e-5, 0.1, 8


def normalize(kind, h, gamma, beta, state):
    """h (N, H, W, C); output and new state (running mean and variance). Mean and mean square in one pass and one multiply-add an
    element, as Flax has them: a quarter faster here than the textbook's order."""
    if kind == "none":
        return h, state
    if kind == "bn":
        count = h.size // h.shape[3]
        mean, square = h.mean((0, 1, 2)), (h * h).mean((0, 1, 2))
        unbiased = (square - mean * mean) * (count / max(count - 1, 1))
        state = tuple((1 - NORM_MOMENTUM) * old + NORM_MOMENTUM * new for old, new in zip(state, (mean, unbiased)))
    else:
        sets = h.reshape(h.shape[0], -1, GROUPS, h.shape[3] // GROUPS)
        mean, square = (jnp.repeat(m.mean((1, 3)), sets.shape[3], axis=1)[:, None, None] for m in (sets, sets * sets))
    scale = lax.rsqrt(square - mean * mean + EPS) * gamma
    return h * scale + (beta - mean * scale), state


def forward(kind, blocks, params, states, x):
    """Logits and new states."""
    new = {}

    def conv(name, h, stride=1):
        h = lax.conv_general_dilated(h, params[f"{name}.weight"], (stride, stride), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return h + params[f"{name}.bias"] if f"{name}.bias" in params else h

    def norm(name, h):
        h, new[name] = normalize(kind, h, params.get(f"{name}.weight"), params.get(f"{name}.bias"), states.get(name))
        return h

    h = jax.nn.relu(norm("norm1", conv("conv1", x)))
    for stage, block in itertools.product(range(1, 4), range(blocks)):
        name, shortcut, stride = f"layer{stage}.{block}", h, 2 if stage > 1 and block == 0 else 1
        h = jax.nn.relu(norm(f"{name}.norm1", conv(f"{name}.conv1", h, stride)))
        h = norm(f"{name}.norm2", conv(f"{name}.conv2", h))
        if stride == 2:
            shortcut = jnp.pad(shortcut[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, h.shape[3] - shortcut.shape[3])))
        h = jax.nn.relu(h + shortcut)
    return h.mean((1, 2)) @ params["head.weight"] + params["head.bias"], new if kind == "bn" else states


def main():
    case = Case(sys.argv[1])
    replicas = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    x, y, order = jnp.asarray(case.x), jnp.asarray(case.y, jnp.int32), jnp.asarray(case.order)
    weights = {name: value for name, value in case.init.items() if "running" not in name and "num_batches" not in name}
    params = {name: jnp.asarray(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T) for name, value in weights.items()}
    states = {name.removesuffix(".running_mean"): (jnp.asarray(value), jnp.asarray(case.init[name.replace("_mean", "_var")]))
              for name, value in case.init.items() if name.endswith("running_mean")}
    if case.norm != "bn":
        states = {}

    def step(carry, rows, lr):
        params, velocity, states = carry

        def objective(params):
            logits, new = forward(case.norm, case.blocks, params, states, x[rows])
            return cross_entropy(logits, y[rows]), new

        (loss, states), grads = jax.value_and_grad(objective, has_aux=True)(params)
        velocity = jax.tree.map(lambda v, g: case.momentum * v + g, velocity, grads)
        return (jax.tree.map(lambda p, v: p - lr * v, params, velocity), velocity, states), loss

    carry, lr = (params, jax.tree.map(jnp.zeros_like, params), states), jnp.float32(case.lr)
    if replicas or DEVICE != "cpu":
        if replicas:
            carry = jax.tree.map(lambda a: jnp.repeat(a[None], replicas, 0), carry)
            order = jnp.asarray(own_orders(case.order, replicas))
        train, chunk = make_train(step, replicas), order
    else:
        one, steps = jax.jit(step, donate_argnums=0), itertools.cycle(order)

        def train(carry, _, lr):
            carry, loss = one(carry, next(steps), lr)
            return carry, loss[None]

        chunk = None

    def run():
        nonlocal carry
        carry, losses = train(carry, chunk, lr)
        return losses.size, losses.reshape(-1, losses.shape[-1])[0]

    def some():
        steps, losses = run()
        return steps, float(losses[-1])

    first = []
    while len(first) < CHECKED:
        first += map(float, run()[1])
    compete(first[:CHECKED], some)


if __name__ == "__main__":
    main()
