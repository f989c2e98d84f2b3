"""Small edits of an ONNX graph that several files need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.shape_inference
from onnx import numpy_helper

from cgconv.runtime.errors import ModelError


def add_initializer(
    graph: onnx.GraphProto, name: str, values: npt.ArrayLike, dtype: Any = np.float32
) -> str:  # Any: dtype
    """Add a constant and return its name."""
    graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
    return name


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove the nodes and weights that no output needs."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if any(name in needed for name in node.output):
            kept.append(node)
            needed.update(node.input)
            needed.update(captured_names(node))
    if len(kept) < len(graph.node):
        replace_all(graph.node, kept[::-1])
    keep(graph.initializer, lambda tensor: tensor.name in needed)


def inferred_graph(model: onnx.ModelProto, *, data_prop: bool = False) -> onnx.GraphProto:
    """Return the graph with the types and shapes that follow from the standard. Raises ModelError."""
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=data_prop).graph
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise ModelError(f"the model is damaged: {str(error).strip().splitlines()[0][:200]}") from error


def captured_names(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that the graphs inside a node (If, Loop, Scan) may read from outside."""
    names: set[str] = set()
    for attribute in node.attribute:
        for inner in [attribute.g, *attribute.graphs]:
            names.update(value.name for value in inner.output)
            for inner_node in inner.node:
                names.update(inner_node.input)
                names |= captured_names(inner_node)
    return names


def keep(entries: Any, is_kept: Callable[[Any], bool]) -> None:  # Any: protobuf's repeated fields have no common type
    """Remove the entries of a repeated field that `is_kept` says no to."""
    removed = [entry for entry in entries if not is_kept(entry)]
    for entry in removed:
        entries.remove(entry)


def replace_all(entries: Any, new: list[Any]) -> None:  # Any: as above
    """Put copies of `new`, some of which may be in the repeated field already, in place of all its entries."""
    copied = [type(entry).FromString(entry.SerializeToString()) for entry in new]
    del entries[:]
    entries.extend(copied)
