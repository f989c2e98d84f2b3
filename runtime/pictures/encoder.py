"""Encode a picture or an animation as the bytes of a file.

Animations are put together here, frame by frame, because the encoders of Pillow and OpenCV join frames that look the
same, and a film of 31 frames must stay one of 31.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import GifImagePlugin, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cgconv.runtime.errors import OutputError
from cgconv.runtime.opencv import cv2

from .color_profile import HDR_NAMES
from .formats import ANIMATED_FORMATS, FileFormat, written_bits
from .light import encode_exr
from .metadata import EXIF_PREFIX, exif_tags_for_tiff, icc_color_space, png_chunk, png_with_metadata
from .picture import Animation, Picture, Pixels
from .quiet import libraries_quiet

DEFAULT_QUALITY = {FileFormat.JPG: 95, FileFormat.WEBP: 95, FileFormat.AVIF: 90}
FULL_CHROMA_QUALITY = 90  # from here on, colors keep the resolution of brightness
LONGEST_SIDE = {FileFormat.JPG: 65500, FileFormat.WEBP: 16383, FileFormat.GIF: 65535, FileFormat.AVIF: 65536}
JPG_BLOCK_BYTES = 65533
SMALLEST_DEEP_JP2 = 32  # OpenCV's encoder halves five times
GIF_COLORS = 256
SMALL_TEXTS = ("date:", "Software", "Creation Time")  # that programs write into every PNG file: not worth a sentence
TITLES = {FileFormat.JPG: "JPEG", FileFormat.WEBP: "WebP", FileFormat.JP2: "JPEG 2000"}


def encode_picture(
    picture: Picture, *, file_format: str, quality: int | None = None, frames_per_second: Fraction | None = None
) -> bytes:
    """Return the picture as a file's bytes.

    PNG, TIFF, BMP and JPEG 2000 are lossless, and WebP is where the source was and no `quality` (1 to 100) is given;
    GIF is where 256 colors are enough. What a format cannot hold is in `losses`. EXIF, XMP and ICC go where the format
    has a place for them; `frames_per_second` goes into OpenEXR alone. Raises OutputError where the format cannot hold
    the size.
    """
    kind = FileFormat(file_format)
    check_fits(picture.size_hw, kind)
    if written_bits(picture.bits, kind) == 8:
        picture = picture.with_8_bits()
    if kind is FileFormat.JPG and picture.alpha is not None:
        picture = replace(picture, pixels=picture.as_seen(), alpha=None)
    if kind is FileFormat.EXR:
        return encode_exr(picture, frames_per_second)
    picture = replace(picture, icc=_icc_for_output(picture))
    encoders = {
        FileFormat.PNG: _encode_png,
        FileFormat.JPG: _encode_jpg,
        FileFormat.WEBP: _encode_webp,
        FileFormat.TIFF: _encode_tiff,
        FileFormat.AVIF: _encode_avif,
        FileFormat.GIF: _encode_gif,
        FileFormat.BMP: _encode_bmp,
        FileFormat.JP2: _encode_jp2,
    }
    number = DEFAULT_QUALITY.get(kind, 100) if quality is None else quality
    with libraries_quiet:
        return encoders[kind](picture, number, quality is not None)


def encode_animation(animation: Animation, *, file_format: str, quality: int | None = None) -> bytes:
    """Return all frames with their times as a file's bytes: gif, webp, png or avif. Raises OutputError as above."""
    kind = FileFormat(file_format)
    if kind not in ANIMATED_FORMATS:
        raise OutputError(f"{title(kind)} cannot hold an animation; choose gif, webp, png or avif")
    check_fits(animation.frames[0].size_hw, kind)
    animation = replace(animation, frames=[frame.with_8_bits() for frame in animation.frames])
    number = DEFAULT_QUALITY.get(kind, 100) if quality is None else quality
    if kind is FileFormat.GIF:
        return _animated_gif(animation)
    if kind is FileFormat.WEBP:
        return _animated_webp(animation, number, quality is not None)
    if kind is FileFormat.PNG:
        return _animated_png(animation)
    return _animated_avif(animation, number)


