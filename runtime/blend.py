"""Change a translation afterwards: mix it with the original, or give it the original's colors.

Both work on the sRGB values as they are stored, uint8 or float32 in [0, 1], N×H×W×3 or H×W×3. Where the translation
is larger or smaller than the original (an upscaler), the original is brought to its size first.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .opencv import cv2

Images = NDArray[Any]  # Any: uint8 or float32

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG's Y'CbCr
TINY = np.float32(1e-9)
STRIP_ROWS = 256  # float copies of a large picture are made for this many rows at a time


def mix(original: Images, translated: Images, strength: float) -> Images:
    """Return original + strength × (translated - original), rounded; `strength` 0 to 1.

    At 1 this is `translated` itself and at 0 the original, bit for bit.
    """
    if strength >= 1:
        return translated
    original = resized_like(original, translated)
    if strength <= 0:
        return original
    flat = (-1, original.shape[-2] * 3)  # OpenCV wants two dimensions
    mixed = cv2.addWeighted(original.reshape(flat), 1 - strength, translated.reshape(flat), strength, 0)
    return cast(Images, mixed.reshape(translated.shape))


def keep_colors(original: Images, translated: Images) -> Images:
    """Return the brightness of the translation with the colors of the original.

    With Y the luma, o the original and t the translation: Y(t) + s × (o - Y(o)). At s = 1 that is t's Y' with o's Cb
    and Cr. Where it would leave the range, s is lowered for that pixel to what fits: it loses saturation, but keeps
    its hue and the translation's brightness, where clipping would shift both.
    """
    original = resized_like(original, translated)
    result = np.empty_like(translated)
    width = translated.shape[-2]
    rows_original, rows_translated = original.reshape(-1, width, 3), translated.reshape(-1, width, 3)
    rows_result = result.reshape(-1, width, 3)
    for top in range(0, len(rows_result), STRIP_ROWS):
        part = slice(top, top + STRIP_ROWS)
        rows_result[part] = _with_luma_of(rows_translated[part], rows_original[part])
    return result


def resized_like(original: Images, translated: Images) -> Images:
    """Return the original in the translation's height and width."""
    height, width = translated.shape[-3:-1]
    if original.shape[-3:-1] == (height, width):
        return original
    larger = height * width > original.shape[-3] * original.shape[-2]
    how = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    images = original.reshape(-1, *original.shape[-3:])
    resized = np.stack([cv2.resize(image, (width, height), interpolation=how) for image in images])
    if resized.dtype != np.uint8:
        resized = np.clip(resized, 0, 1)  # cubic curves overshoot
    return cast(Images, resized.reshape(translated.shape))


def _with_luma_of(brightness: Images, colors: Images) -> Images:
    """Return the pixels of `colors` with the luma of `brightness`; both H×W×3."""
    whole = np.float32(255 if brightness.dtype == np.uint8 else 1)
    wanted = cv2.transform(brightness.astype(np.float32), LUMA[None])  # H×W
    stored = colors.astype(np.float32)
    red, green, blue = cv2.split(stored - cv2.merge([cv2.transform(stored, LUMA[None])] * 3))
    highest = cv2.max(cv2.max(red, green), blue)
    lowest = cv2.min(cv2.min(red, green), blue)
    # Where there is no color, TINY makes both rooms vast; at black and white they are 0. Either way it stays none.
    room_above = (whole - wanted) / np.maximum(highest, TINY)
    room_below = wanted / np.maximum(-lowest, TINY)
    room = cv2.min(room_above, room_below)
    scale = np.minimum(room, 1)
    result = cv2.merge([wanted + scale * red, wanted + scale * green, wanted + scale * blue])
    if brightness.dtype == np.uint8:
        return cv2.convertScaleAbs(result)  # rounds
    return np.clip(result, 0, whole)
