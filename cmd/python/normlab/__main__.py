"""python -m normlab convert SOURCE TARGET: what other programs write, as files that normlab reads.

A target that ends in .csv: the scalars of TensorBoard's event files as a table for `normlab import`. One that ends in .parquet: a table of results, RESULTS/trials.csv.
Else a data set, as a folder of .npy files.

python -m normlab export MODEL.safetensors --onnx FILE.onnx: a saved network for programs that read ONNX.
"""

from __future__ import annotations

import argparse
import csv
import logging
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


def to_parquet(source: pathlib.Path, target: pathlib.Path) -> tuple[int, int]:
    """Writes a table of results with its types: numbers, words, and nothing where a field is empty. Returns rows and columns."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as missing:
        raise SystemExit("normlab: writing Parquet needs pyarrow: pip install pyarrow") from missing
    from .results import table

    try:
        frame = table(source)
        pyarrow.parquet.write_table(pyarrow.Table.from_pandas(frame, preserve_index=False), target)
    except IsADirectoryError as why:
        raise SystemExit(f"normlab: '{source}' is a folder, and Parquet holds one table: {source}/trials.csv, curves.csv, summary.csv, metrics.csv or timing.csv") from why
    except (OSError, ValueError) as why:
        raise SystemExit(f"normlab: {why}") from why
    return frame.shape


def convert_command(given: argparse.Namespace) -> None:
    if given.target.suffix == ".parquet":
        rows, columns = to_parquet(given.source, given.target)
        print(f"{given.target}: {rows} row{'' if rows == 1 else 's'}, {columns} columns", file=sys.stderr)
        return
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


def export_command(given: argparse.Namespace) -> None:
    try:
        from . import export
    except ImportError as missing:
        raise SystemExit(f"normlab: exporting to ONNX needs PyTorch, safetensors, onnx and onnxscript: pip install torch safetensors onnx onnxscript ({missing})") from missing
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # what else PyTorch could export, were it installed
    try:
        sides = export.onnx(given.model, given.onnx, given.layout, given.stats)
    except (export.Refused, NotImplementedError, OSError, ValueError) as why:
        raise SystemExit(f"normlab: {why}") from why
    said = (f"{name} ({', '.join(map(str, shape))})" for name, shape in sides.items())
    print(f"{given.onnx}: ONNX opset {export.OPSET}, {', '.join(said)}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m normlab", description="What the program leaves to Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("convert", help="event files of TensorBoard as a table, a table of results as Parquet, or a data set as a folder of .npy files")
    command.set_defaults(run=convert_command)
    command.add_argument(
        "source",
        type=pathlib.Path,
        metavar="SOURCE",
        help="for a table: a folder of event files, those of each run in a folder of their own; for Parquet: a table of results, RESULTS/trials.csv; for a data set: the Python version of CIFAR, a .pt "
        "file of images and labels, or a folder with a folder of pictures for each class",
    )
    command.add_argument("target", type=pathlib.Path, metavar="OUT.csv|OUT.parquet|FOLDER")
    command.add_argument("--size", type=int, metavar="N", help="pictures: make all N x N pixels")
    command = commands.add_parser("export", help="a saved network for programs that read ONNX")
    command.set_defaults(run=export_command)
    command.add_argument("model", type=pathlib.Path, metavar="MODEL.safetensors", help="what normlab run --save-final or --save-init wrote")
    command.add_argument("--onnx", type=pathlib.Path, metavar="FILE.onnx", required=True, help="the file to write: the network in evaluation mode, for any number of samples")
    command.add_argument("--layout", choices=("nchw", "nhwc"), default="nchw", help="of images: (N, C, H, W), the default, or (N, H, W, C) as normlab data export writes them")
    command.add_argument("--stats", choices=("running",), help="take the running statistics where norm.eval says others, which a file does not hold")
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
