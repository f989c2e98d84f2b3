"""Give a graph its instance norms and upsamplings back, where an exporter took them apart.

Old exporters wrote one layer as ten nodes with the picture's size as constants in them. Whole again, a layer takes any
size, any batch and half precision, and is computed faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from .graph_edit import add_initializer, drop_unused, inferred_graph

Values = npt.NDArray[Any]  # Any: whatever a constant of the graph holds

_NOTHING = 1e-6  # exporters add this much or less to dodge a special case of theirs


def simplify(model: onnx.ModelProto) -> None:
    """Rewrite `model`, which must be modern (graph.modernize), in place. What is not recognized stays as it is."""
    _restore_upsamplings(model.graph)
    _restore_instance_norms(model.graph)
    _turn_sizes_into_scales(model)
    drop_unused(model.graph)


class _Index:
    """Who makes and who reads each tensor of a graph, and the values of those that are constant."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.makers = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self._weights = {tensor.name: tensor for tensor in graph.initializer}

    def made_by(self, name: str, op_type: str) -> onnx.NodeProto | None:
        node = self.makers.get(name)
        return node if node is not None and node.op_type == op_type else None

    def constant(self, name: str) -> Values | None:
        if name in self._weights:
            return np.asarray(numpy_helper.to_array(self._weights[name]))
        node = self.makers.get(name)
        if node is not None and node.op_type in ("Reshape", "Unsqueeze", "Identity", "Cast"):
            inner = self.constant(node.input[0])
            if inner is None or node.op_type != "Reshape":
                return None if inner is None else inner.reshape(-1)
            shape = self.constant(node.input[1])
            return None if shape is None else inner.reshape([int(edge) for edge in shape])
        return None

    def with_constant(self, node: onnx.NodeProto) -> tuple[str, Values] | None:
        """Return the data input and the constant of a node with one of each, in either order."""
        for data, other in ((0, 1), (1, 0)):
            values = self.constant(node.input[other])
            if values is not None and self.constant(node.input[data]) is None:
                return node.input[data], values
        return None

    def only_reader(self, name: str, op_type: str) -> onnx.NodeProto | None:
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and readers[0].op_type == op_type else None

    def past_nothing(self, name: str) -> str:
        """Return the tensor before an addition of (almost) zero."""
        node = self.made_by(name, "Add")
        found = self.with_constant(node) if node is not None else None
        return found[0] if found and found[1].size == 1 and abs(float(found[1].reshape(-1)[0])) <= _NOTHING else name


# --- instance norms: (x - mean) / sqrt(variance + ε) · gain + offset


def _restore_instance_norms(graph: onnx.GraphProto) -> None:
    index = _Index(graph)
    for count, node in enumerate([node for node in graph.node if node.op_type == "Div"]):
        found = _match_instance_norm(index, node)
        if found is None:
            continue
        data, epsilon = found
        gain, offset, output = _match_affine(index, node.output[0])
        channels = _channels(index, data, gain)
        if channels is None:
            continue
        prefix = f"cgconv_restored_{count}"
        ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        inputs = [
            data,
            add_initializer(
                graph, f"{prefix}_gain", ones if gain is None else np.broadcast_to(gain.reshape(-1), channels)
            ),
            add_initializer(
                graph, f"{prefix}_offset", zeros if offset is None else np.broadcast_to(offset.reshape(-1), channels)
            ),
        ]
        _put_in_place(graph, output, helper.make_node("InstanceNormalization", inputs, [output], epsilon=epsilon))


def _match_instance_norm(index: _Index, division: onnx.NodeProto) -> tuple[str, float] | None:
    """Return the normalized tensor and ε where `division` is the division of an instance norm."""
    centered = index.made_by(division.input[0], "Sub")
    root = index.made_by(division.input[1], "Sqrt")
    inside = index.made_by(root.input[0], "Add") if root is not None else None
    found = index.with_constant(inside) if inside is not None else None
    if centered is None or found is None or found[1].size != 1:
        return None
    variance, epsilon = found[0], float(found[1].reshape(-1)[0])
    data = centered.input[0]
    squared = _mean_of(index, variance)
    if _mean_of(index, centered.input[1]) != data or squared is None:
        return None
    power = index.made_by(squared, "Pow")
    if power is not None:
        exponent = index.constant(power.input[1])
        is_square = power.input[0] == centered.output[0] and exponent is not None and bool(np.all(exponent == 2))
    else:
        product = index.made_by(squared, "Mul")
        factors = [index.past_nothing(name) for name in product.input] if product is not None else []
        is_square = factors == [centered.output[0]] * 2
    return (data, epsilon) if is_square else None


