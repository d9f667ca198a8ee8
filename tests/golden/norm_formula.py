"""norm.kind: formula, by random formulas that PyTorch computes and differentiates.

    python tests/golden/norm_formula.py [COUNT]     writes norm_formula.cases and norm_formula.safetensors (layer.py says what is in it)

Each case is a formula drawn from a grammar: up to four statements that reduce, then y. Expressions are trees that say themselves both as text and as a function of
tensors (N, S, G, K), whose reductions keep their axes: so shapes go together in PyTorch by its broadcasting, and in normlab by names. It is drawn anew where a number
on its way is beyond 1e4, where a kink is nearer than 1e-3, or where the largest element of a gradient is not between 1e-4 and 1e4: its numbers first, sixty times, then the formula; how many formulas were is
printed. A formula that reduces over batch has y = x * seen in evaluation, with a state that counts steps. One that has stop() ends in .ratio, for its gradient is not that of differences. In the cases '~' stands for a blank.
"""

import random
import re
import sys

import torch

import layer

GROUPS = 2
AXES = {"batch": (0,), "space": (1,), "channel": (2, 3), "sample": (1, 2, 3), "batch space": (0, 1), f"group({GROUPS})": (3,), f"space group({GROUPS})": (1, 3)}
SHAPES = [(3, 2, 1, 4), (2, 1, 1, 6), (2, 3, 2, 2), (4, 1, 1, 2)]
PARAMETERS = {"gamma": "channel", "beta": "channel", "a": "one", "b": "group", "e": "element"}


class Refused(Exception):
    """Too near a kink, or too large."""


class Degenerate(Exception):
    """On a kink whatever the numbers are: abs(x - x), min(a, a)."""


def at_least(value, distance):
    if (value == 0).all():
        raise Degenerate
    if not (value.abs().min() >= distance):
        raise Refused
    return value


class Node:
    def __init__(self, text, compute, axes):
        self.text, self.compute, self.axes = text, compute, axes


def binary(sign, a, b, compute):
    return Node(f"({a.text} {sign} {b.text})", lambda env: compute(a.compute(env), b.compute(env)), a.axes | b.axes)


def unary(name, a, compute):
    return Node(f"{name}({a.text})", lambda env: compute(a.compute(env)), a.axes)


def away_from(compute, *kinks):
    def checked(value):
        for kink in kinks:
            at_least(value - kink, 1e-3)
        return compute(value)

    return checked


def smooth(value):
    if not (value.abs().max() <= 1e3):
        raise Refused
    return value


