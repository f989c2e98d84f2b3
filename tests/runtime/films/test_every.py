"""Every n-th frame translated, the others filled in: which, which not, and the same film after any stop."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, run_film

from cgconv.runtime.errors import Cancelled, UsageError
from cgconv.runtime.films import job as film_job
from cgconv.runtime.films.job import FilmOptions

LOSSLESS = film_job.VideoCodec.FFV1
WH = (192, 128)


def scenery(seed: int, width: int = WH[0]) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (WH[1], width, 3)).astype(np.float32)
    soft = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (2.0, 5.0))
    return np.clip(120 + 22 * soft, 0, 255).astype(np.uint8)


def pan(number: int, size_wh: tuple[int, int]) -> np.ndarray:
    return scenery(1, 400)[:, 3 * number :][: size_wh[1], : size_wh[0]].copy()


def pan_and_cut(number: int, size_wh: tuple[int, int]) -> np.ndarray:
    return pan(number, size_wh) if number < 6 else 255 - np.flipud(pan(number, size_wh))


def film(path: Path, frames: int, draw: object = pan) -> Path:
    return make_film(path, frames=frames, size_wh=WH, draw=draw, codec="ffv1", pix_fmt="bgr0")  # type: ignore[arg-type]


def negative() -> FakeTranslator:
    return FakeTranslator(lambda batch: 255 - batch)


def translated(translator: FakeTranslator) -> int:
    return sum(len(batch) for batch in translator.seen)


@pytest.mark.parametrize("steady", [0.0, 0.7])
@pytest.mark.parametrize(("every", "count"), [(2, 7), (3, 5), (4, 4)])
def test_a_pan_is_filled_in_as_if_it_were_translated(tmp_path: Path, every: int, count: int, steady: float) -> None:
    source = film(tmp_path / "a.mkv", 13)
    model = negative()
    run = run_film(source, tmp_path / "b.mkv", model, FilmOptions(codec=LOSSLESS, every=every, steady=steady))
    assert translated(model) == count
    assert (run.facts["frames"], run.facts["frames_filled"]) == (13, 13 - count)
    assert f"filled in along the motion, not translated: {13 - count} of 13 frames (--every {every})" in run.warnings
    for number, image in enumerate(look_at(tmp_path / "b.mkv").images):
        apart = np.abs(image[8:-8, 8:-8] - (255.0 - pan(number, WH)[8:-8, 8:-8]))
        assert apart.mean() < 3
        assert np.percentile(apart, 99) < 16


def test_nothing_is_filled_in_across_a_cut(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", 12, pan_and_cut)
    model = negative()
    run_film(source, tmp_path / "b.mkv", model, FilmOptions(codec=LOSSLESS, every=4))
    assert translated(model) < 12
    for number, image in enumerate(look_at(tmp_path / "b.mkv").images):
        right = 255.0 - pan_and_cut(number, WH)
        assert np.abs(image[8:-8, 8:-8] - right[8:-8, 8:-8]).mean() < 3  # a frame of the other scene is 50 apart


def test_what_only_one_frame_shows_is_translated(tmp_path: Path) -> None:
    """A ball is thrown through the picture, faster than any motion that can be found; a flash lights one frame."""

    def ball_and_flash(number: int, size_wh: tuple[int, int]) -> np.ndarray:
        image = scenery(1)[: size_wh[1], : size_wh[0]].copy()
        if number in (2, 6):
            cv2.circle(image, (40 + 20 * number, 60), 12, (255, 240, 20), -1)
        return np.minimum(image, 195) + 60 if number == 10 else image + number % 2

    source = film(tmp_path / "a.mkv", 13, ball_and_flash)
    model = negative()
    run_film(source, tmp_path / "b.mkv", model, FilmOptions(codec=LOSSLESS, every=4))
    images = look_at(tmp_path / "b.mkv").images
    assert translated(model) < 9
    for number in (2, 6, 10):
        assert np.abs(images[number] - (255.0 - ball_and_flash(number, WH))).max() < 3  # FFV1 rounds


def test_frames_that_come_several_times_count_once(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", 14, lambda number, size_wh: pan(number // 2, size_wh))
    model = negative()
    run = run_film(source, tmp_path / "b.mkv", model, FilmOptions(codec=LOSSLESS, every=2))
    assert translated(model) == 4
    assert (run.facts["frames_filled"], run.facts["frames_repeated"]) == (3, 7)
    images = look_at(tmp_path / "b.mkv").images
    for one, other in zip(images[::2], images[1::2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_noise_has_no_motion_and_is_translated_whole(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", 6, lambda number, size_wh: scenery(number))
    model = negative()
    run = run_film(source, tmp_path / "b.mkv", model, FilmOptions(codec=LOSSLESS, every=3))
    assert translated(model) == 6
    assert run.facts["frames_filled"] == 0


@pytest.mark.parametrize("after", [2, 3, 5])
@pytest.mark.parametrize("steady", [0.0, 0.7])
def test_a_film_that_was_stopped_is_the_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, steady: float
) -> None:
    monkeypatch.setattr(film_job, "SEGMENT_FRAMES", 2)
    source = film(tmp_path / "a.mkv", 20, lambda number, size_wh: pan_and_cut(number - number // 7, size_wh))
    options = FilmOptions(codec=LOSSLESS, every=3, steady=steady, threads=1)
    whole = run_film(source, tmp_path / "whole.mkv", negative(), options)
    cancel = threading.Event()
    stopping = negative()

    def change(batch: np.ndarray) -> np.ndarray:
        if len(stopping.seen) > after:
            cancel.set()
        return 255 - batch

    stopping.change = change
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "stopped.mkv", stopping, options, cancel=cancel)
    run = run_film(source, tmp_path / "stopped.mkv", negative(), options)
    assert run.facts["resumed_frames"] > 0
    assert run.facts["frames_filled"] == whole.facts["frames_filled"] > 0
    one, other = look_at(tmp_path / "whole.mkv"), look_at(tmp_path / "stopped.mkv")
    assert one.times == other.times
    for image, again in zip(one.images, other.images, strict=True):
        np.testing.assert_array_equal(image, again)


def test_a_gif_and_a_batch_are_filled_in_too(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mkv", 9)
    model = negative()
    assert run_film(source, tmp_path / "b.gif", model, FilmOptions(every=2, batch=3)).facts["frames_filled"] == 4
    assert translated(model) == 5
    assert len(look_at(tmp_path / "b.gif").images) == 9


@pytest.mark.parametrize("every", [0, 9])
def test_what_is_out_of_range_is_refused(every: int) -> None:
    with pytest.raises(UsageError, match=f"--every is {every}, expected 1 to 8"):
        FilmOptions(every=every)
