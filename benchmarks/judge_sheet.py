"""Make the sheet that a person judges by: a row for each source, with several models' results and the nearest targets.

    cgconv images monet2photo/testB --model monet --out results/monet
    python benchmarks/judge_sheet.py sheet.jpg --sources monet2photo/testB --targets monet2photo/trainA \\
        --results monet=results/monet --results rival=results/rival --count 12

Results are found by their source's name: a.jpg has a.jpg, a.png or a.monet.jpg. The nearest targets are those whose
colors and composition (16×16 pixels in CIELAB) are nearest to the row's results. With --blind SEED, results stand in a
random order in each row under letters, and sheet.key.txt beside the sheet says which is whose.
"""

from __future__ import annotations

import argparse
import functools
import random
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.images import SUFFIXES, Animation, read_picture
from cgconv.runtime.opencv import cv2
from cgconv.runtime.sheet import draw_sheet, write_sheet

Image = NDArray[np.uint8]  # H×W×3 RGB
FEATURE_EDGE_PX = 16


def main() -> None:
    """Write the sheet."""
    options = parse_options()
    results: dict[str, Path] = dict(options.results)
    found = {
        source: {name: result_of(source, results[name]) for name in results} for source in pictures(options.sources)
    }
    sources = [source for source, made in found.items() if all(made.values())]
    if not sources:
        raise SystemExit(f"no picture of {options.sources} has a result in each of the folders")
    count = min(options.count, len(sources))
    targets = [(path, feature(read(path))) for path in pictures(options.targets)]
    rows, key = [], []
    for source in (sources[number * len(sources) // count] for number in range(count)):
        made = [(name, read(path)) for name, path in found[source].items() if path is not None]
        nearest = nearest_to([image for _, image in made], targets, options.nearest)
        if options.blind is not None:
            made, whose = blinded(made, f"{options.blind} {source.name}")
            key.append(f"{source.name}: {whose}\n")
        row = [(source.name, read(source)), *made, *((f"target: {path.name}", read(path)) for path in nearest)]
        rows.append([(label, scaled(image, options.height)) for label, image in row])
    write_sheet(options.sheet, draw_sheet(rows, edge_px=options.height))
    if key:
        options.sheet.with_suffix(".key.txt").write_text("".join(key), encoding="utf-8")


def parse_options() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path, help="where the sheet goes, .jpg or .png")
    parser.add_argument("--sources", type=Path, required=True, help="a folder")
    parser.add_argument("--targets", type=Path, required=True, help="a folder of real pictures of the wanted kind")
    parser.add_argument("--results", type=named_folder, action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--count", type=int, default=12, help="rows, evenly spread over the sources")
    parser.add_argument("--nearest", type=int, default=2, help="targets in each row")
    parser.add_argument("--height", type=int, default=256, help="of every picture, pixels")
    parser.add_argument("--blind", type=int, metavar="SEED", help="hide whose result is whose")
    return parser.parse_args()


def named_folder(text: str) -> tuple[str, Path]:
    """Return the two halves of NAME=FOLDER."""
    name, _, folder = text.partition("=")
    if not folder or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=FOLDER")
    return name, Path(folder)


def nearest_to(results: list[Image], targets: list[tuple[Path, NDArray[np.float32]]], count: int) -> list[Path]:
    """Return the targets that look most like the results, from afar."""
    wanted = np.mean([feature(image) for image in results], axis=0)
    ordered = sorted(targets, key=lambda target: float(np.abs(target[1] - wanted).mean()))
    return [path for path, _ in ordered[:count]]


def blinded(made: list[tuple[str, Image]], seed: str) -> tuple[list[tuple[str, Image]], str]:
    """Return results in a random order under letters, and in words which is whose."""
    shuffled = random.Random(seed).sample(made, len(made))
    letters = [chr(ord("A") + number) for number in range(len(made))]
    whose = ", ".join(f"{letter} is {name}" for letter, (name, _) in zip(letters, shuffled, strict=True))
    return [(letter, image) for letter, (_, image) in zip(letters, shuffled, strict=True)], whose


@functools.cache
def pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def result_of(source: Path, folder: Path) -> Path | None:
    """Return the result that a source has in a folder."""
    found = (path for path in pictures(folder) if f"{path.stem}.".startswith(f"{source.stem}."))
    return next(found, None)


def read(path: Path) -> Image:
    """Return a picture as uint8."""
    content = read_picture(path)
    pixels = (content.frames[0] if isinstance(content, Animation) else content).pixels
    return np.asarray(pixels >> 8 if pixels.dtype == np.uint16 else pixels, np.uint8)


def feature(image: Image) -> NDArray[np.float32]:
    """Return what a picture looks like from afar: a few pixels in CIELAB."""
    small = cv2.resize(image, (FEATURE_EDGE_PX, FEATURE_EDGE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def scaled(image: Image, height: int) -> Image:
    """Return a picture in a height."""
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


if __name__ == "__main__":
    main()
