"""Say where a translation is to be seen: white of a mask is translated, black stays as it was, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .opencv import cv2

Images = NDArray[Any]  # Any: uint8, or float32 in [0, 1]; H×W×3
Mask = NDArray[np.float32]  # H×W, 0 to 1

ALPHA = "alpha"  # the picture's own transparency instead of a file
FARTHEST_FEATHER_PX = 1000.0
NEARLY_WHITE = 1 - 1e-4  # what rounding leaves of white
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """Where a mask comes from, and what is done with it.

    `source` is a picture, a film, a folder with a mask of each input's name (`a.png` for `a.jpg`), or "alpha".
    `feather_px` softens its edges by a Gaussian of that deviation, in pixels of the result; `invert` swaps its sides.
    """

    source: str
    feather_px: float = 0.0
    invert: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.feather_px <= FARTHEST_FEATHER_PX:
            raise UsageError(f"--feather is {self.feather_px:g}, expected 0 to {FARTHEST_FEATHER_PX:g} pixels")
        if self.source != ALPHA and not Path(self.source).exists():
            raise UsageError(f"{self.source}: there is no such file or folder (--mask)")

    def file_for(self, path: Path) -> Path:
        """Return the file that holds the mask of the picture or film at `path`. Raises UsageError: there is none."""
        given = Path(self.source)
        if not given.is_dir():
            return given
        fitting = sorted(file for file in given.iterdir() if file.stem == path.stem and not file.name.startswith("."))
        if not fitting:
            raise UsageError(f"{given} has no mask for {path.name}: a picture or film of the same name is needed")
        return fitting[0]

    def prepared(self, gray: NDArray[Any], size_hw: tuple[int, int]) -> Mask:
        """Return a mask of the result's size from uint8, uint16 or float32 H×W, or H×W×3 RGB."""
        if gray.ndim == 3:
            gray = cv2.transform(gray.astype(np.float32), LUMA[None]) if np.ptp(gray, axis=2).any() else gray[..., 0]
        mask = gray.astype(np.float32) / np.float32(1 if gray.dtype == np.float32 else np.iinfo(gray.dtype).max)
        if mask.shape != size_hw:
            how = cv2.INTER_AREA if mask.size > size_hw[0] * size_hw[1] else cv2.INTER_LINEAR
            mask = np.asarray(cv2.resize(mask, size_hw[::-1], interpolation=how))
        if self.invert:
            mask = 1 - mask
        if self.feather_px:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), self.feather_px))
        mask = np.clip(mask, 0, 1)
        return np.where(mask > NEARLY_WHITE, np.float32(1), mask)


def mask_options(source: str, *, feather_px: float, invert: bool) -> MaskOptions | None:
    """Return the options of a mask, None for an empty `source`. Raises UsageError."""
    if source:
        return MaskOptions(source=source, feather_px=feather_px, invert=invert)
    if feather_px or invert:
        raise UsageError("--feather and --invert change a mask; name the mask with --mask")
    return None


def seen_through(original: Images, translated: Images, mask: Mask) -> Images:
    """Return original + mask × (translated - original); both images and the mask have one size.

    Where the mask is 0 this is the original, and where it is 1 the translation, bit for bit.
    """
    whole = mask >= 1
    if whole.all():
        return translated
    share = mask[..., None]
    mixed = original + share * (translated.astype(np.float32) - original)
    if original.dtype == np.uint8:
        return np.asarray(np.rint(mixed), np.uint8)
    return np.where(whole[..., None], translated, mixed)
