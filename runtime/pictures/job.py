"""Translate one picture file: read, resize, translate, look, encode, write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.blend import keep_colors, mix, resized_like
from cgconv.runtime.brush import bring_back, check_brush, shrink, working_hw
from cgconv.runtime.errors import Cancelled, PictureError, UsageError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.mask import ALPHA, MaskOptions, seen_through
from cgconv.runtime.models.card import ModelCard
from cgconv.runtime.models.familiar import unfamiliar
from cgconv.runtime.opencv import cv2
from cgconv.runtime.steady import MotionFinder, Steadier, check_steady

from .encoder import check_fits, encode_animation, encode_picture, losses, title
from .formats import ANIMATED_FORMATS, REQUESTABLE, FileFormat, format_of_suffix, output_format, written_bits
from .light import relit, resized_light
from .picture import Animation, Picture, Pixels
from .reader import DEFAULT_MAX_PIXELS, read_first_picture, read_picture

Batch = NDArray[Any]  # Any: uint8, or float32 in [0, 1]; N×H×W×3

SAME_PROPORTIONS = 0.02
FRAMES_PIXELS = 2_000_000  # frames of an animation go to the translator together up to about this many pixels


class TranslatesImages(Protocol):
    """What is needed of a translator."""

    def translate(self, batch: Batch) -> Batch:
        """Translate N×H×W×3 RGB, uint8 or float32 in [0, 1]; the result may be a whole number of times larger."""


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """What is wanted of the results.

    `file_format` same, png, jpg, webp, tiff or avif; it decides where the target's name does not. `quality` 1 to 100,
    None for each format's own. `resize_short_side` in pixels, None to keep the size. `strength` 0 (the original) to 1.
    `brush` 1 to 8 translates at so much less than the size, None as the model's card says; `detail` 0 to 1 is how much
    of the translation's own texture is kept then (brush.py).
    `frames_per_second` is written into OpenEXR files.
    `mask` says where the translation is seen (mask.py), everywhere without one.
    `steady` 0 (off) to 1 holds the strokes of animations still from frame to frame (steady.py).
    `max_pixels` bounds height × width (× frames) of what is read and of what it is resized to. `allow_hdr`: PQ and HLG.
    `frames_at_once` bounds how many frames of an animation are translated together.
    """

    file_format: str = "same"
    quality: int | None = None
    resize_short_side: int | None = None
    strength: float = 1.0
    keep_colors: bool = False
    brush: float | None = None
    detail: float = 1.0
    mask: MaskOptions | None = None
    steady: float = 0.0
    frames_per_second: Fraction | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    allow_hdr: bool = False
    frames_at_once: int = 4

    def __post_init__(self) -> None:
        if self.file_format not in REQUESTABLE:
            raise UsageError(f"--format: found {self.file_format}, expected one of {', '.join(REQUESTABLE)}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"--quality: found {self.quality}, expected 1 to 100")
        if self.resize_short_side is not None and self.resize_short_side < 1:
            raise UsageError(f"--resize: found {self.resize_short_side}, expected at least 1 pixel")
        if not 0 <= self.strength <= 1:
            raise UsageError(f"--strength: found {self.strength}, expected 0 to 1")
        check_brush(self.brush, self.detail)
        check_steady(self.steady)
        if self.max_pixels < 1:
            raise UsageError(f"--max-pixels: found {self.max_pixels}, expected at least 1")
        if self.frames_at_once < 1:
            raise UsageError(f"frames_at_once: found {self.frames_at_once}, expected at least 1")


def translate_picture_file(
    source: Path,
    target: Path,
    translator: TranslatesImages,
    options: PictureOptions | None = None,
    *,
    card: ModelCard | None = None,
    cancel: threading.Event | None = None,
    write: Callable[[Path, bytes], None] = write_atomically,
) -> dict[str, Any]:  # Any: JSON values
    """Translate the picture or animation in `source` and put the result at `target`; return facts about it.

    The target's suffix decides the format, or `options.file_format` where it is not a picture's. The facts:
    `stage_seconds` (read, translate, write), `size_in`, `size_out` and `working_size` (in which it was translated) as
    [width, height], `frames`, `format_in`,
    `format_out`, `bits` a channel, `warnings` (sentences: what is lost, and with the model's `card`, that the picture
    is unlike those it learned from). Nothing is written where this raises: PictureError,
    OutputError, Cancelled once `cancel` is set, and what the translator raises. `write` puts the file in its place.
    """
    options = options or PictureOptions()
    started = time.perf_counter()
    content = read_picture(source, max_pixels=options.max_pixels, allow_hdr=options.allow_hdr)
    file_format = format_of_suffix(target) or output_format(content.file_format, options.file_format)
    frames, warnings = _frames_to_keep(content, file_format)
    frames_out: list[Picture] = []
    if card is not None and (sentence := unfamiliar(frames[0].with_8_bits().pixels, card)) is not None:
        warnings.append(sentence)
    drawn = None if options.mask is None else _drawn_mask(options.mask, source, frames[0], warnings)
    read_s = time.perf_counter() - started

    started = time.perf_counter()
    size_in = frames[0].size_hw
    size_out = resized_hw(size_in, options.resize_short_side)
    if size_out[0] * size_out[1] * len(frames) > options.max_pixels:
        raise PictureError(
            f"{source} would have {size_out[1]}×{size_out[0]} pixels after --resize {options.resize_short_side},"
            f" more than the limit of {options.max_pixels:,}; raise it with --max-pixels or resize to less"
        )
    check_fits(size_out, file_format)
    worked_hw = working_hw(size_out, card, options.brush)
    at_once = max(1, min(options.frames_at_once, FRAMES_PIXELS // (size_out[0] * size_out[1])))
    hold = _Holding(options.steady) if options.steady and len(frames) > 1 else None
    for start in range(0, len(frames), at_once):
        _stop_if(cancel, source)
        group = [resize_picture(frame, size_out) for frame in frames[start : start + at_once]]
        frames_out += translate_pictures(
            group,
            translator,
            strength=options.strength,
            colors=options.keep_colors,
            size_hw=worked_hw,
            detail=options.detail,
            hold=hold,
            mask=options.mask,
            drawn=drawn,
        )
    translate_s = time.perf_counter() - started

    _stop_if(cancel, source)
    started = time.perf_counter()
    warnings += losses(frames_out[0], file_format, quality=options.quality)
    if len(frames_out) > 1:
        animation = replace(cast(Animation, content), frames=frames_out)
        data = encode_animation(animation, file_format=file_format, quality=options.quality)
    else:
        rate = options.frames_per_second
        data = encode_picture(frames_out[0], file_format=file_format, quality=options.quality, frames_per_second=rate)
    write(target, data)
    height, width = frames_out[0].size_hw
    return {
        "stage_seconds": {"read": read_s, "translate": translate_s, "write": time.perf_counter() - started},
        "size_in": [size_in[1], size_in[0]],
        "size_out": [width, height],
        "working_size": [worked_hw[1], worked_hw[0]],
        "frames": len(frames_out),
        "format_in": str(content.file_format),
        "format_out": str(file_format),
        "bits": written_bits(frames_out[0].bits, file_format) if len(frames_out) == 1 else 8,
        "warnings": warnings,
    }


def translate_pictures(
    pictures: list[Picture],
    translator: TranslatesImages,
    *,
    strength: float,
    colors: bool,
    size_hw: tuple[int, int] | None = None,
    detail: float = 1.0,
    hold: _Holding | None = None,
    mask: MaskOptions | None = None,
    drawn: Pixels | None = None,
) -> list[Picture]:
    """Return the pictures translated together, their metadata, and their alpha at the result's size.

    All have one size and dtype. 16 bits a channel travel as float32. A gray picture stays gray if its result is.
    They are translated in `size_hw` where that is less than theirs, and brought back (brush.py). A mask is `drawn`
    (H×W or H×W×3, of any size), or each picture's alpha.
    `hold` holds the strokes of an animation's frames still, which come in their order.
    """
    batch = _batch(pictures)
    if size_hw is None or size_hw == pictures[0].size_hw:
        translated = translator.translate(batch)
        translated = translated if hold is None else hold(batch, translated)
    else:
        small = _batch([_small(picture, size_hw) for picture in pictures])
        made = translator.translate(small)
        made = made if hold is None else hold(small, made)
        translated = np.stack([bring_back(*images, detail=detail) for images in zip(batch, small, made, strict=True)])
    if colors:
        translated = keep_colors(batch, translated)
    translated = mix(batch, translated, strength)
    if mask is not None:
        originals = resized_like(batch, translated)
        shape = (translated.shape[1], translated.shape[2])
        grays = [picture.alpha if drawn is None else drawn for picture in pictures]
        masks = [mask.prepared(gray, shape) for gray in grays if gray is not None]
        translated = np.stack([seen_through(*three) for three in zip(originals, translated, masks, strict=True)])
    if pictures[0].is_deep:
        translated = np.rint(np.clip(translated, 0, 1) * np.float32(65535)).astype(np.uint16)
    return [
        replace(
            picture,
            pixels=pixels,
            alpha=None if picture.alpha is None else _resized_alpha(picture.alpha, (pixels.shape[0], pixels.shape[1])),
            is_gray=picture.is_gray and _channels_are_equal(pixels),
            light=relit(picture, pixels),
        )
        for picture, pixels in zip(pictures, translated, strict=True)
    ]


def _drawn_mask(mask: MaskOptions, source: Path, picture: Picture, warnings: list[str]) -> Pixels | None:
    """Return the mask that a file holds, None where the picture's alpha is to be it."""
    if mask.source == ALPHA:
        if picture.alpha is None:
            raise PictureError(f"{source} has no transparency that could be its mask (--mask alpha)")
        return None
    drawn, stretched = read_mask(mask.file_for(source), picture.size_hw)
    warnings += stretched
    return drawn