def losses(picture: Picture, file_format: str, *, quality: int | None = None) -> list[str]:
    """Return a sentence for each thing that the format cannot hold of a picture."""
    kind = FileFormat(file_format)
    found = []
    if picture.alpha is not None and kind is FileFormat.JPG:
        found.append("JPEG has no transparency: the picture is put on white")
    bits = written_bits(picture.bits, kind)
    coarse = " with colors at half the resolution" if kind is FileFormat.AVIF and bits > 8 and quality != 100 else ""
    if bits < picture.bits:
        coarse = coarse and f" and{coarse}"
        found.append(f"{title(kind)} is written with {bits} bits a channel instead of {picture.bits}{coarse}")
    elif coarse:
        found.append(f"AVIF of {bits} bits a channel is written{coarse}")
    if kind is FileFormat.EXR and (picture.exif or picture.xmp or picture.iptc or picture.icc):
        found.append(
            "metadata and color profiles are not written to EXR; its colors are those of sRGB, in linear light"
        )
    elif picture.light is not None and kind is not FileFormat.EXR and float(picture.light.values.max()) > 1:
        found.append(f"values brighter than white are cut off, because {title(kind)} cannot hold them")
    if picture.hdr_codes:
        found.append(_loss_of_hdr(picture.hdr_codes[1], kind))
    if kind is FileFormat.JPG:
        for name, block in (("EXIF", picture.exif), ("XMP", picture.xmp), ("IPTC caption", picture.iptc)):
            if block and not _fits_jpg(block):
                found.append(f"the {name} data are larger than JPEG can hold and are left out")
    if picture.iptc and kind not in (FileFormat.JPG, FileFormat.TIFF):
        found.append(f"the IPTC caption data have no place in {title(kind)} and are left out")
    if kind is not FileFormat.PNG:
        kept = ("Comment",) if kind in (FileFormat.JPG, FileFormat.GIF) else ()
        lost = [word for word, _ in picture.texts if word not in kept and not word.startswith(SMALL_TEXTS)]
        if lost:
            words = ", ".join(lost[:5]) + (", …" if len(lost) > 5 else "")
            found.append(f"the text in the file ({words}) has no place in {title(kind)} and is left out")
    if picture.icc and _icc_for_output(picture) is None:
        found.append("the gray color profile does not fit a result in color and is left out")
    return found


def _loss_of_hdr(transfer: int, kind: FileFormat) -> str:
    name = HDR_NAMES.get(transfer, "HDR")
    if kind in (FileFormat.PNG, FileFormat.AVIF):
        return f"this is HDR ({name}), which no model knows: its colors come out dull"
    return f"{title(kind)} does not say that a picture is HDR ({name}): its colors come out dull"


def title(file_format: str) -> str:
    """Return a format's name as people write it."""
    kind = FileFormat(file_format)
    return TITLES.get(kind, kind.value.upper())


def check_fits(size_hw: tuple[int, int], file_format: str) -> None:
    """Raise OutputError where a format is not written at all or allows no side so long."""
    kind = FileFormat(file_format)
    height, width = size_hw
    if kind is FileFormat.DPX:
        raise OutputError("DPX cannot be written; choose exr, tiff or png")
    if kind is FileFormat.HEIC:
        raise OutputError("HEIC cannot be written; choose jpg, png, webp, tiff or avif")
    longest = LONGEST_SIDE.get(kind)
    if longest is not None and max(height, width) > longest:
        raise OutputError(f"{title(kind)} allows at most {longest} pixels per side, not {width}×{height}; choose png")


def _icc_for_output(picture: Picture) -> bytes | None:
    """Return the profile unless it is for gray and the picture is not."""
    if picture.icc and icc_color_space(picture.icc) == "GRAY" and not picture.is_gray:
        return None
    return picture.icc


def _as_one_channel(picture: Picture) -> bool:
    """Whether to write gray as gray; not beside an RGB profile, which decoders refuse on one channel."""
    return picture.is_gray and (picture.icc is None or icc_color_space(picture.icc) == "GRAY")


