"""The accuracy that PyTorch reaches with the nets of accuracy.cases on MNIST and CIFAR-10, seed by seed.

    python tests/golden/accuracy.py FOLDER_OF_MNIST FOLDER_OF_CIFAR10        writes tests/golden/accuracy.txt

The folders hold the four IDX files, plain or .gz, and the binary version's *.bin. Nothing comes from the program: PyTorch
draws its own weights (kaiming_normal_, biases 0), its own order and its own part of the images, in float32.
"""

import gzip
import pathlib
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional as F

from networks import Network
from train import DEFAULTS, learning_rate, make_optimizer

torch.set_default_dtype(torch.float32)

HERE = pathlib.Path(__file__).parent
SEEDS = 5


def read_idx(folder, name, offset):
    path = next(p for p in (folder / name, folder / (name + ".gz")) if p.exists())
    data = path.read_bytes()
    return numpy.frombuffer(gzip.decompress(data) if path.suffix == ".gz" else data, numpy.uint8, offset=offset)


def read_mnist(folder):
    """Pixels (n, H, W, C) and labels, of both parts."""
    return [(read_idx(folder, f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1), read_idx(folder, f"{part}-labels-idx1-ubyte", 8))
            for part in ("train", "t10k")]


def read_cifar10(folder):
    def read(names):
        rows = numpy.concatenate([numpy.fromfile(folder / name, numpy.uint8).reshape(-1, 3073) for name in names])
        return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]

    return [read([f"data_batch_{i}.bin" for i in range(1, 6)]), read(["test_batch.bin"])]


def draw(part, count):
    chosen = torch.randperm(len(part[0]))[:count]
    return torch.from_numpy(part[0][chosen.numpy()]).float(), torch.from_numpy(part[1][chosen.numpy()]).long()


def accuracy(case, parts, seed):
    torch.manual_seed(seed)
    x, y = draw(parts[0], int(case["data.train"]))
    test_x, test_y = draw(parts[1], int(case["data.test"]))
    mean, deviation = x.mean((0, 1, 2)), x.std((0, 1, 2), correction=0)
    x, test_x = (x - mean) / deviation, (test_x - mean) / deviation
    network = Network(case, x.shape[1:], classes=10)
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    optimizer = make_optimizer(case, network)
    batch, epochs = int(case["train.batch"]), int(case["train.epochs"])
    steps_per_epoch = len(x) // batch
    case = case | {"train.steps": str(epochs * steps_per_epoch)}
    for epoch in range(epochs):
        order = torch.randperm(len(x))
        for i in range(steps_per_epoch):
            samples = order[i * batch:(i + 1) * batch]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(case, epoch * steps_per_epoch + i, steps_per_epoch)
            optimizer.zero_grad()
            F.cross_entropy(network(x[samples]), y[samples]).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        return (torch.cat([network(part) for part in test_x.split(500)]).argmax(1) == test_y).float().mean().item()


def main():
    data = {"mnist": read_mnist(pathlib.Path(sys.argv[1])), "cifar10": read_cifar10(pathlib.Path(sys.argv[2]))}
    lines = [f"# Test accuracy of PyTorch {torch.__version__} (tests/golden/accuracy.py) with the nets of accuracy.cases: name, mean and",
             f"# standard deviation over {SEEDS} seeds, then each seed's."]
    for line in (HERE / "accuracy.cases").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, _, *overrides = line.split()
        case = DEFAULTS | {key: value.strip("[]") for key, value in (o.split("=", 1) for o in overrides)}
        reached = torch.tensor([accuracy(case, data[case["data.name"]], seed) for seed in range(1, SEEDS + 1)])
        lines.append(f"{name:12} {reached.mean():.4f} {reached.std():.4f}   " + " ".join(f"{value:.4f}" for value in reached))
        print(lines[-1], flush=True)
    (HERE / "accuracy.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
