"""Measure translations: functions of uint8 N×H×W×3 RGB arrays, no networks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


def mean_change(images: Images, originals: Images) -> float:
    """Return the mean absolute difference of all values, 0 to 255: near 0 is a translator that does nothing.

    Against an input this is the change, against the picture translated back the cycle error, against a paired
    target L1.
    """
    return float(np.abs(images.astype(np.int16) - originals).mean())


def psnr(images: Images, targets: Images) -> float:
    """Return the mean over pictures of 10 log10(255² / mean squared error), in dB; equal pictures count as 100."""
    errors = ((images.astype(np.float64) - targets) ** 2).mean((1, 2, 3))
    return float(np.minimum(10 * np.log10(255**2 / np.maximum(errors, 1e-12)), 100.0).mean())


def ssim(images: Images, targets: Images) -> float:
    """Return the mean structural similarity over pictures and channels: 1 for equal pictures.

    Wang et al. 2004: Gaussian windows of 11×11 with σ = 1.5, K1 = 0.01, K2 = 0.03, only where the window fits.
    Pictures are at least 11 pixels high and wide.
    """
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for image, target in zip(images, targets, strict=True):
        x, y = image.astype(np.float64), target.astype(np.float64)
        mean_x, mean_y = _windows(x), _windows(y)
        variance_x, variance_y = _windows(x * x) - mean_x**2, _windows(y * y) - mean_y**2
        covariance = _windows(x * y) - mean_x * mean_y
        likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        values.append((likeness / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))).mean())
    return float(np.mean(values))


def color_agreement(images: Images, originals: Images) -> float:
    """Return the mean correlation, picture by picture, of coarse colors with the originals': -1 is a negative.

    Of all values of both pictures shrunk to 16×16. A flat picture counts as 0.
    """
    return float(np.mean([_correlation(_coarse(a), _coarse(b)) for a, b in zip(images, originals, strict=True)]))


def diversity(images: Images) -> float:
    """Return the mean absolute difference between any two of the pictures, shrunk to 16×16: 0 to 255.

    Near 0 all pictures are alike. Raises ValueError for fewer than two.
    """
    if len(images) < 2:
        raise ValueError("diversity needs at least two pictures")
    coarse = np.stack([_coarse(image).ravel() for image in images])
    distances = [np.abs(coarse[i + 1 :] - coarse[i]).mean(1) for i in range(len(coarse) - 1)]
    return float(np.concatenate(distances).mean())


def stride_peak(images: Images, stride: int = 4) -> float:
    """Return how far the spectrum stands out at the frequencies of a grid of `stride` pixels: 1 not at all.

    The highest power at the multiples of 1/stride cycles a pixel, along both axes, over the median power around
    each; the mean over the multiples. Checkerboards of transposed convolutions stand out here (Odena et al. 2016);
    compare it with the inputs' own.
    """
    gray = images.astype(np.float32).mean(-1)
    height, width = (side - side % stride for side in gray.shape[1:])
    gray = gray[:, :height, :width]
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    power = (np.abs(np.fft.fft2((gray - gray.mean((1, 2), keepdims=True)) * window)) ** 2).mean(0)  # H×W
    floor = 1e-4 * float((window**2).sum())  # the power of a hundredth of a gray level: flat pictures have none
    ratios = []
    for row in range(stride):
        for column in range(stride):
            if (row, column) == (0, 0):
                continue
            y, x = row * height // stride, column * width // stride
            ys, xs = np.arange(y - 8, y + 9) % height, np.arange(x - 8, x + 9) % width
            around = power[np.ix_(ys, xs)]
            ratios.append((around[7:10, 7:10].max() + floor) / (np.median(around) + floor))
    return float(np.mean(ratios))


def reinhard(images: Images, reference: Images) -> Images:
    """Give every picture the mean and deviation of the reference set's colors: the baseline to beat.

    Reinhard et al. 2001, "Color transfer between images", in CIE L*a*b*.
    """
    wanted = np.concatenate([_lab(image).reshape(-1, 3) for image in reference])
    mean, std = wanted.mean(0), wanted.std(0)
    out = []
    for image in images:
        lab = _lab(image)
        own_mean, own_std = lab.mean((0, 1)), lab.std((0, 1))
        moved = ((lab - own_mean) / np.maximum(own_std, 1e-3) * std + mean).astype(np.float32)
        out.append((np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), 0, 1) * 255).round().astype(np.uint8))
    return np.stack(out)


def _windows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian-weighted mean of every 11×11 window of H×W×3 that fits: (H - 10)×(W - 10)×3."""
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), dtype=np.float64)[5:-5, 5:-5]


def _coarse(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return Pearson's correlation of all values; 0 where either is constant."""
    a, b = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / spread if spread > 1e-9 else 0.0


def _lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)
