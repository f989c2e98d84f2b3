"""ONNX files from elsewhere work as they are: what they take is found out, and what is no translator is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_models import GraphBuilder, decibels, identity_model, photo, small_resnet, with_card

from cgconv.runtime.backends.choose import open_graph
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.backends.probe import mirrored_picture, natural_picture
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import InputError, ModelError, UsageError
from cgconv.runtime.models.card import ChannelOrder, read_card
from cgconv.runtime.models.store import resolve_model
from cgconv.runtime.translate.foreign import Said, import_onnx, inspect_foreign, parse_range
from cgconv.runtime.translator import open_translator

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))


def saved(model: onnx.ModelProto, folder: Path, name: str = "foreign.onnx") -> Path:
    (folder / name).write_bytes(model.SerializeToString())
    return folder / name


def as_old_pytorch_wrote_it(edge: int = 32, channels: int = 4) -> onnx.ModelProto:
    """Return a style net as PyTorch 0.4 exported them: 0..255, opset 9, one size, norms and upsampling in pieces."""
    net = GraphBuilder(seed=2, opset=9)

    def norm_in_pieces(data: str, epsilon_trick: bool) -> str:
        def mean(values: str) -> str:
            rows = net.node("Reshape", values, net.constant([1, channels, 1, -1], np.int64))
            return net.node("ReduceMean", rows, axes=[3], keepdims=1)

        centered = net.node("Sub", data, mean(data))
        other = net.node("Add", centered, net.constant(np.float32(1e-9))) if epsilon_trick else centered
        variance = mean(net.node("Mul", centered, other))
        deviation = net.node("Sqrt", net.node("Add", variance, net.constant(np.float32(1e-5))))
        shape = net.constant([-1, channels, 1, 1], np.int64)
        gain = net.node("Reshape", net.constant(net.random.uniform(0.5, 1.5, channels)), shape)
        offset = net.node("Reshape", net.constant(net.random.normal(0, 0.3, channels)), shape)
        return net.node("Add", net.node("Mul", net.node("Div", centered, deviation), gain), offset)

    def twice_in_pieces(data: str, half: int) -> str:
        pixels = net.node("Reshape", data, net.constant([-1, 1], np.int64))
        columns = net.node("Concat", pixels, net.node("Add", pixels, net.constant(np.float32(0))), axis=1)
        rows = net.node("Reshape", columns, net.constant([-1, half * 2], np.int64))
        both = net.node("Concat", rows, rows, axis=1)
        return net.node("Reshape", both, net.constant([-1, channels, half * 2, half * 2], np.int64))

    data = net.node("Relu", norm_in_pieces(net.conv(net.pad("input", 2), 3, channels, 5), True))
    data = net.node("Relu", norm_in_pieces(net.conv(net.pad(data, 1), channels, channels, 3, stride=2), False))
    data = net.conv(net.pad(twice_in_pieces(data, edge // 2), 1), channels, 3, 3)
    scaled = net.node("Add", net.node("Mul", data, net.constant(np.float32(70))), net.constant(np.float32(127)))
    return net.model(scaled, shape_in=[1, 3, edge, edge], shape_out=[1, 3, edge, edge])


def tensor(image: Array, value_range: tuple[float, float]) -> Array:
    low, high = value_range
    return np.ascontiguousarray((image / 255 * (high - low) + low).transpose(0, 3, 1, 2), dtype=np.float32)


def test_a_model_of_one_size_in_pieces_is_freed_and_computes_the_same(tmp_path: Path) -> None:
    model = as_old_pytorch_wrote_it()
    path = saved(model, tmp_path)
    card = inspect_foreign(path)
    assert card.fixed_size_hw is None
    assert (card.size_multiple, card.scale, card.normalization) == (2, 1, "instance")
    assert card.value_range_in == card.value_range_out == (0.0, 255.0)
    image = photo((32, 32))
    original = open_graph(model, Machine(backend=BackendName.ONNXRUNTIME))
    wanted = original.run({"input": tensor(image, (0, 255))})[model.graph.output[0].name]
    wanted_image = np.clip(wanted.transpose(0, 2, 3, 1), 0, 255).round().astype(np.uint8)
    with open_translator(path, precision="fp32") as opened:
        assert np.abs(opened.translate(image).astype(int) - wanted_image).max() <= 1
        for size_hw in ((1, 1), (31, 45), (200, 120)):
            images = np.concatenate([photo(size_hw, 1), photo(size_hw, 2)])
            assert opened.translate(images).shape == images.shape
        alone = opened.translate(images[1:])
        assert decibels(opened.translate(images)[1:], alone) > 55  # a batch does not mix its pictures


def test_a_freed_model_is_computed_in_parts_like_any_other(tmp_path: Path) -> None:
    path = saved(as_old_pytorch_wrote_it(), tmp_path)
    image = photo((100, 130))
    with (
        open_translator(path, precision="fp32") as whole,
        open_translator(path, precision="fp32", max_tile_pixels=2500) as in_parts,
    ):
        assert decibels(in_parts.translate(image), whole.translate(image)) > 60


def test_import_writes_a_model_that_needs_no_more_finding_out(tmp_path: Path) -> None:
    target = import_onnx(saved(as_old_pytorch_wrote_it(), tmp_path), "candy")
    assert target == resolve_model("candy")
    card = read_card(target)
    assert card is not None
    assert card.name == "candy"
    assert len(card.source["sha256"]) == 64
    onnx.checker.check_model(str(target))
    image = photo((50, 70))
    with (
        open_translator("candy", precision="fp32") as named,
        open_translator(tmp_path / "foreign.onnx", precision="fp32") as direct,
    ):
        np.testing.assert_array_equal(named.translate(image), direct.translate(image))
    with pytest.raises(UsageError, match="already a model named candy"):
        import_onnx(tmp_path / "foreign.onnx", "candy")


def test_a_model_with_a_card_keeps_it_on_import(tmp_path: Path) -> None:
    target = import_onnx(saved(small_resnet(), tmp_path), "mine")
    card = read_card(target)
    assert card is not None
    assert (card.name, card.size_multiple, card.smallest_size) == ("mine", 4, 8)
    with pytest.raises(UsageError, match="has a model card"):
        import_onnx(target, "again", Said((0.0, 255.0), (0.0, 255.0)))


def test_a_model_with_a_card_that_gives_no_numbers_is_not_imported(tmp_path: Path) -> None:
    net = GraphBuilder()
    broken = with_card(
        net.model(net.node("Log", net.node("Mul", "input", net.constant([0.0], np.float32)))), name="none"
    )
    negative = net.node("Sub", "input", net.constant([5.0], np.float32))
    nothing = with_card(net.model(net.node("Log", negative)), name="nan")
    for model, name in ((broken, "none"), (nothing, "nan")):
        with pytest.raises(ModelError, match="every picture into a single color or into invalid numbers"):
            import_onnx(saved(model, tmp_path), name)


def test_a_model_without_a_card_that_gives_no_numbers_is_called_so(tmp_path: Path) -> None:
    """It was said that its range cannot be found, and to name one."""
    net = GraphBuilder()
    model = net.model(net.node("Div", "input", net.constant([0.0], np.float32)))
    with pytest.raises(ModelError, match="gives NaN or infinity for every pixel"):
        import_onnx(saved(model, tmp_path), "infinite")


def strided(net: GraphBuilder) -> onnx.ModelProto:
    """Return a model that takes multiples of 2 only."""
    return net.model(net.upsample(net.conv("input", 3, 3, 3, stride=2, padding=1)))


def one_by_one(net: GraphBuilder) -> onnx.ModelProto:
    """Return a model that says it takes batches, and takes one picture only."""
    alone = net.node("Squeeze", "input", net.constant([0], np.int64))
    return net.model(net.node("Unsqueeze", alone, net.constant([0], np.int64)))


# A file with a card was taken in unseen, and failed when it was used, with a library's own words.
@pytest.mark.parametrize(
    ("make", "changes", "words"),
    [
        (lambda net: identity_model(), {"scale": 4}, "makes 2×37×39×3, its card promises 2×148×156×3 (scale 4, "),
        (lambda net: identity_model(), {"layout_out": "NHWC"}, 'card field layout_out: found "NHWC", expected "NCHW"'),
        (strided, {"size_multiple": 1}, "makes 2×38×40×3, its card promises 2×37×39×3"),
        (lambda net: net.model(net.pad("input", 8)), {}, "makes 2×53×55×3, its card promises 2×37×39×3"),
        (
            one_by_one,
            {},
            "its graph cannot compute 2 of 39×37, which its card allows (size_multiple 1, smallest_size 1)",
        ),
        (
            lambda net: identity_model([1, 3, 8, 9]),
            {"fixed_size_hw": (8, 9), "scale": 2},
            "(scale 2, fixed_size_hw [8, 9])",
        ),
    ],
)
def test_a_card_that_running_the_graph_belies_is_refused_on_import(
    make: Any, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = saved(with_card(make(GraphBuilder()), **changes), tmp_path)
    with pytest.raises(ModelError) as caught:
        import_onnx(path, "liar")
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError):
        resolve_model("liar")


def test_cards_that_say_what_their_graphs_do_are_taken_in(tmp_path: Path) -> None:
    honest = {
        "strided": with_card(strided(GraphBuilder()), size_multiple=2),
        "fixed": with_card(identity_model([1, 3, 24, 40]), fixed_size_hw=(24, 40)),
        "alone": with_card(identity_model([1, 3, "h", "w"])),
        "halves": with_card(identity_model(element=TensorProto.FLOAT16), dtype="float16"),
    }
    for name, model in honest.items():
        assert import_onnx(saved(model, tmp_path), name) == resolve_model(name)


def test_a_graph_of_a_huge_fixed_size_is_refused_before_it_is_run(tmp_path: Path) -> None:
    path = saved(identity_model([1, 3, 65536, 65536]), tmp_path)
    with pytest.raises(ModelError, match="65536×65536 pixels, expected at most 4096 an edge"):
        inspect_foreign(path)


def test_a_large_picture_is_made_up_by_mirroring_a_natural_one() -> None:
    large = mirrored_picture((4096, 1000))
    assert large.shape == (4096, 1000, 3)
    np.testing.assert_array_equal(large[:512, :512], natural_picture((512, 512)))
    np.testing.assert_array_equal(large[512:1024, :512], large[511::-1, :512])
    np.testing.assert_array_equal(mirrored_picture((256, 300)), natural_picture((256, 300)))


@pytest.mark.parametrize("layout_in", ["NCHW", "NHWC"])
@pytest.mark.parametrize("layout_out", ["NCHW", "NHWC"])
def test_both_layouts_are_seen_at_both_ends(layout_in: str, layout_out: str, tmp_path: Path) -> None:
    net = GraphBuilder()
    data = "input" if layout_in == "NCHW" else net.node("Transpose", "input", perm=[0, 3, 1, 2])
    data = net.node("Clip", data, net.constant(np.float32(0)), net.constant(np.float32(1)))
    data = data if layout_out == "NCHW" else net.node("Transpose", data, perm=[0, 2, 3, 1])
    shapes: dict[str, list[int | str]] = {"NCHW": [1, 3, 24, 40], "NHWC": [1, 24, 40, 3]}
    path = saved(net.model(data, shape_in=shapes[layout_in], shape_out=shapes[layout_out]), tmp_path)
    card = inspect_foreign(path)
    assert (card.layout_in, card.layout_out) == (layout_in, layout_out)
    image = photo((19, 33))
    with open_translator(path) as opened:
        np.testing.assert_array_equal(opened.translate(image), image)


def test_an_upscaler_in_halves_is_seen_as_one(tmp_path: Path) -> None:
    net = GraphBuilder()
    weight = np.zeros((3, 3, 3, 3), np.float16)
    weight[range(3), range(3), 1, 1] = 1
    data = net.node("Conv", "input", net.constant(weight, np.float16), pads=[1, 1, 1, 1])
    model = net.model(
        net.upsample(data), shape_in=[1, 3, "h", "w"], shape_out=[1, 3, "H", "W"], element=TensorProto.FLOAT16
    )
    card = inspect_foreign(saved(model, tmp_path))
    assert (card.scale, card.size_multiple, card.value_range_in) == (2, 1, (0.0, 1.0))
    image = photo((9, 13))
    for precision in ("fp32", "fp16"):
        with open_translator(tmp_path / "foreign.onnx", precision=precision) as opened:
            np.testing.assert_array_equal(opened.translate(image), image.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize(
    ("last", "value_range"),
    [
        (["Tanh"], (-1.0, 1.0)),
        (["Sigmoid"], (0.0, 1.0)),
        (["Tanh", ("Mul", 0.5), ("Add", 0.5)], (0.0, 1.0)),
        (["Tanh", ("Mul", 127.5), ("Add", 127.5)], (0.0, 255.0)),
        (["Tanh", ("Add", 1.0), ("Div", 2.0)], (0.0, 1.0)),
    ],
)
def test_the_last_operators_tell_the_range(last: list[Any], value_range: tuple[float, float], tmp_path: Path) -> None:
    net = GraphBuilder(seed=1)
    data = net.norm(net.conv("input", 3, 3, 3, padding=1), 3)
    for step in last:
        operator, constants = (step, []) if isinstance(step, str) else (step[0], [net.constant(np.float32(step[1]))])
        data = net.node(operator, data, *constants)
    assert inspect_foreign(saved(net.model(data), tmp_path)).value_range_out == value_range


def test_a_range_that_cannot_be_found_out_names_the_option_and_takes_its_word(tmp_path: Path) -> None:
    net = GraphBuilder()
    dull = net.node("Add", net.node("Mul", "input", net.constant(np.float32(0))), net.constant(np.float32(7)))
    path = saved(net.model(dull), tmp_path)
    with pytest.raises(UsageError, match="--range"):
        inspect_foreign(path)
    card = inspect_foreign(path, Said(value_range_in=parse_range("0..255"), channel_order=ChannelOrder.BGR))
    assert (card.value_range_in, card.value_range_out) == ((0.0, 255.0), (0.0, 255.0))
    assert card.channel_order == "BGR"
    with pytest.raises(UsageError, match=r"--range: found '0\.\.2', expected one of -1\.\.1, 0\.\.1, 0\.\.255"):
        parse_range("0..2")


def test_sizes_that_cannot_be_freed_are_kept_and_said(tmp_path: Path) -> None:
    net = GraphBuilder()
    flat = net.node("Reshape", "input", net.constant([1, 3 * 16 * 24], np.int64))
    back = net.node("Reshape", flat, net.constant([1, 3, 16, 24], np.int64))
    path = saved(net.model(back, shape_in=[1, 3, 16, 24], shape_out=[1, 3, 16, 24]), tmp_path)
    assert inspect_foreign(path).fixed_size_hw == (16, 24)
    with open_translator(path) as opened:
        images = np.concatenate([photo((16, 24), 1), photo((16, 24), 2)])
        np.testing.assert_array_equal(opened.translate(images), images)
        np.testing.assert_array_equal(opened.translate(images[:, :5, :7]), images[:, :5, :7])
        with pytest.raises(InputError, match="takes pictures up to 24×16"):
            opened.translate(photo((17, 24)))


def test_a_model_that_only_takes_one_picture_at_a_time_gets_one_at_a_time(tmp_path: Path) -> None:
    net = GraphBuilder()
    data = net.node("Squeeze", "input", net.constant([0], np.int64))
    model = net.model(net.node("Unsqueeze", data, net.constant([0], np.int64)), shape_in=[1, 3, "h", "w"])
    images = np.concatenate([photo((20, 30), 1), photo((20, 30), 2)])
    with open_translator(saved(model, tmp_path)) as opened:
        np.testing.assert_array_equal(opened.translate(images), images)


def test_resizing_to_a_constant_size_becomes_resizing_by_a_factor(tmp_path: Path) -> None:
    net = GraphBuilder()
    small = net.node("AveragePool", "input", kernel_shape=[2, 2], strides=[2, 2])
    large = net.node("Resize", small, "", "", net.constant([1, 3, 32, 32], np.int64), mode="nearest")
    path = saved(net.model(large, shape_in=[1, 3, 32, 32], shape_out=[1, 3, 32, 32]), tmp_path)
    card = inspect_foreign(path)
    assert (card.fixed_size_hw, card.size_multiple) == (None, 2)
    with open_translator(path) as opened:
        assert opened.translate(photo((50, 90))).shape == (1, 50, 90, 3)


def test_an_identity_without_a_card_is_exact(tmp_path: Path) -> None:
    image = photo((17, 29))
    fine = (np.arange(17 * 29 * 3).reshape(1, 17, 29, 3) / 65535).astype(np.float32)
    for shape in (None, [1, 3, 64, 64]):
        with open_translator(saved(identity_model(shape), tmp_path)) as opened:
            np.testing.assert_array_equal(opened.translate(image), image)
            np.testing.assert_array_equal(np.round(opened.translate(fine) * 65535), np.round(fine * 65535))


def two_inputs(net: GraphBuilder) -> onnx.ModelProto:
    model = net.model(net.node("Add", "input", "noise"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1]))
    return model


REFUSED = {
    "21 channels": lambda net: net.model(net.conv("input", 3, 21, 1), shape_out=["n", 21, "h", "w"]),
    "2 inputs": two_inputs,
    "1×1×28×28": lambda net: net.model(net.node("Relu", "input"), shape_in=[1, 1, 28, 28]),
    "has 2 axes": lambda net: net.model(net.node("Relu", "input"), shape_in=[1, 784]),
    "float32 or float16": lambda net: net.model(net.node("Identity", "input"), element=TensorProto.INT64),
    "output .* has 2 axes": lambda net: net.model(net.node("Flatten", "input"), shape_out=["n", "features"]),
    "not a picture of its size": lambda net: net.model(
        net.node("AveragePool", "input", kernel_shape=[3, 3]), shape_in=[1, 3, 32, 32], shape_out=[1, 3, 30, 30]
    ),
    "at any size": lambda net: net.model(net.node("GlobalAveragePool", "input")),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_no_translator_is_refused_with_the_reason(words: str, tmp_path: Path) -> None:
    path = saved(REFUSED[words](GraphBuilder()), tmp_path)
    with pytest.raises(ModelError, match=rf"foreign\.onnx: .*{words}") as caught:
        open_translator(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError):
        import_onnx(path, "never")
    with pytest.raises(UsageError):
        resolve_model("never")


def strange_ends(
    kind: int, dims: list[int | str], *, opset: int = 17, in_batches: bool = False, ir_version: int = 8
) -> onnx.ModelProto:
    """Return a graph that makes negatives, with ends of this number type and shape."""
    ends = [helper.make_tensor_value_info(name, kind, dims) for name in ("x", "y")]
    white = numpy_helper.from_array(np.asarray(255.0 if kind == TensorProto.UINT8 else 1.0, np.float32), "white")
    nodes = [helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT)]
    nodes.append(helper.make_node("Sub", ["white", "a"], ["b"]))
    weights = [white]
    if in_batches:
        weights.append(numpy_helper.from_array(np.asarray(dims, np.int64), "shape"))
        nodes.append(helper.make_node("Reshape", ["b", "shape"], ["c"]))
    nodes.append(helper.make_node("Cast", ["c" if in_batches else "b"], ["y"], to=kind))
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, ir_version=ir_version, opset_imports=[helper.make_opsetid("", opset)])


@pytest.mark.parametrize(
    ("kind", "dims"),
    [
        (TensorProto.UINT8, [1, "h", "w", 3]),
        (TensorProto.UINT8, ["n", 3, "h", "w"]),
        (TensorProto.UINT8, [1, 1, "h", "w"]),
        (TensorProto.FLOAT, ["n", 1, "h", "w"]),
        (TensorProto.FLOAT, [1, "h", "w", 1]),
    ],
)
def test_models_of_bytes_and_of_one_channel_are_taken(tmp_path: Path, kind: int, dims: list[int | str]) -> None:
    path = saved(strange_ends(kind, dims), tmp_path)
    picture = mirrored_picture((40, 56))[None]
    said = None if kind == TensorProto.UINT8 else Said((0.0, 1.0), (0.0, 1.0))
    import_onnx(path, "negative", said)
    with open_translator("negative", device="cpu", precision="fp32") as translator:
        made = translator.translate(picture).astype(int)
    if 1 in dims[1:]:
        gray = (picture @ np.array([0.299, 0.587, 0.114]))[..., None]
        assert np.ptp(made, axis=3).max() == 0
        assert np.abs(made - (255 - gray)).max() <= 1
    else:
        assert np.abs(made - (255 - picture.astype(int))).max() <= 1


def test_a_batch_that_cannot_be_freed_and_a_newer_opset_are_said(tmp_path: Path) -> None:
    batched = saved(strange_ends(TensorProto.FLOAT, [4, 3, 64, 64], in_batches=True), tmp_path)
    with pytest.raises(ModelError, match="takes 4 pictures at once"):
        inspect_foreign(batched)
    newer = saved(strange_ends(TensorProto.FLOAT, ["n", 3, "h", "w"], opset=99, ir_version=13), tmp_path)
    with pytest.raises(ModelError, match="needs ONNX opset 99"):
        inspect_foreign(newer, Said((0.0, 1.0), (0.0, 1.0)))
