"""A file in half precision does what the float32 file does, is proven to, and is not written where it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from places import ROOT
from small_models import GraphBuilder, card_for, decibels, identity_model, photo, small_resnet, with_card

from cgconv.cli.main import main
from cgconv.exporter.half import export_half
from cgconv.runtime.errors import ModelError, OutputError, UsageError
from cgconv.runtime.graphs.graph import Doors, Precision, modernize, specialize
from cgconv.runtime.graphs.half import convert_to_half, element_types, half_convolutions, round_like_half, widen
from cgconv.runtime.models.card import read_card
from cgconv.runtime.translator import open_translator

Array = np.ndarray[Any, Any]
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


# --- networks


def scaled(model: onnx.ModelProto, index: int, factor: float, name: str = "stretched") -> onnx.ModelProto:
    """Return a copy whose convolution number `index`, now called `name`, makes `factor` times as much."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    node = [node for node in copy.graph.node if node.op_type == "Conv"][index]
    node.name = name
    for tensor in copy.graph.initializer:
        if tensor.name in node.input[1:]:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    return copy


def batch_norm(net: GraphBuilder, data: str, channels: int) -> str:
    """Statistics far from 0 and 1, as a trained network has them."""
    gain, offset, mean = (net.constant(net.random.normal(at, 0.3, channels)) for at in (1, 0, 0.4))
    variance = net.constant(net.random.uniform(0.05, 3, channels))
    return net.node("BatchNormalization", data, gain, offset, mean, variance, epsilon=1e-5)


def transposed(net: GraphBuilder, data: str, channels_in: int, channels: int, groups: int = 1) -> str:
    shape = (channels_in, channels // groups, 4, 4)
    weight = net.constant(net.random.normal(0, 1 / np.sqrt(4 * channels_in / groups), shape))
    return net.node("ConvTranspose", data, weight, kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4, group=groups)


def blur(net: GraphBuilder, data: str, channels: int) -> str:
    row = np.array([1, 2, 1]) / 4
    kernel = net.constant(np.broadcast_to(np.outer(row, row), (channels, 1, 3, 3)))
    return net.node("Conv", net.pad(data, 1), kernel, kernel_shape=[3, 3], strides=[2, 2], group=channels)


def unet() -> onnx.ModelProto:
    """A network with batch norms and skips: down by strides and blur, up by transposed convolutions and by resizing."""
    net = GraphBuilder(3)
    outer = net.node("LeakyRelu", net.conv("input", 3, 8, 4, stride=2, padding=1), alpha=0.2)
    middle = net.node("LeakyRelu", batch_norm(net, net.conv(outer, 8, 16, 4, stride=2, padding=1), 16), alpha=0.2)
    inner = net.node("Relu", net.norm(net.conv(blur(net, middle, 16), 16, 16, 3, padding=1), 16))
    inner = transposed(net, inner, 16, 16, groups=16)  # without a bias, which onnx's reference gets wrong in groups
    up = net.node("Concat", batch_norm(net, net.conv(inner, 16, 16, 3, padding=1), 16), middle, axis=1)
    up = net.node("PRelu", up, net.constant(np.full((32, 1, 1), 0.1)))
    up = net.node("Concat", batch_norm(net, transposed(net, up, 32, 8), 8), outer, axis=1)
    scales = net.constant([1, 1, 2, 2])
    up = net.node("Resize", net.node("Relu", up), "", scales, mode="linear")
    last = net.conv(net.pad(up, 1), 16, 3, 3)
    return with_card(net.model(net.node("Tanh", last)), size_multiple=8, smallest_size=16, normalization="batch")


def naive_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Everything in float16, as a plain cast of the file makes it."""
    cast = onnx.ModelProto()
    cast.CopyFrom(model)
    for tensor in cast.graph.initializer:
        if tensor.data_type == FLOAT and tensor.name not in scales_of(cast):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*cast.graph.input, *cast.graph.output):
        value.type.tensor_type.elem_type = HALF
    return cast


def scales_of(model: onnx.ModelProto) -> set[str]:
    return {node.input[2] for node in model.graph.node if node.op_type == "Resize"}


def in_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    half = modernize(model)
    convert_to_half(half)
    onnx.checker.check_model(half, full_check=True)
    return half


def values_of(image: Array) -> Array:
    """Return uint8 N×H×W×3 as a network's float32 N×3×H×W in [-1, 1]."""
    return np.ascontiguousarray((image / 127.5 - 1).transpose(0, 3, 1, 2), dtype=np.float32)


def run(model: onnx.ModelProto, values: Array) -> Array:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {model.graph.input[0].name: values})[0])


