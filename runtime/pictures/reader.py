"""Read a picture file: its size from the header, its pixels upright, its metadata.

Pillow reads, because it refuses damaged files, knows CMYK, and turns every frame of an animation into a whole one.
OpenCV gives the pixels where Pillow would cut 16 bits a channel to 8; pillow-heif reads HEIC.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cgconv.runtime.errors import CgconvError, PictureError, ResourceError
from cgconv.runtime.opencv import cv2

from . import heif, light, tiff
from .beside import MOST_SCANNED_BYTES, exif_without_thumbnail, notes_on, xmp_without_claims
from .color_profile import (
    SRGB_CURVE,
    SRGB_PRIMARIES,
    Color,
    NumberedColors,
    color_of,
    fitting_icc,
    profile_of_numbers,
)
from .formats import ANIMATED_FORMATS, FileFormat
from .metadata import (
    EXIF_PREFIX,
    exif_from_tiff,
    exif_orientation,
    exif_upright,
    icc_color_space,
    turn_upright,
    xmp_upright,
)
from .picture import Animation, Picture, Pixels
from .quiet import MOST_TEXT_BYTES, libraries_quiet

DEFAULT_MAX_PIXELS = 250_000_000  # 750 MB as RGB; the largest phone photographs have 200 million

# What Pillow may open, and what we call it. MPO is a JPEG file with previews or a second view behind it.
PILLOW_FORMATS = {
    "JPEG": FileFormat.JPG,
    "MPO": FileFormat.JPG,
    "PNG": FileFormat.PNG,
    "WEBP": FileFormat.WEBP,
    "TIFF": FileFormat.TIFF,
    "AVIF": FileFormat.AVIF,
    "GIF": FileFormat.GIF,
    "BMP": FileFormat.BMP,
    "JPEG2000": FileFormat.JP2,
}
OPENED_FORMATS = [name for name in PILLOW_FORMATS if name != "MPO"]  # opened as JPEG
LOSSLESS_FORMATS = frozenset({FileFormat.PNG, FileFormat.TIFF, FileFormat.BMP, FileFormat.GIF})

RAW_PROFILE = "Raw profile type"  # keyword of metadata that a PNG file holds as text
GIF_BLOCK = re.compile(rb"[!,;]")  # an extension, a frame, the end

Image.init()  # else formats given by name are not found


def read_picture(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS, allow_hdr: bool = False) -> Picture | Animation:
    """Return the picture upright, or all frames where the file has several that are shown in turn.

    `max_pixels` bounds height × width, times the frames of an animation; it is checked on the header, before
    anything is decoded. HDR pictures (PQ, HLG) are refused unless they are allowed. Of several pages the first is read,
    thumbnails and masks apart; what else there is, and is left out, is in the notes. Raises PictureError, whose text is
    one sentence that names the file; a file that is cut off is refused, never shown half gray.
    """
    with _opened(path) as file:
        if heif.is_heic(file):
            file.seek(0)
            opened = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
            _check_size(path, opened.size[1], opened.size[0], 1, max_pixels)
            return heif.read_heic(path, file, opened, allow_hdr=allow_hdr)
        if light.kind_of(file) is not None:
            _check_size(path, *light.light_size_hw(path, file), 1, max_pixels)
            return with_notes(found := light.read_light(path, file, max_pixels), found.notes)
        if tiff.is_tiff(file) and tiff.is_deep_gray_with_alpha(tags := tiff.first_tags(file)):
            return _read_deep_gray_tiff(path, file, tags, max_pixels)
        with _open(path, file) as image:
            file_format = PILLOW_FORMATS[image.format or ""]
            frames = getattr(image, "n_frames", 1) if file_format in ANIMATED_FORMATS else 1
            height, width = _gif_canvas_hw(file) if file_format is FileFormat.GIF else (image.height, image.width)
            _check_size(path, height, width, frames, max_pixels)
            if frames > 1:
                return _read_animation(path, image, file, file_format, allow_hdr=allow_hdr)
            return _read_still(path, image, file, file_format, allow_hdr=allow_hdr)


def read_first_picture(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS, allow_hdr: bool = False) -> Picture:
    """Return the picture, or the first frame of an animation; limits and errors are read_picture's."""
    found = read_picture(path, max_pixels=max_pixels, allow_hdr=allow_hdr)
    return found.frames[0] if isinstance(found, Animation) else found


