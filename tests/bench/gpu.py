"""The rows on a GPU: whole steps and normalizers beside PyTorch and JAX on the same device, in turn. Called by tests/gpu/run.sh.

    gpu.py --build DIR --out DIR [--seconds N] [--only ROW]...    DIR: with bench, and programs/ of tests/gpu/carry.sh; writes gpu.json and gpu.md;
                                                                  exit code 3 where a row was not timed beside a peer, 1 where none was
    gpu.py --table gpu.json...                                    puts what was measured there, in one call or several, into RESULTS.md
    gpu.py ... --device cpu                                       tiny rows on the processor: whether everything runs; its figures mean nothing

As in bench.py a competitor is timed only if its first losses are ours. They run in turn; a figure is the median of five.
"""

import argparse
import datetime
import importlib.metadata
import json
import pathlib
import platform
import re
import select
import statistics
import subprocess
import sys
import time

import report
from bench import PEERS, PYTHON, resnet_case
from race import CORES, ONE_THREAD, Competitor, Track, agree

ROUNDS, SECONDS = 5, 0.4
LEAST = 60   # seconds that a row needs to be begun
READY = 100  # seconds after which a row does not wait for one that still compiles: the rows after it need the time
ANSWER = 30  # seconds after which no answer comes
CEILINGS = {"device": "the processor", "copy_gbs": 1.0, "fma_gflops": 1.0}  # with --device cpu


class Device(Track):
    """A track on a device: its own time, its own results."""

    def __init__(self, options):
        self.device, self.tiny = options.device, options.device == "cpu"
        self.build = options.build.resolve() / "programs"
        self.out = options.out.resolve()
        self.work = options.build.resolve() / "cases"
        self.timed = {}  # rows, and whether they were timed beside a peer
        for folder in (self.out, self.work):
            folder.mkdir(parents=True, exist_ok=True)
        self.end = time.monotonic() + options.seconds
        self.env = ONE_THREAD | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TORCHINDUCTOR_CACHE_DIR": str(self.work / "inductor")}
        self.bench = options.build.resolve() / "bench"
        commit = re.search(r'commit: "(.*)"', subprocess.run([self.build / "normlab", "info"], check=True, capture_output=True, text=True).stdout)
        peers = ", ".join(f"{name} {importlib.metadata.version(package).split('+')[0]}" for name, package in [("PyTorch", "torch"), ("JAX", "jax")])
        self.results = {"machine": self.ceilings() | {"normlab": commit.group(1) if commit else "?", "peers": f"{peers}, Python {platform.python_version()}",
                                                      "date": datetime.date.today().isoformat()}}

    def ceilings(self):
        if self.tiny:
            return dict(CEILINGS)
        return json.loads(subprocess.run([self.bench, "ceilings"], check=True, capture_output=True, text=True).stdout)

    def left(self):
        return self.end - time.monotonic()

    def keep(self, part, value):
        self.results.setdefault(part, {}).update(value)
        (self.out / "gpu.json").write_text(json.dumps(self.results, indent=1))
        (self.out / "gpu.md").write_text("\n".join(report.gpu(self.results)) + "\n")

    def ours(self, step, replicas):
        return [step[0], "--replicas", replicas, *step[1:], f"device.kind={self.device}"]

    def peer(self, script, *arguments):
        return [PYTHON, PEERS / script, *arguments, "--device", self.device]

    def hear(self, competitor, seconds, read):
        """read() what the competitor says next, which is not waited for longer than that."""
        if select.select([competitor.process.stdout], [], [], max(0, seconds))[0]:
            read()
        else:
            competitor.error = "not ready in time"
            competitor.process.kill()

    def race(self, part, name, commands):
        """Ours is the first. What is not ready in time is left out."""
        self.timed[part, name] = False
        if self.left() < LEAST:
            print(f"  {part} {name}: left out, the time was up", flush=True)
            return
        until = time.monotonic() + min(READY, self.left() - LEAST / 2)
        started = [Competitor(title, command, self.env, CORES) for title, command in commands.items()]
        ours = started[0]
        for c in started:
            self.hear(c, until - time.monotonic(), c.ready)
            if not c.error and not (ours.losses and agree(ours.losses, c.losses)):
                c.error = "other losses" if ours.losses else "there is nothing to compare with"
        for _ in range(ROUNDS if sum(not c.error for c in started) > 1 else 0):
            for c in started:
                if not c.error:
                    c.ask(0.02 if self.tiny else SECONDS)
                    self.hear(c, ANSWER, c.answer)
        row = {"us": {c.name: statistics.median(c.times) for c in started if not c.error and c.times}, "refused": {c.name: c.error for c in started if c.error}}
        for c in started:
            c.stop()
        self.timed[part, name] = ours.name in row["us"] and len(row["us"].keys() - {report.LAUNCHES}) > 1
        print(f"  {part} {name}: " + ", ".join([f"{n} {t:.4g} us" for n, t in row["us"].items()] + [f"{n}: {why}" for n, why in row["refused"].items()]), flush=True)
        self.keep(part, {name: row})


