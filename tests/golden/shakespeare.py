"""The test loss that PyTorch reaches with the recipe of configs/gpt_shakespeare.yaml, seed by seed. experiments/nanogpt.py compares ours with it.

    python tests/golden/shakespeare.py TEXT     writes tests/golden/shakespeare.txt; TEXT: tinyshakespeare, plain or .gz

Nothing comes from the program: PyTorch draws its own weights and its own windows, in float32. The network and the recipe are nanoGPT's for characters
(github.com/karpathy/nanoGPT, README: the settings for a CPU), with one difference: the rate of step t of the warm-up is (t + 1) / 100 of the full one, not
(t + 1) / 101. The text's last tenth is the test part. The loss is the mean over all of it, in windows of 64 characters without overlap.
"""

import gzip
import math
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
SEEDS = 5
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


def main():
    train_part, test_part, vocabulary = read(sys.argv[1])
    lines = [f"# Test loss in nats a character, by seed: PyTorch {torch.__version__}, float32; tests/golden/shakespeare.py"]
    for seed in range(1, SEEDS + 1):
        lines.append(f"{seed} {train((train_part, test_part), vocabulary, seed):.6f}")
        print(lines[-1], flush=True)
    (HERE / "shakespeare.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
