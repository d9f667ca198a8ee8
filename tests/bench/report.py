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
MLP_STATE = 2 * 4 * (2 * 64 * 65 + 10 * 65)  # bytes of weights and their momentum, which a step reads and writes
MLP_GOAL = {1: 2, 2: 2, 8: 2, 32: 2, 128: 1.5, 256: 1.5}
REPLICA_GOAL = {1: 2, 2: 2, 8: 2, 32: 1.7, 128: 1.4, 256: 1.4}
EAGER_GOAL, COMPILED_GOAL = {1: 100, 8: 60, 32: 20, 128: 6}, {1: 15, 8: 12, 32: 5, 128: 2.5}
RESNET_GOAL = {1: 2.8, 8: 1.4, 32: 1.25, 128: 1.25}


def command(*words, cwd=None):
    found = subprocess.run(words, capture_output=True, text=True, cwd=cwd)
    return found.stdout.strip() if found.returncode == 0 else ""


def version(package):
    try:
        return importlib.metadata.version(package).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "absent"


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
        "openblas": command("dpkg-query", "-W", "-f", "${Version}", "libopenblas0"),
        "peers": ", ".join(f"{name} {version(package)}" for name, package in
                           [("PyTorch", "torch"), ("JAX", "jax"), ("NumPy", "numpy")]) + "".join(
                               f", {name} {command('dpkg-query', '-W', '-f', '${Version}', package)}" for name, package in [("oneDNN", "libdnnl-dev"), ("FANN", "libfann-dev")])
                 + f", Python {platform.python_version()}",
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
    rows, l1 = [], int(command("getconf", "LEVEL1_DCACHE_SIZE") or 0)
    for key in sorted(results, key=by_batch):
        row = results[key]
        norm, batch = key.split()
        batch, t = int(batch), row["us"]
        vmap = {int(name.split()[-1]): value for name, value in t.items() if name.startswith("JAX vmap")}
        best = min(vmap, key=vmap.get) if vmap else None
        stacked = {int(name.split()[-1]): value for name, value in t.items() if name.startswith("PyTorch compiled vmap")}
        most = min(stacked, key=stacked.get) if stacked else None
        replica = min([*vmap.values(), *stacked.values()], default=None)
        ours = t.get("normlab")
        products = MLP_FLOPS * batch / (row["fma_gflops"] * 1e3)
        trip = 2 * max(MLP_STATE - l1, 0) / (row["l2_gbs"] * 1e3)
        mark = "" if row["steady"] else " *"
        rows.append([norm + mark, str(batch), us(ours), us(t.get("JAX scan")), us(vmap.get(best)) + (f" (R={best})" if best else ""),
                     us(t.get("PyTorch eager")), us(t.get("PyTorch compiled")), us(stacked.get(most)) + (f" (R={most})" if most else ""), us(t.get("FANN")),
                     ratio(t.get("JAX scan"), ours, MLP_GOAL.get(batch)), ratio(replica, ours, REPLICA_GOAL.get(batch)),
                     ratio(t.get("PyTorch eager"), ours, EAGER_GOAL.get(batch)), ratio(t.get("PyTorch compiled"), ours, COMPILED_GOAL.get(batch)),
                     f"{100 * products / ours:.0f} %" if ours else "-", f"{100 * (products + trip) / ours:.0f} %" + (" (60 %)" if batch >= 8 else "") if ours else "-"])
    return ["## Rows 1 and 2: a step of the MLP 64-64-64-10 on digits", "",
            "SGD with momentum, the gather of the batch included; microseconds, one core. JAX: `jit` of a `lax.scan` over all steps, two in an iteration, donated buffers;",
            "vmap: the same under `vmap` over R trainings, a replica's share, best of R = 4, 8, 32. PyTorch eager: the faster of the fused and the foreach optimizer; compiled: the",
            "whole step as one graph; compiled vmap: R such steps in one graph, a replica's share. FANN: squared error and piecewise linear units, for it has no others.",
            "Ratios are their time over ours, the goal in brackets, over vmap that of the better. Of FMA peak: 44.8 kFLOP a sample. The limit adds to",
            "those the trip through L2 of what L1 cannot keep of the weights and their momentum.", "",
            *table(["norm", "batch", "normlab", "JAX scan", "JAX vmap", "PyTorch eager", "compiled", "compiled vmap", "FANN", "over JAX scan", "over vmap", "over eager",
                    "over compiled", "of FMA peak", "of the limit"], rows)]


