#!/usr/bin/env bash
# The explorer of a report's page, as far as no browser is needed: the page's policy allows one script, by its hash; the data are JSON whatever the texts of the
# results are; every number is that of summary.csv, trials.csv and curves.csv; and what a page has no room for is said. tests/long/explore.sh clicks in a browser.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$root/tests/plots/report_folders.sh"
make_results
# Labels and logs of others; curves of more evaluations than a picture shows; a key that is coupled with another, and one that a part of the cells has.
cat >"$folder/hostile.yaml" <<'YAML'
base: base.yaml
train: {epochs: 0, steps: 350, log_every: 1, eval_every: 100}
norm: {groups: 2}
sweep:
  grid: {norm.kind: [bn, none], norm.placement: [before, after]}
  zip: {train.batch: [4, 8], train.lr: [0.02, 0.05]}
  seeds: 2
plot: {kind: [figure], labels: "bn=</script><script>alert(1)</script>\"&<!--, none=\\u003c"}
YAML
"$program" sweep --no-reuse "$folder/hostile.yaml" --out "$folder/hostile" --no-plot --no-warnings -q >/dev/null
printf 'method,seed,epoch,test_acc,note\n' >"$folder/logs.csv"
for method in '"</script><script>alert(1)</script>"' ']]> & <b>'; do
    for seed in 1 2 3; do printf '%s,%d,1,0.%d,x\n' "$method" "$seed" "$((seed + 4))"; done
done >>"$folder/logs.csv"
"$program" import "$folder/logs.csv" --out "$folder/imported" -q >/dev/null
reported+=("$folder/hostile" "$folder/imported")
"$program" report "${reported[@]}" --out "$folder/report" -q >/dev/null

python3 - "$folder/report/index.html" "$root/core/report" "${reported[@]}" <<'PYTHON'
import base64, csv, hashlib, html.parser, json, math, re, sys
import xml.etree.ElementTree as xml
from pathlib import Path

path, source, folders = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
page = open(path, newline="").read()
checks = 0


def check(good, what):
    global checks
    checks += 1
    assert good, what


class Reader(html.parser.HTMLParser):
    """The scripts as a browser reads them, and what the policy says."""

    def __init__(self):
        super().__init__()
        self.scripts, self.kind, self.policy = [], None, None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "script":
            check(set(attributes) <= {"type"}, attributes)
            self.kind = attributes.get("type", "")
            self.scripts.append([self.kind, ""])
        if attributes.get("http-equiv") == "Content-Security-Policy":
            check(self.policy is None and not self.scripts, "one policy, before all scripts")
            self.policy = attributes["content"]

    def handle_endtag(self, tag):
        if tag == "script":
            self.kind = None

    def handle_data(self, data):
        if self.kind is not None:
            self.scripts[-1][1] += data


reader = Reader()
reader.feed(page)
reader.close()
script, = [text for kind, text in reader.scripts if not kind]
texts = [text for kind, text in reader.scripts if kind == "application/json"]
check(len(reader.scripts) == len(folders) + 1 == len(texts) + 1, "a script, and the data of each folder")
check(script == (source / "explore.js").read_text(), "the script is the program's")
hash_of = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
check(reader.policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{hash_of}'", reader.policy)
for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "XMLHttpRequest", "import(", "http:", "https:"):
    check(word not in script.replace("http://www.w3.org/2000/svg", ""), word)
check((source / "explore.css").read_text() in page and "url(" not in (source / "explore.css").read_text(), "the style sheet")
check(page.count("<noscript>") == len(folders), "without script a sentence stands there")
xml.fromstring(page.replace("<!DOCTYPE html>", ""))  # and it is well-formed XML


def rows(folder, name):
    with open(f"{folder}/{name}", newline="") as file:
        return list(csv.DictReader(file))


number = lambda text: float(text) if text else None
finite = lambda text: number(text) if text and math.isfinite(float(text)) else None


def seen(data):
    """What of a results folder is not shown, as the notes say it."""
    return " ".join(data["notes"])


