"""Give a graph from elsewhere the ends that all others have: float pictures of three channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from .graph_edit import add_initializer, replace_all

LUMA = (0.299, 0.587, 0.114)  # what gray is made of, as when a gray checkpoint is imported


def has_other_ends(model: onnx.ModelProto) -> bool:
    """Say whether a graph of one input and one output takes or gives bytes, or pictures of one channel."""
    found = _ends(model)
    return found is not None and any(_is_bytes(value) or _gray_axis(value) is not None for value in found)


def takes_bytes(model: onnx.ModelProto) -> bool:
    """Say whether a graph of one input and one output takes uint8."""
    found = _ends(model)
    return found is not None and _is_bytes(found[0])


def give_usual_ends(model: onnx.ModelProto) -> None:
    """Change a graph of opset 18 or newer in place, so that float pictures of three channels go in and come out.

    Bytes are rounded to; gray is made of the three channels by their luminance, and becomes three equal ones.
    """
    found = _ends(model)
    if found is None:
        return
    graph, (given, made) = model.graph, found
    before, after = _before(graph, given), _after(graph, made)
    replace_all(graph.node, [*before, *graph.node, *after])


def _ends(model: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto] | None:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        return None
    return inputs[0], model.graph.output[0]


def _is_bytes(value: onnx.ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == TensorProto.UINT8)


def _gray_axis(value: onnx.ValueInfoProto) -> int | None:
    """Return the axis of the one channel of gray pictures; None where they have three, or that cannot be told."""
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    kind = value.type.tensor_type.elem_type
    if len(dims) != 4 or kind not in (TensorProto.FLOAT, TensorProto.UINT8) or 3 in (dims[1], dims[3]):
        return None
    axes = [axis for axis in (1, 3) if dims[axis] == 1]
    return axes[0] if len(axes) == 1 else None


def _before(graph: onnx.GraphProto, given: onnx.ValueInfoProto) -> list[onnx.NodeProto]:
    nodes: list[onnx.NodeProto] = []
    inner, last = given.name, "cgconv_picture"
    gray_axis = _gray_axis(given)

    def then(op_type: str, *more: str, **attributes: Any) -> None:  # Any: ONNX attributes
        nonlocal last
        made = f"cgconv_ends_in_{len(nodes)}"
        nodes.append(helper.make_node(op_type, [last, *more], [made], **attributes))
        last = made

    if gray_axis is not None:
        shape = [1, 3, 1, 1] if gray_axis == 1 else [1, 1, 1, 3]
        then("Mul", add_initializer(graph, "cgconv_luma", np.reshape(LUMA, shape)))
        then("ReduceSum", add_initializer(graph, "cgconv_luma_axis", [gray_axis], np.int64), keepdims=1)
        given.type.tensor_type.shape.dim[gray_axis].dim_value = 3
    if _is_bytes(given):
        low, high = (add_initializer(graph, f"cgconv_{value}", float(value)) for value in (0, 255))
        then("Clip", low, high)
        then("Round")
        then("Cast", to=TensorProto.UINT8)
        given.type.tensor_type.elem_type = TensorProto.FLOAT
    if nodes:
        nodes[-1].output[0] = inner
        given.name = "cgconv_picture"
    return nodes


def _after(graph: onnx.GraphProto, made: onnx.ValueInfoProto) -> list[onnx.NodeProto]:
    nodes = []
    last, gray_axis = made.name, _gray_axis(made)
    if _is_bytes(made):
        nodes.append(helper.make_node("Cast", [last], ["cgconv_ends_out"], to=TensorProto.FLOAT))
        last = "cgconv_ends_out"
        made.type.tensor_type.elem_type = TensorProto.FLOAT
    if gray_axis is not None:
        nodes.append(helper.make_node("Concat", [last] * 3, ["cgconv_ends_colors"], axis=gray_axis))
        made.type.tensor_type.shape.dim[gray_axis].dim_value = 3
    if nodes:
        nodes[-1].output[0] = "cgconv_result"
        made.name = "cgconv_result"
    return nodes
