"""Name the formats of picture files, and choose a result's. Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from cgconv.runtime.choices import PictureFormat
from cgconv.runtime.errors import UsageError


class FileFormat(StrEnum):
    """The formats that are read. All but HEIC and DPX are written, too."""

    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"
    TIFF = "tiff"
    AVIF = "avif"
    GIF = "gif"
    BMP = "bmp"
    JP2 = "jp2"
    HEIC = "heic"
    EXR = "exr"
    DPX = "dpx"


ANIMATED_FORMATS = frozenset({FileFormat.GIF, FileFormat.WEBP, FileFormat.PNG, FileFormat.AVIF})
DEEP_FORMATS = frozenset({FileFormat.PNG, FileFormat.TIFF, FileFormat.JP2, FileFormat.EXR})  # written with 16 bits


def written_bits(bits: int, file_format: str) -> int:
    """Return with how many bits a channel a format is written, of a picture that has `bits`."""
    if bits <= 8:
        return 8
    if file_format == FileFormat.AVIF:
        return 12 if bits == 12 else 10  # 12 are for few viewers
    return 16 if file_format in DEEP_FORMATS else 8


SUFFIXES = {
    ".png": FileFormat.PNG,
    ".apng": FileFormat.PNG,
    ".jpg": FileFormat.JPG,
    ".jpeg": FileFormat.JPG,
    ".jpe": FileFormat.JPG,
    ".jfif": FileFormat.JPG,
    ".mpo": FileFormat.JPG,
    ".webp": FileFormat.WEBP,
    ".tif": FileFormat.TIFF,
    ".tiff": FileFormat.TIFF,
    ".avif": FileFormat.AVIF,
    ".avifs": FileFormat.AVIF,
    ".gif": FileFormat.GIF,
    ".bmp": FileFormat.BMP,
    ".dib": FileFormat.BMP,
    ".jp2": FileFormat.JP2,
    ".j2k": FileFormat.JP2,
    ".jpx": FileFormat.JP2,
    ".heic": FileFormat.HEIC,
    ".heif": FileFormat.HEIC,
    ".hif": FileFormat.HEIC,
    ".exr": FileFormat.EXR,
    ".dpx": FileFormat.DPX,
}
REQUESTABLE: tuple[str, ...] = tuple(PictureFormat)


def format_of_suffix(path: Path) -> FileFormat | None:
    """Return the format that a file's name promises, or None."""
    return SUFFIXES.get(path.suffix.lower())


def output_format(source_format: str, requested: str = "same") -> FileFormat:
    """Return the format of a result: the requested one, or the source's; a HEIC file becomes a JPEG.

    An animation asked for as png, webp or avif stays one; asked for as jpg or tiff, its first frame is kept.
    """
    if requested not in REQUESTABLE:
        raise UsageError(f"--format: found {requested}, expected one of {', '.join(REQUESTABLE)}")
    if requested != "same":
        return FileFormat(requested)
    source = FileFormat(source_format)
    return {FileFormat.HEIC: FileFormat.JPG, FileFormat.DPX: FileFormat.TIFF}.get(source, source)


def output_suffix(source: Path, requested: str = "same") -> str:
    """Return the suffix of a result's name: the source's own, as it is spelled, where the format stays.

    Raises UsageError where the source's suffix is not a picture's.
    """
    source_format = format_of_suffix(source)
    if source_format is None:
        raise UsageError(f"{source} does not have the name of a picture")
    wanted = output_format(source_format, requested)
    return source.suffix if wanted is source_format else f".{wanted}"
