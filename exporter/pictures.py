"""Take a few pictures out of a folder to check a model on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.errors import CgconvError
from cgconv.runtime.images import SUFFIXES, Animation, read_picture

LARGEST_PIXELS = 50_000_000


def sample_pictures(folder: Path, count: int) -> dict[str, NDArray[np.uint8]]:
    """Return up to `count` pictures from a folder and those below it, evenly spread over their names.

    Path within the folder → uint8 H×W×3 RGB. Other files are left out, and so is what cannot be read; no folder, no
    pictures.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    spread = [paths[round(place)] for place in np.linspace(0, len(paths) - 1, min(count, len(paths)))]
    pictures: dict[str, NDArray[np.uint8]] = {}
    for path in [*spread, *paths]:
        name = path.relative_to(folder).as_posix()
        if name in pictures:
            continue
        try:
            picture = read_picture(path, max_pixels=LARGEST_PIXELS)
        except CgconvError:  # policy: whatever cannot be read does not take part in a check
            continue
        pixels = (picture.frames[0] if isinstance(picture, Animation) else picture).pixels
        pictures[name] = (pixels >> 8 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
        if len(pictures) == count:
            break
    return pictures