class Grammar:
    def __init__(self, rng):
        self.rng = rng
        self.locals = []
        self.used = set()

    def leaf(self):
        kind = self.rng.choice(["x"] * 5 + ["local"] * 3 + ["parameter"] * 2 + ["number"])
        if kind == "local" and self.locals:
            name, axes = self.rng.choice(self.locals)
            return Node(name, lambda env: env[name], axes)
        if kind == "parameter":
            name = self.rng.choice(list(PARAMETERS))
            self.used.add(name)
            return Node(name, lambda env: env[name], {"channel": {2, 3}, "one": set(), "group": {2}, "element": {1, 2, 3}}[PARAMETERS[name]])
        if kind == "number":
            number = round(self.rng.uniform(0.2, 2), 2)
            return Node(repr(number), lambda env: torch.tensor(number), set())
        return Node("x", lambda env: env["x"], {0, 1, 2, 3})

    def positive(self, depth):
        """An expression that is at least 0.1."""
        inner = self.expression(depth - 1)
        kind = self.rng.choice(["square", "exp", "abs", "sigmoid"])
        if kind == "square":
            return Node(f"({inner.text}^2 + 0.3)", lambda env: inner.compute(env) ** 2 + 0.3, inner.axes)
        if kind == "exp":
            return Node(f"exp(tanh({inner.text}))", lambda env: torch.exp(torch.tanh(inner.compute(env))), inner.axes)
        if kind == "abs":
            return Node(f"(abs({inner.text}) + 0.2)", lambda env: away_from(torch.abs, 0)(inner.compute(env)) + 0.2, inner.axes)
        return Node(f"(sigmoid({inner.text}) + 0.1)", lambda env: torch.sigmoid(inner.compute(env)) + 0.1, inner.axes)

    def expression(self, depth):
        if depth <= 0:
            return self.leaf()
        draw = self.rng.random()
        if draw < 0.45:
            a, b = self.expression(depth - 1), self.expression(depth - 1)
            sign, compute = self.rng.choice([("+", torch.add), ("-", torch.sub), ("*", torch.mul)])
            if a.text == b.text and sign == "-":
                sign, compute = "*", torch.mul  # a - a stands on every kink
            return binary(sign, a, b, compute)
        if draw < 0.55:
            return binary("/", self.expression(depth - 1), self.positive(depth - 1), torch.div)
        if draw < 0.62:
            base, power = self.positive(depth - 1), self.rng.choice([-0.5, 0.5, -1, 1.5, 3, 2])
            return Node(f"({base.text}^{power if power >= 0 else f'({power})'})", lambda env: base.compute(env) ** power, base.axes)
        if draw < 0.80:
            a = self.expression(depth - 1)
            name = self.rng.choice(["tanh", "erf", "sigmoid", "relu", "abs", "stop", "exp"])
            compute = {"tanh": torch.tanh, "erf": torch.erf, "sigmoid": torch.sigmoid, "relu": away_from(torch.relu, 0), "abs": away_from(torch.abs, 0),
                       "stop": torch.detach, "exp": lambda v: torch.exp(smooth(v.clamp(max=8)) if v.max() <= 8 else smooth(v * 1e9))}[name]
            return unary(name, a, compute)
        if draw < 0.88:
            a = self.positive(depth - 1)
            name, compute = self.rng.choice([("sqrt", torch.sqrt), ("rsqrt", torch.rsqrt), ("log", torch.log)])
            return unary(name, a, compute)
        if draw < 0.94:
            a, b = self.expression(depth - 1), self.expression(depth - 1)
            name, compute = self.rng.choice([("min", torch.minimum), ("max", torch.maximum)])
            return Node(f"{name}({a.text}, {b.text})", lambda env: self.extreme(compute, a.compute(env), b.compute(env)), a.axes | b.axes)
        c, a, b = (self.expression(depth - 1) for _ in range(3))
        sign, compute = self.rng.choice([("<", torch.lt), (">=", torch.ge)])
        threshold = round(self.rng.uniform(-0.5, 0.5), 2)
        return Node(f"where({c.text} {sign} {threshold}, {a.text}, {b.text})".replace("< -", "< 0-").replace(">= -", ">= 0-"),
                    lambda env: torch.where(compute(at_least(c.compute(env) - threshold, 1e-3), 0), a.compute(env), b.compute(env)), c.axes | a.axes | b.axes)

    @staticmethod
    def extreme(compute, a, b):
        at_least(a - b, 1e-3)
        return compute(a, b)

    def reduction(self):
        a = self.expression(self.rng.choice([1, 2]))
        possible = [word for word, axes in AXES.items() if set(axes) <= a.axes]
        if not possible:
            return None
        word = self.rng.choice(possible)
        axes = AXES[word]
        name = self.rng.choice(["mean", "mean", "sum", "var", "norm", "max", "min"])

        def compute(env):
            v = a.compute(env)
            if name == "mean":
                return v.mean(axes, keepdim=True)
            if name == "sum":
                return v.sum(axes, keepdim=True)
            if name == "var":
                return v.var(axes, correction=0, keepdim=True)
            if name == "norm":
                return at_least((v * v).sum(axes, keepdim=True).sqrt(), 1e-2)
            largest = (torch.amax if name == "max" else torch.amin)(v, axes, keepdim=True)
            near = ((v - largest).abs() < 1e-3).sum(axes, keepdim=True)
            if not (near == 1).all():
                raise Refused
            return largest

        return Node(f"{name}({a.text}, {word})", compute, a.axes - set(axes))


def draw(seed):
    """A formula, and the function of its environment that computes y."""
    rng = random.Random(seed)
    grammar = Grammar(rng)
    statements = []
    for i in range(rng.choice([1, 2, 2, 3, 4])):
        reduction = grammar.reduction()
        if reduction:
            statements.append((f"s{i}", reduction))
            grammar.locals.append((f"s{i}", reduction.axes))
    scale = grammar.expression(2)
    y = binary("*", Node("x", lambda env: env["x"], {0, 1, 2, 3}), scale, torch.mul) if rng.random() < 0.5 else grammar.expression(4)
    text = "; ".join([f"{name} = {node.text}" for name, node in statements] + [f"y = {y.text}"])

    def compute(env):
        env = dict(env)
        for name, node in statements:
            env[name] = smooth(node.compute(env))
        return smooth(y.compute(env))

    return text, compute


def shape_of(kind, h, w, c):
    return {"one": (1,), "channel": (c,), "group": (GROUPS,), "element": (h, w, c)}[kind]


