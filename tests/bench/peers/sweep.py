"""What the sweeps of fully connected networks on digits share: the setting, and two processes of one core each, to which the cells of the grid
are dealt out in turn (small batches make most of the steps: so both end together)."""

import csv
import multiprocessing
import os
import pathlib
import sys

EPOCHS, DEPTH, WIDTH, LR, MOMENTUM = 10, 2, 64, 0.01, 0.9
NORMS = ["none", "bn", "ln", "gn"]


def process(core, name, work, arguments):
    os.sched_setaffinity(0, {core})
    with open(f"{name}.{core}.csv", "w", newline="") as file:
        csv.writer(file).writerows(work(*arguments))


def run(work):
    """work(folder, seeds, cells) trains the cells (normalizer, batch) and returns rows: normalizer, batch, seed, epoch, training loss, test
    loss, test error. Ends the program."""
    folder, seeds, batches = pathlib.Path(sys.argv[1]), int(sys.argv[2]), [int(b) for b in sys.argv[3:]]
    cells = [(kind, batch) for batch in batches for kind in NORMS]
    spread(work, [(folder, seeds, cells[i::2]) for i in range(2)])


def spread(work, parts):
    """work(*part), which returns rows, for each part in a process of its own on a core of its own. Ends the program."""
    cores = sorted(os.sched_getaffinity(0))[:len(parts)]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=process, args=(core, pathlib.Path(sys.argv[0]).stem, work, part)) for core, part in zip(cores, parts, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(any(worker.exitcode for worker in workers))
