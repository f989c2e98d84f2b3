"""A film's translation held still: no trails, nothing across a cut, and the same film after any stop."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, run_film

from cgconv.runtime.errors import Cancelled, UsageError
from cgconv.runtime.films import job as film_job
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.films.temporal import measure_steadiness
from cgconv.runtime.steady import MotionFinder, Steadier

HEIGHT, WIDTH, BOX = 180, 320, 60


def texture(height: int, width: int, *, seed: int, middle: float, spread: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    soft = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 4, 12))
    return middle + spread * soft


def pan(frames: int, *, scenery_px: int, box_px: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return frames of a scenery that moves to the left and a bright box before it, and where the box is in each."""
    scenery = texture(HEIGHT, WIDTH + 40 + abs(scenery_px) * frames, seed=1, middle=100, spread=12)
    box = texture(80, BOX, seed=2, middle=210, spread=8)
    images, where = [], np.zeros((frames, HEIGHT, WIDTH), bool)
    for number in range(frames):
        image = scenery[:, 20 + scenery_px * number :][:, :WIDTH].copy()
        left = (40 if box_px > 0 else 200) + box_px * number
        image[50:130, left : left + BOX] = box
        where[number, 50:130, left : left + BOX] = True
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return images, where


def steadied(images: list[np.ndarray], translated: list[np.ndarray], steady: float = 0.7) -> list[np.ndarray]:
    motions, steadier = MotionFinder(), Steadier(steady)
    return [steadier.steady(new, motions.find(image)) for image, new in zip(images, translated, strict=True)]