def by_the_book(model: onnx.ModelProto, values: Array) -> Array:
    """Compute a graph as its types say: float16 is float16, unlike on ONNX Runtime's CPU."""
    with np.errstate(all="ignore"):
        return np.asarray(ReferenceEvaluator(model).run(None, {model.graph.input[0].name: values})[0])


def fidelity(found: Array, wanted: Array) -> float:
    """Return the PSNR of values in [-1, 1] in dB; what is no number is as wrong as can be."""
    return decibels(np.nan_to_num(found.astype(np.float64), nan=1e3, posinf=1e3, neginf=-1e3), wanted, peak=2.0)


# --- what is in halves, and what is not


@pytest.mark.parametrize("model", [small_resnet(), unet()], ids=["resnet", "u-net"])
def test_convolutions_are_in_halves_and_what_is_delicate_in_full(model: onnx.ModelProto) -> None:
    half = in_halves(model)
    elements = element_types(half)
    count = Counter(node.op_type for node in half.graph.node)
    convolutions = count["Conv"] + count["ConvTranspose"]
    assert (
        half_convolutions(half)
        == convolutions
        == sum(node.op_type in ("Conv", "ConvTranspose") for node in model.graph.node)
    )
    assert count["BatchNormalization"] == 0
    for node in half.graph.node:
        types = [elements[name] for name in node.input if name and elements[name] in (FLOAT, HALF)]
        if node.op_type in ("InstanceNormalization", "Tanh"):
            assert set(types) == {FLOAT}
        elif node.op_type in ("Relu", "LeakyRelu", "PRelu", "Pad", "Add", "Concat"):
            assert set(types) == {HALF}
    ends = [value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)]
    assert ends == [FLOAT, FLOAT]
    values = values_of(photo((48, 64)))
    wanted = run(model, values)
    assert wanted.std() > 0.1
    assert fidelity(by_the_book(half, values), wanted) > 50
    assert fidelity(run(round_like_half(half), values), wanted) > 50


def test_batch_norms_become_part_of_their_convolutions_exactly() -> None:
    net = GraphBuilder()
    data = batch_norm(net, net.conv("input", 3, 8, 3, padding=1), 8)
    data = batch_norm(net, transposed(net, data, 8, 6, groups=2), 6)
    model = net.model(batch_norm(net, transposed(net, data, 6, 3), 3))
    half = in_halves(model)
    assert {node.op_type for node in half.graph.node} == {"Cast", "Conv", "ConvTranspose"}
    values = values_of(photo((16, 24)))
    wanted = run(model, values)
    assert decibels(run(half, values), wanted, peak=float(np.ptp(wanted))) > 60


def test_a_batch_norm_stays_where_others_read_the_convolution_too() -> None:
    net = GraphBuilder()
    shared = net.conv("input", 3, 3, 3, padding=1)
    model = net.model(net.node("Add", batch_norm(net, shared, 3), shared))
    half = in_halves(model)
    assert [node.op_type for node in half.graph.node].count("BatchNormalization") == 1
    values = values_of(photo((16, 16)))
    assert fidelity(by_the_book(half, values), run(model, values)) > 50


def test_a_norm_in_single_steps_keeps_its_statistics_in_full() -> None:
    # deviations of 1000 and of 0.001: squared, the one overflows float16, and beside the other its epsilon is lost
    net = GraphBuilder()
    strong = net.conv("input", 3, 4, 3, padding=1)
    gains = net.constant(np.array([3000.0, 1000.0, 1e-3, 1e-3]).reshape(4, 1, 1, 1) * np.ones((4, 4, 1, 1)))
    data = net.node("Conv", strong, gains)
    axes = net.constant([2, 3], np.int64)
    centered = net.node("Sub", data, net.node("Identity", net.node("ReduceMean", data, axes)))
    variance = net.node("ReduceMean", net.node("Mul", centered, centered), axes)
    deviation = net.node("Sqrt", net.node("Add", variance, net.constant(1e-8)))
    model = net.model(net.node("Tanh", net.conv(net.node("Div", centered, deviation), 4, 3, 3)))
    half = in_halves(model)
    elements = element_types(half)
    for node in half.graph.node:
        if node.op_type in ("ReduceMean", "Identity", "Add", "Mul", "Sqrt", "Sub", "Div"):
            assert elements[node.output[0]] == FLOAT, node.op_type
    values = values_of(photo((24, 24)))
    assert fidelity(by_the_book(half, values), run(model, values)) > 45


