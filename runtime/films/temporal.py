"""Measure how steady a model's translation of a film is: frame by frame, and held still."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cgconv.runtime.errors import FilmError
from cgconv.runtime.opencv import cv2
from cgconv.runtime.steady import MotionFinder, Steadier
from cgconv.runtime.translate.shared_translator import Translates

from .colors import Image
from .every import Filler, Grouper
from .reader import FilmFrame, FilmReader

LEAST_SQUARE = 1e-3


@dataclass
class Temporal:
    """What was measured, means over frames.

    Warping errors are mean squared differences (of 255) between a frame and the one before it, carried along the flow
    of the film itself (DIS "medium" at full size), outside occlusions and edges of motion (Ruder et al. 2016; Lai et
    al. 2018). The share of the excess is (steady - input) / (plain - input); None where plain is not above the input.
    Sharpness is the mean slope of brightness, steady in that of plain; fidelity that of the frames that are not equal.
    """

    frames: int = 0
    input_error: float = 0.0
    plain_error: float = 0.0
    steady_error: float = 0.0
    sharpness: float = 0.0
    fidelity_db: float = 0.0
    translate_ms: float = 0.0  # of processor time a frame
    steady_ms: float = 0.0
    filled: int = 0  # frames that were filled in, not translated
    slopes: list[tuple[float, float]] = field(default_factory=list, repr=False)

    @property
    def excess(self) -> float | None:
        """How much of what the translation adds to the film's own error is left."""
        added = self.plain_error - self.input_error
        return (self.steady_error - self.input_error) / added if added > 0 else None

    def as_json(self) -> dict[str, Any]:  # Any: JSON values
        """Return all of it by name."""
        names = (
            "frames",
            "input_error",
            "plain_error",
            "steady_error",
            "sharpness",
            "fidelity_db",
            "translate_ms",
            "steady_ms",
            "filled",
        )
        return {name: getattr(self, name) for name in names} | {"excess": self.excess}

    def text(self) -> str:
        """Return it in lines."""
        left = "frame by frame is no less steady than the film" if self.excess is None else f"{self.excess:.0%} left"
        return (
            f"{self.frames} frames; warping error outside occlusions (squared, of 255), lower is steadier\n"
            f"  the film itself   {self.input_error:9.1f}\n"
            f"  frame by frame    {self.plain_error:9.1f}\n"
            f"  held steady       {self.steady_error:9.1f}   of what translating adds: {left}\n"
            f"held steady, beside frame by frame: sharpness {self.sharpness:.3f}, {self.fidelity_db:.1f} dB\n"
            f"processor time a frame: translating {self.translate_ms:.0f} ms, holding steady {self.steady_ms:.0f} ms"
        )


def measure_steadiness(
    film: Path, translator: Translates, *, steady: float, frames: int, short_side: int | None = None, every: int = 1
) -> Temporal:
    """Translate the first frames of a film, and measure. Raises FilmError where there are not two."""
    translate_s = 0.0

    def pairs() -> Iterator[tuple[Image, Image]]:
        nonlocal translate_s
        with FilmReader(film, short_side=short_side) as reader:
            for frame in itertools.islice(reader.frames(), frames):
                image = as_8_bits(frame.image)
                began = time.process_time()
                plain = np.asarray(translator.translate(image[None]))[0]
                translate_s += time.process_time() - began
                yield image, plain

    found = compare_steadiness(pairs(), steady=steady, every=every)
    if found.frames < 2:
        raise FilmError("steadiness needs two frames or more", path=film)
    found.translate_ms = 1000 * translate_s / found.frames
    return found


