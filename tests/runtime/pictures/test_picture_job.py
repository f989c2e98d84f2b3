"""A picture file goes through read, resize, translate, look and write, and keeps what is not the model's to change."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cgconv.runtime.errors import Cancelled, OutputError, PictureError, UsageError
from cgconv.runtime.images import Animation, Picture, encode_animation, encode_picture, picture_size_hw, read_picture
from cgconv.runtime.pictures.job import PictureOptions, translate_picture_file


class Identity:
    """The bottom: changes nothing, and keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def translate(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(batch)
        return batch.copy()


class Inverse(Identity):
    """The bottom: gives the negative."""

    def translate(self, batch: np.ndarray) -> np.ndarray:
        super().translate(batch)
        return 255 - batch if batch.dtype == np.uint8 else 1 - batch


class Twice(Identity):
    """The bottom: an upscaler, each pixel four times."""

    def translate(self, batch: np.ndarray) -> np.ndarray:
        return super().translate(batch).repeat(2, axis=1).repeat(2, axis=2)


class Tint(Identity):
    """The bottom: paints red."""

    def translate(self, batch: np.ndarray) -> np.ndarray:
        return super().translate(batch) | np.uint8([255, 0, 0])


def noise(height: int = 30, width: int = 41, *, deep: bool = False) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 65536 if deep else 256, (height, width, 3))
    return values.astype(np.uint16 if deep else np.uint8)


def smooth(height: int = 60, width: int = 90) -> np.ndarray:
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([255 * across, 255 * down, 128 + 0 * down], axis=2).astype(np.uint8)


def put(path: Path, picture: Picture) -> Path:
    path.write_bytes(encode_picture(picture, file_format=path.suffix[1:]))
    return path


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def still(path: Path) -> Picture:
    content = read_picture(path)
    assert isinstance(content, Picture)
    return content


def animation(path: Path) -> Animation:
    content = read_picture(path)
    assert isinstance(content, Animation)
    return content


def gif(path: Path, count: int = 5) -> Path:
    frames = []
    for index in range(count):
        pixels = np.zeros((20, 30, 3), np.uint8)
        pixels[5:15, 4 * index : 4 * index + 8] = (255, 40, 10)
        frames.append(Picture(pixels, alpha=np.where(pixels[:, :, 0] > 0, 255, 0).astype(np.uint8)))
    path.write_bytes(encode_animation(Animation(frames, [50, 70, 40, 100, 30][:count], 3), file_format="gif"))
    return path


@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_what_the_model_leaves_alone_comes_back_bit_for_bit(
    tmp_path: Path, suffix: str, deep: bool, with_alpha: bool
) -> None:
    alpha = noise(deep=deep)[:, :, 1].copy() if with_alpha else None
    if alpha is not None:
        alpha[:9] = 0
    source = put(tmp_path / f"a.{suffix}", Picture(noise(deep=deep), alpha))
    target = tmp_path / f"b.{suffix}"

    facts = translate_picture_file(source, target, Identity())

    result = still(target)
    assert np.array_equal(result.pixels, noise(deep=deep))
    assert alpha is None or np.array_equal(result.alpha, alpha)
    assert facts["size_in"] == facts["size_out"] == [41, 30]
    assert facts["bits"] == (16 if deep else 8)
    assert facts["warnings"] == []
    assert set(facts["stage_seconds"]) == {"read", "translate", "write"}


def test_16_bit_pictures_travel_as_floats_and_keep_every_level(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(65536, dtype=np.uint16).reshape(128, 512)[:, :, None], 3, axis=2)
    translator = Inverse()
    translate_picture_file(put(tmp_path / "a.png", Picture(ramp)), tmp_path / "b.png", translator)
    assert np.array_equal(still(tmp_path / "b.png").pixels, 65535 - ramp)
    assert translator.batches[0].dtype == np.float32
    assert translator.batches[0].max() == 1


def test_alpha_is_passed_by_the_model_and_grows_with_its_result(tmp_path: Path) -> None:
    alpha = np.zeros((30, 41), np.uint8)
    alpha[:, 20:] = 255
    source = put(tmp_path / "a.png", Picture(noise(), alpha))
    facts = translate_picture_file(source, tmp_path / "b.png", Twice())
    result = still(tmp_path / "b.png")
    assert result.size_hw == (60, 82)
    assert result.alpha is not None
    assert result.alpha.shape == (60, 82)
    assert (result.alpha[:, :36] == 0).all()
    assert (result.alpha[:, 45:] == 255).all()
    assert (facts["size_in"], facts["size_out"]) == ([41, 30], [82, 60])


