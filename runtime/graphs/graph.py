"""Rewrite a model for a machine: the one place that changes a graph between the file and a backend.

A model's file holds float tensors in the layout, channel order and range that its card names. `specialize` gives it
doors for pictures and the wanted precision.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.inliner
import onnx.version_converter
from onnx import TensorProto, helper

from cgconv.runtime.errors import ModelError
from cgconv.runtime.models.card import ChannelOrder, Layout, ModelCard

from .graph_edit import add_initializer, drop_unused, keep, replace_all
from .half import convert_to_half, widen
from .int8 import EightBits, convert_from_int8, convert_to_int8, rounds_itself
from .phases import SQUARE, cut_into_phases

OPSET = 20  # newer convolutions fall to the CPU on DirectML
IR_VERSION = 10  # onnx stamps newer ones, which ONNX Runtime refuses

IMAGES = "images"  # the specialized graph's picture input
TRANSLATED = "translated"  # and its picture output
STRANGE = "cgconv_strange"  # an output of `watched` ones: float32 N, above 0 for results with NaN or infinity in them
_NET_OUT = "cgconv_net_out"  # what the network itself makes


class Doors(StrEnum):
    """What goes in and comes out of a specialized graph: N×H×W×3 RGB, uint8, or float32 in [0, 1]."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


class Precision(StrEnum):
    """The number type of the graph's convolutions. bf16 is no graph: backends that have it are told at run time."""

    FP32 = "fp32"
    FP16 = "fp16"  # see half.py: statistics stay in float32
    INT8 = "int8"  # see int8.py: all but the convolutions stays in float32
    FILE = "file"  # as the file has them


def specialize(
    model: onnx.ModelProto,
    card: ModelCard,
    *,
    doors: Doors = Doors.UINT8,
    precision: Precision = Precision.FP32,
    eight_bits: EightBits | None = None,
    in_phases: bool = False,
) -> onnx.ModelProto:
    """Return a new graph with the input `images` and the output `translated`, both N×H×W×3 RGB as `doors` says.

    Output height and width are `card.scale` times the input's. uint8 results are clamped and rounded to nearest.
    `eight_bits` says how a graph in int8 is rounded; `in_phases` cuts the last convolutions for a CPU (phases.py).

    Raises:
        ModelError: the graph does not have the input and output that its card names, its opset cannot be raised, or
            its weights are too large for fp16.
    """
    graph_model = modernize(model)
    graph = graph_model.graph
    _check_ends(graph, card)
    is_rounded = rounds_itself(graph_model, card)
    if precision is not Precision.FILE:
        widen(graph_model)  # a file in pure halves too, whose statistics would overflow
        if is_rounded:
            convert_from_int8(graph_model)
        is_rounded = precision is Precision.INT8
    if in_phases and all(edge % SQUARE == 0 for edge in (card.size_multiple * card.scale, *(card.fixed_size_hw or ()))):
        cut_into_phases(graph)
    if precision is Precision.FP16:
        convert_to_half(graph_model)
    if precision is Precision.INT8:
        assert eight_bits is not None  # who asks for int8 has measured them
        convert_to_int8(graph_model, eight_bits)
    _add_doors(graph, card, doors, is_rounded=is_rounded)
    del graph_model.metadata_props[:]
    return graph_model


