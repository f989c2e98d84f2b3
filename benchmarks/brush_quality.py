"""Measure --brush: what bringing back costs, and how near the result is to what the model made of the small picture.

    python benchmarks/brush_quality.py photo.jpg --model monet --sizes 640,1080,2160,3000 --working 640

For each shorter side it prints a row for docs/speed.md. Times are of one thread's processor, the best of 15.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cgconv.runtime.brush import bring_back, shrink
from cgconv.runtime.images import Animation, read_picture
from cgconv.runtime.translator import open_translator

HEAD = (
    "| model | size | worked at | shrink, ms | bring back, ms | deep, ms |"
    " made small again, dB | the same by Lanczos, dB | full size, dB |"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--model", default="monet")
    parser.add_argument("--sizes", default="640,1080,2160,3000", help="shorter sides that the picture is brought to")
    parser.add_argument("--working", type=int, default=640, help="shorter side that is translated")
    parser.add_argument("--full", action="store_true", help="translate the full size, too, and compare")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    content = read_picture(options.picture)
    pixels = (content.frames[0] if isinstance(content, Animation) else content).pixels
    print(HEAD, "|---|---|---|---|---|---|---|---|---|", sep="\n")
    with open_translator(options.model) as translator:
        for short_side in map(int, options.sizes.split(",")):
            picture = scaled(pixels, short_side)
            small = shrink(picture, scaled(picture, min(options.working, short_side)).shape[:2])
            translated = translator.translate(small[None])[0]
            if small is picture:
                continue
            result = bring_back(picture, small, translated)
            plain = cv2.resize(translated, picture.shape[1::-1], interpolation=cv2.INTER_LANCZOS4)
            deep = [image / np.float32(255) for image in (picture, small, translated)]
            full = "–"
            if options.full:
                full = f"{cv2.PSNR(result, translator.translate(picture[None])[0]):.1f}"
            print(
                f"| {translator.card.name} | {picture.shape[1]}×{picture.shape[0]} | {small.shape[1]}×{small.shape[0]}"
                f" | {milliseconds(shrink, picture, small.shape[:2]):.1f}"
                f" | {milliseconds(bring_back, picture, small, translated):.1f}"
                f" | {milliseconds(bring_back, *deep):.1f}"
                f" | {cv2.PSNR(shrink(result, small.shape[:2]), translated):.1f}"
                f" | {cv2.PSNR(shrink(plain, small.shape[:2]), translated):.1f} | {full} |"
            )


def scaled(pixels: np.ndarray[Any, Any], short_side: int) -> np.ndarray[Any, Any]:
    """Return the picture with its shorter side at so many pixels."""
    factor = short_side / min(pixels.shape[:2])
    size_wh = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=how))


def milliseconds(task: Callable[..., object], *given: object, times: int = 15) -> float:
    """Return the processor's time for a task."""
    took = []
    for _ in range(times):
        began = time.thread_time()
        task(*given)
        took.append(time.thread_time() - began)
    return min(took) * 1000


if __name__ == "__main__":
    main()
