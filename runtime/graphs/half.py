"""Compute a graph's convolutions in float16, and keep in float32 what float16 would spoil.

`convert_to_half` writes such a graph, `widen` takes it back, `round_like_half` shows on a machine that has no float16
what one that has it will give.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from cgconv.runtime.errors import ModelError
from cgconv.runtime.models.model_file import nodes_of, tensors_of

from .graph_edit import add_initializer, captured_names, drop_unused, inferred_graph, keep, replace_all

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
LARGEST_HALF = float(np.finfo(np.float16).max)  # 65504
CONVOLUTIONS = ("Conv", "ConvTranspose")

# What is computed in float16, and which of its inputs are data (None: all of them): convolutions, and what stands
# between them and loses nothing by it. The rest stays in float32: statistics, tanh, products, roots, exponentials.
_HALF_OPERATORS: dict[str, set[int] | None] = {
    "Conv": None,
    "ConvTranspose": None,
    "Relu": None,
    "LeakyRelu": None,
    "PRelu": None,
    "Clip": None,
    "Pad": {0, 2},
    "Add": None,
    "Concat": None,
    "Split": {0},
    "Slice": {0},
    "Resize": {0},
    "MaxPool": None,
    "DepthToSpace": None,
    "SpaceToDepth": None,
    "Reshape": {0},
    "Transpose": None,
    "Identity": None,
}


def convert_to_half(model: onnx.ModelProto) -> None:
    """Rewrite a modern float32 graph (graph.modernize) in place: convolutions in float16, between Cast nodes.

    Inputs and outputs keep their type. So does every instance norm: in pure float16 its variance overflows from a
    standard deviation of 256 on. Batch norms behind a convolution become part of it first, in float32. A tensor `x`
    is called `x_half` (half_name) where it is in float16.

    Raises:
        ModelError: a convolution's weights do not fit float16; says which.
    """
    graph = model.graph
    _fold_batch_norms(graph)
    _Converter(model).convert()
    del graph.value_info[:]
    drop_unused(graph)


def half_name(name: str) -> str:
    """Return what `convert_to_half` calls a tensor in float16."""
    return f"{name}_half"


def has_halves(graph: onnx.GraphProto) -> bool:
    """Say whether a graph has float16 weights."""
    return any(tensor.data_type == HALF for tensor in graph.initializer)


def convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return a graph's convolutions, plain and transposed."""
    return [node for node in nodes_of(graph) if node.op_type in CONVOLUTIONS]


def half_convolutions(model: onnx.ModelProto) -> int:
    """Return how many of a graph's convolutions take float16 inputs only: data, weights and bias."""
    elements = element_types(model)
    return sum(all(elements.get(name) == HALF for name in node.input if name) for node in convolutions(model.graph))


def widen(model: onnx.ModelProto) -> None:
    """Rewrite a graph in place so that what it has in float16 is float32, as CPUs compute it anyway.

    Input and output too. Casts that do nothing any more are taken out.
    """
    graph = model.graph
    ends = [*graph.input, *graph.output, *graph.value_info]
    casts = [target for node in nodes_of(graph) if (target := _cast_target(node)) is not None and target.i == HALF]
    tensors = [tensor for tensor in tensors_of(graph) if tensor.data_type == HALF]
    halves = [value for value in ends if value.type.tensor_type.elem_type == HALF]
    if not (casts or tensors or halves):
        return
    floats = {name for name, element in element_types(model).items() if element in (FLOAT, HALF)}
    for tensor in tensors:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for part in casts:
        part.i = FLOAT
    for value in halves:
        value.type.tensor_type.elem_type = FLOAT
    _bypass_casts(graph, floats)


def round_like_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a float32 graph that rounds to float16, after every layer, what `model` keeps in float16.

    So it gives what hardware gives that multiplies halves and sums in float32, and overflows where that overflows.
    ONNX Runtime's CPU and OpenVINO, given `model` itself, compute it in float32 from end to end without rounding.
    Rounded tensors keep their names.
    """
    elements = element_types(model)
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    graph = rounded.graph
    for tensor in tensors_of(graph):
        if tensor.data_type == HALF:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        target = _cast_target(node)
        if target is not None and target.i == HALF:
            target.i = FLOAT
        nodes.append(node)
        for index, name in enumerate(node.output):
            if elements.get(name) == HALF:
                exact, stored = f"{name}_exact", f"{name}_stored"
                node.output[index] = exact
                nodes.append(helper.make_node("Cast", [exact], [stored], to=HALF))
                nodes.append(helper.make_node("Cast", [stored], [name], to=FLOAT))
    replace_all(graph.node, nodes)
    for value in [*graph.input, *graph.output]:
        if value.type.tensor_type.elem_type == HALF:
            value.type.tensor_type.elem_type = FLOAT
    del graph.value_info[:]
    return rounded


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type (onnx.TensorProto) of every tensor whose type the standard's operators settle.

    Raises:
        ModelError: the graph's types contradict each other.
    """
    inferred = inferred_graph(model)
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    known = {value.name: value.type.tensor_type.elem_type for value in values}
    return known | {tensor.name: tensor.data_type for tensor in inferred.initializer}


