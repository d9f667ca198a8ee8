"""What numpy and scipy say of the numbers in pictures: writes tests/golden/pictures.txt, which tests/plots/test_golden_pictures.c reads, and the
results that they are of, tests/golden/pictures/FOLDER.

    python tests/golden/pictures.py

A line of pictures.txt is a folder, a metric, a kind of picture, a block of its script, and the block's rows one after the other. The first and the
last row of a profile lie at the ends of its axis, which the picture chooses: they are nan here.
"""

import itertools
import pathlib

import numpy
from scipy import stats

HERE = pathlib.Path(__file__).parent
NAN, INF = float("nan"), float("inf")
METHODS, TASKS, RATES = ("bn", "none"), ("digits", "mnist", "synth"), ("0.001", "0.01", "0.1", "1", "3")
LEVEL, OVERLAP, CHANCE = 0.95, 0.125, 0.9
COLUMNS = ("status,failed_step,steps,epochs,samples,parameters,classes,train_samples,val_samples,test_samples,val_overlap,test_overlap,"
           "train_loss,train_accuracy,train_error,val_loss,test_loss,test_accuracy,test_error")
lines = []


def write_results(folder, key, values, seeds, run_of):
    """run_of(method, value, seed): status, validation loss and test error; None: there is no such trial. Returns what trials.csv says."""
    out, rows, trial = HERE / "pictures" / folder, [], 0
    out.mkdir(parents=True, exist_ok=True)
    (out / "experiment.yaml").write_text(f"sweep:\n  grid:\n    norm.kind: [{', '.join(METHODS)}]\n    {key}: [{', '.join(values)}]\n  seeds: {seeds}\n")
    table, runs = [f"trial,norm.kind,{key},train.seed,{COLUMNS}"], {}
    for method, value, seed in itertools.product(METHODS, values, range(1, seeds + 1)):
        trial += 1
        run = run_of(method, value, seed)
        if run is None:
            continue
        status, loss, error = run
        done = status in ("done", "dead")
        numbers = f"{loss},{error * 3:.6g},{1 - error:.6g},{error:.6g}" if done else ",,,"
        table.append(f"{trial},{method},{value},{seed},{status},{'' if done else 12},100,5,1000,500,10,1000,200,400,0.2,{OVERLAP},"
                     f"{'0.5,0.9,0.1' if done else ',,'},{numbers}")
        runs[method, value, seed] = status, loss if done else NAN, error if done else NAN
    (out / "trials.csv").write_text("\n".join(table) + "\n")
    return runs


def add(folder, metric, kind, block, rows):
    lines.append(" ".join([folder, metric, kind, block, *(f"{float(v):.17g}" for v in numpy.ravel(rows))]))


def bootstrap(reached, of):
    """The percentile bootstrap, stratified: the distribution of the sum of binomials."""
    mass = numpy.ones(1)
    for n in reached:
        mass = numpy.convolve(mass, stats.binom.pmf(range(of + 1), of, n / of))
    tail, total = (1 - LEVEL) / 2 + 1e-12, of * len(reached)
    return (numpy.cumsum(mass) <= tail).sum() / total, (total - (numpy.cumsum(mass[::-1]) <= tail).sum()) / total


def profiles(folder, runs, seeds):
    for metric, worse in (("test_error", 1), ("test_accuracy", -1)):
        for index, method in enumerate(METHODS, 1):
            bad = numpy.array([[INF if runs[method, task, seed][0] != "done" else runs[method, task, seed][2] for seed in range(1, seeds + 1)] for task in TASKS])
            rows = []
            for edge in sorted(set(bad[numpy.isfinite(bad)])):
                reached = (bad <= edge).sum(1)
                value = edge if worse > 0 else 1 - edge
                rows.append([100 * value, 100 * numpy.mean(reached / seeds), *(100 * end for end in bootstrap(reached, seeds))])
            add(folder, metric, "profiles", f"line1_{index}", [[NAN, 0, 0, 0], *rows, [NAN, *rows[-1][1:]]])
            half = [row[0] for row in rows if row[1] >= 50]
            if half:
                add(folder, metric, "profiles", f"median1_{index}", [half[0], 50])


def best_of_k(folder, runs, seeds):
    for index, method in enumerate(METHODS, 1):
        rows, searches = [], []
        for seed in range(1, seeds + 1):
            of = [runs.get((method, rate, seed)) for rate in RATES]
            if None not in of:  # in the order in which they are preferred; none is worse than chance
                searches.append([CHANCE if status != "done" else min(error, CHANCE) for status, loss, error in sorted(of, key=lambda run: INF if numpy.isnan(run[1]) else run[1])])
        for k in range(1, len(RATES) + 1):
            draws = [[search[min(chosen)] for chosen in itertools.combinations(range(len(RATES)), k)] for search in searches]
            expected = numpy.mean(draws, 1)
            mean, n = expected.mean(), len(expected)
            if seeds >= 5:
                half = stats.t.isf((1 - LEVEL) / 2, n - 1) * expected.std(ddof=1) * numpy.sqrt(1 / n + OVERLAP / (1 - OVERLAP))
                low, high = max(mean - half, 0), min(mean + half, 1)
            else:
                every, tail = numpy.sort(numpy.ravel(draws)), (1 - LEVEL) / 2 + 1e-12
                low = every[sum(numpy.mean(every <= value) <= tail for value in every)]
                high = every[len(every) - 1 - sum(numpy.mean(every >= value) <= tail for value in every)]
            rows.append([k, 100 * mean, 100 * low, 100 * high, n])
        add(folder, "test_error", "best_of_k", f"line1_{index}", rows)


draws = numpy.random.default_rng(20261203)


def task_run(method, task, seed):
    error = round({"digits": 0.04, "mnist": 0.02, "synth": 0.2}[task] * draws.uniform(0.8, 1.6) + (0.01 if method == "none" else 0), 3)
    if method == "none" and task == "synth" and seed < 4:
        return ("diverged", "dead", "error")[seed - 1], 1.0, 0.89
    return "done", 1.0, error


def rate_run(method, rate, seed):
    error = float(numpy.clip(round(0.03 + 0.04 * (numpy.log10(float(rate)) + (0.5 if method == "bn" else 2)) ** 2 + draws.uniform(0, 0.04), 4), 0, 0.95))
    loss = round(3 * error + draws.uniform(0, 0.1), 4)
    if rate == "3" and method == "none":
        return ("diverged" if seed == 1 else "dead"), loss, 0.93
    return None if (method, rate, seed) == ("none", "0.01", 5) else ("done", loss, error)


profiles("tasks", write_results("tasks", "data.name", TASKS, 6, task_run), 6)
best_of_k("rates", write_results("rates", "train.lr", RATES, 6, rate_run), 6)
best_of_k("few", write_results("few", "train.lr", RATES, 3, rate_run), 3)
(HERE / "pictures.txt").write_text("\n".join(lines) + "\n")
print(len(lines), "blocks")