def scene(
    frames: int,
    *,
    scenery: Callable[[int], float],
    box: Callable[[int], float],
    contrast: float = 12,
    middle: float = 210,
    size_wh: tuple[int, int] = (60, 80),
    bars_px: int = 0,
    rises_px: float = 0,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return frames of a scenery and a box before it, both at places that are functions of time, and where the box is.

    Places need not be whole pixels. The box can be bars with gaps of twice their width.
    """
    room, width, height = 400, *size_wh
    behind = texture(HEIGHT, WIDTH + 2 * room, seed=1, middle=100, spread=contrast)
    before = cv2.copyMakeBorder(
        texture(height, width, seed=2, middle=middle, spread=contrast / 2), 4, 4, 4, 4, cv2.BORDER_REPLICATE
    )
    opaque = np.ones((height, width), np.float32)
    if bars_px:
        opaque[:, np.arange(width) % (3 * bars_px) >= bars_px] = 0
    images, where = [], np.zeros((frames, HEIGHT, WIDTH), bool)
    for number in range(frames):
        at = np.array([[1, 0, box(number) - 4], [0, 1, 46 - rises_px * number]], np.float32)
        shift = np.array([[1, 0, -room - scenery(number)], [0, 1, 0]], np.float32)
        image = cv2.warpAffine(behind, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        there = cv2.warpAffine(np.pad(opaque, 4), at, (WIDTH, HEIGHT))
        image = cv2.blendLinear(cv2.warpAffine(before, at, (WIDTH, HEIGHT)), image, there, 1 - there)
        images.append(np.clip(image, 0, 255).astype(np.uint8))
        where[number] = there > 0
    return images, where


@pytest.mark.parametrize(
    "what",
    [
        {"scenery": lambda n: 3 * n, "box": lambda n: 200 - 4 * n},
        {"scenery": lambda n: 0, "box": lambda n: 40 + n},
        {"scenery": lambda n: 2 * n, "box": lambda n: 200 - 12 * n},
        {"scenery": lambda n: 0, "box": lambda n: 40 + 0.5 * n, "contrast": 40},
        {"scenery": lambda n: 0, "box": lambda n: 40 + n, "contrast": 40},
        {"scenery": lambda n: 0, "box": lambda n: 40 + 4 * n, "contrast": 40},
        {"scenery": lambda n: 6 * n, "box": lambda n: 10 + 25 * n, "contrast": 30},
        {"scenery": lambda n: 2 * n, "box": lambda n: 100 - 2 * n, "contrast": 30, "middle": 100},
        {"scenery": lambda n: 0, "box": lambda n: 40 + 4 * n, "contrast": 30, "bars_px": 3},
        {"scenery": lambda n: 3 * n, "box": lambda n: 100 - n, "contrast": 20, "bars_px": 5},
        {"scenery": lambda n: 2 * n, "box": lambda n: 60 + 3 * n, "contrast": 20, "size_wh": (3, 80)},
        {"scenery": lambda n: 0.4 * n * n, "box": lambda n: 100 - 2 * n, "contrast": 15},
        {"scenery": lambda n: 0, "box": lambda n: 30 + 0.4 * n * n, "contrast": 20},
        {"scenery": lambda n: 1.5 * n, "box": lambda n: 60 + 2.5 * n, "contrast": 25, "rises_px": 2.5},
        {"scenery": lambda n: n, "box": lambda n: 40 + 9 * n, "contrast": 15, "size_wh": (12, 12)},
        {"scenery": lambda n: 4 * (-1) ** n, "box": lambda n: 60 + 2 * n, "contrast": 25},
    ],
    ids=lambda what: "-".join(f"{name}-{value}" for name, value in what.items() if not callable(value)),
)
def test_there_is_no_trail_three_frames_behind_a_moving_edge(what: dict[str, Any]) -> None:
    images, box = scene(11, **what)
    for translated in (images, [255 - image for image in images]):
        results = steadied(images, translated)
        looked_at = 0
        for number in range(4, 11):
            behind = box[number - 4 : number - 2].any(0) & ~box[number - 2 : number + 1].any(0)
            apart = np.abs(results[number].astype(int) - translated[number]).max(-1)[behind]
            looked_at += apart.size
            assert apart.size == 0 or apart.max() <= 8
        assert looked_at


def test_what_flickers_on_a_pan_is_held_still_and_stays_sharp() -> None:
    images, _ = pan(10, scenery_px=3, box_px=0)
    random = np.random.default_rng(3)
    grain = [random.normal(0, 20, (HEIGHT, WIDTH, 1)) for _ in images]
    translated = [np.clip(image + noise, 0, 255).astype(np.uint8) for image, noise in zip(images, grain, strict=True)]
    results = steadied(images, translated)
    still = np.s_[20:-20, 20:190]  # of the scenery, away from the box

    def change(frames: list[np.ndarray]) -> float:
        moved = [frame[still].astype(float) for frame in frames]
        return float(np.mean([(one[:, 3:] - other[:, :-3]) ** 2 for one, other in itertools.pairwise(moved)]))

    def sharpness(frame: np.ndarray) -> float:
        return float(np.abs(np.diff(frame[still].astype(float), axis=1)).mean())

    assert change(results[3:]) < change(translated[3:]) / 2
    assert sharpness(results[-1]) > 0.8 * sharpness(translated[-1])


def test_nothing_is_carried_across_a_cut() -> None:
    before, _ = pan(3, scenery_px=2, box_px=4)
    after = [255 - np.rot90(image[:, :HEIGHT], 2) for image in before]
    images = [image[:, :HEIGHT] for image in before] + after
    results = steadied(images, images)
    np.testing.assert_array_equal(results[3], images[3])


def test_off_and_out_of_range() -> None:
    images, _ = pan(2, scenery_px=1, box_px=2)
    np.testing.assert_array_equal(steadied(images, images, steady=0)[1], images[1])
    with pytest.raises(UsageError, match=r"--steady is 1\.5, expected 0 to 1"):
        FilmOptions(steady=1.5)


def test_deep_and_enlarged_images_are_held_still_too() -> None:
    images, _ = pan(5, scenery_px=2, box_px=4)
    random = np.random.default_rng(3)
    noisy = [np.clip(image + random.normal(0, 20, image.shape), 0, 255).astype(np.uint8) for image in images]
    results = steadied(images, noisy)
    deep = steadied(
        [image.astype(np.float32) / 255 for image in images], [new.astype(np.float32) / 255 for new in noisy]
    )
    assert np.abs(deep[-1] * 255 - results[-1]).mean() < 2  # where frame by frame they are 20 apart
    twice = steadied(images, [cv2.resize(new, (2 * WIDTH, 2 * HEIGHT)) for new in noisy])
    assert twice[-1].shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert not np.array_equal(twice[-1], cv2.resize(noisy[-1], (2 * WIDTH, 2 * HEIGHT)))


class Flickering(FakeTranslator):
    """Changes each frame in another way, the same for the same frame; sets `cancel` after so many."""

    def __init__(self, cancel: threading.Event | None = None, after: int = 0) -> None:
        super().__init__(self._flicker, name="flickering")
        self.cancel, self.after = cancel, after

    def _flicker(self, batch: np.ndarray) -> np.ndarray:
        if self.cancel is not None and len(self.seen) >= self.after:
            self.cancel.set()
        noise = [np.random.default_rng(int(image.sum())).integers(0, 50, image.shape) for image in batch]
        return np.clip(batch + np.stack(noise) - 25.0, 0, 255).astype(batch.dtype)


def drawn(number: int, size_wh: tuple[int, int]) -> np.ndarray:
    images, _ = pan(20, scenery_px=2, box_px=4)
    return images[number - number // 5 % 2][: size_wh[1], : size_wh[0]]  # some frames come twice


@pytest.mark.parametrize("after", [5, 8, 11])
def test_a_film_that_was_stopped_is_the_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Segments hold two frames, whatever was stopped: the files are compared frame by frame."""
    monkeypatch.setattr(film_job, "SEGMENT_FRAMES", 2)
    source = make_film(tmp_path / "film.mp4", frames=14, size_wh=(160, 96), draw=drawn, options={"crf": "0"})
    options = FilmOptions(codec=film_job.VideoCodec.FFV1, steady=0.7, threads=1)
    run_film(source, tmp_path / "whole.mkv", Flickering(), options)
    run_film(source, tmp_path / "plain.mkv", Flickering(), FilmOptions(codec=film_job.VideoCodec.FFV1, threads=1))
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "stopped.mkv", Flickering(cancel, after), options, cancel=cancel)
    run = run_film(source, tmp_path / "stopped.mkv", Flickering(), options)
    assert run.facts["resumed_frames"] > 0
    whole, stopped, plain = (look_at(tmp_path / f"{name}.mkv").images for name in ("whole", "stopped", "plain"))
    for one, other in zip(whole, stopped, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(not np.array_equal(one, other) for one, other in zip(whole, plain, strict=True))


def test_work_without_what_it_goes_on_from_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_job, "SEGMENT_FRAMES", 2)
    source = make_film(tmp_path / "film.mp4", frames=10, size_wh=(160, 96), draw=drawn)
    options = FilmOptions(steady=0.7, threads=1)
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "out.mp4", Flickering(cancel, 6), options, cancel=cancel)
    states = sorted((tmp_path / ".out.mp4.cgconv-part").glob("*.npz"))
    states[-1].unlink()
    run = run_film(source, tmp_path / "out.mp4", Flickering(), options)
    assert run.facts["resumed_frames"] == 2 * (len(states) - 1)
    assert f"part {len(states)} of what an earlier run finished is damaged" in run.warnings[0]


def test_steadiness_is_measured_beside_frame_by_frame_and_the_film_itself(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", frames=8, size_wh=(160, 96), draw=drawn, options={"crf": "10"})
    found = measure_steadiness(source, Flickering(), steady=0.7, frames=6)
    assert found.frames == 6
    assert found.excess is not None
    assert found.excess < 0.5
    assert found.input_error < found.steady_error < found.plain_error
    assert "6 frames" in found.text()
    same = measure_steadiness(source, FakeTranslator(), steady=0, frames=6)
    assert same.plain_error == same.steady_error == same.input_error
    assert (same.sharpness, same.excess) == (1, None)
