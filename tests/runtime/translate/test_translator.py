"""A translator takes images of any size, alone or in batches, whole or in parts, and gives the same result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from small_models import GraphBuilder, card_for, decibels, identity_model, photo, small_resnet, with_card

from cgconv.runtime.backends.choose import graph_for
from cgconv.runtime.backends.machine import Array, Machine
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import InputError, ModelError, ResourceError, UsageError
from cgconv.runtime.events import BackendOpened
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, specialize
from cgconv.runtime.graphs.stages import Plan, plan_stages, receptive_field_px
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.translate import memory, tiles, translator
from cgconv.runtime.translate.tiles import Moments, cut_into_parts
from cgconv.runtime.translator import Translator, open_translator


@pytest.fixture
def resnet_path(tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    write_model(small_resnet(), path)
    return path


@pytest.fixture
def identity_path(tmp_path: Path) -> Path:
    path = tmp_path / "identity.onnx"
    write_model(with_card(identity_model(), size_multiple=4, smallest_size=8), path)
    return path


@pytest.mark.parametrize("backend", ["auto", "onnxruntime"])
def test_odd_sizes_come_back_unchanged_from_an_identity(identity_path: Path, backend: str) -> None:
    with open_translator(identity_path, backend=backend) as opened:
        for height, width, count in ((1, 1, 1), (1, 9, 2), (7, 8, 1), (33, 50, 3), (300, 451, 1)):
            images = np.concatenate([photo((height, width), seed) for seed in range(count)])
            result = opened.translate(images)
            assert result.dtype == np.uint8
            np.testing.assert_array_equal(result, images)
            fine = (images.astype(np.float32) * 256 + 13) / 65535
            np.testing.assert_array_equal(np.round(opened.translate(fine) * 65535), np.round(fine * 65535))


def test_a_picture_is_padded_not_resized_and_cropped_back(resnet_path: Path) -> None:
    # the padding is a reflection at the bottom and right: done by hand it must give the same
    image = photo((30, 45))
    by_hand = np.pad(image, ((0, 0), (0, 2), (0, 3), (0, 0)), mode="symmetric")
    with open_translator(resnet_path, precision="fp32") as opened:
        np.testing.assert_array_equal(opened.translate(image), opened.translate(by_hand)[:, :30, :45])


def test_a_batch_gives_what_its_images_give_alone(resnet_path: Path) -> None:
    images = np.concatenate([photo((36, 44), seed) for seed in range(3)])
    with open_translator(resnet_path, precision="fp32") as opened:
        alone = np.concatenate([opened.translate(image[None]) for image in images])
        assert np.abs(opened.translate(images).astype(int) - alone).max() <= 1


def test_images_that_lie_spread_in_memory_are_taken_as_they_are(resnet_path: Path) -> None:
    image = photo((40, 40))
    flipped = image[:, ::-1, ::-1]
    with open_translator(resnet_path) as opened:
        np.testing.assert_array_equal(opened.translate(flipped), opened.translate(flipped.copy()))
        result = opened.translate(flipped)
        result[:] = 0  # the caller's own, writable
        assert image.any()


def test_an_upscaler_gives_twice_the_size(tmp_path: Path) -> None:
    net = GraphBuilder()
    model = with_card(net.model(net.upsample("input")), scale=2, size_multiple=2)
    write_model(model, tmp_path / "twice.onnx")
    image = photo((21, 35))
    with open_translator(tmp_path / "twice.onnx") as opened:
        np.testing.assert_array_equal(opened.translate(image), image.repeat(2, axis=1).repeat(2, axis=2))
    with open_translator(tmp_path / "twice.onnx", max_tile_pixels=400) as opened:
        np.testing.assert_array_equal(opened.translate(image), image.repeat(2, axis=1).repeat(2, axis=2))


def test_a_model_of_one_size_takes_smaller_pictures_and_says_so_of_larger_ones(tmp_path: Path) -> None:
    model = with_card(identity_model([1, 3, 24, 32]), fixed_size_hw=(24, 32))
    write_model(model, tmp_path / "fixed.onnx")
    with open_translator(tmp_path / "fixed.onnx") as opened:
        for size_hw in ((24, 32), (5, 7), (1, 1)):
            images = np.concatenate([photo(size_hw, seed) for seed in range(2)])
            np.testing.assert_array_equal(opened.translate(images), images)
        with pytest.raises(InputError, match=r"takes pictures up to 32×24, this one has 33×24"):
            opened.translate(photo((24, 33)))


def test_what_is_no_batch_of_images_is_misuse(identity_path: Path) -> None:
    with open_translator(identity_path) as opened:
        for wrong in (
            photo((8, 8))[0],
            np.zeros((1, 8, 8, 4), np.uint8),
            np.zeros((1, 8, 8, 3)),
            np.zeros((0, 8, 8, 3)),
        ):
            with pytest.raises(UsageError, match="expected uint8 or float32 images"):
                opened.translate(wrong)


def test_a_closed_translator_opens_again_when_used(identity_path: Path) -> None:
    opened = open_translator(identity_path)
    opened.close()
    opened.close()
    assert opened.translate(photo((8, 8))).shape == (1, 8, 8, 3)


# --- in parts


@pytest.mark.parametrize("backend", [BackendName.OPENVINO, BackendName.ONNXRUNTIME])
def test_a_picture_in_parts_is_the_picture_as_a_whole(resnet_path: Path, backend: str) -> None:
    image = photo((150, 219)).astype(np.float32) / 255  # float: uint8 would hide differences below half a level
    with open_translator(resnet_path, backend=backend, precision="fp32") as whole:
        wanted = whole.translate(image)
    with open_translator(resnet_path, backend=backend, precision="fp32", max_tile_pixels=5000) as in_parts:
        result = in_parts.translate(image)
    assert wanted.std() > 0.1
    assert decibels(result, wanted, peak=1) > 90
    assert np.abs(result - wanted).max() < 0.5 / 255


def test_parts_of_their_own_would_not_do(resnet_path: Path) -> None:
    # why statistics must be the whole picture's: the same picture cut in two and each half by itself
    image = photo((64, 128))
    with open_translator(resnet_path, precision="fp32") as opened:
        whole = opened.translate(image)
        halves = np.concatenate([opened.translate(image[:, :, :64]), opened.translate(image[:, :, 64:])], axis=2)
    assert decibels(halves[:, :, :40], whole[:, :, :40]) < 40


def test_a_model_with_skips_and_transposed_convolutions_is_exact_in_parts(tmp_path: Path) -> None:
    net = GraphBuilder(seed=3)
    first = net.node("LeakyRelu", net.conv("input", 3, 8, 4, stride=2, padding=1), alpha=0.2)
    second = net.node("Relu", net.norm(net.conv(first, 8, 16, 4, stride=2, padding=1), 16))
    weight = net.constant(net.random.normal(0, 0.1, (16, 8, 4, 4)))
    up = net.node("ConvTranspose", second, weight, kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1])
    joined = net.node("Concat", net.norm(up, 8), first, axis=1)
    last = net.constant(net.random.normal(0, 0.1, (16, 3, 4, 4)))
    made = net.node("ConvTranspose", joined, last, kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1])
    model = with_card(net.model(net.node("Tanh", made)), size_multiple=4, smallest_size=4, normalization="instance")
    write_model(model, tmp_path / "unet.onnx")
    image = photo((90, 130)).astype(np.float32) / 255
    with open_translator(tmp_path / "unet.onnx", precision="fp32") as whole:
        wanted = whole.translate(image)
    with open_translator(tmp_path / "unet.onnx", precision="fp32", max_tile_pixels=1500) as in_parts:
        assert decibels(in_parts.translate(image), wanted, peak=1) > 90


def test_a_picture_too_large_for_the_memory_is_done_in_parts_by_itself(
    resnet_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.concatenate([photo((96, 120), seed) for seed in range(2)])
    with open_translator(resnet_path, precision="fp32") as opened:
        wanted = opened.translate(images)
        monkeypatch.setattr(translator, "_ALWAYS_FITS_PIXELS", 0)
        monkeypatch.setattr(translator, "available_bytes", lambda: 2_000_000)
        calls: list[int] = []
        in_parts = translator.translate_in_parts

        def counted(*arguments: Any, **options: Any) -> Array:
            calls.append(options["part_pixels"])
            return in_parts(*arguments, **options)

        monkeypatch.setattr(translator, "translate_in_parts", counted)
        result = opened.translate(images)
    assert len(calls) == 2
    assert max(calls) < 96 * 120 / 2
    assert decibels(result, wanted) > 60


def test_a_batch_too_large_for_the_memory_is_done_in_smaller_ones(
    resnet_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.concatenate([photo((96, 120), seed) for seed in range(3)])
    with open_translator(resnet_path, precision="fp32") as opened:
        wanted = opened.translate(images)
        monkeypatch.setattr(translator, "_ALWAYS_FITS_PIXELS", 0)
        monkeypatch.setattr(opened, "_fitting_pixels", lambda doors: 2 * 96 * 120)
        sizes: list[int] = []
        run = opened._run
        monkeypatch.setattr(opened, "_run", lambda batch, doors: (sizes.append(len(batch)), run(batch, doors))[1])
        assert np.abs(opened.translate(images).astype(int) - wanted).max() <= 1
    assert sizes == [2, 1]


def computed_in_parts(image: Array, plan: Plan, *, part_pixels: int, memory_bytes: int) -> Array:
    machine = Machine(backend=BackendName.ONNXRUNTIME)
    opened = lambda stage: translator.open_graph(stage, machine)  # noqa: E731
    return tiles.translate_in_parts(image, plan, opened, scale=1, part_pixels=part_pixels, memory_bytes=memory_bytes)


def test_layers_may_lie_on_the_disk_and_leave_nothing_behind(resnet_path: Path, tmp_path: Path) -> None:
    image = photo((96, 120))
    model = onnx.load(str(resnet_path))
    graph = specialize(model, card_for(model, size_multiple=4, smallest_size=8))
    plan = plan_stages(graph, 4)
    results = [computed_in_parts(image, plan, part_pixels=3000, memory_bytes=limit) for limit in (0, 1 << 30)]
    np.testing.assert_array_equal(*results)
    cache = cache_folder()
    assert list(cache.glob("layer-*")) == []


def test_wide_layers_are_computed_again_instead_of_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_resnet()
    graph = specialize(model, card_for(model, size_multiple=4, smallest_size=8))
    stored = plan_stages(graph, 4)
    monkeypatch.setattr("cgconv.runtime.graphs.stages.STORED_BYTES_PER_PIXEL", 10)
    again = plan_stages(graph, 4)
    assert all(stage.halo_px <= 6 for stage in stored.stages)  # one convolution between two norms
    assert len(again.stages) == len(stored.stages)
    assert again.stages[1].reads == [IMAGES]
    assert again.stages[1].halo_px > stored.stages[1].halo_px
    image = photo((128, 128))
    results = [computed_in_parts(image, plan, part_pixels=9000, memory_bytes=1 << 30) for plan in (stored, again)]
    assert decibels(*results) > 60


def test_parts_cover_every_pixel_once_with_their_neighbors() -> None:
    for size_hw, halo, align, pixels in (
        ((480, 640), 13, 4, 40_000),
        ((8, 4096), 3, 4, 9000),
        ((100, 100), 0, 1, 700),
        ((512, 256), 90, 8, 90_000),
        ((64, 64), 20, 4, 10_000),
    ):
        seen = np.zeros(size_hw, int)
        shapes = set()
        for part in cut_into_parts(size_hw, halo, align, pixels):
            seen[part.counted] += 1
            shapes.add(tuple(edge.stop - edge.start for edge in part.computed))
            for computed, counted, size in zip(part.computed, part.counted, size_hw, strict=True):
                assert counted.start - computed.start >= halo or computed.start == 0
                assert computed.stop - counted.stop >= halo or computed.stop == size
                assert computed.start % align == counted.start % align == 0
        assert (seen == 1).all()
        assert len(shapes) == 1  # one compilation
        assert all(height * width <= pixels * 1.1 for height, width in shapes)


def test_parts_that_would_be_all_neighbors_are_refused_with_advice() -> None:
    with pytest.raises(ResourceError, match="--resize"):
        list(cut_into_parts((1000, 1000), 200, 4, 100 * 100))


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(500, 2, (1, 3, 40, 60)).astype(np.float32)
    moments = Moments(3)
    for rows in (slice(0, 7), slice(7, 30), slice(30, 40)):
        moments.add(values[:, :, rows])
    norm = tiles.Norm("x", np.ones(3), np.zeros(3), 0.0)
    factor, shift = moments.factor_and_shift(norm)
    exact = values.astype(np.float64)
    np.testing.assert_allclose(factor.ravel(), 1 / exact.std(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(shift.ravel(), -exact.mean(axis=(0, 2, 3)) / exact.std(axis=(0, 2, 3)), rtol=1e-6)


def test_the_receptive_field_is_counted_from_the_graph() -> None:
    net = GraphBuilder()
    data = net.conv("input", 3, 4, 7, padding=3)  # 7
    data = net.conv(data, 4, 4, 3, stride=2, padding=1)  # + 2
    data = net.conv(data, 4, 4, 3, padding=1)  # + 2 · 2
    model = net.model(net.conv(data, 4, 3, 1))
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    graph = specialize(model, card_for(model, size_multiple=2, scale=1))
    assert receptive_field_px(graph, 2) == 7 + 2 + 4


def test_a_model_that_ties_all_pixels_together_says_that_it_cannot_be_cut(tmp_path: Path) -> None:
    net = GraphBuilder()
    model = with_card(net.model(net.node("Sub", "input", net.node("GlobalAveragePool", "input"))))
    write_model(model, tmp_path / "global.onnx")
    with open_translator(tmp_path / "global.onnx") as opened:
        assert opened.translate(photo((64, 64))).shape == (1, 64, 64, 3)
    with (
        open_translator(tmp_path / "global.onnx", max_tile_pixels=1000) as opened,
        pytest.raises(ResourceError, match="cannot be computed in parts; use --resize"),
    ):
        opened.translate(photo((64, 64)))


# --- when things go wrong


class NarrowBackend:
    """Gives back its images, and has no memory for more than `limit` pixels at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.calls: list[tuple[int, ...]] = []

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        images = feeds[IMAGES]
        if images.shape[0] * images.shape[1] * images.shape[2] > self.limit:
            raise ResourceError("memory ran out")
        self.calls.append(images.shape)
        return {TRANSLATED: images}

    def describe(self) -> BackendOpened:
        return BackendOpened("narrow", "narrow", "cuda:0", "fp32", "a test")

    def close(self) -> None:
        pass


