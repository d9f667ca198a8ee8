#!/usr/bin/env bash
# `normlab table` before judges we did not write: Python's readers of JSON and CSV take it, and its numbers are those that Python works
# out from trials.csv; every row of the Markdown and the LaTeX has as many cells as its head.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/.." && pwd)}
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


def interval(values):
    if len(values) < 2:
        return values[0] if values else None, None, None
    assert len(values) == 5
    mean, half = statistics.fmean(values), T_95_4 * statistics.stdev(values) / math.sqrt(5)
    return mean, mean - half, mean + half


def same(found, expected):
    if expected is None:
        assert found in ("", None), found
    else:
        assert abs(float(found) - expected) <= 1e-9, (found, expected)


trials = rows(folder / "o/trials.csv")
cells = {}
for trial in trials:
    value = trial["test_error"] if trial["status"] in ("done", "dead") else ""
    cells.setdefault((trial["norm.kind"], trial["train.lr"]), {})[trial["train.seed"]] = float(value) if value else None

summary, parsed = rows(folder / "summary.csv"), json.loads((folder / "summary.json").read_text())
assert len(summary) == len(parsed["rows"]) == len(cells) == 6
assert parsed["interval"] == {"kind": "t", "level": 0.95} and parsed["answer"]
diverged = 0
for flat, nested in zip(summary, parsed["rows"]):
    kind, lr = flat["norm.kind"], flat["train.lr"]
    assert nested["norm.kind"] == kind and nested["train.lr"] == float(lr)
    cell, base = cells[kind, lr], cells["none", lr]
    values = [v for v in cell.values() if v is not None]
    mean, lower, upper = interval(values)
    assert int(flat["n"]) == nested["n"] == len(values)
    for name, expected in (("test_error", mean), ("test_error_lower", lower), ("test_error_upper", upper)):
        same(flat[name], expected)
    if values:
        for name, expected in (("mean", mean), ("lower", lower), ("upper", upper)):
            same(nested["test_error"][name], expected)
    else:
        assert nested["test_error"] is None
    pairs = [cell[s] - base[s] for s in cell if cell[s] is not None and base[s] is not None] if kind != "none" else []
    for name, expected in zip(("difference", "difference_lower", "difference_upper"), interval(pairs)):
        same(flat[name], expected)
    diverged += nested["diverged"]["count"]
    assert int(flat["failed_of"]) == 5
assert diverged == sum(t["status"] == "diverged" for t in trials) > 0
assert len(rows(folder / "trials.csv")) == len(json.loads((folder / "trials.json").read_text())["rows"]) == 30
assert [r["train.lr"] for r in rows(folder / "grid.csv")] == ["0.1", "1e+06"] and json.loads((folder / "grid.json").read_text())

for what in ("summary", "grid", "trials"):
    lines = [l for l in (folder / f"{what}.md").read_text().splitlines() if l.startswith("|")]
    assert len(lines) > 3 and len({len(re.findall(r"(?<!\\)\|", l)) for l in lines}) == 1
    latex = (folder / f"{what}.latex").read_text()
    lines = [l for l in latex.splitlines() if l.endswith(r"\\")]
    assert len(lines) > 2 and len({len(re.findall(r"(?<!\\)&", l)) for l in lines}) == 1
    assert latex.count("$") % 2 == 0 and latex.count("{") == latex.count("}")
print("100%: Checks: 15")
END
