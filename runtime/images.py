"""One picture file in, one out: the door to reading, encoding and writing pictures."""

from __future__ import annotations

from .files import write_atomically
from .pictures.encoder import encode_animation, encode_picture, losses
from .pictures.formats import (
    ANIMATED_FORMATS,
    REQUESTABLE,
    SUFFIXES,
    FileFormat,
    format_of_suffix,
    output_format,
    output_suffix,
)
from .pictures.picture import Animation, Picture
from .pictures.reader import DEFAULT_MAX_PIXELS, picture_size_hw, read_first_picture, read_picture
from .pictures.thumbnail import Thumbnail, read_thumbnail

__all__ = [
    "ANIMATED_FORMATS",
    "DEFAULT_MAX_PIXELS",
    "REQUESTABLE",
    "SUFFIXES",
    "Animation",
    "FileFormat",
    "Picture",
    "Thumbnail",
    "encode_animation",
    "encode_picture",
    "format_of_suffix",
    "losses",
    "output_format",
    "output_suffix",
    "picture_size_hw",
    "read_first_picture",
    "read_picture",
    "read_thumbnail",
    "write_atomically",
]
