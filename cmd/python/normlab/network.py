"""A saved network as a PyTorch module: its graph, as the file's metadata have it (core/graph/describe.c), computed node by node.

Between modules, values are (N, C, H, W) of images, (N, S, C) of sequences and (N, C) of all else. operations.py has images as the program has them,
(N, H, W, C): a layer of ours turns what it takes and what it puts out.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Dict, List, Optional, Set

import safetensors
import torch
from torch import Tensor, nn

from .modules import MODULES, Place
from .operations import OPERATIONS, Call

Values = Dict[int, Tensor]
Node = Dict[str, Any]
FRAME = ("name", "operation", "in", "out", "shapes", "states", "loop")  # of a node; the rest the operation says of itself
IMAGES = ("conv", "depthwise_conv", "max_pool", "upsample")  # operations that take and make images
WEIGHTS = ("parametrize", "spectral_norm")  # operations that make the weight of another


@dataclasses.dataclass
class Run:
    """What all layers of a pass know."""

    network: Network
    samples: int
    like: Tensor  # of the type that is computed with
    number: int = 0  # in a loop: the number of this run of its body, and the position that it sees
    time: int = 0


def channels_last(x: Tensor) -> Tensor:
    """A value between modules as (N, H, W, C)."""
    if x.dim() == 4:
        return x.permute(0, 2, 3, 1)
    return x[:, :, None] if x.dim() == 3 else x[:, None, None]


class Layer(nn.Module):
    """A node that no module of torch.nn computes. forward takes the values that come into it; its tensors have the names of the file."""

    def __init__(self, node: Node, settings: Node, slots: List[Optional[str]], weights: List[bool], makes_image: bool) -> None:
        super().__init__()
        self._node = node
        self._settings = settings
        self._slots = slots  # for each slot: the name of a parameter, "" for a value that comes in, or None
        self._weights = weights  # for each value that comes in: whether it is the weight that another layer made
        self._makes_image = makes_image

    def forward(self, *inputs: Tensor, run: Run) -> Any:
        come = iter(channels_last(x) if x.is_floating_point() and not is_weight else x for x, is_weight in zip(inputs, self._weights))
        slots = [run.network.get_parameter(slot) if slot else next(come) if slot is not None else None for slot in self._slots]
        states = {name: run.network.get_buffer(path) for name, path in self._node["states"].items()}
        call = Call(self._node["name"], self._settings, states, self.training, run.samples, run.like, run.number, run.time)
        out = OPERATIONS[self._node["operation"]](call, *slots)
        if isinstance(out, tuple):
            return tuple(self._between(y, shape) for y, shape in zip(out, self._node["shapes"]))
        return self._between(out, self._node["shapes"][0])

    def _between(self, y: Tensor, shape: List[int]) -> Tensor:
        """What the operation puts out, as it is between modules."""
        if not y.is_floating_point() or self._node["operation"] in WEIGHTS:
            return y
        height, width, channels = shape
        if self._makes_image:
            return y.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        return y.reshape(-1, channels) if height * width == 1 else y.reshape(-1, height * width, channels)

    def extra_repr(self) -> str:
        said = [f"{key}={value}" for key, value in self._node.items() if key not in FRAME]
        shapes = ["x".join(map(str, shape)) for shape in self._node["shapes"]]
        return ", ".join([self._node["operation"], *said]) + (f" -> {', '.join(shapes)}" if shapes else "")


class Graph:
    """What the file says of the network, and what follows from it for its values."""

    def __init__(self, said: Dict[str, Any]) -> None:
        self.nodes: List[Node] = said["nodes"]
        self.loops: List[Dict[str, Any]] = said["loops"]
        self.inputs: Dict[str, Dict[str, Any]] = {entry["name"]: entry for entry in said["inputs"]}
        self.output: int = said["output"]
        self.parameters: Dict[int, str] = {value: name for name, value in said["parameters"].items()}
        self.names: Set[str] = {node["name"] for node in self.nodes}
        x = self.inputs["x"]["value"]
        self.embedded = any(node["operation"] == "embedding" and node["in"][0] == x for node in self.nodes)
        self.shapes: Dict[int, List[int]] = {entry["value"]: entry["shape"] for entry in said["inputs"]}
        self.weights: Set[int] = set()
        for node in self.nodes:
            self.shapes.update(zip(node["out"], node["shapes"]))
            self.weights.update(node["out"] if node["operation"] in WEIGHTS else ())
        for loop in self.loops:
            for first, before, after, last in loop["states"]:
                self.shapes.update(dict.fromkeys((before, last), self.shapes[after]))
        takes_images = any(node["operation"] in IMAGES and node["in"][0] == x for node in self.nodes)
        self.images: Set[int] = {x} if takes_images or self.shapes[x][1] > 1 else set()
        for node in self.nodes:
            ends = node["operation"] in ("mean_pool", "take", "transpose") or (node["operation"] == "linear" and not node["by_position"])
            if node["operation"] in IMAGES or (node["in"] and node["in"][0] in self.images and not ends):
                self.images.update(node["out"])

    def between(self, value: int) -> List[int]:
        """A sample's shape, as it is between modules."""
        height, width, channels = self.shapes[value]
        if value in self.images:
            return [channels, height, width]
        return [channels] if height * width == 1 else [height * width, channels]

    def taken(self, nodes: List[Node]) -> List[int]:
        """The values that nodes take, in their order, without parameters. A loop is taken whole."""
        loops = [self.loops[number] for number in sorted({node["loop"] for node in nodes} - {None})]
        values = [value for node in nodes for value in node["in"]]
        values += [value for loop in loops for value in (*loop["takes"], *(state[0] for state in loop["states"]))]
        inside = {state[1] for loop in loops for state in loop["states"]}
        return [value for value in dict.fromkeys(values) if value is not None and value not in self.parameters and value not in inside]

    def made(self, nodes: List[Node]) -> List[int]:
        loops = [self.loops[number] for number in sorted({node["loop"] for node in nodes} - {None})]
        return [value for node in nodes for value in node["out"]] + [state[3] for loop in loops for state in loop["states"]]

    def is_whole(self, path: str, nodes: List[Node]) -> bool:
        """Whether these are all nodes below the path, and all nodes of their loops."""
        loops = {node["loop"] for node in nodes} - {None}
        return len(nodes) == sum(node["name"].startswith(path + ".") or node["loop"] in loops for node in self.nodes)


