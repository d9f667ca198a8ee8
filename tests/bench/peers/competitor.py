"""What every peer of bench.py shares: how it is asked, and what it starts from.

A competitor first prints one line of JSON, {"losses": [...]}, of its first steps; then, for each line with a number of seconds on standard input, the
microseconds that a step took over about so long. It waits asleep in between, so that several can be timed in turn.

The folder it is given was written by normlab: case.json, init.safetensors (initial weights), order.npy (the samples of each step) and data/.
"""

import itertools
import json
import pathlib
import sys
import time

import numpy
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import load_file

CHECKED = 20  # steps whose losses are compared


def take(option, otherwise):
    """The value of an option anywhere in the command line, which it leaves."""
    if option not in sys.argv:
        return otherwise
    at = sys.argv.index(option)
    value = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    return value


DEVICE = take("--device", "cpu")  # or cuda


class Case:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.__dict__.update(json.loads((folder / "case.json").read_text()))
        self.init = {name: value.astype(numpy.float32) for name, value in load_file(folder / "init.safetensors").items()}
        self.x = numpy.load(folder / "data/train_x.npy")
        self.y = numpy.load(folder / "data/train_y.npy")
        self.order = numpy.load(folder / "order.npy")  # (steps, batch): rows of x
        if self.data == "text":
            # A sample may begin at any token: all windows.
            tokens = numpy.append(self.x, self.y[-1, -1])
            windows = sliding_window_view(tokens, self.x.shape[1] + 1).copy()
            self.x, self.y = windows[:, :-1].copy(), windows[:, 1:].copy()
        else:
            index = numpy.load(folder / "data/train_index.npy")
            place = numpy.full(index.max() + 1, -1, numpy.int32)
            place[index] = numpy.arange(len(index))
            self.order = place[self.order]


def own_orders(order, replicas):
    """(replicas, steps, batch): each replica an order of its own, the first with ours; fewer steps the more replicas, but for a GPU, which would wait
    for what is between two calls."""
    least = CHECKED if DEVICE == "cpu" else 200
    return numpy.stack([numpy.roll(order, r, 0)[:max(least, len(order) // replicas)] for r in range(replicas)])


def compete(losses, *runs):
    """losses: of the first CHECKED steps. run(): trains on, and returns the number of steps made and the last loss. Several runs are timed in turn, one for
    each line."""
    print(json.dumps({"losses": [float(loss) for loss in losses]}), flush=True)
    for run in runs:
        run()
    for run, line in zip(itertools.cycle(runs), sys.stdin):
        seconds, steps, start = float(line), 0, time.perf_counter()
        while (took := time.perf_counter() - start) < seconds or steps == 0:
            done, loss = run()
            steps += done
        if not numpy.isfinite(loss):
            sys.exit("the training diverged")
        print(1e6 * took / steps, flush=True)
