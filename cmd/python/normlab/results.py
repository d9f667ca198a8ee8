"""The tables of a results folder. Every column is explained in `man normlab-results`."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import pathlib
from typing import Any

import numpy
import pandas


# Numbers as they were written, to the last bit: what pandas 3 does by itself.
EXACT: dict[str, Any] = {} if int(pandas.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}


@dataclasses.dataclass(frozen=True)
class Results:
    """A results folder. A row of each frame is what the manual says it is; an empty field is NaN."""

    folder: pathlib.Path
    trials: pandas.DataFrame
    curves: pandas.DataFrame
    summary: pandas.DataFrame
    timing: pandas.DataFrame
    metrics: pandas.DataFrame | None
    """What log.tensors observed; None: nothing was asked for."""

    @property
    def varied(self) -> list[str]:
        """The keys that the sweep varies: columns of all frames but timing."""
        columns = list(self.trials.columns)
        return columns[1 : columns.index("train.seed")]

    def curve(self, column: str = "loss", split: str = "test", eval: str = "running") -> tuple[numpy.ndarray, numpy.ndarray]:
        """(steps (S), values (trials, S)) of one kind of row in curves, in the order of trials. NaN: a trial has no row at that step.

        split: train, val, test; eval: running, batch, precise, adapt, ema, swa, or "" for the mean over training batches. KeyError: there is no such column.
        """
        wanted = self.curves[(self.curves["split"] == split) & (self.curves["eval"].fillna("") == eval)]
        table = wanted.pivot(index="trial", columns="step", values=column).reindex(self.trials["trial"])
        return table.columns.to_numpy(), table.to_numpy(dtype="float64")


def table(path: str | os.PathLike[str]) -> pandas.DataFrame:
    """A table of a results folder as a frame. FileNotFoundError: it is not there. ValueError: it is not the one that was written, by SHA256SUMS."""
    path = pathlib.Path(path)
    content, sums = path.read_bytes(), path.parent / "SHA256SUMS"
    written: dict[str, str] = {}
    for line in sums.read_text().splitlines() if sums.exists() else ():  # who edits a table removes it
        digest, name = line.split(maxsplit=1)
        written[name.lstrip("*")] = digest
    if path.name in written and hashlib.sha256(content).hexdigest() != written[path.name]:
        raise ValueError(f"'{path}' does not match SHA256SUMS; start the sweep again to rewrite it, or remove SHA256SUMS if you edited it")
    return pandas.read_csv(io.BytesIO(content), keep_default_na=False, na_values=["", "nan"], **EXACT)


def load(folder: str | os.PathLike[str]) -> Results:
    """Reads the tables of a results folder, as `normlab sweep` and `normlab run` leave it.

    FileNotFoundError: there are none. ValueError: a table is not the one that was written, by SHA256SUMS.
    """
    folder = pathlib.Path(folder)
    return Results(
        folder=folder,
        trials=table(folder / "trials.csv"),
        curves=table(folder / "curves.csv"),
        summary=table(folder / "summary.csv"),
        timing=table(folder / "timing.csv"),
        metrics=table(folder / "metrics.csv") if (folder / "metrics.csv").exists() else None,
    )
