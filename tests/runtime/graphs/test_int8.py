"""Convolutions in 8 bits: rounded as the formula says, near the model, measured once, taken where they are good."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from small_models import GraphBuilder, card_for, decibels, identity_model, photo, small_resnet

from cgconv.runtime.backends import choose, eight_bits, openvino_backend
from cgconv.runtime.backends.choose import choose_machine, open_backend, open_graph
from cgconv.runtime.backends.eight_bits import Int8Check, check_int8
from cgconv.runtime.backends.machine import Array, Machine
from cgconv.runtime.backends.probe import varied_picture
from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.errors import Cancelled, ModelError
from cgconv.runtime.events import BackendOpened, EngineBuilding, EngineBuilt
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, Doors, Precision, modernize, specialize
from cgconv.runtime.graphs.half import convolutions
from cgconv.runtime.graphs.int8 import EightBits, convert_to_int8, ranges_seen, watch_ranges
from cgconv.runtime.graphs.stages import multiply_adds_per_pixel
from cgconv.runtime.models.card import ModelCard, read_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translator import open_translator

BOTH = [BackendName.ONNXRUNTIME, BackendName.OPENVINO]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cgconv" / "int8"


def resnet() -> tuple[onnx.ModelProto, ModelCard]:
    model = small_resnet()
    card = read_card(model)
    assert card is not None
    return model, card


def run(graph: onnx.ModelProto, feeds: Mapping[str, Array], backend: BackendName) -> dict[str, Array]:
    opened = open_graph(graph, Machine(backend=backend))
    try:
        return opened.run(feeds)
    finally:
        opened.close()


def ranges_of(model: onnx.ModelProto, card: ModelCard) -> tuple[tuple[float, float] | None, ...]:
    graph = specialize(model, card)
    watched = watch_ranges(graph)
    seen = [run(watched, {IMAGES: photo((64, 64), seed)}, BackendName.ONNXRUNTIME) for seed in range(4)]
    return ranges_seen(seen, len(convolutions(graph.graph)))


def in_int8(model: onnx.ModelProto, card: ModelCard) -> onnx.ModelProto:
    return specialize(model, card, precision=Precision.INT8, eight_bits=EightBits(ranges_of(model, card)))


# --- the graph


@pytest.mark.parametrize(("bits", "largest"), [(8, 127), (7, 63)])
def test_values_and_weights_are_rounded_as_the_formula_says(bits: int, largest: int) -> None:
    net = GraphBuilder(seed=3)
    model = net.model(net.conv("input", 3, 4, 3), shape_out=["n", 4, "h2", "w2"])
    weights, bias = (onnx.numpy_helper.to_array(tensor) for tensor in net.weights)
    rounded = modernize(model)
    convert_to_int8(rounded, EightBits(((-1.5, 2.0),), bits))
    onnx.checker.check_model(rounded, full_check=True)
    values = np.random.default_rng(0).normal(0, 1, (1, 3, 6, 6)).astype(np.float32)

    step = 3.5 / 255
    zero = round(1.5 / step)
    seen = (np.clip(np.round(values / np.float32(step)) + zero, 0, 255) - zero) * step
    steps = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / largest
    used = np.round(weights / steps) * steps
    windows = np.lib.stride_tricks.sliding_window_view(seen, (3, 3), axis=(2, 3))  # n c h w 3 3
    expected = np.einsum("nchwij,ocij->nohw", windows, used) + bias.reshape(1, -1, 1, 1)
    for backend in BOTH:
        (result,) = run(rounded, {"input": values}, backend).values()
        np.testing.assert_allclose(result, expected, atol=1e-4)


def test_norms_and_sums_read_floats_and_convolutions_bytes() -> None:
    graph = in_int8(*resnet()).graph
    makers = {name: node for node in graph.node for name in node.output}
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") == kinds.count("Conv") == 10  # each reads a layer of its own
    for node in graph.node:
        if node.op_type == "Conv":
            assert makers[node.input[1]].op_type == "DequantizeLinear"
            source = node.input[0]
            while makers[source].op_type in ("Pad", "Resize"):
                source = makers[source].input[0]
            assert makers[source].op_type == "DequantizeLinear"
        if node.op_type in ("InstanceNormalization", "Add", "Relu", "Tanh"):
            assert not any(makers[name].op_type == "DequantizeLinear" for name in node.input if name in makers)


def test_what_two_convolutions_read_is_rounded_once() -> None:
    net = GraphBuilder(seed=1)
    padded = net.pad("input", 1)
    both = net.node("Add", net.conv(padded, 3, 3, 3), net.conv(padded, 3, 3, 3))
    graph = in_int8(model := net.model(both), card_for(model, smallest_size=2)).graph
    kinds = [node.op_type for node in graph.node]
    assert (kinds.count("QuantizeLinear"), kinds.count("Pad"), kinds.count("Conv")) == (1, 1, 2)


@pytest.mark.parametrize(("mode", "is_behind"), [("linear", True), ("nearest", False)])
def test_only_what_copies_values_is_left_behind_the_rounding(mode: str, is_behind: bool) -> None:
    net = GraphBuilder(seed=1)
    larger = net.node("Resize", "input", "", net.constant([1, 1, 2, 2]), mode=mode)
    model = net.model(net.conv(larger, 3, 3, 1))
    graph = in_int8(model, card_for(model, scale=2)).graph
    makers = {name: node for node in graph.node for name in node.output}
    (rounding,) = (node for node in graph.node if node.op_type == "QuantizeLinear")
    assert (makers[rounding.input[0]].op_type == "Resize") == is_behind


def test_a_pad_with_another_value_than_0_stays_before_the_rounding() -> None:
    net = GraphBuilder(seed=1)
    pads = net.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    for value, is_before in ((0.0, False), (7.0, True)):
        model = net.model(net.conv(net.node("Pad", "input", pads, net.constant(np.float32(value))), 3, 3, 3))
        graph = in_int8(model, card_for(model)).graph
        makers = {name: node for node in graph.node for name in node.output}
        (rounding,) = (node for node in graph.node if node.op_type == "QuantizeLinear")
        assert (makers[rounding.input[0]].op_type == "Pad") == is_before


@pytest.mark.parametrize("backend", BOTH)
def test_a_picture_in_int8_is_near_the_model(backend: BackendName) -> None:
    model, card = resnet()
    image = photo((64, 96), 9)
    exact = run(specialize(model, card), {IMAGES: image}, backend)[TRANSLATED]
    rounded = run(in_int8(model, card), {IMAGES: image}, backend)[TRANSLATED]
    assert 33 < decibels(rounded, exact) < 60  # near, and really rounded


def test_transposed_convolutions_are_rounded_by_channels_that_come_out() -> None:
    net = GraphBuilder(seed=2)
    weight = net.constant(net.random.normal(0, [[[[0.01]], [[1.0]], [[0.1]]]], (3, 3, 4, 4)))
    model = net.model(net.node("ConvTranspose", "input", weight, strides=[2, 2], pads=[1, 1, 1, 1]))
    card = card_for(model, scale=2)
    image = photo((32, 32))
    exact = run(specialize(model, card), {IMAGES: image}, BackendName.ONNXRUNTIME)[TRANSLATED]
    rounded = in_int8(model, card)
    scales = next(t for t in rounded.graph.initializer if t.name.endswith("_scales") and "int8" in t.name)
    assert list(scales.dims) == [3]
    assert decibels(run(rounded, {IMAGES: image}, BackendName.ONNXRUNTIME)[TRANSLATED], exact) > 40


def test_openvino_does_not_compute_what_reads_the_picture_in_whole_levels() -> None:
    # OpenVINO took uint8 pictures with their scale for rounded values: where a graph had any 8-bit convolution, means
    # over neighbors of the picture lost their fractions, and a model that divides by them lost 10 to 20 dB.
    net = GraphBuilder(seed=4)
    near = net.node("AveragePool", net.pad("input", 1), kernel_shape=[3, 3])
    detail = net.node("Mul", net.node("Sub", "input", near), net.constant(np.float32(20)))
    looked_at = net.conv(net.node("Mul", detail, net.constant(np.float32(0.01))), 3, 3, 1)
    model = net.model(net.node("Add", detail, net.node("Mul", looked_at, net.constant(np.float32(0.01)))))
    card = card_for(model, smallest_size=2)
    image = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None] // 4 + 90, (1, 32, 32, 3)).copy()
    exact = run(specialize(model, card), {IMAGES: image}, BackendName.OPENVINO)[TRANSLATED]
    rounded = run(in_int8(model, card), {IMAGES: image}, BackendName.OPENVINO)[TRANSLATED]
    assert decibels(rounded, exact) > 45


def test_layers_that_see_nothing_or_no_numbers_stay_in_float32() -> None:
    seen = [{"low_0": np.float32(0), "high_0": np.float32(0)}, {"low_1": np.float32(-1), "high_1": np.float32(np.inf)}]
    assert ranges_seen([seen[0] | seen[1] | {"low_2": np.float32(0.5), "high_2": np.float32(2)}], 4) == (
        None,
        None,
        (0.0, 2.0),
        None,
    )


def test_multiplications_are_counted_for_each_pixel() -> None:
    net = GraphBuilder()
    half = net.conv(net.conv("input", 3, 8, 3, padding=1), 8, 16, 3, stride=2, padding=1)
    model = net.model(net.conv(net.upsample(half), 16, 3, 1))
    counted = multiply_adds_per_pixel(specialize(model, card_for(model, size_multiple=2)), 2)
    assert counted == 3 * 8 * 9 + 8 * 16 * 9 / 4 + 16 * 3


def test_made_up_pictures_are_of_three_kinds_and_the_same_for_the_same_seed() -> None:
    natural, dusk, graphic = (varied_picture((64, 80), seed) for seed in (3, 4, 5))
    for seed, picture in ((3, natural), (4, dusk), (5, graphic)):
        assert picture.shape == (64, 80, 3)
        np.testing.assert_array_equal(varied_picture((64, 80), seed), picture)
    assert dusk.mean() < natural.mean() / 2
    flat = (np.abs(np.diff(graphic.astype(int), axis=1)).max(axis=2) == 0).mean()
    assert flat > 0.6


# --- what is measured, and remembered


class Fakes:
    """Backends whose time is counted, not taken: `seconds` for a picture in each precision, `offset` in int8."""

    def __init__(self, *, fp32_s: float = 2.0, int8_s: float = 1.0, offset: Callable[[int], int] = lambda left: 1):
        self.now, self.opened = 0.0, 0
        self.seconds = {PrecisionChoice.FP32: fp32_s, PrecisionChoice.BF16: fp32_s / 2, PrecisionChoice.INT8: int8_s}
        self.offset = offset  # of a result in int8, in levels, from the convolutions that stay in float32

    def clock(self) -> float:
        return self.now

    def open(self, graph: onnx.ModelProto, machine: Machine) -> FakeBackend:
        self.opened += 1
        return FakeBackend(graph, machine, self)


class FakeBackend:
    def __init__(self, graph: onnx.ModelProto, machine: Machine, fakes: Fakes) -> None:
        self.outputs = [value.name for value in graph.graph.output]
        kinds = [node.op_type for node in graph.graph.node]
        rounded = kinds.count("QuantizeLinear")
        self.offset = fakes.offset(kinds.count("Conv") - rounded) if rounded else 0
        self.machine, self.fakes = machine, fakes
        self.more_s = 0.0

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        self.fakes.now += self.fakes.seconds[self.machine.precision] + self.more_s
        if self.outputs == [TRANSLATED]:
            return {TRANSLATED: np.full_like(feeds[IMAGES], 100 + self.offset)}
        return {name: np.float32(-1 if name.startswith("low") else 1) for name in self.outputs}

    def describe(self) -> BackendOpened:
        return BackendOpened("fake", "fake", "cpu", str(self.machine.precision), "")

    def close(self) -> None:
        self.fakes.opened -= 1


def check(fakes: Fakes, machine: Machine | None = None, **options: Any) -> Int8Check:
    machine = machine or Machine(backend=BackendName.OPENVINO)
    return check_int8(*resnet(), machine, fakes.open, clock=fakes.clock, **options)


@pytest.mark.parametrize(
    ("int8_s", "levels", "is_good"),
    [(1.0, 1, True), (1.5, 4, True), (1.6, 1, False), (1.0, 5, False)],  # 4 levels off are 36 dB, 5 are 34
)
def test_auto_asks_for_35_decibels_and_for_1_3_times_the_speed(int8_s: float, levels: int, is_good: bool) -> None:
    found = check(Fakes(fp32_s=2.0, int8_s=int8_s, offset=lambda left: levels))
    assert found.is_good == is_good
    assert found.factor == round(2.0 / int8_s, 2)
    assert found.median_db == found.worst_db == pytest.approx(20 * np.log10(255 / levels), abs=0.01)


def test_one_bad_picture_is_enough_for_no() -> None:
    values: dict[str, Any] = {
        "eight_bits": EightBits((None,)),
        "factor": 2.0,
        "against": "fp32",
        "pictures": 9,
        "processor": "",
        "date": "",
    }
    assert Int8Check(median_db=45.0, worst_db=30.0, **values).is_good
    assert not Int8Check(median_db=45.0, worst_db=29.9, **values).is_good


@pytest.mark.parametrize(
    ("levels_by_kept", "kept"),
    [
        ({0: 1, 2: 1}, []),  # near at once: nothing stays in float32
        ({0: 4, 2: 1}, [0, 9]),  # near enough for auto, nearer with both ends in float32
        ({0: 9, 2: 9, 9: 9}, [0, 1]),  # all cost the same: any two
    ],
)
def test_convolutions_stay_in_float32_only_where_that_is_needed(
    levels_by_kept: dict[int, int], kept: list[int]
) -> None:
    # of the last case the two candidates with convolutions in float32 are as near: the first of them is taken
    found = check(Fakes(offset=lambda left: levels_by_kept[left]))
    ranges = found.eight_bits.ranges
    assert len(ranges) == 10
    assert [index for index, one in enumerate(ranges) if one is None] in (kept, [])


def test_the_two_convolutions_that_cost_most_are_found() -> None:
    costly = {3, 6}

    class Costly(Fakes):
        def open(self, graph: onnx.ModelProto, machine: Machine) -> FakeBackend:
            backend = super().open(graph, machine)
            makers = {name: node for node in graph.graph.node for name in node.output}
            rounded = {
                index
                for index, node in enumerate(convolutions(graph.graph))
                if makers.get(node.input[1]) is not None  # its weights are made by a DequantizeLinear
            }
            backend.offset = 3 * len(rounded & costly) if rounded else 0
            return backend

    found = check(Costly())
    assert {index for index, one in enumerate(found.eight_bits.ranges) if one is None} == costly
    assert found.is_good


def test_the_nearest_that_is_fast_enough_is_taken() -> None:
    class SlowEnds(Fakes):
        def open(self, graph: onnx.ModelProto, machine: Machine) -> FakeBackend:
            backend = super().open(graph, machine)
            kinds = [node.op_type for node in graph.graph.node]
            if kinds.count("Conv") - kinds.count("QuantizeLinear") == 2:
                backend.more_s = 5.0
            return backend

    found = check(SlowEnds(offset=lambda left: 4 if left == 0 else 1))  # nearer with both ends in float32, but slow
    assert None not in found.eight_bits.ranges
    assert found.is_good


def test_costly_convolutions_are_not_looked_for_where_that_would_not_help() -> None:
    asked: list[int] = []

    def far(left: int) -> int:
        asked.append(left)
        return 20  # 22 dB

    assert not check(Fakes(offset=far)).is_good
    assert set(asked) == {0, 2}  # convolutions in float32: never one alone


def test_it_is_measured_once_for_a_model_library_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    first = check(Fakes())

    def opened_again(graph: onnx.ModelProto, machine: Machine) -> FakeBackend:
        raise ModelError("measured a second time")

    machine = Machine(backend=BackendName.OPENVINO)
    assert check_int8(*resnet(), machine, opened_again) == first
    card = resnet()[1]
    for other in (
        lambda: check_int8(small_resnet(seed=1), card, machine, opened_again),
        lambda: check_int8(*resnet(), Machine(backend=BackendName.ONNXRUNTIME), opened_again),
        lambda: check_int8(*resnet(), Machine(backend=BackendName.OPENVINO, threads=1), opened_again),
    ):
        with pytest.raises(ModelError, match="second time"):
            other()
    monkeypatch.setattr(eight_bits, "processor_features", lambda: ("avx2",))
    with pytest.raises(ModelError, match="second time"):
        check_int8(*resnet(), machine, opened_again)


@pytest.mark.parametrize("damage", ["{", "[]", '{"key": 1}', "of another key"])
def test_what_was_remembered_and_cannot_be_used_is_measured_again(damage: str, own_cache: Path) -> None:
    first = check(Fakes())
    (file,) = own_cache.iterdir()
    if damage == "of another key":
        entry = json.loads(file.read_text())
        entry["key"]["model"] = "another"
        damage = json.dumps(entry)
    file.write_text(damage)
    fakes = Fakes(int8_s=0.5)
    assert check(fakes).factor == first.factor * 2
    assert fakes.opened == 0  # all closed again


@pytest.mark.parametrize(("features", "bits"), [(("avx2",), 7), (("avx2", "avx512_vnni"), 8), (("avx_vnni",), 8)])
def test_processors_that_sum_pairs_in_16_bits_get_weights_of_7(
    features: tuple[str, ...], bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cgconv.runtime.backends import processor

    monkeypatch.setattr(processor, "processor_features", lambda: features)
    assert check(Fakes()).eight_bits.weight_bits == bits


def test_measuring_tells_how_far_it_is_and_stops_when_told() -> None:
    events: list[EngineBuilding | EngineBuilt] = []
    check(Fakes(), report=events.append)
    assert isinstance(events[-1], EngineBuilt)
    assert all(isinstance(event, EngineBuilding) and event.step < event.steps for event in events[:-1])
    answers = iter([False] * 5 + [True])
    fakes = Fakes()
    with pytest.raises(Cancelled):
        check(fakes, Machine(backend=BackendName.OPENVINO, threads=3), is_cancelled=lambda: next(answers))
    assert fakes.opened == 0


# --- who takes it


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let a model be worth measuring, and let the measuring find what the test says."""
    found: dict[str, Any] = {"median_db": 41.0, "worst_db": 36.0, "factor": 2.2}

    def checked(model: onnx.ModelProto, card: ModelCard, machine: Machine, *_: Any, **__: Any) -> Int8Check:
        ranges = EightBits(ranges_of(model, card))
        return Int8Check(ranges, against=str(machine.precision), pictures=9, processor="P", date="D", **found)

    monkeypatch.setattr(eight_bits, "check_int8", checked)
    monkeypatch.setattr(eight_bits, "remembered_int8", lambda model, machine: None)
    monkeypatch.setattr(eight_bits, "LEAST_WORK", 0.0)
    monkeypatch.setattr(choose, "cuda_devices", lambda: 0)
    return found