def read_mask(path: Path, size_hw: tuple[int, int]) -> tuple[Pixels, list[str]]:
    """Return the mask in a picture file, clear parts black, and sentences where it does not fit what it is for."""
    picture = read_first_picture(path)
    drawn = picture.pixels
    if picture.alpha is not None:
        drawn = (drawn * (picture.alpha[..., None] / np.float32(np.iinfo(drawn.dtype).max))).astype(drawn.dtype)
    height, width = picture.size_hw
    off = abs(height * size_hw[1] / (width * size_hw[0]) - 1)
    if off <= SAME_PROPORTIONS:
        return drawn, []
    return drawn, [f"the mask {path.name} ({width}×{height}) has other proportions, and is stretched to fit"]


class _Holding:
    """Holds the frames of one animation still."""

    def __init__(self, steady: float) -> None:
        self._motions, self._steadier = MotionFinder(), Steadier(steady)

    def __call__(self, batch: Batch, translated: Batch) -> Batch:
        """Return the translations of the next frames."""
        held = [
            self._steadier.steady(made, self._motions.find(image))
            for image, made in zip(batch, translated, strict=True)
        ]
        return np.stack(held)


def _batch(pictures: list[Picture]) -> Batch:
    """Return the pictures as a translator takes them; a large one is not copied."""
    images = [picture.pixels for picture in pictures]
    batch = images[0][None] if len(images) == 1 else np.stack(images)  # N×H×W×3
    return batch.astype(np.float32) / np.float32(65535) if pictures[0].is_deep else batch


