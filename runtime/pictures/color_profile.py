"""Turn colors that a file gives in numbers into an ICC profile, and tell which of them are HDR.

Files say them by H.273 code points (PNG cICP, AVIF and HEIC nclx) or by chromaticities and gamma (PNG cHRM and gAMA).
No library at hand builds a profile from them; ICC.1:2022 (version 4) says how.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.errors import PictureError

from .metadata import icc_color_space

PQ, HLG = 16, 18  # transfer characteristics of HDR in H.273
HDR_NAMES = {PQ: "PQ", HLG: "HLG"}

D65 = (0.3127, 0.329)
SRGB_PRIMARIES = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
# H.273 primaries → x and y of white, red, green, blue. Those that are not here are taken for sRGB's.
PRIMARIES = {
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
SRGB_CURVE = 0.0  # stands for sRGB's curve, which is no power
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # H.273 transfers that are plain powers; the other ones of SDR are shown as sRGB's

D50_XYZ = np.array([0.9642, 1.0, 0.8249])  # the profile connection space's white
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
CLOSE = 0.005  # chromaticities and gammas that differ by less look the same


@dataclass(frozen=True)
class NumberedColors:
    """Colors by H.273 code points."""

    primaries: int
    transfer: int


@dataclass(frozen=True)
class Color:
    """What a picture's numbers mean: a profile that fits its channels (None: sRGB), or, of HDR, code points."""

    icc: bytes | None = None
    hdr_codes: tuple[int, int] | None = None


def color_of(
    path: Path, *, icc: bytes | None, numbered: NumberedColors | None, is_gray: bool, allow_hdr: bool
) -> Color:
    """Return what a picture's numbers mean, by the profile in its file or else by code points.

    Raises PictureError for an HDR picture (PQ, HLG) unless those are allowed.
    """
    transfer = (icc_transfer(icc) if icc else None) or (numbered.transfer if numbered else 0)
    if transfer in HDR_NAMES:
        if not allow_hdr:
            raise PictureError(
                f"{path} is an HDR picture ({HDR_NAMES[transfer]}), and its colors would come out dull;"
                " convert it to SDR first, or take it as it is (--allow-hdr)"
            )
        return Color(fitting_icc(icc, is_gray), (numbered.primaries if numbered else 9, transfer))
    if icc:
        return Color(fitting_icc(icc, is_gray))
    return Color(profile_of_codes(numbered.primaries, numbered.transfer, is_gray=is_gray) if numbered else None)


def fitting_icc(icc: bytes | None, is_gray: bool) -> bytes | None:
    """Return the profile if it is for the channels that were read; gray files often carry one for RGB."""
    spaces = ("GRAY", "RGB") if is_gray else ("RGB",)
    return icc if icc and icc_color_space(icc) in spaces else None


def profile_of_codes(primaries: int, transfer: int, *, is_gray: bool) -> bytes | None:
    """Return a profile for H.273 code points of SDR; None where they mean sRGB."""
    return profile_of_numbers(
        PRIMARIES.get(primaries, SRGB_PRIMARIES), GAMMAS.get(transfer, SRGB_CURVE), is_gray=is_gray
    )


def profile_of_numbers(chromaticities: Sequence[float], gamma: float, *, is_gray: bool) -> bytes | None:
    """Return a profile for x and y of white, red, green and blue, and the power that makes values light.

    None where that looks as sRGB does, and where the numbers can be no colors.
    """
    matrices = _to_d50(chromaticities)
    if matrices is None or not (gamma == SRGB_CURVE or 0.1 < gamma < 10):
        return None
    is_srgb_curve = gamma == SRGB_CURVE or abs(1 / gamma - 1 / 2.2) < CLOSE
    if is_srgb_curve and (is_gray or np.abs(np.subtract(chromaticities, SRGB_PRIMARIES)).max() < CLOSE):
        return None
    matrix, adaptation = matrices
    curve = _curve(gamma)
    tags = {b"desc": _text("Gray" if is_gray else "RGB"), b"cprt": _text("CC0"), b"wtpt": _xyz(D50_XYZ)}
    tags[b"chad"] = b"sf32\0\0\0\0" + _fixed(adaptation.ravel())
    if is_gray:
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rXYZ": _xyz(matrix[:, 0]), b"gXYZ": _xyz(matrix[:, 1]), b"bXYZ": _xyz(matrix[:, 2])}
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _profile(b"GRAY" if is_gray else b"RGB ", tags)


def icc_transfer(icc: bytes) -> int | None:
    """Return the H.273 transfer in a profile's cicp tag (ICC.1:2022, 9.2.17), None where it has none."""
    try:
        (count,) = struct.unpack_from(">I", icc, 128)
        for entry in range(min(count, 100)):
            tag, offset = struct.unpack_from(">4sI", icc, 132 + 12 * entry)
            if tag == b"cicp":
                return int(icc[offset + 9])  # after type, reserved and primaries
    except (struct.error, IndexError):
        pass  # a damaged profile says nothing
    return None


def _to_d50(chromaticities: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return 3×3 matrices: from linear RGB to XYZ under D50, and from XYZ under the white given to that under D50.

    None where the numbers can be no colors.
    """
    xy = np.array(chromaticities, np.float64).reshape(4, 2)
    if not np.isfinite(xy).all() or (np.abs(xy) > 2).any() or (xy[:, 1] < 1e-3).any():
        return None
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]])  # 3×4
    white, primaries = xyz[:, 0], xyz[:, 1:]
    if abs(np.linalg.det(primaries)) < 1e-3:
        return None
    cones = BRADFORD @ white
    if (np.abs(cones) < 1e-3).any():
        return None
    adaptation: NDArray[np.float64] = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50_XYZ / cones) @ BRADFORD
    matrix = np.asarray(adaptation @ (primaries * np.linalg.solve(primaries, white)), np.float64)
    return (matrix, adaptation) if np.abs([matrix, adaptation]).max() < 4 else None


def _curve(gamma: float) -> bytes:
    if gamma == SRGB_CURVE:
        numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1
        return b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(numbers)
    return b"para" + struct.pack(">IHH", 0, 0, 0) + _fixed([gamma])


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    entries, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}  # equal contents are stored once
    for tag, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        entries += tag + struct.pack(">II", places[content], len(content))
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header = struct.pack(">I4xI", start + len(body), 0x04300000) + b"mntr" + space + b"XYZ " + date + b"acsp"
    header = header.ljust(68, b"\0") + _fixed(D50_XYZ)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(data), 28) + data


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(numbers: Sequence[float] | NDArray[np.float64]) -> bytes:
    """Return numbers as ICC's s15Fixed16."""
    return b"".join(struct.pack(">i", round(float(number) * 65536)) for number in numbers)
