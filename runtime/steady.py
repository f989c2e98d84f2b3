"""Hold a film's translation still: strokes stay where they are on what moves, and nothing smears.

Frame by frame, a model paints everything anew, and strokes crawl. Here a frame's translation is blended with the last
result, carried along the motion of the frames themselves (DIS optical flow, Kroeger et al. 2016), where that motion
holds: found there and back alike, and the frames agree in color, as does what the frames themselves would be if they
were blended so: small errors that add up behind an edge are seen there. What blending takes of the fine texture's
strength is given back, so that the result is as sharp as the translation. At a cut everything begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .opencv import cv2

Image = NDArray[Any]  # Any: uint8, or float32 in [0, 1]; H×W×3 RGB
Field = NDArray[Any]  # Any: float32

LARGEST_WEIGHT = 0.98  # of the carried result at `steady` 1
FLOW_EDGE_PX = 360  # the shorter side of what flow is found on, at most; half the image's where that is less
SMALLEST_FLOW_PX = 32  # of either side: less has nothing to find
THERE_AND_BACK = 0.01, 0.1  # squared pixels by which the two ways may miss each other: a share of both, and at least
BENDS = 0.01, 0.002  # squared bend of the flow, likewise: more of it is at the edges of what moves (Ruder et al. 2016)
AGREES = 14.0  # gray levels of 255 in any color: from here on two places are trusted less, not at all at twice that
AGREES_BLENDED = 12.0  # likewise, the frame and the blended ones before it
BLENDED = np.float32(0.7)  # so much of these, and the rest of the frame
HOLDS_AT_LEAST = 0.35  # of the image: less is a cut
AS_SHARP = 0.96  # the fine texture's strength that is aimed at, in that of the translation
LARGEST_GAIN = 1.5
CELL_PX = 16  # texture is compared in squares of this size
FINE_SIGMA_PX = 1.0


@dataclass(frozen=True)
class Motion:
    """Where a frame's places were in the frame before, on a small copy of both."""

    small: Image  # the frame's copy, h×w×3 uint8
    places: Field  # h×w×2: x and y in the copy before
    agrees: Field  # h×w, 0 to 1: how far it has the frame's colors
    holds: Field  # h×w, 0 to 1: how far it is to be trusted
    blended: Field  # h×w×3: the frames until now, blended along it where it holds
    is_cut: bool


@dataclass(frozen=True)
class Between:
    """Where a frame's places are in two others, before and after it; `passed` of the time between them is over."""

    from_last: Motion
    from_next: Motion
    passed: float


class MotionFinder:
    """Finds the motion from one frame to the next.

    `last` is the small copy of the last one, None before any; `blended` is its motion's.
    """

    def __init__(self, last: Image | None = None, blended: Field | None = None) -> None:
        self.last, self._blended = last, blended
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow.setFinestScale(1)  # half the copy's size: with 2, thin things stand still

    def find(self, image: Image) -> Motion:
        """Return how `image` came from the one given before. All are of one size."""
        small = small_copy(image)
        motion = self.between(small, self.last)
        blended = motion.blended
        if not motion.is_cut and self._blended is not None:
            carried = _carry(self._blended, motion.places, how=cv2.INTER_CUBIC)
            agrees = np.clip(2 - _apart(blended, carried) / np.float32(AGREES_BLENDED), 0, 1)
            holds = np.minimum(motion.holds, _shrunk(agrees))
            blended = cv2.blendLinear(carried, blended, holds * BLENDED, 1 - holds * BLENDED)
            motion = replace(motion, holds=holds, blended=blended)
        self.last, self._blended = small, blended
        return motion

    def between(self, small: Image, before: Image | None) -> Motion:
        """Return how one small copy came from another, whatever was given before."""
        height, width = small.shape[:2]
        nowhere, alone = np.zeros((height, width), np.float32), small.astype(np.float32)
        if before is None or before.shape != small.shape or min(height, width) < SMALLEST_FLOW_PX:
            return Motion(small, _grid(height, width), nowhere, nowhere, alone, is_cut=True)
        gray, gray_before = (cv2.cvtColor(copy, cv2.COLOR_RGB2GRAY) for copy in (small, before))
        back = self._flow.calc(gray, gray_before, None)  # type: ignore[call-overload]  # None: made by OpenCV
        there = self._flow.calc(gray_before, gray, None)  # type: ignore[call-overload]
        places = _grid(height, width) + back
        there = _carry(there, places)
        length = _squared(back)
        is_found = _squared(there + back) <= THERE_AND_BACK[0] * (_squared(there) + length) + THERE_AND_BACK[1]
        bends = _squared(_slope(back, 1, 0)) + _squared(_slope(back, 0, 1))
        is_within = bends <= BENDS[0] * length + BENDS[1]
        x, y = cv2.split(places)
        is_inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
        apart = _apart(small, _carry(before, places))
        agrees = np.clip(2 - apart / np.float32(AGREES), 0, 1) * is_inside
        holds = _shrunk(agrees * (is_found & is_within))
        is_cut = bool(holds.mean() < HOLDS_AT_LEAST)
        return Motion(small, places, agrees, nowhere if is_cut else holds, alone, is_cut)


