"""The rows: what is run against what. Called by run.sh, which builds and installs; race.py has the stopwatch, report.py the table.

A row is a round over its competitors, repeated; a figure is the median. The probes run before and after a row: when they moved, or when others worked
meanwhile, the row is run again.
"""

import argparse
import pathlib
import statistics
import subprocess

import report
import report_sequences
import sequences
from race import ONE_THREAD, PEERS, PYTHON, Track

NORMS = ["none", "bn", "ln", "gn"]
NO_EVALUATION = "train.eval_every=1000000000"


def mlp(track, batches):
    """Rows 1 and 2: the step of the fully connected network 64-64-64-10."""
    for batch in batches or ([8] if track.quick else [8, 32, 1, 128, 256, 2]):
        for norm in ["bn"] if track.quick else NORMS:
            if norm == "bn" and batch == 1:
                continue  # a set of one element: every output is beta
            # two samples a set: a tiny deviation is a divisor, and a larger step makes float32's rounding another training
            lr = 1e-5 if norm == "bn" and batch == 2 else max(5e-4, 0.01 * min(1, batch / 32))
            case = {"data": "digits", "norm": norm, "batch": batch, "depth": 2, "width": 64, "lr": lr, "momentum": 0.9,
                    "order_steps": max(512, 4 * 1408 // batch)}
            folder, step = track.make_case(f"mlp-{norm}-{batch}", case, [
                "data.name=digits", "model.arch=mlp", "model.depth=2", "model.width=64", f"norm.kind={norm}", f"train.batch={batch}",
                f"train.lr={lr}", "train.momentum=0.9"])
            jax, torch = [PYTHON, PEERS / "mlp_jax.py", folder], [PYTHON, PEERS / "mlp_torch.py", folder]
            commands = {"normlab": step, "JAX scan": jax}
            commands |= {f"JAX vmap {replicas}": [*jax, replicas] for replicas in ([8] if track.quick else [4, 8, 32])}
            commands |= {"PyTorch eager": [*torch, "eager"]}
            if not track.quick:
                commands |= {"PyTorch compiled": [*torch, "compiled"]}
                replicas = 64 if batch <= 8 else 16  # the better at these batch sizes; each is compiled anew
                commands |= {f"PyTorch compiled vmap {replicas}": [*torch, "vmap", replicas]}
            if norm == "none" and batch in (1, 8, 32):
                commands |= {"FANN": [track.build / "fann", batch]}
            track.keep("mlp", {f"{norm} {batch}": track.race("mlp", f"mlp {norm} batch {batch}", track.start(commands), unlike=("FANN",))})


def resnet_case(track, norm, batch, order_steps=24, size=32, depth=20):
    lr = 1e-5 if norm == "none" else 1e-3  # without a normalizer the first losses are large
    case = {"data": "synth", "norm": norm, "batch": batch, "blocks": (depth - 2) // 6, "lr": lr, "momentum": 0.9, "order_steps": order_steps}
    return track.make_case(f"resnet-{norm}-{batch}", case, [
        "data.name=synth", f"data.size={size}", "data.train=512", "data.test=1", "model.arch=resnet", f"model.depth={depth}",
        "model.width=16", f"norm.kind={norm}", f"train.batch={batch}", f"train.lr={lr}", "train.momentum=0.9"])


def resnet(track, batches):
    """Row 5: ResNet-20 on 32 x 32 images."""
    for batch in batches or ([8] if track.quick else [1, 8, 32, 128]):
        for norm in ["bn"] if track.quick else ["bn", "gn", "none"]:
            folder, step = resnet_case(track, norm, batch)
            commands = {"normlab": step} | {f"PyTorch {layout}": [PYTHON, PEERS / "resnet_torch.py", folder, layout]
                                            for layout in ("channels_last", "contiguous")} | {"JAX": [PYTHON, PEERS / "resnet_jax.py", folder]}
            track.keep("resnet", {f"{norm} {batch}": track.race("resnet", f"resnet {norm} batch {batch}", track.start(commands, ONE_THREAD | report.MALLOC))})


def share(track, batches):
    """Row 7: ours with each normalizer and without, in turn, by the ratios of neighbours: what is a few percent does not survive being measured at
    different times."""
    for batch in batches or ([8] if track.quick else [1, 8, 32, 128]):
        steps = {norm: resnet_case(track, norm, batch)[1] for norm in NORMS}
        track.keep("share", {str(batch): track.race("share", f"share, batch {batch}", track.start(steps), unlike=NORMS[1:], times=4)})


def two_cores(track, batches):
    """Row 6: ResNet-20 on two cores. Ours are two trainings, as two workers of a sweep have them; PyTorch's one in two threads, or two."""
    for batch in batches or ([8] if track.quick else [1, 8, 32, 128]):
        folder, step = resnet_case(track, "bn", batch)
        row = track.side_by_side("two_cores", f"ResNet-20, batch {batch}", step, [PYTHON, PEERS / "resnet_torch.py", folder, "channels_last"])
        if row:
            images = {name: 1e6 * batch / step for name, step in row.pop("us").items()}
            print(f"  two cores, batch {batch}: " + ", ".join(f"{n} {r:.0f}/s" for n, r in images.items()))
            track.keep("two_cores", {f"bn {batch}": row | {"images": images}})


def conv(track, batches):
    """Row 3: 3x3 convolutions, channels last or each library's own layout."""
    for batch in batches or ([1] if track.quick else [1, 128]):
        for size, channels in [(16, 32)] if track.quick else [(32, 16), (16, 32), (8, 64)]:
            for way in ["forward", "dx", "dw"]:
                arguments = ["conv", batch, size, channels, way]
                commands = {"normlab": [track.build / "kernel", *arguments, "direct"], "normlab Winograd": [track.build / "kernel", *arguments]}
                commands |= {f"oneDNN {form}": [track.build / "onednn", *arguments, form.lower()] for form in ("blocked", "nhwc", "Winograd")}
                commands |= {f"PyTorch {layout}": [PYTHON, PEERS / "conv_torch.py", *arguments[1:], layout] for layout in ("channels_last", "contiguous")}
                name = f"{batch} {size} {channels} {way}"
                track.keep("conv", {name: track.race("conv", f"conv {name}", track.start(commands, ONE_THREAD | report.MALLOC))})


def norm(track, batches):
    """Row 4: a normalizer with the ReLU after it, 32 images."""
    for kind in ["bn"] if track.quick else ["bn", "ln", "gn", "in", "rms"]:
        for size, channels in [(16, 32)] if track.quick else [(32, 16), (16, 32), (8, 64)]:
            for way in ["forward", "backward"]:
                arguments = [kind, 32, size, channels, way]
                commands = {"normlab": [track.build / "kernel", *arguments], "traffic": [track.build / "kernel", *arguments, "traffic"]}
                if kind == "bn":
                    commands |= {f"oneDNN {layout}": [track.build / "onednn", *arguments, layout] for layout in ("blocked", "nhwc")}
                commands |= {f"PyTorch {layout}": [PYTHON, PEERS / "norm_torch.py", *arguments, layout] for layout in ("channels_last", "contiguous")}
                if kind != "in":
                    commands |= {"PyTorch compiled": [PYTHON, PEERS / "norm_torch.py", *arguments, "channels_last", "compiled"]}
                name = f"{kind} {size} {channels} {way}"
                track.keep("norm", {name: track.race("norm", f"norm {name}", track.start(commands, ONE_THREAD | report.MALLOC))})


def sweep_of(track, seeds):
    """Row 8: a whole sweep from a cold shell on two cores, 40 trials a seed, each 10 epochs of digits."""
    batches = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256]
    (track.work / "sweep.yaml").write_text(
        "data: {name: digits}\nmodel: {arch: mlp, depth: 2, width: 64}\ntrain: {epochs: 10, lr: 0.01, momentum: 0.9}\n"
        f"sweep:\n  grid:\n    norm.kind: [none, bn, ln, gn]\n    train.batch: {batches}\n  seeds: 1\n")
    track.normlab("data", "export", "digits", "--out", track.work / "data")
    out = track.work / "sweep-out"
    ours = ["sh", "-c", f"rm -rf '{out}' && '{track.build / 'normlab'}' sweep '{track.work / 'sweep.yaml'}' sweep.seeds={seeds} -j 2 --quiet --no-plot --out '{out}'"]  # the peers draw nothing either

    def peer(script, *options):
        return [PYTHON, PEERS / script, track.work / "data", seeds, *batches, *options]

    contenders = {"normlab": (ours, {}), "JAX": (peer("sweep_jax.py"), {})}
    if not track.quick:
        cache = track.caches | {"JAX_COMPILATION_CACHE_DIR": str(track.work / "jax-cache")}
        contenders["JAX warm"] = peer("sweep_jax.py"), cache
        track.wall(contenders["JAX warm"][0], cache)  # fills the cache
        if seeds == 1:
            contenders["PyTorch eager"] = peer("sweep_torch.py"), {}
    contenders = {name: c for name, c in contenders.items() if track.wanted(name)}
    long = {"PyTorch eager"} if seeds == 1 else contenders.keys() - {"normlab"}  # half a minute or more each: once, steadier than seconds are

    def measure():
        times = {name: [] for name in contenders}
        for i in range(1 if track.quick else 3):
            for name, (command, env) in contenders.items():
                if name not in long or i == 0:
                    times[name].append(track.wall(command, env))
        return {"seconds": {name: statistics.median(t) for name, t in times.items()}}

    row = track.steady("sweep", 2, measure)
    alone = track.results.get("sweep", {}).get("40")
    if seeds > 1 and alone and "PyTorch eager" in alone["seconds"]:
        # A seed takes what a seed takes: all but the start of the two processes is multiplied.
        start = track.wall([PYTHON, "-c", "import torch; torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)"])
        row["projected"] = {"PyTorch eager": start + seeds * (alone["seconds"]["PyTorch eager"] - start)}
    print(f"  sweep of {40 * seeds} trials: " + ", ".join(f"{n} {t:.3g} s" for n, t in row["seconds"].items()), flush=True)
    track.keep("sweep", {str(40 * seeds): row})


def overhead(track, _):
    """Row 8: what a trial costs beside its steps, and how soon there is a curve."""
    config = track.work / "first.yaml"
    config.write_text("data: {name: digits}\nmodel: {arch: mlp, depth: 2, width: 64}\ntrain: {batch: 256, epochs: 1}\n")
    nothing = "train.steps=1 data.train=2 data.test=1 train.batch=2"

    def median_of(out, arguments):
        script = f"rm -rf {out} && '{track.build / 'normlab'}' {arguments} --quiet --out {out}"
        return statistics.median(track.wall(["sh", "-c", script]) for _ in range(track.rounds))

    def measure():
        first = median_of("first", f"run '{config}'")
        many, few = (median_of("empty", f"sweep '{config}' {nothing} sweep.seeds={n} -j 1") for n in (401, 1))
        return {"first_curve_ms": 1e3 * first, "trial_ms": 1e3 * (many - few) / 400}

    row = track.steady("overhead", 1, measure)
    track.keep("overhead", row)
    print(f"  first curve after {row['first_curve_ms']:.1f} ms, overhead of a trial {row['trial_ms']:.3f} ms")


def bits(track, batches):
    """Row 9: the same bytes from one worker and two, resumed, and on AVX2; and what own matrix products cost."""
    (track.work / "bits.yaml").write_text(
        "data: {name: digits}\nmodel: {arch: mlp, depth: 2}\ntrain: {epochs: 2, momentum: 0.9}\n"
        "sweep:\n  grid:\n    norm.kind: [none, bn, ln, gn, rms]\n    train.batch: [2, 7, 32, 256]\n  seeds: 2\n")

    def curves(name, *calls, **env):
        out = track.work / name
        subprocess.run(["rm", "-rf", out], check=True)
        for extra in calls:
            subprocess.run([track.build / "normlab", "sweep", "--no-reuse", track.work / "bits.yaml", *map(str, extra), "--quiet", "--no-plot", "--out", out],
                           check=True, stdout=subprocess.DEVNULL, env=ONE_THREAD | env)
        return (out / "curves.csv").read_bytes()

    one = curves("bits-1", ["-j", 1])
    equal = {"1 worker and 2 workers": curves("bits-2", ["-j", 2]), "at once and resumed with more seeds": curves("bits-resumed", ["-j", 2, "sweep.seeds=1"], ["-j", 1]),
             "the machine's instructions and AVX2": curves("bits-avx2", ["-j", 2], NORMLAB_ISA="avx2")}
    equal = {name: found == one for name, found in equal.items()}
    track.keep("bits", {"equal": equal})
    print("  bits: " + ", ".join(f"{name} {'equal' if same else 'DIFFER'}" for name, same in equal.items()))

    def step(*overrides):
        return [track.build / "step", track.work / "bits-step.yaml", *overrides, NO_EVALUATION]

    (track.work / "bits-step.yaml").write_text("data: {name: digits}\nmodel: {arch: mlp, depth: 2, width: 64}\ntrain: {lr: 0.01, momentum: 0.9}\n")
    for name, overrides in {"mlp": ["norm.kind=bn"], "resnet": ["norm.kind=bn", "data.name=synth", "data.size=32", "data.train=256", "data.test=1",
                                                                "model.arch=resnet", "model.depth=20", "model.width=16", "train.lr=0.001"]}.items():
        for batch in batches or ([8] if track.quick else [8, 32]):
            case = [*overrides, f"train.batch={batch}"]
            competitors = track.start({"normlab": step(*case, "device.gemm=own"), "openblas": step(*case, "device.gemm=openblas")})
            avx2 = track.start({"avx2": step(*case, "device.gemm=own")}, ONE_THREAD | {"NORMLAB_ISA": "avx2"})
            track.keep("bits_cost", {f"{name} {batch}": track.race("bits_cost", f"own products, {name} batch {batch}", competitors + avx2)})


def ref(track, _):
    """Row 10: 200 steps of the specification."""
    config = track.work / "ref.yaml"
    config.write_text("data: {name: digits}\nmodel: {arch: mlp, depth: 2}\ntrain: {batch: 32, lr: 0.01, momentum: 0.9}\ndevice: {kind: ref}\n")
    for kind in NORMS:
        track.keep("ref", {kind: track.race("ref", f"ref {kind}", track.start({"ref": [track.build / "step", config, f"norm.kind={kind}", NO_EVALUATION]}))})


PARTS = {"overhead": overhead, "sweep": lambda track, _: sweep_of(track, 1), "mlp": mlp, "resnet": resnet, "share": share, "two_cores": two_cores, "conv": conv, "norm": norm,
         "sweep1000": lambda track, _: sweep_of(track, 25), "bits": bits, "ref": ref} | sequences.PARTS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--caches", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; may be repeated")
    parser.add_argument("--batch", type=int, action="append", help="of a part with batch sizes: this one; may be repeated")
    parser.add_argument("--without", action="append", default=[], metavar="WORD", help="leave out competitors with this in their name")
    options = parser.parse_args()
    shared = options.build, options.quick, options.without, options.caches
    tracks = {False: Track(*shared), True: Track(*shared, "sequences", report_sequences.write)}
    for name in options.only or [part for part in PARTS if not (options.quick and part in ("sweep1000", "trainings"))]:
        PARTS[name](tracks[name in sequences.PARTS], options.batch)
    print(f"{tracks[False].table}")


if __name__ == "__main__":
    main()
