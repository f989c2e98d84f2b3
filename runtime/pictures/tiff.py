"""Say which page of a TIFF file is its picture and what its samples mean; read what Pillow and OpenCV do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cgconv.runtime.errors import PictureError
from cgconv.runtime.events import counted

from .picture import Pixels

SUBFILE, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = (
    254,
    258,
    259,
    262,
    277,
    284,
    338,
    339,
)
ORIENTATION, SUB_DIRECTORIES, IPTC, ICC, DNG_VERSION = 274, 330, 33723, 34675, 50706
REDUCED, MASK = 1, 4  # bits of SUBFILE
MIN_IS_WHITE = 0
PREMULTIPLIED, ALPHA = 1, 2  # of EXTRA_SAMPLES; 0 says only that a sample is there
COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}  # PHOTOMETRIC → samples
MOST_PAGES = 1000  # that are looked at for the picture

Tags = Mapping[int, Any]  # Any: as TIFF's values are


def is_tiff(file: BinaryIO) -> bool:
    """Whether a file begins as TIFF or BigTIFF files do."""
    file.seek(0)
    return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def seek_to_picture(path: Path, image: Image.Image) -> None:
    """Go to the first page that is no thumbnail and no mask; where all are called thumbnails, to the largest.

    Raises PictureError for a camera's raw file, which holds only a preview that can be seen.
    """
    reduced: dict[int, int] = {}  # page → pixels
    for page in range(MOST_PAGES):  # their number is not asked for: that would read all of them
        try:
            image.seek(page)
        except EOFError:
            break
        tags: Tags = image.tag_v2  # type: ignore[attr-defined]  # a TIFF file's
        kind = _number(tags, SUBFILE, 0)
        if DNG_VERSION in tags or (kind & REDUCED and SUB_DIRECTORIES in tags):  # where raw files have their pixels
            reduced.clear()
            break
        if not kind & (REDUCED | MASK):
            return
        if not kind & MASK:
            reduced[page] = image.width * image.height
    if len(reduced) < 2:
        raise PictureError(f"{path} is a camera's raw file; convert it to TIFF or JPEG first")
    image.seek(max(reduced, key=reduced.__getitem__))


def note_on_pages(image: Image.Image) -> tuple[str, ...]:
    """Return a sentence where pages follow the one that is read. Those before it are thumbnails and masks."""
    pages, read = getattr(image, "n_frames", 1), image.tell() + 1
    if read == 1:
        return (f"only the first of {pages} pages is read",) if pages > 1 else ()
    return (f"only page {read} of {pages} is read",) if pages > read else ()


def check_layout(path: Path, tags: Tags, mode: str) -> tuple[str, ...]:
    """Refuse samples without a known white; return sentences about channels and bits that are left out.

    `mode` is Pillow's, empty where Pillow does not know the layout.
    """
    bits, formats = _numbers(tags, BITS, 1), _numbers(tags, SAMPLE_FORMAT, 1)
    photometric = _number(tags, PHOTOMETRIC, 1)
    if 3 in formats:
        raise PictureError(f"{path} has floating-point samples of unknown range; save it with 8 or 16 bits per channel")
    if 2 in formats:
        raise PictureError(f"{path} has signed samples; save it with 8 or 16 unsigned bits per channel")
    if max(bits) > 64:
        raise PictureError(f"{path} is damaged: it says that its samples have {max(bits)} bits")
    if max(bits) > 16:
        raise PictureError(
            f"{path} has {max(bits)}-bit samples of unknown range; save it with 8 or 16 bits per channel"
        )
    if not mode or (photometric > 5 and max(bits) > 8):
        names = {6: "YCbCr ", 8: "Lab ", 9: "Lab ", 10: "Lab ", 32844: "LogLuv ", 32845: "LogLuv "}
        name = names.get(photometric, "")
        layout = f"{name}samples of {_each(bits)} bits in {counted(_count(tags), 'channel')}, kind {photometric}"
        raise PictureError(
            f"{path} has a layout that cgconv cannot read ({layout}); save it as RGB with 8 or 16 bits a channel"
        )
    notes = []
    extras = _numbers(tags, EXTRA_SAMPLES, ALPHA) if EXTRA_SAMPLES in tags else ()
    besides = (
        _count(tags) - COLORS.get(photometric, _count(tags)) - any(one in (PREMULTIPLIED, ALPHA) for one in extras)
    )
    if extras and besides == 1:
        notes.append(f"its {_ordinal(_count(tags))} channel, which is no transparency, is left out")
    elif extras and besides > 1:
        notes.append(f"{besides} channels that are neither color nor transparency are left out")
    if 16 in bits and (mode == "CMYK" or _number(tags, PLANAR, 1) != 1):
        notes.append("16 bits in separate planes are read as 8" if mode != "CMYK" else "16 bits of CMYK are read as 8")
    return tuple(notes)


def has_alpha(tags: Tags) -> bool:
    """Whether the sample behind the colors is transparency; where nothing is said, programs take it for that."""
    return EXTRA_SAMPLES not in tags or bool({PREMULTIPLIED, ALPHA} & set(_numbers(tags, EXTRA_SAMPLES, 0)))


def first_tags(file: BinaryIO) -> ImageFileDirectory_v2:
    """Return the first page's tags of a file that Pillow may not open."""
    file.seek(0)
    head = file.read(8)
    if head[2:4] in (b"+\0", b"\0+"):
        head += file.read(8)
    directory = ImageFileDirectory_v2(head)
    file.seek(directory.next)
    directory.load(file)
    return directory


