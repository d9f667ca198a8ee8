"""Results folders in which much is undefined: writes folder after folder under DIR, each with an experiment.yaml, trials.csv and curves.csv.

    python3 tests/statistics/undefined.py DIR COUNT SEED

A folder is drawn by a seed of its own, whose number is its name: some cells are missing, some have one run, some runs failed, at once or at chance; scores
are all alike, at an end of their scale, huge, infinite or not there.
"""

import pathlib
import random
import sys

KINDS = ["bn", "ln", "gn", "none"]
QUESTIONS = {"small_batch": "train.batch", "lr_tolerance": "train.lr", "compare": None, "speed": None}
METRICS = ["test_error", "test_accuracy", "test_loss", "train_loss", "val_loss", "test_perplexity", "test_bits_per_char", "train_error", "test_error_area",
           "loss_gap", "test_top5_error", "test_ece"]
SCORES = ["train_loss", "train_accuracy", "train_error", "train_perplexity", "val_loss", "val_accuracy", "val_error", "test_loss", "test_accuracy", "test_error",
          "test_perplexity", "test_bits_per_char", "test_error_area", "test_loss_area", "error_gap", "loss_gap",
          "test_top5_error", "test_ece"]


def score(draw, name, mood):
    share = "accuracy" in name or "error" in name or "ece" in name
    if mood == "missing" or (mood == "mixed" and draw.random() < 0.15):
        return ""
    if mood == "equal":
        return "0.25"
    if mood == "end":
        return "0" if share else draw.choice(["0", "inf"])
    if mood == "huge" and not share:
        return draw.choice(["1e300", "1.7e308", "-1.7e308", "inf", "3"])
    return repr(round(draw.random(), 6) if share else draw.gauss(0, 1) if "gap" in name else draw.expovariate(1))


def make(folder, seed):
    draw = random.Random(seed)
    question = draw.choice(list(QUESTIONS))
    axis = QUESTIONS[question] or draw.choice([None, "model.width", "train.lr"])
    points = {"train.batch": ["2", "8", "64"], "train.lr": draw.choice([["0.01", "0.1", "1"], ["3", "30", "300"], ["0", "0.1"]]), "model.width": ["8", "16"],
              None: [None]}[axis]
    kinds = draw.sample(KINDS, draw.randint(1, 4))
    seeds = draw.choice([1, 1, 2, 3, 5, 6, 8])
    baseline = draw.random() < 0.6
    metric = draw.choice(METRICS)
    fails = draw.choice([0.0, 0.0, 0.3, 1.0])
    gone = draw.choice([0.0, 0.0, 0.3, 0.9])
    plot = [f"metric: {metric}", f"interval: {draw.choice(['t', 'bootstrap'])}", f"test: {draw.choice(['t', 'sign_flip'])}"]
    if question == "speed":
        plot.append(f"target: {draw.choice([0, 50, 99])}")
    if draw.random() < 0.3:
        plot.append("min_effect: 0")
    folder.mkdir(parents=True)
    grid = f"norm.kind: [{', '.join(kinds)}]" + (f", {axis}: [{', '.join(points)}]" if axis else "")
    (folder / "experiment.yaml").write_text(
        f"sweep: {{question: {question}, grid: {{{grid}}}, seeds: {seeds}" + (f", baseline: {{norm.kind: {kinds[0]}}}" if baseline else "") + "}\n"
        f"plot: {{{', '.join(plot)}}}\n")
    keys = ["norm.kind"] + ([axis] if axis else []) + ["train.seed"]
    counts = ["steps", "epochs", "samples", "parameters", "classes", "train_samples", "val_samples", "test_samples", "val_overlap", "test_overlap"]
    samples = draw.choice(["", "1", "64", "10000"])
    trials = [",".join(["trial", *keys, "status", "failed_step", *counts, *SCORES])]
    curves = [",".join(["trial", *keys, "step", "epoch", "samples", "split", "eval", "lr", "loss", "accuracy"])]
    number = 0
    for kind in kinds:
        for point in points:
            mood = draw.choice(["plain", "plain", "equal", "end", "huge", "missing", "mixed"])
            for seed in range(1, seeds + 1):
                number += 1
                if draw.random() < gone:
                    continue
                status = draw.choice(["diverged", "dead", "error"]) if draw.random() < fails else "done"
                key = [kind, *([point] if axis else []), str(seed)]
                common = ["100", "2", "640", "700", draw.choice(["10", "10", ""]), "128", draw.choice(["0", "64"]), samples, "", draw.choice(["", "0", "0.2", "1"])]
                ended = status in ("done", "dead")
                scores = [score(draw, name, mood) if ended else "" for name in SCORES]
                trials.append(",".join([str(number), *key, status, "" if ended else "3", *common, *scores]))
                for step in [0, 50, 100] if ended else [0]:
                    for split, kept in (("train", ""), ("test", "running"), ("val", "running")):
                        curves.append(",".join([str(number), *key, str(step), str(step / 50), str(step * 6), split, kept, "0.1", score(draw, "test_loss", mood),
                                                score(draw, "test_accuracy", mood)]))
    (folder / "trials.csv").write_text("\n".join(trials) + "\n")
    (folder / "curves.csv").write_text("\n".join(curves) + "\n")
    (folder / "timing.csv").write_text("trial,seconds,samples_per_second,steps_per_second,arena_bytes,worker,started\n")


if __name__ == "__main__":
    root, count, first = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for number in range(first, first + count):
        make(root / str(number), number)
