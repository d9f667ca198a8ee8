"""Event files that PyTorch writes for TensorBoard are imported, and what comes out is what went in.

    pytest tests/python/test_convert.py            with `normlab` on the PATH, or NORMLAB_PROGRAM; needs torch and tensorboard
"""

import csv
import os
import subprocess
import sys

import pytest

pytest.importorskip("tensorboard")
tensorboard = pytest.importorskip("torch.utils.tensorboard")
PROGRAM = os.environ.get("NORMLAB_PROGRAM", "normlab")


def test_event_files(tmp_path):
    last = {}
    for method, end in (("bn", 0.8), ("gn", 0.9)):
        for seed in (1, 2, 3):
            with tensorboard.SummaryWriter(tmp_path / "runs" / f"{method}_seed{seed}") as writer:
                for step in range(300):
                    writer.add_scalar("val/acc", end - 0.01 * seed - 0.5 / (step + 1), step)
                    writer.add_scalar("train/loss", 1 / (step + 1), step)
            last[method, seed] = end - 0.01 * seed - 0.5 / 300
    table = tmp_path / "runs.csv"
    subprocess.run([sys.executable, "-m", "normlab", "convert", tmp_path / "runs", table], check=True)
    subprocess.run([PROGRAM, "import", table, "--quiet", "--out", tmp_path / "out"], check=True)
    with open(tmp_path / "out" / "trials.csv") as file:
        rows = list(csv.DictReader(file))
    assert {(row["norm.kind"], int(row["train.seed"])) for row in rows} == set(last)
    for row in rows:
        assert float(row["val_accuracy"]) == pytest.approx(last[row["norm.kind"], int(row["train.seed"])], abs=1e-6)  # TensorBoard keeps float32
        assert row["steps"] == "299"


def test_no_event_files(tmp_path):
    result = subprocess.run([sys.executable, "-m", "normlab", "convert", tmp_path, tmp_path / "out.csv"], capture_output=True, text=True)
    assert result.returncode == 1 and "there are no event files" in result.stderr
    assert not (tmp_path / "out.csv").exists()
