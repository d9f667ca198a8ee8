"""Many short trainings of a network on sequences in two processes of one core each, every one with initial weights and an order of its own; the losses of the
training part and of the test part are computed at the end of each.

    python trainings.py FOLDER COUNT STEPS jax|eager|forward      FOLDER: that of a case of the GPT, the ViT or the LSTM
"""

import sys

import sweep


def work(folder, seeds, steps, mode):
    import numpy

    from competitor import Case

    case = Case(folder)
    parts = [[numpy.load(f"{folder}/data/{part}_{kind}.npy") for kind in "xy"] for part in ("train", "test")]

    def draw(seed):
        """Initial weights, near enough for the time."""
        random = numpy.random.default_rng(seed)
        init = {name: numpy.ones_like(value) if value.ndim == 1 else random.normal(0, 0.02, value.shape).astype("f") for name, value in case.init.items()}
        return init, random.integers(len(case.x), size=(steps, case.order.shape[1]), dtype="i4")

    train = (make_jax if mode == "jax" else make_torch)(case, mode, parts)
    return [[seed, *train(*draw(seed))] for seed in seeds]


def make_jax(case, _, parts):
    import jax
    import jax.numpy as jnp

    import adam_jax
    import lstm_jax
    import transformer_jax

    loss_of = lstm_jax.make_loss(case, lstm_jax.states_own) if hasattr(case, "recurrent") else transformer_jax.make_loss(case)
    train, score = adam_jax.make_train(case, loss_of), jax.jit(loss_of)
    parts = [(jnp.asarray(x) if x.dtype == "f4" else jnp.asarray(x, jnp.int32), jnp.asarray(y, jnp.int32)) for x, y in parts]

    def run(init, order):
        carry, losses = train(adam_jax.carry_from(init), order)
        return float(losses[-1]), *(float(score(carry[0], *part)) for part in parts)

    return run


def make_torch(case, mode, parts):
    import torch
    from torch.nn import functional as F

    import adam_torch
    import lstm_torch
    import transformer_torch
    from torch_device import prepare

    prepare()
    if hasattr(case, "recurrent"):
        plain = lstm_torch.make_loss(lstm_torch.make_module(case, False), False)
    else:
        plain = transformer_torch.make_loss(case, F.scaled_dot_product_attention)
    loss_of = adam_torch.compiled(plain) if mode == "forward" else plain
    x, y = torch.from_numpy(case.x), torch.from_numpy(case.y)
    parts = [tuple(map(torch.from_numpy, part)) for part in parts]

    def score(params, x, y):
        """The mean loss of equal batches, and of a smaller last one."""
        return sum(plain(params, *some).item() * len(some[0]) for some in zip(x.split(128), y.split(128), strict=True)) / len(x)

    def run(init, order):
        params = adam_torch.start_from(init)
        step = adam_torch.make_module_step(loss_of, params, case)
        for rows in torch.from_numpy(order).long():
            loss = step(x[rows], y[rows])
        with torch.no_grad():
            return loss.item(), *(score(params, *part) for part in parts)

    return run


if __name__ == "__main__":
    folder, count, steps, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    seeds = range(count)
    sweep.spread(work, [(folder, seeds[i::2], steps, mode) for i in range(2)])