def picture_size_hw(path: Path) -> tuple[int, int]:
    """Return height and width as displayed, from the header; no pixel is decoded. Raises PictureError."""
    with _opened(path) as file:
        if heif.is_heic(file):
            file.seek(0)
            width, height = pillow_heif.open_heif(file).size
            return int(height), int(width)
        if light.kind_of(file) is not None:
            return light.light_size_hw(path, file)
        if tiff.is_tiff(file) and tiff.is_deep_gray_with_alpha(tags := tiff.first_tags(file)):
            size_hw = tiff.size_hw(tags)
            return size_hw[::-1] if tiff.orientation(tags) in (5, 6, 7, 8) else size_hw
        with _open(path, file) as image:
            exif = _exif(image)
            if image.format == "PNG" and exif is None:
                exif = _png_chunk(file, b"eXIf")
            turned = image.format != "TIFF" and exif_orientation(exif) in (5, 6, 7, 8)  # Pillow turns TIFF's size
            return (image.width, image.height) if turned else (image.height, image.width)


@contextmanager
def open_jpeg(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator[Image.Image | None]:
    """Give a JPEG file of gray or RGB pixels opened, its size checked, nothing decoded; None for all other files.

    What goes wrong while it is open, decoding too, becomes a PictureError of one sentence.
    """
    with _opened(path) as file:
        if file.read(3) != b"\xff\xd8\xff":
            yield None
            return
        with _open(path, file) as image:
            _check_size(path, image.height, image.width, 1, max_pixels)
            yield image if image.mode in ("L", "RGB") else None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, and turn whatever the decoders raise into one sentence."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise PictureError(
                f"{path} is not a regular file, so it is not opened"
            )  # a pipe would keep us waiting for ever
        with libraries_quiet, path.open("rb") as file:
            yield file
    except CgconvError:
        raise
    except UnidentifiedImageError as error:
        empty = path.stat().st_size == 0
        raise PictureError(
            f"{path} is empty" if empty else f"{path} is not a picture that can be read, or it is damaged"
        ) from error
    except MemoryError as error:
        raise ResourceError(f"{path} does not fit into memory") from error
    except OSError as error:
        if error.errno is not None:
            raise PictureError(f"{path} cannot be read: {error.strerror}") from error
        raise PictureError(f"{path} is damaged or cut off: {_one_line(error)}") from error
    except Exception as error:  # decoders meet damaged files with nearly every type of error
        if "MAX_TEXT_CHUNK" in str(error) or "MAX_TEXT_MEMORY" in str(error):
            raise PictureError(
                f"{path} holds texts or a color profile that unpack to more than {MOST_TEXT_BYTES >> 20} MB; "
                "save it without them"
            ) from error
        raise PictureError(f"{path} is damaged: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    text = error.err if isinstance(error, cv2.error) else str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


@contextmanager
def _open(path: Path, file: BinaryIO) -> Iterator[Image.Image]:
    """Open with Pillow, a TIFF file at its picture."""
    file.seek(0)
    try:
        image = Image.open(file, formats=OPENED_FORMATS)
    except UnidentifiedImageError:
        if tiff.is_tiff(file) and tiff.is_whole(tags := tiff.first_tags(file)):
            tiff.check_layout(path, tags, "")
        raise
    with image:
        if image.format == "TIFF":
            tiff.seek_to_picture(path, image)
        yield image


def _check_size(path: Path, height: int, width: int, frames: int, max_pixels: int) -> None:
    total = height * width * frames
    if total > max_pixels:
        times = f" in {frames} frames" if frames > 1 else ""
        # No picture is ten times the limit that most fit under: nobody is to paste a number that takes all memory.
        way_in = f"--max-pixels {total} would allow it" if total <= 10 * DEFAULT_MAX_PIXELS else "see --max-pixels"
        raise PictureError(
            f"{path} has {width}×{height} pixels{times}, {total:,} in all,"
            f" more than the limit of {max_pixels:,}; {way_in}"
        )


def _read_still(path: Path, image: Image.Image, file: BinaryIO, file_format: FileFormat, *, allow_hdr: bool) -> Picture:
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = {}  # Any: as the header has them
    is_tiff = file_format is FileFormat.TIFF
    if is_tiff:  # taken now, because Pillow turns TIFF files when it loads them, and edits these
        tags = dict(image.tag_v2)  # type: ignore[attr-defined]  # a TIFF file's
        notes = (*tiff.note_on_pages(image), *tiff.check_layout(path, tags, image.mode))
        exif, xmp = exif_from_tiff(image), image.info.pop("xmp", None)
    elif image.mode in ("I", "F"):
        raise PictureError(f"{path} has 32-bit samples of unknown range; save it with 8 or 16 bits per channel")
    if file_format is FileFormat.AVIF:
        facts = heif.header_facts(file)
    deep = _is_deep(image, file, file_format, facts)
    image.load()  # also where OpenCV decodes: this is what refuses damaged files, and it reads a PNG file's last chunks
    if not is_tiff:
        exif, xmp = _exif(image), image.info.get("xmp") or _raw_profile(image, "xmp")
    icc = image.info.get("icc_profile")
    if deep:
        pixels, alpha, is_gray = _deep_pixels(path, image, file, file_format)
        if facts:
            pixels = _in_16_bits(pixels, facts["bit_depth"])
            alpha = None if alpha is None else _in_16_bits(alpha, facts["bit_depth"])
    else:
        if image.mode in ("CMYK", "LAB"):
            notes = (*notes, f"{image.mode} colors were converted to sRGB")
            image, icc = _as_srgb(image, icc), None
        pixels, alpha, is_gray = _pixels(image)
    if is_tiff and alpha is not None and not tiff.has_alpha(tags):
        alpha = None
    orientation = 1 if is_tiff else exif_orientation(exif)
    color = _color(path, image, file, icc, facts, is_gray=is_gray, allow_hdr=allow_hdr)
    picture = Picture(
        pixels=turn_upright(pixels, orientation),
        alpha=turn_upright(alpha, orientation) if alpha is not None else None,
        is_gray=is_gray,
        exif=exif_without_thumbnail(exif_upright(exif)) if exif else None,
        xmp=xmp_without_claims(xmp_upright(xmp) if is_tiff or orientation != 1 else xmp) if xmp else None,
        icc=color.icc,
        iptc=_iptc(image),
        texts=_texts(image),
        hdr_codes=color.hdr_codes,
        source_bits=facts.get("bit_depth", 0) if deep else 0,
        dpi=_dpi(image),
        file_format=file_format,
        is_lossless=_is_lossless(file, file_format),
    )
    if xmp and picture.xmp is None:
        notes = (*notes, "XMP data that cannot be understood are left out")
    if file_format is FileFormat.JPG:
        notes = (*notes, *_notes_on_jpeg(image, file, xmp or b""))
    return with_notes(picture, notes)


def _read_deep_gray_tiff(path: Path, file: BinaryIO, tags: ImageFileDirectory_v2, max_pixels: int) -> Picture:
    """Read what FFmpeg alone reads of TIFF files; of the tags only color and captions are kept."""
    _check_size(path, *tiff.size_hw(tags), 1, max_pixels)
    gray, alpha = tiff.read_deep_gray_with_alpha(path, file, tags)
    orientation = tiff.orientation(tags)
    icc = tags.get(tiff.ICC)
    picture = Picture(
        pixels=turn_upright(np.repeat(gray[:, :, None], 3, axis=2), orientation),
        alpha=turn_upright(alpha, orientation) if tiff.has_alpha(tags) else None,
        is_gray=True,
        icc=fitting_icc(icc, is_gray=True) if isinstance(icc, bytes) else None,
        iptc=tiff.caption_data(tags),
        file_format=FileFormat.TIFF,
        is_lossless=True,
    )
    return with_notes(picture, tiff.check_layout(path, tags, "LA"))


def with_notes(picture: Picture, notes: tuple[str, ...]) -> Picture:
    """Return the picture with sentences about what is left out, and about its range."""
    if picture.is_nearly_black:
        notes = (
            *notes,
            "it uses only 12 of its 16 bits a channel, so it is nearly black; save it brightened",
        )
    return replace(picture, notes=notes)


def _is_deep(
    image: Image.Image, file: BinaryIO, file_format: FileFormat, facts: dict[str, Any]
) -> bool:  # Any: as above
    """Whether the file has more than 8 bits a channel that OpenCV reads and Pillow would cut."""
    file.seek(0)
    if file_format is FileFormat.PNG:
        return file.read(25)[24] == 16  # signature, length, IHDR, width, height, bit depth
    if file_format is FileFormat.TIFF:
        tags = image.tag_v2  # type: ignore[attr-defined]  # a TIFF file's
        bits = tags.get(tiff.BITS, (1,))
        return all(value == 16 for value in bits) and image.mode != "CMYK" and tags.get(tiff.PLANAR, 1) == 1
    if file_format is FileFormat.JP2:
        data = file.read(64 * 1024)
        start = data.find(b"\xff\x4f\xff\x51")  # start of the code stream and its size segment
        return start >= 0 and data[start + 42 : start + 43] == b"\x0f"  # sample size less one, unsigned
    return bool(facts.get("bit_depth", 8) > 8)


def _in_16_bits(samples: Pixels, bits: int) -> Pixels:
    """Return samples of so many bits spread over 16."""
    white = 2**bits - 1
    return np.asarray((samples.astype(np.uint32) * 65535 + white // 2) // white, np.uint16)


def _deep_pixels(
    path: Path, image: Image.Image, file: BinaryIO, file_format: FileFormat
) -> tuple[Pixels, Pixels | None, bool]:
    """Decode more than 8 bits a channel with OpenCV."""
    file.seek(0)
    data = file.read()
    if file_format is FileFormat.PNG:
        data = _png_pixels_alone(path, data)
    page = image.tell() if file_format is FileFormat.TIFF else 0
    if page:
        _, several = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(page, page + 1))
        decoded = several[0] if several else None
    else:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.shape[:2] != (image.height, image.width):
        raise PictureError(f"{path} has 16 bits a channel in a layout that cannot be read, or is damaged")
    samples = cast(Pixels, decoded)
    if samples.ndim == 2:
        alpha = None
        clear = image.info.get("transparency")
        if isinstance(clear, int):  # a PNG file's one gray level that is clear
            alpha = np.where(samples == clear, 0, 65535).astype(np.uint16)
        if file_format is FileFormat.TIFF and _tiff_tag(image, tiff.PHOTOMETRIC) == tiff.MIN_IS_WHITE:
            samples = 65535 - samples
        return np.repeat(samples[:, :, None], 3, axis=2), alpha, True
    pixels = np.ascontiguousarray(samples[:, :, 2::-1])  # BGR(A) to RGB
    alpha = np.ascontiguousarray(samples[:, :, 3]) if samples.shape[2] == 4 else None
    if (
        alpha is not None
        and file_format is FileFormat.TIFF
        and _tiff_tag(image, tiff.EXTRA_SAMPLES) == (tiff.PREMULTIPLIED,)
    ):
        weight = np.maximum(alpha, 1).astype(np.float64)[:, :, None] / 65535
        pixels = np.rint(np.minimum(pixels / weight, 65535)).astype(np.uint16)
    return pixels, alpha, _is_png_gray_alpha(file, file_format)


def _tiff_tag(image: Image.Image, tag: int) -> object:
    return image.tag_v2.get(tag)  # type: ignore[attr-defined]  # a TIFF file's


def _png_pixels_alone(path: Path, data: bytes) -> bytes:
    """Return a PNG file with nothing but its pixels: libpng prints lines about the other chunks, and about damage."""
    kept, place = [data[:8]], 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + 12 + length]
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            if len(chunk) < 12 + length or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                raise PictureError(f"{path} is damaged: a checksum in it is wrong")
            kept.append(chunk)
        place += 12 + length
    return b"".join(kept)


def _color(
    path: Path,
    image: Image.Image,
    file: BinaryIO,
    icc: bytes | None,
    facts: dict[str, Any],
    *,
    is_gray: bool,
    allow_hdr: bool,
) -> Color:  # Any: as above
    """Return what the numbers mean. Of a PNG file's answers the first counts: cICP, ICC, sRGB, gAMA and cHRM."""
    numbered = heif.numbered_colors(facts)
    if image.format == "PNG":
        cicp = _png_chunk(file, b"cICP")
        if cicp is not None and len(cicp) == 4:
            icc, numbered = None, NumberedColors(cicp[0], cicp[1])
        elif icc is None and "srgb" not in image.info and ("gamma" in image.info or "chromaticity" in image.info):
            power = image.info.get("gamma", 1 / 2.2)
            primaries = image.info.get("chromaticity", SRGB_PRIMARIES)
            return Color(profile_of_numbers(primaries, 1 / power if power else SRGB_CURVE, is_gray=is_gray))
    return color_of(path, icc=icc, numbered=numbered, is_gray=is_gray, allow_hdr=allow_hdr)


def _iptc(image: Image.Image) -> bytes | None:
    """Return caption data, of a JPEG or PNG file from Photoshop's resources (1028), of a TIFF file from its tag."""
    if image.format == "TIFF":
        return tiff.caption_data(image.tag_v2)  # type: ignore[attr-defined]  # a TIFF file's
    resources = image.info.get("photoshop")
    value = resources.get(1028) if isinstance(resources, dict) else None
    if value is None and (raw := _raw_profile(image, "iptc")):
        value = raw
        if (place := raw.find(b"8BIM\x04\x04\0\0")) >= 0:
            (length,) = struct.unpack_from(">I", raw.ljust(place + 12, b"\0"), place + 8)
            value = raw[place + 12 : place + 12 + length]
    return value if isinstance(value, bytes) and value else None


def _texts(image: Image.Image) -> tuple[tuple[str, str], ...]:
    """Return a PNG file's texts, or the comment of a JPEG or GIF file, as keywords and texts."""
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        return (("Comment", comment.rstrip(b"\0").decode("utf-8", "replace")),) if comment.strip(b"\0 ") else ()
    if image.format != "PNG":
        return ()
    given = getattr(image, "text", {}).items()
    return tuple(
        (keyword, str(text))
        for keyword, text in given
        if keyword and keyword != "XML:com.adobe.xmp" and not keyword.startswith(RAW_PROFILE)
    )


def _notes_on_jpeg(image: Image.Image, file: BinaryIO, xmp: bytes) -> tuple[str, ...]:
    """Return a sentence for each thing in a JPEG file beside the picture."""
    file.seek(0)
    data = file.read(MOST_SCANNED_BYTES)
    tail = b"MotionPhoto_Data" if b"MotionPhoto_Data" in data else b""
    segments = [content[:40] for marker, content in getattr(image, "applist", ()) if marker == "APP2"]
    notes = notes_on(xmp, tail, *segments)
    pictures = getattr(image, "n_frames", 1)
    return (*notes, f"only the first of {pictures} pictures is read") if pictures > 1 and not notes else notes


def _is_png_gray_alpha(file: BinaryIO, file_format: FileFormat) -> bool:
    file.seek(25)  # the color type
    return file_format is FileFormat.PNG and file.read(1) == b"\x04"


def _pixels(image: Image.Image) -> tuple[Pixels, Pixels | None, bool]:
    """Return RGB, alpha and whether the file was gray, of a loaded image with 8 bits a channel or fewer."""
    if image.mode.startswith("I;16"):  # gray of 9 to 15 bits
        samples = np.asarray(image).astype(np.uint16)
        if image.format == "TIFF" and _tiff_tag(image, tiff.BITS) == (12,):  # JPEG 2000 is scaled by Pillow
            samples = (samples.astype(np.uint32) * 65535 // 4095).astype(np.uint16)
        return np.repeat(samples[:, :, None], 3, axis=2), None, True
    is_gray = image.mode in ("1", "L", "LA", "La")
    if is_gray:
        if image.has_transparency_data:
            gray, alpha = np.moveaxis(np.asarray(image.convert("LA")), 2, 0)
        else:
            gray, alpha = np.asarray(image.convert("L")), None
        return np.repeat(gray[:, :, None], 3, axis=2), None if alpha is None else np.ascontiguousarray(alpha), True
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[:, :, :3]), np.ascontiguousarray(rgba[:, :, 3]), False
    return np.array(image if image.mode == "RGB" else image.convert("RGB")), None, False


def _as_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert CMYK or Lab by the profile in the file, or plainly where there is none that fits."""
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif icc and icc_color_space(icc) == "CMYK":
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    else:
        return image.convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    try:
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except ImageCms.PyCMSError:  # a damaged profile
        return image.convert("RGB")
    return cast(Image.Image, converted)


def _gif_canvas_hw(file: BinaryIO) -> tuple[int, int]:
    """Return the height and width that Pillow takes memory for: a frame may reach out of the GIF's own canvas."""
    file.seek(0)
    data = file.read()
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place = 13 + _gif_table_bytes(flags)
    try:
        while (block := GIF_BLOCK.search(data, place)) and block[0] != b";":
            place = block.start() + 2  # behind an extension's label
            if block[0] == b",":
                left, top, across, down, flags = struct.unpack_from("<HHHHB", data, place - 1)
                width, height = max(width, left + across), max(height, top + down)
                place += 9 + _gif_table_bytes(flags)  # and behind the first code's size
            while data[place]:
                place += data[place] + 1
    except (struct.error, IndexError):
        pass  # cut off: what comes no more needs no memory
    return height, width


def _gif_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _read_animation(
    path: Path, image: Image.Image, file: BinaryIO, file_format: FileFormat, *, allow_hdr: bool
) -> Animation:
    facts = heif.header_facts(file) if file_format is FileFormat.AVIF else {}
    color = _color(path, image, file, image.info.get("icc_profile"), facts, is_gray=False, allow_hdr=allow_hdr)
    notes = ("more than 8 bits a channel are read as 8 in animations",) if facts.get("bit_depth", 8) > 8 else ()
    is_lossless = _is_lossless(file, file_format)
    loop = _loop(image, file_format)
    width, height = image.size
    first = 1 if image.info.get("default_image") else 0  # a PNG file's picture for viewers that cannot animate
    frames: list[Picture] = []
    durations_ms: list[int] = []
    for index in range(first, getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()
        exif, xmp = _exif(image), image.info.get("xmp")
        orientation = exif_orientation(exif)
        pixels, alpha, _ = _pixels(image)
        pixels = pixels[:height, :width]  # what reaches out of a GIF's canvas later on is not shown
        alpha = alpha if alpha is None else alpha[:height, :width]
        if alpha is not None and file_format is FileFormat.GIF and alpha.all():
            alpha = None  # GIF marks colors as clear to repeat what an earlier frame showed
        picture = Picture(
            pixels=turn_upright(pixels, orientation),
            alpha=turn_upright(alpha, orientation) if alpha is not None else None,
            file_format=file_format,
            is_lossless=is_lossless,
        )
        if not frames:
            picture = replace(
                picture,
                exif=exif_without_thumbnail(exif_upright(exif)) if exif else None,
                xmp=xmp_without_claims(xmp_upright(xmp) if orientation != 1 else xmp) if xmp else None,
                icc=color.icc,
                hdr_codes=color.hdr_codes,
                texts=_texts(image),
                notes=notes,
            )
        frames.append(picture)
        durations_ms.append(round(image.info.get("duration", 0)))
    return Animation(frames, durations_ms, loop, file_format)


def _loop(image: Image.Image, file_format: FileFormat) -> int:
    """Return how often an animation is shown; GIF counts repetitions, and says nothing for once."""
    loop = image.info.get("loop")
    if file_format is FileFormat.GIF:
        return 1 if loop is None else 0 if loop == 0 else int(loop) + 1
    return int(loop or 0)


def _raw_profile(image: Image.Image, kind: str) -> bytes | None:
    """Return metadata that ImageMagick wrote into a PNG file as text, in hexadecimal."""
    text = image.info.get(f"{RAW_PROFILE} {kind}") if image.format == "PNG" else None
    with suppress(ValueError):
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else None
    return None


def _exif(image: Image.Image) -> bytes | None:
    exif = image.info.get("exif")
    exif = exif or _raw_profile(image, "exif") or _raw_profile(image, "APP1")
    return exif.removeprefix(EXIF_PREFIX) or None if isinstance(exif, bytes) else None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across < 65535 and 1 <= down < 65535 else None


def _png_chunk(file: BinaryIO, wanted: bytes) -> bytes | None:
    """Return the first chunk of a kind in a PNG file, wherever it stands."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == wanted:
            return file.read(length)
        file.seek(length + 4, io.SEEK_CUR)
    return None


def _is_lossless(file: BinaryIO, file_format: FileFormat) -> bool:
    """Whether the file kept every bit; a WebP file did if all its frames are in the lossless coding (RFC 9649)."""
    if file_format is not FileFormat.WEBP:
        return file_format in LOSSLESS_FORMATS
    file.seek(0)
    data = file.read()
    kinds = set()
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        kinds.add(kind)
        place += 8 + (16 if kind == b"ANMF" else length + length % 2)  # into a frame, past anything else
    return b"VP8L" in kinds and b"VP8 " not in kinds
