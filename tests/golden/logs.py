"""Writes run logs of exactly the forms that other programs write, and what scipy says of them: tests/golden/logs, which tests/shell/test_import.sh imports.

    python tests/golden/logs.py

    wandb.csv                            the table of runs that Weights & Biases exports: a row for each run
    lightning/METHOD/version_N/metrics.csv   CSVLogger of PyTorch Lightning: a file for each run, training and validation in rows of their own
    trainer/METHOD-seed-N/trainer_state.json  Trainer of Hugging Face
    keras/METHOD_N.json                  History.history of Keras
    timm/METHOD-N/summary.csv            train.py of timm
    tensorboard/METHOD_N.csv             the scalars that TensorBoard's page downloads
    chart.csv                            a chart that Weights & Biases exports
    tidy.csv                             a row for each run, step and metric, separated by semicolons, with decimal commas

expected.txt: LOG METHOD AGAINST, and "=": the difference, its interval at 95 % and p, by scipy's tests, paired or Welch's.
"""

import csv
import json
import pathlib
import shutil

import numpy
from scipy import stats

FOLDER = pathlib.Path(__file__).with_name("logs")
rng = numpy.random.default_rng(20261128)
expected = []


def expect(log, method, against, one, other, paired=True):
    test = stats.ttest_rel(one, other) if paired else stats.ttest_ind(one, other, equal_var=False)
    low, high = test.confidence_interval(0.95)
    expected.append([log, method, against, "=", *(float(x) for x in (numpy.mean(one) - numpy.mean(other), low, high, test.pvalue))])


def table(path, header, rows, **form):
    path = FOLDER / path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **form})
        writer.writerow(header)
        writer.writerows(rows)


def document(path, value):
    path = FOLDER / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2 if path.name == "trainer_state.json" else None))


def curve(end, steps, noise=0.01):
    return (end * (1 - numpy.exp(-1.2 * numpy.arange(1, steps + 1))) + rng.normal(0, noise, steps)).round(4)


def wandb():
    """Accuracies of the test part, in one run none: it diverged. GN has two seeds that BN does not have: no pairs."""
    rows, values = [], {}
    for norm, end, seeds in (("BatchNorm2d", 0.71, range(1, 7)), ("GroupNorm", 0.74, range(1, 9)), ("Identity", 0.66, range(1, 7))):
        values[norm] = rng.normal(end, 0.008, len(seeds)).round(4)
        for seed, value in zip(seeds, values[norm]):
            rows.append([f"fresh-dawn-{len(rows) + 1}", "finished", "-", "lab", "", "2024-05-01T10:00:00.000Z", 300 + len(rows), "", 32, 0.1, norm, seed,
                         value, round(1.6 - value, 4)])
    rows.append(["late-sun-21", "running", "-", "lab", "", "2024-05-01T19:00:00.000Z", 12, "", 32, 0.1, "GroupNorm", 9, 0.31, 2.1])
    table("wandb.csv", ["Name", "State", "Notes", "User", "Tags", "Created", "Runtime", "Sweep", "batch_size", "lr", "norm_layer", "seed", "test/acc",
                        "test/loss"], rows, quoting=csv.QUOTE_ALL)
    error = {norm: 1 - value for norm, value in values.items()}
    expect("wandb", "BN", "none", error["BatchNorm2d"], error["Identity"])
    expect("wandb", "GN", "none", error["GroupNorm"], error["Identity"], paired=False)


def chart():
    """A chart of W&B: a column for each run, beside its least and largest value."""
    last, columns, steps = {}, [], (0, 100, 200)
    for method, end in (("layernorm", 0.6), ("rmsnorm", 0.62)):
        for seed in range(1, 6):
            columns.append((f"{method}-seed{seed} - eval/accuracy", curve(end, 3)))
            last.setdefault(method, []).append(1 - columns[-1][1][-1])
    header = [name + end for name, _ in columns for end in ("", "__MIN", "__MAX")]
    table("chart.csv", ["Step", *header], [[step, *(values[i] for _, values in columns for _ in range(3))] for i, step in enumerate(steps)], quoting=csv.QUOTE_ALL)
    expect("chart", "RMSNorm", "LN", last["rmsnorm"], last["layernorm"])


