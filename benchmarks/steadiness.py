"""Measure what holds a translated film steady, and what filling in costs: error, sharpness, fidelity, time.

    python benchmarks/steadiness.py MODEL… --film FILM [--film FILM]… [--frames 40] [--resize 240] [--steady 0.5]…
        [--every] [--ways]

For each film and model: --steady 0.7 (or what is given) beside frame by frame; with --every, each second, third and
fourth frame translated, for itself and held steady at 0.7. A film's frames are translated once for all of them. --ways
compares, with the first model, the ways that were thought of: the palette of the result held (a), the input's noise
taken away along its motion before the network (b), the result carried along (c, which is what --steady does), all
three.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time
from pathlib import Path

import cv2
import numpy as np

from cgconv.runtime.films.reader import FilmReader
from cgconv.runtime.films.temporal import Temporal, as_8_bits, compare_steadiness, film_flow
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
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--resize", type=int, default=240)
    parser.add_argument("--steady", type=float, action="append")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--ways", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)  # or its threads' waiting counts as work
    films = {}
    for film in options.film:
        with FilmReader(film, short_side=options.resize) as reader:
            images = [as_8_bits(frame.image) for frame in itertools.islice(reader.frames(), options.frames)]
        films[film] = images, list(itertools.starmap(film_flow(), zip(images[1:], images, strict=False)))
    kinds = [(1, steady) for steady in options.steady or [DEFAULT_STEADY]]
    if options.every:
        kinds = [(every, steady) for steady in (0.0, DEFAULT_STEADY) for every in (1, 2, 3, 4)]
    print(HEAD)
    for name in options.models[: 1 if options.ways else None]:
        with open_translator(resolve_model(name), threads=options.threads) as translator:
            for film, (images, flows) in films.items():
                ways = {"": Wrapped}
                if options.ways:
                    ways, kinds = (
                        {"a": SamePalette, "b": LessNoise, "ab": Both, "": Wrapped},
                        [(1, 0.0), (1, DEFAULT_STEADY)],
                    )
                of_frames = 0.0
                for what, way in reversed(ways.items()):
                    began = time.process_time()
                    model = way(translator)
                    plain = [model.translate(image[None])[0] for image in images]
                    translate_ms = 1000 * (time.process_time() - began) / len(images)
                    for every, steady in kinds:
                        found = compare_steadiness(
                            zip(images, plain, strict=True), steady=steady, every=every, flows=flows
                        )
                        found.translate_ms = translate_ms
                        of_frames = of_frames or found.plain_error
                        found.plain_error = of_frames
                        show(f"{Path(name).stem.split('_')[0]} {what}".strip(), film, found, steady, every)


HEAD = """\
| model | film | every | steady | filled in | film | plain | result | excess left | sharpness | dB | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def show(name: str, film: Path, found: Temporal, steady: float, every: int) -> None:
    """Print a row; core time is that of translating and filling in, and holding still, in that of translating all."""
    left = "–" if found.excess is None or found.plain_error < 1.3 * found.input_error else f"{found.excess:.0%}"
    time_share = 1 - found.filled / found.frames + found.steady_ms / max(found.translate_ms, 1e-9)
    title = re.split("[-_]", film.stem)[0]
    print(
        f"| {name} | {title} | {every} | {steady:g} | {found.filled} of {found.frames} |"
        f" {found.input_error:.1f} | {found.plain_error:.1f} | {found.steady_error:.1f} | {left} |"
        f" {found.sharpness:.2f} | {found.fidelity_db:.1f} | {time_share:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