def look(folder, data):
    keys, seeds = data["keys"], data["seeds"]
    trials, summary, curves = rows(folder, "trials.csv"), rows(folder, "summary.csv"), rows(folder, "curves.csv")
    at = {tuple(keys[k]["values"][level] if level >= 0 else "" for k, level in enumerate(levels)): cell for cell, levels in enumerate(data["cells"])}
    check(len(at) == len(data["cells"]), "each cell once")
    cell_of = lambda row: at[tuple(row[key["key"]] for key in keys)]
    # means: every row of summary.csv, and nothing else
    metrics = {metric["column"]: metric for metric in data["metrics"]}
    check(len(summary) == len(metrics) * len(at), "every metric of every cell")
    for row in summary:
        metric, cell = metrics[row["metric"]], cell_of(row)
        for name in ("mean", "lower", "upper"):
            check(metric[name][cell] == finite(row[name]), (folder, row))
        check(metric["n"][cell] == int(row["n"]) and data["failed"][cell] == int(row["failed"]) and data["trials"][cell] == int(row["runs"]), row)
        finished = metric["finished"].get(str(cell))
        check((finished is not None) == (int(row["failed"]) > 0), row)
        if finished:
            check(finished == [int(row["finished"])] + [finite(row[f"finished_{name}"]) for name in ("mean", "lower", "upper")], row)
    # runs: every row of trials.csv
    there = 0
    for row in trials:
        run = cell_of(row) * len(seeds) + seeds.index(row["train.seed"])
        ended = {"dead": "at chance"}.get(row["status"], row["status"])
        check(data["trial"][run] == int(row["trial"]) and data["outcomes"][data["ended"][run]] == ended, row)
        check(data["failed_at"].get(str(run)) == finite(row.get("failed_step", "")), row)
        for column, metric in metrics.items():
            check(metric["values"][run] == finite(row[column]), (column, row))
        there += 1
    check(there == sum(ended >= 0 for ended in data["ended"]) == sum(data["trials"]), "no other runs")
    # curves: every evaluation, thinned or not
    runs = {row["trial"]: row for row in trials}
    wanted = {}
    for row in curves:
        wanted.setdefault((row["trial"], row["split"], row["eval"]), []).append(row)
    for cell, lines in data["lines_of"].items():
        for seed, curve, steps, low, *high in lines:
            column = data["curves"][curve]["column"]
            part, kind = column.split("_", 1)
            trial = str(data["trial"][int(cell) * len(seeds) + seed])
            own = [rows_ for (of, split, _), rows_ in wanted.items() if of == trial and split == part]
            points = {}
            for row in own[0]:
                value = number(row["accuracy" if kind in ("error", "accuracy") else "loss"])
                points.setdefault(int(row["step"]), 1 - value if kind == "error" else value)
            points = [(step, value) for step, value in sorted(points.items())]
            ends = data["steps"][steps]
            group = -(-len(points) // len(ends)) if high else 1
            check(len(high) == (group > 1) and len(ends) == -(-len(points) // group) == len(low), (folder, cell, column))
            check(group == 1 or len(points) > 160, "thinned without need")
            for i, end in enumerate(ends):
                of = points[i * group:(i + 1) * group]
                check(of[-1][0] == end, (folder, column, end))
                values = [value for _, value in of if math.isfinite(value)]
                for found, value in zip([low[i]] + [h[i] for h in high], [min(values), max(values)] if values else [None, None]):
                    check(found == value or abs(found - value) <= 5.1e-4 * abs(value), (folder, cell, column, end, found, value))
    curved = {(cell, line[0]) for cell, lines in data["lines_of"].items() for line in lines}
    check(len(curved) == sum(row["status"] != "error" for row in trials), "every run has its curves")
    # what is missing is known
    check(sum(data["planned"]) - len(trials) == (6 if folder.endswith("part") else 0), data["planned"])


for folder, text in zip(folders, texts):
    check(not re.search("[<>&\u2028\u2029]", text), "nothing of the data could be markup, or end a line of a script")
    data = json.loads(text, parse_constant=lambda word: sys.exit(f"{word} is no JSON"))
    look(folder, data)

by_name = {Path(folder).name: json.loads(text) for folder, text in zip(folders, texts)}
hostile, imported, rates = by_name["hostile"], by_name["imported"], by_name["rates"]
labels = next(key["labels"] for key in hostile["keys"] if key["kind"])
check(labels == ['</script><script>alert(1)</script>"&<!--', "\\u003c"], labels)
check(any("</script><script>alert(1)</script>" in key["values"] for key in imported["keys"]), imported["keys"])
# what is shown first
for data, x, lines in ((rates, "train.lr", "norm.kind"), (hostile, "train.batch", "norm.kind")):
    check(data["keys"][data["x"]]["key"] == x and data["keys"][data["lines"]]["key"] == lines, (data["x"], data["lines"]))
check(rates["metrics"][0]["column"] == "test_error" and [c["column"] for c in rates["curves"]] == ["test_error", "test_loss", "train_loss", "train_error"], rates["curves"])
# a run that diverged has its curve and the step at which it ended
diverged = [run for run, ended in enumerate(rates["ended"]) if rates["outcomes"][ended] == "diverged"]
check(diverged and all(str(run) in rates["failed_at"] for run in diverged), diverged)
# curves of 350 evaluations are thinned, which is said, and those of few are not
lengths = {len(line) for lines in hostile["lines_of"].values() for line in lines}
check(lengths == {4, 5} and "more than 160 evaluations" in seen(hostile), (lengths, hostile["notes"]))
check(not seen(rates) and {len(line) for lines in rates["lines_of"].values() for line in lines} == {4}, rates["notes"])
print(f"100%: Checks: {checks}")
PYTHON
