"""A saved network as an ONNX file: the module of normlab.model, as PyTorch exports it.

In float32 every layer becomes what PyTorch makes of it. In float64, which `device.kind: ref` trains in, onnxruntime has no convolution, mean pooling or
InstanceNormalization, and the statistics of LayerNormalization are float32: these are written as sums and products (`IN_FLOAT64`). It has no Erf of float64
either, by which gelu and derf are written.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, Optional

import torch
from onnx import TensorProto as onnx_types
from onnx.helper import make_tensor
from onnxscript import opset18
from torch import Tensor

from .network import Network, read

OPSET = 18  # the one that PyTorch's exporter is written for: anything later it converts
Sizes = Sequence[int]
OF_BATCH = ("batch", "adapt")  # statistics of norm.eval that come from what is evaluated


class Refused(Exception):
    """The network has no ONNX form, and why."""


def conv2d(
    x: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: Sizes = (1, 1), padding: Sizes = (0, 0), dilation: Sizes = (1, 1), groups: int = 1
) -> Tensor:
    """A sum over the places of the kernel: products of the weight there, (groups, out, in), with what it sees of x, (N, groups, in, positions)."""
    if tuple(dilation) != (1, 1):
        raise Refused(f"a convolution with dilation {dilation} has no form in float64")
    height, width = ((size + 2 * pad - kernel) // step + 1 for size, pad, kernel, step in zip(x.shape[2:], padding, weight.shape[2:], stride))
    x = torch.nn.functional.pad(x, [padding[1], padding[1], padding[0], padding[0]])
    parts = weight.reshape(groups, -1, *weight.shape[1:])
    y = torch.zeros((), dtype=x.dtype)
    for row in range(weight.shape[2]):
        for column in range(weight.shape[3]):
            seen = x[:, :, row : row + stride[0] * (height - 1) + 1 : stride[0], column : column + stride[1] * (width - 1) + 1 : stride[1]]
            y = y + parts[..., row, column] @ seen.reshape(-1, groups, weight.shape[1], height * width)
    y = y.reshape(-1, weight.shape[0], height, width)
    return y if bias is None else y + bias[:, None, None]


def avg_pool3d(x: Tensor, kernel: Sizes, stride: Sizes = (), *rest: Any) -> Tensor:
    """Of lrn: windows of channels, (N, 1, C, H, W), at stride 1 and without padding."""
    if tuple(kernel[1:]) != (1, 1) or any(step != 1 for step in stride):
        raise Refused(f"a mean over {kernel} at stride {stride} has no form in float64")
    return torch.stack([x[:, :, at : x.shape[2] - kernel[0] + 1 + at] for at in range(kernel[0])]).mean(0)


def normalized(x: Tensor, over: list[int], eps: float) -> Tensor:
    t = x - x.mean(over, keepdim=True)
    return t * (1 / ((t * t).mean(over, keepdim=True) + eps).sqrt())


def affine(y: Tensor, weight: Optional[Tensor], bias: Optional[Tensor]) -> Tensor:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def by_channel(y: Tensor, weight: Optional[Tensor], bias: Optional[Tensor]) -> Tensor:
    """Of (N, C, ...)."""
    return affine(y.transpose(1, -1), weight, bias).transpose(1, -1)


def group_norm(x: Tensor, groups: int, weight: Optional[Tensor] = None, bias: Optional[Tensor] = None, eps: float = 1e-5, *rest: Any) -> Tensor:
    return by_channel(normalized(x.reshape(-1, groups, x[0].numel() // groups), [2], eps).reshape(x.shape), weight, bias)


def instance_norm(x: Tensor, weight: Optional[Tensor], bias: Optional[Tensor], mean: None, var: None, of_input: bool, momentum: float, eps: float, *rest: Any) -> Tensor:
    return by_channel(normalized(x, list(range(2, x.dim())), eps), weight, bias)


def layer_norm(x: Tensor, shape: Sizes, weight: Optional[Tensor] = None, bias: Optional[Tensor] = None, eps: float = 1e-5, *rest: Any) -> Tensor:
    return affine(normalized(x, list(range(-len(shape), 0)), eps), weight, bias)


IN_FLOAT64: dict[Any, Callable[..., Tensor]] = {
    torch.ops.aten.avg_pool3d.default: avg_pool3d,
    torch.ops.aten.conv2d.default: conv2d,
    torch.ops.aten.group_norm.default: group_norm,
    torch.ops.aten.instance_norm.default: instance_norm,
    torch.ops.aten.layer_norm.default: layer_norm,
}


def scalar_tensor(number: float, dtype: int = onnx_types.FLOAT, layout: str = "", device: str = "", pin_memory: bool = False) -> Any:
    """PyTorch's own rounds the number to float32 before it becomes float64."""
    exact = opset18.Constant(value=make_tensor("number", onnx_types.DOUBLE, [], [float(number)]))
    cast: Any = opset18.Cast
    return exact if dtype == onnx_types.DOUBLE else cast(exact, to=dtype)


