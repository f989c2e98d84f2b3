"""Carry EXIF, XMP and ICC from one file to another, with the orientation reset.

Orientation: EXIF 2.32 tag 0x0112, values 1 to 8; a value is the place of the stored first row and column.
"""

from __future__ import annotations

import logging
import re
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .picture import Picture, Pixels
from .quiet import libraries_quiet

log = logging.getLogger(__name__)

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
INTEROPERABILITY_IFD = 0xA005  # in the EXIF one; says only which DCF rules a camera's JPEG file follows

# What belongs to the pixels' layout in one TIFF file or is written from elsewhere; the other tags describe the picture.
STRUCTURAL_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, ORIENTATION, 277, 278, 279, 280, 281, 282, 283, 284}
    | {288, 289, 290, 291, 292, 293, 296, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 338, 339}
    | {33723, 34377, 37724}  # IPTC, which goes its own way; Photoshop's thumbnail and layers of the original
    | {340, 341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 700, 34675}
)


def exif_orientation(exif: bytes | None) -> int:
    """Return the orientation of an EXIF block, 1 to 8; 1 where it has none or is damaged."""
    place = _orientation_place(exif) if exif else None
    if exif is None or place is None:
        return 1
    offset, code = place
    value = int(struct.unpack_from(code, exif, offset)[0])
    return value if 1 <= value <= 8 else 1


def exif_upright(exif: bytes) -> bytes:
    """Return the EXIF block with its orientation 1 and every other byte as it was."""
    place = _orientation_place(exif)
    if place is None:
        return exif
    offset, code = place
    upright = bytearray(exif)
    struct.pack_into(code, upright, offset, 1)
    return bytes(upright)


def _orientation_place(exif: bytes) -> tuple[int, str] | None:
    """Return where the orientation's value is and its struct code, or None."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (ifd,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, ifd)
        for entry in range(ifd + 2, ifd + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == ORIENTATION and kind in (3, 4) and entry + 12 <= len(exif):  # SHORT, or a LONG by mistake
                return entry + 8, order + ("H" if kind == 3 else "I")
    except struct.error:
        pass  # cut off: what cannot be found cannot be wrong
    return None


def xmp_upright(xmp: bytes) -> bytes:
    """Return the XMP packet with tiff:Orientation 1, as attribute or element, and every other byte as it was."""
    return re.sub(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[2-8](?=\s*[\"'<])", rb"\g<1>1", xmp)


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn an H×W or H×W×C array from the way it is stored to the way it is shown."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def icc_color_space(icc: bytes) -> str:
    """Return what a profile is for: RGB, GRAY, CMYK, Lab (ICC.1:2022, header bytes 16 to 19)."""
    return icc[16:20].decode("latin-1").strip()


def exif_from_tiff(image: Image.Image) -> bytes | None:
    """Return a TIFF file's describing tags, the EXIF and GPS ones among them, as an EXIF block without orientation."""
    source = image.getexif()
    block = Image.Exif()
    for tag, value in source.items():
        if tag not in STRUCTURAL_TAGS and tag not in (EXIF_IFD, GPS_IFD):
            block[tag] = value
    for tag in (EXIF_IFD, GPS_IFD):
        if tag in source:
            block[tag] = _directory(source, tag)
    try:
        return block.tobytes().removeprefix(EXIF_PREFIX) if block else None
    except Exception as error:  # Pillow fails in many ways on odd tags; a picture is worth more than its tags
        log.debug("EXIF of a TIFF file left out: %s", error)
        return None


def exif_tags_for_tiff(exif: bytes) -> dict[int, Any]:
    """Return an EXIF block's tags as a TIFF file holds them; Any: numbers, text, and a dict for EXIF and GPS."""
    block = Image.Exif()
    try:
        with libraries_quiet:
            block.load(exif)
            tags = {tag: value for tag, value in block.items() if tag not in STRUCTURAL_TAGS}
            tags |= {tag: _directory(block, tag) for tag in (EXIF_IFD, GPS_IFD) if tag in block}
            return {tag: value for tag, value in tags.items() if _can_be_written(tag, value)}
    except Exception as error:  # as above
        log.debug("EXIF left out of a TIFF file: %s", error)
        return {}


def _can_be_written(tag: int, value: Any) -> bool:  # Any: as above
    """Say whether Pillow writes a tag: damaged ones may have values that do not fit their types."""
    directory = ImageFileDirectory_v2()
    try:
        directory[tag] = value
        return bool(directory.tobytes(8))
    except Exception as error:  # as above
        log.debug("EXIF tag %d left out of a TIFF file: %s", tag, error)
        return False


def _directory(block: Image.Exif, tag: int) -> dict[int, Any]:
    return {key: value for key, value in block.get_ifd(tag).items() if key != INTEROPERABILITY_IFD}


def png_with_metadata(data: bytes, picture: Picture) -> bytes:
    """Put a picture's metadata into a PNG file, behind its header chunk (PNG 3rd edition, 11.3)."""
    exif, xmp, icc, dpi = picture.exif, picture.xmp, picture.icc, picture.dpi
    chunks = b""
    if picture.hdr_codes:
        chunks += png_chunk(b"cICP", bytes([*picture.hdr_codes, 0, 1]))  # RGB, full range
    if icc:
        chunks += png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if dpi:
        per_metre = [round(value / 0.0254) for value in dpi]
        chunks += png_chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if exif:
        chunks += png_chunk(b"eXIf", exif)
    if xmp:
        chunks += png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    for keyword, text in picture.texts:
        chunks += png_chunk(
            b"iTXt", keyword.encode("latin-1", "replace")[:79] + bytes(5) + text.encode("utf-8", "replace")
        )
    header_end = 8 + 25  # signature, IHDR
    return data[:header_end] + chunks + data[header_end:]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk: length, kind, body, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
