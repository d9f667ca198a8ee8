"""The LSTM of normlab in JAX (adam_jax.py), plain or with the layer normalization of Ba et al. 2016: the products of the inputs of all positions in one, a scan
over time for each layer.

    python lstm_jax.py FOLDER auto|own

own: the scan has a backward pass of its own, which makes the gradient of the recurrent weight by one product over all times; autograd adds it up time by time.
"""

import sys

import jax
import jax.numpy as jnp
from jax import lax

from adam_jax import compete_by, cross_entropy, product
from competitor import Case
from transformer_jax import layer_norm, normalize, unnormalize


def sigmoid(x):
    """By the tanh, which XLA computes faster than the exponential."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def step(carry, of_x, w, norms):
    """norms: gamma and beta of W h and of the cell, or nothing. The new h and c, and what backward reads."""
    h, c = carry
    of_h, kept_h = normalize(h @ w, *norms[0]) if norms else (h @ w, ())
    i, f, g, o = jnp.split(of_x + of_h, 4, -1)
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
    new = f * c + i * g
    shown, kept_c = normalize(new, *norms[1]) if norms else (new, ())
    shown = jnp.tanh(shown)
    return (o * shown, new), (c, shown, i, f, g, o, kept_h[:2], kept_c[:2])


def start(of_x, w):
    zero = jnp.zeros((of_x.shape[1], w.shape[0]))
    return zero, zero


def states_auto(of_x, w, norms):
    """of_x (T, N, 4 H), w (H, 4 H): the states h (T, N, H)."""
    def at(carry, of_x):
        carry, _ = step(carry, of_x, w, norms)
        return carry, carry[0]

    return lax.scan(at, start(of_x, w), of_x)[1]


@jax.custom_vjp
def states_own(of_x, w, norms):
    return states_auto(of_x, w, norms)


def forward(of_x, w, norms):
    def at(carry, of_x):
        before = carry[0]
        carry, kept = step(carry, of_x, w, norms)
        return carry, (carry[0], before, kept)

    _, (h, before, kept) = lax.scan(at, start(of_x, w), of_x)
    return h, (before, kept, w, norms)


def backward(saved, dh):
    before, kept, w, norms = saved
    turned = w.T

    def at(carry, now):
        dstate, dcell = carry
        dh, (c, shown, i, f, g, o, kept_h, kept_c) = now
        dstate = dstate + dh
        dshown = dstate * o * (1 - shown * shown)
        dnew = dcell + (unnormalize(*kept_c, norms[1][0], dshown) if norms else dshown)
        dgates = jnp.concatenate([dnew * g * i * (1 - i), dnew * c * f * (1 - f), dnew * i * (1 - g * g), dstate * shown * o * (1 - o)], -1)
        dof_h = unnormalize(*kept_h, norms[0][0], dgates) if norms else dgates
        return (dof_h @ turned, dnew * f), (dgates, dof_h if norms else (), dshown if norms else ())

    _, (dgates, dof_h, dshown) = lax.scan(at, start(dh, w), (dh, kept), reverse=True)

    def rows(values):
        return values.reshape(-1, values.shape[-1])

    dw = rows(before).T @ rows(dof_h if norms else dgates)
    dnorms = tuple(((dy * unit).sum((0, 1)), dy.sum((0, 1))) for dy, (unit, _) in ((dgates, kept[6]), (dshown, kept[7]))) if norms else ()
    return dgates, dw, dnorms


states_own.defvjp(forward, backward)


def make_loss(case, states):
    def loss_of(params, x, y):
        def pair(name):
            return params[f"{name}.weight"], params[f"{name}.bias"]

        tokens = params.get("embedding.weight")
        h = x.reshape(*x.shape[:2], -1) if tokens is None else tokens[x]
        h = h.transpose(1, 0, 2)  # (T, N, C)
        times, samples = h.shape[:2]
        for layer in range(case.depth):
            of_x = product(h.reshape(times * samples, -1), params[f"rnn.weight_ih_l{layer}"])
            norms = ()
            if case.norm == "ln":
                of_x = layer_norm(of_x, *pair(f"rnn.norm_ih_l{layer}"))
                norms = pair(f"rnn.norm_hh_l{layer}"), pair(f"rnn.norm_c_l{layer}")
            else:
                of_x = of_x + params[f"rnn.bias_ih_l{layer}"] + params[f"rnn.bias_hh_l{layer}"]
            h = states(of_x.reshape(times, samples, -1), params[f"rnn.weight_hh_l{layer}"], norms)
        if tokens is None:
            h = h[-1]
        else:
            h, y = h.reshape(times * samples, -1), y.T.reshape(-1)
        return cross_entropy(product(h, params["head.weight"]) + params["head.bias"], y)

    return loss_of


def main():
    case = Case(sys.argv[1])
    compete_by(case, make_loss(case, states_own if sys.argv[2] == "own" else states_auto))


if __name__ == "__main__":
    main()
