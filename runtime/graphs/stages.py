"""Cut a graph into stages that can be computed in parts, exactly.

Only its instance norms tie a pixel to the whole picture. Stage i computes the input of the i-th norm, with the norms
before it replaced by their known statistics; what it needs from far away is bounded by the kernels between two norms
(`halo_px`), not by the whole network's receptive field.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from cgconv.runtime.errors import ModelError

from .graph import IMAGES, TRANSLATED
from .graph_edit import inferred_graph
from .half import convolutions

STORED_BYTES_PER_PIXEL = 160  # of the picture; above it a layer is computed again from an earlier one, not stored

_USUAL_SHARE = 1 / 16  # of the pixels: where most layers of a generator lie

_POINTWISE = {
    *("Abs", "Add", "BatchNormalization", "Cast", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid"),
    *("HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "PRelu", "Reciprocal"),
    *("Relu", "Round", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tanh"),
    *("Floor", "Ceil", "ThresholdedRelu", "Where", "Concat", "Split", "Gather", "Dropout"),
}


@dataclass(frozen=True)
class Place:
    """How a tensor lies over the picture."""

    axes: tuple[int, int]  # of height and width
    pixels: Fraction  # tensor pixels for each picture pixel along an edge, e.g. 1/4
    channels: int
    element: int  # onnx.TensorProto data type

    @property
    def bytes_per_pixel(self) -> float:
        """Bytes for each pixel of the picture."""
        return self.channels * np.dtype(helper.tensor_dtype_to_np_dtype(self.element)).itemsize * float(self.pixels**2)


@dataclass(frozen=True)
class Norm:
    """One instance norm: its input, and what turns statistics into a factor and a shift for each channel."""

    data: str
    gain: npt.NDArray[np.float64]  # C
    offset: npt.NDArray[np.float64]  # C
    epsilon: float


@dataclass(frozen=True)
class Stage:
    """One pass over all parts of the picture.

    `model` reads `reads` (parts of `images` or of stored layers) and `norm_{i}_factor` and `norm_{i}_shift` (1×C×1×1)
    for each i in `given`; it makes `makes`. `measured` is the one whose mean and variance the next norm needs.
    """

    model: onnx.ModelProto
    reads: list[str]
    given: list[int]
    makes: list[str]
    stored: list[str]
    measured: str | None
    halo_px: int


@dataclass(frozen=True)
class Plan:
    """All stages of a graph; `align_px` divides the edges of every part; the whole graph at once takes
    `whole_bytes_per_pixel` at its peak, by count: backends take up to twice as much."""

    stages: list[Stage]
    norms: list[Norm]
    places: dict[str, Place]
    align_px: int
    whole_bytes_per_pixel: float


def plan_stages(model: onnx.ModelProto, size_multiple: int) -> Plan:
    """Cut a specialized graph (doors of any kind).

    Raises:
        ModelError: the graph has an operator that mixes far-apart pixels and is no instance norm.
    """
    graph = model.graph
    places = find_places(model, size_multiple)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    norm_nodes = [node for node in graph.node if node.op_type == "InstanceNormalization"]
    norms = [_norm(node, weights) for node in norm_nodes]
    number = {node.output[0]: index for index, node in enumerate(norm_nodes)}
    if not {IMAGES, TRANSLATED, *(norm.data for norm in norms)} <= set(places):
        raise ModelError("the size of a layer does not change with the picture's")
    phase = _phases(graph, number)
    align = math.lcm(size_multiple, *(place.pixels.denominator for place in places.values()))
    stages: list[Stage] = []
    frontier = {IMAGES}
    for index in range(len(norms) + 1):
        is_last = index == len(norms)
        target = TRANSLATED if is_last else norms[index].data
        crossing = set() if is_last else _crossing(graph, phase, index)
        keeps = (
            not is_last
            and all(name in places for name in crossing)
            and sum(places[name].bytes_per_pixel for name in crossing - {IMAGES}) <= STORED_BYTES_PER_PIXEL
        )
        makes = sorted({target} | (crossing - frontier if keeps else set()))
        stages.append(_stage(model, places, weights, number, frontier, makes, target, is_last, keeps))
        if keeps:
            frontier = crossing
    return Plan(stages, norms, places, align, peak_bytes_per_pixel(graph, places))


def find_places(model: onnx.ModelProto, size_multiple: int) -> dict[str, Place]:
    """Return how every tensor with a height and a width lies over the picture.

    Raises:
        ModelError: a tensor's size does not follow the picture's.
    """
    edge = size_multiple * math.ceil(512 / size_multiple)
    step = size_multiple * math.ceil(64 / size_multiple)
    base, taller, wider = (_shapes(model, size) for size in ((edge, edge), (edge + step, edge), (edge, edge + step)))
    places = {}
    for name, (element, shape) in base.items():
        if len(shape) != 4 or name not in taller or name not in wider:
            continue
        rows = [axis for axis in range(4) if shape[axis] != taller[name][1][axis]]
        columns = [axis for axis in range(4) if shape[axis] != wider[name][1][axis]]
        if len(rows) != 1 or len(columns) != 1 or rows == columns:
            continue
        growth = Fraction(taller[name][1][rows[0]] - shape[rows[0]], step)
        channels = math.prod(shape) // (shape[rows[0]] * shape[columns[0]])
        places[name] = Place((rows[0], columns[0]), growth, channels, element)
    return places


def peak_bytes_per_pixel(graph: onnx.GraphProto, places: dict[str, Place]) -> float:
    """Return the most that is alive at once when nodes are computed in order, in bytes for each picture pixel."""
    last_use = {name: position for position, node in enumerate(graph.node) for name in node.input}
    ends = {value.name for value in graph.output}
    alive = {value.name: places[value.name].bytes_per_pixel for value in graph.input if value.name in places}
    peak = sum(alive.values())
    for position, node in enumerate(graph.node):
        for name in node.output:
            if name in places:
                alive[name] = places[name].bytes_per_pixel
        peak = max(peak, sum(alive.values()))
        for name in [*node.input, *node.output]:
            if last_use.get(name, -1) <= position and name not in ends:
                alive.pop(name, None)
    return peak


def multiply_adds_per_pixel(model: onnx.ModelProto, size_multiple: int) -> float:
    """Return how many products a specialized graph's convolutions sum for each pixel of the picture, about.

    Where a layer's size cannot be told without running it, it is taken for a quarter of the picture's edges.

    Raises:
        ModelError: a tensor's size does not follow the picture's.
    """
    places = find_places(model, size_multiple)
    elements = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    total = 0.0
    for node in convolutions(model.graph):
        place = places.get(node.output[0] if node.op_type == "Conv" else node.input[0])
        total += elements.get(node.input[1], 0) * float(place.pixels**2 if place is not None else _USUAL_SHARE)
    return total


def receptive_field_px(model: onnx.ModelProto, size_multiple: int) -> int | None:
    """Return how many picture pixels, edge to edge, one result sees through convolutions, None if unknown."""
    try:
        places = find_places(model, size_multiple)
        before, after = _reach(model.graph, {IMAGES}, TRANSLATED, places)
    except ModelError:
        return None
    return math.ceil(before + after) + 1


def _norm(node: onnx.NodeProto, weights: dict[str, npt.NDArray[Any]]) -> Norm:  # Any: float32 or float16
    epsilon = next((part.f for part in node.attribute if part.name == "epsilon"), 1e-5)
    gain, offset = (weights[name].astype(np.float64) for name in node.input[1:3])
    return Norm(node.input[0], gain, offset, epsilon)


def _phases(graph: onnx.GraphProto, number: dict[str, int]) -> dict[str, int]:
    """Return for each tensor how many norms must be known before it: 1 + the highest norm it depends on, else 0."""
    phase: dict[str, int] = {}
    for node in graph.node:
        own = max((phase.get(name, 0) for name in node.input), default=0)
        for name in node.output:
            phase[name] = max(own, number[name] + 1) if name in number else own
    return phase


def _crossing(graph: onnx.GraphProto, phase: dict[str, int], index: int) -> set[str]:
    """Return the tensors that can be computed before norm `index` is known and are needed after."""
    crossing: set[str] = set()
    for node in graph.node:
        if phase[node.output[0]] > index:
            crossing.update(name for name in node.input if name == IMAGES or (name in phase and phase[name] <= index))
    return crossing


def _stage(
    model: onnx.ModelProto,
    places: dict[str, Place],
    weights: dict[str, npt.NDArray[Any]],  # Any: any type of weight
    number: dict[str, int],
    frontier: set[str],
    makes: list[str],
    target: str,
    is_last: bool,
    keeps: bool,
) -> Stage:
    nodes = _nodes_between(model.graph, frontier, makes)
    given = [number[node.output[0]] for node in nodes if node.op_type == "InstanceNormalization"]
    reads = sorted({name for node in nodes for name in node.input} & frontier)
    used = {name for node in nodes for name in node.input}
    new_nodes: list[onnx.NodeProto] = []
    inputs = [_value(name, places[name]) for name in reads]
    for node in nodes:
        if node.op_type != "InstanceNormalization":
            new_nodes.append(node)
            continue
        index = number[node.output[0]]
        channels = int(weights[node.input[1]].size)
        factor, shift = f"norm_{index}_factor", f"norm_{index}_shift"
        shape = [1, channels, 1, 1]
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in (factor, shift)]
        new_nodes.append(helper.make_node("Mul", [node.input[0], factor], [f"{node.output[0]}_scaled"]))
        new_nodes.append(helper.make_node("Add", [f"{node.output[0]}_scaled", shift], [node.output[0]]))
    graph = helper.make_graph(
        new_nodes,
        "stage",
        inputs,
        [_value(name, places[name]) for name in makes],
        [tensor for tensor in model.graph.initializer if tensor.name in used],
    )
    stage_model = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    halo = 0.0
    for name in makes:
        before, after = _reach(graph, set(reads), name, places)
        halo = max(halo, before, after)
    stored = [name for name in makes if keeps]
    return Stage(stage_model, reads, given, makes, stored, None if is_last else target, math.ceil(halo))


def _nodes_between(graph: onnx.GraphProto, frontier: set[str], makes: Iterable[str]) -> list[onnx.NodeProto]:
    needed = set(makes) - frontier
    nodes = []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output):
            nodes.append(node)
            needed.update(name for name in node.input if name not in frontier)
    return nodes[::-1]


def _value(name: str, place: Place) -> onnx.ValueInfoProto:
    shape: list[int | str] = [1 if axis == 0 else place.channels for axis in range(4)]
    shape[place.axes[0]], shape[place.axes[1]] = f"{name}_height", f"{name}_width"
    return helper.make_tensor_value_info(name, place.element, shape)


# --- how far a result reaches

_Span = tuple[
    Fraction, Fraction, Fraction
]  # picture pixels: one step of the tensor, first and last pixel seen from i·step


def _reach(graph: onnx.GraphProto, sources: set[str], target: str, places: dict[str, Place]) -> tuple[float, float]:
    """Return how many picture pixels before and after its own place a pixel of `target` depends on."""
    before = after = Fraction(0)
    for edge in (0, 1):
        spans: dict[str, _Span] = {name: (1 / places[name].pixels, Fraction(0), Fraction(0)) for name in sources}
        for node in graph.node:
            inputs = [spans[name] for name in node.input if name in spans]
            if inputs:
                span = _span_after(node, inputs, edge, graph)
                spans |= {name: span for name in node.output}
        if target not in spans:
            continue
        _, low, high = spans[target]
        before, after = max(before, -low), max(after, high)
    return float(before), float(after)


def _span_after(node: onnx.NodeProto, inputs: list[_Span], edge: int, graph: onnx.GraphProto) -> _Span:
    step, low, high = inputs[0][0], min(span[1] for span in inputs), max(span[2] for span in inputs)
    if any(span[0] != step for span in inputs):
        raise ModelError(f"the operator {node.op_type} joins layers of different sizes")
    parts = {part.name: helper.get_attribute_value(part) for part in node.attribute}
    if node.op_type in _POINTWISE or node.op_type in ("Transpose", "InstanceNormalization"):
        return step, low, high
    if node.op_type in ("Conv", "MaxPool", "AveragePool", "ConvTranspose"):
        kernel = _edge_of(parts.get("kernel_shape") or _weight_shape(graph, node)[2:], edge)
        dilation, stride = (_edge_of(parts.get(name, [1, 1]), edge) for name in ("dilations", "strides"))
        seen = (kernel - 1) * dilation
        padding = _edge_of(parts.get("pads", [0, 0, 0, 0]), edge)
        if parts.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            padding = seen if node.op_type != "ConvTranspose" else 0
            low, high = low - step, high + step * (seen if node.op_type != "ConvTranspose" else 1)
        if node.op_type == "ConvTranspose":
            return step / stride, low + Fraction(padding - seen, stride) * step, high + Fraction(padding, stride) * step
        return step * stride, low - padding * step, high + (seen - padding) * step
    if node.op_type == "Pad":
        pads = _constant(graph, node.input[1]) if len(node.input) > 1 else None
        if pads is None or len(pads) != 8:
            raise ModelError("a Pad does not say by how much")
        padding = int(pads[2 + edge])
        return step, low - padding * step, high - padding * step
    if node.op_type == "DepthToSpace":
        return step / parts["blocksize"], low - step, high
    if node.op_type == "SpaceToDepth":
        return step * parts["blocksize"], low, high + (parts["blocksize"] - 1) * step
    if node.op_type in ("Resize", "Upsample"):
        scales = _constant(graph, node.input[2 if node.op_type == "Resize" else 1])
        if scales is None or len(scales) != 4:
            raise ModelError("a Resize does not say by how much")
        factor = Fraction(float(scales[2 + edge])).limit_denominator(64)
        around = {b"nearest": 1, b"linear": 2, b"cubic": 3}[parts.get("mode", b"nearest")] * max(step, step / factor)
        return step / factor, low - around, high + around
    raise ModelError(f"the operator {node.op_type} ties every pixel to the whole picture")


def _edge_of(values: Any, edge: int) -> int:  # Any: an attribute's list of int
    return int(values[edge] if len(values) > edge else values[-1])


def _weight_shape(graph: onnx.GraphProto, node: onnx.NodeProto) -> list[int]:
    for tensor in graph.initializer:
        if tensor.name == node.input[1]:
            return list(tensor.dims)
    raise ModelError("a convolution's weights are not in the model")


def _constant(graph: onnx.GraphProto, name: str) -> npt.NDArray[Any] | None:  # Any: any type of weight
    for tensor in graph.initializer:
        if tensor.name == name:
            return numpy_helper.to_array(tensor)
    return None


def _shapes(model: onnx.ModelProto, size_hw: tuple[int, int]) -> dict[str, tuple[int, list[int]]]:
    """Return element type and shape of every tensor for one picture of this size."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        if value.name == IMAGES:
            dims = value.type.tensor_type.shape.dim
            for dim, size in zip(dims, (1, *size_hw, 3), strict=True):
                dim.dim_value = size
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = inferred_graph(fixed, data_prop=True)
    found = {}
    for value in [*inferred.input, *inferred.value_info, *inferred.output]:
        kind = value.type.tensor_type
        shape = [dim.dim_value for dim in kind.shape.dim]
        if shape and all(shape):
            found[value.name] = (kind.elem_type, shape)
    return found
