"""Compute a graph's convolutions in 8 bits, between QuantizeLinear and DequantizeLinear nodes, all else in float32.

Weights are int8 with a scale for each channel that comes out, what goes in is uint8 with one range for all of it.
Norms, sums, tanh and the way of the picture past the network stay in float32. OpenVINO computes such convolutions in
8-bit arithmetic; ONNX Runtime gives the same picture, on a CPU without being faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from cgconv.runtime.errors import ModelError
from cgconv.runtime.models.card import ModelCard

from .graph_edit import add_initializer, drop_unused, replace_all
from .half import convolutions

Range = tuple[float, float]  # the smallest and the largest value, 0 among them
STEPS = 255  # of uint8


@dataclass(frozen=True)
class EightBits:
    """How a graph's convolutions are rounded: for each, in order, the range of what goes in; None: it stays as it is.

    With `weight_bits` 7, two products of weight and value fit 16 bits: processors without 8-bit dot products (AVX2
    alone) add them there, and what does not fit is cut off.
    """

    ranges: tuple[Range | None, ...]
    weight_bits: int = 8


def watch_ranges(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a specialized float32 graph that gives, in place of the picture, what `ranges_seen` makes ranges of."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    graph = watched.graph
    del graph.output[:]
    weights = {tensor.name for tensor in graph.initializer}
    makers = _makers(graph)
    for index, node in enumerate(convolutions(graph)):
        if node.input[1] not in weights:
            continue
        source = _source(node, makers, graph)
        for operator, name in (("ReduceMin", f"low_{index}"), ("ReduceMax", f"high_{index}")):
            graph.node.append(helper.make_node(operator, [source], [name], keepdims=0))
            graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
    drop_unused(graph)
    return watched


def ranges_seen(results: Sequence[dict[str, npt.NDArray[Any]]], count: int) -> tuple[Range | None, ...]:
    """Return the range of what goes into each of `count` convolutions, from what a watched graph gave for pictures."""
    ranges: list[Range | None] = []
    for index in range(count):
        low = min((float(result[f"low_{index}"]) for result in results if f"low_{index}" in result), default=0.0)
        high = max((float(result[f"high_{index}"]) for result in results if f"high_{index}" in result), default=0.0)
        low, high = min(low, 0.0), max(high, 0.0)
        ranges.append((low, high) if np.isfinite([low, high]).all() and high > low else None)
    return tuple(ranges)


def convert_to_int8(model: onnx.ModelProto, eight_bits: EightBits) -> None:
    """Rewrite a modern float32 graph (graph.modernize) in place: convolutions read rounded values and weights.

    Values are rounded before the pads and nearest upsamplings that lead to a convolution, which then move bytes.
    """
    graph = model.graph
    writer = _Writer(graph)
    convolution = iter(zip(convolutions(graph), eight_bits.ranges, strict=True))
    for node in list(graph.node):
        if node.op_type in ("Conv", "ConvTranspose"):
            _, values = next(convolution)
            if values is not None and node.input[1] in writer.weights:
                writer.round(node, values, eight_bits.weight_bits)
                continue
        writer.nodes.append(node)
    replace_all(graph.node, writer.nodes)
    del graph.value_info[:]
    drop_unused(graph)


def rounds_itself(model: onnx.ModelProto, card: ModelCard) -> bool:
    """Say whether a file is one of ours in 8 bits: others' may clip where they round, and cannot be taken back."""
    is_ours = isinstance(card.verification.get("int8"), dict)
    return is_ours and any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def convert_from_int8(model: onnx.ModelProto) -> None:
    """Take back in place what `convert_to_int8` did, but for what rounding took from the weights."""
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    same: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = same.get(name, name)
        if node.op_type == "DequantizeLinear" and weights.keys() >= set(node.input):
            levels, scales = weights[node.input[0]], weights[node.input[1]]
            axis = next((part.i for part in node.attribute if part.name == "axis"), 1)
            if scales.shape != levels.shape[axis : axis + 1]:
                raise ModelError(
                    f"the model is damaged: {node.output[0]} is in 8 bits without a scale for each channel"
                )
            shape = [-1 if each == axis else 1 for each in range(levels.ndim)]
            add_initializer(graph, node.output[0], levels * scales.reshape(shape))
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            same[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    replace_all(graph.node, nodes)
    drop_unused(graph)


class _Writer:
    """Writes the nodes of the graph in 8 bits; what is rounded once is read by all."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.makers = _makers(graph)
        self.nodes: list[onnx.NodeProto] = []
        self.rounded: dict[tuple[str, Range], str] = {}  # a tensor and its range → its name after rounding

    def round(self, node: onnx.NodeProto, values: Range, weight_bits: int) -> None:
        source = _source(node, self.makers, self.graph)
        data = self._rounded(node.input[0], source, values)
        weights = self._rounded_weights(node, weight_bits)
        eight = onnx.NodeProto.FromString(node.SerializeToString())
        eight.input[0], eight.input[1] = data, weights
        self.nodes.append(eight)

    def _rounded(self, name: str, source: str, values: Range) -> str:
        """Return the name of tensor `name`, which Pads and Resizes make of `source`, made of the rounded `source`."""
        key = (name, values)
        if key in self.rounded:
            return self.rounded[key]
        made = f"{name}_int8_{len(self.rounded)}"
        if name == source:
            scale = (values[1] - values[0]) / STEPS
            zero = round(-values[0] / scale)
            scale_name = add_initializer(self.graph, f"{made}_scale", scale)
            zero_name = add_initializer(self.graph, f"{made}_zero", zero, np.uint8)
            parameters = [scale_name, zero_name]
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *parameters], [f"{made}_levels"]))
            self.nodes.append(helper.make_node("DequantizeLinear", [f"{made}_levels", *parameters], [made]))
        else:
            mover = onnx.NodeProto.FromString(self.makers[name].SerializeToString())
            mover.input[0] = self._rounded(mover.input[0], source, values)
            mover.output[0] = made
            mover.name = made
            self.nodes.append(mover)
        self.rounded[key] = made
        return made

    def _rounded_weights(self, node: onnx.NodeProto, bits: int) -> str:
        values = numpy_helper.to_array(self.weights[node.input[1]]).astype(np.float32)
        axis = 0 if node.op_type == "Conv" else 1  # of the channels that come out
        largest = 2 ** (bits - 1) - 1
        others = tuple(each for each in range(values.ndim) if each != axis)
        scales = np.abs(values).max(axis=others) / largest
        scales[scales == 0] = 1
        shape = [-1 if each == axis else 1 for each in range(values.ndim)]
        levels = np.clip(np.round(values / scales.reshape(shape)), -largest, largest)
        made = f"{node.input[1]}_int8_{node.output[0]}"
        inputs = [
            add_initializer(self.graph, f"{made}_levels", levels, np.int8),
            add_initializer(self.graph, f"{made}_scales", scales),
            add_initializer(self.graph, f"{made}_zeros", np.zeros(len(scales)), np.int8),
        ]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [made], axis=axis))
        return made


def _makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in graph.node for name in node.output}


def _source(convolution: onnx.NodeProto, makers: dict[str, onnx.NodeProto], graph: onnx.GraphProto) -> str:
    """Return the tensor that is rounded for a convolution: before the Pads and nearest Resizes that lead to it."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    name = convolution.input[0]
    while (maker := makers.get(name)) is not None and _only_moves(maker, constants):
        name = maker.input[0]
    return str(name)


def _only_moves(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Say whether a node only copies values about, so that rounding before it is rounding behind it."""
    mode = next((part.s for part in node.attribute if part.name == "mode"), b"")
    if node.op_type == "Resize":
        return mode in (b"", b"nearest")
    if node.op_type != "Pad" or mode in (b"reflect", b"edge", b"wrap"):
        return node.op_type == "Pad"
    if len(node.input) < 3 or not node.input[2]:
        return True  # pads with 0, which has a level of its own
    value = constants.get(node.input[2])
    return value is not None and not numpy_helper.to_array(value).any()