def _samples(picture: Picture, *, one_channel: bool) -> Pixels:
    """Return what is written: H×W×C with C = 1 to 4, gray or RGB, with alpha where there is some."""
    colors = picture.pixels[:, :, :1] if one_channel else picture.pixels
    return colors if picture.alpha is None else np.dstack([colors, picture.alpha])


def _pillow_image(picture: Picture, *, one_channel: bool) -> Image.Image:
    samples = np.ascontiguousarray(_samples(picture, one_channel=one_channel))
    return Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)


def _saved(image: Image.Image, name: str, **options: Any) -> bytes:  # Any: each format has its own
    buffer = io.BytesIO()
    try:
        image.save(buffer, name, **{key: value for key, value in options.items() if value is not None})
    except (OSError, ValueError) as error:
        raise OutputError(f"the picture cannot be written as {name}: {error}") from error
    return buffer.getvalue()


def _opencv_encoded(suffix: str, samples: Pixels, *options: int) -> bytes:
    """Encode H×W×(1, 3 or 4) with OpenCV, which wants BGR."""
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples.shape[2]]
    try:
        done, encoded = cv2.imencode(suffix, np.ascontiguousarray(samples[:, :, order]), list(options))
    except cv2.error as error:
        raise OutputError(f"the picture cannot be written as {suffix[1:]}: {error.err}") from error
    if not done:
        raise OutputError(f"the picture cannot be written as {suffix[1:]}")
    return encoded.tobytes()


# Filtered rows are packed by runs alone: half the time of zlib's level 4, and photographs and paintings come out 1 to
# 2 % smaller; graphics of flat areas 13 % larger. Trying all five filters for each row takes a third more time, for
# 0.4 % less of paintings and 2 % of photographs.
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH),
)


def _encode_png(picture: Picture, quality: int, asked: bool) -> bytes:
    return png_with_metadata(_plain_png(picture), picture)


def _plain_png(picture: Picture) -> bytes:
    one_channel = _as_one_channel(picture)
    if one_channel and picture.alpha is not None and not picture.is_deep:  # OpenCV has no gray with alpha
        return _saved(_pillow_image(picture, one_channel=True), "PNG", compress_level=4)
    samples = _samples(picture, one_channel=one_channel and picture.alpha is None)
    return _opencv_encoded(".png", samples, *_PNG_OPTIONS)


def _encode_jpg(picture: Picture, quality: int, asked: bool) -> bytes:
    return _saved(
        _pillow_image(picture, one_channel=_as_one_channel(picture)),
        "JPEG",
        quality=quality,
        subsampling="4:4:4" if quality >= FULL_CHROMA_QUALITY else "4:2:0",
        optimize=True,
        exif=EXIF_PREFIX + picture.exif if picture.exif and _fits_jpg(picture.exif) else None,
        xmp=picture.xmp if picture.xmp and _fits_jpg(picture.xmp) else None,
        icc_profile=picture.icc,
        dpi=picture.dpi,
        comment=_comment(picture),
        extra=_photoshop_segment(picture.iptc) if picture.iptc and _fits_jpg(picture.iptc) else None,
    )


def _comment(picture: Picture) -> bytes | None:
    text = dict(picture.texts).get("Comment", "")
    return text.encode("utf-8", "replace")[: JPG_BLOCK_BYTES - 64] or None


def _photoshop_segment(iptc: bytes) -> bytes:
    """Return a JPEG segment that holds caption data, as Photoshop's resource 1028."""
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
    return b"\xff\xed" + struct.pack(">H", 2 + len(body)) + body


def _fits_jpg(block: bytes) -> bool:
    return len(block) <= JPG_BLOCK_BYTES - 64  # the longest prefix is XMP's, 29 bytes


def _encode_webp(picture: Picture, quality: int, asked: bool) -> bytes:
    lossless = _stays_lossless_webp(picture, asked)
    return _saved(
        _pillow_image(picture, one_channel=False),
        "WEBP",
        quality=70 if lossless else quality,  # the effort, where lossless
        lossless=lossless,
        exact=lossless,  # keep colors under zero alpha
        exif=picture.exif,
        xmp=picture.xmp,
        icc_profile=picture.icc,
    )


