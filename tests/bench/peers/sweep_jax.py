"""The sweep of fully connected networks on digits in JAX, in two processes, one core each: an epoch's steps in a scan, compiled once for each batch
size and normalizer; the evaluation of the test part, once for each normalizer; several seeds under `vmap`.

    python sweep_jax.py DATA SEEDS BATCH...      DATA: what `normlab data export` wrote
"""

import os

from sweep import DEPTH, EPOCHS, LR, MOMENTUM, WIDTH, run


def together(batch):
    """Seeds under one `vmap`, of those tried (1, 5, 25) what is fastest; the rest in turn."""
    return 25 if batch <= 16 else 5 if batch <= 128 else 1


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
        return jax.tree.map(numpy.asarray, mlp_jax.start_from(params, kind, DEPTH))

    def order_of(seed, epoch, steps, batch):
        return numpy.random.default_rng((seed, epoch)).permutation(len(x))[:steps * batch].reshape(steps, batch).astype("i4")

    def for_seeds(function, together):
        """Of functions of one seed's arrays: the same of all seeds' arrays, so many seeds under one `vmap`."""
        if together >= seeds > 1:
            return jax.vmap(function)
        return lambda *arrays: lax.map(lambda own: function(*own), arrays, batch_size=together if 1 < together < seeds else None)

    def make_evaluate(kind):
        def evaluate(carry):
            params, _, states = carry
            logits = mlp_jax.forward(kind, DEPTH, params, states, test_x, train=False)[0]
            return mlp_jax.cross_entropy(logits, test_y), (logits.argmax(1) != test_y).mean()
        return jax.jit(for_seeds(evaluate, 1))

    def make_train(kind, batch):
        step = mlp_jax.make_step(kind, DEPTH, MOMENTUM, x, y)

        def train(carry, order):
            carry, losses = lax.scan(lambda c, r: step(c, r, LR), carry, order)
            return carry, losses.mean()
        return jax.jit(for_seeds(train, together(batch)), donate_argnums=0)

    rows, evaluates = [], {kind: make_evaluate(kind) for kind, _ in cells}
    for kind, batch in cells:
        train, evaluate, steps = make_train(kind, batch), evaluates[kind], len(x) // batch
        carry = jax.tree.map(lambda *leaves: numpy.stack(leaves), *[init(kind, seed) for seed in range(seeds)])
        curves = []
        for epoch in range(EPOCHS):
            carry, losses = train(carry, numpy.stack([order_of(seed, epoch, steps, batch) for seed in range(seeds)]))
            curves.append((losses, *evaluate(carry)))
        curves = jax.device_get(curves)
        rows += [[kind, batch, seed, epoch + 1, *(float(curve[seed]) for curve in curves[epoch])] for seed in range(seeds) for epoch in range(EPOCHS)]
    return rows


if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    run(work)
