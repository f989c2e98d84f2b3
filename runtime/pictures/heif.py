"""Read HEIC pictures, and what the headers of HEIC and AVIF files say, by libheif."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pillow_heif

from .beside import MOST_SCANNED_BYTES, exif_without_thumbnail, notes_on, xmp_without_claims
from .color_profile import NumberedColors, color_of
from .formats import FileFormat
from .metadata import EXIF_PREFIX, exif_upright, xmp_upright
from .picture import Picture

log = logging.getLogger(__name__)


def is_heic(file: BinaryIO) -> bool:
    """Whether a file's brands name HEVC pictures (ISO/IEC 23008-12, annex B.4)."""
    file.seek(0)
    header = file.read(64)
    if header[4:8] != b"ftyp":
        return False
    brands = header[8 : int.from_bytes(header[:4], "big")]
    return any(brand in brands for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"))


def header_facts(file: BinaryIO) -> dict[str, Any]:  # Any: as pillow-heif has them
    """Return what the header of an AVIF file says of the main picture, nothing decoded; nothing where it is damaged."""
    file.seek(0)
    try:
        return dict(pillow_heif.open_heif(file, convert_hdr_to_8bit=False).info)
    except Exception as error:  # libheif raises many; whether the picture can be read is for its decoder to say
        log.debug("header not understood: %s", error)
        return {}


def numbered_colors(facts: dict[str, Any]) -> NumberedColors | None:  # Any: as above
    """Return the colors that a header gives in H.273 code points."""
    given = facts.get("nclx_profile")
    return NumberedColors(given["color_primaries"], given["transfer_characteristics"]) if given else None


def read_heic(path: Path, file: BinaryIO, heif: pillow_heif.HeifFile, *, allow_hdr: bool) -> Picture:
    """Read the primary picture; 10 and 12 bits become 16. libheif turns it upright."""
    facts = heif.info
    icc = facts.get("icc_profile")
    samples = np.asarray(heif)
    is_gray = samples.ndim == 2 or samples.shape[2] == 2
    color = color_of(path, icc=icc, numbered=numbered_colors(facts), is_gray=is_gray, allow_hdr=allow_hdr)
    if samples.ndim == 2:
        samples = samples[:, :, None]
    colors = samples.shape[2] - (samples.shape[2] in (2, 4))
    pixels = np.ascontiguousarray(np.repeat(samples[:, :, :1], 3, axis=2) if colors == 1 else samples[:, :, :3])
    exif, xmp = facts.get("exif"), facts.get("xmp")
    exif = exif.removeprefix(EXIF_PREFIX) if exif else None
    return Picture(
        pixels=pixels,
        alpha=np.ascontiguousarray(samples[:, :, colors]) if samples.shape[2] > colors else None,
        is_gray=is_gray,
        exif=exif_without_thumbnail(exif_upright(exif)) if exif else None,
        xmp=xmp_without_claims(xmp_upright(xmp)) if xmp else None,
        icc=color.icc,
        hdr_codes=color.hdr_codes,
        source_bits=facts.get("bit_depth", 8),
        file_format=FileFormat.HEIC,
        notes=_notes(file, heif, xmp or b""),
    )


def _notes(file: BinaryIO, heif: pillow_heif.HeifFile, xmp: bytes) -> tuple[str, ...]:
    """Return a sentence for each thing beside the main picture."""
    facts = heif.info
    notes = []
    if len(heif) > 1:
        notes.append(f"only the main one of {len(heif)} pictures is read")
    if facts.get("depth_images"):
        notes.append("the depth map is left out")
    auxiliaries = " ".join(facts.get("aux", {})).encode()
    file.seek(0)
    data = file.read(MOST_SCANNED_BYTES)
    gain_map = b"HDRGainMap" if b"tmap" in data[:4096] else b""  # ISO 21496-1's kind of item
    film = b"MotionPhoto_Data" if _has_box(data, b"mpvd") else b""
    return tuple(dict.fromkeys([*notes, *notes_on(xmp, auxiliaries, gain_map, film)]))


def _has_box(data: bytes, kind: bytes) -> bool:
    """Whether an ISO media file has such a box at its top."""
    place = 0
    while place + 8 <= len(data):
        if data[place + 4 : place + 8] == kind:
            return True
        length = int.from_bytes(data[place : place + 4], "big")
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        if length < 8:
            return False
        place += length
    return False
