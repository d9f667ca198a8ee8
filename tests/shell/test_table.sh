#!/usr/bin/env bash
# `normlab table` before judges we did not write: Python's readers of JSON and CSV take it, and its numbers are those that Python works
# out from trials.csv; every row of the Markdown and the LaTeX has as many cells as its head.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/a.yaml" <<'END'
data: {train: 256, test: 64}
model: {depth: 2, width: 16}
train: {epochs: 2}
sweep: {grid: {norm.kind: [bn, ln, none], train.lr: [0.1, 1e6]}, seeds: 5, baseline: {norm.kind: none}}
END
"$program" sweep "$folder/a.yaml" --out "$folder/o" --no-plot -q >/dev/null
for format in text md latex csv json; do
    for what in summary grid trials; do
        "$program" table "$folder/o" --format $format --what $what >"$folder/$what.$format"
    done
done
# a reader that has enough is no error
"$program" table "$folder/o" --format csv 2>"$folder/err" | head -n 1 >/dev/null
[ ! -s "$folder/err" ]

python3 - "$folder" <<'END'
import csv, json, math, re, statistics, sys
from pathlib import Path

folder = Path(sys.argv[1])
T_95_4 = 2.7764451051977987  # Student's t, 0.975, 4 degrees of freedom


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, strict=True))


M = 64  # samples of the test part
OVERLAP = M / 1797  # of two test parts that are drawn from the digits
WIDE = T_95_4 * math.sqrt(1 / 5 + OVERLAP / (1 - OVERLAP))


def clipped(values, low):
    return [min(1.0, max(low, v)) for v in values]


def mean_interval(values):
    """The mean and its corrected t interval, the spread at least that of counting."""
    assert len(values) == 5
    mean = statistics.fmean(values)
    q = (mean * M + 0.5) / (M + 1)
    half = WIDE * max(statistics.stdev(values), math.sqrt(q * (1 - q) / M))
    return mean, *clipped((mean - half, mean + half), 0.0)


def at_least(k, n, p):
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


def exact(k, n, lower, upper):
    """Clopper and Pearson: at its ends the count and what lies beyond have a chance of 2.5 %."""
    assert (lower == 0.0) if k == 0 else abs(at_least(k, n, lower) - 0.025) < 1e-9, (k, n, lower)
    assert (upper == 1.0) if k == n else abs(1 - at_least(k + 1, n, upper) - 0.025) < 1e-9, (k, n, upper)


def difference_interval(values):
    if not values:
        return None, None, None
    assert len(values) == 5
    mean = statistics.fmean(values)
    q = (abs(mean) * M + 0.5) / (M + 1)
    half = WIDE * max(statistics.stdev(values), math.sqrt(q * (1 - q) / M))
    return mean, *clipped((mean - half, mean + half), -1.0)


def same(found, expected):
    if expected is None:
        assert found in ("", None), found
    else:
        assert abs(float(found) - expected) <= 1e-9, (found, expected)


trials = rows(folder / "o/trials.csv")
cells, finished = {}, {}
for trial in trials:
    assert float(trial["test_overlap"]) == OVERLAP and trial["test_samples"] == str(M) and trial["classes"] == "10"
    value = 0.9 if trial["status"] == "diverged" else float(trial["test_error"])  # a diverged run counts at chance
    cells.setdefault((trial["norm.kind"], trial["train.lr"]), {})[trial["train.seed"]] = value
    finished.setdefault((trial["norm.kind"], trial["train.lr"]), []).extend([value] if trial["status"] == "done" else [])

summary, parsed = rows(folder / "summary.csv"), json.loads((folder / "summary.json").read_text())
assert len(summary) == len(parsed["rows"]) == len(cells) == 6
assert parsed["interval"] == {"kind": "t", "level": 0.95} and parsed["answer"]
diverged = 0
for flat, nested in zip(summary, parsed["rows"]):
    kind, lr = flat["norm.kind"], flat["train.lr"]
    assert nested["norm.kind"] == kind and nested["train.lr"] == float(lr)
    cell, base = cells[kind, lr], cells["none", lr]
    values = list(cell.values())
    mean, lower, upper = mean_interval(values)
    if nested["diverged"]["count"] == 5:
        lower = upper = None  # nothing was measured
    assert int(flat["n"]) == nested["n"] == len(values)
    for name, expected in (("test_error", mean), ("test_error_lower", lower), ("test_error_upper", upper)):
        same(flat[name], expected)
    for name, expected in (("mean", mean), ("lower", lower), ("upper", upper)):
        same(nested["test_error"][name], expected)
    pairs = [cell[s] - base[s] for s in cell] if kind != "none" else []
    for name, expected in zip(("difference", "difference_lower", "difference_upper"), difference_interval(pairs)):
        same(flat[name], expected)
    assert flat["pairs"] == (str(len(pairs)) if pairs else "")
    diverged += nested["diverged"]["count"]
    rest = finished[kind, lr]
    same(flat["finished"], statistics.fmean(rest) if rest else None)
    failed = nested["failed"]
    assert failed["count"] == 5 - len(rest) == int(flat["failed"])
    exact(failed["count"], 5, failed["lower"], failed["upper"])
    same(flat["failed_lower"], failed["lower"])
    same(flat["failed_upper"], failed["upper"])
    assert int(flat["failed_of"]) == 5
assert diverged == sum(t["status"] == "diverged" for t in trials) > 0
assert len(rows(folder / "trials.csv")) == len(json.loads((folder / "trials.json").read_text())["rows"]) == 30
assert [r["train.lr"] for r in rows(folder / "grid.csv")] == ["0.1", "1e+06"] and json.loads((folder / "grid.json").read_text())



def holm(p, tests):
    """Holm's step-down procedure; what is not listed has p = 1."""
    adjusted, largest = {}, 0.0
    for rank, at in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (tests - rank) * p[at]))
        adjusted[at] = largest
    return [adjusted[at] for at in range(len(p))]


# Adjusted p-values follow from the raw ones and the size of their family, which stand beside them.
answer = parsed["answer"]
assert answer["adjustment"] == "bonferroni"
compared = [c for c in answer["claims"] if any(t and t["p_adjusted"] is not None for t in c["tests"].values())]
assert answer["tests"] == len(compared) > 0
for claim in compared:
    for test in claim["tests"].values():
        assert test is None or test["p"] is None or test["p_adjusted"] == min(1.0, answer["tests"] * test["p"]), claim
    assert claim["p"] in [t["p"] for t in claim["tests"].values() if t]
marks = [r["test_error"] for r in parsed["rows"] if r["test_error"].get("p") is not None]
assert parsed["adjustment"] == "holm" and [m["p_adjusted"] for m in marks] == holm([m["p"] for m in marks], parsed["tests"])
for flat, nested in zip(summary, parsed["rows"]):
    same(flat["test_error_p"], nested["test_error"]["p"])
    same(flat["test_error_p_adjusted"], nested["test_error"]["p_adjusted"])

for what in ("summary", "grid", "trials"):
    lines = [l for l in (folder / f"{what}.md").read_text().splitlines() if l.startswith("|")]
    assert len(lines) > 3 and len({len(re.findall(r"(?<!\\)\|", l)) for l in lines}) == 1
    latex = (folder / f"{what}.latex").read_text()
    lines = [l for l in latex.splitlines() if l.endswith(r"\\")]
    assert len(lines) > 2 and len({len(re.findall(r"(?<!\\)&", l)) for l in lines}) == 1
    assert latex.count("$") % 2 == 0 and latex.count("{") == latex.count("}")
print("100%: Checks: 15")
END