def resnet(results):
    rows = []
    for key in sorted(results, key=by_batch):
        row = results[key]
        norm, batch = key.split()
        batch, t = int(batch), row["us"]
        ours = t.get("normlab")
        theirs = {name: value for name, value in t.items() if name.startswith("PyTorch")}
        best = min(theirs, key=theirs.get) if theirs else None

        def images(value):
            return f"{1e6 * batch / value:.0f}" if value else "-"

        rows.append([norm + ("" if row["steady"] else " *"), str(batch), images(ours), images(t.get("PyTorch channels_last")),
                     images(t.get("PyTorch contiguous")), images(t.get("JAX")), ratio(theirs.get(best), ours, RESNET_GOAL.get(batch)), ratio(t.get("JAX"), ours),
                     f"{100 * RESNET_FLOPS * batch / ours / (row['fma_gflops'] * 1e3):.0f} %" + (" (84 %)" if batch >= 8 else "") if ours else "-"])
    return ["## Row 5: ResNet-20 on 32 x 32 images", "", "Images a second, one core.", "",
            *table(["norm", "batch", "normlab", "PyTorch channels_last", "PyTorch NCHW", "JAX", "over PyTorch", "over JAX", "of FMA peak"], rows)]


def share(results):
    rows = []
    for batch in sorted(results, key=int):
        row = results[batch]
        shares = (100 * (1 - 1 / row["over first"][norm]) for norm in ("bn", "ln", "gn"))
        rows.append([batch + ("" if row["steady"] else " *"), f"{1e6 * int(batch) / row['us']['none']:.0f}", *(f"{share:.0f} % (8 %)" for share in shares)])
    return ["## Row 7: a normalizer's share of a ResNet-20 step", "", "Against the same training with none, whose images a second stand first; all in turn, medians of the ratios of 36 rounds.", "",
            *table(["batch", "none", "bn", "ln", "gn"], rows)]


def two_cores(results):
    goals, rows = {1: 20, 8: 1.4, 32: 1.25, 128: 1.25}, []
    names = ["PyTorch, 2 threads", "PyTorch, 2 processes"]
    for key in sorted(results, key=by_batch):
        row, batch = results[key], int(key.split()[1])
        images = row["images"]
        ours, theirs = images["normlab"], images[names[0]] if batch == 1 else max(images[name] for name in names)
        rows.append([str(batch) + ("" if row["steady"] else " *"), *(f"{images[name]:.0f}" for name in ["normlab, one core", "normlab", *names]),
                     f"{ours / images['normlab, one core']:.2f} (1.9)", f"{ours / theirs:.2f}" + (f" ({goals[batch]:g})" if batch in goals else "")])
    return ["## Row 6: ResNet-20 with BN on two cores", "",
            "Images a second. normlab: a training on each core, as the workers of a sweep have them, beside one alone. PyTorch (channels_last): one training in two threads,",
            "or two in two processes; the ratio is over the better of the two, at batch 1 over two threads.", "",
            *table(["batch", "normlab, one core", "normlab", "PyTorch, 2 threads", "2 processes", "over one core", "over PyTorch"], rows)]


def conv(results):
    goals, rows = {1: 2, 128: 0.95}, []
    for key, row in results.items():
        batch, size, channels, way = key.split()
        batch, size, channels, t = int(batch), int(size), int(channels), row["us"]
        work = 2 * batch * (channels * (3 * size - 2)) ** 2  # taps outside the image are not counted
        ours, winograd = t.get("normlab"), t.get("normlab Winograd")
        direct, torch = ([t[name] for name in names if name in t] for names in (("oneDNN blocked", "oneDNN nhwc"), ("PyTorch channels_last", "PyTorch contiguous")))
        onednn = direct + [t[name] for name in ["oneDNN Winograd"] if name in t]

        def rate(time):
            return f"{work / time * 1e-3:.0f}" if time else "-"

        rows.append([f"{size} x {size} x {channels}" + ("" if row["steady"] else " *"), str(batch), way, rate(ours), rate(winograd), rate(min(direct, default=None)),
                     *(rate(t.get(name)) for name in ["oneDNN Winograd", "PyTorch channels_last", "PyTorch contiguous"]),
                     ratio(min(onednn, default=None), min(filter(None, (ours, winograd)), default=None), goals.get(batch)),
                     ratio(min(direct, default=None), ours, goals.get(batch)), ratio(t.get("oneDNN Winograd"), winograd, goals.get(batch)),
                     ratio(min(torch, default=None), winograd, goals.get(batch)), f"{100 * work / ours / (row['fma_gflops'] * 1e3):.0f} % (90 %)"])
    return ["## Row 3: 3x3 convolutions", "",
            "GFLOP/s, one core, only taps inside the image counted, also for Winograd, which computes fewer products and rounds more; as many channels out as in. dx: the input's gradient, dw:",
            "the weights'. normlab is direct under `device.conv: direct` and Winograd by default. The ratios: the faster of ours over the fastest of oneDNN's; like over like, oneDNN's",
            "direct in the better of blocked and nhwc; and Winograd over PyTorch in its better layout. Of FMA peak: direct.", "",
            *table(["image", "batch", "", "normlab direct", "normlab Winograd", "oneDNN direct", "oneDNN Winograd", "PyTorch channels_last", "PyTorch NCHW", "over oneDNN",
                    "direct over direct", "Winograd over Winograd", "over PyTorch", "of FMA peak"], rows)]