class Block(nn.Module):
    """A part of the network with a name of its own, like layer1.0: forward takes the values that come into it, and puts out those that leave it."""

    def __init__(self, graph: Graph, nodes: List[Node], path: str) -> None:
        super().__init__()
        self._graph = graph
        self._path = path
        self._steps: List[Node | Block] = []
        inside = {node["name"] for node in nodes}
        made = graph.made(nodes)
        self._takes = [value for value in graph.taken(nodes) if value not in made]
        outside = {graph.output, *graph.taken([node for node in graph.nodes if node["name"] not in inside])}
        self._makes = [value for value in made if value in outside]
        prefix, at = path + "." if path else "", 0
        while at < len(nodes):
            below = prefix + nodes[at]["name"].removeprefix(prefix).split(".")[0]
            end = at
            while end < len(nodes) and nodes[end]["name"].startswith(below + "."):
                end += 1
            if end > at and below not in graph.names and graph.is_whole(below, nodes[at:end]):
                self._steps.append(Block(graph, nodes[at:end], below))
            else:
                end = at + 1
                self._steps.append(nodes[at])
            at = end

    def _parts(self) -> Dict[str, Optional[Block]]:
        """The paths of all steps, those of blocks included: blocks that stand there, or None of a node."""
        parts: Dict[str, Optional[Block]] = {}
        for step in self._steps:
            if isinstance(step, Block):
                parts.update({step._path: step, **step._parts()})
            else:
                parts[step["name"]] = None
        return parts

    def _below(self, path: str) -> nn.Module:
        return self if path == self._path else self.get_submodule(path.removeprefix(self._path + ".") if self._path else path)

    def _compute(self, node: Node, values: Values, run: Run) -> None:
        """Adds the node's outputs to the values."""
        graph = self._graph
        if node["operation"] in WEIGHTS:
            above, _, own = node["name"].rpartition(".")
            if own not in self._below(above)._modules:  # the layer whose weight it makes was replaced by one with its own
                return
        module = self._below(node["name"])
        come = [value for value in node["in"] if value is not None and value not in graph.parameters]
        if isinstance(module, Layer):
            for value in come if node["operation"] != "transpose" else ():  # which takes all positions of a loop
                x, taken = values[value], graph.between(value)
                if x.is_floating_point() and value not in graph.weights and list(x.shape[1:]) != taken:
                    raise ValueError(f"'{node['name']}' takes (N, {', '.join(map(str, taken))}), and is given {tuple(x.shape)}")
            out = module(*(values[value] for value in come), run=run)
        else:
            inputs = [values[value] for value in come if value not in graph.weights]
            inputs = inputs[:1] + [x for x in inputs[1:] if x.is_floating_point()]  # without lengths
            if node["operation"] == "linear" and not node["by_position"]:
                inputs[0] = channels_last(inputs[0]).flatten(1)  # the order in which the weight has its inputs
            out = module(*inputs)
            if node["operation"] == "mean_pool":
                out = out.flatten(1)
        values.update(zip(node["out"], out if isinstance(out, tuple) else (out,)))

    def _loop(self, number: int, values: Values, run: Run) -> None:
        """Runs the body of a loop once for each position."""
        loop, graph = self._graph.loops[number], self._graph
        body = [node for node in graph.nodes if node["loop"] == number]
        state = {before: values[first] for first, before, _, _ in loop["states"]}
        sequences = {value: values[value].reshape(run.samples, loop["times"], *graph.between(value)) for value in loop["takes"]}
        seen: Dict[int, Values] = {}
        for turn in range(loop["times"]):
            time = loop["times"] - 1 - turn if loop["reverse"] else turn
            now = {**values, **state, **{value: x[:, time] for value, x in sequences.items()}}
            for node in body:
                self._compute(node, now, dataclasses.replace(run, number=turn, time=time))
            state = {before: now[after] for _, before, after, _ in loop["states"]}
            seen[time] = {value: now[value] for node in body for value in node["out"]}
        values.update({last: state[before] for _, before, _, last in loop["states"]})
        taken = {value for node in graph.nodes if node["loop"] is None for value in node["in"]}
        for value in taken & seen[0].keys():
            values[value] = torch.stack([seen[time][value] for time in range(loop["times"])], 1)

    def _pass(self, values: Values, run: Run) -> None:
        """Computes all that is made here."""
        ends = {node["loop"]: node["name"] for node in self._graph.nodes}  # the last node of each body: what the body takes from outside is there by then
        for step in self._steps:
            if isinstance(step, Block):
                module = self._below(step._path)
                inputs = [values[value] for value in step._takes]
                out = module(*inputs, run=run) if isinstance(module, Block) else module(*inputs)
                values.update(zip(step._makes, out if isinstance(out, tuple) else (out,)))
            elif step["loop"] is None:
                self._compute(step, values, run)
            elif step["name"] == ends[step["loop"]]:
                self._loop(step["loop"], values, run)

    def forward(self, *inputs: Tensor, run: Run) -> Any:
        values = dict(zip(self._takes, inputs))
        self._pass(values, run)
        out = tuple(values[value] for value in self._makes)
        return out[0] if len(out) == 1 else out