def settled(**options: Any) -> Machine:
    asked: dict[str, Any] = {"backend": "auto", "device": "auto", "precision": "auto", "threads": None} | options
    return choose_machine(*resnet(), **asked)


def test_auto_takes_int8_where_it_is_good_and_says_what_it_costs(measured: dict[str, Any]) -> None:
    machine = settled()
    assert machine.precision is PrecisionChoice.INT8
    assert "int8 is 41.0 dB from fp32 on 9 test pictures (36.0 at worst" in machine.why
    assert "2.2 times as fast as" in machine.why
    assert machine.otherwise is not None
    assert machine.otherwise.precision is not PrecisionChoice.INT8


@pytest.mark.parametrize("change", [{"median_db": 34.9}, {"worst_db": 29.0}, {"factor": 1.2}])
def test_auto_leaves_int8_where_it_is_not_good_and_says_so(change: dict[str, float], measured: dict[str, Any]) -> None:
    measured |= change
    machine = settled()
    assert machine.precision is not PrecisionChoice.INT8
    assert "not int8: int8 is" in machine.why
    ordered = settled(precision="int8")  # an order is an order
    assert ordered.precision is PrecisionChoice.INT8
    assert f"{measured['median_db']:.1f} dB" in ordered.why


def test_float_pictures_are_not_computed_in_int8_unless_told(measured: dict[str, Any]) -> None:
    def opened(**options: Any) -> str:
        backend = open_backend(*resnet(), **options)
        try:
            return backend.describe().precision
        finally:
            backend.close()

    assert opened() == "int8"
    assert opened(doors=Doors.FLOAT32) == "fp32"
    assert opened(doors=Doors.FLOAT32, precision="int8") == "int8"