def level(row, tensors):
    """The cache that so many bytes live in, and its copy rate. L1: 32 KB, L2: 1 MB, L3: 32 MB, which all processors measured so far have."""
    for name, size in (("l1", 32e3), ("l2", 1e6), ("l3", 32e6)):
        if tensors <= size:
            return name.upper(), row.get(f"{name}_gbs")
    return "memory", row.get("dram_gbs")


def norm(results):
    goals, rows = {"bn": 3, "ln": 2.5, "gn": 2.5, "in": 8}, []
    for key, row in results.items():
        kind, size, channels, way = key.split()
        t, ours = row["us"], row["us"].get("normlab")
        onednn = min((value for name, value in t.items() if name.startswith("oneDNN")), default=None)
        torch = min((value for name, value in t.items() if name.startswith("PyTorch")), default=None)
        moved = (2 if way == "forward" else 3) * 4 * 32 * int(size) ** 2 * int(channels)
        where, copy = level(row, moved)
        rows.append([kind + ("" if row["steady"] else " *"), f"{size} x {size} x {channels}", way,
                     *(us(t.get(name)) for name in ["normlab", "oneDNN blocked", "oneDNN nhwc", "PyTorch channels_last", "PyTorch contiguous", "PyTorch compiled"]),
                     ratio(onednn, ours, 1.3 if way == "forward" else 1), ratio(torch, ours, goals.get(kind)),
                     f"{100 * moved / (ours * 1e3) / copy:.0f} % of {where} (80 %)" if ours and copy else "-",
                     f"{100 * t['traffic'] / ours:.0f} %" if ours and "traffic" in t else "-"])
    return ["## Row 4: a normalizer with the ReLU after it, 32 images", "",
            "Microseconds, one core; PyTorch with malloc told to keep its memory; compiled: channels_last and a ReLU without a mask, whose scalar loop would be slower. Ratios over the",
            "best. Backward, our dx takes the place of dy, as in a training; oneDNN is slower so, PyTorch has no such call. Of the copy rate: what has to be read",
            "and written once (x and y; x, dy and dx) a second, as a share of the copy rate of the cache that holds it; of the traffic: the time that plain loops take which",
            "read a set twice, as statistics need it, and write once (`move` in kernel.c), as a share of ours: 100 % is a kernel whose arithmetic costs nothing. oneDNN's layer",
            "normalization has an affine pair for each element, not each channel, and no ReLU: it is another kernel.", "",
            *table(["norm", "image", "", "normlab", "oneDNN blocked", "oneDNN nhwc", "PyTorch channels_last", "PyTorch NCHW", "PyTorch compiled", "over oneDNN", "over PyTorch",
                    "of the copy rate", "of the traffic"], rows)]


