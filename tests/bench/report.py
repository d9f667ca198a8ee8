"""Turns what bench.py measured into RESULTS.md."""

import datetime
import importlib.metadata
import pathlib
import platform
import re
import subprocess

# Blocks over 128 KB would be given back to the system and faulted in again at every step: PyTorch without these is slower.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "268435456"}

MLP_FLOPS, RESNET_FLOPS = 44.8e3, 245e6  # a sample's forward and backward: two a multiply-add; the first layer needs no input gradient
MLP_GOAL = {1: 2, 2: 2, 8: 2, 32: 2, 128: 1.5, 256: 1.5}
REPLICA_GOAL = {1: 2, 2: 2, 8: 2, 32: 1.7, 128: 1.4, 256: 1.4}
EAGER_GOAL, COMPILED_GOAL = {1: 100, 8: 60, 32: 20, 128: 6}, {1: 15, 8: 12, 32: 5, 128: 2.5}
RESNET_GOAL = {1: 2.8, 8: 1.4, 32: 1.25, 128: 1.25}


def command(*words, cwd=None):
    found = subprocess.run(words, capture_output=True, text=True, cwd=cwd)
    return found.stdout.strip() if found.returncode == 0 else ""


def has_resnet(build):
    return "resnet" in command(build / "normlab", "keys")


def machine(build):
    info = pathlib.Path("/proc/cpuinfo").read_text()
    release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    here = pathlib.Path(__file__).parent

    def field(name):
        found = re.search(rf"^{name}\s*: (.*)$", info, re.M)
        return found.group(1) if found else "?"

    return {
        "processor": f"{field('model name')} (family {field('cpu family')}, model {field('model')}), {info.count('processor')} cores",
        "system": f"{release['PRETTY_NAME'].strip(chr(34))}, Linux {platform.release().split('-')[0]}",
        "compiler": command("cc", "--version").splitlines()[0],
        "normlab": command("git", "describe", "--always", "--dirty", cwd=here),
        "openblas": command("pkg-config", "--modversion", "openblas"),
        "peers": ", ".join(f"{name} {importlib.metadata.version(package).split('+')[0]}" for name, package in
                           [("PyTorch", "torch"), ("JAX", "jax"), ("NumPy", "numpy")]) + f", Python {platform.python_version()}",
        "date": datetime.date.today().isoformat(),
    }


def ratio(theirs, ours, goal=None):
    """`3.1 (2)`: how many times faster, and the goal."""
    if not theirs or not ours:
        return "-"
    return f"{theirs / ours:.2f}" + (f" ({goal:g})" if goal else "")


def us(value):
    return "-" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def table(header, rows):
    return ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)] + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def by_batch(key):
    norm, batch = key.split()
    return int(batch), ["none", "bn", "ln", "gn"].index(norm)


def mlp(results):
    rows = []
    for key in sorted(results, key=by_batch):
        row = results[key]
        norm, batch = key.split()
        batch, t = int(batch), row["us"]
        vmap = {int(name.split()[2]): value for name, value in t.items() if name.startswith("JAX vmap")}
        best = min(vmap, key=vmap.get) if vmap else None
        ours = t.get("normlab")
        limit = MLP_FLOPS * batch / (row["fma_gflops"] * 1e3)
        mark = "" if row["steady"] else " *"
        rows.append([norm + mark, str(batch), us(ours), us(t.get("JAX scan")), us(vmap.get(best)) + (f" (R={best})" if best else ""),
                     us(t.get("PyTorch eager")), us(t.get("PyTorch compiled")),
                     ratio(t.get("JAX scan"), ours, MLP_GOAL.get(batch)), ratio(vmap.get(best), ours, REPLICA_GOAL.get(batch)),
                     ratio(t.get("PyTorch eager"), ours, EAGER_GOAL.get(batch)), ratio(t.get("PyTorch compiled"), ours, COMPILED_GOAL.get(batch)),
                     f"{100 * limit / ours:.0f} %" + (" (60 %)" if batch >= 8 else "") if ours else "-"])
    return ["## Rows 1 and 2: a step of the MLP 64-64-64-10 on digits", "",
            "SGD with momentum, the gather of the batch included; microseconds, one core. JAX: `jit` of a `lax.scan` over all steps, donated buffers; vmap:",
            "the same under `vmap` over R trainings, a replica's share, best of R = 4, 16, 64. PyTorch: the faster of the fused and the foreach optimizer; compiled:",
            "the whole step as one graph. Ratios are their time over ours, the goal in brackets; the limit is 44.8 kFLOP a sample at the FMA peak.", "",
            *table(["norm", "batch", "normlab", "JAX scan", "JAX vmap", "PyTorch eager", "compiled", "over JAX scan", "over JAX vmap", "over eager",
                    "over compiled", "of the limit"], rows)]


