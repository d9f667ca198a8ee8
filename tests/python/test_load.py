"""normlab.load: the frames are the tables, whatever stands in them."""

import csv
import os
import subprocess

import normlab
import numpy
import pytest

PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("results") / "x"
    words = ["norm.kind=bn,none", "train.lr=0.1,1e6", "sweep.seeds=2", "train.epochs=3", "data.train=64", "data.test=32", "model.depth=2", "model.width=8"]
    subprocess.run([PROGRAM, "sweep", "mlp_digits", *words, "--out", at, "--no-plot", "-q"], check=True, stdout=subprocess.DEVNULL)
    return at


def test_every_table_is_a_frame(folder):
    results = normlab.load(folder)
    assert results.varied == ["norm.kind", "train.lr"]
    assert len(results.trials) == len(results.timing) == 8
    assert set(results.trials["norm.kind"]) == {"bn", "none"}  # the word, and no missing value
    assert set(results.trials["status"]) >= {"done", "diverged"}
    assert set(results.trials["train.lr"]) == {0.1, 1e6}
    done = results.trials[results.trials["status"] == "done"]
    assert done["test_error"].between(0, 1).all()
    last = results.curves[(results.curves["split"] == "test") & (results.curves["trial"] == done["trial"].iloc[0])].iloc[-1]
    assert last["loss"] == done["test_loss"].iloc[0]
    with open(folder / "curves.csv", newline="") as table:
        assert results.curves["loss"].tolist() == pytest.approx([float(row["loss"] or "nan") for row in csv.DictReader(table)], rel=0, abs=0, nan_ok=True)
    mean = results.summary.set_index(["norm.kind", "train.lr", "metric"]).loc[("bn", 0.1, "test_loss"), "mean"]
    own = done[(done["norm.kind"] == "bn") & (done["train.lr"] == 0.1)]["test_loss"].mean()
    assert mean == pytest.approx(own, rel=1e-12)
    assert results.metrics is None


def test_curves_are_arrays(folder):
    results = normlab.load(folder)
    steps, loss = results.curve("loss", split="test")
    assert loss.dtype == numpy.float64 and loss.shape == (8, len(steps)) and (numpy.diff(steps) > 0).all()
    finished = (results.trials["status"] == "done").to_numpy()
    assert numpy.isfinite(loss[finished]).all() and numpy.isnan(loss[~finished]).any()
    steps, training = results.curve("loss", split="train", eval="")
    assert training.shape == (8, len(steps))
    with pytest.raises(KeyError):
        results.curve("speed")


def test_an_altered_table_is_refused(folder, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", folder, copy], check=True)
    with open(copy / "trials.csv", "a") as table:
        table.write("9,bn,0.1,9,done\n")
    with pytest.raises(ValueError, match="trials.csv' does not match SHA256SUMS"):
        normlab.load(copy)
    (copy / "SHA256SUMS").unlink()
    assert len(normlab.load(copy).trials) == 9
    with pytest.raises(FileNotFoundError):
        normlab.load(tmp_path / "absent")