def sweep(results):
    rows, names = [], ["JAX", "JAX warm", "PyTorch eager"]
    for key in ("40", "1000"):
        if key in results:
            row = results[key]
            projected = row.get("projected", {})
            t = row["seconds"] | projected
            goals = {"JAX": 40, "JAX warm": 10} if key == "40" else {"JAX": 5}
            rows.append([key + ("" if row["steady"] else " *"), f"{t['normlab']:.2f}", *(f"{t[name]:.1f}" + (", projected" if name in projected else "") if name in t else "-" for name in names),
                         *(ratio(t.get(name), t["normlab"], (goals | {"PyTorch eager": 100}).get(name)) for name in names)])
    out = ["## Row 8: a whole sweep on two cores", "",
           "none, BN, LN, GN x batch 1, 2, 4, 8, 16, 32, 64, 128, 192, 256 x seeds; 10 epochs each, from a cold shell; seconds of wall time. JAX (an epoch a scan, of several",
           "seeds as many under vmap as is fastest; compiling included, or with a warm persistent compile cache) and PyTorch in two processes. What is timed as JAX and PyTorch here draws its own initial",
           "weights and evaluates the test part after each epoch, as normlab does; curves on disk are ours alone, pictures nobody's. PyTorch's 1,000 trials are projected: 25 times the 40, their start once.",
           "PyTorch's 40 trials and JAX's 1,000 are one run.", "",
           *table(["trials", "normlab", "JAX", "JAX, warm cache", "PyTorch eager", "over JAX", "over JAX, warm", "over PyTorch"], rows)]
    return out


def overhead(results):
    mark = "" if results["steady"] else " *"
    return ["## Row 8: before and between trials", "",
            *table(["", "ms (goal)"], [["first curve of one epoch, from the shell" + mark, f"{results['first_curve_ms']:.0f} (50)"],
                                       ["overhead of a trial, one worker" + mark, f"{results['trial_ms']:.2f} (1)"]])]


def bits(results):
    return ["## Row 9: bits", "", *table(["curves.csv", "equal"], [[name, "yes" if equal else "NO"] for name, equal in results["equal"].items()])]


def bits_cost(results):
    rows = []
    for key, row in results.items():
        t = row["us"]
        rows.append([key + ("" if row["steady"] else " *"), us(t["normlab"]), us(t.get("openblas")), f"{100 * (t['normlab'] / t['openblas'] - 1):+.1f} % (3 %)" if "openblas" in t else "-",
                     us(t.get("avx2")), f"{t['avx2'] / t['normlab']:.2f}" if "avx2" in t else "-"])
    return ["What equal bits on every processor cost: a step with BN, microseconds, with own matrix products (`device.gemm=own`), with OpenBLAS's, and with own held at AVX2.", "",
            *table(["network and batch", "own", "OpenBLAS", "cost of own", "own on AVX2", "AVX2 over own"], rows)]


def ref(results):
    rows = [[norm, f"{row['us']['ref'] * 200 / 1e6:.3f} (0.5)"] for norm, row in results.items() if "ref" in row["us"]]
    return ["## Row 10: 200 steps of the MLP at batch 32 on `ref`", "", *table(["norm", "seconds (goal)"], rows)]


def circumstances(results, raced):
    """Where and when, and what was thrown away; raced: parts whose rows say who was refused."""
    m = results["machine"]
    out = table(["", ""], [["processor", m["processor"]], ["system", m["system"]], ["compiler", m["compiler"]],
                           ["normlab", f"{m['normlab']}, OpenBLAS {m['openblas']}"], ["peers", m["peers"]], ["date", m["date"]]])
    if "probes" in results:
        p = results["probes"]
        out += [f"One core: {p['fma_gflops']:.0f} GFLOP/s of fused multiply-adds; copying (read and written) {p['l1_gbs']:.0f} GB/s in L1, {p['l2_gbs']:.0f} in L2, "
                f"{p['l3_gbs']:.0f} in L3, {p['dram_gbs']:.0f} in memory.", ""]
    discarded = ", ".join(f"{n} of {part}" for part, n in results["discarded"].items())
    out += ["Probes run before and after every row; a measurement is discarded when they moved by more than 10 %, or when others kept more than a fifth of a core busy",
            f"meanwhile. Discarded so far: {discarded or 'none'}. A row with a star is one that no attempt measured undisturbed.", ""]
    refused = [f"{part} {key}: {name} ({why})" for part in raced for key, row in results.get(part, {}).items() for name, why in row["refused"].items()]
    if refused:
        out += ["Not timed: " + "; ".join(refused) + ".", ""]
    return out


def write(results, path):
    out = ["# Measured", "",
           "Written by `tests/bench/run.sh`; see its head for how. Every competitor starts from the same initial weights and takes the same samples in the same order; it is",
           "timed only if the losses of its first 20 steps, or the first 20 numbers of a kernel, agree with ours to 1e-3. Competitors run in turn, a figure is the median of 9 (two cores: of 5, sweeps: of 3).", "",
           *circumstances(results, ("mlp", "resnet", "conv", "norm", "bits_cost"))]
    for name, write_part in [("mlp", mlp), ("conv", conv), ("norm", norm), ("resnet", resnet), ("share", share), ("two_cores", two_cores), ("sweep", sweep), ("overhead", overhead),
                             ("bits", bits), ("bits_cost", bits_cost), ("ref", ref)]:
        if results.get(name):
            out += write_part(results[name])
    path.write_text("\n".join(out).rstrip() + "\n" + kept_part(path))


