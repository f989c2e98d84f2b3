"""Transparent films keep their transparency, frame for frame, and masks say where a film is translated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, picture, run_film
from PIL import Image

from cgconv.runtime.choices import VideoCodec
from cgconv.runtime.errors import CgconvError
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.mask import MaskOptions

SIZE_HW = (48, 64)
KINDS = {
    "mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    "webm": ("libvpx-vp9", "yuva420p", {"crf": "10", "b": "0"}),
    "png.mov": ("png", "rgba", {}),
    "mkv": ("ffv1", "yuva444p", {}),
}


def clear_parts(number: int) -> np.ndarray:
    """Return an alpha in which an opaque square wanders over clear ground, with a half-clear band."""
    alpha = np.zeros(SIZE_HW, np.uint8)
    alpha[8:24, 4 + 2 * number : 24 + 2 * number] = 255
    alpha[32:40] = 128
    return alpha


def transparent_film(path: Path, kind: str, frames: int = 8) -> Path:
    codec, pix_fmt, options = KINDS[kind]
    with av.open(path, "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = SIZE_HW[1], SIZE_HW[0], pix_fmt
        for number in range(frames):
            rgba = np.dstack([picture(number, SIZE_HW[::-1]), clear_parts(number)])
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def alphas_of(path: Path) -> list[np.ndarray]:
    """Decode with what knows alpha, which for VP9 is libvpx alone."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.name == "vp9":
            context = av.CodecContext.create("libvpx-vp9", "r")
        packets = [packet for packet in container.demux(stream) if packet.size]
        frames = [frame for packet in [*packets, None] for frame in context.decode(packet)]
    return [frame.reformat(format="rgba").to_ndarray()[..., 3] for frame in frames]


@pytest.mark.parametrize("kind", KINDS)
def test_transparent_films_keep_their_transparency(tmp_path: Path, kind: str) -> None:
    film = transparent_film(tmp_path / f"a.{kind}", kind)
    result = tmp_path / f"b.{kind.split('.')[-1]}"
    run = run_film(film, result)
    before, after = alphas_of(film), alphas_of(result)
    assert len(before) == len(after) == 8
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        off = np.abs(one.astype(int) - other)
        assert off.max() <= 1 if kind != "webm" else off.mean() < 2
        assert np.abs(other.astype(int) - clear_parts(number)).mean() < 2
    assert not any("transparency is not kept" in warning for warning in run.warnings)
    if kind == "webm":
        assert bytes.fromhex("53c08101") in result.read_bytes()  # Matroska's AlphaMode, by which browsers know
        run_film(result, tmp_path / "c.webm")  # and cgconv, of its own results
        assert np.abs(alphas_of(tmp_path / "c.webm")[3].astype(int) - clear_parts(3)).mean() < 3


def test_a_container_without_transparency_says_so(tmp_path: Path) -> None:
    film = transparent_film(tmp_path / "a.webm", "webm")
    run = run_film(film, tmp_path / "b.mp4")
    assert sum("transparency is not kept" in warning for warning in run.warnings) == 1


def inverted(batch: np.ndarray) -> np.ndarray:
    return 255 - batch if batch.dtype == np.uint8 else 1 - batch


def result_of(tmp_path: Path, mask: MaskOptions | None, film: Path, name: str) -> list[np.ndarray]:
    options = FilmOptions(mask=mask, codec=VideoCodec.FFV1)
    run_film(film, tmp_path / name, FakeTranslator(inverted), options)
    return look_at(tmp_path / name).images


def test_only_what_is_white_in_a_mask_is_translated(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", codec="ffv1", pix_fmt="yuv444p", frames=6, size_wh=(64, 48))
    plain, negative = tmp_path / "plain.mkv", result_of(tmp_path, None, film, "negative.mkv")
    run_film(film, plain, options=FilmOptions(codec=VideoCodec.FFV1))
    drawn = np.zeros(SIZE_HW, np.uint8)
    drawn[:, 32:] = 255
    Image.fromarray(drawn).save(tmp_path / "mask.png")
    half = result_of(tmp_path, MaskOptions(source=str(tmp_path / "mask.png")), film, "half.mkv")
    other = result_of(tmp_path, MaskOptions(source=str(tmp_path / "mask.png"), invert=True), film, "other.mkv")
    Image.fromarray(drawn * 0).save(tmp_path / "black.png")
    none = result_of(tmp_path, MaskOptions(source=str(tmp_path / "black.png")), film, "none.mkv")
    for number, original in enumerate(look_at(plain).images):
        np.testing.assert_array_equal(half[number][:, :32], original[:, :32])
        np.testing.assert_array_equal(half[number][:, 32:], negative[number][:, 32:])
        np.testing.assert_array_equal(other[number][:, 32:], original[:, 32:])
        np.testing.assert_array_equal(none[number], original)


def test_a_film_of_masks_goes_with_the_film(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", codec="ffv1", pix_fmt="yuv444p", frames=6, size_wh=(64, 48))

    def wandering(number: int, size_wh: tuple[int, int]) -> np.ndarray:
        mask = np.zeros((*SIZE_HW, 3), np.uint8)
        mask[:, 8 * number : 8 * number + 8] = 255
        return mask

    masks = make_film(tmp_path / "m.mkv", codec="ffv1", pix_fmt="yuv444p", frames=4, size_wh=(64, 48), draw=wandering)
    images = result_of(tmp_path, MaskOptions(source=str(masks)), film, "b.mkv")
    negative = result_of(tmp_path, None, film, "negative.mkv")
    plain = tmp_path / "plain.mkv"
    run_film(film, plain, options=FilmOptions(codec=VideoCodec.FFV1))
    for number, original in enumerate(look_at(plain).images):
        white = slice(8 * min(number, 3), 8 * min(number, 3) + 8)  # the last mask stays
        wanted = original.copy()
        wanted[:, white] = negative[number][:, white]
        np.testing.assert_array_equal(images[number], wanted)


def test_a_films_own_transparency_can_be_its_mask(tmp_path: Path) -> None:
    film = transparent_film(tmp_path / "a.mkv", "mkv")
    images = result_of(tmp_path, MaskOptions(source="alpha"), film, "b.mkv")
    negative = result_of(tmp_path, None, film, "c.mkv")
    plain = tmp_path / "plain.mkv"
    run_film(film, plain, options=FilmOptions(codec=VideoCodec.FFV1))
    for number, original in enumerate(look_at(plain).images):
        clear, opaque = (clear_parts(number) == value for value in (0, 255))
        np.testing.assert_array_equal(images[number][clear], original[clear])
        np.testing.assert_array_equal(images[number][opaque], negative[number][opaque])


def test_a_film_without_transparency_and_a_missing_mask_are_named(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", frames=2)
    with pytest.raises(CgconvError, match="no transparency"):
        run_film(film, tmp_path / "b.mkv", options=FilmOptions(mask=MaskOptions(source="alpha")))
    (tmp_path / "masks").mkdir()
    with pytest.raises(CgconvError, match=r"no mask for a\.mkv"):
        run_film(film, tmp_path / "b.mkv", options=FilmOptions(mask=MaskOptions(source=str(tmp_path / "masks"))))
