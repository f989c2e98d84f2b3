"""Print how near models in 8 bits come to float32 on photographs, what was tried to raise that, and a sheet of both.

    python benchmarks/int8_quality.py monet zebra candy.onnx --pictures photos             # as export writes them
    python benchmarks/int8_quality.py monet candy.onnx --pictures photos --tries           # ranges, float layers, bits
    python benchmarks/int8_quality.py monet candy.onnx --pictures photos --sheet int8.jpg

PSNR in dB of uint8 results, median and worst, by OpenVINO, on the middles of evenly spread pictures of the folder,
shrunk to 256×256. None of them gives ranges. Nothing here takes time into account.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cgconv.exporter.int8 import held_out_pictures
from cgconv.runtime.backends.choose import open_graph
from cgconv.runtime.backends.eight_bits import Trials
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.backends.probe import mirrored_picture, psnr, varied_picture
from cgconv.runtime.choices import BackendName
from cgconv.runtime.graphs.graph import IMAGES
from cgconv.runtime.graphs.int8 import EightBits, Range, watch_ranges
from cgconv.runtime.models.store import resolve_model
from cgconv.runtime.sheet import draw_sheet, write_sheet
from cgconv.runtime.translate.any_model import open_model

if TYPE_CHECKING:
    from cgconv.runtime.backends.machine import Array

KEPT_VALUES = 20_000  # of what goes into a layer, of each picture
MORE_CROPS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or ONNX files")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--tries", action="store_true", help="each way of rounding, one row a way")
    parser.add_argument("--sheet", type=Path, help="a picture, in float32, in int8, and the difference times 8")
    options = parser.parse_args()
    rows = []
    for number, name in enumerate(options.models):
        one = Model(resolve_model(name), options.pictures, options.count)
        best, tried = one.best()
        kept = sum(ranges is None for ranges in best.ranges)
        if not number:
            print("| model | convolutions, of these in float32 | median dB | worst dB |\n|---|---|---|---|")
        print(one.row(f"{one.name} | {len(best.ranges)}, {kept}", best), flush=True)
        if options.tries:
            for what, made in one.tries(tried).items():
                print(one.row(f"{one.name} | {what}", made()), flush=True)
        if options.sheet:
            rows.append(one.shown(best))
    if options.sheet:
        write_sheet(options.sheet, draw_sheet(rows, edge_px=256))


class Model:
    """A model, the pictures that it is judged by, and what it makes of them in float32."""

    def __init__(self, path: Path, folder: Path, count: int) -> None:
        self.name, machine = path.stem, Machine(backend=BackendName.OPENVINO)
        model, card = open_model(path)
        self.pictures = list(held_out_pictures(folder, count, card).values())
        # The search among candidates goes by made-up pictures, as export's does; photographs only judge.
        self.searched = Trials(model, card, machine, open_graph, lambda phase, step, steps: None)
        self.judged = Trials(model, card, machine, open_graph, lambda *_: None, held_out=self.pictures)
        self.judged.compute_exact()
        self.card = card

    def best(self) -> tuple[EightBits, EightBits]:
        """Return how this model is rounded at its nearest, and how with all convolutions in 8 bits."""
        tried = [candidate for _, candidate in self.searched.tried()]
        return tried[0], next(one for one in tried if None not in one.ranges)

    def row(self, what: str, eight_bits: EightBits) -> str:
        decibels = self.judged.decibels(eight_bits, len(self.pictures))
        return f"| {what} | {statistics.median(decibels):.1f} | {min(decibels):.1f} |"

    def tries(self, plain: EightBits) -> dict[str, Callable[[], EightBits]]:
        """Return ways to round all convolutions, and to leave some of them."""
        made_up = [self._made_up(seed) for seed in range(102, 114)]
        seen = self._values(made_up)
        bits, ranges = plain.weight_bits, plain.ranges
        return {
            "all in 8 bits": lambda: plain,
            "99.99th percentile": lambda: EightBits(tuple(map(_percentile, seen)), bits),
            "least squared error": lambda: EightBits(tuple(map(_least_error, seen)), bits),
            f"{MORE_CROPS} made-up pictures": lambda: EightBits(self._widest(range(102, 102 + MORE_CROPS)), bits),
            "weights of 7 bits": lambda: EightBits(ranges, 7),
            "first and last in float32": lambda: list(itertools.islice(self.searched.candidates(ranges), 2))[-1],
            "the two costliest in float32": lambda: list(self.searched.candidates(ranges))[-1],
        }

    def shown(self, eight_bits: EightBits) -> list[tuple[str, Array]]:
        """Return a row of a sheet."""
        picture, exact = self.pictures[0], self.judged.exact[0]
        (made,) = self.judged.made(eight_bits, [picture])
        difference = np.clip(128 + 8 * (made.astype(int) - exact), 0, 255).astype(np.uint8)
        words = f"int8, {psnr(made, exact):.1f} dB"
        return [(self.name, picture[0]), ("float32", exact[0]), (words, made[0]), ("difference × 8", difference[0])]

    def _made_up(self, seed: int) -> Array:
        return mirrored_picture(self.card.fitting_hw((256, 256)), seed, varied_picture)[None]

    def _widest(self, seeds: range) -> tuple[Range | None, ...]:
        return self.searched.ranges_of(self._made_up(seed) for seed in seeds)

    def _values(self, pictures: list[Array]) -> list[Array]:
        """Return some of what goes into each convolution."""
        watched = watch_ranges(self.searched.graph)
        sources = {node.output[0]: node.input[0] for node in watched.graph.node if node.output[0].startswith("low_")}
        del watched.graph.output[:]
        for name in dict.fromkeys(sources.values()):
            watched.graph.output.add().name = name
        backend = open_graph(watched, Machine(backend=BackendName.ONNXRUNTIME))
        some: dict[str, list[Array]] = {name: [] for name in sources.values()}
        random = np.random.default_rng(0)
        for picture in pictures:
            for name, values in backend.run({IMAGES: picture}).items():
                some[name].append(random.choice(values.ravel(), min(KEPT_VALUES, values.size), replace=False))
        backend.close()
        return [np.concatenate(some[sources[f"low_{index}"]]) for index in range(len(sources))]


def _percentile(values: Array) -> Range:
    low, high = np.percentile(values, (0.01, 99.99))
    return min(float(low), 0.0), max(float(high), 0.0)


def _least_error(values: Array) -> Range:
    """Return the range whose 256 levels leave the least squared error, among parts of the widest."""
    widest = min(float(values.min()), 0.0), max(float(values.max()), 0.0)

    def error(part: float) -> float:
        low, high = part * widest[0], part * widest[1]
        step = (high - low) / 255
        return float(np.mean((np.clip(np.round((values - low) / step), 0, 255) * step + low - values) ** 2))

    best = min(np.linspace(0.3, 1, 29), key=error)
    return float(best * widest[0]), float(best * widest[1])


if __name__ == "__main__":
    main()