def _stays_lossless_webp(picture: Picture, asked: bool) -> bool:
    return picture.file_format == FileFormat.WEBP and picture.is_lossless and not asked


def _encode_avif(picture: Picture, quality: int, asked: bool) -> bytes:
    exif = picture.exif
    stand_in = _avif_exif_stand_in(len(exif)) if exif else None
    if picture.is_deep:
        data = _deep_avif(picture, stand_in, quality)
    else:
        data = _saved(
            _pillow_image(picture, one_channel=False),
            "AVIF",
            quality=quality,
            subsampling="4:4:4" if quality >= FULL_CHROMA_QUALITY else "4:2:0",
            speed=7,
            exif=stand_in,
            xmp=picture.xmp,
            icc_profile=picture.icc,
        )
    return data.replace(stand_in, exif, 1) if exif and stand_in else data


def _deep_avif(picture: Picture, exif: bytes | None, quality: int) -> bytes:
    """Encode more than 8 bits a channel with OpenCV, which keeps colors at full resolution only where lossless."""
    bits = written_bits(picture.bits, FileFormat.AVIF)
    white = 2**bits - 1
    samples = _samples(picture, one_channel=False)
    samples = ((samples.astype(np.uint32) * white + 32767) // 65535).astype(np.uint16)
    order = [2, 1, 0, 3][: samples.shape[2]]
    kinds = (cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_XMP, cv2.IMAGE_METADATA_ICCP)
    given = zip(kinds, (exif, picture.xmp, picture.icc), strict=True)
    blocks = {kind: block for kind, block in given if block}
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, quality, cv2.IMWRITE_AVIF_SPEED, 7]
    try:
        done, encoded = cv2.imencodeWithMetadata(
            ".avif",
            np.ascontiguousarray(samples[:, :, order]),
            list(blocks),
            [np.frombuffer(block, np.uint8) for block in blocks.values()],
            options,
        )
    except cv2.error as error:
        raise OutputError(f"the picture cannot be written as AVIF: {error.err}") from error
    if not done:
        raise OutputError("the picture cannot be written as AVIF")
    data = bytes(encoded.tobytes())
    place = data.find(b"colrnclx") + 8
    if picture.hdr_codes and place >= 8:  # OpenCV says sRGB of every picture
        data = data[:place] + struct.pack(">HH", *picture.hdr_codes) + data[place + 4 :]
    return data


def _avif_exif_stand_in(length: int) -> bytes | None:
    """Return an empty EXIF block of this length: Pillow writes a real one anew, and OpenCV refuses a damaged one."""
    empty = b"II*\0\x08\0\0\0" + bytes(6)
    return empty + os.urandom(length - len(empty)) if length >= len(empty) + 16 else None


def _encode_bmp(picture: Picture, quality: int, asked: bool) -> bytes:
    return _opencv_encoded(".bmp", _samples(picture, one_channel=picture.is_gray and picture.alpha is None))


def _encode_jp2(picture: Picture, quality: int, asked: bool) -> bytes:
    if not picture.is_deep:
        return _saved(_pillow_image(picture, one_channel=picture.is_gray), "JPEG2000")
    if min(picture.size_hw) < SMALLEST_DEEP_JP2:
        raise OutputError(
            f"JPEG 2000 with 16 bits per channel needs at least {SMALLEST_DEEP_JP2} pixels per side; choose png"
        )
    samples = _samples(picture, one_channel=picture.is_gray and picture.alpha is None)
    return _opencv_encoded(".jp2", samples, cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000)


