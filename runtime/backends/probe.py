"""Made-up pictures to try a model on, and how far apart two results are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NATURAL_PX = 512  # making up 4096×4096 takes half a minute and 2 GB


def psnr(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of two uint8 arrays in dB, 99 where they are equal."""
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def natural_picture(size_hw: tuple[int, int], seed: int = 1) -> npt.NDArray[np.uint8]:
    """Return a made-up picture with the statistics of a photograph: H×W×3 RGB, the same for the same seed.

    Noise whose amplitude falls with frequency as in natural pictures (Field 1987: by 1/f on the mean; a little faster
    here, as in photographs that are in focus only in parts), mostly grey with a weaker colour part, a gradient from sky
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
    picture: npt.NDArray[np.uint8] = np.clip(118 + light + slope + areas, 0, 255).astype(np.uint8)
    return picture


def mirrored_picture(size_hw: tuple[int, int], seed: int = 1) -> npt.NDArray[np.uint8]:
    """Return a made-up picture of any size, H×W×3 RGB, at once: from 512 pixels on, the natural one is mirrored."""
    height, width = (min(edge, NATURAL_PX) for edge in size_hw)
    picture = natural_picture((height, width), seed)
    return np.pad(picture, ((0, size_hw[0] - height), (0, size_hw[1] - width), (0, 0)), mode="symmetric")
