"""Judge translators on pictures they have not learned from: measures, the protocol they hold for, the best states."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.errors import DataError, UsageError
from cgconv.runtime.images import write_atomically
from cgconv.runtime.protocol import read_json
from cgconv.trainer.data.held_out import FEWEST

from .features import DEFAULT, Features, Maps, Values, content, fid, judging_network, kid, see, subset_of
from .metrics import (
    Images,
    color_agreement,
    diversity,
    mean_change,
    psnr,
    reinhard,
    ssim,
    stride_peak,
)

Translate = Callable[[Images], Images]  # uint8 N×H×W×3 RGB, the same shape out

SMALLEST_SIDE_PX = 64  # 2×2 features at the end of EfficientNet
BEST = "best.json"
BEST_RULE = (  # what `score` says, for readers of best.json
    "Lower is better. A score is the mean over the directions that the run learns: for pairs, of the mean difference"
    " from the wanted pictures (L1); else of the distance to real pictures by a network's features (KID). Measured on"
    " held-out pictures, with the averaged weights where there are some."
)


class Translators(NamedTuple):
    """Both ways; None where a way is not learned."""

    ab: Translate | None = None
    ba: Translate | None = None


def middle_squares(images: Iterable[NDArray[np.uint8]], side_px: int) -> Images:
    """Return the middle square of each picture, `side_px` wide: cut out, of smaller pictures after enlarging."""
    return np.stack([_middle(image, side_px) for image in images])


class Evaluation:
    """Judge translators between `real_a` and `real_b`: uint8 N×H×W×3 RGB squares, not trained on.

    `paired`: picture i of one is what picture i of the other should become. `split` says in words where they are from;
    KID and FID are by `features`, by default EfficientNet-lite1's.
    Raises DataError where there are fewer than four of a kind, they are too small, or pairs do not match; MissingError
    where the weights of EfficientNet-lite1 are not there.
    """

    def __init__(
        self,
        real_a: Images,
        real_b: Images,
        *,
        paired: bool = False,
        features: Features | None = None,
        split: str = "held out of the training folders",
    ) -> None:
        for images in (real_a, real_b):
            if len(images) < FEWEST:
                raise DataError(f"pictures to evaluate on: found {len(images)} of a kind, expected at least {FEWEST}")
            if min(images.shape[1:3]) < SMALLEST_SIDE_PX:
                raise DataError(
                    f"pictures to evaluate on: found {images.shape[2]}×{images.shape[1]},"
                    f" expected at least {SMALLEST_SIDE_PX} pixels a side"
                )
        if paired and real_a.shape != real_b.shape:
            raise DataError(f"pairs to evaluate on: found {len(real_a)} and {len(real_b)} pictures, expected as many")
        judging_network()  # what is missing is said before anything is judged
        self.real = {"a": real_a, "b": real_b}
        self.paired = paired
        self.features = features
        self.split = split
        self._seen: dict[str, tuple[Values, Maps]] = {}
        self._inputs: dict[str, float] = {}

    def protocol(self) -> str:
        """Return in one line what the numbers hold for: counts, sizes, split, networks."""
        a, b = self.real["a"], self.real["b"]
        size = subset_of(self._see_real("a")[0], self._see_real("b")[0])
        return "; ".join(
            (
                f"{len(a)} pictures of a and {len(b)} of b, {a.shape[2]}×{a.shape[1]}, {self.split}",
                f"KID × 1000 (50 subsets of {size}) and FID (3 subsets of {size}), mean and deviation,"
                f" on {self.features.name if self.features is not None else DEFAULT}",
                "content: mean cosine with the picture's own features of EfficientNet-lite1 at stride 16, place by"
                " place",
            )
        )

    def run(self, generators: Translators, average: Translators | None) -> dict[str, float]:
        """Return every measure of the raw and the averaged weights, by name; see docs/formats.md.

        Names are `WEIGHTS.DIRECTION.MEASURE`, as in `average.ab.kid`; weights are raw, average, or inputs (what is
        not translated at all). `score` is the rule that the best states are kept by: lower is better.
        """
        found = dict(self.inputs())
        for weights, translators in (("raw", generators), ("average", average)):
            if translators is not None:
                found |= {f"{weights}.{name}": value for name, value in self.measure(translators).items()}
        found["score"] = score(found)
        return found

    def measure(self, translators: Translators) -> dict[str, float]:
        """Return the measures of one set of weights, as `ab.kid`."""
        found = {}
        for direction, there, back in (
            ("ab", translators.ab, translators.ba),
            ("ba", translators.ba, translators.ab),
        ):
            if there is None:
                continue
            inputs = self.real[direction[0]]
            translated = there(inputs)
            for name, value in self.measure_images(translated, direction).items():
                found[f"{direction}.{name}"] = value
            if back is not None:
                found[f"{direction}.cycle"] = mean_change(back(translated), inputs)
        return found

    def measure_images(self, translated: Images, direction: str) -> dict[str, float]:
        """Return what can be said of translations (`direction` ab or ba) beside their inputs and targets."""
        inputs, targets = self.real[direction[0]], self.real[direction[1]]
        seen = self._see(translated)
        found = {
            **self._distances(seen, direction[1]),
            "content": content(seen[1], self._see_real(direction[0])[1]),
            "change": mean_change(translated, inputs),
            "checkerboard": stride_peak(translated),
            "color_agreement": color_agreement(translated, inputs),
            "diversity": diversity(translated) / max(min(diversity(inputs), diversity(targets)), 1.0),
        }
        if self.paired:
            found["l1"] = mean_change(translated, targets)
            found["psnr"], found["ssim"] = psnr(translated, targets), ssim(translated, targets)
        return found

    def inputs(self) -> dict[str, float]:
        """Return the measures of doing nothing, as `inputs.ab.kid`: reckoned once."""
        if not self._inputs:
            for direction in ("ab", "ba"):
                source, target = direction
                for name, value in self._distances(self._see_real(source), target).items():
                    self._inputs[f"inputs.{direction}.{name}"] = value
                self._inputs[f"inputs.{direction}.checkerboard"] = stride_peak(self.real[source])
                if self.paired:
                    self._inputs[f"inputs.{direction}.l1"] = mean_change(self.real[source], self.real[target])
        return self._inputs

    def color_transfer(self, direction: str) -> dict[str, float]:
        """Return the measures of giving the inputs the targets' colors and nothing else: the baseline to beat."""
        return self.measure_images(reinhard(self.real[direction[0]], self.real[direction[1]]), direction)

    def others(self, images: Images, direction: str) -> dict[str, float]:
        """Return how far more real pictures of the target kind are from the targets: the floor."""
        return {**self._distances(self._see(images), direction[1]), "checkerboard": stride_peak(images)}

    def _distances(self, seen: tuple[Values, Maps], target: str) -> dict[str, float]:
        values, reference = seen[0], self._see_real(target)[0]
        found = {}
        found["kid"], found["kid_deviation"] = kid(values, reference)
        found["fid"], found["fid_deviation"] = fid(values, reference)
        return found

    def _see(self, images: Images) -> tuple[Values, Maps]:
        """Return what distances are taken of, and what content is."""
        values, maps = see(images)
        return (values if self.features is None else self.features.extract(images)), maps

    def _see_real(self, domain: str) -> tuple[Values, Maps]:
        """Return the same of the real pictures: looked at once."""
        if domain not in self._seen:
            self._seen[domain] = self._see(self.real[domain])
        return self._seen[domain]