def is_whole(tags: Tags) -> bool:
    """Whether a page has the tags that say what its pixels are and where."""
    return {256, 257, BITS, PHOTOMETRIC} <= set(tags) and (273 in tags or 324 in tags)


def is_deep_gray_with_alpha(tags: Tags) -> bool:
    """Whether a page is gray with one more sample, of 16 bits each: Pillow does not know that, and OpenCV cuts it."""
    is_gray = _number(tags, PHOTOMETRIC, 1) in (0, 1)
    return is_gray and _numbers(tags, BITS, 1) == (16, 16) and _numbers(tags, SAMPLE_FORMAT, 1) in ((1,), (1, 1))


def read_deep_gray_with_alpha(path: Path, file: BinaryIO, tags: Tags) -> tuple[Pixels, Pixels]:
    """Return gray and alpha, uint16 H×W, by FFmpeg. Raises PictureError where the file is cut off."""
    size = file.seek(0, 2)
    for offsets, lengths in ((273, 279), (324, 325)):
        ends = zip(_numbers(tags, offsets, 0), _numbers(tags, lengths, 0), strict=False)
        if any(offset + length > size for offset, length in ends):
            raise PictureError(f"{path} is damaged or cut off: it ends before its pixels do")
    file.seek(0)
    with av.open(file, mode="r", format="tiff_pipe") as container:
        frame = next(container.decode(video=0))
    if frame.format.name not in ("ya16le", "ya16be"):
        raise PictureError(f"{path} has 16 bits of gray and alpha in a layout that cannot be read")
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8)[: frame.height * plane.line_size].reshape(frame.height, -1)
    samples = lines[:, : 4 * frame.width].copy().view("<u2" if frame.format.name == "ya16le" else ">u2")
    samples = samples.astype(np.uint16).reshape(frame.height, frame.width, 2)
    gray = samples[:, :, 0] if _number(tags, PHOTOMETRIC, 1) != MIN_IS_WHITE else 65535 - samples[:, :, 0]
    return gray, samples[:, :, 1]


def size_hw(tags: Tags) -> tuple[int, int]:
    """Return a page's height and width as they are stored."""
    return _number(tags, 257, 0), _number(tags, 256, 0)


def orientation(tags: Tags) -> int:
    """Return a page's orientation, 1 to 8."""
    value = _number(tags, ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def caption_data(directory: ImageFileDirectory_v2) -> bytes | None:
    """Return IPTC records, raw, as Pillow's own reader takes them: many programs call them numbers of 4 bytes."""
    data = directory._tagdata.get(IPTC, b"").rstrip(b"\0")
    return data or None


def _number(tags: Tags, tag: int, default: int) -> int:
    return _numbers(tags, tag, default)[0]


def _numbers(tags: Tags, tag: int, default: int) -> tuple[int, ...]:
    value = tags.get(tag, default)
    return tuple(int(one) for one in (value if isinstance(value, tuple) else (value,))) or (default,)


def _count(tags: Tags) -> int:
    return _number(tags, SAMPLES, len(_numbers(tags, BITS, 1)))


def _each(bits: tuple[int, ...]) -> str:
    return str(bits[0]) if len(set(bits)) == 1 else ", ".join(map(str, bits))


def _ordinal(number: int) -> str:
    return {2: "second", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")
