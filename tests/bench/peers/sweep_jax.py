"""The sweep of fully connected networks on digits in JAX, in two processes, one core each: compiled once for each batch size and normalizer,
all seeds under `vmap`, every epoch's steps in a scan, the test part evaluated after each.

    python sweep_jax.py DATA SEEDS BATCH...      DATA: what `normlab data export` wrote
"""

import os

from sweep import DEPTH, EPOCHS, LR, MOMENTUM, WIDTH, run


def work(folder, seeds, cells):
    import jax
    import jax.numpy as jnp
    import numpy
    from jax import lax

    import mlp_jax

    def load(part):
        x = numpy.load(folder / f"{part}_x.npy")
        return jnp.asarray(x.reshape(len(x), -1)), jnp.asarray(numpy.load(folder / f"{part}_y.npy"), jnp.int32)

    (x, y), (test_x, test_y) = load("train"), load("test")

    def init(kind, seed):
        random, params = numpy.random.default_rng(seed), {}
        sizes = [x.shape[1]] + [WIDTH] * DEPTH
        for i in range(DEPTH):
            params[f"fc{i + 1}.weight"] = random.normal(0, (2 / sizes[i]) ** 0.5, (WIDTH, sizes[i])).astype("f")
            if kind != "bn":
                params[f"fc{i + 1}.bias"] = numpy.zeros(WIDTH, "f")
            if kind != "none":
                params[f"norm{i + 1}.weight"], params[f"norm{i + 1}.bias"] = numpy.ones(WIDTH, "f"), numpy.zeros(WIDTH, "f")
            if kind == "bn":
                params[f"norm{i + 1}.running_mean"], params[f"norm{i + 1}.running_var"] = numpy.zeros(WIDTH, "f"), numpy.ones(WIDTH, "f")
        params["head.weight"] = random.normal(0, (2 / WIDTH) ** 0.5, (10, WIDTH)).astype("f")
        params["head.bias"] = numpy.zeros(10, "f")
        return mlp_jax.start_from(params, kind, DEPTH)

    def evaluate(kind, carry):
        params, _, states = carry
        logits = mlp_jax.forward(kind, DEPTH, params, states, test_x, train=False)[0]
        return mlp_jax.cross_entropy(logits, test_y), (logits.argmax(1) != test_y).mean()

    rows = []
    for kind, batch in cells:
        step = mlp_jax.make_step(kind, DEPTH, MOMENTUM, x, y)
        steps = len(x) // batch

        def train(carry, orders):
            def epoch(carry, order):
                carry, losses = lax.scan(lambda c, r: step(c, r, LR), carry, order)
                return carry, (losses.mean(), *evaluate(kind, carry))
            return lax.scan(epoch, carry, orders)[1]

        carries = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[init(kind, seed) for seed in range(seeds)])
        orders = numpy.stack([numpy.stack([numpy.random.default_rng((seed, e)).permutation(len(x))[:steps * batch].reshape(steps, batch)
                                           for e in range(EPOCHS)]) for seed in range(seeds)]).astype("i4")
        if seeds == 1:
            curves = [a[None] for a in jax.jit(train)(jax.tree.map(lambda a: a[0], carries), orders[0])]
        else:
            curves = jax.jit(jax.vmap(train))(carries, orders)
        for seed in range(seeds):
            for e in range(EPOCHS):
                rows.append([kind, batch, seed, e + 1, *(float(curve[seed, e]) for curve in map(numpy.asarray, curves))])
    return rows


if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    run(work)