# ---- on a GPU (gpu.py): a part of its own, which the others leave alone ----

GPU_HEADING = "# Measured on a GPU"
GPU_GOAL = {"mlp us": 0.2, "mlp": 5, "resnet JAX": 3, "resnet PyTorch": 10, "lone ms": 0.25, "lone": 1, "forward": 85, "backward": 75}
# Percent of the copy rate that are possible: batch statistics are known when x has been read once, and a tensor larger than the chip is then read again. So
# three are moved for the two that count (x, x, y), and five for three (x, dy, x, dy, dx).
GPU_POSSIBLE = {"bn forward": 100 * 2 / 3, "bn backward": 100 * 3 / 5}


SEQUENCES_HEADING = "# Networks on sequences"  # by sequences.py and report_sequences.py, a part for each processor that they were measured on
PATHS_HEADING = "# Special paths of the cpu backend"  # written by hand


def part_from(path, heading):
    """RESULTS.md from the blank line before that heading on."""
    text = path.read_text() if path.exists() else ""
    return text[text.index("\n" + heading):] if "\n" + heading in text else ""


def gpu_part(path):
    return part_from(path, GPU_HEADING)


def kept_part(path):
    return part_from(path, SEQUENCES_HEADING) or after_sequences(path)


def after_sequences(path):
    return part_from(path, PATHS_HEADING) or gpu_part(path)


def replace_sequences_part(lines, path):
    """In place of the part with the same heading, else after those of other processors."""
    text = path.read_text() if path.exists() else ""
    start = text.find("\n" + lines[0] + "\n")
    if start < 0:
        start = end = len(text) - len(after_sequences(path))
    else:
        end = (text + "\n# ").index("\n# ", start + 1)
    path.write_text(text[:start] + "\n" + "\n".join(lines).rstrip() + "\n" + text[end:])


def replace_gpu_part(lines, path=pathlib.Path(__file__).parent / "RESULTS.md"):
    path.write_text(path.read_text().removesuffix(gpu_part(path)) + "\n" + "\n".join(lines).rstrip() + "\n")


KINDS_HEADING = "# Every kind of normalizer"  # by kinds.py, in front of the GPU's


def replace_kinds_part(lines, path=pathlib.Path(__file__).parent / "RESULTS.md"):
    gpu = gpu_part(path)
    before = path.read_text().removesuffix(part_from(path, KINDS_HEADING) or gpu)
    path.write_text(before + "\n" + "\n".join(lines).rstrip() + "\n" + gpu)


def best(times, word):
    return min((t for name, t in times.items() if name.startswith(word)), default=None)


LAUNCHES = "normlab, launches"  # of gpu.py: many steps of a small network are one launch, but not here


def gpu_mlp(rows, _):
    return ["## 1,000 MLPs 64-64-64-10 at once, batch 32", "", "Microseconds of a replica's step.", "",
            *table(["norm", "normlab (goal)", "each step in launches of its own", "JAX jit + vmap + scan", "PyTorch compiled vmap", "over JAX", "over PyTorch"],
                   [[norm, f"{t['normlab']:.3f} ({GPU_GOAL['mlp us']:g})", *(f"{t[n]:.3f}" if n in t else "-" for n in (LAUNCHES, "JAX vmap", "PyTorch compiled vmap")),
                     ratio(t.get("JAX vmap"), t["normlab"], GPU_GOAL["mlp"]), ratio(t.get("PyTorch compiled vmap"), t["normlab"], GPU_GOAL["mlp"])]
                    for norm, t in rows.items()])]


def gpu_resnet(rows, machine):
    return ["## 32 ResNet-20 at once, batch 8", "", "Microseconds of a replica's step; PyTorch trains one after another.", "",
            *table(["norm", "normlab", "JAX jit + vmap + scan", "PyTorch eager", "compiled", "over JAX", "over PyTorch", "of FMA peak"],
                   [[norm, *(us(t.get(n)) for n in ("normlab", "JAX vmap", "PyTorch eager", "PyTorch compiled")), ratio(t.get("JAX vmap"), t["normlab"], GPU_GOAL["resnet JAX"]),
                     ratio(best(t, "PyTorch"), t["normlab"], GPU_GOAL["resnet PyTorch"]), f"{100 * RESNET_FLOPS * 8 / t['normlab'] / (machine['fma_gflops'] * 1e3):.0f} %"]
                    for norm, t in rows.items()])]


