"""The test loss that PyTorch reaches with the recipe of configs/gpt_shakespeare.yaml, seed by seed, and whether normlab reaches the same.

    python tests/golden/shakespeare.py TEXT              writes tests/golden/shakespeare.txt; TEXT: tinyshakespeare, plain or .gz
    python tests/golden/shakespeare.py TEXT RESULTS      compares the results of `normlab sweep configs/gpt_shakespeare.yaml sweep.seeds=5` with it

Nothing comes from the program: PyTorch draws its own weights and its own windows, in float32. The network and the recipe are nanoGPT's for characters
(github.com/karpathy/nanoGPT, README: the settings for a CPU), with one difference: the rate of step t of the warm-up is (t + 1) / 100 of the full one, not
(t + 1) / 101. The text's last tenth is the test part. The loss is the mean over all of it, in windows of 64 characters without overlap.

The margin was written down before the first training: means that differ by less than 0.03 nats are equal. The test: two one-sided Welch tests at 5 %, which is to
say that the 90 % interval of the difference lies within the margin.
"""

import csv
import gzip
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
MARGIN, SEEDS = 0.03, 5
LAYERS, HEADS, WIDTH, CONTEXT = 4, 4, 128, 64
BATCH, STEPS, WARMUP = 12, 2000, 100
RATE, FLOOR, BETAS, DECAY, CLIP = 1e-3, 1e-4, (0.9, 0.99), 0.1, 1.0


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.c_attn, self.attn_proj = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.c_fc, self.mlp_proj = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.c_attn(self.ln_1(x)).chunk(3, -1))
        x = x + self.attn_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.ln_f = nn.LayerNorm(WIDTH, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, 0.0, 0.02 / math.sqrt(2 * LAYERS) if "proj" in name else 0.02)

    def forward(self, ids):
        return self.ln_f(self.h(self.wte(ids) + self.wpe.weight)) @ self.wte.weight.T


def read(path):
    """Ids of the training and of the test part, and how many characters there are."""
    data = pathlib.Path(path).read_bytes()
    text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    characters = sorted(set(text))
    ids = torch.tensor([characters.index(c) for c in text])
    return ids[:len(ids) * 9 // 10], ids[len(ids) * 9 // 10:], len(characters)


def rate(step):
    done = (step - WARMUP) / (STEPS - WARMUP)
    return RATE * (step + 1) / WARMUP if step < WARMUP else FLOOR + (RATE - FLOOR) * (1 + math.cos(math.pi * done)) / 2


def test_loss(network, ids):
    windows = (len(ids) - 1) // CONTEXT
    x, y = (part[:windows * CONTEXT].view(windows, CONTEXT) for part in (ids[:-1], ids[1:]))
    with torch.no_grad():
        sums = [F.cross_entropy(network(x[at:at + 256]).flatten(0, 1), y[at:at + 256].flatten(), reduction="sum").item() for at in range(0, windows, 256)]
    return sum(sums) / (windows * CONTEXT)


def train(parts, vocabulary, seed):
    torch.manual_seed(seed)
    network = Gpt(vocabulary)
    matrices = [p for p in network.parameters() if p.dim() >= 2]
    others = [p for p in network.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}], RATE, BETAS)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        starts = torch.randint(len(parts[0]) - CONTEXT, (BATCH, 1)) + torch.arange(CONTEXT)
        loss = F.cross_entropy(network(parts[0][starts]).flatten(0, 1), parts[0][starts + 1].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return test_loss(network, parts[1])


def t_quantile(level, freedom):
    """By bisection of the integral of Student's density."""
    density = lambda x: math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi) * (1 + x * x / freedom) ** (-(freedom + 1) / 2)
    low, high = 0.0, 100.0
    for _ in range(60):
        middle, pieces = (low + high) / 2, 2000
        step = middle / pieces
        area = 0.5 + step / 3 * sum(density(i * step) * (1 if i in (0, pieces) else 4 if i % 2 else 2) for i in range(pieces + 1))
        low, high = (middle, high) if area < level else (low, middle)
    return low


def compare(ours, theirs):
    means = [sum(losses) / len(losses) for losses in (ours, theirs)]
    errors = [sum((loss - mean) ** 2 for loss in losses) / (len(losses) - 1) / len(losses) for losses, mean in zip((ours, theirs), means)]
    freedom = sum(errors) ** 2 / sum(e ** 2 / (len(losses) - 1) for e, losses in zip(errors, (ours, theirs)))
    difference, half = means[0] - means[1], t_quantile(0.95, freedom) * math.sqrt(sum(errors))
    equal = abs(difference) + half < MARGIN
    print(f"normlab {means[0]:.4f}, PyTorch {means[1]:.4f} nats; difference {difference:+.4f}, 90 % interval {difference - half:+.4f} to {difference + half:+.4f}: "
          f"{'equal within' if equal else 'not shown to be equal within'} {MARGIN}")
    return equal


def main():
    if len(sys.argv) > 2:
        with open(pathlib.Path(sys.argv[2]) / "trials.csv", newline="") as file:
            ours = [float(row["test_loss"]) for row in csv.DictReader(file)]
        theirs = [float(line.split()[1]) for line in (HERE / "shakespeare.txt").read_text().splitlines() if not line.startswith("#")]
        sys.exit(not compare(ours, theirs))
    train_part, test_part, vocabulary = read(sys.argv[1])
    lines = [f"# Test loss in nats a character, by seed: PyTorch {torch.__version__}, float32; tests/golden/shakespeare.py"]
    for seed in range(1, SEEDS + 1):
        lines.append(f"{seed} {train((train_part, test_part), vocabulary, seed):.6f}")
        print(lines[-1], flush=True)
    (HERE / "shakespeare.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
