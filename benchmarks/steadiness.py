"""Measure what holds a translated film steady, each way alone and together: error, sharpness, time.

    python benchmarks/steadiness.py MODEL… --film FILM [--film FILM]… [--frames 60] [--resize 360] [--ways]

For each film and model: frame by frame, then --steady at 0.5, 0.7 and 0.9. --ways compares, with the first model, the
ways that were thought of: the palette of the result held (a), the input's noise taken away along its motion before the
network (b), the result carried along (c, which is what --steady does), all three.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from cgconv.runtime.films.temporal import Temporal, measure_steadiness
from cgconv.runtime.models.store import resolve_model
from cgconv.runtime.requests import DEFAULT_STEADY
from cgconv.runtime.steady import MotionFinder, Steadier
from cgconv.runtime.translator import Translator, open_translator


class Wrapped:
    """A translator with something done before or after it."""

    def __init__(self, translator: Translator) -> None:
        self.translator, self.card, self.sha256 = translator, translator.card, translator.sha256
        self.describe = translator.describe

    def translate(self, batch: np.ndarray) -> np.ndarray:
        """Return the translation."""
        return np.asarray(self.translator.translate(batch))


class SamePalette(Wrapped):
    """(a) Each result's mean and spread of each color are drawn to those of the results before."""

    known: np.ndarray | None = None

    def translate(self, batch: np.ndarray) -> np.ndarray:
        """Return the translation with a palette that changes slowly."""
        (made,) = super().translate(batch).astype(np.float32)
        now = np.stack([made.mean((0, 1)), made.std((0, 1))])
        self.known = now if self.known is None else 0.8 * self.known + 0.2 * now
        made = (made - now[0]) * (self.known[1] / np.maximum(now[1], 1)) + self.known[0]
        painted: np.ndarray = np.clip(np.rint(made), 0, 255).astype(np.uint8)[None]
        return painted


class LessNoise(Wrapped):
    """(b) What goes in is blended with what went in before, carried along the motion."""

    def __init__(self, translator: Translator) -> None:
        super().__init__(translator)
        self.motions, self.steadier = MotionFinder(), Steadier(0.5)

    def translate(self, batch: np.ndarray) -> np.ndarray:
        """Return the translation of a picture with less noise."""
        return super().translate(self.steadier.steady(batch[0], self.motions.find(batch[0]))[None])


class Both(SamePalette):
    """(a) and (b)."""

    def __init__(self, translator: Translator) -> None:
        super().__init__(translator)
        self.translator = LessNoise(translator)  # type: ignore[assignment]  # stands in for it


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--film", type=Path, action="append", required=True)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--resize", type=int, default=360)
    parser.add_argument("--ways", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)  # or its threads' waiting counts as work
    sizes = {"frames": options.frames, "short_side": options.resize}
    for name in options.models[: 1 if options.ways else None]:
        with open_translator(resolve_model(name)) as translator:
            print(f"{name}: {translator.describe()}", flush=True)
            for film in options.film:
                if not options.ways:
                    for steady in (0.5, DEFAULT_STEADY, 0.9):
                        found = measure_steadiness(film, translator, steady=steady, **sizes)
                        show(f"{film.name} {steady}", found)
                    continue
                plain = measure_steadiness(film, translator, steady=DEFAULT_STEADY, **sizes)
                show(f"{film.name} c", plain)
                for what, way in (("a", SamePalette), ("b", LessNoise), ("ab", Both)):
                    for steady in (0.0, DEFAULT_STEADY):
                        found = measure_steadiness(film, way(translator), steady=steady, **sizes)
                        found.plain_error = plain.plain_error
                        found.slopes = [(a, b) for (a, _), (_, b) in zip(plain.slopes, found.slopes, strict=True)]
                        found.sharpness = float(np.divide(*np.mean(found.slopes, axis=0)[::-1]))
                        found.fidelity_db = float("nan")
                        show(f"{film.name} {what}{'c' if steady else ''}", found)


def show(title: str, found: Temporal) -> None:
    """Print a line."""
    left = "     -" if found.excess is None else f"{found.excess:6.2f}"
    print(
        f"  {title:<34} film {found.input_error:6.1f}  plain {found.plain_error:7.1f}  held {found.steady_error:7.1f}"
        f"  excess left {left}  sharpness {found.sharpness:.3f}  {found.fidelity_db:5.1f} dB"
        f"  {found.translate_ms:5.1f} + {found.steady_ms:4.1f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
