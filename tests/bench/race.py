"""Competitors timed in turn. Each is a process that answers with the time of a step when it is asked (peers/competitor.py), so importing and compiling
are done before anything is timed, and the losses of the first steps have been compared.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import report

HERE = pathlib.Path(__file__).parent
PEERS = HERE / "peers"
PYTHON = sys.executable
AGREE = 1e-3   # relative, of the losses of the first steps: float32 sums in another order, and steps that feed on them
MOVED = 0.10   # of a probe, between before and after a row
OTHERS = 0.2   # cores that others keep busy during a row
ATTEMPTS = 3   # to measure a row undisturbed
CORES = sorted(os.sched_getaffinity(0))
CORE = CORES[-1]  # where everything is timed that runs on one


def threads(count):
    return os.environ | {name: str(count) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}


ONE_THREAD = threads(1)


def pinned(*cores):
    return ["taskset", "-c", ",".join(map(str, cores))]


def busy_seconds():
    """Seconds that all cores together have worked since the machine started."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Competitor:
    """A process that answers with microseconds a step. Started, it prepares itself; ready() waits for that. What it says on stderr goes to a file: a pipe
    that nobody reads would hold it up when it is full."""

    def __init__(self, name, command, env=ONE_THREAD, cores=(CORE,)):
        self.name, self.times, self.losses, self.error = name, [], None, None
        self.stderr = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([*pinned(*cores), *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.stderr, text=True, env=env)

    def ready(self, cores=None):
        """Reads its losses, and moves it to the cores that it is timed on."""
        line = self.process.stdout.readline()
        if not line:
            self.fail()
            return
        self.losses = json.loads(line)["losses"]
        if cores is not None:
            subprocess.run(["taskset", "-a", "-c", "-p", ",".join(map(str, cores)), str(self.process.pid)], check=True, stdout=subprocess.DEVNULL)

    def fail(self):
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.stderr.seek(0)
        self.error = (self.stderr.read().strip().splitlines() or ["no answer"])[-1]
        print(f"    {self.name}: {self.error}", file=sys.stderr)

    def ask(self, seconds):
        try:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # answer() finds out why

    def answer(self):
        try:
            self.times.append(float(self.process.stdout.readline()))
        except ValueError:
            self.fail()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.stderr.close()
        self.process.wait()


def agree(ours, theirs):
    """Whether the losses of the first steps are the same training's."""
    scale = max(abs(loss) for loss in ours)
    return len(ours) == len(theirs) and all(abs(a - b) <= AGREE * scale for a, b in zip(ours, theirs))


class Track:
    """Where rows are run and what came of them is kept: NAME.json, to which every call adds, and the table that write(results, path) makes of it."""

    def __init__(self, build, quick, without, caches, name="results", write=report.write):
        self.build, self.quick, self.without = build.resolve(), quick, without
        self.work = self.build / "bench"
        self.work.mkdir(exist_ok=True)
        self.rounds, self.seconds = (3, 0.02) if quick else (9, 0.1)  # many short ones: what disturbs a few leaves the median alone
        self.store, self.write = self.work / f"{'quick-' if quick else ''}{name}.json", write
        self.table = self.work / "quick.md" if quick else HERE / "RESULTS.md"
        self.results = json.loads(self.store.read_text()) if self.store.exists() else {}
        self.results.setdefault("discarded", {})
        self.results["machine"] = report.machine(self.build)
        # Compiled peers find again what they compiled for an earlier call; compiling is never in a figure but those of whole sweeps.
        self.caches = {"TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"), "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
                       "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0"}

    def keep(self, part, value):
        self.results.setdefault(part, {}).update(value)
        self.store.write_text(json.dumps(self.results, indent=1))
        self.write(self.results, self.table)

    def normlab(self, *arguments, **kwargs):
        return subprocess.run([self.build / "normlab", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, env=ONE_THREAD, **kwargs)

    def wall(self, command, env=()):
        start = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | dict(env), cwd=self.work)
        return time.perf_counter() - start

    def probe(self):
        return json.loads(subprocess.run([*pinned(CORE), self.build / "probe"], check=True, capture_output=True, text=True).stdout)

    def steady(self, part, cores, measure):
        """measure() between two probes that agree, while nobody else works; every other attempt is counted and thrown away. measure keeps
        `cores` cores busy."""
        for _ in range(1 if self.quick else ATTEMPTS):
            before, busy, start = self.probe(), busy_seconds(), time.perf_counter()
            value = measure()
            others = (busy_seconds() - busy) / (time.perf_counter() - start) - cores
            after = self.probe()
            moved = max(abs(after[k] / before[k] - 1) for k in ("fma_gflops", "l1_gbs", "l2_gbs"))
            self.results["probes"] = after
            steady = moved <= MOVED and others <= OTHERS
            value |= {"steady": steady} | {k: min(before[k], after[k]) for k in ("fma_gflops", "l1_gbs", "l2_gbs", "l3_gbs", "dram_gbs")}
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
        self.normlab("run", config, *overrides, f"train.steps={case['order_steps']}", "--quiet", "--replace", "--out", folder / "out",
                     "--save-init", folder / "init.safetensors", "--save-order", folder / "order.npy")
        data = [o for o in overrides if o.startswith("data.") and not o.startswith("data.name=")]
        self.normlab("data", "export", case["data"], *data, "--out", folder / "data")
        (folder / "case.json").write_text(json.dumps(case))
        return folder, [self.build / "step", config, *overrides, "train.eval_every=1000000000"]

    def wanted(self, name):
        return not any(word in name for word in self.without)

    def start(self, commands, env=ONE_THREAD):
        """All at once, dealt to the cores in turn; then each on the one core where it is timed."""
        started = [Competitor(name, command, env | self.caches, (CORES[-1 - i % len(CORES)],))
                   for i, (name, command) in enumerate(commands.items()) if self.wanted(name)]
        for competitor in started:
            competitor.ready((CORE,))
        return started

    def race(self, part, name, competitors, unlike=(), times=1):
        """Competitors in turn, normlab first; medians in microseconds and of the ratios to the first in the same round, and whose losses did not
        agree. unlike: those that cannot train the same; times: so many times the usual rounds."""
        ours = competitors[0]
        if ours.error:
            sys.exit(f"{name}: {ours.name} failed: {ours.error}")
        running, refused = [], {}
        for c in competitors:
            if c.error:
                refused[c.name] = c.error
            elif c.name not in unlike and not agree(ours.losses, c.losses):
                refused[c.name] = "other losses"
                print(f"    {c.name}: its losses are not ours: {c.losses[:4]} against {ours.losses[:4]}", file=sys.stderr)
            else:
                running.append(c)

        def rounds():
            for c in running:
                c.times = []
            for _ in range(self.rounds * times):
                for c in running:
                    c.ask(self.seconds)
                    c.answer()
            return {"us": {c.name: statistics.median(c.times) for c in running if c.times},
                    "over first": {c.name: statistics.median(t / o for t, o in zip(c.times, ours.times)) for c in running if c.times}}

        row = self.steady(part, 1, rounds) | {"refused": refused}
        for c in competitors:
            c.stop()
        print(f"  {name}: " + ", ".join(f"{n} {t:.4g} us" for n, t in row["us"].items()) + ("" if row["steady"] else " (not steady)"), flush=True)
        return row

    def side_by_side(self, part, name, step, peer):
        """Steps on two cores: two trainings of ours, a process each, as the workers of a sweep have them, beside one alone; a peer's training in two threads, its
        last argument, or two in two processes. The microseconds in which all together make a step, or None where there is one core."""
        if len(CORES) < 2:
            print(f"  {name}: left out, there is one core")
            return None
        pair = CORES[-2:]
        tuned = report.MALLOC | self.caches
        teams = {"normlab": [Competitor("normlab", step, ONE_THREAD, (core,)) for core in pair],
                 "PyTorch, 2 threads": [Competitor("PyTorch, 2 threads", [*peer, 2], threads(2) | tuned, pair)],
                 "PyTorch, 2 processes": [Competitor("PyTorch", peer, ONE_THREAD | tuned, (core,)) for core in pair]}
        everyone = [c for team in teams.values() for c in team]
        for c in everyone:
            c.ready()
            if c.error or not agree(everyone[0].losses, c.losses):
                sys.exit(f"{name}: {c.name}: {c.error or 'other losses'}")

        def time_of(team):
            """Of a step of all in the team at once."""
            for c in team:
                c.ask(0.2 if self.quick else 1.0)
            for c in team:
                c.answer()
            return 1 / sum(1 / c.times[-1] for c in team)

        def measure():
            times = {"normlab, one core": []} | {name: [] for name in teams}
            for _ in range(1 if self.quick else 5):
                for name, team in teams.items():
                    times[name].append(time_of(team))
                times["normlab, one core"].append(statistics.mean(time_of([c]) for c in teams["normlab"]))
            return {"us": {name: statistics.median(found) for name, found in times.items()}}

        row = self.steady(part, 1.6, measure)
        for c in everyone:
            c.stop()
        return row