def lightning():
    last = {}
    for method, end in (("batch_norm", 0.7), ("rms_norm", 0.75)):
        for run in range(6):
            accuracy, rows = curve(end, 5), []
            for epoch in range(5):
                step = 100 * (epoch + 1) - 1
                rows.append([epoch, step - 50, "", round(2 - accuracy[epoch] + rng.normal(0, 0.1), 4), "", ""])
                rows.append([epoch, step, "", "", accuracy[epoch], round(1.9 - accuracy[epoch], 4)])
                rows.append([epoch, step, round(1.8 - accuracy[epoch], 4), "", "", ""])
            table(f"lightning/{method}/version_{run}/metrics.csv", ["epoch", "step", "train_loss_epoch", "train_loss_step", "val_acc", "val_loss"], rows)
            last.setdefault(method, []).append(1 - accuracy[-1])
    expect("lightning", "rms_norm", "batch_norm", last["rms_norm"], last["batch_norm"])


def trainer():
    last = {}
    for method, end in (("pre", 2.0), ("post", 2.1)):
        for seed in (11, 12, 13, 14, 15):
            losses = (end + 2 * numpy.exp(-numpy.arange(1, 4)) + rng.normal(0, 0.02, 3)).round(4)
            history = []
            for i, loss in enumerate(losses):
                history.append({"epoch": i + 1.0, "grad_norm": 1.5, "learning_rate": 5e-05, "loss": round(float(loss) + 0.1, 4), "step": 500 * (i + 1)})
                history.append({"epoch": i + 1.0, "eval_loss": float(loss), "eval_runtime": 3.1, "eval_samples_per_second": 322.0, "step": 500 * (i + 1)})
            document(f"trainer/{method}-seed-{seed}/trainer_state.json",
                     {"best_metric": None, "epoch": 3.0, "global_step": 1500, "is_hyper_param_search": False, "log_history": history, "max_steps": 1500})
            last.setdefault(method, []).append(losses[-1])
    expect("trainer", "pre", "post", last["pre"], last["post"])


def keras():
    last = {}
    for method, end in (("bn", 0.8), ("none", 0.72)):
        for run in range(1, 6):
            val, train = curve(end, 4), curve(end + 0.1, 4)
            document(f"keras/{method}_{run}.json", {"accuracy": train.tolist(), "loss": (2 - train).round(4).tolist(), "val_accuracy": val.tolist(),
                                                    "val_loss": (2 - val).round(4).tolist()})
            last.setdefault(method, []).append(1 - val[-1])
    expect("keras", "BN", "none", last["bn"], last["none"])


def timm():
    last = {}
    for method, end in (("gn", 76.0), ("bn", 78.5)):
        for run in range(5):
            top1 = (100 * curve(end / 100, 4)).round(2)
            table(f"timm/{method}-{run}/summary.csv", ["epoch", "train_loss", "eval_loss", "eval_top1", "eval_top5", "lr"],
                  [[epoch, round(3 - top1[epoch] / 50, 5), round(2.4 - top1[epoch] / 50, 5), top1[epoch], 99.0, 0.1 / (epoch + 1)] for epoch in range(4)])
            last.setdefault(method, []).append(1 - top1[-1] / 100)
    expect("timm", "BN", "GN", last["bn"], last["gn"])


def tensorboard():
    last = {}
    for method, end in (("ours", 0.9), ("theirs", 0.88)):
        for run in range(5):
            values = curve(end, 6, 0.004)
            table(f"tensorboard/{method}_{run}.csv", ["Wall time", "Step", "Value"], [[1714557600.5 + 60 * i, 200 * (i + 1), values[i]] for i in range(6)])
            last.setdefault(method, []).append(1 - values[-1])
    expect("tensorboard", "ours", "theirs", last["ours"], last["theirs"])


def tidy():
    """Runs without seeds: nothing says which belong together."""
    rows, last = [], {}
    for method, end, runs in (("A", 0.61, 7), ("B", 0.64, 5)):
        for run in range(runs):
            values = curve(end, 3, 0.006)
            for i, value in enumerate(values):
                rows.append([method, f"{method}{run}x", i, "test_accuracy", str(value).replace(".", ",")])
                rows.append([method, f"{method}{run}x", i, "test_loss", str(round(1.5 - value, 4)).replace(".", ",")])
            last.setdefault(method, []).append(1 - values[-1])
    table("tidy.csv", ["method", "run_id", "epoch", "metric", "value"], rows, delimiter=";")
    expect("tidy", "B", "A", last["B"], last["A"], paired=False)


shutil.rmtree(FOLDER, ignore_errors=True)
for write in (wandb, lightning, trainer, keras, timm, tensorboard, tidy, chart):
    write()
(FOLDER / "expected.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in expected))
