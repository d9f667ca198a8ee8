"""Many short trainings of the character GPT in two processes of one core each, every one with initial weights and an order of its own; the test part's loss is
computed at the end of each.

    python trainings.py FOLDER COUNT STEPS jax|eager|forward      FOLDER: that of a case of the GPT
"""

import sys

import sweep


def work(folder, seeds, steps, mode):
    import numpy

    from competitor import Case

    case = Case(folder)
    test_x, test_y = (numpy.load(f"{folder}/data/test_{part}.npy") for part in "xy")

    def draw(seed):
        """GPT-2's initial weights, near enough for the time."""
        random = numpy.random.default_rng(seed)
        init = {name: numpy.ones_like(value) if value.ndim == 1 else random.normal(0, 0.02, value.shape).astype("f") for name, value in case.init.items()}
        return init, random.integers(len(case.x), size=(steps, case.order.shape[1]), dtype="i4")

    make = make_jax if mode == "jax" else make_torch
    train = make(case, mode, test_x, test_y)
    return [[seed, *train(*draw(seed))] for seed in seeds]


def make_jax(case, _, test_x, test_y):
    import jax
    import jax.numpy as jnp

    import adam_jax
    import transformer_jax

    loss_of = transformer_jax.make_loss(case)
    train, test = adam_jax.make_train(case, loss_of), jax.jit(lambda params: loss_of(params, jnp.asarray(test_x, jnp.int32), jnp.asarray(test_y, jnp.int32)))

    def run(init, order):
        carry, losses = train(adam_jax.carry_from(init), order)
        return float(losses[-1]), float(test(carry[0]))

    return run


def make_torch(case, mode, test_x, test_y):
    import torch
    from torch.nn import functional as F

    import adam_torch
    import transformer_torch
    from torch_device import prepare

    prepare()
    attend = transformer_torch.make_loss(case, F.scaled_dot_product_attention)
    loss_of = adam_torch.compiled(attend) if mode == "forward" else attend
    x, y, test_x, test_y = map(torch.from_numpy, (case.x, case.y, test_x, test_y))

    def run(init, order):
        params = adam_torch.start_from(init)
        step = adam_torch.make_module_step(loss_of, params, case)
        for rows in torch.from_numpy(order).long():
            loss = step(x[rows], y[rows])
        with torch.no_grad():
            return loss.item(), attend(params, test_x, test_y).item()

    return run


if __name__ == "__main__":
    folder, count, steps, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    seeds = range(count)
    sweep.spread(work, [(folder, seeds[i::2], steps, mode) for i in range(2)])
