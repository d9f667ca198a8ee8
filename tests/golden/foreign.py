"""Weights as PyTorch saves them, for a network of normlab's: model: {depth: 1, width: 4}.

    python tests/golden/foreign.py        writes tests/golden/foreign/, which tests/shell/cli/foreign.txt reads

half and bfloat are of 16 bits, half_plain and bfloat_plain the same numbers as float32, by PyTorch; parallel and compiled have the names that
DataParallel and torch.compile give, both at once in that order in nested; old has no num_batches_tracked, as models of PyTorch before 0.4.1;
mixed has one name without the wrapper's, and is refused.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

folder = pathlib.Path(__file__).parent / "foreign"
folder.mkdir(exist_ok=True)
torch.manual_seed(1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 4, bias=False)
        self.norm1 = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 10)


def save(name, state):
    save_file({key: value.contiguous() for key, value in state.items()}, folder / f"{name}.safetensors")


network = Network()
network.norm1.num_batches_tracked.fill_(7)
for tensor in network.norm1.weight, network.norm1.running_mean, network.norm1.running_var:
    nn.init.uniform_(tensor, 0.5, 1.5)
for name, kind in ("half", torch.float16), ("bfloat", torch.bfloat16):
    narrow = {key: value.to(kind) if value.is_floating_point() else value for key, value in network.state_dict().items()}
    save(name, narrow)
    save(f"{name}_plain", {key: value.float() if value.is_floating_point() else value for key, value in narrow.items()})
network = network.half().float()  # the numbers of half_plain
save("parallel", nn.DataParallel(network).state_dict())
save("compiled", torch.compile(network).state_dict())
save("nested", torch.compile(nn.DataParallel(network)).state_dict())
save("old", {key: value for key, value in network.state_dict().items() if "num_batches" not in key})
mixed = nn.DataParallel(network).state_dict()
save("mixed", {key.replace("module.head.bias", "head.bias"): value for key, value in mixed.items()})
