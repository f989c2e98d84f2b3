"""A specialized graph takes and gives pictures exactly, in every layout, order, range and precision."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from small_models import GraphBuilder, card_for, decibels, identity_model, photo, small_resnet

from cgconv.runtime.backends.choose import open_graph
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import ModelError
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, Doors, Precision, modernize, specialize
from cgconv.runtime.graphs.half import convolutions
from cgconv.runtime.graphs.int8 import EightBits
from cgconv.runtime.models.card import read_card

Array = np.ndarray[Any, Any]
ALL_LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 8, 32, 1).repeat(3, axis=3)
BOTH = [BackendName.ONNXRUNTIME, BackendName.OPENVINO]


def run(graph: onnx.ModelProto, feeds: dict[str, Array], backend: BackendName = BackendName.ONNXRUNTIME) -> Any:
    opened = open_graph(graph, Machine(backend=backend))
    try:
        return opened.run(feeds)
    finally:
        opened.close()


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)])
def test_all_256_levels_pass_an_identity_unchanged(value_range: tuple[float, float], backend: BackendName) -> None:
    model = identity_model()
    card = card_for(model, value_range_in=value_range, value_range_out=value_range)
    result = run(specialize(model, card), {IMAGES: ALL_LEVELS}, backend)[TRANSLATED]
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, ALL_LEVELS)


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)])
def test_all_65536_levels_pass_float_doors_unchanged(value_range: tuple[float, float], backend: BackendName) -> None:
    model = identity_model()
    card = card_for(model, value_range_in=value_range, value_range_out=value_range)
    levels = np.arange(65536).reshape(1, 256, 256, 1).repeat(3, axis=3)
    images = (levels / 65535).astype(np.float32)
    result = run(specialize(model, card, doors=Doors.FLOAT32), {IMAGES: images}, backend)[TRANSLATED]
    assert result.dtype == np.float32
    np.testing.assert_array_equal(np.round(result * 65535), levels)


def test_layouts_and_channel_orders_all_give_the_same_picture() -> None:
    image = photo((24, 40))
    for layout, order in product(("NCHW", "NHWC"), ("RGB", "BGR")):
        shape: list[int | str] = ["n", 3, "h", "w"] if layout == "NCHW" else ["n", "h", "w", 3]
        model = identity_model(shape)
        card = card_for(model, layout_in=layout, layout_out=layout, channel_order=order)
        np.testing.assert_array_equal(run(specialize(model, card), {IMAGES: image})[TRANSLATED], image)


def test_a_bgr_model_sees_blue_first() -> None:
    net = GraphBuilder()
    gains = net.constant(np.array([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1))
    model = net.model(net.node("Mul", "input", gains))
    card = card_for(model, channel_order="BGR", value_range_in=(0, 1), value_range_out=(0, 1))
    result = run(specialize(model, card), {IMAGES: np.full((1, 4, 4, 3), 200, np.uint8)})[TRANSLATED]
    assert result[0, 0, 0].tolist() == [0, 0, 200]


@pytest.mark.parametrize("backend", BOTH)
def test_results_are_rounded_to_nearest_and_clamped(backend: BackendName) -> None:
    net = GraphBuilder()
    moved = net.node("Add", "input", net.constant(np.array([0.6, 400.0, -400.0]).reshape(1, 3, 1, 1)))
    model = net.model(moved)
    card = card_for(model, value_range_in=(0, 255), value_range_out=(0, 255))
    result = run(specialize(model, card), {IMAGES: np.full((1, 2, 2, 3), 100, np.uint8)}, backend)[TRANSLATED]
    assert result[0, 0, 0].tolist() == [101, 255, 0]


def test_different_layouts_at_the_two_ends() -> None:
    net = GraphBuilder()
    model = net.model(net.node("Transpose", "input", perm=[0, 2, 3, 1]), shape_out=["n", "h", "w", 3])
    image = photo((9, 14))
    graph = specialize(model, card_for(model, layout_out="NHWC"))
    np.testing.assert_array_equal(run(graph, {IMAGES: image})[TRANSLATED], image)


def test_a_model_in_halves_is_computed_in_full_on_a_cpu_and_stays_in_halves_when_asked() -> None:
    model = identity_model(element=TensorProto.FLOAT16)
    net = GraphBuilder()
    weight = np.zeros((3, 3, 1, 1), np.float16)
    weight[range(3), range(3)] = 1
    made = net.node("Conv", "input", net.constant(weight, np.float16))
    model = net.model(made, element=TensorProto.FLOAT16)
    card = card_for(model, dtype="float16")
    full = specialize(model, card)
    assert all(tensor.data_type != TensorProto.FLOAT16 for tensor in full.graph.initializer)
    np.testing.assert_array_equal(run(full, {IMAGES: ALL_LEVELS})[TRANSLATED], ALL_LEVELS)
    half = specialize(model, card, precision=Precision.FP16)
    assert any(tensor.data_type == TensorProto.FLOAT16 for tensor in half.graph.initializer)
    np.testing.assert_array_equal(run(half, {IMAGES: ALL_LEVELS})[TRANSLATED], ALL_LEVELS)


def test_fp16_computes_convolutions_in_halves_and_statistics_in_full() -> None:
    model = small_resnet()
    card = read_card(model)
    assert card is not None
    full, half = specialize(model, card), specialize(model, card, precision=Precision.FP16)
    inferred = onnx.shape_inference.infer_shapes(half, strict_mode=True).graph
    element = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    element |= {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    of_convolutions = [[element[name] for name in node.input] for node in half.graph.node if node.op_type == "Conv"]
    assert len(of_convolutions) == 10
    assert all(types == [TensorProto.FLOAT16] * 3 for types in of_convolutions)
    for delicate in ("InstanceNormalization", "Tanh"):
        inputs = [element[node.input[0]] for node in half.graph.node if node.op_type == delicate]
        assert inputs
        assert set(inputs) == {TensorProto.FLOAT}
    image = photo((96, 128))
    results = [run(graph, {IMAGES: image})[TRANSLATED] for graph in (full, half)]
    assert results[0].std() > 20
    assert 40 < decibels(*results) < 90


def test_halves_survive_strong_activations_where_pure_half_statistics_overflow() -> None:
    # InstanceNormalization with a deviation of 2000 in pure float16 overflows when squared: only a Cast saves it
    net = GraphBuilder()
    strong = net.node("Mul", net.conv("input", 3, 3, 1), net.constant(np.full((1, 3, 1, 1), 2000.0)))
    model = net.model(net.node("Tanh", net.norm(strong, 3)))
    half = specialize(model, card_for(model), precision=Precision.FP16)
    image = photo((32, 32))
    reference = ReferenceEvaluator(half).run(None, {IMAGES: image})[0]
    full = run(specialize(model, card_for(model)), {IMAGES: image})[TRANSLATED]
    assert decibels(np.asarray(reference), full) > 40


@pytest.mark.parametrize(("opset", "said"), [(-1, "needs ONNX opset -1"), (0, "needs ONNX opset 0"), (11, "damaged")])
def test_opsets_that_cannot_be_raised_are_a_sentence(opset: int, said: str) -> None:
    """The converter's own exception came through, and one of Python's for opsets below 1."""
    net = GraphBuilder(opset=11)
    model = net.model(net.conv("input", 3, 3, 3))
    model.opset_import[0].version = opset
    del model.graph.initializer[:]
    with pytest.raises(ModelError, match=said):
        modernize(model)


def test_an_old_opset_with_weights_among_its_inputs_is_brought_up_to_date() -> None:
    net = GraphBuilder(opset=9)
    model = net.model(net.conv(net.pad("input", 1), 3, 3, 3))
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for tensor in weights.values():
        model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, list(tensor.dims)))
    card = card_for(model)
    image = photo((16, 16))
    result = run(specialize(model, card), {IMAGES: image})[TRANSLATED]
    tensor_in = np.ascontiguousarray((image / 127.5 - 1).transpose(0, 3, 1, 2), dtype=np.float32)
    wanted = run(model, {"input": tensor_in})[card.output_name]
    wanted_image = np.clip((wanted.transpose(0, 2, 3, 1) + 1) * 127.5, 0, 255).round()
    assert np.abs(result.astype(int) - wanted_image.astype(int)).max() <= 1


def test_the_model_itself_is_not_changed() -> None:
    model = small_resnet()
    before = model.SerializeToString(deterministic=True)
    card = read_card(model)
    assert card is not None
    eight_bits = EightBits(((-1.0, 1.0),) * len(convolutions(model.graph)))
    for precision in Precision:
        specialize(model, card, precision=precision, eight_bits=eight_bits)
    assert model.SerializeToString(deterministic=True) == before


def test_a_card_that_names_no_such_input_is_refused() -> None:
    model = identity_model()
    with pytest.raises(ModelError, match=r"its inputs are \['input'\], its card says picture"):
        specialize(model, card_for(model, input_name="picture"))
    with pytest.raises(ModelError, match="its card says result"):
        specialize(model, card_for(model, output_name="result"))


def test_names_that_a_model_uses_itself_do_not_clash() -> None:
    net = GraphBuilder()
    inner = net.node("Mul", "input", net.constant(np.float32(1)), output="translated")
    model = net.model(net.node("Identity", inner, output="images"))
    np.testing.assert_array_equal(run(specialize(model, card_for(model)), {IMAGES: ALL_LEVELS})[TRANSLATED], ALL_LEVELS)
    assert numpy_helper.to_array(model.graph.initializer[0]) == 1
