"""Put pictures and their translations side by side on one sheet, for the documents.

    python scripts/contact_sheet.py ORIGINALS RESULTS SHEET.jpg --columns 2

Pairs are found by their names without endings; each is a cell, original left, translation right.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.images import SUFFIXES, Animation, Picture, encode_picture, read_picture, write_atomically


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("originals", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--columns", type=int, default=3, help="pairs side by side")
    parser.add_argument("--count", type=int, default=12, help="pairs on the sheet, evenly spread")
    parser.add_argument("--height", type=int, default=256, help="of a picture on the sheet, pixels")
    options = parser.parse_args()

    results = {path.name.split(".")[0]: path for path in options.results.iterdir() if path.suffix.lower() in SUFFIXES}
    originals = [
        path
        for path in sorted(options.originals.iterdir())
        if path.suffix.lower() in SUFFIXES and path.name.split(".")[0] in results
    ]
    if not originals:
        parser.error(f"no picture of {options.originals} has a result in {options.results}")
    count = min(options.count, len(originals))
    chosen = [originals[i * len(originals) // count] for i in range(count)]
    cells = [pair(path, results[path.name.split(".")[0]], options.height) for path in chosen]
    width = max(cell.shape[1] for cell in cells)
    cells = [np.pad(cell, ((0, 0), (0, width - cell.shape[1]), (0, 0)), constant_values=255) for cell in cells]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % options.columns)
    rows = [np.concatenate(cells[at : at + options.columns], axis=1) for at in range(0, len(cells), options.columns)]
    sheet = Picture(pixels=np.concatenate(rows), file_format="jpg")
    write_atomically(options.sheet, encode_picture(sheet, file_format="jpg", quality=88))


def pair(original: Path, result: Path, height: int) -> NDArray[np.uint8]:
    """Return both pictures beside each other, each `height` pixels high, with a white edge."""
    cell = np.concatenate([scaled(original, height), scaled(result, height)], axis=1)
    return np.pad(cell, ((0, 8), (0, 8), (0, 0)), constant_values=255)


def scaled(path: Path, height: int) -> NDArray[np.uint8]:
    """Return a picture as uint8 H×W×3 RGB, `height` pixels high."""
    picture = read_picture(path, max_pixels=100_000_000)
    pixels = (picture.frames[0] if isinstance(picture, Animation) else picture).pixels
    width = max(1, round(pixels.shape[1] * height / pixels.shape[0]))
    how = cv2.INTER_AREA if height < pixels.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.uint8)


if __name__ == "__main__":
    main()
