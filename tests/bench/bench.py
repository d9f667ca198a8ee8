"""Runs competitors in turn and writes RESULTS.md. Called by run.sh, which builds and installs.

Every competitor is a process that answers with the time of a step when it is asked (peers/competitor.py), so compiling and importing are
done before anything is timed, and the losses of the first steps have been compared. A row is a round over its competitors, repeated; a figure is
the median. The probes run before and after a row: when they moved, or when others worked meanwhile, the row is run again.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import report

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
AGREE = 1e-3   # relative, of the losses of the first steps: float32 sums in another order, and steps that feed on them
MOVED = 0.10   # of a probe, between before and after a row
OTHERS = 0.2   # cores that others keep busy during a row
ATTEMPTS = 3   # to measure a row undisturbed
CORE = str(max(os.sched_getaffinity(0)))
NORMS = ["none", "bn", "ln", "gn"]
PINNED = ["taskset", "-c", CORE]
ONE_THREAD = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def busy_seconds():
    """Seconds that all cores together have worked since the machine started."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Competitor:
    """A process that answers with microseconds a step."""

    def __init__(self, name, command, env=ONE_THREAD):
        self.name, self.times, self.losses, self.error = name, [], None, None
        self.process = subprocess.Popen([*PINNED, *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=env)
        line = self.process.stdout.readline()
        if not line:
            self.fail()
            return
        self.losses = json.loads(line)["losses"]

    def fail(self):
        self.error = (self.process.stderr.read().strip().splitlines() or ["no answer"])[-1]
        print(f"    {self.name}: {self.error}", file=sys.stderr)

    def time(self, seconds):
        try:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
            self.times.append(float(self.process.stdout.readline()))
        except (BrokenPipeError, ValueError):
            self.fail()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait()


def agree(ours, theirs):
    """Whether the losses of the first steps are the same training's."""
    scale = max(abs(loss) for loss in ours)
    return len(ours) == len(theirs) and all(abs(a - b) <= AGREE * scale for a, b in zip(ours, theirs))


class Bench:
    def __init__(self, options):
        self.build, self.quick, self.without = options.build.resolve(), options.quick, options.without
        self.work = self.build / "bench"
        self.work.mkdir(exist_ok=True)
        self.rounds = 9  # short ones: what disturbs a few leaves the median alone
        self.seconds = 0.1
        self.store = self.work / "results.json"
        self.results = json.loads(self.store.read_text()) if self.store.exists() else {}
        self.results.setdefault("discarded", {})
        self.results["machine"] = report.machine(self.build)

    def keep(self, part, value):
        self.results.setdefault(part, {}).update(value)
        self.store.write_text(json.dumps(self.results, indent=1))
        report.write(self.results, HERE / "RESULTS.md")

    def normlab(self, *arguments, **kwargs):
        return subprocess.run([self.build / "normlab", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, env=ONE_THREAD, **kwargs)

    def probe(self):
        return json.loads(subprocess.run([*PINNED, self.build / "probe"], check=True, capture_output=True, text=True).stdout)

    def steady(self, part, cores, measure):
        """measure() between two probes that agree, while nobody else works; every other attempt is counted and thrown away. measure keeps
        `cores` cores busy."""
        for attempt in range(ATTEMPTS):
            before, busy, start = self.probe(), busy_seconds(), time.perf_counter()
            value = measure()
            others = (busy_seconds() - busy) / (time.perf_counter() - start) - cores
            after = self.probe()
            moved = max(abs(after[k] / before[k] - 1) for k in ("fma_gflops", "l1_gbs", "l2_gbs"))
            self.results["probes"] = after
            steady = moved <= MOVED and others <= OTHERS
            value |= {"steady": steady} | {k: min(before[k], after[k]) for k in ("fma_gflops", "l3_gbs")}
            if steady:
                break
            self.results["discarded"][part] = self.results["discarded"].get(part, 0) + 1
        return value

    def make_case(self, name, case, overrides):
        """What normlab starts from, saved for the peers; returns the folder and the arguments of `step`."""
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        config = folder / "case.yaml"
        config.write_text("device: {kind: cpu}\n")
        self.normlab("run", config, *overrides, f"train.steps={case['order_steps']}", "--quiet", "--out", folder / "out",
                     "--save-init", folder / "init.safetensors", "--save-order", folder / "order.npy")
        data = [o for o in overrides if o.startswith("data.") and not o.startswith("data.name=")]
        self.normlab("data", "export", case["data"], *data, "--out", folder / "data")
        (folder / "case.json").write_text(json.dumps(case))
        return folder, [self.build / "step", config, *overrides, "train.eval_every=1000000000"]

    def start(self, commands, env=ONE_THREAD):
        return [Competitor(name, command, env) for name, command in commands.items() if not any(word in name for word in self.without)]

    def race(self, part, name, competitors):
        """Competitors in turn, normlab first; medians in microseconds, and whose losses did not agree."""
        ours = competitors[0]
        if ours.error:
            sys.exit(f"{name}: {ours.name} failed: {ours.error}")
        running, refused = [], {}
        for c in competitors:
            if c.error:
                refused[c.name] = c.error
            elif not agree(ours.losses, c.losses):
                refused[c.name] = "other losses"
                print(f"    {c.name}: its losses are not ours: {c.losses[:4]} against {ours.losses[:4]}", file=sys.stderr)
            else:
                running.append(c)

        def rounds():
            for c in running:
                c.times = []
            for _ in range(self.rounds):
                for c in running:
                    c.time(self.seconds)
            return {"us": {c.name: statistics.median(c.times) for c in running if c.times}}

        row = self.steady(part, 1, rounds) | {"refused": refused}
        for c in competitors:
            c.stop()
        print(f"  {name}: " + ", ".join(f"{n} {t:.4g} us" for n, t in row["us"].items()) + ("" if row["steady"] else " (not steady)"), flush=True)
        return row

    def mlp(self):
        """Rows 1 and 2: the step of the fully connected network 64-64-64-10."""
        batches = [8, 32] if self.quick else [8, 32, 1, 128, 256, 2]
        for batch in batches:
            for norm in ["bn"] if self.quick else NORMS:
                if norm == "bn" and batch == 1:
                    continue  # a set of one element: every output is beta
                lr = max(5e-4, 0.01 * min(1, batch / 32))
                case = {"data": "digits", "norm": norm, "batch": batch, "depth": 2, "width": 64, "lr": lr, "momentum": 0.9,
                        "order_steps": max(512, 4 * 1408 // batch)}
                overrides = ["data.name=digits", "model.arch=mlp", "model.depth=2", "model.width=64", f"norm.kind={norm}", f"train.batch={batch}",
                             f"train.lr={lr}", "train.momentum=0.9"]
                folder, step = self.make_case(f"mlp-{norm}-{batch}", case, overrides)
                peers = HERE / "peers"
                commands = {"normlab": step, "JAX scan": [sys.executable, peers / "mlp_jax.py", folder]}
                for replicas in [16] if self.quick else [4, 16, 64]:
                    commands[f"JAX vmap {replicas}"] = [sys.executable, peers / "mlp_jax.py", folder, replicas]
                commands["PyTorch eager"] = [sys.executable, peers / "mlp_torch.py", folder, "eager"]
                if not self.quick:
                    commands["PyTorch compiled"] = [sys.executable, peers / "mlp_torch.py", folder, "compiled"]
                self.keep("mlp", {f"{norm} {batch}": self.race("mlp", f"mlp {norm} batch {batch}", self.start(commands))})

    def resnet(self):
        """Rows 5 and 7: ResNet-20 on 32 x 32 images."""
        batches = [8] if self.quick else [1, 8, 32, 128]
        for batch in batches:
            for norm in ["bn"] if self.quick else ["bn", "gn", "none"]:
                lr = 1e-5 if norm == "none" else 1e-3  # without a normalizer the first losses are large
                case = {"data": "synth", "norm": norm, "batch": batch, "blocks": 3, "lr": lr, "momentum": 0.9, "order_steps": 24}
                overrides = ["data.name=synth", "data.size=32", "data.train=512", "data.test=1", "model.arch=resnet", "model.depth=20",
                             "model.width=16", f"norm.kind={norm}", f"train.batch={batch}", f"train.lr={lr}", "train.momentum=0.9"]
                folder, step = self.make_case(f"resnet-{norm}-{batch}", case, overrides)
                commands = {"normlab": step} | {f"PyTorch {layout}": [sys.executable, HERE / "peers/resnet_torch.py", folder, layout]
                                                for layout in ("channels_last", "contiguous")}
                competitors = self.start(commands, ONE_THREAD | report.MALLOC)
                self.keep("resnet", {f"{norm} {batch}": self.race("resnet", f"resnet {norm} batch {batch}", competitors)})

    def norm(self):
        """Row 4: a normalizer with the ReLU behind it, 32 images."""
        for kind in ["bn"] if self.quick else ["bn", "ln", "gn", "in"]:
            for height, channels in [(16, 32)] if self.quick else [(32, 16), (16, 32), (8, 64)]:
                for way in ["forward", "backward"]:
                    arguments = [kind, 32, height, channels, way]
                    commands = {"normlab": [self.build / "normalize", kind, 32, height * height, channels, way]} | {
                        f"PyTorch {layout}": [sys.executable, HERE / "peers/norm_torch.py", *arguments, layout] for layout in ("channels_last", "contiguous")}
                    name = f"{kind} {height} {channels} {way}"
                    self.keep("norm", {name: self.race("norm", f"norm {name}", self.start(commands, ONE_THREAD | report.MALLOC))})

    def wall(self, command, env=()):
        start = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | dict(env), cwd=self.work)
        return time.perf_counter() - start

    def sweep_of(self, seeds, rounds, contenders):
        """Wall time of a whole sweep from a cold shell, two cores, medians."""
        times = {name: [] for name in contenders}

        def measure():
            for name in times:
                times[name] = []
            for _ in range(rounds):
                for name, (command, env) in contenders.items():
                    times[name].append(self.wall(command(seeds), env))
            return {"seconds": {name: statistics.median(t) for name, t in times.items()}}

        return self.steady("sweep", 2, measure)

    def sweep(self, seeds):
        """Row 8: 40 trials a seed."""
        batches = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256]
        (self.work / "sweep.yaml").write_text(
            "data: {name: digits}\nmodel: {arch: mlp, depth: 2, width: 64}\ntrain: {epochs: 10, lr: 0.01, momentum: 0.9}\n"
            f"sweep:\n  grid:\n    norm.kind: [none, bn, ln, gn]\n    train.batch: {batches}\n  seeds: 1\n")
        self.normlab("data", "export", "digits", "--out", self.work / "data")

        def ours(seeds):
            out = self.work / "sweep-out"
            return ["sh", "-c", f"rm -rf '{out}' && '{self.build / 'normlab'}' sweep '{self.work / 'sweep.yaml'}' sweep.seeds={seeds} "
                                f"-j 2 --quiet --out '{out}'"]

        def peer(script):
            return lambda seeds: [sys.executable, HERE / "peers" / script, self.work / "data", seeds, *batches]

        jax, torch = peer("sweep_jax.py"), peer("sweep_torch.py")
        cache = {"JAX_COMPILATION_CACHE_DIR": str(self.work / "jax-cache"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                 "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0"}
        contenders = {"normlab": (ours, {}), "JAX": (jax, {})}
        if not self.quick:
            contenders["JAX warm"] = jax, cache
            self.wall(jax(seeds), cache)  # fills the cache
            if seeds == 1:
                contenders["PyTorch eager"] = torch, {}
        row = self.sweep_of(seeds, 1 if self.quick else 5, contenders)
        print(f"  sweep of {40 * seeds} trials: " + ", ".join(f"{n} {t:.3g} s" for n, t in row["seconds"].items()), flush=True)
        self.keep("sweep", {str(40 * seeds): row})

    def overhead(self):
        """Row 8: what a trial costs beside its steps, and how soon there is a curve."""
        config = self.work / "first.yaml"
        config.write_text("data: {name: digits}\nmodel: {arch: mlp, depth: 2, width: 64}\ntrain: {batch: 256, epochs: 1}\n")
        nothing = "train.steps=1 data.train=2 data.test=1 train.batch=2"

        def median_of(out, arguments):
            script = f"rm -rf {out} && '{self.build / 'normlab'}' {arguments} --quiet --out {out}"
            return statistics.median(self.wall(["sh", "-c", script]) for _ in range(9))

        def measure():
            first = median_of("first", f"run '{config}'")
            many, few = (median_of("empty", f"sweep '{config}' {nothing} sweep.seeds={n} -j 1") for n in (401, 1))
            return {"first_curve_ms": 1e3 * first, "trial_ms": 1e3 * (many - few) / 400}

        row = self.steady("overhead", 1, measure)
        self.keep("overhead", row)
        print(f"  first curve after {row['first_curve_ms']:.1f} ms, overhead of a trial {row['trial_ms']:.3f} ms")

    def bits(self):
        """Row 9: the same bytes from one worker and two, and resumed."""
        (self.work / "bits.yaml").write_text(
            "data: {name: digits}\nmodel: {arch: mlp, depth: 2}\ntrain: {epochs: 2, momentum: 0.9}\n"
            "sweep:\n  grid:\n    norm.kind: [none, bn, ln, gn, rms]\n    train.batch: [2, 7, 32, 256]\n  seeds: 2\n")
        def curves(name, *arguments):
            out = self.work / name
            subprocess.run(["rm", "-rf", out], check=True)
            for extra in arguments:
                self.normlab("sweep", self.work / "bits.yaml", *extra, "--quiet", "--out", out)
            return (out / "curves.csv").read_bytes()
        one = curves("bits-1", ["-j", 1])
        two = curves("bits-2", ["-j", 2])
        resumed = curves("bits-resumed", ["-j", 2, "sweep.seeds=1"], ["-j", 1])
        self.keep("bits", {"workers": one == two, "resumed": one == resumed})
        print(f"  bits: -j 1 and -j 2 {'equal' if one == two else 'DIFFER'}, resumed {'equal' if one == resumed else 'DIFFERS'}")

    def ref(self):
        """Row 10: 200 steps of the specification."""
        config = self.work / "ref.yaml"
        config.write_text("data: {name: digits}\nmodel: {arch: mlp, depth: 2}\ntrain: {batch: 32, lr: 0.01, momentum: 0.9}\ndevice: {kind: ref}\n")
        for norm in NORMS:
            step = Competitor("ref", [self.build / "step", config, f"norm.kind={norm}", "train.eval_every=1000000000"])
            row = self.race("ref", f"ref {norm}", [step])
            self.keep("ref", {norm: row})


PARTS = {"overhead": Bench.overhead, "sweep": lambda bench: bench.sweep(1), "mlp": Bench.mlp, "resnet": Bench.resnet, "norm": Bench.norm,
         "sweep1000": lambda bench: bench.sweep(25), "bits": Bench.bits, "ref": Bench.ref}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--without", action="append", default=[], metavar="WORD", help="leave out competitors with this in their name")
    options = parser.parse_args()
    bench = Bench(options)
    for name in [options.only] if options.only else PARTS:
        if name == "resnet" and not report.has_resnet(bench.build):
            print("  resnet: left out, model.arch=resnet is not in this build")
            continue
        if name == "sweep1000" and bench.quick:
            continue
        PARTS[name](bench)


if __name__ == "__main__":
    main()
