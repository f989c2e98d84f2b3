"""Make small models for tests: real ONNX graphs, seeded, without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cgconv.runtime.models.card import ModelCard, write_card


class GraphBuilder:
    """Writes an ONNX graph node by node; every method returns the name of its result."""

    def __init__(self, seed: int = 0, opset: int = 20) -> None:
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._count = 0

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        self._count += 1
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), f"w{self._count}"))
        return f"w{self._count}"

    def node(self, op_type: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        self._count += 1
        output = output or f"t{self._count}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [output], **attributes))
        return output

    def pad(self, data: str, edge: int) -> str:
        pads = [0, 0, edge, edge, 0, 0, edge, edge]
        if self.opset < 11:
            return self.node("Pad", data, mode="reflect", pads=pads)
        return self.node("Pad", data, self.constant(pads, np.int64), mode="reflect")

    def conv(self, data: str, channels_in: int, channels: int, kernel: int, stride: int = 1, padding: int = 0) -> str:
        spread = 1 / np.sqrt(channels_in * kernel**2)
        weight = self.constant(self.random.normal(0, spread, (channels, channels_in, kernel, kernel)))
        bias = self.constant(self.random.normal(0, 0.02, channels))
        return self.node(
            "Conv", data, weight, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4
        )

    def norm(self, data: str, channels: int) -> str:
        gain = self.constant(self.random.uniform(0.7, 1.3, channels))
        offset = self.constant(self.random.normal(0, 0.1, channels))
        return self.node("InstanceNormalization", data, gain, offset, epsilon=1e-5)

    def upsample(self, data: str) -> str:
        scales = self.constant([1, 1, 2, 2])
        return self.node(
            "Resize",
            data,
            "",
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def model(
        self,
        output: str,
        *,
        shape_in: list[int | str] | None = None,
        shape_out: list[int | str] | None = None,
        element: int = TensorProto.FLOAT,
    ) -> onnx.ModelProto:
        """Return a model from `input` to `output`; NCHW with free sizes unless shapes are given."""
        given = helper.make_tensor_value_info("input", element, shape_in or ["n", 3, "h", "w"])
        made = helper.make_tensor_value_info(output, element, shape_out or ["n", 3, "h2", "w2"])
        graph = helper.make_graph(self.nodes, "small", [given], [made], self.weights)
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=4 if self.opset < 11 else 10)


def card_for(model: onnx.ModelProto, **changes: Any) -> ModelCard:
    """Return a card that fits `model`; float NCHW RGB in -1..1 unless changed."""
    facts: dict[str, Any] = {
        "name": "small",
        "input_name": model.graph.input[0].name,
        "output_name": model.graph.output[0].name,
        "value_range_in": (-1.0, 1.0),
        "value_range_out": (-1.0, 1.0),
        "size_multiple": 1,
        "smallest_size": 1,
    }
    return ModelCard(**(facts | changes))


def with_card(model: onnx.ModelProto, **changes: Any) -> onnx.ModelProto:
    """Write a card into `model` and return it."""
    write_card(model, card_for(model, **changes))
    return model


def identity_model(shape: list[int | str] | None = None, element: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """Return a model, without a card, that gives back what it gets."""
    builder = GraphBuilder()
    return builder.model(builder.node("Identity", "input"), shape_in=shape, shape_out=shape, element=element)


def small_resnet(width: int = 8, blocks: int = 2, seed: int = 0) -> onnx.ModelProto:
    """Return a small ResNet generator with its card: 7×7, two strides of 2, blocks, two resize-convolutions, 7×7."""
    net = GraphBuilder(seed)
    data = net.node("Relu", net.norm(net.conv(net.pad("input", 3), 3, width, 7), width))
    for factor in (1, 2):
        data = net.conv(data, width * factor, width * factor * 2, 3, stride=2, padding=1)
        data = net.node("Relu", net.norm(data, width * factor * 2))
    for _ in range(blocks):
        inner = net.node("Relu", net.norm(net.conv(net.pad(data, 1), width * 4, width * 4, 3), width * 4))
        inner = net.norm(net.conv(net.pad(inner, 1), width * 4, width * 4, 3), width * 4)
        data = net.node("Add", data, inner)
    for factor in (4, 2):
        data = net.conv(net.pad(net.upsample(data), 1), width * factor, width * factor // 2, 3)
        data = net.node("Relu", net.norm(data, width * factor // 2))
    data = net.node("Tanh", net.conv(net.pad(data, 3), width, 3, 7))
    return with_card(net.model(data), size_multiple=4, smallest_size=8, normalization="instance")


def photo(size_hw: tuple[int, int], seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a made-up photograph 1×H×W×3."""
    from cgconv.runtime.backends.probe import natural_picture

    return natural_picture(size_hw, seed)[None]


def decibels(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], peak: float = 255.0) -> float:
    """Return the PSNR of two arrays."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float(10 * np.log10(peak**2 / max(error, 1e-20)))
