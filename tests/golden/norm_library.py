"""The formulas of configs/formulas (NAME.yaml; of what is built in NAME_formula.yaml), by their papers' equations in PyTorch.

    python tests/golden/norm_library.py     writes norm_library.cases, with what the files say, and norm_library.safetensors (layer.py says what is in it)

Each function is written from the paper, on images (N, C, H, W), and knows nothing of the file. What PyTorch has is PyTorch's.
"""

import sys

import torch
import yaml
from torch.nn import functional as F

import layer

EPS = 1e-5
FOLDER = layer.HERE.parent.parent / "configs" / "formulas"
SHAPES = ["4,3,2,8", "6,1,1,16"]


def per_channel(value):
    return value[:, None, None]


def batch_moments(x):
    return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0), x.numel() // x.shape[1]


def keep(layer, **new):
    layer.states.update({name: 0.9 * layer.states[name] + 0.1 * value.detach() for name, value in new.items()})


def grn(x, p, l, training):
    g = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
    return per_channel(p["gamma"]) * (x * g / (g.mean(1, keepdim=True) + 1e-6)) + per_channel(p["beta"]) + x


def evonorm_b0(x, p, l, training):
    _, v, n = batch_moments(x)
    used = v if training else l.states["rv"]
    if training:
        keep(l, rv=v * n / (n - 1))
    instance = (x.var((2, 3), correction=0, keepdim=True) + EPS).sqrt()
    return x / torch.maximum((per_channel(used) + EPS).sqrt(), per_channel(p["w"]) * x + instance) * per_channel(p["gamma"]) + per_channel(p["beta"])


def evonorm_s0(x, p, l, training):
    n, c, h, w = x.shape
    groups = x.reshape(n, 8, -1).var(2, correction=0)[:, :, None].expand(n, 8, c // 8).reshape(n, c, 1, 1)
    return x * torch.sigmoid(per_channel(p["w"]) * x) / (groups + EPS).sqrt() * per_channel(p["gamma"]) + per_channel(p["beta"])


def rms_of_position(x):
    return F.rms_norm(x.movedim(1, -1), x.shape[1:2], eps=EPS).movedim(-1, 1)


def seednorm(x, p, l, training):
    s = torch.tanh(torch.einsum("nchw,c->nhw", x, p["b"]))
    return (s[:, None] * per_channel(p["a"]) + per_channel(p["gamma"])) * rms_of_position(x)


def gated_rms(x, p, l, training):
    return torch.sigmoid(per_channel(p["w"]) * x) * (per_channel(p["gamma"]) * rms_of_position(x))


def l2(x, p, l, training):
    return per_channel(p["gamma"]) * x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + EPS)


def lp_bn(x, p, l, training):
    m = x.mean((0, 2, 3))
    s = (x - per_channel(m)).abs().pow(1.5).mean((0, 2, 3))
    used_m, used_s = (m, s) if training else (l.states["rm"], l.states["rs"])
    if training:
        keep(l, rm=m, rs=s)
    return per_channel(p["gamma"]) * (x - per_channel(used_m)) / (per_channel(used_s) + EPS) ** (1 / 1.5) + per_channel(p["beta"])


def pixelnorm(x, p, l, training):
    return x / (x.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()


def adanorm(x, p, l, training):
    z = F.layer_norm(x, x.shape[1:], eps=EPS)
    return (1 - 0.1 * z).detach() * z


def detachnorm(x, p, l, training):
    m, v = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), correction=0, keepdim=True)
    return per_channel(p["gamma"]) * (x - m.detach()) / (v + EPS).sqrt().detach() + per_channel(p["beta"])


def simple_rms(x, p, l, training):
    return F.rms_norm(x, x.shape[1:], eps=EPS)


def simple_ln(x, p, l, training):
    return F.layer_norm(x, x.shape[1:], eps=EPS)


