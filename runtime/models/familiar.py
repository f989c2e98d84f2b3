"""Notice pictures that are unlike those a model learned from, by statistics of the whole picture kept in its card."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cgconv.runtime.opencv import cv2

from .card import ModelCard

Image = npt.NDArray[np.uint8]  # H×W×3 RGB
Vector = npt.NDArray[np.float64]

VERSION = 1  # of `describe`: statistics of another version say nothing about its vectors
FEWEST = 50  # pictures that statistics are learned from
SHARE = 0.995  # of pictures held out while learning lies below the limits
NEGATIVE_MARGIN = 1.1  # times that, because a sound picture that is called a negative annoys
FOLDS = 5

# Where a card has no more than mean and deviation of its training pixels:
FAR_MEAN = 1.9  # deviations between the picture's mean and theirs; of 560 photographs none was over 1.75
FLAT = 0.15  # the picture's deviation over theirs; of the same none was under 0.32
EMPTY = 0.03  # the same of a black frame with a camera's noise


def unfamiliar(image: Image, card: ModelCard) -> str | None:
    """Return a sentence where uint8 H×W×3 is unlike what the model learned from; None where it is not, or unknown."""
    unlike = f"unlike the pictures that {card.name} learned from: the result may be poor"
    if (known := _statistics(card.familiar)) is not None:
        own = describe(image)
        if known.far_of(own) > known.far:
            return f"this picture is {unlike}"
        if known.negative_of(own) > known.negative:
            return f"this picture looks like a negative, {unlike}"
        return None
    if card.color_mean is None or card.color_std is None:
        return None
    mean, std = np.asarray(card.color_mean), np.maximum(np.asarray(card.color_std), 1.0)
    own_mean, own_std = (part[:, 0] for part in cv2.meanStdDev(image))
    if np.mean(own_std / std) < FLAT:
        return f"this picture has hardly any contrast, {unlike}"
    if np.abs((own_mean - mean) / std).max() > FAR_MEAN:
        return f"this picture is much {'brighter' if own_mean.sum() > mean.sum() else 'darker'} and {unlike}"
    return None


def trust(image: npt.NDArray[Any], card: ModelCard) -> float:  # Any: uint8, or float32 in [0, 1]
    """Return what share of its translation a film's H×W×3 frame should get: 1, and less where it is nearly flat.

    Instance norms divide by the deviation: what comes of a black frame is its noise, a hundred times as strong. From
    FLAT down to EMPTY of the training pictures' contrast the share falls to 0, so that a film fades as it should.
    """
    if card.color_std is None:
        return 1.0
    deviation = cv2.meanStdDev(image)[1][:, 0] * (1 if image.dtype == np.uint8 else 255)
    contrast = np.mean(deviation / np.maximum(np.asarray(card.color_std), 1.0))
    return float(np.clip((contrast - EMPTY) / (FLAT - EMPTY), 0, 1))


def learn_familiar(images: Iterable[Image]) -> dict[str, Any]:  # Any: JSON values
    """Return the statistics for a card from uint8 H×W×3 RGB pictures; empty where there are fewer than 50.

    The limits are what 99.5 % of pictures stay under that took no part in learning the rest;
    for negatives a tenth more.
    """
    both = [(describe(image), describe(255 - image)) for image in images]
    if len(both) < FEWEST:
        return {}
    ours, negatives = (np.array(side) for side in zip(*both, strict=True))
    far, negative = np.empty(len(ours)), np.empty(len(ours))
    fold = np.arange(len(ours)) % FOLDS
    for number in range(FOLDS):
        fitted = _fitted(ours[fold != number], negatives[fold != number])
        for index in np.flatnonzero(fold == number):
            far[index], negative[index] = fitted.far_of(ours[index]), fitted.negative_of(ours[index])
    fitted = _fitted(ours, negatives)
    return {
        "version": VERSION,
        "mean": fitted.mean.round(4).tolist(),
        "std": fitted.std.round(4).tolist(),
        "inverse": fitted.inverse.round(4).tolist(),
        "weights": fitted.weights.round(4).tolist(),
        "far": round(float(np.quantile(far, SHARE)), 4),
        "negative": round(NEGATIVE_MARGIN * float(np.quantile(negative, SHARE)), 4),
    }


@dataclass(frozen=True)
class _Statistics:
    """Of the numbers of `describe`: what is usual, what is far from it, and which direction negatives lie in."""

    mean: Vector
    std: Vector
    inverse: Vector  # of the correlations of the first FAR_LENGTH numbers, a tenth of them taken off
    weights: Vector  # Fisher's linear discriminant between pictures and their negatives, of length 1
    far: float = 0.0
    negative: float = 0.0

    def far_of(self, own: Vector) -> float:
        """Return how far a picture is: Mahalanobis' distance over the root of the dimensions, about 1 for most."""
        z = ((own - self.mean) / self.std)[:FAR_LENGTH]
        return float(np.sqrt(z @ self.inverse @ z / FAR_LENGTH))

    def negative_of(self, own: Vector) -> float:
        """Return how far a picture lies towards the negatives, in deviations."""
        return float((own - self.mean) / self.std @ self.weights)


