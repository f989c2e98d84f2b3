"""One picture file in, one out: the door to reading, encoding and writing pictures."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

# OpenCV refuses pictures larger than this says when it is imported. Ours is max_pixels, checked before OpenCV is asked.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(2**40)

from .errors import OutputError, UsageError
from .picture import ANIMATED_FORMATS, Animation, FileFormat, Picture
from .picture_encoder import encode_animation, encode_picture, losses
from .picture_reader import DEFAULT_MAX_PIXELS, picture_size_hw, read_picture

__all__ = [
    "ANIMATED_FORMATS",
    "DEFAULT_MAX_PIXELS",
    "REQUESTABLE",
    "SUFFIXES",
    "Animation",
    "FileFormat",
    "Picture",
    "encode_animation",
    "encode_picture",
    "format_of_suffix",
    "losses",
    "output_format",
    "output_suffix",
    "picture_size_hw",
    "read_picture",
    "write_atomically",
]

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
}
REQUESTABLE = ("same", "png", "jpg", "webp", "tiff", "avif")


def format_of_suffix(path: Path) -> FileFormat | None:
    """Return the format that a file's name promises, or None."""
    return SUFFIXES.get(path.suffix.lower())


def output_format(source_format: str, requested: str = "same") -> FileFormat:
    """Return the format of a result: the requested one, or the source's; a HEIC file becomes a JPEG.

    An animation asked for as png, webp or avif stays one; asked for as jpg or tiff, its first frame is kept.
    """
    if requested not in REQUESTABLE:
        raise UsageError(f"--format is {requested}, but can be one of {', '.join(REQUESTABLE)}")
    if requested != "same":
        return FileFormat(requested)
    source = FileFormat(source_format)
    return FileFormat.JPG if source is FileFormat.HEIC else source


def output_suffix(source: Path, requested: str = "same") -> str:
    """Return the suffix of a result's name: the source's own, as it is spelled, where the format stays.

    Raises UsageError where the source's suffix is not a picture's.
    """
    source_format = format_of_suffix(source)
    if source_format is None:
        raise UsageError(f"{source} does not have the name of a picture")
    wanted = output_format(source_format, requested)
    return source.suffix if wanted is source_format else f".{wanted}"


def write_atomically(path: Path, data: bytes) -> None:
    """Put a file in its place whole or not at all; folders are made, an older file is replaced. Raises OutputError."""
    partial = path.parent / f".cgconv-{secrets.token_hex(8)}.part"  # short: `path` may be as long as names can be
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
