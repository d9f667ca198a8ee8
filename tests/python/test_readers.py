"""What normlab writes, as other programs read it: PyYAML, pandas, polars, duckdb, Parquet, R and jq beside Python's own csv and json.

A column of numbers is one of numbers, an empty field is missing, a word is a word ("none", "on"), and all have the same rows.

    pytest tests/python/test_readers.py      what is not installed is skipped; `normlab` on the PATH, or NORMLAB_PROGRAM
"""

import csv
import json
import math
import os
import shutil
import subprocess
import sys

import numpy
import pytest

PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")
SWEEP = """
data: {train: 96, test: 40, val: 16}
model: {depth: 2, width: 8}
train: {epochs: 2, batch: 16}
norm: {groups: 4, eval: [running, batch], eps: 1e-7}
log: {tensors: [act1], every: 6}
sweep:
  grid: {norm.kind: [none, bn, gn], model.bias: [on, off], train.lr: [0.1, 1e6]}
  seeds: 2
"""
TABLES = ("trials", "curves", "summary", "metrics", "timing")
WORDS = {"norm.kind", "model.bias", "status", "split", "eval", "metric", "interval", "tensor", "quantity"}


def run(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("readers")
    (at / "s.yaml").write_text(SWEEP)
    run("sweep", at / "s.yaml", "--no-plot", "-q", "--out", at / "r")
    words = ["norm.kind=bn", "model.bias=on", "train.lr=0.1", "sweep.seeds=1"]
    run("run", at / "s.yaml", *words, "-q", "--out", at / "one", "--save-final", at / "m.safetensors")
    run("eval", at / "m.safetensors", "--stats", "running", "--outputs", at / "outputs.npy", "-q")
    run("data", "export", at / "m.safetensors", "--out", at / "data", "-q")
    return at


def rows(folder, name):
    with open(folder / "r" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def check(table, columns, found, is_missing):
    """found: of each column its values, as the reader has them."""
    assert list(found) == list(columns)
    for column in columns:
        texts, values = [row[column] for row in table], found[column]
        assert len(values) == len(texts), column
        for text, value in zip(texts, values):
            if text == "":
                assert is_missing(value), (column, value)
            elif column in WORDS:
                assert value == text, (column, value)
            else:
                assert not isinstance(value, (str, bool)) and (float(value) == float(text) or math.isnan(float(text))), (column, text, value)


def none_or_nan(value):
    return value is None or value != value


@pytest.mark.parametrize("name", TABLES)
def test_pandas(folder, name):
    pandas = pytest.importorskip("pandas")
    frame, table = pandas.read_csv(folder / "r" / f"{name}.csv"), rows(folder, name)
    check(table, table[0], {column: frame[column].tolist() for column in frame.columns}, none_or_nan)


@pytest.mark.parametrize("name", TABLES)
def test_polars(folder, name):
    polars = pytest.importorskip("polars")
    frame, table = polars.read_csv(folder / "r" / f"{name}.csv"), rows(folder, name)
    check(table, table[0], {column: frame[column].to_list() for column in frame.columns}, lambda value: value is None)


@pytest.mark.parametrize("name", TABLES)
def test_duckdb(folder, name):
    duckdb = pytest.importorskip("duckdb")
    types = ", types={'interval': 'VARCHAR'}" if name == "summary" else ""  # which "t" alone makes a truth value, as results/README.md says
    answer, table = duckdb.sql(f"select * from read_csv('{folder}/r/{name}.csv'{types})"), rows(folder, name)
    columns, values = answer.columns, answer.fetchall()
    check(table, table[0], {column: [row[i] for row in values] for i, column in enumerate(columns)}, lambda value: value is None)


def test_r(folder):
    if not shutil.which("Rscript"):
        pytest.skip("Rscript is not there (Debian package r-base-core)")
    for name in TABLES:
        table = rows(folder, name)
        code = (
            f't <- read.csv("{folder}/r/{name}.csv", check.names = FALSE)\n'
            'for (c in names(t)) cat(c, class(t[[c]]), nrow(t), sum(is.na(t[[c]]) | t[[c]] == ""), if (is.numeric(t[[c]])) format(sum(t[[c]][is.finite(t[[c]])]), digits = 15) else t[[c]][1], sep = "\\t", end = "\\n")'
        )
        said = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        lines = [line.strip("\t").split("\t") for line in said.stdout.splitlines()]
        assert [line[0] for line in lines] == list(table[0])
        for column, kind, count, missing, *value in lines:
            texts = [row[column] for row in table]
            assert int(count) == len(texts) and int(missing) == texts.count(""), (column, missing)
            if column in WORDS:
                assert kind == "character" and value == [texts[0]] if texts[0] else kind in ("character", "logical"), (column, kind, value)
            elif any(texts):
                total = sum(float(text) for text in texts if text and math.isfinite(float(text)))
                assert kind in ("integer", "numeric") and float(value[0]) == pytest.approx(total, rel=1e-12), (column, kind, value, total)


def test_pyyaml(folder):
    yaml = pytest.importorskip("yaml")
    for file in (folder / "r" / "experiment.yaml", folder / "shown.yaml"):
        (folder / "shown.yaml").write_text(run("show", folder / "s.yaml"))
        read = yaml.safe_load(file.read_text())
        assert read["norm"]["eps"] == 1e-7 and read["train"]["adam_eps"] == 1e-8 and read["train"]["epochs"] == 2
        assert read["norm"]["eval"] == ["running", "batch"] and read["norm"]["qk"] is False and read["data"]["standardize"] is True
        grid = read["sweep"]["grid"]
        assert grid == {"norm.kind": ["none", "bn", "gn"], "model.bias": [True, False], "train.lr": [0.1, 1e6]}
        numbers = [(section, key, value) for section in ("data", "model", "norm", "train") for key, value in read[section].items()
                   if isinstance(value, str) and value.replace("e", "").replace("-", "").replace("+", "").replace(".", "").isdigit()]  # fmt: skip
        assert numbers == []
        again = folder / "again.yaml"
        again.write_text(yaml.safe_dump({key: value for key, value in read.items() if key != "made"}))
        assert run("diff", folder / "s.yaml", again).strip() == run("diff", folder / "s.yaml", folder / "s.yaml").strip()


JSON = {
    "table": ["table", "r", "--format", "json"],
    "eval": ["eval", "m.safetensors", "--format", "json", "-q"],
    "power": ["power", "r", "--format", "json"],
    "schema": ["schema"],
}


@pytest.mark.parametrize("name", JSON)
def test_jq_reads_what_python_does(folder, name):
    words = [str(folder / word) if (folder / word).exists() else word for word in JSON[name]]
    text = run(*words)
    read = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert read
    if not shutil.which("jq"):
        pytest.skip("jq is not there")
    said = subprocess.run(["jq", "[.. | numbers], [.. | nulls], [.. | booleans] | length"], input=text, capture_output=True, text=True, check=True).stdout.split()

    def count(value, kinds):
        below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return (type(value) in kinds) + sum(count(part, kinds) for part in below)

    assert [int(number) for number in said] == [count(read, kinds) for kinds in ((int, float), (type(None),), (bool,))]


def test_json_has_the_numbers_of_the_tables(folder):
    read = json.loads(run("eval", folder / "m.safetensors", "--stats", "running", "--format", "json", "-q"))
    with open(folder / "one" / "trials.csv", newline="") as file:
        trial = next(csv.DictReader(file))
    assert read[0]["error"] == float(trial["test_error"]) and read[0]["loss"] == float(trial["test_loss"])


def test_numpy(folder):
    outputs, labels = numpy.load(folder / "outputs.npy"), numpy.load(folder / "data" / "test_y.npy")
    x, index = numpy.load(folder / "data" / "test_x.npy"), numpy.load(folder / "data" / "test_index.npy")
    assert outputs.shape == (40, 10) and outputs.dtype == numpy.float32 and x.shape == (40, 8, 8, 1) and x.dtype == numpy.float32
    assert labels.dtype == index.dtype == numpy.int64 and len(set(index.tolist())) == 40
    with open(folder / "one" / "trials.csv", newline="") as file:
        trial = next(csv.DictReader(file))
    assert (outputs.argmax(1) != labels).mean() == pytest.approx(float(trial["test_error"]), abs=1e-12)


@pytest.mark.parametrize("name", TABLES)
def test_parquet(folder, name):
    parquet = pytest.importorskip("pyarrow.parquet")
    target = folder / f"{name}.parquet"
    done = subprocess.run([sys.executable, "-m", "normlab", "convert", folder / "r" / f"{name}.csv", target], capture_output=True, text=True)
    table = rows(folder, name)
    assert done.returncode == 0 and done.stderr == f"{target}: {len(table)} rows, {len(table[0])} columns\n"
    read = parquet.read_table(target)
    check(table, table[0], {column: read[column].to_pylist() for column in read.column_names}, lambda value: value is None)


def test_what_is_no_table_is_refused(folder):
    pytest.importorskip("pyarrow")
    (folder / "altered").mkdir(exist_ok=True)
    for file in ("trials.csv", "SHA256SUMS"):
        shutil.copy(folder / "r" / file, folder / "altered" / file)
    with open(folder / "altered" / "trials.csv", "a") as file:
        file.write("9\n")
    for source, said in (("r", "is a folder, and Parquet holds one table"), ("absent.csv", "No such file"), ("altered/trials.csv", "does not match SHA256SUMS")):
        done = subprocess.run([sys.executable, "-m", "normlab", "convert", folder / source, folder / "x.parquet"], capture_output=True, text=True)
        assert done.returncode == 1 and said in done.stderr and done.stderr.startswith("normlab: ") and not (folder / "x.parquet").exists()
