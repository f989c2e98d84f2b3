"""Translate at a part of a picture's size: strokes get broader, edges stay the picture's own.

A model's strokes are as wide as in the pictures that it learned from, a few pixels, and vanish in a large photograph.
So a small copy is translated, and what the model made of it is brought back to the full size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .opencv import cv2

if TYPE_CHECKING:
    from .models.card import ModelCard

Image = NDArray[Any]  # Any: uint8, or float32 in [0, 1]; H×W×3

LARGEST_BRUSH = 8.0
# Squared gray levels of 255: where a picture varies by less around a pixel, it says nothing about the translation.
FLAT_VARIANCE = 30.0
GAIN_STEPS = 64  # gains are kept in steps of 1/64, 0 to 3.98, so that everything at full size is 8-bit
STRIP_ROWS = 96  # of the full size at a time, so that it stays in the processor's cache


def check_brush(brush: float | None, detail: float) -> None:
    """Raise UsageError where `brush` (None: by the card) or `detail` is out of range."""
    if brush is not None and not 1 <= brush <= LARGEST_BRUSH:
        raise UsageError(f"--brush: found {brush:g}, expected auto or 1 to {LARGEST_BRUSH:g}")
    if not 0 <= detail <= 1:
        raise UsageError(f"--detail: found {detail:g}, expected 0 to 1")


def working_hw(size_hw: tuple[int, int], card: ModelCard | None, brush: float | None = None) -> tuple[int, int]:
    """Return the size in which a picture is translated: 1/`brush` of its own, or what the model's card asks for (None).

    Never larger than the picture, nor smaller than the model's smallest size where the picture is not.

    Raises:
        UsageError: a brush over 1 for a model that changes sizes.
    """
    short_side = min(size_hw)
    wanted = card.working_size_px if card is not None else None
    divisor = brush if brush is not None else short_side / wanted if wanted is not None else 1.0
    if card is not None and card.scale != 1:
        if brush is not None and brush > 1:
            raise UsageError(
                f"--brush is for models that keep a picture's size; {card.name} makes it {card.scale}× as large"
            )
        return size_hw
    divisor = min(divisor, short_side / (card.smallest_size if card is not None else 1))
    if divisor <= 1:
        return size_hw
    height, width = (max(1, round(edge / divisor)) for edge in size_hw)
    return height, width


def shrink(image: Image, size_hw: tuple[int, int]) -> Image:
    """Return the image in the size that it is translated in; the image itself where that is its own."""
    height, width = size_hw
    if image.shape[:2] == size_hw:
        return image
    # Between full and half size, linear interpolation leaves no pixel out and takes an eighth of the time of areas.
    is_near = image.shape[0] < 2 * height and image.shape[1] < 2 * width
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR if is_near else cv2.INTER_AREA)


def bring_back(picture: Image, small: Image, translated: Image, *, detail: float = 1.0) -> Image:
    """Return `translated`, which the model made of `small`, in the size of `picture`, which `small` was made from.

    Around each pixel the translation is fitted as gain × picture + offset, each color for itself. The result is the
    enlarged translation, and upon it the gain times what the picture has and its enlarged small copy has not: edges.
    What the fit does not explain is the model's own texture, its strokes: 1 keeps all of it, 0 leaves the fit alone.
    Made small again, the result is the translation (at 1), within a gray level or so.

    The fit is the guided filter (He, Sun, Tang 2013; on shrunken images: He, Sun 2015) and the whole a kind of
    bilateral guided upsampling (Chen, Adams, Wadhwa, Hasinoff 2016). All are of one dtype, uint8 or float32 in [0, 1].
    """
    if translated.shape == picture.shape:
        return translated
    height, width = picture.shape[:2]
    gain, mean_small, mean_translated = _fit(small, translated)
    if detail < 1:
        offset = mean_translated - gain * mean_small
        translated = _less_texture(small, translated, gain, offset, detail)
    result = cv2.resize(translated, (width, height), interpolation=cv2.INTER_CUBIC)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    if picture.dtype == np.uint8:
        gain = cv2.convertScaleAbs(gain, alpha=GAIN_STEPS)
    gain = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    add_edges = _add_edges_in_8_bits if picture.dtype == np.uint8 else _add_edges
    for top in range(0, height, STRIP_ROWS):
        strip = slice(top, top + STRIP_ROWS)
        add_edges(*(_flat(part[strip]) for part in (result, picture, smooth, gain)))
    return cast(Image, result)


def _fit(small: Image, translated: Image) -> tuple[Image, Image, Image]:
    """Return how much of `small` is in `translated` around each pixel, and both means; float32, a quarter the size."""
    given, made = (_halved(_halved(image)).astype(np.float32) for image in (small, translated))
    flat = FLAT_VARIANCE if small.dtype == np.uint8 else FLAT_VARIANCE / 255**2
    mean_given, mean_made = _mean(given), _mean(made)
    covariance = _mean(cv2.multiply(given, made, made))
    covariance -= cv2.multiply(mean_given, mean_made, made)
    variance = _mean(cv2.multiply(given, given, given))
    variance -= cv2.multiply(mean_given, mean_given, given)
    variance += np.float32(flat)
    gain = _mean(cv2.divide(covariance, variance, covariance))
    return np.clip(gain, 0, 255 / GAIN_STEPS, out=gain), mean_given, mean_made


def _halved(image: Image) -> Image:
    size_wh = ((image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)
    return cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)  # of even sizes very fast


def _mean(values: Image) -> Image:
    return cv2.blur(values, (3, 3))  # 12 pixels of the small picture


def _less_texture(small: Image, translated: Image, gain: Image, offset: Image, detail: float) -> Image:
    """Return the translation with `detail` of what the fit does not explain."""
    size_wh = (small.shape[1], small.shape[0])
    gain, offset = (cv2.resize(values, size_wh, interpolation=cv2.INTER_LINEAR) for values in (gain, offset))
    fitted: Image = gain * small + offset
    wanted: Image = fitted + np.float32(detail) * (translated - fitted)
    wanted = np.clip(np.rint(wanted), 0, 255).astype(np.uint8) if small.dtype == np.uint8 else np.clip(wanted, 0, 1)
    return wanted


def _flat(image: Image) -> Image:
    return image.reshape(len(image), -1)  # rows × (width · 3): OpenCV is quicker without channels


def _add_edges_in_8_bits(result: Image, picture: Image, smooth: Image, gain: Image) -> None:
    """Add gain × (picture - smooth) to `result`; saturating, above and below apart, which needs no wider numbers."""
    above, below = cv2.subtract(picture, smooth), cv2.subtract(smooth, picture)
    cv2.add(result, cv2.multiply(above, gain, above, scale=1 / GAIN_STEPS), result)
    cv2.subtract(result, cv2.multiply(below, gain, below, scale=1 / GAIN_STEPS), result)


def _add_edges(result: Image, picture: Image, smooth: Image, gain: Image) -> None:
    """Add gain × (picture - smooth) to `result`."""
    edges = cv2.subtract(picture, smooth)
    cv2.add(result, cv2.multiply(edges, gain, edges), result)
    np.clip(result, 0, 1, out=result)