def score(metrics: Mapping[str, float]) -> float:
    """Return one number for choosing between states of a run: lower is better.

    The mean over the directions of L1 for pairs, else of KID. Of the averaged weights where there are some, because
    those are exported.
    """
    weights = "average" if any(name.startswith("average.") for name in metrics) else "raw"
    values = []
    for direction in ("ab", "ba"):
        found = metrics.get(f"{weights}.{direction}.l1", metrics.get(f"{weights}.{direction}.kid"))
        if found is not None:
            values.append(found)
    return float(np.mean(values))


class BestStates:
    """Keep the `count` states of a run whose score is lowest, as best-IMAGES.pt beside best.json, which lists them."""

    def __init__(self, out: Path, count: int) -> None:
        self.out = out
        self.count = count
        self.kept: list[dict[str, Any]] = []  # Any: JSON values; best first
        if (out / BEST).is_file():
            try:
                found = read_json((out / BEST).read_bytes())["kept"]
                self.kept = [one for one in found if is_best_state(one) and (out / one["file"]).is_file()]
            except (OSError, ValueError, KeyError, TypeError):  # policy: what cannot be read is made anew
                self.kept = []

    def wants(self, value: float, images_seen: int) -> bool:
        """Return whether a state with that score belongs among the best."""
        better = [one for one in self.kept if one["images_seen"] != images_seen and one["score"] <= value]
        return bool(np.isfinite(value)) and len(better) < self.count

    def keep(self, value: float, images_seen: int, write: Callable[[Path], None]) -> Path:
        """Have `write` make the file of a state that is wanted, and delete the one that it displaces.

        `write` raises OutputError where it cannot; then the list stays as it was.
        """
        path = self.out / f"best-{images_seen:08d}.pt"
        write(path)
        others = [one for one in self.kept if one["images_seen"] != images_seen]
        ranked = sorted([*others, {"file": path.name, "score": value, "images_seen": images_seen}], key=_by_score)
        self.kept, dropped = ranked[: self.count], ranked[self.count :]
        listing = {"rule": BEST_RULE, "kept": self.kept}
        write_atomically(self.out / BEST, (json.dumps(listing, indent=1) + "\n").encode())
        for one in dropped:
            (self.out / str(one["file"])).unlink(missing_ok=True)
        return path