def _mean_of(index: _Index, name: str) -> str | None:
    """Return the tensor whose mean over height and width `name` is."""
    node = index.made_by(name, "ReduceMean")
    axes = index.constant(node.input[1]) if node is not None and len(node.input) > 1 else None
    if node is None or axes is None or any(part.name == "keepdims" and part.i == 0 for part in node.attribute):
        return None
    axes_found = sorted(int(axis) % 4 for axis in axes.reshape(-1))
    if axes_found == [2, 3]:
        return str(node.input[0])
    reshape = index.made_by(node.input[0], "Reshape")
    shape = index.constant(reshape.input[1]) if reshape is not None else None
    if reshape is None or shape is None or axes_found != [3]:
        return None
    rows = [int(edge) for edge in shape]  # 1, C, 1, H·W: one row for each channel
    return str(reshape.input[0]) if len(rows) == 4 and rows[0] in (0, 1) and rows[2] == 1 else None


def _match_affine(index: _Index, name: str) -> tuple[Values | None, Values | None, str]:
    """Return gain, offset and the last tensor of the multiplication and addition that may follow a norm."""
    gain = offset = None
    multiplication = index.only_reader(name, "Mul")
    found = index.with_constant(multiplication) if multiplication is not None else None
    if multiplication is not None and found is not None and _is_for_each_channel(found[1]):
        gain, name = found[1], multiplication.output[0]
    addition = index.only_reader(name, "Add")
    found = index.with_constant(addition) if addition is not None else None
    if addition is not None and found is not None and _is_for_each_channel(found[1]):
        offset, name = found[1], addition.output[0]
    return gain, offset, name


def _is_for_each_channel(values: Values) -> bool:
    return values.ndim in (3, 4) and values.shape[-2:] == (1, 1) and values.size == values.shape[-3]


def _channels(index: _Index, data: str, gain: Values | None) -> int | None:
    if gain is not None:
        return int(gain.size)
    node = index.makers.get(data)
    weight = index.constant(node.input[1]) if node is not None and node.op_type == "Conv" else None
    return int(weight.shape[0]) if weight is not None else None


# --- nearest upsamplings: each pixel beside itself, each row below itself


def _restore_upsamplings(graph: onnx.GraphProto) -> None:
    index = _Index(graph)
    for count, node in enumerate([node for node in graph.node if node.op_type == "Reshape"]):
        found = _match_upsampling(index, node)
        if found is None:
            continue
        data, times_down, times_right = found
        scales = add_initializer(graph, f"cgconv_scales_{count}", [1, 1, times_down, times_right])
        resize = helper.make_node(
            "Resize",
            [data, "", scales],
            [node.output[0]],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        _put_in_place(graph, node.output[0], resize)


def _match_upsampling(index: _Index, last: onnx.NodeProto) -> tuple[str, int, int] | None:
    """Return data, rows and columns for Reshape(-1, 1) → Concat → Reshape(-1, W) → Concat → `last`."""
    rows = _repeated(index, last.input[0])
    middle = index.made_by(rows[0], "Reshape") if rows is not None else None
    columns = _repeated(index, middle.input[0]) if middle is not None else None
    first = index.made_by(columns[0], "Reshape") if columns is not None else None
    if rows is None or middle is None or columns is None or first is None:
        return None
    final, line, pixel = (_shape_of(index, reshape) for reshape in (last, middle, first))
    fits = len(final) == 4 and pixel == [-1, 1] and line == [-1, final[3]]
    return (first.input[0], rows[1], columns[1]) if fits else None


def _shape_of(index: _Index, reshape: onnx.NodeProto) -> list[int]:
    values = index.constant(reshape.input[1])
    return [] if values is None else [int(edge) for edge in values]


def _repeated(index: _Index, name: str) -> tuple[str, int] | None:
    """Return the tensor that stands several times beside itself in a Concat along axis 1, and how often."""
    node = index.made_by(name, "Concat")
    if node is None or not any(part.name == "axis" and part.i in (1, -1) for part in node.attribute):
        return None
    parts = {index.past_nothing(part) for part in node.input}
    return (parts.pop(), len(node.input)) if len(parts) == 1 else None


# --- resizes to a constant size


def _turn_sizes_into_scales(model: onnx.ModelProto) -> None:
    """Let a Resize to a size that is a whole multiple of its input's be one by that factor instead."""
    graph = model.graph
    index = _Index(graph)
    resizes = [node for node in graph.node if node.op_type == "Resize" and len(node.input) == 4 and node.input[3]]
    if not resizes:
        return
    inferred = inferred_graph(model)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.value_info, *inferred.input]
    }
    for count, node in enumerate(resizes):
        sizes, shape = index.constant(node.input[3]), shapes.get(node.input[0], [])
        if sizes is None or len(shape) != len(sizes) or 0 in shape:
            continue
        scales = [int(size) / edge for size, edge in zip(sizes, shape, strict=True)]
        if all(scale == round(scale) for scale in scales):
            node.input[2] = add_initializer(graph, f"cgconv_resize_scales_{count}", scales)
            del node.input[3]


def _put_in_place(graph: onnx.GraphProto, output: str, new: onnx.NodeProto) -> None:
    """Let `new` make `output` in place of the node that made it so far."""
    for position, node in enumerate(graph.node):
        if output in node.output:
            graph.node[position].CopyFrom(new)
            return