def bn(x, p, l, training):
    rm, rv = l.states["rm"].clone(), l.states["rv"].clone()
    y = F.batch_norm(x, rm, rv, p["gamma"], p["beta"], training, 0.1, EPS)
    l.states.update(rm=rm, rv=rv)
    return y


def affine(y, p):
    return per_channel(p["gamma"]) * y + per_channel(p["beta"])


def l1bn(x, p, l, training):
    m = x.mean((0, 2, 3))
    s = (x - per_channel(m)).abs().mean((0, 2, 3))
    used_m, used_s = (m, s) if training else (l.states["rm"], l.states["rs"])
    if training:
        keep(l, rm=m, rs=s)
    return affine((x - per_channel(used_m)) / (per_channel(used_s) + EPS) * (2 / torch.pi) ** 0.5, p)


def frn(x, p, l, training):
    nu2 = x.pow(2).mean((2, 3), keepdim=True)
    return torch.maximum(affine(x * torch.rsqrt(nu2 + EPS), p), per_channel(p["tau"]))


FUNCTIONS = {
    **{f.__name__: f for f in (grn, evonorm_b0, evonorm_s0, seednorm, gated_rms, l2, lp_bn, pixelnorm, adanorm, detachnorm, simple_rms, simple_ln, bn, l1bn, frn)},
    "ln": lambda x, p, l, training: affine(F.layer_norm(x, x.shape[1:], eps=EPS), p),
    "gn": lambda x, p, l, training: F.group_norm(x, 8, p["gamma"], p["beta"], EPS),
    "in": lambda x, p, l, training: affine((x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + EPS).sqrt(), p),
    "rms": lambda x, p, l, training: per_channel(p["gamma"]) * F.rms_norm(x, x.shape[1:], eps=EPS),
    "dyt": lambda x, p, l, training: affine(torch.tanh(p["alpha"] * x), p),
    "scalenorm": lambda x, p, l, training: p["g"] * x / torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True).clamp(min=EPS),
}
FILES = {path.stem.removesuffix("_formula"): yaml.safe_load(path.read_text())["norm"] for path in sorted(FOLDER.glob("*.yaml"))}


class Formula(layer.Layer):
    def __init__(self, case):
        said, c = FILES[case.name.split("_at_")[0]], case.shape[3]
        size = {"one": 1, "channel": c}
        parameters = {name: 0.9 + 0.2 * case.draw(size[of["shape"]]) for name, of in said.get("parameters", {}).items()}
        states = {name: 0.9 + 0.1 * case.draw(size[of["shape"]]).abs() for name, of in said.get("states", {}).items()}
        self.function = FUNCTIONS[case.name.split("_at_")[0]]
        super().__init__(case, parameters, states)

    def forward(self, x, training):
        return self.function(x.permute(0, 3, 1, 2), self.parameters, self, training).permute(0, 2, 3, 1)


def flow(value):
    """A mapping of YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {flow(of)}" for name, of in value.items()) + "}"
    return f"'{value}'" if isinstance(value, str) and "," in value else str(value)


def main():
    if FILES.keys() != FUNCTIONS.keys():
        sys.exit(f"files without a function, or functions without a file: {FILES.keys() ^ FUNCTIONS.keys()}")
    lines = []
    for name, said in FILES.items():
        words = ["norm.formula=" + "; ".join(said["formula"].strip().split("\n"))]
        words += [f"norm.{key}={said[key] if key == 'evaluation' else flow(said[key])}" for key in ("parameters", "states", "settings", "evaluation") if key in said]
        stops = ".ratio" if "stop(" in said["formula"] else ""
        for shape in SHAPES:
            lines.append(" ".join([f"{name}_at_{shape.replace(',', 'x')}{stops}", shape] + [word.replace(" ", "~") for word in words]))
    head = "# name shape key=value ...: norm_library.py\ncommon norm.kind=formula\n"
    (layer.HERE / "norm_library.cases").write_text(head + "\n".join(lines) + "\n")
    layer.write("library", Formula)


main()
