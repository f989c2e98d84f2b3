"""A broader brush translates a small copy and brings the change back: strokes stay, edges are the picture's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from film_clips import FakeTranslator, look_at, make_film, run_film
from small_models import GraphBuilder, card_for, identity_model, with_card

from cgconv.cli.main import main
from cgconv.runtime.brush import bring_back, shrink, working_hw
from cgconv.runtime.errors import UsageError
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.images import Picture, encode_picture, read_picture
from cgconv.runtime.pictures.job import PictureOptions, translate_picture_file

CARD = card_for(identity_model(), working_size_px=40, smallest_size=16)


def scene(height: int, width: int) -> np.ndarray:
    """Return a picture with slow colors, sharp edges of several contrasts, and a little grain."""
    down, across = np.mgrid[0:height, 0:width]
    picture = np.stack([60 + 60 * across / width, 80 + 40 * down / height, 90 + 0 * down], axis=2)
    picture[height // 4 : height // 2, width // 4 : width // 2] += 90
    picture[:, width * 3 // 4 :] -= 50
    grain = np.random.default_rng(0).normal(0, 1.5, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def strokes(height: int, width: int) -> np.ndarray:
    """Return waves of 5 pixels and of 14 gray levels, which no change of colors makes."""
    down, across = np.mgrid[0:height, 0:width]
    return (14 * np.sin(2 * np.pi * (down + 0.5 * across) / 5))[:, :, None]


def painted(picture: np.ndarray) -> np.ndarray:
    """Return darker, warmer colors with strokes; of uint8 or of float32 in [0, 1]."""
    whole = 255 if picture.dtype == np.uint8 else 1
    levels = picture.astype(np.float64) / whole * 255
    changed = levels * (0.8, 0.7, 0.5) + (40, 30, 20) + strokes(*picture.shape[:2])
    return np.clip(changed / 255 * whole, 0, whole).round(0 if whole == 255 else 9).astype(picture.dtype)


class Painter:
    """The bottom: paints with strokes, and keeps the sizes of what it was given."""

    def __init__(self, card: Any = CARD) -> None:
        self.card = card
        self.sizes_hw: list[tuple[int, int]] = []

    def translate(self, batch: np.ndarray) -> np.ndarray:
        self.sizes_hw += [image.shape[:2] for image in batch]
        return np.stack([painted(image) for image in batch])


def put(path: Path, picture: Picture) -> Path:
    path.write_bytes(encode_picture(picture, file_format=path.suffix[1:]))
    return path


def test_auto_works_at_the_cards_size_and_never_enlarges() -> None:
    assert working_hw((120, 200), CARD) == (40, 67)
    assert working_hw((200, 120), CARD) == (67, 40)
    assert working_hw((30, 200), CARD) == (30, 200)
    assert working_hw((120, 200), card_for(identity_model())) == (120, 200)
    assert working_hw((120, 200), CARD, 2) == (60, 100)
    assert working_hw((120, 200), CARD, 1) == (120, 200)


def test_a_tiny_picture_is_not_shrunk_below_the_models_smallest_size() -> None:
    assert working_hw((24, 48), CARD, 8) == (16, 32)
    assert working_hw((10, 300), CARD, 8) == (10, 300)
    assert working_hw((1, 1), CARD, 8) == (1, 1)


def test_a_model_that_changes_sizes_takes_no_brush() -> None:
    upscaler = card_for(identity_model(), scale=2, working_size_px=40)
    assert working_hw((120, 200), upscaler) == (120, 200)
    with pytest.raises(UsageError, match="small makes it 2× as large"):
        working_hw((120, 200), upscaler, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size_hw", [(240, 360), (241, 359)])
def test_strokes_survive_and_edges_are_the_pictures_own(size_hw: tuple[int, int], dtype: Any) -> None:
    picture = scene(*size_hw)
    if dtype == np.float32:
        picture = (picture / np.float32(255)).astype(np.float32)
    small = shrink(picture, (80, 120))
    result = bring_back(picture, small, painted(small))
    assert (result.shape, result.dtype) == (picture.shape, picture.dtype)
    levels = 255 if dtype == np.float32 else 1
    again = shrink(result, (80, 120)) * float(levels)
    assert np.abs(again - painted(small) * float(levels)).mean() < 1.5  # the translation is all there, strokes included

    plain = cv2.resize(painted(small), size_hw[::-1], interpolation=cv2.INTER_LANCZOS4)
    row = size_hw[0] * 3 // 8  # across the bright square's left edge
    edge = slice(size_hw[1] // 4 - 12, size_hw[1] // 4 + 12)
    ours, blurred, own = (np.diff(image[row, edge, 0] * float(levels)).max() for image in (result, plain, picture))
    assert ours > 0.7 * 0.8 * own  # 0.8: what the painter leaves of contrast
    assert ours > 1.5 * blurred


def test_no_halo_stands_beside_an_edge() -> None:
    picture = np.full((160, 240, 3), 70, np.uint8)
    picture[:, 120:] = 190
    small = shrink(picture, (40, 60))
    changed = np.clip(small * 0.8 + 20.0, 0, 255).astype(np.uint8)
    result = bring_back(picture, small, changed).astype(int)
    assert np.abs(result[:, :118] - 76).max() <= 5
    assert np.abs(result[:, 122:] - 172).max() <= 5


def test_detail_says_how_much_of_the_strokes_is_kept() -> None:
    picture = scene(240, 360)
    small = shrink(picture, (80, 120))
    calm = np.s_[10:50, 190:260]  # nothing but slow colors and grain here

    def wave(detail: float) -> float:
        result = bring_back(picture, small, painted(small), detail=detail)
        levels = result[calm].astype(float)
        return float((levels - cv2.blur(levels, (31, 31)))[16:-16, 16:-16].std())

    assert wave(0) < 0.35 * wave(1)
    assert wave(0) < wave(0.5) < wave(1)


def test_a_picture_is_worked_at_the_cards_size_and_keeps_its_own(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(scene(120, 180)))
    painter = Painter()
    facts = translate_picture_file(source, tmp_path / "b.png", painter, card=CARD)
    assert painter.sizes_hw == [(40, 60)]
    assert (facts["working_size"], facts["size_out"]) == ([60, 40], [180, 120])
    result = read_picture(tmp_path / "b.png")
    assert isinstance(result, Picture)
    assert result.size_hw == (120, 180)


def test_a_brush_of_1_is_the_plain_translation_bit_for_bit(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(scene(120, 180)))
    translate_picture_file(source, tmp_path / "b.png", Painter(), PictureOptions(brush=1), card=CARD)
    result = read_picture(tmp_path / "b.png")
    assert isinstance(result, Picture)
    assert np.array_equal(result.pixels, painted(scene(120, 180)))


def test_resize_comes_first_and_strength_and_colors_after(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(scene(240, 360)))
    painter = Painter()
    options = PictureOptions(brush=2, resize_short_side=120, strength=0)
    facts = translate_picture_file(source, tmp_path / "b.png", painter, options, card=CARD)
    assert painter.sizes_hw == [(60, 90)]
    assert facts["size_out"] == [180, 120]
    result = read_picture(tmp_path / "b.png")
    assert isinstance(result, Picture)
    assert np.array_equal(result.pixels, cv2.resize(scene(240, 360), (180, 120), interpolation=cv2.INTER_AREA))

    translate_picture_file(source, tmp_path / "c.png", painter, PictureOptions(brush=3, keep_colors=True), card=CARD)
    kept = read_picture(tmp_path / "c.png")
    assert isinstance(kept, Picture)
    before, after = (
        cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[:, :, 1:].astype(int) for image in (scene(240, 360), kept.pixels)
    )
    assert np.abs(before - after).mean() < 2


def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path) -> None:
    ramp = np.linspace(20_000, 21_000, 360)[None, :, None] + np.zeros((240, 1, 3))
    source = put(tmp_path / "a.png", Picture(ramp.astype(np.uint16)))

    class Darker(Painter):
        def translate(self, batch: np.ndarray) -> np.ndarray:
            assert batch.dtype == np.float32
            return batch * np.float32(0.5)

    facts = translate_picture_file(source, tmp_path / "b.png", Darker(), PictureOptions(brush=4), card=CARD)
    result = read_picture(tmp_path / "b.png")
    assert isinstance(result, Picture)
    assert facts["bits"] == 16
    assert np.abs(result.pixels.astype(float) - ramp / 2).max() < 40  # of 65,535: 8 bits would be 128 apart
    assert len(np.unique(result.pixels[:, :, 0])) > 100


def test_colors_under_clear_pixels_do_not_bleed_into_what_is_seen(tmp_path: Path) -> None:
    pixels = np.full((120, 180, 3), 90, np.uint8)
    alpha = np.full((120, 180), 255, np.uint8)
    pixels[:, 90:], alpha[:, 90:] = (255, 0, 255), 0
    source = put(tmp_path / "a.png", Picture(pixels, alpha))

    class Same(Painter):
        def translate(self, batch: np.ndarray) -> np.ndarray:
            return batch.copy()

    translate_picture_file(source, tmp_path / "b.png", Same(), PictureOptions(brush=6), card=CARD)
    result = read_picture(tmp_path / "b.png")
    assert isinstance(result, Picture)
    assert result.alpha is not None
    assert np.array_equal(result.alpha, alpha)
    assert np.abs(result.pixels[:, :90].astype(int) - 90).max() <= 12


def test_a_film_is_worked_small_and_comes_out_in_its_size(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", times=[0, 40, 80, 120])
    before = look_at(source)
    seen: list[tuple[int, ...]] = []

    def change(batch: Any) -> Any:
        seen.append(batch.shape[1:3])
        return batch

    run = run_film(source, tmp_path / "b.mp4", FakeTranslator(change), FilmOptions(brush=2))
    after = look_at(tmp_path / "b.mp4")
    height, width = before.images[0].shape[:2]
    assert set(seen) == {(height // 2, width // 2)}
    assert run.facts["working_size"] == [width // 2, height // 2]
    assert after.times == before.times
    assert after.images[0].shape == before.images[0].shape
    assert np.abs(before.images[0].astype(float) - after.images[0]).mean() < 4


def test_the_command_lines_brush_is_in_the_report_and_a_wrong_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = GraphBuilder()
    model = with_card(net.model(net.node("Neg", "input")), name="negative", working_size_px=40)
    onnx.save(model, tmp_path / "negative.onnx")
    source = put(tmp_path / "a.png", Picture(scene(120, 180)))
    for brush, worked in (("auto", [60, 40]), ("2", [90, 60]), ("1", [180, 120])):
        given = ["images", str(source), "-m", str(tmp_path / "negative.onnx"), "--brush", brush]
        assert main([*given, "--exists", "overwrite", "--report", str(tmp_path / "report.json")]) == 0
        (job,) = json.loads((tmp_path / "report.json").read_text())["jobs"]
        assert job["facts"]["working_size"] == worked
        result = read_picture(Path(job["output"]))
        assert isinstance(result, Picture)
        assert np.abs(result.pixels.astype(int) - (255 - scene(120, 180).astype(int))).mean() < 12
    for wrong in ("9", "0.5", "wide"):
        assert main(["images", str(source), "-m", "monet", "--brush", wrong]) == 2
        assert "write auto, or a number from 1 to 8" in capsys.readouterr().err