def describe(image: Image) -> Vector:
    """Return what a picture looks like from afar as LENGTH numbers, whatever its size.

    The first FAR_LENGTH, of 32×32 pixels in CIE L*a*b*: mean and spread, how colors change with brightness, upper
    half against lower, skew of brightness, amount of color and whether bright parts have more of it; and of 256×256 in
    gray: how rough it is, and how much of it is flat. The rest tell negatives: the mean colors of the darkest, middle
    and brightest third and of the upper, middle and lower third, for eight hues how much there is and how bright it
    is, and whether dark or bright parts are rougher.
    """
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float64).reshape(-1, 3)  # 1024×3
    light, a, b = lab.T
    by_light = np.array_split(lab[np.argsort(light, kind="stable")], 3)
    chroma, hue = np.hypot(a, b), np.arctan2(b, a)
    larger = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(larger, cv2.COLOR_RGB2GRAY)
    steps = cv2.absdiff(np.ascontiguousarray(gray[:, 1:]), np.ascontiguousarray(gray[:, :-1]))
    thirds = [part.mean(0) for part in by_light]

    numbers = [*lab.mean(0), *np.log(lab.std(0) + 1)]
    numbers += [*(thirds[2] - thirds[0])[1:], *(thirds[1] - thirds[0])[1:]]
    numbers.append(light[:512].mean() - light[512:].mean())
    numbers.append(((light - light.mean()) ** 3).mean() / (light.std() + 1) ** 3)
    numbers.append(np.log1p(chroma.mean()))
    numbers.append(
        ((light - light.mean()) * (chroma - chroma.mean())).mean() / ((light.std() + 1) * (chroma.std() + 1))
    )
    numbers += [np.log1p(cv2.mean(steps)[0]), np.log1p(20 * (1 - cv2.countNonZero(steps) / steps.size))]

    for third in (*thirds, lab[:320].mean(0), lab[352:672].mean(0), lab[704:].mean(0)):
        numbers += [*third]
    for eighth in np.linspace(-np.pi, np.pi, 9)[:-1]:
        weight = chroma * ((hue >= eighth) & (hue < eighth + np.pi / 4))
        numbers += [np.log1p(weight.mean()), (weight * (light - 50)).mean() / 50]
    mean = cv2.boxFilter(gray, cv2.CV_32F, (9, 9))
    rough = cv2.sqrt(np.maximum(cv2.sqrBoxFilter(gray, cv2.CV_32F, (9, 9)) - mean * mean, np.float32(0)))
    below = np.cumsum(cv2.calcHist([gray], [0], None, [256], [0, 256]))  # how many pixels are at most so bright
    dark, bright = (int(np.searchsorted(below, gray.size * share, "right")) for share in (1 / 3, 2 / 3))
    parts = [part.astype(np.uint8) for part in (gray <= dark, gray >= bright)]
    numbers.append(np.log1p(cv2.mean(rough, parts[0])[0]) - np.log1p(cv2.mean(rough, parts[1])[0]))
    return np.array(numbers, np.float64)


FAR_LENGTH = 16
LENGTH = FAR_LENGTH + 6 * 3 + 8 * 2 + 1


def _statistics(known: dict[str, Any]) -> _Statistics | None:  # Any: JSON values
    """Return what a card knows; None where it knows nothing that fits."""
    try:
        vectors = {name: np.asarray(known[name], np.float64) for name in ("mean", "std", "inverse", "weights")}
        found = _Statistics(**vectors, far=float(known["far"]), negative=float(known["negative"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    shapes = [found.mean.shape, found.std.shape, found.weights.shape, found.inverse.shape]
    fits = shapes == [(LENGTH,)] * 3 + [(FAR_LENGTH, FAR_LENGTH)] and bool((found.std > 0).all())
    return found if fits and known.get("version") == VERSION else None


def _fitted(ours: Vector, negatives: Vector) -> _Statistics:
    """Return the statistics of M×LENGTH numbers of pictures and of their negatives, without limits."""
    mean, std = ours.mean(0), np.maximum(ours.std(0), 1e-3)
    ours, negatives = (ours - mean) / std, (negatives - mean) / std
    correlations = np.cov(ours[:, :FAR_LENGTH].T)
    inverse = np.asarray(np.linalg.inv(0.9 * correlations + 0.1 * np.eye(FAR_LENGTH)), np.float64)
    spread = (np.cov(ours.T) + np.cov(negatives.T)) / 2
    scale = np.diag(np.maximum(np.diag(spread), 1e-6))
    weights = np.linalg.solve(0.9 * spread + 0.1 * scale, negatives.mean(0))
    return _Statistics(mean, std, inverse, weights / np.linalg.norm(weights))
