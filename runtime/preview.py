"""Show what a file is and what a model makes of it: thumbnails, previews before and after, a film's short loop."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .brush import bring_back, shrink, working_hw
from .errors import CgconvError
from .films.reader import FilmInfo, FilmReader
from .find import Kind
from .folders import cache_folder
from .images import Picture, picture_size_hw, read_first_picture
from .opencv import cv2
from .pictures.job import resize_picture, resized_hw
from .translate.shared_translator import Translates

Image = NDArray[np.uint8]  # H×W×3 RGB

DRAFT_EDGE_PX = 512
LARGEST_PIXELS = 16_000_000  # of a preview; larger pictures are shown smaller
_DRAFT_JPEG_PIXELS = 40_000_000  # pictures up to this size are decoded for a thumbnail


@dataclass(frozen=True)
class Examined:
    """What a file is: displayed size in pixels, a film's length and frames."""

    size_hw: tuple[int, int]
    seconds: float | None
    frames: int | None
    thumbnail: Path


def examine(path: Path, kind: Kind, *, edge_px: int) -> Examined:
    """Return what a file is, with a thumbnail in the cache (made where there is none yet).

    Raises:
        PictureError, FilmError: it cannot be read. OutputError: the cache cannot be written.
    """
    stat = path.stat()
    named = f"{path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}|{edge_px}"
    thumbnail = cache_folder() / "thumbnails" / f"{hashlib.sha256(os.fsencode(named)).hexdigest()[:32]}.jpg"
    if kind is Kind.PICTURE:
        size_hw = picture_size_hw(path)
        if not thumbnail.exists():
            write_image(thumbnail, shrunk(_small_picture(path, edge_px), edge_px))
        return Examined(size_hw, None, None, thumbnail)
    with FilmReader(path, allow_hdr=True) as reader:
        if not thumbnail.exists():
            write_image(thumbnail, shrunk(_frame_at(reader, 0.1 * (reader.info.seconds or 0)), edge_px))
        return Examined(reader.info.displayed_hw, reader.info.seconds, reader.info.frames, thumbnail)


def picture_for_preview(path: Path, *, short_side: int | None) -> Picture:
    """Return a picture as it will be translated: upright, resized as asked for; in 8 bits, which is enough to see."""
    picture = read_first_picture(path, allow_hdr=True).with_8_bits()
    return resize_picture(picture, resized_hw(picture.size_hw, short_side))


def frame_for_preview(path: Path, time_s: float, *, short_side: int | None) -> Picture:
    """Return the film's frame at `time_s`, resized as asked for."""
    with FilmReader(path, allow_hdr=True) as reader:
        return Picture(resized(_frame_at(reader, time_s), short_side))


def shrunk_picture(picture: Picture, edge_px: int) -> Picture:
    """Return the picture with its longer side at most `edge_px`."""
    longest = max(picture.size_hw)
    if longest <= edge_px:
        return picture
    height, width = (max(1, round(edge * edge_px / longest)) for edge in picture.size_hw)
    return resize_picture(picture, (height, width))


def with_transparency_of(picture: Picture, translated: Image) -> NDArray[np.uint8]:
    """Return a translation H×W×3, or H×W×4 where the picture is transparent: its result is, too."""
    if picture.alpha is None:
        return translated
    height, width = translated.shape[:2]
    alpha = cv2.resize(picture.alpha, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.dstack([translated, alpha])


def loop_frames(
    path: Path, *, start_s: float, seconds: float, per_second: float, short_side: int
) -> Iterator[tuple[float, Image]]:
    """Yield images of a film from `start_s` on, at most `per_second` a second, each with its time in the film."""
    with FilmReader(path, start_s=start_s, end_s=start_s + seconds, allow_hdr=True) as reader:
        due, step = Fraction(start_s), Fraction(1) / Fraction(per_second)
        for frame in reader.frames():
            time = frame.pts * reader.info.time_base - reader.info.first_time_s
            if time >= due:
                due = max(due + step, time)
                yield float(time), resized(_as_uint8(frame.image), min(short_side, *frame.image.shape[:2]))


def translated_for_preview(
    original: Image, translator: Translates, *, brush: float | None = None, detail: float = 1.0
) -> Image:
    """Return what the translator makes of an image.

    `brush` and `detail` are those of brush.py.
    """
    small = shrink(original, working_hw((original.shape[0], original.shape[1]), translator.card, brush))
    translated = translator.translate(small[None])[0]
    if small is not original:
        translated = bring_back(original, small, translated, detail=detail)
    return np.asarray(translated)


def shrunk(image: Image, edge_px: int) -> Image:
    """Return the image with its longer side at most `edge_px`."""
    height, width = image.shape[:2]
    if max(height, width) <= edge_px:
        return image
    scale = edge_px / max(height, width)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA))


def resized(image: Image, short_side: int | None) -> Image:
    """Return the image with its shorter side at `short_side` pixels; None keeps it."""
    height, width = resized_hw((image.shape[0], image.shape[1]), short_side)
    if (height, width) == image.shape[:2]:
        return image
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(image, (width, height), interpolation=how))


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image (RGB or RGBA) for the window; the suffix decides the format.

    That is .jpg for what is kept, .bmp for what is fast, .png for what is transparent.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    quick = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix == ".png" else []
    done, data = cv2.imencode(path.suffix, stored, quick)
    if not done:
        raise CgconvError(f"{path}: the preview cannot be written")
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(data.tobytes())
    partial.replace(path)


def _small_picture(path: Path, edge_px: int) -> Image:
    """Return a picture at some size over `edge_px`: a JPEG is decoded at an eighth where that is enough."""
    from PIL import Image as PillowImage

    try:
        with PillowImage.open(path) as opened:
            if opened.format in ("JPEG", "MPO"):
                from PIL import ImageOps

                opened.draft("RGB", (edge_px * 2, edge_px * 2))
                return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    except Exception:  # what Pillow cannot do here, the real reader says in words or does
        pass
    height, width = picture_size_hw(path)
    if height * width > _DRAFT_JPEG_PIXELS:
        raise CgconvError("too large for a thumbnail", path=path)
    return read_first_picture(path, allow_hdr=True).as_seen()


def _as_uint8(image: NDArray[Any]) -> Image:  # Any: uint8, or float32 in [0, 1]
    return image if image.dtype == np.uint8 else np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _frame_at(reader: FilmReader, time_s: float) -> Image:
    """Return the first frame at or after `time_s`, or one of the last second where the film ends before."""
    image = _first_frame(reader, time_s)
    if image is None and time_s > 0:  # its header promised more: the stretch in which it ends is halved again and again
        shown_s, ended_s = 0.0, time_s
        image = _first_frame(reader, shown_s)
        while image is not None and ended_s - shown_s > 1:
            middle_s = (shown_s + ended_s) / 2
            found = _first_frame(reader, middle_s)
            if found is None:
                ended_s = middle_s
            else:
                shown_s, image = middle_s, found
    if image is None:
        raise CgconvError("no frame can be shown", path=reader.path)
    return _as_uint8(image)


def _first_frame(reader: FilmReader, time_s: float) -> NDArray[Any] | None:  # Any: uint8 or float32
    """Return the first frame at or after `time_s`, None where there is none."""
    info: FilmInfo = reader.info
    after = int((Fraction(time_s) + info.first_time_s) / info.time_base) - 1 if time_s > 0 else None
    return next((frame.image for frame in reader.frames(after_pts=after)), None)