def inputs_of(network: Network, layout: str) -> dict[str, Tensor]:
    """Two samples of what the network takes: zeros, whose values the export does not ask for."""
    graph = network._graph
    shape, value = graph.inputs["x"]["shape"], graph.inputs["x"]["value"]
    if graph.embedded:
        made = {"x": torch.zeros(2, shape[0], dtype=torch.int64)}
    else:
        taken = shape if value in graph.images and layout == "nhwc" else graph.between(value)
        made = {"x": torch.zeros(2, *taken, dtype=next(network.parameters()).dtype)}
    if "lengths" in graph.inputs:
        made["lengths"] = torch.full((2,), shape[0], dtype=torch.int64)
    return made


def statistics_of(network: Network) -> str:
    """What evaluation normalizes with: the first of norm.eval; "running" where no layer keeps statistics."""
    tracks = any(state.startswith("running_") for node in network._graph.nodes for state in node["states"])
    return network.config["norm.eval"].strip("[]").split(",")[0].strip() if tracks else "running"


def onnx(path: str | os.PathLike[str], target: str | os.PathLike[str], layout: Literal["nchw", "nhwc"] = "nchw", stats: Optional[str] = None) -> dict[str, tuple[Any, ...]]:
    """Writes the network as ONNX, in evaluation mode, for any number of samples. Returns the names and shapes of inputs and outputs.

    The metadata have what the saved file says of itself, and `source_sha256`, the checksum of that file. stats: "running", for running statistics where
    norm.eval says others. Refused: evaluation takes other statistics, or a layer has no ONNX form.
    """
    target = pathlib.Path(target)
    if target.suffix != ".onnx" or not target.parent.is_dir():
        raise Refused(f"cannot write '{target}': " + ("the name of an ONNX file ends with .onnx" if target.suffix != ".onnx" else f"there is no folder '{target.parent}'"))
    network = read(path, layout)
    found = statistics_of(network)
    if found != "running" and stats != "running":
        why = "of what is evaluated, which no file holds" if found in OF_BATCH else "of the training part, which the file does not hold"
        raise Refused(f"'{os.fspath(path)}' is evaluated with statistics {why} (norm.eval: {found}); --stats running takes its running statistics")
    inputs = inputs_of(network, layout)
    samples = torch.export.Dim("samples")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, of its own parts
            program = torch.export.export(network, tuple(inputs.values()), dynamic_shapes=tuple({0: samples} for _ in inputs))
            if next(network.parameters()).dtype == torch.float64 and any(node.target in IN_FLOAT64 for node in program.graph.nodes):
                program = program.run_decompositions(IN_FLOAT64)
            made = torch.onnx.export(
                program, dynamo=True, opset_version=OPSET, input_names=list(inputs), output_names=["outputs"], verbose=False,
                custom_translation_table={torch.ops.aten.scalar_tensor.default: scalar_tensor},
            )  # fmt: skip
    except torch.onnx.OnnxExporterError as why:
        raise Refused(f"'{os.fspath(path)}' has no ONNX form: {str(why).splitlines()[0]}") from why
    assert made is not None
    model = made.model_proto
    values = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    sides = [side for value in values for side in value.type.tensor_type.shape.dim]
    count = sides[0].dim_param  # as the exporter calls it
    for side in sides:
        if side.dim_param == count:
            side.dim_param = "samples"
    for node in model.graph.node:
        del node.metadata_props[:]  # lines of Python on this machine
    del model.metadata_props[:]
    described = {name: value for name, value in network.config.items() if name not in ("network", "format")}
    described |= {"layout": layout, "source": os.path.basename(path), "source_sha256": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()}
    for name, value in sorted(described.items()):
        model.metadata_props.add(key=name, value=value)
    target.write_bytes(model.SerializeToString())
    return {
        value.name: tuple(side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim) for value in (*model.graph.input, *model.graph.output)
    }