def _small(picture: Picture, size_hw: tuple[int, int]) -> Picture:
    """Return the picture to translate; colors under clear pixels are not to bleed into what is seen."""
    if picture.alpha is not None:
        return resize_picture(picture, size_hw)
    return replace(picture, pixels=shrink(picture.pixels, size_hw))


def resized_hw(size_hw: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    """Return the size with its short side brought to `short_side`, in the same proportions."""
    if short_side is None:
        return size_hw
    height, width = size_hw
    if height <= width:
        return short_side, max(1, round(width * short_side / height))
    return max(1, round(height * short_side / width)), short_side


def resize_picture(picture: Picture, size_hw: tuple[int, int]) -> Picture:
    """Return the picture in another size. Colors under clear pixels do not bleed into what is seen."""
    if picture.size_hw == size_hw:
        return picture
    plain = _resized(picture.pixels, size_hw)
    picture = replace(picture, light=resized_light(picture.light, plain))
    if picture.alpha is None:
        return replace(picture, pixels=plain)
    alpha = _resized_alpha(picture.alpha, size_hw)
    whole = np.iinfo(picture.alpha.dtype).max
    weight = picture.alpha.astype(np.float32)[:, :, None] / whole
    weighted = _resized(picture.pixels * weight, size_hw)
    weights = _resized(weight[:, :, 0], size_hw)[:, :, None]
    seen = weights > 1e-3
    colors = np.clip(weighted / np.where(seen, weights, 1), 0, np.iinfo(plain.dtype).max)
    pixels = np.where(seen, np.rint(colors).astype(plain.dtype), plain)
    return replace(picture, pixels=pixels, alpha=alpha)


def _resized_alpha(alpha: Pixels, size_hw: tuple[int, int]) -> Pixels:
    return _resized(alpha, size_hw, enlarging=cv2.INTER_LINEAR)  # sharper curves would ring around every edge


def _resized(samples: Pixels, size_hw: tuple[int, int], *, enlarging: int = cv2.INTER_LANCZOS4) -> Pixels:
    """Shrink by areas, enlarge by curves."""
    height, width = size_hw
    if samples.shape[:2] == (height, width):
        return samples
    smaller = height * width < samples.shape[0] * samples.shape[1]
    how = cv2.INTER_AREA if smaller else enlarging
    return cast(Pixels, cv2.resize(samples, (width, height), interpolation=how))


def _frames_to_keep(content: Picture | Animation, file_format: FileFormat) -> tuple[list[Picture], list[str]]:
    """Return the frames that the format can hold and sentences about what is lost by it, and by reading."""
    if isinstance(content, Picture):
        return [content], list(content.notes)
    notes = list(content.frames[0].notes)
    if file_format in ANIMATED_FORMATS:
        return content.frames, notes
    return content.frames[:1], [
        *notes,
        f"only the first of {len(content.frames)} frames is kept, because {title(file_format)} holds no animation",
    ]


def _channels_are_equal(pixels: Pixels) -> bool:
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    return np.array_equal(red, green) and np.array_equal(red, blue)


def _stop_if(cancel: threading.Event | None, source: Path) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled(f"stopped while {source} was being translated")