def resnet(results):
    rows = []
    for key in sorted(results, key=by_batch):
        row = results[key]
        norm, batch = key.split()
        batch, t = int(batch), row["us"]
        ours = t.get("normlab")
        theirs = {name: value for name, value in t.items() if name != "normlab"}
        best = min(theirs, key=theirs.get) if theirs else None
        bare = results.get(f"none {batch}", {}).get("us", {}).get("normlab")

        def images(value):
            return f"{1e6 * batch / value:.0f}" if value else "-"

        rows.append([norm + ("" if row["steady"] else " *"), str(batch), images(ours), images(t.get("PyTorch channels_last")),
                     images(t.get("PyTorch contiguous")), ratio(theirs.get(best), ours, RESNET_GOAL.get(batch)),
                     f"{100 * RESNET_FLOPS * batch / ours / (row['fma_gflops'] * 1e3):.0f} %" + (" (84 %)" if batch >= 8 else "") if ours else "-",
                     f"{100 * (1 - bare / ours):.0f} % (8 %)" if bare and ours and norm != "none" else "-"])
    return ["## Rows 5 and 7: ResNet-20 on 32 x 32 images", "",
            "Images a second, one core. The last column is the normalizer's share of our step, against the same run with none.", "",
            *table(["norm", "batch", "normlab", "PyTorch channels_last", "PyTorch NCHW", "over PyTorch", "of FMA peak", "normalizer's share"], rows)]


def norm(results):
    goals, rows = {"bn": 3, "ln": 2.5, "gn": 2.5, "in": 8}, []
    for key, row in results.items():
        kind, height, channels, way = key.split()
        t = row["us"]
        ours = t.get("normlab")
        theirs = {name.split()[1]: value for name, value in t.items() if name != "normlab"}
        best = min(theirs, key=theirs.get) if theirs else None
        tensors = 2 if way == "forward" else 3
        rate = tensors * 4 * 32 * int(height) ** 2 * int(channels) / (ours * 1e3) if ours else None
        rows.append([kind + ("" if row["steady"] else " *"), f"{height} x {height} x {channels}", way, us(ours), us(theirs.get("channels_last")),
                     us(theirs.get("contiguous")), ratio(theirs.get(best), ours, goals[kind]), f"{100 * rate / row['l3_gbs']:.0f} % (80 %)" if rate else "-"])
    return ["## Row 4: a normalizer with the ReLU behind it, 32 images", "",
            "Microseconds, one core; PyTorch eager with malloc told to keep its memory. The last column is what has to be read and written once (x and y; x, dy and dx) a",
            "second, as a share of the copy rate in L3.", "",
            *table(["norm", "image", "", "normlab", "PyTorch channels_last", "PyTorch NCHW", "over PyTorch", "of the copy rate"], rows)]