def mlp(track):
    """The fully connected network 64-64-64-10 at batch 32, a thousand at once; a replica's step."""
    replicas = 3 if track.tiny else 1000
    for norm in ["bn"] if track.tiny else ["bn", "none"]:
        case = {"data": "digits", "norm": norm, "batch": 32, "depth": 2, "width": 64, "lr": 0.01, "momentum": 0.9, "order_steps": 512}
        folder, step = track.make_case(f"mlp-{norm}", case, ["data.name=digits", "model.arch=mlp", "model.depth=2", "model.width=64", f"norm.kind={norm}",
                                                             "train.batch=32", "train.lr=0.01", "train.momentum=0.9"])
        ours = track.ours(step, replicas)
        track.race("mlp", norm, {"normlab": ours, report.LAUNCHES: ["env", "NORMLAB_CUDA_STEPS=launches", *ours], "JAX vmap": track.peer("mlp_jax.py", folder, replicas),
                                 "PyTorch compiled vmap": track.peer("mlp_torch.py", folder, "vmap", replicas)})


def resnet_of(track, norm, batch):
    if track.tiny:
        return resnet_case(track, norm, batch, size=8, depth=8)
    return resnet_case(track, norm, batch, max(24, 1600 // batch))


def torch_resnet(track, folder, *modes):
    return {f"PyTorch {mode}": track.peer("resnet_torch.py", folder, "channels_last", "--mode", mode) for mode in modes}


def resnet(track):
    """ResNet-20 at batch 8, 32 at once; a replica's step."""
    replicas = 2 if track.tiny else 32
    folder, step = resnet_of(track, "bn", 8)
    track.race("resnet", "bn", {"normlab": track.ours(step, replicas), "JAX vmap": track.peer("resnet_jax.py", folder, replicas)}
               | torch_resnet(track, folder, "eager", *([] if track.tiny else ["compiled"])))


def lone(track):
    """One ResNet-20 at batch 8."""
    folder, step = resnet_of(track, "bn", 8)
    track.race("lone", "bn", {"normlab": track.ours(step, 1), "JAX scan": track.peer("resnet_jax.py", folder)}
               | torch_resnet(track, folder, "eager", *([] if track.tiny else ["reduce-overhead", "graphs"])))


def norm(track):
    """A normalizer with the ReLU after it, of tensors larger than any cache."""
    shape = track.results["machine"]["norm_shape"] = [4, 8, 16] if track.tiny else [1024, 32, 64]
    for kind in ["gn"] if track.tiny else ["bn", "ln", "gn", "rms"]:
        for way in ["forward", "backward"]:
            commands = {"normlab": [track.build / "kernel", kind, *shape, way, *([] if track.tiny else ["cuda"])]}
            commands |= {f"PyTorch {layout}": track.peer("norm_torch.py", kind, *shape, way, layout) for layout in ["channels_last", "contiguous"]}
            if not track.tiny:
                commands |= {"PyTorch compiled": track.peer("norm_torch.py", kind, *shape, way, "channels_last", "compiled")}
            track.race("norm", f"{kind} {way}", commands)


def experiment(track):
    """experiments/small_batch_cifar10.yaml from the steps that it is made of: five seeds at once, and PyTorch's script."""
    for batch in [8] if track.tiny else [2, 4, 8, 32, 128]:
        for kind in ["bn"] if track.tiny else ["bn", "gn", "ln", "none"]:
            folder, step = resnet_of(track, kind, batch)
            track.race("experiment", f"{kind} {batch}", {"normlab": track.ours(step, 2 if track.tiny else 5)} | torch_resnet(track, folder, "eager"))


ROWS = {"mlp": mlp, "resnet": resnet, "lone": lone, "norm": norm, "experiment": experiment}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=510)
    parser.add_argument("--only", choices=ROWS, action="append", help="this row; may be repeated")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--table", type=pathlib.Path, nargs="+", metavar="FILE", help="gpu.json of another machine, for RESULTS.md")
    options = parser.parse_args()
    if options.table:
        results = {}
        for path in options.table:
            for part, value in json.loads(path.read_text()).items():
                results.setdefault(part, {}).update(value)
        report.replace_gpu_part(report.gpu(results))
        return 0
    if not options.build or not options.out:
        parser.error("--build and --out, or --table")
    track = Device(options)
    for name in options.only or ROWS:
        ROWS[name](track)
    print("\n".join(report.gpu(track.results)))
    untimed = [" ".join(row) for row, timed in track.timed.items() if not timed]
    print(f"{len(track.timed) - len(untimed)} of {len(track.timed)} rows were timed beside a peer" + (f"; not {', '.join(untimed)}" if untimed else ""))
    return 0 if not untimed else 3 if len(untimed) < len(track.timed) else 1


if __name__ == "__main__":
    sys.exit(main())
