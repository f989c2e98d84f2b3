"""The last convolution, computed for squares of pixels: the same picture, and only where sizes are even."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_models import GraphBuilder, card_for, photo, small_resnet

from cgconv.runtime.backends.choose import graph_for, open_graph
from cgconv.runtime.backends.machine import Array, Machine
from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, Doors, specialize
from cgconv.runtime.models.card import ModelCard, read_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translator import open_translator


def resnet() -> tuple[onnx.ModelProto, ModelCard]:
    model = small_resnet()
    card = read_card(model)
    assert card is not None
    return model, card


def translated(graph: onnx.ModelProto, picture: Array) -> Array:
    backend = open_graph(graph, Machine(backend=BackendName.ONNXRUNTIME, precision=PrecisionChoice.FP32))
    try:
        return backend.run({IMAGES: picture})[TRANSLATED]
    finally:
        backend.close()


def operators(graph: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in graph.graph.node]


@pytest.mark.parametrize("size_hw", [(36, 44), (64, 60)])
def test_a_last_convolution_in_squares_gives_the_same_picture(size_hw: tuple[int, int]) -> None:
    model, card = resnet()
    plain, squares = (specialize(model, card, doors=Doors.FLOAT32, in_phases=cut) for cut in (False, True))
    assert "DepthToSpace" in operators(squares)
    picture = photo(size_hw).astype(np.float32) / 255
    assert np.abs(translated(plain, picture) - translated(squares, picture)).max() < 1e-5


def test_a_convolution_with_padding_of_its_own_and_no_bias_gives_the_same_picture() -> None:
    net = GraphBuilder()
    model = net.model(net.conv("input", 3, 3, 5, padding=2))
    del model.graph.node[0].input[2:]
    card = replace(card_for(model), size_multiple=2, smallest_size=2)
    plain, squares = (specialize(model, card, doors=Doors.FLOAT32, in_phases=cut) for cut in (False, True))
    assert "DepthToSpace" in operators(squares)
    picture = photo((14, 22)).astype(np.float32) / 255
    assert np.abs(translated(plain, picture) - translated(squares, picture)).max() < 1e-5


def test_what_may_have_odd_sizes_or_many_channels_stays_as_it_is() -> None:
    model, card = resnet()
    assert "DepthToSpace" not in operators(specialize(model, replace(card, size_multiple=1), in_phases=True))
    assert "DepthToSpace" not in operators(specialize(model, replace(card, fixed_size_hw=(63, 64)), in_phases=True))
    assert operators(specialize(model, card, in_phases=True)).count("DepthToSpace") == 1


def test_only_openvino_on_a_cpu_computes_in_squares() -> None:
    model, card = resnet()
    on_cpu = Machine(backend=BackendName.OPENVINO)
    assert "DepthToSpace" in operators(graph_for(model, card, on_cpu, Doors.UINT8))
    for other in (Machine(backend=BackendName.ONNXRUNTIME), replace(on_cpu, device="gpu")):
        assert "DepthToSpace" not in operators(graph_for(model, card, other, Doors.UINT8))


def test_pictures_of_any_size_come_out_of_openvino_as_out_of_onnx_runtime(tmp_path: Path) -> None:
    model, _ = resnet()
    path = tmp_path / "resnet.onnx"
    write_model(model, path)
    pictures = [photo(size_hw) for size_hw in ((31, 50), (64, 64), (9, 70))]
    made = []
    for backend in ("openvino", "onnxruntime"):
        with open_translator(path, backend=backend, precision="fp32") as translator:
            made.append([translator.translate(picture).astype(int) for picture in pictures])
    for one, other in zip(*made, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1
