"""A network that PyTorch made, and what PyTorch says of it in evaluation, for `normlab eval`.

    python tests/golden/eval.py        writes tests/golden/eval.safetensors, which tests/engine/test_eval.c reads

fc1, norm1, relu, head on tests/golden/arrays/bytes (arrays.py), in float64: a state_dict under PyTorch's names, weights and running
statistics drawn at random, and the mean losses of the test part:

    training.running         with the running statistics
    training.precise         with mean and biased variance of the whole training part
    training.given_5, training.sorted_7, ...   with each batch's own: order and batch; a last smaller rest joins the batch before it

The images are standardized in float32, as every backend takes them.
"""

import pathlib

import numpy
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

folder = pathlib.Path(__file__).parent
torch.manual_seed(1)
torch.set_default_dtype(torch.float64)


def load(name):
    return numpy.load(folder / "arrays" / "bytes" / f"{name}.npy")


train, test, labels = load("train_images"), load("test_images"), torch.tensor(load("test_labels").astype("int64"))
mean, deviation = train.mean(axis=(0, 1, 2), dtype="float64"), train.std(axis=(0, 1, 2), dtype="float64")


def seen(images):
    return torch.tensor(((images - mean) / deviation).astype("float32").astype("float64").reshape(len(images), -1))


train, test = seen(train), seen(test)
fc1, norm1, head = nn.Linear(60, 8, bias=False), nn.BatchNorm1d(8), nn.Linear(8, 3)
with torch.no_grad():
    for tensor in (norm1.weight, norm1.bias, norm1.running_mean, head.bias):
        tensor.normal_()
    norm1.running_var.uniform_(0.1, 0.5)


def loss(x, y, mean=None, var=None):
    return F.cross_entropy(head(F.relu(F.batch_norm(fc1(x), mean, var, norm1.weight, norm1.bias, mean is None, eps=1e-5))), y, reduction="sum")


def batches(order, size):
    at = 0
    while at < len(order):
        end = at + size if len(order) - at - size >= size else len(order)
        yield order[at:end]
        at = end


with torch.no_grad():
    hidden = fc1(train)
    results = {"running": loss(test, labels, norm1.running_mean, norm1.running_var),
               "precise": loss(test, labels, hidden.mean(0), hidden.var(0, correction=0))}
    orders = {"given": torch.arange(len(test)), "sorted": torch.argsort(labels, stable=True)}
    for name, order in orders.items():
        for size in 2, 5, 7, 20:
            results[f"{name}_{size}"] = sum(loss(test[batch], labels[batch]) for batch in batches(order, size))

tensors = {f"{name}.{key}": value for name, module in (("fc1", fc1), ("norm1", norm1), ("head", head)) for key, value in module.state_dict().items()}
tensors |= {f"training.{name}": value / len(test) for name, value in results.items()}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "eval.safetensors", metadata={"torch": torch.__version__})