def modernize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy at opset 18 to 21 with functions inlined, constants as initializers, and nothing that is not used.

    Raises:
        ModelError: the model's opset cannot be raised, or an operator in it is not what the standard says.
    """
    modern = onnx.ModelProto()
    modern.CopyFrom(model)
    try:
        if modern.functions:
            modern = onnx.inliner.inline_local_functions(modern)
        versions = [entry.version for entry in modern.opset_import if entry.domain in ("", "ai.onnx")]
        if not versions:
            raise ModelError("the model does not say which ONNX opset it needs")
        newest = onnx.defs.onnx_opset_version()
        if not 1 <= versions[0] <= newest:
            raise ModelError(
                f"the model needs ONNX opset {versions[0]}, and cgconv knows 1 to {newest}; "
                f"export it again with opset {OPSET}, or update cgconv"
            )
        if versions[0] < 18:
            modern = onnx.version_converter.convert_version(modern, OPSET)
        if versions[0] < 11:
            _resize_as_before_11(modern.graph)
    except (RuntimeError, ValueError, onnx.checker.ValidationError, onnx.version_converter.ConvertError) as error:
        raise ModelError(f"the model is damaged or cannot be brought to opset {OPSET}: {first_line(error)}") from error
    modern.ir_version = IR_VERSION
    graph = modern.graph
    weights = {tensor.name for tensor in graph.initializer}
    keep(graph.input, lambda value: value.name not in weights)  # old exporters list weights as inputs
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        if node.attribute and node.attribute[0].name == "value":
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            graph.node.remove(node)
    drop_unused(graph)
    del graph.value_info[:]
    return modern


def _resize_as_before_11(graph: onnx.GraphProto) -> None:
    """Say of each Resize what opsets up to 10 meant; the converter leaves the newer default, which is another one."""
    for node in graph.node:
        if node.op_type == "Resize":
            keep(node.attribute, lambda part: part.name == "mode")
            node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
            node.attribute.append(helper.make_attribute("nearest_mode", "floor"))


def first_line(error: Exception) -> str:
    """Return the first line of a foreign library's message, shortened."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


# --- doors


def _check_ends(graph: onnx.GraphProto, card: ModelCard) -> None:
    inputs = [value.name for value in graph.input]
    outputs = [value.name for value in graph.output]
    if inputs != [card.input_name]:
        raise ModelError(f"model {card.name}: its inputs are {inputs}, its card says {card.input_name}")
    if card.output_name not in outputs:
        raise ModelError(f"model {card.name}: its outputs are {outputs}, its card says {card.output_name}")
    keep(graph.output, lambda value: value.name == card.output_name)
    drop_unused(graph)


def _add_doors(graph: onnx.GraphProto, card: ModelCard, doors: Doors, *, is_rounded: bool) -> None:
    """Put cast, scale, transpose before the model and their inverses with clamp and round behind it.

    `is_rounded`: the graph has 8-bit convolutions. OpenVINO would then take the uint8 picture with its scale for
    rounded values, too, and compute in whole levels what reads it (a mean over neighbors, say: 10 dB lost). A rounding
    of what is round already keeps it from that.
    """
    net_in, net_out = card.input_name, card.output_name
    _rename_clashes(graph, {IMAGES, TRANSLATED}, but={net_in, net_out})
    net_in = _rename(graph, net_in, "cgconv_net_in")
    net_out = _rename(graph, net_out, _NET_OUT)
    batch, height, width = _sizes(graph.input[0], card.layout_in)
    out_batch, out_height, out_width = _sizes(graph.output[0], card.layout_out)
    white = 255.0 if doors is Doors.UINT8 else 1.0
    element = TensorProto.UINT8 if doors is Doors.UINT8 else TensorProto.FLOAT

    before = _Chain(graph, IMAGES, "cgconv_in")
    if doors is Doors.UINT8:
        before.then("Cast", to=TensorProto.FLOAT)
        if is_rounded:
            before.then("Round")
    if card.channel_order is ChannelOrder.BGR:
        before.then("Gather", before.constant([2, 1, 0], np.int64), axis=3)
    low, high = card.value_range_in
    before.scale_and_shift((high - low) / white, low)
    if card.layout_in is Layout.NCHW:
        before.then("Transpose", perm=[0, 3, 1, 2])
    if graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT16:
        before.then("Cast", to=TensorProto.FLOAT16)
    before.end(net_in)

    after = _Chain(graph, net_out, "cgconv_out")
    if graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT16:
        after.then("Cast", to=TensorProto.FLOAT)
    if card.layout_out is Layout.NCHW:
        after.then("Transpose", perm=[0, 2, 3, 1])
    low, high = card.value_range_out
    after.shift_and_scale(-low, white / (high - low))
    after.then("Clip", after.constant(0.0), after.constant(white))
    if card.channel_order is ChannelOrder.BGR:
        after.then("Gather", after.constant([2, 1, 0], np.int64), axis=3)
    if doors is Doors.UINT8:
        after.then("Round")
        after.then("Cast", to=TensorProto.UINT8)
    after.end(TRANSLATED)

    replace_all(graph.node, [*before.nodes, *graph.node, *after.nodes])
    others_in = [value for value in graph.input if value.name != net_in]
    others_out = [value for value in graph.output if value.name != net_out]
    replace_all(graph.input, [helper.make_tensor_value_info(IMAGES, element, [batch, height, width, 3]), *others_in])
    translated = helper.make_tensor_value_info(TRANSLATED, element, [out_batch, out_height, out_width, 3])
    replace_all(graph.output, [translated, *others_out])


