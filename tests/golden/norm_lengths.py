"""Normalizers by sets over sequences of different lengths.

    python tests/golden/norm_lengths.py        writes norm_lengths.safetensors, which tests/kernels/test_norm_layers.c reads (layer.py says what is in it)

Each set is the elements that count of some samples and channels, taken out of x by a mask: what stands after the ends of sequences is in no sum, and is 0 in y
and dx. PyTorch's batch_norm judges bn on those elements, the formulas of the papers the others. A case has its lengths by their names: lengths:5,2,0.
"""

import math

import torch
import torch.nn.functional as F

import layer


class Sequences(layer.Layer):
    def __init__(self, case):
        n, _, positions, channels = case.shape
        self.lengths = torch.tensor(case.lengths)
        assert len(self.lengths) == n
        self.mask = torch.arange(positions)[None, :] < self.lengths[:, None]
        self.kind = case.key["kind"]
        parameters, states = {}, {}
        affine = case.key.get("affine", "channel")
        if affine != "none":
            shape = case.shape[1:] if affine == "element" else (channels,)
            parameters["gamma"] = 1 + 0.3 * case.draw(*shape)
            if self.kind != "rms":
                parameters["beta"] = case.draw(*shape)
        if self.kind in ("bn", "brn", "l1bn", "maxbn"):
            states = {"running_mean": case.draw(channels), "running_var": 0.5 + case.draw(channels).abs()}
        super().__init__(case, parameters, states)

    def sets(self, training):
        """(mask of rows, slice of channels) of each set."""
        n, _, positions, channels = self.case.shape
        every, kind = slice(None), self.kind
        if kind == "custom":  # norm.sets=[samples,channels]: each position apart
            return [(self.mask & (torch.arange(positions) == s), every) for s in range(positions)]
        if self.states or kind in ("bn", "meanbn"):
            size = int(self.case.key.get("stat_batch", n)) if training else n
            rows = [self.mask & ((torch.arange(n) // size) == i)[:, None] for i in range(-(-n // size))]
            return [(r, slice(c, c + 1)) for r in rows for c in range(channels)]
        width = {"ln": channels, "rms": channels, "gn": channels // int(self.case.number("groups", 1)), "in": 1}[kind]
        rows = [self.mask & (torch.arange(n) == i)[:, None] for i in range(n)]
        return [(r, slice(c, c + width)) for r in rows for c in range(0, channels, width)]

    def normalize(self, z, channel, training, s):
        """s: the states before the batch."""
        eps = self.case.number("eps", 1e-5)
        mean = 0 if self.kind == "rms" else z.mean()
        t = z - mean
        spread = {"l1bn": lambda: t.abs().mean(), "maxbn": lambda: t.abs().amax()}.get(self.kind, lambda: (t ** 2).mean())()
        power = 1 if self.kind in ("l1bn", "maxbn") else 2
        fixed = s and (not training or self.case.key.get("statistics") == "running")
        if self.kind == "bn" and not fixed and z.numel() > 1 and eps > 0:
            y = F.batch_norm(z.reshape(-1, 1), None, None, None, None, True, 0.0, eps).reshape(z.shape)
        else:
            by = s["running_var"][channel] if fixed else spread
            y = (z - s["running_mean"][channel] if fixed else t) / (by + eps) ** (1 / power)
            y = y * math.sqrt(2 / math.pi) if self.kind == "l1bn" else y
        return (y, mean, spread)

    def forward(self, x, training):
        p, n, positions, channels = self.parameters, self.case.shape[0], self.case.shape[2], self.case.shape[3]
        rows, y = x[:, 0], torch.zeros_like(x[:, 0])
        momentum, before = self.case.number("momentum", 0.1), dict(self.states)
        for mask, of in self.sets(training):
            if not mask.any():
                continue
            z = rows[:, :, of][mask]
            xhat, mean, spread = self.normalize(z, of.start, training, before)
            m = z.numel()
            block = torch.zeros(n, positions, z.shape[1]).index_put(mask.nonzero(as_tuple=True), xhat)
            y = y + (block if of == slice(None) else F.pad(block, (of.start, channels - of.start - block.shape[2])))
            if self.states and training:
                stored = spread * m / (m - 1) if self.kind == "bn" and m > 1 else spread
                for name, value in (("running_mean", mean), ("running_var", stored)):
                    after = self.states[name].clone()
                    after[of.start] = (1 - momentum) * after[of.start] + momentum * value.detach()
                    self.states[name] = after
        if p:
            gamma = p["gamma"][0] if p["gamma"].dim() == 3 else p["gamma"]
            y = y * gamma
            if "beta" in p:
                y = y + (p["beta"][0] if p["beta"].dim() == 3 else p["beta"]) * self.mask[:, :, None]
        return y[:, None]


layer.write("lengths", Sequences)
