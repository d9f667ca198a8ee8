"""How good and how sure small trained classifiers are, by PyTorch and NumPy in float64 from the logits of `normlab eval --outputs`.

    python tests/golden/calibration.py build/normlab      writes tests/golden/calibration.safetensors, which tests/golden/test_calibration.c reads

Of each case of calibration.cases the program trains the network, says its scores (`eval --format json`) and writes its logits; labels and
lengths are those of `data export`. Stored are, under <case>/, the logits and the labels of the positions that count, and scores: mean
cross-entropy, accuracy, top-5 error (NaN where there are five classes or fewer) and expected calibration error. The last is worked out three
times: as Guo et al. publish it with their paper, as torchmetrics defines it (norm l1), and by NumPy's sorting; they must agree, and so must
what the program says.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import safetensors
import torch
from safetensors.numpy import save_file
from torch.nn import functional as F

from train import read_cases

HERE = pathlib.Path(__file__).parent
BINS = 15
TOLERANCE = 1e-6  # the logits of `eval --outputs` are float32


def error_of_guo(logits, labels):
    """The class _ECELoss of github.com/gpleiss/temperature_scaling."""
    edges = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    confidences, predictions = F.softmax(logits, dim=1).max(1)
    accuracies, ece = predictions.eq(labels), torch.zeros(1, dtype=torch.float64)
    for low, high in zip(edges[:-1], edges[1:]):
        inside = confidences.gt(low) * confidences.le(high)
        share = inside.double().mean()
        if share > 0:
            ece += (confidences[inside].mean() - accuracies[inside].double().mean()).abs() * share
    return ece.item()


def error_of_torchmetrics(logits, labels):
    """MulticlassCalibrationError(n_bins=15, norm="l1"): functional/classification/calibration_error.py, written out."""
    confidences, predictions = logits.softmax(1).max(dim=1)
    accuracies = predictions.eq(labels).double()
    edges = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    index = (torch.bucketize(confidences, edges, right=True) - 1).clamp(max=BINS - 1)
    count, accuracy, confidence = (torch.zeros(BINS, dtype=torch.float64) for _ in range(3))
    count.scatter_add_(0, index, torch.ones_like(confidences))
    confidence = torch.nan_to_num(confidence.scatter_add_(0, index, confidences) / count)
    accuracy = torch.nan_to_num(accuracy.scatter_add_(0, index, accuracies) / count)
    return torch.sum((accuracy - confidence).abs() * (count / count.sum())).item()


def scores_of_numpy(logits, labels):
    rows = numpy.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    probabilities = numpy.exp(shifted) / numpy.exp(shifted).sum(axis=1, keepdims=True)
    order = numpy.argsort(-logits, axis=1, kind="stable")  # of equal logits the first comes first
    right, confidence = order[:, 0] == labels, probabilities.max(axis=1)
    top5 = 1 - numpy.mean((order[:, :5] == labels[:, None]).any(axis=1)) if logits.shape[1] > 5 else numpy.nan
    bins = numpy.searchsorted(numpy.arange(1, BINS) / BINS, confidence)
    ece = sum(abs(right[bins == b].mean() - confidence[bins == b].mean()) * numpy.mean(bins == b) for b in range(BINS) if (bins == b).any())
    return numpy.array([-numpy.log(probabilities[rows, labels]).mean(), right.mean(), top5, ece])


def agree(name, what, a, b, tolerance):
    assert (numpy.isnan(a) and numpy.isnan(b)) or abs(a - b) <= tolerance, f"{name}: {what} is {a!r} and {b!r}"


def judge(name, logits, labels):
    scores = scores_of_numpy(logits, labels)
    x, y = torch.tensor(logits), torch.tensor(labels)
    agree(name, "cross-entropy", scores[0], F.cross_entropy(x, y).item(), 1e-12)
    agree(name, "accuracy", scores[1], (x.argmax(1) == y).double().mean().item(), 1e-12)
    if logits.shape[1] > 5:
        agree(name, "top-5 error", scores[2], 1 - (x.topk(5, dim=1).indices == y[:, None]).any(1).double().mean().item(), 1e-12)
    agree(name, "calibration error", scores[3], error_of_guo(x, y), 1e-12)
    agree(name, "calibration error", scores[3], error_of_torchmetrics(x, y), 1e-12)
    return scores


def take(program, folder, overrides):
    """Logits (count, classes) in float64 and labels of the positions of the test part that count; and what eval says."""

    def call(*words):
        return subprocess.run([program, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    (folder / "case.yaml").write_text("{}\n")
    call("run", "case.yaml", *overrides, "--out", "o", "--save-final", "model.safetensors", "-q")
    said = json.loads(call("eval", "model.safetensors", "--outputs", "logits.npy", "--format", "json", "-q"))
    data = next(word.split("=", 1)[1] for word in overrides if word.startswith("data.name="))
    call("data", "export", data, "--out", "parts", *(word for word in overrides if word.startswith(("data.", "train.seed")) and "name=" not in word), "-q")
    logits, labels = numpy.load(folder / "logits.npy"), numpy.load(folder / "parts" / "test_y.npy")
    assert logits.dtype == numpy.float32 and logits.shape[:-1] == labels.shape, (logits.dtype, logits.shape, labels.shape)
    lengths = folder / "parts" / "test_lengths.npy"
    counts = numpy.ones(labels.shape, bool)
    if lengths.exists() and labels.ndim == 2:
        counts = numpy.arange(labels.shape[1]) < numpy.load(lengths)[:, None]
        assert not counts.all() and numpy.isnan(logits[~counts]).all()
    return logits[counts].astype("float64"), labels[counts].astype("int64"), said


def main():
    program, tensors = pathlib.Path(sys.argv[1]).resolve(), {}
    for name, overrides in read_cases("calibration").items():
        with tempfile.TemporaryDirectory() as folder:
            logits, labels, (said,) = take(program, pathlib.Path(folder), overrides)
        scores = judge(name, logits, labels)
        for what, score in zip(("loss", "accuracy", "top5_error", "ece"), scores):
            agree(name, what, numpy.nan if said[what] is None else said[what], score, TOLERANCE)
        tensors[f"{name}/logits"], tensors[f"{name}/labels"] = logits.astype("float32"), labels
        tensors[f"{name}/scores"] = scores
        print(name, logits.shape, scores)
    save_file(tensors, HERE / "calibration.safetensors",
              {"made_by": "tests/golden/calibration.py", "torch": torch.__version__, "numpy": numpy.__version__, "safetensors": safetensors.__version__})


if __name__ == "__main__":
    main()