class Steadier:
    """Holds translations still; `last` is its last result, None before any.

    `steady` 0 to 1; at 0 it changes nothing.
    """

    def __init__(self, steady: float, last: Image | None = None) -> None:
        self.weight = np.float32(LARGEST_WEIGHT * steady)
        self.last = last

    def steady(self, translated: Image, motion: Motion | None) -> Image:
        """Return `translated`, held still where `motion` says how; nowhere without.

        Size and dtype are the translation's.
        """
        last, self.last = self.last, translated
        if last is None or motion is None or motion.is_cut or not self.weight or last.shape != translated.shape:
            return translated
        height, width = translated.shape[:2]
        carried = carried_along(last, motion)
        weight = cv2.resize(motion.holds * self.weight, (width, height), interpolation=cv2.INTER_LINEAR)
        blended = cv2.blendLinear(carried, translated, weight, 1 - weight)
        self.last = as_sharp(blended, translated)
        return self.last


def carried_along(result: Image, motion: Motion) -> Image:
    """Return a frame's result, carried to where the motion from that frame brings it."""
    places = _enlarged_places(motion.places, (result.shape[0], result.shape[1]))
    return _carry(result, places, how=cv2.INTER_CUBIC)


def check_steady(steady: float) -> None:
    """Raise UsageError where `steady` is out of range."""
    if not 0 <= steady <= 1:
        raise UsageError(f"--steady is {steady:g}, expected 0 to 1")


def as_sharp(image: Image, wanted: Image) -> Image:
    """Return the image with its fine texture as strong as in `wanted`, square by square; never weaker."""
    height, width = image.shape[:2]
    cells = (max(1, width // CELL_PX), max(1, height // CELL_PX))
    texture, wanted_texture = _fine(image), _fine(wanted)
    is_8_bits = image.dtype == np.uint8
    level = np.float32(0.3 if is_8_bits else 0.3 / 255)  # below this there is nothing to strengthen
    strength, wanted_strength = (
        cv2.resize(np.abs(fine), cells, interpolation=cv2.INTER_AREA) for fine in (texture, wanted_texture)
    )
    gain = np.clip((AS_SHARP * wanted_strength + level) / (strength + level), 1, LARGEST_GAIN) - 1
    if not gain.any():
        return image
    more = cv2.multiply(texture, cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR))
    sharper = cv2.add(image, cv2.merge([more] * 3), dtype=cv2.CV_8U if is_8_bits else cv2.CV_32F)
    return sharper if is_8_bits else np.clip(sharper, 0, 1)


def _fine(image: Image) -> Field:
    """Return the brightness of the finest texture."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.subtract(gray, cv2.GaussianBlur(gray, (5, 5), FINE_SIGMA_PX), dtype=cv2.CV_32F)


def _apart(one: Image, other: Image) -> Field:
    first, second, third = cv2.split(cv2.absdiff(one, other))  # numpy's max over three takes twenty times as long
    apart: Field = cv2.max(cv2.max(first, second), third)
    return apart.astype(np.float32)


def _shrunk(trust: Field) -> Field:
    """Return trust that ends before it ended, softly."""
    return cv2.blur(cv2.erode(trust, np.ones((3, 3), np.uint8)), (3, 3))


def small_copy(image: Image) -> Image:
    """Return the copy that motion is found on, uint8."""
    height, width = image.shape[:2]
    factor = max(2.0, min(height, width) / FLOW_EDGE_PX)
    size_wh = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    return small if small.dtype == np.uint8 else cv2.convertScaleAbs(small, alpha=255)


def _carry(values: Image, places: Field, *, how: int = cv2.INTER_LINEAR) -> Image:
    """Return what lies at `places`."""
    return cv2.remap(values, places, None, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload,no-any-return]


def _grid(height: int, width: int) -> Field:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x, y])


def _enlarged_places(places: Field, size_hw: tuple[int, int]) -> Field:
    """Return the places for an image of that size; a pixel's place is its middle."""
    height, width = size_hw
    scale = np.array([width / places.shape[1], height / places.shape[0]], np.float32)
    moved = places - _grid(*places.shape[:2])
    enlarged: Field = _grid(height, width) + cv2.resize(moved, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    return enlarged


def _slope(flow: Field, across: int, down: int) -> Field:
    return cv2.Sobel(flow, cv2.CV_32F, across, down, ksize=1, scale=0.5)


def _squared(flow: Field) -> Field:
    x, y = cv2.split(flow)
    squared: Field = x * x + y * y
    return squared
