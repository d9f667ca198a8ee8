"""Functions of each element in place of a normalizer: dyt, derf, hardtanh.

    python tests/golden/norm_point.py        writes norm_point.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what is in it)

DyT is the module of its authors (Zhu et al. 2025): gamma tanh(alpha x) + beta with one alpha; derf (Chen et al. 2025) has erf(alpha x + shift);
hardtanh is torch.nn.functional.hardtanh(alpha x).
"""

import torch
from torch.nn import functional as F

import layer

FUNCTION = {"dyt": torch.tanh, "derf": torch.erf, "hardtanh": F.hardtanh}


class Point(layer.Layer):
    def __init__(self, case):
        n, h, w, c = case.shape
        count = {"channel": (c,), "element": (h, w, c), "none": None}[case.key.get("affine", "channel")]
        parameters = {"alpha": 0.2 + case.draw(1).abs()}
        if case.key["kind"] == "derf":
            parameters["shift"] = 0.3 * case.draw(1)
        if count:
            parameters["gamma"], parameters["beta"] = 1 + 0.3 * case.draw(*count), case.draw(*count)
        super().__init__(case, parameters)

    def forward(self, x, training):
        p = self.parameters
        y = FUNCTION[self.case.key["kind"]](p["alpha"] * x + p.get("shift", 0))
        return y * p["gamma"] + p["beta"] if "gamma" in p else y


layer.write("point", Point)
