"""Turns what sequences.py measured into its part of RESULTS.md."""

from report import SEQUENCES_HEADING, by_batch, circumstances, ratio, replace_sequences_part, table

# Of a sample's forward and backward: six a multiply-add of the products, attention as if nothing were masked.
SEQUENCE_FLOPS = {"gpt": 6 * 64 * (4 * (12 * 128 ** 2 + 2 * 64 * 128) + 65 * 128), "vit": 6 * (16 * (4 * (12 * 64 ** 2 + 2 * 16 * 64) + 4 * 64) + 10 * 64),
                  "lstm": 6 * (64 * (4 * 128 * (1 + 3 * 128)) + 10 * 128)}
SEQUENCE_GOAL = {"gpt ln": {1: 1.7, 12: 1.3, 64: 1.25}, "vit ln": {1: 2, 32: 1.6, 128: 1.5}, "lstm none": {1: 2, 16: 1.4, 64: 1.25}, "lstm ln": {1: 3, 16: 2.2, 64: 1.8}}


def step_us(value):
    return f"{value:.0f}" if value else "-"


def of_sequences(kind, results):
    rows = []
    for key in sorted(results, key=by_batch):
        row = results[key]
        norm, batch = key.split()
        batch, t = int(batch), dict(row["us"])
        ours = t.pop("normlab")

        def fastest(word):
            found = {name: value for name, value in t.items() if name.startswith(word)}
            name = min(found, key=found.get, default=None)
            return f"{found[name]:.0f} ({name.removeprefix(word).strip() or 'shipped'})" if name else "-"

        best = min(t.values(), default=None)
        rows.append([norm + ("" if row["steady"] else " *"), str(batch), step_us(ours), fastest("PyTorch"), fastest("JAX"), step_us(t.get("PyTorch eager")),
                     ratio(best, ours, SEQUENCE_GOAL[f"{kind} {norm}"].get(batch)), ratio(t.get("PyTorch eager"), ours),
                     f"{100 * SEQUENCE_FLOPS[kind] * batch / ours / (row['fma_gflops'] * 1e3):.0f} %"])
    return table(["norm", "batch", "normlab", "PyTorch, best", "JAX, best", "PyTorch eager, shipped", "over the best", "over eager", "of FMA peak"], rows)


def gpt(results):
    return ["## A step", "",
            "Microseconds, one core, the gather of the batch included. Tuned: MKL takes AVX-512 on every processor and malloc keeps its memory; shipped: neither. PyTorch",
            "forward: the loss is one compiled graph, clipping and the fused AdamW are as in eager; compiled: the whole step is one graph; either in the better of two forms of",
            "attention. JAX: `jit` of a `lax.scan` over steps. Of FMA peak: the products of forward and backward, attention as if nothing were masked.", "",
            "### Character GPT: 4 layers, 4 heads, width 128, context 64, AdamW, clipping", "", *of_sequences("gpt", results)]


def vit(results):
    return ["### ViT on 8 x 8 digits: 16 tokens, 4 layers, 4 heads, width 64, AdamW, clipping", "", *of_sequences("vit", results)]


def lstm(results):
    return ["### LSTM, 2 x 128, on the 64 pixels of digits, Adam, clipping; plain and with the layer normalization of Ba et al.", "",
            "PyTorch eager: nn.LSTM, over time-major sequences (batch_first: in the other order), with normalization a loop; cell: that loop with a compiled cell. JAX own: with a",
            "backward pass of its own, which makes the recurrent weight's gradient by one product; auto: by autograd.", "", *of_sequences("lstm", results)]


def gpt_share(results):
    rows = []
    for batch in sorted(results, key=int):
        row = results[batch]
        shares = (100 * (1 - 1 / row["over first"][norm]) for norm in ("ln", "rms", "dyt"))
        rows.append([batch + ("" if row["steady"] else " *"), step_us(row["us"]["none"]), *(f"{share:.1f} % (3 %)" for share in shares)])
    return ["### A normalizer's share of the GPT's step", "", "Against the same step with none, whose microseconds stand first; in turn, medians of the ratios of 18 rounds.", "",
            *table(["batch", "none", "ln", "rms", "dyt"], rows)]


def sequence_cores(results):
    rows, names = [], ["normlab, one core", "normlab", "PyTorch, 2 threads", "PyTorch, 2 processes"]
    for key, row in results.items():
        t = row["us"]
        rows.append([key + ("" if row["steady"] else " *"), *(step_us(t[name]) for name in names), f"{t[names[0]] / t['normlab']:.2f} (1.9)",
                     ratio(min(t[name] for name in names[2:]), t["normlab"])])
    return ["### On two cores", "", "Microseconds in which all together make a step. normlab: a training on each core, as the workers of a sweep have them. PyTorch eager, malloc told to keep its memory:",
            "one training in two threads, or two in two processes.", "", *table(["network, norm, batch", *names, "over one core", "over PyTorch"], rows)]


def trainings(results):
    names = list(dict.fromkeys(name for row in results.values() for name in row["seconds"]))
    rows = []
    for key, row in results.items():
        t = row["seconds"]
        rows.append([key + ("" if row["steady"] else " *"), str(row["steps"]), *(f"{t[name]:.1f}" if name in t else "-" for name in names),
                     ratio(min(t[name] for name in t if name != "normlab"), t["normlab"], 3)])
    return ["### 100 short trainings from a cold shell on two cores", "",
            "Each with initial weights and an order of its own, and the losses of the training part and of the test part at its end; seconds. normlab: a sweep, the median of three.",
            "The peers in two processes, tuned, one run each; JAX and the compiled loss are compiled once in each process.", "",
            *table(["network, norm, batch", "steps", *names, "over the best"], rows)]


def write(results, path):
    out = [f"{SEQUENCES_HEADING}: {results['machine']['processor']}", "",
           "Written by `tests/bench/run.sh` from the parts gpt, vit, lstm, gpt_share, sequence_cores and trainings; who is timed, and how, is as above.", "",
           *circumstances(results, ("gpt", "vit", "lstm"))]
    for name, write_part in [("gpt", gpt), ("vit", vit), ("lstm", lstm), ("gpt_share", gpt_share), ("sequence_cores", sequence_cores), ("trainings", trainings)]:
        if results.get(name):
            out += write_part(results[name])
    replace_sequences_part(out, path)