def _encode_tiff(picture: Picture, quality: int, asked: bool) -> bytes:
    """Write a TIFF 6.0 file in strips, deflated with a horizontal predictor; Pillow writes no 16-bit color."""
    one_channel = _as_one_channel(picture) and not (picture.is_deep and picture.alpha is not None)  # few read that
    samples = _samples(picture, one_channel=one_channel)
    height, width, channels = samples.shape
    depth = samples.dtype.itemsize
    rows = max(1, 2**20 // (width * channels * depth))
    strips = []
    for top in range(0, height, rows):
        strip = samples[top : top + rows].astype(samples.dtype.newbyteorder("<"))
        strip[:, 1:] = strip[:, 1:] - strip[:, :-1]  # wraps around, as the predictor does
        strips.append(zlib.compress(strip.tobytes(), 6))
    offsets, place = [], 0  # from the directory's end: Pillow adds its length
    for strip_bytes in strips:
        offsets.append(place)
        place += len(strip_bytes) + len(strip_bytes) % 2
    tags: dict[int, Any] = exif_tags_for_tiff(picture.exif) if picture.exif else {}  # Any: as TIFF's tags are
    if picture.dpi:
        tags |= {282: picture.dpi[0], 283: picture.dpi[1], 296: 2}  # in inches
    tags |= {256: width, 257: height, 258: (8 * depth,) * channels, 259: 8, 262: 1 if one_channel else 2}
    tags |= {273: tuple(offsets), 277: channels, 278: rows, 279: tuple(map(len, strips)), 284: 1, 317: 2}
    if picture.alpha is not None:
        tags[338] = 2  # alpha that is not premultiplied
    if picture.xmp:
        tags[700] = picture.xmp
    if picture.icc:
        tags[34675] = picture.icc
    if picture.iptc:
        tags[33723] = picture.iptc
    if place >= 2**32 - 2**24:
        raise OutputError("the picture is larger than the 4 GB that TIFF holds; choose png")
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype[273] = directory.tagtype[279] = 4  # LONG
    head = b"II*\0" + struct.pack("<I", 8) + directory.tobytes(8)
    padded = (strip_bytes + b"\0" * (len(strip_bytes) % 2) for strip_bytes in strips)
    return b"".join([head, *padded])


def _encode_gif(picture: Picture, quality: int, asked: bool) -> bytes:
    return _animated_gif(Animation([picture], [0], loop=1))


def _animated_gif(animation: Animation) -> bytes:
    """Write GIF89a with a palette for every frame. Time is in hundredths of a second."""
    height, width = animation.frames[0].size_hw
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0x70, 0, 0)]
    if comment := _comment(animation.frames[0]):
        blocks = [comment[start : start + 255] for start in range(0, len(comment), 255)]
        parts += [b"!\xfe", *(bytes([len(block)]) + block for block in blocks), b"\0"]
    if animation.loop != 1:
        repeats = min(animation.loop - 1, 65535) if animation.loop else 0
        parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", repeats, 0))
    for frame, duration_ms in zip(animation.frames, animation.durations_ms, strict=True):
        image, clear = _with_palette(frame)
        # The next frame starts from nothing where pixels are clear, else on top.
        control = (2 if clear is not None else 1) << 2 | (clear is not None)
        delay = min(round(duration_ms / 10), 65535)
        parts.append(b"!\xf9\x04" + struct.pack("<BHBB", control, delay, clear or 0, 0))
        parts += GifImagePlugin.getdata(image, include_color_table=True)
    return b"".join([*parts, b";"])