def watched(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a specialized graph with one more output, STRANGE: what is clamped afterwards hides NaN."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    graph = copied.graph
    axes = add_initializer(graph, "cgconv_watch_axes", [1, 2, 3], np.int64)
    graph.node.extend(
        [
            helper.make_node("IsNaN", [_NET_OUT], ["cgconv_watch_nan"]),
            helper.make_node("IsInf", [_NET_OUT], ["cgconv_watch_inf"]),
            helper.make_node("Or", ["cgconv_watch_nan", "cgconv_watch_inf"], ["cgconv_watch_either"]),
            helper.make_node("Cast", ["cgconv_watch_either"], ["cgconv_watch_number"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMax", ["cgconv_watch_number", axes], [STRANGE], keepdims=0),
        ]
    )
    graph.output.append(helper.make_tensor_value_info(STRANGE, TensorProto.FLOAT, ["batch"]))
    return copied


class _Chain:
    """A row of nodes, each fed by the one before."""

    def __init__(self, graph: onnx.GraphProto, start: str, prefix: str) -> None:
        self.graph, self.last, self.prefix = graph, start, prefix
        self.nodes: list[onnx.NodeProto] = []
        self._constants = 0

    def then(self, op_type: str, *more_inputs: str, **attributes: Any) -> None:  # Any: ONNX attributes
        output = f"{self.prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, [self.last, *more_inputs], [output], name=output, **attributes))
        self.last = output

    def constant(self, values: npt.ArrayLike, dtype: Any = np.float32) -> str:  # Any: dtype
        self._constants += 1
        return add_initializer(self.graph, f"{self.prefix}_constant_{self._constants}", values, dtype)

    def scale_and_shift(self, factor: float, offset: float) -> None:
        if factor != 1:
            self.then("Mul", self.constant(factor))
        if offset != 0:
            self.then("Add", self.constant(offset))

    def shift_and_scale(self, offset: float, factor: float) -> None:
        if offset != 0:
            self.then("Add", self.constant(offset))
        if factor != 1:
            self.then("Mul", self.constant(factor))

    def end(self, name: str) -> None:
        """Give the last result its final name."""
        if not self.nodes:
            self.then("Identity")
        self.nodes[-1].output[0] = name


def _sizes(value: onnx.ValueInfoProto, layout: Layout) -> tuple[int | str, int | str, int | str]:
    """Return batch, height and width of a value: numbers where they are fixed, names where they are free."""
    dims = [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]
    if len(dims) != 4:
        dims = ["", "", "", ""]
    order = (0, 2, 3) if layout is Layout.NCHW else (0, 1, 2)
    kind = "out_" if value.name == _NET_OUT else ""
    batch, height, width = (
        dims[axis] if isinstance(dims[axis], int) else name
        for axis, name in zip(order, ("batch", f"{kind}height", f"{kind}width"), strict=True)
    )
    return batch, height, width


# --- small helpers


def _rename(graph: onnx.GraphProto, old: str, new: str) -> str:
    """Rename a tensor wherever it stands and return its new name."""
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    for value in [*graph.input, *graph.output, *graph.initializer]:
        if value.name == old:
            value.name = new
    return new


def _rename_clashes(graph: onnx.GraphProto, reserved: set[str], but: set[str]) -> None:
    taken = {name for node in graph.node for name in [*node.input, *node.output]}
    for name in (taken & reserved) - but:
        _rename(graph, name, f"cgconv_own_{name}")