def test_a_turned_picture_is_translated_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    Image.fromarray(smooth()).save(tmp_path / "a.jpg", quality=95, exif=exif)
    translator = Identity()
    translate_picture_file(tmp_path / "a.jpg", tmp_path / "b.jpg", translator)
    assert translator.batches[0].shape == (1, 90, 60, 3)
    assert picture_size_hw(tmp_path / "a.jpg") == picture_size_hw(tmp_path / "b.jpg") == (90, 60)
    with Image.open(tmp_path / "b.jpg") as written:
        assert written.size == (60, 90)
        assert dict(written.getexif()) == {0x0112: 1, 0x010F: "Maker"}


def test_gray_stays_gray_only_where_the_result_is(tmp_path: Path) -> None:
    gray = Picture(np.repeat(noise()[:, :, :1], 3, axis=2), is_gray=True)
    source = put(tmp_path / "a.png", gray)
    translate_picture_file(source, tmp_path / "b.png", Inverse())
    assert opened(tmp_path / "b.png").mode == "L"
    translate_picture_file(source, tmp_path / "c.png", Tint())
    assert opened(tmp_path / "c.png").mode == "RGB"
    assert (still(tmp_path / "c.png").pixels[:, :, 0] == 255).all()


# Options


@pytest.mark.parametrize(
    ("size", "short_side", "wanted"),
    [((60, 90), 30, (30, 45)), ((90, 60), 30, (45, 30)), ((60, 90), 120, (120, 180)), ((3, 1000), 1, (1, 333))],
)
def test_the_short_side_is_resized_and_proportions_stay(
    tmp_path: Path, size: tuple[int, int], short_side: int, wanted: tuple[int, int]
) -> None:
    source = put(tmp_path / "a.png", Picture(smooth(*size)))
    options = PictureOptions(resize_short_side=short_side)
    translate_picture_file(source, tmp_path / "b.png", Identity(), options)
    result = still(tmp_path / "b.png")
    assert result.size_hw == wanted
    assert np.abs(result.pixels.astype(int) - cv2.resize(smooth(*size), wanted[::-1])).mean() < 3


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("short_side", [10, 40])
def test_colors_under_clear_pixels_do_not_bleed_when_resized(tmp_path: Path, short_side: int, deep: bool) -> None:
    whole = 65535 if deep else 255
    pixels = np.zeros((20, 20, 3), np.uint16 if deep else np.uint8)
    alpha = np.zeros((20, 20), pixels.dtype)
    pixels[5:15, 5:15], alpha[5:15, 5:15] = (whole, whole // 2, 0), whole
    source = put(tmp_path / "a.png", Picture(pixels, alpha))
    translate_picture_file(source, tmp_path / "b.png", Identity(), PictureOptions(resize_short_side=short_side))
    result = still(tmp_path / "b.png")
    assert result.alpha is not None
    seen = result.pixels[result.alpha > whole // 20].astype(float)
    assert len(seen) > 10
    assert np.abs(seen - [whole, whole // 2, 0]).max() <= 0.02 * whole, "no dark rim"


def test_a_resize_beyond_the_limit_is_refused_before_it_is_done(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(np.zeros((1, 10_000, 3), np.uint8)))
    with pytest.raises(PictureError, match=r"a\.png would have 5120000×512 pixels after --resize 512"):
        translate_picture_file(source, tmp_path / "b.png", Identity(), PictureOptions(resize_short_side=512))
    with pytest.raises(PictureError, match=r"more than the limit of 9,999; --max-pixels 10000 would allow it"):
        translate_picture_file(source, tmp_path / "b.png", Identity(), PictureOptions(max_pixels=9_999))
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize("deep", [False, True])
def test_strength_and_keep_colors_change_the_result(tmp_path: Path, deep: bool) -> None:
    source = put(tmp_path / "a.png", Picture(noise(deep=deep)))
    whole = 65535 if deep else 255

    def result(**options: Any) -> np.ndarray:
        translate_picture_file(source, tmp_path / "b.png", Inverse(), PictureOptions(**options))
        return still(tmp_path / "b.png").pixels.astype(np.float64)

    assert np.array_equal(result(strength=0), noise(deep=deep))
    assert np.array_equal(result(strength=1), whole - noise(deep=deep))
    assert np.abs(result(strength=0.5) - whole / 2).max() <= 1
    luma = [0.299, 0.587, 0.114]
    assert np.abs(result(keep_colors=True) @ luma - (whole - noise(deep=deep)) @ luma).max() <= 1


def test_the_targets_name_decides_the_format_and_losses_are_told(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(noise(deep=True), noise(deep=True)[:, :, 0]))
    for suffix, name in ((".jpg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF"), (".avif", "AVIF"), (".JPEG", "JPEG")):
        facts = translate_picture_file(source, tmp_path / f"b{suffix}", Identity())
        assert opened(tmp_path / f"b{suffix}").format == name
        assert facts["format_in"] == "png"
        assert len(facts["warnings"]) == {"JPEG": 2, "TIFF": 0}.get(name, 1)
    translate_picture_file(source, tmp_path / "without", Identity(), PictureOptions(file_format="webp"))
    assert opened(tmp_path / "without").format == "WEBP"


def test_quality_makes_files_smaller(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(noise()))
    for quality in (95, 30):
        target = tmp_path / f"{quality}.jpg"
        translate_picture_file(source, target, Identity(), PictureOptions(quality=quality))
    assert (tmp_path / "30.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"file_format": "bmp"}, "--format: found bmp"),
        ({"quality": 0}, "--quality: found 0, expected 1 to 100"),
        ({"quality": 101}, "--quality: found 101"),
        ({"resize_short_side": 0}, "--resize: found 0"),
        ({"strength": 1.1}, "--strength: found 1.1"),
        ({"strength": float("nan")}, "--strength: found nan"),
        ({"max_pixels": 0}, "--max-pixels: found 0"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(UsageError, match=name):
        PictureOptions(**options)


# Animations


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_is_translated_frame_by_frame(tmp_path: Path, suffix: str) -> None:
    source = gif(tmp_path / "a.gif")
    translator = Inverse()
    facts = translate_picture_file(source, tmp_path / f"b{suffix}", translator, PictureOptions(frames_at_once=2))
    before, after = animation(source), animation(tmp_path / f"b{suffix}")
    assert (after.durations_ms, after.loop) == ([50, 70, 40, 100, 30], 3)
    assert facts["frames"] == 5
    assert [len(batch) for batch in translator.batches] == [2, 2, 1]
    for old, new in zip(before.frames, after.frames, strict=True):
        assert old.alpha is not None
        assert np.array_equal(new.alpha, old.alpha)
        difference = new.pixels[old.alpha > 0].astype(int) - (255 - old.pixels[old.alpha > 0])
        assert np.abs(difference).max() <= (0 if suffix != ".webp" else 40)


def test_an_animation_is_resized_as_a_whole(tmp_path: Path) -> None:
    translate_picture_file(gif(tmp_path / "a.gif"), tmp_path / "b.gif", Twice(), PictureOptions(resize_short_side=40))
    assert {frame.size_hw for frame in animation(tmp_path / "b.gif").frames} == {(80, 120)}


def test_of_an_animation_a_jpeg_gets_the_first_frame_and_that_is_told(tmp_path: Path) -> None:
    facts = translate_picture_file(gif(tmp_path / "a.gif"), tmp_path / "b.jpg", Identity())
    assert still(tmp_path / "b.jpg").size_hw == (20, 30)
    assert facts["frames"] == 1
    assert facts["warnings"] == [
        "only the first of 5 frames is kept, because JPEG holds no animation",
        "JPEG has no transparency: the picture is put on white",
    ]


# What stops


def test_stopping_leaves_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()

    class Stops(Identity):
        def translate(self, batch: np.ndarray) -> np.ndarray:
            cancel.set()
            return super().translate(batch)

    translator = Stops()
    with pytest.raises(Cancelled):
        translate_picture_file(
            gif(tmp_path / "a.gif"), tmp_path / "b.gif", translator, PictureOptions(frames_at_once=1), cancel=cancel
        )
    assert len(translator.batches) == 1, "the frame at work is finished, and no more"
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_a_cut_off_picture_leaves_no_result(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise()).save(buffer, "JPEG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[:-200])
    with pytest.raises(PictureError, match=r"a\.jpg is damaged or cut off"):
        translate_picture_file(tmp_path / "a.jpg", tmp_path / "b.jpg", Identity())
    assert not (tmp_path / "b.jpg").exists()


def test_heic_is_not_written(tmp_path: Path) -> None:
    source = put(tmp_path / "a.png", Picture(noise()))
    translator = Identity()
    with pytest.raises(OutputError, match="HEIC cannot be written; choose jpg, png, webp, tiff or avif"):
        translate_picture_file(source, tmp_path / "b.heic", translator)
    assert not translator.batches, "nobody waits for a translation that cannot be written"