def is_best_state(one: Any) -> bool:  # Any: JSON values, from who knows where
    """Return whether an entry of best.json names a file that `keep` writes: one that it displaces is deleted."""
    if not isinstance(one, dict) or not isinstance(one.get("file"), str):
        return False
    score, images_seen = one.get("score"), one.get("images_seen")
    named = re.fullmatch(r"best-(\d{1,18})\.pt", one["file"])
    is_number = isinstance(score, int | float) and abs(score) < 1e300
    return named is not None and type(images_seen) is int and int(named[1]) == images_seen and is_number


MEASURES = {  # heading of a column → measure and how it is printed
    "KID": ("kid", ".1f"),
    "±": ("kid_deviation", ".1f"),
    "FID": ("fid", ".1f"),
    "± ": ("fid_deviation", ".1f"),
    "content": ("content", ".2f"),
    "L1": ("l1", ".1f"),
    "PSNR": ("psnr", ".1f"),
    "SSIM": ("ssim", ".3f"),
    "change": ("change", ".1f"),
    "cycle error": ("cycle", ".1f"),
    "checkerboard": ("checkerboard", ".2f"),
    "diversity": ("diversity", ".2f"),
    "billion products": ("billion_products", ".2f"),
    "ms a picture": ("milliseconds", ".1f"),
}


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the rows' measures as a Markdown table; columns that no row has are left out."""
    columns = {
        heading: how for heading, how in MEASURES.items() if any(how[0] in measures for measures in rows.values())
    }
    lines = [f"| pictures | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, measures in rows.items():
        cells = [format(measures[key], how) if key in measures else "" for key, how in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(count: int, wanted: int | None) -> list[int]:
    """Return `wanted` evenly spread indices of `count`; all of them where `wanted` is None or as large.

    Raises UsageError where `wanted` is less than 1.
    """
    if wanted is None or wanted >= count:
        return list(range(count))
    if wanted < 1:
        raise UsageError(f"--count: found {wanted}, expected 1 or more")
    return [index * count // wanted for index in range(wanted)]


def _middle(image: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    short = min(image.shape[:2])
    if short < side_px:
        scale = side_px / short
        size = (max(side_px, round(image.shape[1] * scale)), max(side_px, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    top, left = (image.shape[0] - side_px) // 2, (image.shape[1] - side_px) // 2
    return image[top : top + side_px, left : left + side_px]


def _by_score(one: dict[str, Any]) -> tuple[float, int]:  # Any: JSON values
    return float(one["score"]), int(one["images_seen"])
