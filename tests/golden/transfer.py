"""Fine-tuning and averages of weights: 200 training steps of every case in transfer.cases, repeated by PyTorch in float64.

    python tests/golden/transfer.py build/normlab [CASE ...]        writes tests/golden/transfer.safetensors

As train.py. What a fine-tuning begins with is load_state_dict(strict=False) of the tensors of the file whose name and shape fit; what is not trained has
requires_grad False and no place in the optimizer; the averages are torch.optim.swa_utils.AveragedModel with use_buffers, and update_bn where the statistics
are recomputed. Stored beside what train.py stores: <case>/test_ema and <case>/test_swa (loss, accuracy).
"""

import copy
import fnmatch
import subprocess

import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_avg_fn, update_bn

import networks

make_norm = networks.make_norm  # running.py puts its own in its place

import running  # noqa: E402
import train  # noqa: E402
import train_sample  # noqa: E402

train.DEFAULTS |= {"model.load": "", "model.load_statistics": "keep", "model.load_norm": "keep", "model.load_head": "keep", "train.only": "[]",
                   "train.ema": "0", "train.swa_start": "1", "train.swa_every": "auto", "train.average_statistics": "averaged"}
FIRST_STEPS = 60
loaded = {}  # of the case that is judged: the tensors of the file
averages = {}  # of the training that is repeated: AveragedModel, by the name of the score


def choose_norm(case, shape):
    follows = case["norm.kind"] == "bn" and case["norm.freeze"] != "1"
    if case["norm.kind"] == "frn":
        return train_sample.Norm(case, shape)
    return running.Followed(case, shape[0]) if follows else make_norm(case, shape)


def run(program, folder, overrides):
    """The case, with the training before it whose weights it loads."""
    words = dict(o.split("=", 1) for o in overrides)
    loaded.clear()
    if "model.load" not in words:
        return plain_run(program, folder, overrides)
    ours = [f"{key}={value}" for key, value in words.items()
            if not key.startswith(("model.load", "train.only", "train.ema", "train.swa")) and key != "norm.freeze"]
    if words.get("model.load_norm") == "replace":
        ours.append("norm.kind=bn")
    ours = [o for o in ours if not (o.startswith("norm.affine") and "norm.kind=bn" in ours)]
    config, file = folder / "first.yaml", folder / "loaded.safetensors"
    config.write_text("device: {kind: ref}\n")
    subprocess.run([program, "run", config, *ours, f"train.steps={FIRST_STEPS}", "--quiet", "--out", folder / "first", "--save-final", file], check=True,
                   stdout=subprocess.DEVNULL)
    loaded.update(load_file(file))
    return plain_run(program, folder, [*overrides, f"model.load={file}"])


def check_start(name, case, start, weights_of):
    """Whether the program begins with what load_state_dict makes of the file, and for all else with what it begins with without one."""
    if not loaded:
        return
    fresh = weights_of("model.load=", "norm.freeze=1")
    network = networks.build(name, case | {"norm.freeze": "1"}, (8, 8, 1))
    network.load_state_dict(fresh)
    taken = {tensor: value for tensor, value in loaded.items() if tensor in fresh and value.shape == fresh[tensor].shape}
    if case["model.load_head"] == "replace":
        taken = {tensor: value for tensor, value in taken.items() if not tensor.startswith("head.")}
    network.load_state_dict(taken, strict=False)
    if case["model.load_statistics"] == "reset":
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.reset_running_stats()
    state = network.state_dict()
    assert state.keys() == start.keys(), f"{name}: {state.keys() ^ start.keys()}"
    assert all(torch.equal(value, start[tensor]) for tensor, value in state.items()), f"{name}: it begins with other weights"


def is_trained(name, patterns):
    """A pattern is that of the name, or of a module that it is in."""
    parts = name.split(".")
    return not patterns or any(fnmatch.fnmatchcase(".".join(parts[:i + 1]), pattern) for i in range(len(parts)) for pattern in patterns)


def make_optimizer(case, network):
    patterns = [pattern for pattern in case["train.only"].strip("[]").split(",") if pattern]
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(is_trained(name, patterns))
    optimizer = plain_optimizer(case, network)
    for group in optimizer.param_groups:
        group["params"] = [p for p in group["params"] if p.requires_grad]
    averages.clear()
    if float(case["train.ema"]):
        averages["ema"] = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(float(case["train.ema"])), use_buffers=True)
    if float(case["train.swa_start"]) < 1:
        averages["swa"] = AveragedModel(network, avg_fn=get_swa_avg_fn(), use_buffers=True)
    step, steps = optimizer.step, [0]

    def step_and_average():
        step()
        steps[0] += 1
        every = running.TRAINING_SAMPLES // int(case["train.batch"]) if case["train.swa_every"] == "auto" else int(case["train.swa_every"])
        if "ema" in averages:
            averages["ema"].update_parameters(network)
        if "swa" in averages and steps[0] % every == 0 and steps[0] >= float(case["train.swa_start"]) * int(case["train.steps"]):
            averages["swa"].update_parameters(network)

    optimizer.step = step_and_average
    return optimizer


def take_statistics(network, x):
    """update_bn over one batch, which is the whole training part; its variance is then that of a population."""
    update_bn([x], network)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_var *= (len(x) - 1) / len(x)


def train_and_average(name, case, start, order, parts, *how):
    out, state = plain_train(name, case, start, order, parts, *how)
    for score, model in averages.items():
        network = copy.deepcopy(model.module)
        if case["train.average_statistics"] == "precise":
            take_statistics(network, parts["train"]["x"])
        out |= {f"test_{score}": train.evaluate(network, parts["test"]["x"], parts["test"]["y"])}
    return out, state


networks.make_norm = choose_norm
plain_run, train.run = running.run, run
plain_train, train.train = running.repeat, train_and_average
plain_optimizer, train.make_optimizer = train.make_optimizer, make_optimizer

if __name__ == "__main__":
    train.store(train.judge("transfer", check_start=check_start), "transfer", "transfer.py")
