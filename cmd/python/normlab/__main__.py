"""python -m normlab convert SOURCE TARGET: what other programs write, as files that normlab reads.

A target that ends in .csv: the scalars of TensorBoard's event files as a table for `normlab import`. Else a data set, as a folder of .npy files.
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import sys


def convert(source: pathlib.Path, target: pathlib.Path) -> int:
    """Writes a row for each scalar of each run below `source`: the run (its folder), step, metric and value. Returns the number of runs."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as missing:
        raise SystemExit("normlab: reading event files needs TensorBoard: pip install tensorboard") from missing
    folders = sorted({path.parent for path in source.rglob("*tfevents*")})
    if not folders:
        raise SystemExit(f"normlab: there are no event files of TensorBoard below '{source}'")
    with open(target, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "step", "metric", "value"])
        for folder in folders:
            events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()  # 0: all of them
            run = "/".join(folder.relative_to(source).parts) or source.resolve().name
            for metric in events.Tags()["scalars"]:
                writer.writerows([run, event.step, metric, event.value] for event in events.Scalars(metric))
    return len(folders)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m normlab", description="What the program leaves to Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("convert", help="event files of TensorBoard as a table, or a data set as a folder of .npy files")
    command.add_argument(
        "source",
        type=pathlib.Path,
        metavar="SOURCE",
        help="for a table: a folder of event files, those of each run in a folder of their own; for a data set: the Python version of CIFAR, a .pt "
        "file of images and labels, or a folder with a folder of pictures for each class",
    )
    command.add_argument("target", type=pathlib.Path, metavar="OUT.csv|FOLDER")
    command.add_argument("--size", type=int, metavar="N", help="pictures: make all N x N pixels")
    given = parser.parse_args()
    if given.target.suffix != ".csv":
        from . import arrays

        try:
            made = arrays.convert(given.source, given.target, given.size)
        except arrays.Refused as why:
            raise SystemExit(f"normlab: {why}") from why
        for name, array in made.items():
            print(f"{name}: {'x'.join(map(str, array.shape))}, {array.dtype}", file=sys.stderr)
        print(f"normlab run FILE data.name=npy data.dir={given.target}", file=sys.stderr)
        return
    runs = convert(given.source, given.target)
    print(f"{runs} run{'' if runs == 1 else 's'} in {given.target}; normlab import {given.target}", file=sys.stderr)


if __name__ == "__main__":
    main()