def gpu_lone(rows, _):
    names = ["PyTorch eager", "PyTorch reduce-overhead", "PyTorch graphs"]
    return ["## One ResNet-20, batch 8", "", "Milliseconds of a step. Graphs: the whole compiled step captured as one CUDA graph.", "",
            *table(["norm", "normlab (goal)", *names, "JAX scan", "over PyTorch"],
                   [[norm, f"{t['normlab'] / 1e3:.3f} ({GPU_GOAL['lone ms']:g})", *(f"{t[n] / 1e3:.3f}" if n in t else "-" for n in (*names, "JAX scan")),
                     ratio(best(t, "PyTorch"), t["normlab"], GPU_GOAL["lone"])] for norm, t in rows.items()])]


def gpu_norm(rows, machine):
    samples, size, channels = machine["norm_shape"]
    lines = []
    for key, t in rows.items():
        kind, way = key.split()
        bound = (2 if way == "forward" else 3) * 4 * samples * size * size * channels / (machine["copy_gbs"] * 1e3)
        theirs, possible = best(t, "PyTorch"), GPU_POSSIBLE.get(key, 100)
        lines.append([kind, way, us(t["normlab"]), f"{100 * bound / t['normlab']:.0f} % ({GPU_GOAL[way] * possible / 100:.0f} %)", f"{possible:.0f} %", us(theirs), f"{100 * bound / theirs:.0f} %" if theirs else "-",
                      ratio(theirs, t["normlab"])])
    return [f"## A normalizer with the ReLU after it, {samples} x {size} x {size} x {channels}", "",
            "Microseconds; of the copy rate: what has to be read and written once (x and y; x, dy and dx) a second. At most: of a tensor larger than the chip bn reads x, and "
            "backward x and dy, a second time. PyTorch: the best of both layouts and the compiled one.", "",
            *table(["norm", "", "normlab", "of the copy rate (goal)", "at most", "PyTorch", "of the copy rate", "over PyTorch"], lines)]


def gpu_experiment(rows, _):
    lines, total = [], {"normlab": 0.0, "PyTorch eager": 0.0}
    for key, t in rows.items():
        batch = int(key.split()[1])
        for name in total:
            total[name] += 5 * 30 * 50000 / batch * t[name] / 6e7 if name in t else float("nan")
        lines.append([*key.split(), us(t["normlab"]), us(t.get("PyTorch eager")), ratio(t.get("PyTorch eager"), t["normlab"])])
    return ["## experiments/small_batch_cifar10.yaml", "",
            f"Microseconds of a trial's step, normlab's five seeds at once. All steps of these {5 * len(rows)} trials, evaluation apart: {total['normlab']:.1f} minutes, "
            f"PyTorch's {total['PyTorch eager']:.0f}, projected from these.", "",
            *table(["norm", "batch", "normlab", "PyTorch eager", "over PyTorch"], lines)]


def gpu(results):
    m = results["machine"]
    out = [GPU_HEADING, "", "Written by `tests/gpu/run.sh peers`; float32 throughout (no TF32), competitors in turn on one device, a figure is the median of 5; who is timed is settled as above.", "",
           *table(["", ""], [[name, m[name]] for name in ("device", "normlab", "peers", "date")]),
           f"Device copy (read and written) {m['copy_gbs']:.0f} GB/s, float32 FMA {m['fma_gflops'] / 1e3:.1f} TFLOP/s, measured in the same run.", ""]
    refused = []
    for name, write_part in [("mlp", gpu_mlp), ("resnet", gpu_resnet), ("lone", gpu_lone), ("norm", gpu_norm), ("experiment", gpu_experiment)]:
        rows = results.get(name, {})
        refused += [f"{name} {key}: {who} ({why})" for key, row in rows.items() for who, why in row["refused"].items()]
        timed = {key: row["us"] for key, row in rows.items() if "normlab" in row["us"]}
        if timed:
            out += write_part(timed, m)
    return out + (["Not timed: " + "; ".join(refused) + ".", ""] if refused else [])
