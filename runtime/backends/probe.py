"""Made-up pictures to try a model on, and how far apart two results are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cgconv.runtime.opencv import cv2

Image = npt.NDArray[np.uint8]  # H×W×3 RGB

NATURAL_PX = 512  # making up 4096×4096 takes half a minute and 2 GB


def psnr(found: npt.NDArray[Any], wanted: npt.NDArray[Any], *, peak: float = 255.0) -> float:  # Any: uint8 or float32
    """Return the peak signal-to-noise ratio in dB: at most 99, which is equal; 0 where something is not a number."""
    difference = found.astype(np.float32) - wanted.astype(np.float32)
    if not np.isfinite(difference).all():
        return 0.0
    error = float(np.mean(difference**2, dtype=np.float64))
    return min(99.0, 10 * math.log10(peak**2 / error)) if error else 99.0


def natural_picture(size_hw: tuple[int, int], seed: int = 1) -> Image:
    """Return a made-up picture with the statistics of a photograph: H×W×3 RGB, the same for the same seed.

    Noise whose amplitude falls with frequency as in natural pictures (Field 1987: by 1/f on the mean; a little faster
    here, as in photographs that are in focus only in parts), mostly gray with a weaker color part, a gradient from sky
    to ground, and hard edges between differently lit areas.
    """
    generator = np.random.default_rng(seed)
    height, width = size_hw
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf

    def noise(fall: float = 1.3) -> npt.NDArray[np.float64]:  # H×W, mean 0, deviation 1
        spectrum = np.fft.rfft2(generator.standard_normal(size_hw)) / frequency**fall
        values = np.fft.irfft2(spectrum, s=size_hw)
        return np.asarray(values / max(float(values.std()), 1e-9))

    light = noise()[..., None] * 38 + np.stack([noise() for _ in range(3)], axis=-1) * 14
    slope = np.linspace(40, -40, height)[:, None, None] * np.array([0.6, 0.9, 1.3])
    areas = (noise(2) > 0.3)[..., None] * np.array([45.0, 30.0, 5.0]) - (noise(2) > 0.8)[..., None] * 50.0
    picture: Image = np.clip(118 + light + slope + areas, 0, 255).astype(np.uint8)
    return picture


def varied_picture(size_hw: tuple[int, int], seed: int) -> Image:
    """Return a made-up picture, H×W×3 RGB: by its seed a natural one, a dark smooth one of one hue, or a graphic."""
    return (natural_picture, _dusk, _graphic)[seed % 3](size_hw, seed)


def _dusk(size_hw: tuple[int, int], seed: int) -> Image:
    smooth = cv2.GaussianBlur(natural_picture(size_hw, seed).astype(np.float32), (0, 0), 2)
    hue = np.roll([0.9, 0.45, 0.12], seed // 3)
    picture: Image = np.clip((smooth - 60) * hue, 0, 255).astype(np.uint8)
    return picture


def _graphic(size_hw: tuple[int, int], seed: int) -> Image:
    """Return flat areas, frames and writing: what pads, flat neighborhoods and the hardest edges are seen in."""
    generator = np.random.default_rng(seed)
    height, width = size_hw
    picture = np.full((height, width, 3), generator.integers(180, 255, 3), np.uint8)
    for _ in range(25):
        left, top = (int(generator.integers(edge)) for edge in (width, height))
        right, bottom = left + int(generator.integers(8, 100)), top + int(generator.integers(8, 100))
        thickness = -1 if generator.random() < 0.6 else 2  # -1: filled
        cv2.rectangle(picture, (left, top), (right, bottom), generator.integers(0, 255, 3).tolist(), thickness)
    for _ in range(4):
        words, left, top = (
            str(generator.integers(10**8)),
            int(generator.integers(width)),
            int(generator.integers(height)),
        )
        color = generator.integers(0, 255, 3).tolist()
        cv2.putText(picture, words, (left, top), cv2.FONT_HERSHEY_SIMPLEX, 0.7, color, 1, cv2.LINE_AA)
    return picture


def mirrored_picture(
    size_hw: tuple[int, int], seed: int = 1, made: Callable[[tuple[int, int], int], Image] = natural_picture
) -> Image:
    """Return a made-up picture of any size, H×W×3 RGB, at once: from 512 pixels on, what `made` makes is mirrored."""
    height, width = (min(edge, NATURAL_PX) for edge in size_hw)
    picture = made((height, width), seed)
    return np.pad(picture, ((0, size_hw[0] - height), (0, size_hw[1] - width), (0, 0)), mode="symmetric")