def test_a_glance_takes_int8_only_where_it_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight_bits, "LEAST_WORK", 0.0)
    monkeypatch.setattr(choose, "cuda_devices", lambda: 0)
    glance = settled(may_measure=False)
    assert glance.precision is not PrecisionChoice.INT8
    assert "int8 is not measured yet" in glance.why
    fakes = Fakes(fp32_s=20.0)
    check_int8(*resnet(), replace(glance, why=""), fakes.open, clock=fakes.clock)
    assert settled(may_measure=False).precision is PrecisionChoice.INT8


def test_a_small_model_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Int8Check:
        raise AssertionError("measured")

    monkeypatch.setattr(eight_bits, "check_int8", refused)
    assert settled().precision is not PrecisionChoice.INT8


def test_a_model_without_convolutions_cannot_be_in_int8() -> None:
    model = identity_model()
    with pytest.raises(ModelError, match="no convolutions"):
        open_backend(model, card_for(model), precision="int8")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_int8_asked_for_is_measured_and_translates(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    write_model(small_resnet(), path)
    images = photo((50, 70), 3)
    events: list[EngineBuilding | EngineBuilt] = []
    with open_translator(path, backend=backend, precision="int8", report=events.append) as translator:
        running = translator.describe()
        result = translator.translate(images)
    assert (running.backend, running.precision) == (backend, "int8")
    assert "dB from fp32" in running.why
    assert isinstance(events[-1], EngineBuilt)
    with open_translator(path, backend=backend, precision="fp32") as translator:
        assert decibels(result, translator.translate(images)) > 33


def test_what_is_computed_in_parts_is_computed_in_float32(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    write_model(small_resnet(), path)
    image = photo((96, 128), 5)
    with open_translator(path, precision="fp32", max_tile_pixels=64 * 64) as translator:
        exact = translator.translate(image)
    with open_translator(path, precision="int8", max_tile_pixels=64 * 64) as translator:
        np.testing.assert_array_equal(translator.translate(image), exact)


def test_openvino_computes_convolutions_in_bytes() -> None:
    # what the whole is for: a graph that OpenVINO does not recognize would be near, and slow
    core = openvino_backend._core()
    graph = in_int8(*resnet())
    compiled = core.compile_model(core.read_model(graph.SerializeToString(), b""), "CPU")
    if "INT8" not in openvino_backend.capabilities("CPU"):
        pytest.skip("this processor computes nothing in 8 bits")
    kinds = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in compiled.get_runtime_model().get_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    assert len(kinds) == 10
    assert all(kind in ("u8", "i8") for kind in kinds)