def narrow_translator(monkeypatch: pytest.MonkeyPatch, limit: int) -> tuple[Translator, NarrowBackend]:
    backend = NarrowBackend(limit)
    monkeypatch.setattr(translator, "open_graph", lambda graph, machine, building=None: backend)
    model = identity_model()
    machine = Machine(backend=BackendName.ONNXRUNTIME, device="cuda:0")
    return Translator(model, card_for(model), machine), backend


def test_out_of_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.concatenate([photo((300, 300), seed) for seed in range(5)])
    opened, backend = narrow_translator(monkeypatch, 2 * 300 * 300)
    np.testing.assert_array_equal(opened.translate(images), images)
    assert [shape[0] for shape in backend.calls] == [2, 1, 2]


def test_out_of_memory_on_one_picture_goes_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo((600, 500))
    opened, backend = narrow_translator(monkeypatch, 80_000)
    np.testing.assert_array_equal(opened.translate(image), image)
    assert len(backend.calls) > 3


def test_no_memory_even_for_parts_is_a_resource_error(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, _ = narrow_translator(monkeypatch, 0)
    with pytest.raises(ResourceError):
        opened.translate(photo((600, 500)))


def test_a_model_that_openvino_cannot_compute_goes_over_to_onnxruntime(tmp_path: Path) -> None:
    model = identity_model()
    model.graph.node[0].CopyFrom(
        helper.make_node("Gelu", ["input"], [model.graph.output[0].name], domain="com.microsoft", name="odd")
    )
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node[0].op_type = "QuickGelu"
    write_model(with_card(model), tmp_path / "odd.onnx")
    image = photo((16, 16))
    with open_translator(tmp_path / "odd.onnx") as opened:
        result = opened.translate(image)
        running = opened.describe()
    x = image / 127.5 - 1
    wanted = np.clip((x / (1 + np.exp(-1.702 * x)) + 1) * 127.5, 0, 255)
    assert np.abs(result - wanted).max() <= 1
    assert running.backend in ("openvino", "onnxruntime")
    if running.backend == "onnxruntime":
        assert "cannot compute this model" in running.why


def test_a_card_that_does_not_fit_its_graph_is_refused_on_opening(tmp_path: Path) -> None:
    write_model(with_card(identity_model(), input_name="picture"), tmp_path / "wrong.onnx")
    with pytest.raises(ModelError, match=r'wrong\.onnx: card field input_name: found "picture", expected "input"'):
        open_translator(tmp_path / "wrong.onnx")


def test_a_graph_that_makes_no_sense_is_a_model_error(tmp_path: Path) -> None:
    net = GraphBuilder()
    model = with_card(net.model(net.node("Conv", "input", net.constant(np.zeros((4, 5, 3, 3))))))
    write_model(model, tmp_path / "nonsense.onnx")
    with pytest.raises(ModelError), open_translator(tmp_path / "nonsense.onnx") as opened:
        opened.translate(photo((16, 16)))


def test_a_model_whose_result_is_not_the_size_that_its_card_says_is_a_model_error(tmp_path: Path) -> None:
    net = GraphBuilder()
    write_model(with_card(net.model(net.upsample("input"))), tmp_path / "liar.onnx")
    with open_translator(tmp_path / "liar.onnx") as opened, pytest.raises(ModelError, match=r"16×16 .* card says 8×8"):
        opened.translate(photo((8, 8)))


def test_memory_that_is_free_is_a_sensible_number() -> None:
    assert 50_000_000 < memory.available_bytes() < 1 << 50


def test_the_element_type_of_the_images_stays(identity_path: Path) -> None:
    with open_translator(identity_path) as opened:
        assert opened.translate(photo((8, 8)).astype(np.float32) / 255).dtype == np.float32
        assert opened.card.dtype == "float32"
        assert onnx.load(str(identity_path)).graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_a_model_is_specialised_once_for_whole_pictures_and_parts(
    resnet_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(translator, "graph_for", lambda *given: calls.append(given) or graph_for(*given))
    with open_translator(resnet_path, precision="fp32", max_tile_pixels=32 * 32) as opened:
        opened.translate(photo((24, 24)))
        opened.translate(photo((64, 64)))
        opened.translate(photo((72, 64)))
    assert len(calls) == 1
