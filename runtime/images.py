"""One picture file in, one out: the door to reading, encoding and writing pictures."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

# OpenCV refuses pictures larger than this says when it is imported. Ours is max_pixels, checked before OpenCV is asked.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(2**40)

from .errors import OutputError
from .picture import Animation, Picture
from .picture_encoder import encode_animation, encode_picture, losses
from .picture_formats import (
    ANIMATED_FORMATS,
    REQUESTABLE,
    SUFFIXES,
    FileFormat,
    format_of_suffix,
    output_format,
    output_suffix,
)
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
