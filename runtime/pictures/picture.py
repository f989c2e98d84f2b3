"""Say what a picture or an animation in memory is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .formats import FileFormat

Pixels = NDArray[Any]  # Any: uint8 or uint16
NEARLY_BLACK = 2**12  # of 2**16


@dataclass(frozen=True)
class Light:
    """Scene-linear float32 values H×W×3 or H×W×4 as in an OpenEXR file, colors multiplied by alpha; any size."""

    values: NDArray[np.float32]
    is_half: bool  # the file had 16 bits a sample
    frames_per_second: Fraction | None = None  # of the sequence that it is a frame of


@dataclass(frozen=True)
class Picture:
    """One picture, upright, with what its file said about it.

    `pixels` H×W×3 RGB, uint8 or uint16 (full range); `alpha` H×W of the same dtype, not premultiplied, or None.
    `is_gray`: the file had one channel, and it is written with one again; all three channels are equal.
    `exif` is the TIFF structure without an `Exif` prefix, its orientation 1; `xmp` a packet; `icc` a profile that fits
    the pixels as they are here. `dpi` across and down. `is_lossless`: the file kept every bit of its pixels.
    `notes`: sentences about what reading could not keep. `light`: what `pixels` are the sRGB of, whites over 1 too.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    is_gray: bool = False
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    hdr_codes: tuple[int, int] | None = None
    source_bits: int = 0
    dpi: tuple[float, float] | None = None
    file_format: str = FileFormat.PNG
    is_lossless: bool = False
    notes: tuple[str, ...] = ()
    light: Light | None = None

    def with_8_bits(self) -> Picture:
        """Return the picture as uint8, each value rounded to the nearest of v × 255 / 65535."""
        if not self.is_deep:
            return self
        return replace(
            self, pixels=_eight_bits(self.pixels), alpha=None if self.alpha is None else _eight_bits(self.alpha)
        )

    def as_seen(self) -> NDArray[np.uint8]:
        """Return uint8 H×W×3 RGB as a viewer shows it: what is transparent lies on white."""
        picture = self.with_8_bits()
        if picture.alpha is None:
            return picture.pixels
        alpha = picture.alpha[:, :, None].astype(np.uint32)
        return ((picture.pixels * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)

    @property
    def size_hw(self) -> tuple[int, int]:
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    @property
    def is_deep(self) -> bool:
        """Whether the picture has 16 bits a channel."""
        return self.pixels.dtype == np.uint16

    @property
    def bits(self) -> int:
        """How many bits a channel the file had, at most those of the pixels here."""
        return self.source_bits or 8 * self.pixels.dtype.itemsize

    @property
    def is_nearly_black(self) -> bool:
        """Whether 16 bits a channel are used up to the 12th only, as scanners and cameras for science do."""
        return self.bits == 16 and self.light is None and self.pixels.size > 0 and int(self.pixels.max()) < NEARLY_BLACK


@dataclass(frozen=True)
class Animation:
    """Whole frames of one size, each with the time it is shown.

    Metadata belong to the first frame. `loop` is how often all frames are shown; 0 is for ever.
    """

    frames: list[Picture]
    durations_ms: list[int]
    loop: int = 0
    file_format: str = FileFormat.GIF


def _eight_bits(samples: Pixels) -> NDArray[np.uint8]:
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