def sweep(results):
    rows, names = [], ["JAX", "JAX warm", "PyTorch eager"]
    for key in ("40", "1000"):
        if key in results:
            row = results[key]
            t = row["seconds"]
            goals = {"JAX": 40, "JAX warm": 10} if key == "40" else {"JAX": 5}
            rows.append([key + ("" if row["steady"] else " *"), f"{t['normlab']:.2f}", *(f"{t[name]:.1f}" if name in t else "-" for name in names),
                         *(ratio(t.get(name), t["normlab"], (goals | {"PyTorch eager": 100}).get(name)) for name in names)])
    out = ["## Row 8: a whole sweep on two cores", "",
           "none, BN, LN, GN x batch 1, 2, 4, 8, 16, 32, 64, 128, 192, 256 x seeds; 10 epochs each, from a cold shell; seconds of wall time. JAX (scan, over several seeds",
           "vmap; compiling included, or with a warm persistent compile cache) and PyTorch in two processes. What is timed as JAX and PyTorch here draws its own initial",
           "weights and evaluates the test part after each epoch, as normlab does.", "",
           *table(["trials", "normlab", "JAX", "JAX, warm cache", "PyTorch eager", "over JAX", "over JAX, warm", "over PyTorch"], rows)]
    return out


def overhead(results):
    mark = "" if results["steady"] else " *"
    return ["## Row 8: before and between trials", "",
            *table(["", "ms (goal)"], [["first curve of one epoch, from the shell" + mark, f"{results['first_curve_ms']:.0f} (50)"],
                                       ["overhead of a trial, one worker" + mark, f"{results['trial_ms']:.2f} (1)"]])]


def bits(results):
    return ["## Row 9: bits", "", *table(["curves.csv", "equal"], [["1 worker and 2 workers", "yes" if results["workers"] else "NO"],
                                                                 ["at once and resumed with more seeds", "yes" if results["resumed"] else "NO"]])]


def ref(results):
    rows = [[norm, f"{row['us']['ref'] * 200 / 1e6:.3f} (0.5)"] for norm, row in results.items() if "ref" in row["us"]]
    return ["## Row 10: 200 steps of the MLP at batch 32 on `ref`", "", *table(["norm", "seconds (goal)"], rows)]


def write(results, path):
    m = results["machine"]
    out = ["# Measured", "",
           "Written by `tests/bench/run.sh`; see its head for how. Every competitor starts from the same initial weights and takes the same samples in the same order; it is",
           "timed only if the losses of its first 20 steps agree with ours to 1e-3. Competitors run in turn, a figure is the median of 9 (sweeps: of 5).", "",
           *table(["", ""], [["processor", m["processor"]], ["system", m["system"]], ["compiler", m["compiler"]],
                             ["normlab", f"{m['normlab']}, OpenBLAS {m['openblas']}"], ["peers", m["peers"]], ["date", m["date"]]])]
    if "probes" in results:
        p = results["probes"]
        out += [f"One core: {p['fma_gflops']:.0f} GFLOP/s of fused multiply-adds; copying (read and written) {p['l1_gbs']:.0f} GB/s in L1, {p['l2_gbs']:.0f} in L2, "
                f"{p['l3_gbs']:.0f} in L3, {p['dram_gbs']:.0f} in memory.", ""]
    discarded = ", ".join(f"{n} of {part}" for part, n in results["discarded"].items())
    out += ["Probes run before and after every row; a measurement is discarded when they moved by more than 10 %, or when others kept more than a fifth of a core busy",
            f"meanwhile. Discarded so far: {discarded or 'none'}. A row with a star is one that no attempt measured undisturbed.", ""]
    refused = [f"{part} {key}: {name} ({why})" for part in ("mlp", "resnet", "norm") for key, row in results.get(part, {}).items() for name, why in row["refused"].items()]
    if refused:
        out += ["Not timed: " + "; ".join(refused) + ".", ""]
    for name, write_part in [("mlp", mlp), ("resnet", resnet), ("norm", norm), ("sweep", sweep), ("overhead", overhead), ("bits", bits), ("ref", ref)]:
        if results.get(name):
            out += write_part(results[name])
    path.write_text("\n".join(out).rstrip() + "\n")