def _with_palette(picture: Picture) -> tuple[Image.Image, int | None]:
    """Return a palette image and the index that is clear, if any. Exact where 256 colors are enough."""
    clear = None if picture.alpha is None else picture.alpha < 128
    if clear is not None and not clear.any():
        clear = None
    room = GIF_COLORS - (clear is not None)
    codes = picture.pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)  # H×W
    shown = codes if clear is None else codes[~clear]
    colors, places = np.unique(shown, return_inverse=True)
    if len(colors) <= room:
        indices = np.full(codes.shape, min(len(colors), GIF_COLORS - 1), np.uint8)  # clear, where anything is
        indices[... if clear is None else ~clear] = places.reshape(shown.shape)
        table = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1).astype(np.uint8)
    else:
        image = Image.fromarray(picture.pixels).quantize(room, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        image = Image.fromarray(picture.pixels).quantize(palette=image, dither=Image.Dither.FLOYDSTEINBERG)
        indices = np.array(image)
        table = np.array(image.getpalette(), np.uint8).reshape(-1, 3)[:room]
        if clear is not None:
            indices[clear] = room
    image = Image.fromarray(indices)
    image.putpalette(table.tobytes() + bytes(768 - table.size))
    return image, None if clear is None else min(len(table), GIF_COLORS - 1)


def _animated_webp(animation: Animation, quality: int, asked: bool) -> bytes:
    """Write an extended WebP file (RFC 9649, 2.7), each frame whole."""
    height, width = animation.frames[0].size_hw
    first = animation.frames[0]
    has_alpha = any(frame.alpha is not None for frame in animation.frames)
    flags = 0x02 | 0x10 * has_alpha | 0x20 * bool(first.icc) | 0x08 * bool(first.exif) | 0x04 * bool(first.xmp)
    chunks = [_riff_chunk(b"VP8X", struct.pack("<I", flags) + _u24(width - 1) + _u24(height - 1))]
    if first.icc:
        chunks.append(_riff_chunk(b"ICCP", first.icc))
    chunks.append(_riff_chunk(b"ANIM", struct.pack("<IH", 0, min(animation.loop, 65535))))
    for frame, duration_ms in zip(animation.frames, animation.durations_ms, strict=True):
        still = _encode_webp(replace(frame, exif=None, xmp=None, icc=None), quality, asked)
        body = still[12:] if still[12:16] != b"VP8X" else still[30:]  # the pixels' chunks alone
        head = (
            bytes(6) + _u24(width - 1) + _u24(height - 1) + _u24(min(duration_ms, 2**24 - 1)) + b"\x02"
        )  # no blending
        chunks.append(_riff_chunk(b"ANMF", head + body))
    if first.exif:
        chunks.append(_riff_chunk(b"EXIF", first.exif))
    if first.xmp:
        chunks.append(_riff_chunk(b"XMP ", first.xmp))
    return _riff_chunk(b"RIFF", b"WEBP" + b"".join(chunks))


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _animated_png(animation: Animation) -> bytes:
    """Write an animated PNG file (PNG 3rd edition, 11.3.4), each frame whole and with the same channels."""
    first = animation.frames[0]
    has_alpha = any(frame.alpha is not None for frame in animation.frames)
    height, width = first.size_hw
    parts, sequence = [], 0
    for index, (frame, duration_ms) in enumerate(zip(animation.frames, animation.durations_ms, strict=True)):
        if has_alpha and frame.alpha is None:
            frame = replace(frame, alpha=np.full((height, width), 255, np.uint8))
        still = _plain_png(replace(frame, is_gray=False))
        if index == 0:
            parts += [still[:33], png_chunk(b"acTL", struct.pack(">II", len(animation.frames), animation.loop))]
        milliseconds = min(duration_ms, 65535)
        control = struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, milliseconds, 1000, 0, 0)
        parts.append(png_chunk(b"fcTL", control))
        sequence += 1
        for body in _idat_bodies(still):
            if index == 0:
                parts.append(png_chunk(b"IDAT", body))
            else:
                parts.append(png_chunk(b"fdAT", struct.pack(">I", sequence) + body))
                sequence += 1
    data = b"".join([*parts, png_chunk(b"IEND", b"")])
    return png_with_metadata(data, first)


def _idat_bodies(png: bytes) -> list[bytes]:
    bodies, place = [], 8
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        if kind == b"IDAT":
            bodies.append(png[place + 8 : place + 8 + length])
        place += length + 12
    return bodies


def _animated_avif(animation: Animation, quality: int) -> bytes:
    has_alpha = any(frame.alpha is not None for frame in animation.frames)
    images = [_pillow_image(frame, one_channel=False) for frame in animation.frames]
    images = [image.convert("RGBA") if has_alpha else image for image in images]
    first = animation.frames[0]
    return _saved(
        images[0],
        "AVIF",
        save_all=True,
        append_images=images[1:],
        duration=animation.durations_ms,
        quality=quality,
        speed=7,
        exif=first.exif,
        xmp=first.xmp,
        icc_profile=first.icc,
    )
