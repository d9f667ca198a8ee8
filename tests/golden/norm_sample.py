"""Normalizers of a sample that are operations of their own: frn, scalenorm, prms, lrn.

    python tests/golden/norm_sample.py        writes norm_sample.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what is in it)

FRN and TLU are the formulas of Singh and Krishnan (2020), ScaleNorm the module of Nguyen and Salazar (2019), pRMSNorm the formula of Zhang and
Sennrich (2019); LRN is torch.nn.functional.local_response_norm, but where k is 0: PyTorch has NaN in a window of zeros, and the cases have none.
"""

import math

import torch
from torch.nn import functional as F

import layer


class Sample(layer.Layer):
    def __init__(self, case):
        n, h, w, c = case.shape
        self.kind, self.eps, parameters = case.key["kind"], case.number("eps", 1e-5), {}
        count = {"channel": (c,), "element": (h, w, c), "none": None}[case.key.get("affine", "channel")]
        if self.kind in ("frn", "prms") and count:
            parameters["gamma"] = 1 + 0.3 * case.draw(*count)
        if self.kind == "frn" and count:
            parameters["beta"] = case.draw(*count)
        if self.kind == "frn" and case.key.get("tlu", "true") == "true":
            parameters["tau"] = parameters["beta"] if case.name == "frn.ties" else 0.5 * case.draw(c)  # zeros of x tie
        if self.kind == "frn" and {"auto": h * w == 1, "on": True, "off": False}[case.key.get("learn_eps", "auto")]:
            parameters["learned_eps"] = 0.1 * case.draw(1)
        if self.kind == "scalenorm":
            parameters["g"] = math.sqrt(c) + case.draw(1)
        super().__init__(case, parameters)

    def frn(self, x):
        p = self.parameters
        eps = self.eps + p["learned_eps"].abs() if "learned_eps" in p else self.eps
        y = x * torch.rsqrt((x * x).mean((1, 2), keepdim=True) + eps)
        y = y * p["gamma"] + p["beta"] if "gamma" in p else y
        return torch.maximum(y, p["tau"]) if "tau" in p else y

    def over(self):
        return 3 if self.case.key.get("over") == "position" else (1, 2, 3)

    def scalenorm(self, x):
        return self.parameters["g"] * x / torch.linalg.vector_norm(x, dim=self.over(), keepdim=True).clamp(min=self.eps)

    def prms(self, x):
        first = x[..., : math.ceil(self.case.number("share", 0.0625) * x.shape[3])]
        y = x * torch.rsqrt((first * first).mean(self.over(), keepdim=True) + self.eps)
        return y * self.parameters["gamma"] if "gamma" in self.parameters else y

    def lrn(self, x):
        key = self.case.number
        size, numbers = int(key("lrn_size", 5)), (key("lrn_alpha", 1e-4), key("lrn_beta", 0.75), key("lrn_k", 1))
        return F.local_response_norm(x.permute(0, 3, 1, 2), size, *numbers).permute(0, 2, 3, 1)

    def forward(self, x, training):
        return getattr(self, self.kind)(x)


layer.write("sample", Sample)