class Network(Block):
    """What normlab.model returns. A node is a submodule under its name (network.conv1): one of torch.nn where PyTorch has it, or a Layer."""

    config: Dict[str, str]
    """What the file says: each key of the configuration ("norm.kind") with its value, checksums, and the alphabet of a text."""

    def __init__(self, config: Dict[str, str], tensors: Dict[str, Tensor], layout: str) -> None:
        graph = Graph(json.loads(config["network"]))
        super().__init__(graph, graph.nodes, "")
        self.config = config
        self._layout = layout
        states = {name for node in graph.nodes for name in node["states"].values()}
        parameters = set(graph.parameters.values())
        missing = sorted((states | parameters) - set(tensors))
        if missing:
            raise ValueError(f"there is no tensor '{missing[0]}'")
        nodes = {node["name"]: node for node in graph.nodes}
        for path, block in sorted(self._parts().items(), key=lambda part: part[0].count(".")):  # modules before those within them
            above, _, own = path.rpartition(".")
            self._place(above).add_module(own, block or self._module(nodes[path], tensors))
        for name in tensors:
            if name in states or name in parameters:
                path, _, own = name.rpartition(".")
                owner = self._place(path)
                if name in states:
                    owner.register_buffer(own, tensors[name])
                else:
                    owner.register_parameter(own, nn.Parameter(tensors[name]))

    def _place(self, path: str) -> nn.Module:
        at: nn.Module = self
        for part in path.split(".") if path else ():
            if part not in at._modules:
                at.add_module(part, nn.Module())
            at = at.get_submodule(part)
        return at

    def _settings(self, node: Node) -> Node:
        """With what the configuration says where the node has nothing of its own."""
        momentum = -1.0 if self.config["norm.running"] == "cumulative" else float(self.config["norm.momentum"])
        config = {"eps": "norm.eps", "p": "model.dropout", "noise": "norm.noise"}  # older files have no norm.noise, and convolutions no dilation
        return {"momentum": momentum, "dilation": 1, **{name: float(self.config.get(key, 0)) for name, key in config.items()}, **node}

    def _module(self, node: Node, tensors: Dict[str, Tensor]) -> nn.Module:
        graph, settings = self._graph, self._settings(node)
        slots = [None if value is None else graph.parameters.get(value, "") for value in node["in"]]
        own = [f"{node['name']}.weight", f"{node['name']}.bias"]
        if node["operation"] in MODULES and all(not slot or slot in own for slot in slots):
            first = node["in"][0]
            weight, bias = (tensors[name] if name in slots else None for name in own)
            made = MODULES[node["operation"]](Place(settings, graph.shapes[first], first in graph.images, "" in slots[1:], weight, bias))
            if made is not None:
                return made
        come = [value for value in node["in"] if value is not None and value not in graph.parameters]
        return Layer(node, settings, slots, [value in graph.weights for value in come], node["out"][:1] != [] and node["out"][0] in graph.images)

    def _ids(self, x: Tensor, positions: int, value: int) -> Tensor:
        """Token ids, (N, S)."""
        if x.dim() != 2 or x.shape[1] != positions:
            raise ValueError(f"x has shape {tuple(x.shape)}, and this network takes token ids of shape (N, {positions})")
        if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
            raise TypeError(f"x is {x.dtype}, and this network takes token ids: torch.int64")
        if torch.compiler.is_compiling():  # a program that torch.export makes cannot ask for the ids
            return x
        tables = {self._graph.parameters[node["in"][1]] for node in self._graph.nodes if node["operation"] == "embedding" and node["in"][0] == value}
        known = min((len(parameter) for name, parameter in self.named_parameters() if name in tables), default=None)
        if known is not None and x.numel() and not 0 <= int(x.min()) <= int(x.max()) < known:
            raise ValueError(f"x has token ids from {int(x.min())} to {int(x.max())}, and this network knows 0 to {known - 1}")
        return x

    def _reals(self, x: Tensor, value: int, dtype: torch.dtype) -> Tensor:
        """Images in the network's layout, (N, S, C) of sequences, (N, C) of all else. Dimensions of 1 may be missing, or more of them be there."""
        height, width, channels = self._graph.shapes[value]
        last, first = [height, width, channels], [channels, height, width]
        is_image = value in self._graph.images
        taken = last if is_image and self._layout == "nhwc" else self._graph.between(value)
        given = list(x.shape[1:])
        if x.dim() == 0 or [size for size in given if size != 1] != [size for size in taken if size != 1]:
            hint = ""
            if is_image and given == last:
                hint = "; channels come first: x.permute(0, 3, 1, 2), or normlab.model(path, layout='nhwc')"
            elif is_image and given == first:
                hint = "; channels come last: x.permute(0, 2, 3, 1), or normlab.model(path)"
            raise ValueError(f"x has shape {tuple(x.shape)}, and this network takes (N, {', '.join(map(str, taken))}){hint}")
        if not x.is_floating_point():
            raise TypeError(f"x is {x.dtype}, and this network takes real numbers: standardized samples, as 'normlab data export' writes them")
        x = x.to(dtype).reshape(-1, *taken)
        return x.permute(0, 3, 1, 2) if is_image and self._layout == "nhwc" else x

    def _lengths(self, lengths: Optional[Tensor], samples: int, positions: int) -> Tensor:
        if lengths is None:
            raise TypeError("this network takes sequences of different lengths: forward(x, lengths)")
        if lengths.is_floating_point() or lengths.shape != (samples,):
            raise ValueError(f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}, and of {samples} samples they are integers of shape ({samples},)")
        if torch.compiler.is_compiling():
            return lengths
        if samples and not 1 <= int(lengths.min()) <= int(lengths.max()) <= positions:
            raise ValueError(f"lengths are {int(lengths.min())} to {int(lengths.max())}, and sequences have 1 to {positions} positions")
        return lengths

    def forward(self, x: Tensor, lengths: Optional[Tensor] = None) -> Tensor:  # type: ignore[override]  # a block takes values, the network its inputs
        like, inputs = next(self.parameters()), self._graph.inputs
        number, shape = inputs["x"]["value"], inputs["x"]["shape"]
        values = {number: self._ids(x, shape[0], number) if self._graph.embedded else self._reals(x, number, like.dtype)}
        if "lengths" in inputs:
            values[inputs["lengths"]["value"]] = self._lengths(lengths, x.shape[0], shape[0])
        elif lengths is not None:
            raise TypeError("this network takes sequences of one length: forward(x)")
        self._pass(values, Run(self, x.shape[0], like))
        y = values[self._graph.output]
        return channels_last(y).flatten(1, 2) if y.dim() == 4 else y


def read(path: str | os.PathLike[str], layout: str) -> Network:
    """normlab.model."""
    if layout not in ("nchw", "nhwc"):
        raise ValueError(f"layout is '{layout}', and it can be 'nchw' or 'nhwc'")
    named = f"'{os.fspath(path)}'"
    if os.path.isdir(path):
        raise ValueError(f"{named} is a folder: model takes a file that normlab run --save-final or --save-init wrote")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            config = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as why:
        raise ValueError(f"{named} is not a file that normlab run --save-final or --save-init wrote: {why}") from why
    if "network" not in config:
        raise ValueError(f"{named} does not say which network it holds: normlab run --save-final writes files that do")
    try:
        for node in json.loads(config["network"])["nodes"]:
            if node["operation"] not in OPERATIONS:
                raise NotImplementedError(f"{named}: '{node['name']}' is a layer '{node['operation']}', which this module does not know")
        return Network(config, tensors, layout).eval()
    except (KeyError, TypeError) as why:
        raise ValueError(f"{named} does not describe a network as this module knows it: {type(why).__name__} {why}") from why
    except ValueError as why:
        raise ValueError(f"{named}: {why}") from why
