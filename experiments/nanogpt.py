"""Whether a small GPT ends at the loss that the same recipe reaches in PyTorch.

    python3 experiments/nanogpt.py                    compares the losses of nanogpt.txt
    python3 experiments/nanogpt.py RESULTS [--keep]   compares those of a results folder, and writes them to nanogpt.txt

nanogpt.sh makes the results folder. PyTorch's losses are those of tests/golden/shakespeare.txt, made by shakespeare.py, from its own weights and windows.

The margin was written down before the first training: means that differ by less than 0.03 nats are equal. The test: two one-sided Welch tests at 5 %, which is to
say that the 90 % interval of the difference lies within the margin. Exit code 0: it does.
"""

import csv
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
OURS, THEIRS = HERE / "nanogpt.txt", HERE.parent / "tests/golden/shakespeare.txt"
MARGIN, SEEDS = 0.03, 5


def read(path):
    """Of lines "SEED LOSS"."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return {int(seed): float(loss) for seed, loss in map(str.split, lines)}


def read_results(folder):
    with open(folder / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != SEEDS or any(row["status"] != "done" for row in rows):
        sys.exit(f"nanogpt.py: '{folder}' does not have {SEEDS} finished trials")
    return {int(row["train.seed"]): float(row["test_loss"]) for row in rows}


def t_quantile(level, freedom):
    """By bisection of the integral of Student's density (Simpson's rule)."""
    factor = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    low, high, pieces = 0.0, 100.0, 2000
    for _ in range(60):
        middle = (low + high) / 2
        step = middle / pieces
        weights = (1 if i in (0, pieces) else 4 if i % 2 else 2 for i in range(pieces + 1))
        area = 0.5 + step / 3 * sum(w * factor * (1 + (i * step) ** 2 / freedom) ** (-(freedom + 1) / 2) for i, w in enumerate(weights))
        low, high = (middle, high) if area < level else (low, middle)
    return low


def compare(ours, theirs):
    sides = list(ours.values()), list(theirs.values())
    means = [sum(losses) / len(losses) for losses in sides]
    errors = [sum((loss - mean) ** 2 for loss in losses) / (len(losses) - 1) / len(losses) for losses, mean in zip(sides, means)]
    freedom = sum(errors) ** 2 / sum(e ** 2 / (len(losses) - 1) for e, losses in zip(errors, sides))
    difference, half = means[0] - means[1], t_quantile(0.95, freedom) * math.sqrt(sum(errors))
    equal = abs(difference) + half < MARGIN
    print(f"normlab {means[0]:.4f}, PyTorch {means[1]:.4f} nats a character; difference {difference:+.4f}, 90 % interval {difference - half:+.4f} to "
          f"{difference + half:+.4f}: {'equal within' if equal else 'not shown to be equal within'} {MARGIN}")
    return equal


def main():
    words = [word for word in sys.argv[1:] if word != "--keep"]
    if len(words) > 1 or (not words and "--keep" in sys.argv):
        sys.exit(__doc__)
    ours = read_results(pathlib.Path(words[0])) if words else read(OURS)
    if "--keep" in sys.argv:
        lines = ["# Test loss in nats a character, by seed: normlab, float32 on a processor; experiments/nanogpt.sh"]
        OURS.write_text("\n".join(lines + [f"{seed} {loss:.6f}" for seed, loss in ours.items()]) + "\n")
    sys.exit(not compare(ours, read(THEIRS)))


if __name__ == "__main__":
    main()
