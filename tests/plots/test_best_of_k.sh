#!/usr/bin/env bash
# `plot.kind: best_of_k` of a sweep with sweep.tune shows what its tuning round tried: Python lists every draw of k from the table of that round.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
. "$root/tests/store/rounds.sh"
fail() { echo "$*"; exit 1; }

tuned_sweep 2 >tune.yaml
"$program" sweep tune.yaml sweep.seeds=1 --out tune --no-plot -q >/dev/null 2>&1
"$program" plot tune plot.kind=best_of_k --format svg -q --out drawn >log 2>&1 || { command -v gnuplot >/dev/null && { cat log; fail "the picture is not drawn"; }; }
grep -q "settings that sweep.tune tried (values of train.lr)" drawn/best_of_k.txt
grep -q "There are 4 settings for each method, each trained with 2 seeds" drawn/best_of_k.txt

python3 - tune/tuning/trials.csv drawn/best_of_k.gp <<'PYTHON'
import csv, itertools, math, sys

methods, rates, compared = ("bn", "none"), ("0.003", "0.03", "0.3", "3"), 0
loss = {}
for row in csv.DictReader(open(sys.argv[1])):
    value = float(row["val_loss"] or "inf")
    loss[row["train.batch"], row["norm.kind"], row["train.seed"], row["train.lr"]] = value if math.isfinite(value) else math.inf
seeds = sorted({key[2] for key in loss})
assert len(seeds) == 2 and len(loss) == 32
script = open(sys.argv[2]).read()
for panel, batch in enumerate(("16", "4"), 1):
    for arm, method in enumerate(methods, 1):
        rows = [[float(n) for n in row.split()] for row in script.split(f"$line{panel}_{arm} << EOD\n")[1].split("EOD")[0].splitlines()]
        for k in range(1, 5):
            draws = [[min(chosen) for chosen in itertools.combinations([loss[batch, method, seed, rate] for rate in rates], k)] for seed in seeds]
            draws = [of for of in draws if math.isfinite(sum(of))]
            row = [row for row in rows if row[0] == k]
            assert len(row) == (len(draws) > 0), (batch, method, k)
            if not draws:
                continue
            every = sorted(sum(draws, []))  # the sets are of one size: each draw is as likely as another
            wanted = [sum(map(sum, draws)) / len(every)]
            for order in (every, every[::-1]):
                wanted.append(next(v for v in order if sum(order.index(w) <= order.index(v) for w in order) / len(order) > 0.025 + 1e-12))
            assert row[0][4] == len(draws)
            for got, number in zip(row[0][1:4], wanted):
                assert abs(got - number) <= 1e-9 * abs(number), (batch, method, k, row, wanted)
                compared += 1
assert compared > 30, compared
PYTHON

rm -r tune/tuning
"$program" plot tune plot.kind=best_of_k --format svg -q --out gone >log 2>&1 && fail "a picture without the tuning round"
grep -q "best_of_k is not drawn: 'tune/tuning' holds no results" log || { cat log; fail "it does not say why"; }