def as_axes(kind, value, h, w, c):
    if kind == "one":
        return value.reshape(1, 1, 1, 1)
    if kind == "group":
        return value.reshape(1, 1, GROUPS, 1)
    return value.reshape(1, 1 if kind == "channel" else h * w, GROUPS, c // GROUPS)


class Formula(layer.Layer):
    def __init__(self, case):
        n, h, w, c = case.shape
        self.size = (h, w, c)
        self.compute = FORMULAS[case.name][1]
        self.over_batch = FORMULAS[case.name][0]
        super().__init__(case, {name: 0.8 + 0.3 * case.draw(*shape_of(PARAMETERS[name], h, w, c)) for name in FORMULAS[case.name][2]},
                         {"seen": case.draw(1)} if self.over_batch else {})

    def forward(self, x, training):
        n, h, w, c = self.case.shape
        if self.over_batch and not training:
            return x * self.states["seen"]
        if self.over_batch:
            self.states["seen"] = self.states["seen"] + 1
        env = {name: as_axes(PARAMETERS[name], value, *self.size) for name, value in self.parameters.items()}
        env["x"] = x.reshape(n, h * w, GROUPS, c // GROUPS)
        return self.compute(env).expand(n, h * w, GROUPS, c // GROUPS).reshape(n, h, w, c)


def is_good(name, shape, compute, used, over_batch):
    """Draws its numbers as layer.write will, and tries it."""
    case = layer.Case(name, ",".join(map(str, shape)), [])
    x, dy = case.inputs()
    FORMULAS[name] = (over_batch, compute, used)
    made = Formula(case)
    try:
        x.requires_grad_()
        y = made.forward(x, True)
        gradients = torch.autograd.grad((y * dy).sum(), [x, *made.parameters.values()], allow_unused=True)
    except Refused:
        return False
    except (Degenerate, RuntimeError):  # RuntimeError: y needs no gradient
        return None
    if any(g is None or (g == 0).all() for g in gradients):
        return None
    if any(not (1e-4 <= g.abs().max() <= 1e4) for g in gradients):
        return False
    return bool(torch.isfinite(y).all())


FORMULAS = {}

# At kinks, on numbers that are rounded to whole ones: text, shape, function. PyTorch's torch.maximum, amax, abs, relu and vector_norm have the rules that normlab has;
# where() needs what PyTorch calls the double where, so that the branch that is not taken gives no NaN.
KINKS = {
    "max_of_two": ("y = x + max(x, 1) * x", "3,2,2,4", lambda x: x + torch.maximum(x, torch.tensor(1.0)) * x),
    "min_of_two": ("y = min(x, 0) - min(0, x) * x", "3,2,2,4", lambda x: torch.minimum(x, torch.tensor(0.0)) - torch.minimum(torch.tensor(0.0), x) * x),
    "largest": ("y = x * max(x, space)", "3,3,2,4", lambda x: x * x.amax(1, keepdim=True)),
    "smallest": ("y = x - 2 * min(x, sample)", "3,3,2,4", lambda x: x - 2 * x.amin((1, 2, 3), keepdim=True)),
    "at_zero": ("y = abs(x) * 2 + relu(x) * 3 + sign(x) + x", "3,3,2,4", lambda x: x.abs() * 2 + torch.relu(x) * 3 + torch.sign(x) + x),
    "length_zero": ("y = x * 3 + norm(x, space)", "6,1,1,8", lambda x: x * 3 + torch.linalg.vector_norm(x, dim=1, keepdim=True)),
    "branch": ("y = where(x > 0, sqrt(x) + log(x), 0 - x)", "3,3,2,4", lambda x: torch.where(x > 0, torch.where(x > 0, x, 1).sqrt() + torch.where(x > 0, x, 1).log(), -x)),
}


def find_numbers(seed, shape, compute, used, over_batch, stops):
    """The name of a case whose numbers will do; "": none was found; None: the formula does not depend on all that it declares, or is degenerate."""
    for number in range(60):
        name = f"random{seed}_{number}" + (".ratio" if stops else "")
        good = is_good(name, shape, compute, used, over_batch)
        if good is None:
            return None
        if good:
            return name
    return ""


def main(count):
    rng = random.Random(1)
    lines, seed, discarded = [], 0, 0
    while len(lines) < count:
        seed += 1
        shape = rng.choice(SHAPES)
        text, compute = draw(seed)
        words = set(re.findall(r"[a-z_0-9]+", text))
        used = [name for name in PARAMETERS if name in words]
        over_batch = "batch" in words
        if "b" in used and "group" not in words:
            continue  # a number a group, and no groups
        name = find_numbers(seed, shape, compute, used, over_batch, "stop" in words)
        discarded += name == ""
        if not name:
            continue
        declared = ", ".join(f"{p}: {{shape: {PARAMETERS[p]}, init: 1}}" for p in used)
        case = [f"norm.formula={text}", f"norm.parameters={{{declared}}}"]
        if over_batch:
            case += ["norm.evaluation=y = x * seen", "norm.states={seen: {shape: one, init: 0, next: seen + 1}}"]
        lines.append(" ".join([name, ",".join(map(str, shape))] + [word.replace(" ", "~") for word in case]))
    for kink, (text, shape, compute) in KINKS.items():
        name = f"{kink}.ties"
        FORMULAS[name] = (False, lambda env, compute=compute: compute(env["x"]), [])
        lines.append(f"{name} {shape} norm.formula={text.replace(' ', '~')}")
    head = "# name shape key=value ...: norm_formula.py\ncommon norm.kind=formula\n"
    (layer.HERE / "norm_formula.cases").write_text(head + "\n".join(lines) + "\n")
    print(f"{count} formulas, and {discarded} discarded")
    layer.write("formula", Formula)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 120)
