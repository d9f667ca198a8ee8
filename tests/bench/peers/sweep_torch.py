"""The sweep of fully connected networks on digits in eager PyTorch, in two processes of one thread: trial after trial, the test part evaluated after
each epoch.

    python sweep_torch.py DATA SEEDS BATCH...      DATA: what `normlab data export` wrote
"""

from sweep import DEPTH, EPOCHS, LR, MOMENTUM, WIDTH, run


def work(folder, seeds, cells):
    import numpy
    import torch
    from torch.nn import functional as F

    import mlp_torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)

    def load(part):
        x = torch.from_numpy(numpy.load(folder / f"{part}_x.npy"))
        return x.flatten(1), torch.from_numpy(numpy.load(folder / f"{part}_y.npy"))

    (x, y), (test_x, test_y) = load("train"), load("test")

    def init(kind):
        params, states = {}, []
        for i in range(DEPTH):
            inputs = x.shape[1] if i == 0 else WIDTH
            params[f"fc{i + 1}.weight"] = torch.randn(WIDTH, inputs) * (2 / inputs) ** 0.5
            if kind != "bn":
                params[f"fc{i + 1}.bias"] = torch.zeros(WIDTH)
            if kind != "none":
                params[f"norm{i + 1}.weight"], params[f"norm{i + 1}.bias"] = torch.ones(WIDTH), torch.zeros(WIDTH)
            if kind == "bn":
                states.append((torch.zeros(WIDTH), torch.ones(WIDTH)))
        params["head.weight"] = torch.randn(10, WIDTH) * (2 / WIDTH) ** 0.5
        params["head.bias"] = torch.zeros(10)
        return params, states

    rows = []
    for kind, batch in cells:
        for seed in range(seeds):
            torch.manual_seed(seed)
            params, states = init(kind)
            step = mlp_torch.make_eager_step(kind, DEPTH, MOMENTUM, LR, params, states, "fused")
            steps = len(x) // batch
            for epoch in range(EPOCHS):
                order = torch.randperm(len(x))[:steps * batch].view(steps, batch)
                losses = [step(x[samples], y[samples]) for samples in order]
                with torch.no_grad():
                    logits = mlp_torch.forward(kind, DEPTH, params, states, test_x, train=False)
                    rows.append([kind, batch, seed, epoch + 1, torch.stack(losses).mean().item(), F.cross_entropy(logits, test_y).item(),
                                 (logits.argmax(1) != test_y).float().mean().item()])
    return rows


if __name__ == "__main__":
    run(work)
