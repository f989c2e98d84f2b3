"""Interlaced and telecined films: found out, made whole, and films that are neither left alone bit for bit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, picture, psnr_db, run_film

from cgconv.runtime.choices import Deinterlace, FieldRate, VideoCodec
from cgconv.runtime.errors import Cancelled
from cgconv.runtime.films.job import FilmOptions

LOSSLESS = {"codec": "ffv1", "pix_fmt": "yuv422p"}
NTSC = Fraction(1, 30000)


def woven(top_first: bool) -> Callable[[int, tuple[int, int]], np.ndarray]:
    """Return what draws frame n of moments 2n and 2n + 1, as an interlaced camera writes them."""

    def draw(number: int, size_wh: tuple[int, int]) -> np.ndarray:
        fields = [picture(2 * number, size_wh), picture(2 * number + 1, size_wh)]
        frame = fields[0].copy()
        frame[1 if top_first else 0 :: 2] = fields[1][1 if top_first else 0 :: 2]
        return frame

    return draw


def pulled_down(number: int, size_wh: tuple[int, int]) -> np.ndarray:
    """Return frame n of a film of 24 frames a second spread over 30: 3, 2, 3, 2 fields each, the top one first."""
    cycle, place = divmod(number, 5)
    top, bottom = [(0, 0), (1, 1), (1, 2), (2, 3), (3, 3)][place]
    frame = picture(4 * cycle + top, size_wh)
    frame[1::2] = picture(4 * cycle + bottom, size_wh)[1::2]
    return frame


def options(**given: Any) -> FilmOptions:
    return FilmOptions(codec=VideoCodec.FFV1, **given)


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("flagged", [True, False])
def test_interlaced_films_become_one_whole_frame_for_two_fields(tmp_path: Path, top_first: bool, flagged: bool) -> None:
    how: dict[str, Any] = LOSSLESS
    if flagged:
        how = {"codec": "libx264", "options": {"x264-params": f"{'tff' if top_first else 'bff'}=1", "crf": "4"}}
    film = make_film(tmp_path / "a.mkv", frames=20, draw=woven(top_first), **how)
    run = run_film(film, tmp_path / "b.mkv", options=options())
    before, after = look_at(film), look_at(tmp_path / "b.mkv")
    assert after.times == before.times
    for number, image in enumerate(after.images[2:-2], 2):
        right = picture(2 * number)
        assert psnr_db(image, right) > max(36, psnr_db(before.images[number], right) + 2)
    said = [warning for warning in run.warnings if "interlaced" in warning]
    assert len(said) == 1
    assert f"{'top' if top_first else 'bottom'} field first" in said[0]


def test_at_the_full_rate_every_field_becomes_a_frame_of_its_own_moment(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", frames=20, draw=woven(False), time_base=Fraction(1, 1000), **LOSSLESS)
    run_film(film, tmp_path / "b.mkv", options=options(field_rate=FieldRate.FULL))
    before, after = look_at(film), look_at(tmp_path / "b.mkv")
    assert len(after.images) == 40
    assert after.times[::2] == before.times
    assert all(
        abs(a + Fraction(1, 60) - b) < Fraction(1, 900) for a, b in zip(before.times, after.times[1::2], strict=True)
    )
    assert all(psnr_db(image, picture(number)) > 36 for number, image in enumerate(after.images[2:-2], 2))


def test_telecined_films_get_their_24_frames_a_second_back_bit_for_bit(tmp_path: Path) -> None:
    times = [1001 * number for number in range(40)]
    how = {"time_base": NTSC, "codec": "ffv1", "pix_fmt": "yuv422p"}
    film = make_film(tmp_path / "a.mkv", times=times, draw=pulled_down, **how)
    plain = make_film(tmp_path / "plain.mkv", frames=32, **LOSSLESS)
    seen, wanted = FakeTranslator(), FakeTranslator()
    run = run_film(film, tmp_path / "b.mkv", seen, options=options())
    run_film(plain, tmp_path / "c.mkv", wanted, options=options())
    np.testing.assert_array_equal(np.concatenate(seen.seen), np.concatenate(wanted.seen))
    times_after = look_at(tmp_path / "b.mkv").times
    assert len(times_after) == 32
    assert all(abs(time - Fraction(1001, 24000) * n) <= Fraction(1, 1000) for n, time in enumerate(times_after))
    assert sum("telecined" in warning for warning in run.warnings) == 1


@pytest.mark.parametrize("flags", [{}, {"x264-params": "tff=1", "crf": "4"}], ids=["plain", "called interlaced"])
def test_whole_frames_stay_as_they_are_whatever_their_flags_say(tmp_path: Path, flags: dict[str, str]) -> None:
    film = make_film(tmp_path / "a.mkv", frames=20, options=flags or {"crf": "4"})
    seen = FakeTranslator()
    left = FakeTranslator()
    run = run_film(film, tmp_path / "b.mkv", seen, options=options())
    run_film(film, tmp_path / "c.mkv", left, options=options(deinterlace=Deinterlace.OFF))
    np.testing.assert_array_equal(np.concatenate(seen.seen), np.concatenate(left.seen))
    assert not any("whole frame is made" in warning for warning in run.warnings)


def test_a_film_of_a_few_frames_without_flags_is_not_judged_by_its_fine_patterns(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", frames=4, draw=woven(True), **LOSSLESS)
    run = run_film(film, tmp_path / "b.mkv", options=options())
    assert "interlaced" not in " ".join(run.warnings)
    for before, after in zip(look_at(film).images, look_at(tmp_path / "b.mkv").images, strict=True):
        assert psnr_db(after, before) > 45, "the combs are still there"


def test_off_leaves_the_fields_and_bwdif_takes_any_film(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", draw=woven(True), **LOSSLESS)
    seen = FakeTranslator()
    run = run_film(film, tmp_path / "b.mkv", seen, options=options(deinterlace=Deinterlace.OFF))
    for image, right in zip(np.concatenate(seen.seen), look_at(film).images, strict=True):
        assert np.abs(image - right).max() < 1.5  # rounded to 8 bits
    assert not any("whole frame is made" in warning for warning in run.warnings)
    still = make_film(tmp_path / "still.mkv", draw=lambda number, size: picture(0, size), **LOSSLESS)
    run = run_film(still, tmp_path / "d.mkv", options=options(deinterlace=Deinterlace.BWDIF))
    assert any("whole frame is made" in warning for warning in run.warnings)


@pytest.mark.parametrize("kind", ["interlaced", "telecined"])
def test_a_stopped_interlaced_film_goes_on_as_if_it_had_not_been(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cgconv.runtime.films.job.SEGMENT_FRAMES", 7)
    draw = woven(True) if kind == "interlaced" else pulled_down
    film = make_film(tmp_path / "a.mkv", frames=40, draw=draw, **LOSSLESS)
    cancel = threading.Event()

    def stop_late(batch: np.ndarray) -> np.ndarray:
        if len(late.seen) == 16:
            cancel.set()
        return batch

    late = FakeTranslator(stop_late)
    with pytest.raises(Cancelled):
        run_film(film, tmp_path / "b.mkv", late, options=options(), cancel=cancel)
    resumed = run_film(film, tmp_path / "b.mkv", options=options()).facts["resumed_frames"]
    assert resumed > 0
    run_film(film, tmp_path / "c.mkv", options=options())
    one, other = look_at(tmp_path / "b.mkv"), look_at(tmp_path / "c.mkv")
    assert one.times == other.times
    for image, right in zip(one.images, other.images, strict=True):
        np.testing.assert_array_equal(image, right)


def test_a_cut_of_an_interlaced_film_has_the_whole_films_frames(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mkv", frames=40, draw=woven(True), **LOSSLESS)
    run_film(film, tmp_path / "b.mkv", options=options())
    run_film(film, tmp_path / "c.mkv", options=options(start_s=0.5, end_s=1.0))
    whole, part = look_at(tmp_path / "b.mkv"), look_at(tmp_path / "c.mkv")
    assert len(part.images) == 15
    for image, right in zip(part.images, whole.images[15:30], strict=True):
        np.testing.assert_array_equal(image, right)