def test_strong_weights_overflow_a_plain_cast_and_not_ours() -> None:
    # A norm undoes the scale of what it reads, so training may leave the convolutions before it at any scale.
    mild, values = small_resnet(), values_of(photo((64, 64)))
    strong = scaled(scaled(mild, 2, 800), 5, 2000, name="other")
    for model, plain_is_right in ((mild, True), (strong, False)):
        wanted = run(model, values)
        assert fidelity(by_the_book(in_halves(model), values), wanted) > 50
        assert fidelity(run(round_like_half(in_halves(model)), values), wanted) > 50
        plain = fidelity(by_the_book(naive_half(model), values.astype(np.float16)), wanted)
        assert (plain > 40) if plain_is_right else (plain < 20)
    # ONNX Runtime computes the plain cast in float32 on a CPU: it cannot tell the two apart
    assert fidelity(run(naive_half(strong), values.astype(np.float16)), wanted) > 40


def test_hard_pictures_overflow_a_plain_cast_and_not_ours() -> None:
    net = GraphBuilder(1)
    first = net.norm(net.conv(net.pad("input", 3), 3, 8, 7), 8)
    model = net.model(net.node("Tanh", net.conv(net.pad(net.node("Relu", first), 1), 8, 3, 3)))
    model = scaled(model, 0, 200)
    hazy = values_of(photo((64, 64))) / 200
    hard = np.where(np.indices((64, 64)).sum(axis=0) // 8 % 2, 1, -1) * np.ones((1, 3, 1, 1))
    for values, plain_is_right in ((hazy, True), (hard.astype(np.float32), False)):
        wanted = run(model, values)
        assert fidelity(by_the_book(in_halves(model), values), wanted) > 50
        plain = fidelity(by_the_book(naive_half(model), values.astype(np.float16)), wanted)
        assert (plain > 40) if plain_is_right else (plain < 20)


def test_rounding_every_layer_shows_the_overflow_that_a_cpu_hides() -> None:
    model = scaled(small_resnet(), 2, 1e5)
    half, values = in_halves(model), values_of(photo((32, 32)))
    wanted = run(model, values)
    assert not np.isfinite(by_the_book(half, values)).all()
    assert not np.isfinite(run(round_like_half(half), values)).all()
    assert fidelity(run(half, values), wanted) > 40  # hidden


def test_weights_too_large_for_half_precision_are_refused_by_name() -> None:
    model = scaled(small_resnet(), 3, 1e6, name="middle.conv")
    card = read_card(model)
    assert card is not None
    with pytest.raises(ModelError, match=r"Conv middle\.conv \(weights w\d+\).*reach \d\.\d+e\+05.*ends at 65504"):
        specialize(model, card, precision=Precision.FP16)
    specialize(model, card)


def test_constants_that_do_not_fit_keep_their_layer_in_full() -> None:
    net = GraphBuilder()
    moved = net.node("Add", net.conv("input", 3, 3, 3, padding=1), net.constant(np.full((1, 3, 1, 1), 1e5)))
    back = net.node("Sub", moved, net.constant(np.full((1, 3, 1, 1), 1e5)))
    model = net.model(net.conv(back, 3, 3, 3))
    half, values = in_halves(model), values_of(photo((16, 16)))
    assert half_convolutions(half) == 2
    assert fidelity(by_the_book(half, values), run(model, values)) > 35


def test_pixels_that_are_moved_about_between_convolutions_stay_in_halves() -> None:
    net = GraphBuilder()
    data = net.conv("input", 3, 8, 3, padding=1)
    data = net.node("Clip", data, net.constant(np.float32(0)), net.constant(np.float32(6)))
    shape, turned = net.constant([0, 2, 4, -1, 16], np.int64), net.constant([0, 8, -1, 16], np.int64)
    data = net.node("Transpose", net.node("Reshape", data, shape), perm=[0, 2, 1, 3, 4])  # a channel shuffle
    parts = [f"part{index}" for index in range(2)]
    net.nodes.append(helper.make_node("Split", [net.node("Reshape", data, turned)], parts, axis=1, num_outputs=2))
    model = net.model(net.conv(net.node("Concat", *parts[::-1], axis=1), 8, 3, 3))
    half, values = in_halves(model), values_of(photo((16, 16)))
    assert [node.op_type for node in half.graph.node].count("Cast") == 2  # at the two ends
    assert fidelity(by_the_book(half, values), run(model, values)) > 50


def test_names_that_a_network_uses_itself_do_not_clash() -> None:
    net = GraphBuilder()
    data = net.conv("input", 3, 3, 3, padding=1)
    other = net.node("Relu", "input", output=f"{data}_half")
    model = net.model(net.conv(net.node("Add", data, other), 3, 3, 3))
    values = values_of(photo((16, 16)))
    assert fidelity(by_the_book(in_halves(model), values), run(model, values)) > 45


def test_a_graph_inside_a_node_reads_what_it_read_before() -> None:
    net = GraphBuilder()
    data = net.conv("input", 3, 3, 3, padding=1)
    value = helper.make_tensor_value_info("inner", FLOAT, None)
    branches = [
        helper.make_graph([helper.make_node(op_type, [data], ["inner"])], op_type, [], [value])
        for op_type in ("Tanh", "Neg")
    ]
    chosen = net.node("If", net.constant(True, np.bool_), then_branch=branches[0], else_branch=branches[1])
    model = net.model(net.conv(chosen, 3, 3, 3))
    values = values_of(photo((16, 16)))
    assert fidelity(run(in_halves(model), values), run(model, values)) > 45


def test_widening_takes_the_casts_out_again() -> None:
    model = small_resnet()
    wide = in_halves(model)
    widen(wide)
    onnx.checker.check_model(wide, full_check=True)
    assert [node.op_type for node in wide.graph.node] == [node.op_type for node in model.graph.node]
    again = in_halves(wide)
    values = values_of(photo((32, 32)))
    np.testing.assert_array_equal(by_the_book(again, values), by_the_book(in_halves(model), values))


def test_a_foreign_file_in_pure_halves_gets_its_statistics_in_full() -> None:
    model = naive_half(scaled(small_resnet(), 2, 800))
    card = card_for(model, dtype="float16", size_multiple=4, smallest_size=8)
    half = specialize(model, card, precision=Precision.FP16, doors=Doors.FLOAT32)
    assert half_convolutions(half) == 10
    image = (photo((32, 32)) / np.float32(255)).astype(np.float32)
    full = run(specialize(model, card, doors=Doors.FLOAT32), image)
    assert decibels(by_the_book(half, image), full, peak=1.0) > 45
    as_filed = specialize(model, card, precision=Precision.FILE, doors=Doors.FLOAT32)
    assert decibels(np.nan_to_num(by_the_book(as_filed, image)), full, peak=1.0) < 25


# --- the file


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("CGCONV_MODELS", str(folder))
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.png", "more/ü.png")):
        encoded = cv2.imencode(".png", photo((60 + index, 90), index)[0])[1]
        (folder / name).write_bytes(encoded.tobytes())
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("neither")
    return folder


def saved(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_a_file_in_half_precision_has_half_the_size_and_says_how_it_was_checked(models: Path, pictures: Path) -> None:
    model = small_resnet(width=16)
    source = saved(model, models / "paint.onnx")
    exported = export_half(source, pictures=pictures)
    assert exported.path == models / "paint.fp16.onnx"
    assert 0.45 < exported.path.stat().st_size / source.stat().st_size < 0.6
    half = onnx.load(exported.path)
    assert [value.type for value in (*half.graph.input, *half.graph.output)] == [
        value.type for value in (*model.graph.input, *model.graph.output)
    ]
    card = read_card(exported.path)
    assert card == exported.card
    assert card is not None
    assert (card.name, card.dtype) == ("paint.fp16", "float32")
    facts = card.verification["fp16"]
    assert set(facts["psnr_db"]) == {"a.png", "b.png", "more/ü.png"}
    assert facts["pictures"] == "real"
    assert facts["worst_db"] == min(facts["psnr_db"].values()) > 45
    assert facts["mean_db"] == pytest.approx(np.mean(list(facts["psnr_db"].values())), abs=0.01)
    assert (facts["convolutions"], facts["convolutions_in_half"]) == (10, 10)
    assert facts["ran_in_half"] in ((0,) if facts["ran_on"] == "CPUExecutionProvider" else range(1, 11))
    assert facts["file"] == "paint.onnx"
    assert len(facts["sha256"]) == 64
    assert [key for key in facts if f"`{key}`" not in FORMATS] == []


def test_the_worst_picture_that_the_card_gives_is_what_a_reader_measures(models: Path, pictures: Path) -> None:
    source = saved(small_resnet(), models / "paint.onnx")
    facts = export_half(source, pictures=pictures).card.verification["fp16"]
    picture = cv2.cvtColor(cv2.imread(str(pictures / "a.png")), cv2.COLOR_BGR2RGB)[None, :60, :88]
    half = round_like_half(onnx.load(models / "paint.fp16.onnx"))
    measured = fidelity(run(half, values_of(picture)), run(onnx.load(source), values_of(picture)))
    assert facts["psnr_db"]["a.png"] == pytest.approx(measured, abs=3)  # two columns more, mirrored


def test_runtimes_compute_the_file_in_full_on_a_cpu_and_in_halves_when_asked(models: Path) -> None:
    saved(small_resnet(), models / "paint.onnx")
    export_half(models / "paint.onnx")
    image = photo((50, 70))
    with open_translator("paint", backend="onnxruntime", device="cpu") as translator:
        wanted = translator.translate(image)
    for precision, really in (("auto", "fp32"), ("fp16", "fp16")):
        with open_translator("paint.fp16", backend="onnxruntime", device="cpu", precision=precision) as translator:
            assert translator.describe().precision == really
            assert decibels(translator.translate(image), wanted) > 45
    in_parts = {"precision": "fp16", "max_tile_pixels": 40 * 40}
    with open_translator("paint.fp16", backend="onnxruntime", device="cpu", **in_parts) as translator:
        assert decibels(translator.translate(image), wanted) > 45


def test_a_network_that_overflows_is_refused_with_the_layer_that_does(models: Path, pictures: Path) -> None:
    source = saved(scaled(small_resnet(), 4, 2e5, name="blocks.0.second"), models / "paint.onnx")
    with pytest.raises(ModelError, match=r" 0\.0 dB .*at Conv blocks\.0\.second \(weights w\d+\), ") as caught:
        export_half(source, pictures=pictures)
    assert "half precision ends at 65504" in str(caught.value)
    assert str(caught.value).startswith(f"{source}: ")
    assert "\n" not in str(caught.value)
    assert [path.name for path in models.iterdir()] == ["paint.onnx"]


def test_a_layer_that_loses_its_detail_in_halves_is_named(models: Path) -> None:
    # a bias of 3000 beside a signal of about 1: nothing overflows, but float16 steps by 2 there
    model = small_resnet()
    node = [node for node in model.graph.node if node.op_type == "Conv"][3]
    node.name = "blocks.0.first"
    for tensor in model.graph.initializer:
        if tensor.name == node.input[2]:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 3000, tensor.name))
    # the error stays in one branch of the residual network: make that branch loud
    with pytest.raises(ModelError, match=r"part at Conv blocks\.0\.first .*which makes \d+ dB out of"):
        export_half(saved(model, models / "paint.onnx"))


