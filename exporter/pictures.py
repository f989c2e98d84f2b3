"""Take a few pictures out of a folder to check a model on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.errors import CgconvError
from cgconv.runtime.images import read_first_picture
from cgconv.trainer.data.folders import pictures_in

LARGEST_PIXELS = 50_000_000


def sample_pictures(folder: Path, count: int) -> dict[str, NDArray[np.uint8]]:
    """Return up to `count` pictures from a folder and those below it, evenly spread over their names.

    Path within the folder → uint8 H×W×3 RGB. Other files are left out, and so is what cannot be read; no folder, no
    pictures.
    """
    paths = pictures_in(folder)
    pictures: dict[str, NDArray[np.uint8]] = {}
    for path in [*_spread(paths, count), *paths]:
        name = path.relative_to(folder).as_posix()
        if name not in pictures and (pixels := _pixels(path)) is not None:
            pictures[name] = pixels
        if len(pictures) == count:
            break
    return pictures


def pictures_one_by_one(folder: Path, count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield up to `count` pictures as above, never more than one of them in memory."""
    for path in _spread(pictures_in(folder), count):
        if (pixels := _pixels(path)) is not None:
            yield pixels


def _spread(paths: list[Path], count: int) -> list[Path]:
    return [paths[round(place)] for place in np.linspace(0, len(paths) - 1, min(count, len(paths)))]


def _pixels(path: Path) -> NDArray[np.uint8] | None:
    """Return a picture as uint8 H×W×3 RGB, on white where it is transparent; None where it cannot be read."""
    try:
        return read_first_picture(path, max_pixels=LARGEST_PIXELS).as_seen()
    except CgconvError:  # policy: whatever cannot be read does not take part in a check
        return None
