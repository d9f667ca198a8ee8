"""Moving average batch normalization: mabn. Here with the batch's own statistics, as before its history is full; running.py has the averages.

    python tests/golden/norm_average.py        writes norm_average.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what is in it)

By the paper (Yan et al. 2020): y = gamma r x / sqrt(chi + eps) + beta with chi the mean of x^2 over a channel and r, a constant to the gradient, what is
clipped to bring it to the running mean of squares.
"""

import torch

import layer


class Average(layer.Layer):
    def __init__(self, case):
        channels = case.shape[3]
        parameters = {}
        if case.key.get("affine") != "none":
            parameters = {"gamma": 1 + 0.3 * case.draw(channels), "beta": case.draw(channels)}
        states = {"running_mean": torch.zeros(channels), "running_var": 0.5 + case.draw(channels).abs(),
                  "history": torch.zeros(2, int(case.number("history", 16)), channels)}
        super().__init__(case, parameters, states)

    @staticmethod
    def remember(history, products):
        history[1, 0] = products.detach().mean((0, 1, 2))

    def forward(self, x, training):
        p, s, eps = self.parameters, self.states, self.case.number("eps", 1e-5)
        if training:
            chi = (x ** 2).mean((0, 1, 2))
            most = self.case.number("r_max", 3)
            r = ((chi + eps).sqrt() / (s["running_var"] + eps).sqrt()).detach().clamp(1 / most, most)
            momentum = self.case.number("momentum", 0.1)
            s["running_var"] = (1 - momentum) * s["running_var"] + momentum * chi.detach()
            z = x / (chi + eps).sqrt()
            history = s["history"].clone()
            history[0, 0] = chi.detach()
            s["history"] = history
            y = r * z
            if y.requires_grad:  # what reaches z comes in backward
                z.register_hook(lambda g: self.remember(history, g * z))
        else:
            y = x / (s["running_var"] + eps).sqrt()
        return y * p["gamma"] + p["beta"] if p else y


layer.write("average", Average)
