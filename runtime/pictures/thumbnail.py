"""Read pictures small: everything is decoded, so that damage shows, but JPEG files at an eighth of the work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.opencv import cv2

from .metadata import exif_orientation, turn_upright
from .reader import DEFAULT_MAX_PIXELS, open_jpeg, read_first_picture


@dataclass(frozen=True)
class Thumbnail:
    """`pixels` uint8 edge×edge×3 RGB, the whole picture squeezed into a square; `size_hw` as displayed, in pixels.

    `is_nearly_black`: 16 bits a channel of which only 12 are used.
    """

    pixels: NDArray[np.uint8]
    size_hw: tuple[int, int]
    is_nearly_black: bool = False


def read_thumbnail(path: Path, *, edge_px: int = 32, max_pixels: int = DEFAULT_MAX_PIXELS) -> Thumbnail:
    """Return the picture at `path`, or an animation's first frame, squeezed into a square; what is clear, on white.

    Refuses what `read_picture` refuses: raises PictureError, whose text is one sentence that names the file.
    """
    with open_jpeg(path, max_pixels=max_pixels) as jpeg:
        if jpeg is not None:
            size_hw = (jpeg.height, jpeg.width)
            jpeg.draft(None, (2 * edge_px, 2 * edge_px))  # the decoder leaves out what is finer; never below this size
            pixels = np.asarray(jpeg.convert("RGB"))
            exif = jpeg.info.get("exif")
            orientation = exif_orientation(exif.removeprefix(b"Exif\0\0") if isinstance(exif, bytes) else None)
            upright = turn_upright(_squeezed(pixels.astype(np.float32), edge_px), orientation)
            return Thumbnail(upright, size_hw[::-1] if orientation in (5, 6, 7, 8) else size_hw)
    picture = read_first_picture(path, max_pixels=max_pixels)
    return Thumbnail(_squeezed(picture.as_seen(), edge_px), picture.size_hw, picture.is_nearly_black)


def _squeezed(pixels: NDArray[Any], edge_px: int) -> NDArray[np.uint8]:  # Any: uint8 or float32
    """Return H×W×3 of 0 to 255 as edge×edge×3, each pixel the mean of what it stands for."""
    return np.rint(cv2.resize(pixels, (edge_px, edge_px), interpolation=cv2.INTER_AREA)).astype(np.uint8)
