"""A saved network as a PyTorch module: its graph, as the file's metadata have it (core/graph/describe.c), computed node by node."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional

import safetensors
import torch
from torch import Tensor, nn

from .operations import OPERATIONS, Call

Values = Dict[int, Tensor]
Node = Dict[str, Any]
FRAME = ("name", "operation", "in", "out", "shapes", "states", "loop")  # of a node; the rest the operation says of itself


class Layer(nn.Module):
    """A node of the network, or a part of the names of several. Its own tensors have the names of the file."""

    def __init__(self) -> None:
        super().__init__()
        self._node: Optional[Node] = None

    def forward(self, call: Call, *slots: Optional[Tensor]) -> Any:
        return OPERATIONS[call.settings["operation"]](call, *slots)

    def extra_repr(self) -> str:
        if self._node is None:
            return ""
        said = [f"{key}={value}" for key, value in self._node.items() if key not in FRAME]
        shapes = ["x".join(map(str, shape)) for shape in self._node["shapes"]]
        return ", ".join([self._node["operation"], *said]) + (f" -> {', '.join(shapes)}" if shapes else "")


class Network(nn.Module):
    """What normlab.model returns. A node is a submodule under its name (network.conv1), whose output is (N, H, W, C)."""

    config: Dict[str, str]
    """What the file says: each key of the configuration ("norm.kind") with its value, checksums, and the alphabet of a text."""

    def __init__(self, config: Dict[str, str], tensors: Dict[str, Tensor]) -> None:
        super().__init__()
        self.config = config
        self._graph = json.loads(config["network"])
        for node in self._graph["nodes"]:
            self._place(node["name"])._node = node
        parameters = self._graph["parameters"]
        states = {name for node in self._graph["nodes"] for name in node["states"].values()}
        for name in tensors:
            path, _, own = name.rpartition(".")
            if name in parameters:
                self._place(path).register_parameter(own, nn.Parameter(tensors[name]))
            elif name in states:
                self._place(path).register_buffer(own, tensors[name])
        missing = sorted((states | set(parameters)) - set(self.state_dict()))
        if missing:
            raise ValueError(f"there is no tensor '{missing[0]}'")

    def _place(self, path: str) -> Layer:
        at: nn.Module = self
        for part in path.split("."):
            if part not in at._modules:
                at.add_module(part, Layer())
            at = at.get_submodule(part)
        assert isinstance(at, Layer)
        return at

    def _settings(self, node: Node) -> Node:
        """With what the configuration says where the node has nothing of its own."""
        momentum = -1.0 if self.config["norm.running"] == "cumulative" else float(self.config["norm.momentum"])
        config = {"eps": "norm.eps", "p": "model.dropout", "noise": "norm.noise"}  # older files have no norm.noise
        return {"momentum": momentum, **{name: float(self.config.get(key, 0)) for name, key in config.items()}, **node}

    def _compute(self, node: Node, values: Values, like: Tensor, samples: int, run: int = 0, time: int = 0) -> None:
        """Adds the node's outputs to the values."""
        states = {name: self.get_buffer(path) for name, path in node["states"].items()}
        call = Call(node["name"], self._settings(node), states, self.training, samples, like, run, time)
        out = self.get_submodule(node["name"])(call, *(None if value is None else values[value] for value in node["in"]))
        for value, shape, y in zip(node["out"], node["shapes"], out if isinstance(out, tuple) else (out,)):
            values[value] = y.reshape(-1, *shape) if y.is_floating_point() and node["operation"] not in ("parametrize", "spectral_norm") else y

    def _loop(self, number: int, values: Values, like: Tensor, samples: int) -> None:
        """Runs the body of a loop once for each position."""
        loop = self._graph["loops"][number]
        body = [node for node in self._graph["nodes"] if node["loop"] == number]
        state = {before: values[first] for first, before, _, _ in loop["states"]}
        sequences = {value: values[value].reshape(samples, loop["times"], -1) for value in loop["takes"]}
        seen: Dict[int, Values] = {}
        for run in range(loop["times"]):
            time = loop["times"] - 1 - run if loop["reverse"] else run
            now = {**values, **state, **{value: x[:, time, None, None] for value, x in sequences.items()}}
            for node in body:
                self._compute(node, now, like, samples, run, time)
            state = {before: now[after] for _, before, after, _ in loop["states"]}
            seen[time] = {value: now[value] for node in body for value in node["out"]}
        values.update({last: state[before] for _, before, _, last in loop["states"]})
        taken = {value for node in self._graph["nodes"] if node["loop"] is None for value in node["in"]}
        for value in taken & seen[0].keys():
            values[value] = torch.stack([seen[time][value] for time in range(loop["times"])], 1)

    def _ids(self, x: Tensor, positions: int, value: int) -> Tensor:
        """Token ids, (N, S)."""
        if x.dim() != 2 or x.shape[1] != positions:
            raise ValueError(f"x has shape {tuple(x.shape)}, and this network takes token ids of shape (N, {positions})")
        if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
            raise TypeError(f"x is {x.dtype}, and this network takes token ids: torch.int64")
        tables = [node["in"][1] for node in self._graph["nodes"] if node["operation"] == "embedding" and node["in"][0] == value]
        names = {parameter: name for name, parameter in self._graph["parameters"].items()}
        vocabulary = min(len(self.get_parameter(names[table])) for table in tables)
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < vocabulary:
            raise ValueError(f"x has token ids from {int(x.min())} to {int(x.max())}, and this network knows 0 to {vocabulary - 1}")
        return x

    def _reals(self, x: Tensor, shape: List[int], dtype: torch.dtype) -> Tensor:
        """Samples of height, width and channels, of which those that are 1 may be missing: (N, H, W) of one channel, (N, S, C) of a sequence, (N, D)."""
        given = list(x.shape[1:])
        if x.dim() == 0 or [size for size in given if size != 1] != [size for size in shape if size != 1]:
            height, width, channels = shape
            hint = "; channels come last: x.permute(0, 2, 3, 1)" if given == [channels, height, width] else ""
            raise ValueError(f"x has shape {tuple(x.shape)}, and this network takes (N, {', '.join(map(str, shape))}){hint}")
        if not x.is_floating_point():
            raise TypeError(f"x is {x.dtype}, and this network takes real numbers: standardized samples, as 'normlab data export' writes them")
        return x.to(dtype).reshape(-1, *shape)

    def _lengths(self, lengths: Optional[Tensor], samples: int, positions: int) -> Tensor:
        if lengths is None:
            raise TypeError("this network takes sequences of different lengths: forward(x, lengths)")
        if lengths.is_floating_point() or lengths.shape != (samples,):
            raise ValueError(f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}, and of {samples} samples they are integers of shape ({samples},)")
        if samples and not 1 <= int(lengths.min()) <= int(lengths.max()) <= positions:
            raise ValueError(f"lengths are {int(lengths.min())} to {int(lengths.max())}, and sequences have 1 to {positions} positions")
        return lengths

    def forward(self, x: Tensor, lengths: Optional[Tensor] = None) -> Tensor:
        like = next(self.parameters())
        values: Values = {value: self.get_parameter(name) for name, value in self._graph["parameters"].items()}
        inputs = {entry["name"]: entry for entry in self._graph["inputs"]}
        number, shape = inputs["x"]["value"], inputs["x"]["shape"]
        embedded = any(node["operation"] == "embedding" and node["in"][0] == number for node in self._graph["nodes"])
        values[number] = self._ids(x, shape[0], number) if embedded else self._reals(x, shape, like.dtype)
        if "lengths" in inputs:
            values[inputs["lengths"]["value"]] = self._lengths(lengths, len(x), shape[0])
        elif lengths is not None:
            raise TypeError("this network takes sequences of one length: forward(x)")
        ends = {node["loop"]: node for node in self._graph["nodes"]}  # the last node of each body: what the body takes from outside is there by then
        for node in self._graph["nodes"]:
            if node["loop"] is None:
                self._compute(node, values, like, len(x))
            elif node is ends[node["loop"]]:
                self._loop(node["loop"], values, like, len(x))
        y = values[self._graph["output"]]
        return y.flatten(1, 2) if y.shape[1] * y.shape[2] > 1 else y.flatten(1)


def read(path: str | os.PathLike[str]) -> Network:
    """normlab.model."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            config = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as why:
        raise ValueError(f"'{os.fspath(path)}': {why}") from why
    if "network" not in config:
        raise ValueError(f"'{os.fspath(path)}' does not say which network it holds: normlab run --save-final writes files that do")
    for node in json.loads(config["network"])["nodes"]:
        if node["operation"] not in OPERATIONS:
            raise NotImplementedError(f"'{os.fspath(path)}': '{node['name']}' is a layer '{node['operation']}', which this module does not know")
    try:
        return Network(config, tensors).eval()
    except (KeyError, ValueError) as why:
        raise ValueError(f"'{os.fspath(path)}': {why}") from why