def compare_steadiness(
    pairs: Iterable[tuple[Image, Image]],
    *,
    steady: float,
    every: int = 1,
    flows: Iterable[tuple[Image, Image]] | None = None,
) -> Temporal:
    """Hold frames' translations still, fill in, and measure; of less than two frames nothing. `flows`: film_flow's."""
    found = Temporal()
    grouper, filler = Grouper(every, MotionFinder() if steady else None), Filler(Steadier(steady))
    known = None if flows is None else iter(flows)
    flow = film_flow()
    plains: dict[int, Image] = {}
    errors: list[list[float]] = []
    squares: list[float] = []
    before: list[Image] = []
    steady_s = 0.0
    coming = iter(enumerate(pairs))
    is_over = False
    while not is_over:
        pair = next(coming, None)
        began = time.process_time()
        is_over = pair is None
        if pair is None:
            decided = grouper.end()
        else:
            number, (image, plains[number]) = pair
            decided = grouper.take(FilmFrame(image, number, 1))
        ready = [made for frame in decided for made in filler.take(frame, plains[frame.pts])]
        steady_s += time.process_time() - began
        for frame, held in ready:
            height, width = frame.image.shape[:2]
            shown = [frame.image, *(cv2.resize(made, (width, height)) for made in (plains.pop(frame.pts), held))]
            if before:
                places, is_seen = flow(frame.image, before[0]) if known is None else next(known)
                two = zip(shown, before, strict=True)
                errors.append([_apart(now, _carried(last, places))[is_seen].mean() for now, last in two])
            before = shown
            squares.append(float(_apart(shown[1], shown[2]).mean()))
            found.slopes.append((_slope(shown[1]), _slope(shown[2])))
            found.filled += frame.between is not None
            found.frames += 1
    if errors:
        found.input_error, found.plain_error, found.steady_error = (float(mean) for mean in np.nanmean(errors, axis=0))
        plain_slope, steady_slope = np.mean(found.slopes, axis=0)
        found.sharpness = float(steady_slope / max(plain_slope, 1e-9))
        changed = [square for square in squares if square > LEAST_SQUARE] or [LEAST_SQUARE]
        found.fidelity_db = float(np.mean([10 * np.log10(255**2 / square) for square in changed]))
        found.steady_ms = 1000 * steady_s / found.frames
    return found


def film_flow() -> Callable[[Image, Image], tuple[Image, Image]]:
    """Return what finds where each pixel of a frame was in the one before, and which were to be seen there."""
    return partial(_where_from, cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))


def as_8_bits(image: Image) -> Image:
    """Return the image as uint8."""
    return image if image.dtype == np.uint8 else np.rint(image * 255).astype(np.uint8)


def _where_from(flow: Any, now: Image, last: Image) -> tuple[Image, Image]:  # Any: OpenCV's class, known when it runs
    """Return where each pixel was in the frame before, and which were to be seen there."""
    gray, gray_last = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (now, last))
    back, there = flow.calc(gray, gray_last, None), flow.calc(gray_last, gray, None)
    height, width = gray.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = back + np.dstack([x, y])
    there = _carried(there, places, how=cv2.INTER_LINEAR)
    length = (back**2).sum(-1)
    is_seen = ((there + back) ** 2).sum(-1) <= 0.01 * ((there**2).sum(-1) + length) + 0.5
    bends = sum(np.gradient(back[..., part])[way] ** 2 for part in (0, 1) for way in (0, 1))
    is_seen &= bends <= 0.01 * length + 0.002
    is_seen &= (places >= 0).all(-1) & (places[..., 0] <= width - 1) & (places[..., 1] <= height - 1)
    return places, is_seen


def _carried(values: Image, places: Image, *, how: int = cv2.INTER_CUBIC) -> Image:
    return cv2.remap(values.astype(np.float32), places, None, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload,no-any-return]


def _apart(one: Image, other: Image) -> Image:
    difference: Image = one.astype(np.float32) - other
    return np.asarray((difference**2).mean(-1))


def _slope(image: Image) -> float:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.hypot(gray[:-1, 1:] - gray[:-1, :-1], gray[1:, :-1] - gray[:-1, :-1]).mean())
