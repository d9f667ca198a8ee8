"""Every kind of `normlab norms` beside PyTorch: a layer alone, forward and backward, 32 images, channels last, on one core. The table becomes a part of RESULTS.md.

    python kinds.py --build FOLDER [KIND ...]      FOLDER has `layer` and `step`, built for release with NORMLAB_BENCH; without kinds: all, in RESULTS.md

A kind that is added to normlab is in the table without a change here; beside PyTorch once peers/layer_torch.py has its formula.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

import report
from race import CORE, CORES, HERE, ONE_THREAD, Competitor, agree, busy_seconds

ROUNDS, SECONDS, SAMPLES, CHECKED = 9, 0.05, 32, 20
SHAPES = {(32, 16): 7, (16, 32): 6, (8, 64): 6}  # size and channels: how many such layers a ResNet-20 has
WAYS = ["forward", "backward"]
RESNET = ["data.name=synth", "data.size=32", "data.train=512", "data.test=1", "model.arch=resnet", "model.depth=20", "model.width=16", "norm.kind=none",
          f"train.batch={SAMPLES}", "train.lr=1e-5", "train.momentum=0.9", "train.eval_every=1000000000"]


def start(name, command):
    return Competitor(name, command, ONE_THREAD | report.MALLOC, CORES)


def ask(competitor):
    """Microseconds; None: it does not run."""
    if competitor.error:
        return None
    competitor.ask(SECONDS)
    competitor.answer()
    return competitor.times[-1]


def median(times):
    return None if None in times else statistics.median(times)


def measure(build, kind):
    """{shape: {way: (ours, PyTorch's or None)}}"""
    cases = [(shape, way) for shape in SHAPES for way in WAYS]
    ours = [start(f"{kind} of {shape} {way}", [build / "layer", kind, SAMPLES, *shape, way]) for shape, way in cases]
    theirs = start(f"{kind} in PyTorch", [sys.executable, HERE / "peers/layer_torch.py", kind, SAMPLES, *(n for shape in SHAPES for n in shape)])
    for c in [*ours, theirs]:
        c.ready((CORE,))
    own = [] if any(c.error for c in ours) else [number for c in ours for number in c.losses]  # a kind may not run alone
    for number in range(0, len(own), CHECKED):
        if not theirs.error and not agree(own[number:number + CHECKED], theirs.losses[number:number + CHECKED]):
            sys.exit(f"{ours[number // CHECKED].name}: PyTorch has other numbers")
    rounds = [[(ask(c), ask(theirs)) for c in ours] for _ in range(ROUNDS)]
    for c in [*ours, theirs]:
        c.stop()
    found = {case: tuple(median(times) for times in zip(*pairs)) for case, pairs in zip(cases, zip(*rounds))}
    return {shape: {way: found[shape, way] for way in WAYS} for shape in SHAPES}


def resnet_step(build):
    """Microseconds of a step without a normalizer."""
    config = build / "kinds.yaml"
    config.write_text("device: {kind: cpu}\n")
    step = start("step", [build / "step", config, *RESNET])
    step.ready((CORE,))
    took = median([ask(step) for _ in range(ROUNDS)])
    step.stop()
    return took


def rows_of(kind, found):
    rows = []
    for (size, channels), ways in found.items():
        times = [report.us(t) for way in WAYS for t in ways[way]]
        ratios = [report.ratio(theirs, ours) for ours, theirs in (ways[way] for way in WAYS)]
        rows.append([kind, f"{size} x {size} x {channels}", times[0], times[1], ratios[0], times[2], times[3], ratios[1]])
    return rows


def runs(found):
    return all(ours is not None for ways in found.values() for ours, _ in ways.values())


def share(found, step):
    """Of a ResNet-20 step: what its layers take, of them and of the step without any. Percent."""
    layers = sum(count * sum(found[shape][way][0] for way in WAYS) for shape, count in SHAPES.items())
    return 100 * layers / (layers + step)


def table(results, step, others, build):
    machine = report.machine(build)
    slower = sorted({f"{kind} ({way}, {size} x {size} x {channels})" for kind, found in results.items() for (size, channels), ways in found.items()
                     for way, (ours, theirs) in ways.items() if theirs and ours is not None and not ours <= theirs})
    rows = [row for kind, found in results.items() for row in rows_of(kind, found)]
    return [report.KINDS_HEADING, "",
            f"Written by `tests/bench/kinds.py`: {machine['processor']}; {machine['peers'].split(',')[0]}; normlab {machine['normlab']}; {machine['date']}. Microseconds of a layer alone, {SAMPLES} images, channels",
            f"last, one core; medians of {ROUNDS} rounds, ours and PyTorch's in turn. PyTorch: its own functions where there are some, else the formula; each as it is and under torch.compile, the faster of both.",
            f"Others kept {others:.1f} cores busy meanwhile" + (": the machine was shared, and ratios hold better than times do." if others > 0.2 else "."), "",
            "Slower than PyTorch: " + (", ".join(slower) or "none") + ".", "",
            *report.table(["norm", "image", "forward", "PyTorch", "over PyTorch", "backward", "PyTorch", "over PyTorch"], rows),
            f"The share of a ResNet-20 step at batch {SAMPLES}: the times above of its 7, 6 and 6 layers, over these and the step without a normalizer ({step / 1000:.1f} ms).", "",
            *report.table(["norm", "share"], [[kind, f"{share(found, step):.0f} %"] for kind, found in results.items() if runs(found)])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("kinds", nargs="*")
    options = parser.parse_args()
    build = options.build.resolve()
    kinds = options.kinds or subprocess.run([build / "layer", "kinds"], check=True, capture_output=True, text=True).stdout.split()
    busy, own, began = busy_seconds(), os.times(), time.perf_counter()
    results = {}
    for kind in kinds:
        results[kind] = measure(build, kind)
        print("\n".join(" ".join(row) for row in rows_of(kind, results[kind])), flush=True)
    step = resnet_step(build)
    now = os.times()
    used = sum(now[:4]) - sum(own[:4])  # its competitors' included, which have ended
    lines = table(results, step, (busy_seconds() - busy - used) / (time.perf_counter() - began), build)
    print("\n".join(lines))
    if not options.kinds:
        report.replace_kinds_part(lines)


if __name__ == "__main__":
    main()