def layer_name(node: onnx.NodeProto, graph: onnx.GraphProto) -> str:
    """Return what to call a node to people: operator, name, and its weights, which carry the checkpoint's names."""
    weights = {tensor.name for tensor in graph.initializer}
    of = next((name for name in node.input[1:] if name in weights and node.op_type in CONVOLUTIONS), "")
    return f"{node.op_type} {node.name or node.output[0]}" + (f" (weights {of})" if of else "")


class _Converter:
    """Writes the nodes of the float16 graph, with a Cast wherever a tensor is needed in the other type."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.elements = element_types(model)
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        self.in_full = {value.name for value in self.graph.output}  # who reads these reads them in float32
        for node in self.graph.node:
            self.in_full |= captured_names(node)
        self.taken = {name for node in self.graph.node for name in [*node.input, *node.output]} | self.weights.keys()
        self.wanted = self._wanted_in_half()
        self.halves: dict[str, str] = {}  # a tensor's name → its name in float16, where it has one
        self.only_half: set[str] = set()  # not there in float32, yet
        self.nodes: list[onnx.NodeProto] = []

    def convert(self) -> None:
        for original in list(self.graph.node):
            node = onnx.NodeProto.FromString(original.SerializeToString())
            if not self._is_half(node):
                for index, name in enumerate(node.input):
                    node.input[index] = self._full(name)
                self.nodes.append(node)
                continue
            data = _HALF_OPERATORS[node.op_type]
            for index, name in enumerate(node.input):
                node.input[index] = self._half(name) if data is None or index in data else self._full(name)
            self.nodes.append(node)
            for index, name in enumerate(node.output):
                if name and self._is_float(name):
                    self.halves[name] = node.output[index] = self._free_name(half_name(name))
                    self.only_half.add(name)
            for name in self.in_full.intersection(original.output):
                self._full(name)
        replace_all(self.graph.node, self.nodes)

    def _wanted_in_half(self) -> set[str]:
        """Return the tensors that reach a convolution through nothing but what may be in float16."""
        wanted: set[str] = set()
        for node in reversed(self.graph.node):
            if node.op_type in CONVOLUTIONS or (node.op_type in _HALF_OPERATORS and wanted.intersection(node.output)):
                wanted.update(node.input)
        return wanted

    def _is_half(self, node: onnx.NodeProto) -> bool:
        """Say whether a node is to be computed in float16: a convolution, or what stands next to one.

        Raises ModelError where it has to be and cannot.
        """
        if node.op_type not in _HALF_OPERATORS or not self._is_float(node.output[0]):
            return False
        constants = [self.weights[name] for name in node.input if name in self.weights and self._is_float(name)]
        too_large = next((tensor for tensor in constants if not _fits_half(tensor)), None)
        if node.op_type in CONVOLUTIONS:
            if too_large is not None:
                raise ModelError(
                    f"{layer_name(node, self.graph)} cannot be computed in half precision: its weights "
                    f"{_reach(too_large)}, and half precision ends at {LARGEST_HALF:.0f}"
                )
            return True
        if too_large is not None or self.in_full.intersection(node.output):
            return False
        if self.wanted.intersection(node.output):
            return True
        is_epsilon = node.op_type == "Add" and constants  # or may be one, before a division
        return not is_epsilon and any(name in self.halves for name in node.input)

    def _is_float(self, name: str) -> bool:
        return self.elements.get(name, FLOAT) == FLOAT  # unknown: behind an operator that is not the standard's

    def _half(self, name: str) -> str:
        """Return the name of a tensor in float16, after writing a Cast where there is none yet."""
        if not name or not self._is_float(name):
            return name
        if name not in self.halves:
            self.halves[name] = self._free_name(half_name(name))
            if name in self.weights:
                add_initializer(self.graph, self.halves[name], numpy_helper.to_array(self.weights[name]), np.float16)
            else:
                self.nodes.append(self._cast(name, self.halves[name], HALF))
        return self.halves[name]

    def _full(self, name: str) -> str:
        """Return the name of a tensor in float32, after writing a Cast where there is none yet."""
        if name in self.only_half:
            self.only_half.remove(name)
            self.nodes.append(self._cast(self.halves[name], name, FLOAT))
        return name

    def _cast(self, name: str, to_name: str, element: int) -> onnx.NodeProto:
        return helper.make_node("Cast", [name], [to_name], name=f"{to_name}_cast", to=element)

    def _free_name(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def _fits_half(tensor: onnx.TensorProto) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(numpy_helper.to_array(tensor).astype(np.float16)).all())


def _reach(tensor: onnx.TensorProto) -> str:
    values = numpy_helper.to_array(tensor)
    if not np.isfinite(values).all():
        return "are not all finite"
    return f"reach {np.abs(values).max():.3g}"


def _cast_target(node: onnx.NodeProto) -> onnx.AttributeProto | None:
    """Return the type that a Cast makes, None where the node is none."""
    return next((part for part in node.attribute if part.name == "to"), None) if node.op_type == "Cast" else None


def _bypass_casts(graph: onnx.GraphProto, floats: set[str]) -> None:
    """Take out the Casts from float32 to float32: who read their results reads what they read."""
    fixed = {value.name for value in graph.output}
    for node in graph.node:
        fixed |= captured_names(node)
    same: dict[str, str] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = same.get(name, name)
        target = _cast_target(node)
        if target is not None and target.i == FLOAT and node.input[0] in floats:
            if node.output[0] in fixed:
                node.op_type = "Identity"
                del node.attribute[:]
            else:
                same[node.output[0]] = node.input[0]
    keep(graph.node, lambda node: not same.keys() & set(node.output))


def _fold_batch_norms(graph: onnx.GraphProto) -> None:
    """Make the batch norms that follow a convolution, and nothing else reads it, part of its weights and bias."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in [*node.input, *captured_names(node)])
    uses.update(value.name for value in graph.output)
    folded = []
    for count, norm in enumerate(node for node in graph.node if node.op_type == "BatchNormalization"):
        convolution = makers.get(norm.input[0])
        if convolution is None or convolution.op_type not in CONVOLUTIONS or uses[norm.input[0]] > 1:
            continue
        constants = [weights.get(name) for name in [*convolution.input[1:], *norm.input[1:]]]
        if any(tensor is None or tensor.data_type != FLOAT for tensor in constants) or len(norm.output) > 1:
            continue
        kernel, bias = _folded(convolution, norm, weights)
        prefix = f"{convolution.input[1]}_folded_{count}"
        names = [add_initializer(graph, prefix, kernel), add_initializer(graph, f"{prefix}_bias", bias)]
        del convolution.input[1:]
        convolution.input.extend(names)
        convolution.output[0] = norm.output[0]
        folded.append(norm.input[0])
    keep(graph.node, lambda node: not (node.op_type == "BatchNormalization" and node.input[0] in folded))


