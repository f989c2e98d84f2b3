"""Find the layer at which a graph in half precision parts from the same graph in float32."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from cgconv.runtime.backends.quiet_onnxruntime import onnxruntime
from cgconv.runtime.graphs.half import LARGEST_HALF, half_name, layer_name

Array = NDArray[Any]  # Any: float32 where it is a layer's result

LAYERS_AT_ONCE = 8  # of a large picture, each takes tens of megabytes
ROUNDED_ONCE_DB = 70.0  # what one rounding to 11 bits costs: nothing in half precision is nearer to float32


def where_they_part(full: onnx.ModelProto, rounded: onnx.ModelProto, feeds: Mapping[str, Array]) -> str:
    """Return the layer that spoils the result and what happens there, as the end of a sentence.

    `full` is the float32 graph, `rounded` the same in halves as runtime.half.round_like_half gives it. What every layer
    makes is computed in both. The first layer that makes something not finite is the one; where none does, the one
    that loses most: signal to error in what it makes, against the worst in what it reads. The signal is what varies
    within a channel, because a norm takes away the rest.
    """
    made = {name for node in rounded.graph.node for name in node.output}
    twins = {}  # a tensor of the float32 graph → its name in the other
    for node in full.graph.node:
        for name in node.output:
            twin = half_name(name) if half_name(name) in made else name
            if twin in made:
                twins[name] = twin
    fidelity: dict[str, float] = {}
    largest_fall, found = -math.inf, "no layer that can be told apart"
    nodes = list(full.graph.node)
    for start in range(0, len(nodes), LAYERS_AT_ONCE):
        some = nodes[start : start + LAYERS_AT_ONCE]
        names = [name for node in some for name in node.output if name in twins]
        right = _layers(full, names, feeds)
        halved = _layers(rounded, [twins[name] for name in names], feeds)
        for node in some:
            before = min((fidelity[name] for name in node.input if name in fidelity), default=ROUNDED_ONCE_DB)
            for name in node.output:
                if name not in twins or right[name].dtype != np.float32 or right[name].ndim != 4:
                    continue
                values = halved[twins[name]]
                layer = layer_name(node, full.graph)
                if not np.isfinite(values).all():
                    reach = f"{float(np.abs(right[name]).max()):.3g}"
                    return f"{layer}, whose values reach {reach} where half precision ends at {LARGEST_HALF:.0f}"
                fidelity[name] = _fidelity_db(values, right[name])
                if before - fidelity[name] > largest_fall:
                    largest_fall = before - fidelity[name]
                    found = f"{layer}, which makes {fidelity[name]:.0f} dB out of {before:.0f} dB from float32"
    return found


def _layers(model: onnx.ModelProto, names: list[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Compute some of a graph's inner tensors."""
    if not names:
        return {}
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    del opened.graph.output[:]
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def _fidelity_db(found: Array, right: Array) -> float:
    """Return signal to error of N×C×H×W values in dB, at most ROUNDED_ONCE_DB."""
    error = float(np.mean((found.astype(np.float64) - right) ** 2))
    signal = float(np.var(right.astype(np.float64), axis=(2, 3)).mean()) or float(
        np.mean(right.astype(np.float64) ** 2)
    )
    if error == 0:
        return ROUNDED_ONCE_DB
    return min(ROUNDED_ONCE_DB, 10 * math.log10(max(signal, 1e-30) / error))