def test_what_cannot_be_done_is_one_sentence(models: Path, pictures: Path, tmp_path: Path) -> None:
    source = saved(small_resnet(), models / "paint.onnx")
    exported = export_half(source, pictures=pictures)
    with pytest.raises(OutputError, match="exists already"):
        export_half(source)
    with pytest.raises(UsageError, match="half precision already"):
        export_half(exported.path)
    with pytest.raises(UsageError, match="would overwrite the float32"):
        export_half(source, out=source, exists_ok=True)
    with pytest.raises(UsageError, match="holds no readable picture"):
        export_half(source, out=tmp_path / "new", pictures=models)
    with pytest.raises(ModelError, match="no convolution"):
        export_half(saved(with_card(identity_model()), models / "same.onnx"))
    with pytest.raises(ModelError, match=r"w\d+\).*reach"):
        export_half(saved(scaled(small_resnet(), 3, 1e6), models / "large.onnx"))
    assert sorted(path.name for path in models.glob("*.fp16.onnx")) == ["paint.fp16.onnx"]


# --- the command


def test_a_model_becomes_a_file_in_half_precision_by_name_or_path(
    models: Path, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = saved(small_resnet(), models / "paint.onnx")
    assert main(["export", "paint", "--fp16", "--pictures", str(pictures)]) == 0
    shown = capfd.readouterr()
    assert shown.out.startswith(f"{models / 'paint.fp16.onnx'} (")
    assert "dB from float32 at worst" in shown.err
    assert "of 3 pictures" in shown.err
    assert "10 of 10 convolutions in half precision; 0 ran so here, on CPUExecutionProvider" in shown.err
    assert "back to float32" in shown.err
    assert main(["models", "info", "paint.fp16"]) == 0
    described = capfd.readouterr().out
    assert "pictures real, worst db" in described
    assert "a.png" not in described
    assert main(["export", str(source), "--fp16", "--out", str(tmp_path / "elsewhere"), "--name", "small"]) == 0
    assert (tmp_path / "elsewhere" / "small.fp16.onnx").is_file()
    assert "4 made-up pictures" in capfd.readouterr().err


def test_a_small_file_in_half_precision_is_said_in_kilobytes_and_not_called_half(
    models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    net = GraphBuilder()
    source = saved(
        with_card(net.model(net.node("Tanh", net.conv("input", 3, 3, 1))), name="tiny"), models / "tiny.onnx"
    )
    assert main(["export", "tiny", "--fp16"]) == 0
    shown = capfd.readouterr().err
    share = (models / "tiny.fp16.onnx").stat().st_size / source.stat().st_size
    assert share > 0.6
    assert f" kB, {share:.0%} of the float32 file" in shown
    assert "not half as large: only the weights of convolutions shrink" in shown


@pytest.mark.parametrize(
    ("arguments", "why", "code"),
    [
        (["paint"], "ONNX file already", 2),
        (["paint", "--fp16", "--direction", "a2b"], "are for runs", 2),
        (["paint", "--pictures", "photos"], "no effect without --fp16, --int8 or --engine", 2),
        (["point", "--fp16"], "did you mean paint", 2),
        (["runs/none", "--fp16"], "no such run, checkpoint or model", 2),
        (["paint", "--fp16", "--pictures", "nowhere"], "holds no readable picture", 2),
    ],
)
def test_misuse_of_export_is_one_line(
    arguments: list[str], why: str, code: int, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    saved(small_resnet(), models / "paint.onnx")
    assert main(["export", *arguments]) == code
    shown = capfd.readouterr().err
    assert why in shown
    assert len(shown.splitlines()) == 1


WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {blocked!r}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
try:
    import {blocked}
except ImportError:
    pass
else:
    sys.exit("not blocked")
"""

PLAIN = """
import json, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
card = json.loads(session.get_modelmeta().custom_metadata_map["cgconv.card"])
values = numpy.load(sys.argv[2])
made = session.run(None, {card["input_name"]: values})[0]
numpy.save(sys.argv[3], made)
print(json.dumps(card))
"""


def test_both_files_run_in_plain_onnx_runtime_without_cgconv(models: Path, pictures: Path, tmp_path: Path) -> None:
    source = saved(with_card(small_resnet(), name="paint", size_multiple=4, smallest_size=8), models / "paint.onnx")
    exported = export_half(source, pictures=pictures)
    values = values_of(np.concatenate([photo((40, 72), 1), photo((40, 72), 2)]))
    np.save(tmp_path / "in.npy", values)
    script = tmp_path / "plain.py"
    script.write_text(WITHOUT.format(blocked="cgconv") + PLAIN)
    made = {}
    for path in (source, exported.path):
        arguments = [sys.executable, str(script), str(path), str(tmp_path / "in.npy"), str(tmp_path / "out.npy")]
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        card, made[path] = json.loads(done.stdout), np.load(tmp_path / "out.npy")
        assert card["name"] == path.stem
        assert made[path].dtype == np.float32
        assert made[path].shape == values.shape
    assert card["verification"]["fp16"]["worst_db"] > 40
    np.testing.assert_allclose(made[source], run(onnx.load(source), values), atol=1e-5)
    assert fidelity(made[exported.path], made[source]) > 45


def test_half_precision_needs_no_torch(models: Path, tmp_path: Path) -> None:
    saved(small_resnet(), models / "paint.onnx")
    script = tmp_path / "without.py"
    script.write_text(WITHOUT.format(blocked="torch") + "from cgconv.cli.main import main\nsys.exit(main())\n")
    arguments = [sys.executable, str(script), "export", "paint", "--fp16"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert (models / "paint.fp16.onnx").is_file()


def test_a_file_from_elsewhere_without_a_card_can_be_halved(tmp_path: Path) -> None:
    model = small_resnet()
    del model.metadata_props[:]
    exported = export_half(saved(model, tmp_path / "foreign.onnx"))
    assert exported.card.source["family"] == "foreign ONNX"
    assert exported.check.in_half == 10
    assert exported.check.worst_db > 45