def _folded(
    convolution: onnx.NodeProto, norm: onnx.NodeProto, weights: dict[str, onnx.TensorProto]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:  # Any: float64
    """Return the kernel and bias of a convolution that does a batch norm's work too."""
    gain, offset, mean, variance = (numpy_helper.to_array(weights[name]).astype(np.float64) for name in norm.input[1:5])
    epsilon = next((part.f for part in norm.attribute if part.name == "epsilon"), 1e-5)
    factor = gain / np.sqrt(variance + epsilon)  # one for each channel that comes out
    kernel = numpy_helper.to_array(weights[convolution.input[1]]).astype(np.float64)
    bias = numpy_helper.to_array(weights[convolution.input[2]]) if len(convolution.input) > 2 else 0.0
    if convolution.op_type == "Conv":
        scaled = kernel * factor.reshape(-1, *[1] * (kernel.ndim - 1))
    else:  # channels in × (channels out / groups) × …: each group's inputs go to its own outputs
        groups = next((part.i for part in convolution.attribute if part.name == "group"), 1)
        by_group = kernel.reshape(groups, -1, *kernel.shape[1:])
        scaled = by_group * factor.reshape(groups, 1, -1, *[1] * (kernel.ndim - 2))
    return scaled.reshape(kernel.shape), (bias - mean) * factor + offset
