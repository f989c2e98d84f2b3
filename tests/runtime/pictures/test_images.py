"""Pictures come in upright and whole, and go out with everything that their format can hold."""

from __future__ import annotations

import errno
import io
import itertools
import os
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import GifImagePlugin, Image, ImageCms, ImageOps, JpegImagePlugin

from cgconv.runtime.backends.probe import natural_picture
from cgconv.runtime.errors import OutputError, PictureError, UsageError
from cgconv.runtime.images import (
    Animation,
    FileFormat,
    Picture,
    encode_animation,
    encode_picture,
    format_of_suffix,
    losses,
    output_format,
    output_suffix,
    picture_size_hw,
    read_picture,
    read_thumbnail,
    write_atomically,
)

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="%d"/><title>\xc3\xa9t\xc3\xa9</title></x:xmpmeta>'
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = SRGB[:16] + b"GRAY" + SRGB[20:]  # only the header is looked at


def noise(height: int, width: int, *, deep: bool = False, seed: int = 0) -> np.ndarray:
    """RGB in which every bit matters."""
    values = np.random.default_rng(seed).integers(0, 65536 if deep else 256, (height, width, 3))
    return values.astype(np.uint16 if deep else np.uint8)


def smooth(height: int = 40, width: int = 60, *, seed: int = 0) -> np.ndarray:
    """RGB that lossy formats keep well, and that looks different turned any way."""
    down, across = np.mgrid[0:height, 0:width] / (height + width)
    return np.stack([255 * across, 255 * down, 60 + 100 * (across * down) ** 0.5 + seed], axis=2).astype(np.uint8)


def exif_block(orientation: int, order: str = "<") -> bytes:
    """EXIF with a maker's name, the orientation, and a maker's note that points by absolute offset."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    make, note = b"Maker\0", b"note at a place that must not move"
    entries = 3
    tail = 8 + 2 + 12 * entries + 4
    return (
        mark
        + struct.pack(order + "IH", 8, entries)
        + struct.pack(order + "HHII", 0x010F, 2, len(make), tail)
        + struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
        + struct.pack(order + "HHII", 0x8769, 4, 1, tail + len(make))
        + struct.pack(order + "I", 0)
        + make
        + struct.pack(order + "H", 1)
        + struct.pack(order + "HHII", 0x927C, 7, len(note), tail + len(make) + 18)
        + struct.pack(order + "I", 0)
        + note
    )


def save(path: Path, image: Image.Image, name: str | None = None, **options: Any) -> Path:
    image.save(path, name, **options)
    return path


def still(path: Path, **options: Any) -> Picture:
    content = read_picture(path, **options)
    assert isinstance(content, Picture)
    return content


def animated(path: Path, **options: Any) -> Animation:
    content = read_picture(path, **options)
    assert isinstance(content, Animation)
    return content


def there_and_back(tmp_path: Path, picture: Picture, file_format: str, **options: Any) -> Picture:
    path = tmp_path / f"back.{file_format}"
    path.write_bytes(encode_picture(picture, file_format=file_format, **options))
    return still(path)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(width: int, height: int, depth: int, color: int, rows: bytes, *extra: bytes, after: bytes = b"") -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + after + png_chunk(b"IEND", b"")


def tiff_file(samples: np.ndarray, *, order: str = "<", tags: dict[int, int]) -> bytes:
    """An uncompressed TIFF file of H×W×C samples; `tags` are SHORTs that come on top."""
    height, width, channels = samples.shape
    pixels = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    bits = 8 * samples.dtype.itemsize
    many = struct.pack(order + "H" * channels, *[bits] * channels)
    values: dict[int, tuple[int, ...]] = {256: (width,), 257: (height,), 259: (1,), 277: (channels,), 278: (height,)}
    values |= {tag: (value,) for tag, value in tags.items()}
    entries = {tag: struct.pack(order + "HHIHH", tag, 3, 1, *value, 0) for tag, value in values.items()}
    if channels > 2:
        entries[258] = struct.pack(order + "HHII", 258, 3, channels, 8 + len(pixels))
    else:
        entries[258] = struct.pack(order + "HHI", 258, 3, channels) + many.ljust(4, b"\0")
    entries[273] = struct.pack(order + "HHII", 273, 4, 1, 8)
    entries[279] = struct.pack(order + "HHII", 279, 4, 1, len(pixels))
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", 8 + len(pixels) + len(many)) + pixels + many + directory


# Pixels


@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("is_gray", [False, True])
@pytest.mark.parametrize(
    ("file_format", "deep"),
    [*itertools.product(["png", "tiff", "jp2"], [False, True]), ("bmp", False), ("webp", False)],
)
def test_lossless_formats_come_back_bit_for_bit(
    tmp_path: Path, file_format: str, deep: bool, is_gray: bool, with_alpha: bool
) -> None:
    pixels = noise(70, 91, deep=deep)
    if is_gray:
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
    alpha = noise(70, 91, deep=deep, seed=1)[:, :, 0] if with_alpha else None
    if alpha is not None:
        alpha[:20] = 0  # the colors under it are kept, too
    picture = Picture(pixels, alpha, is_gray, file_format=file_format, is_lossless=True)

    back = there_and_back(tmp_path, picture, file_format)

    assert back.pixels.dtype == pixels.dtype
    assert np.array_equal(back.pixels, pixels)
    assert (back.alpha is None) == (alpha is None)
    assert alpha is None or np.array_equal(back.alpha, alpha)


@pytest.mark.parametrize("file_format", ["png", "tiff"])
def test_a_16_bit_ramp_keeps_every_level_for_other_programs_too(tmp_path: Path, file_format: str) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    source = tmp_path / f"ramp.{file_format}"
    source.write_bytes(cv2.imencode(f".{file_format}", np.dstack([ramp, ramp[::-1], ramp[:, ::-1]]))[1].tobytes())

    data = encode_picture(still(source), file_format=file_format)

    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(seen[:, :, 0], ramp)
    assert np.array_equal(seen[:, :, 2], ramp[:, ::-1])


@pytest.mark.parametrize(
    ("file_format", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}, 4),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 4),
        ("PNG", {}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {}, 0),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 6),
        ("BMP", {}, 0),
        ("JPEG2000", {}, 0),
    ],
)
def test_every_format_is_read_by_its_content_whatever_its_name(
    tmp_path: Path, file_format: str, options: dict[str, Any], tolerance: int
) -> None:
    path = save(tmp_path / "Zürich 東京 🌊 & 'q'.dat", Image.fromarray(smooth(41, 63)), file_format, **options)
    picture = still(path)
    assert picture.file_format == output_format(
        {"JPEG": "jpg", "JPEG2000": "jp2"}.get(file_format, file_format.lower())
    )
    assert picture_size_hw(path) == picture.size_hw == (41, 63)
    assert np.abs(picture.pixels.astype(int) - smooth(41, 63)).max() <= tolerance
    assert picture.alpha is None
    assert not picture.is_gray


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not text")
def test_a_name_that_is_not_even_text_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    save(path, Image.fromarray(smooth()))
    assert still(path).size_hw == (40, 60)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA"])
def test_every_kind_of_png_gives_what_viewers_show(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(smooth()).convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.arange(60, dtype=np.uint8) * 4, (40, 1))))
    if mode in ("P", "PA"):
        image = image.quantize(16, Image.Quantize.FASTOCTREE) if mode == "PA" else image.convert("RGB").quantize(16)
    else:
        image = image.convert(mode)
    path = save(tmp_path / "a.png", image)
    picture = still(path)
    shown = np.asarray(Image.open(path).convert("RGBA"))
    assert np.array_equal(picture.pixels, shown[:, :, :3])
    assert (picture.alpha is not None) == (mode in ("LA", "PA", "RGBA"))
    assert picture.alpha is None or np.array_equal(picture.alpha, shown[:, :, 3])
    assert picture.is_gray == (mode in ("1", "L", "LA"))


def test_16_bit_gray_with_alpha_and_with_one_clear_level_keep_their_transparency(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (8, 9, 2), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    (tmp_path / "la.png").write_bytes(png_file(9, 8, 16, 4, rows))
    picture = still(tmp_path / "la.png")
    assert picture.is_gray
    assert np.array_equal(picture.pixels[:, :, 1], samples[:, :, 0])
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, samples[:, :, 1])

    gray = samples[:, :, 0].copy()
    gray[3:5] = 1234
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in gray)
    (tmp_path / "l.png").write_bytes(png_file(9, 8, 16, 0, rows, png_chunk(b"tRNS", struct.pack(">H", 1234))))
    picture = still(tmp_path / "l.png")
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha == 0, gray == 1234)


@pytest.mark.parametrize("order", ["<", ">"])
def test_odd_kinds_of_tiff_are_read_right(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.tiff"
    deep = noise(20, 30, deep=True)

    path.write_bytes(tiff_file(deep, order=order, tags={262: 2}))
    assert np.array_equal(still(path).pixels, deep)

    path.write_bytes(tiff_file(deep[:, :, :1], tags={262: 0}))  # white is 0
    assert np.array_equal(still(path).pixels[:, :, 0], 65535 - deep[:, :, 0])

    color, alpha = np.uint16([40000, 20000, 10000]), np.uint16(32768)
    premultiplied = np.uint16([20000, 10000, 5000, alpha])
    path.write_bytes(tiff_file(np.tile(premultiplied, (20, 30, 1)), order=order, tags={262: 2, 338: 1}))
    picture = still(path)
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == alpha
    assert np.abs(picture.pixels[0, 0].astype(int) - color).max() <= 1

    path.write_bytes(tiff_file((premultiplied >> 8).astype(np.uint8)[None, None], order=order, tags={262: 2, 338: 1}))
    assert np.abs(still(path).pixels[0, 0].astype(int) - (color >> 8)).max() <= 2


def test_32_bit_samples_and_camera_raw_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = save(tmp_path / "float.tif", Image.fromarray(np.ones((5, 6), np.float32)))
    with pytest.raises(PictureError, match=r"float\.tif has floating-point samples"):
        read_picture(path)
    (tmp_path / "a.dng").write_bytes(tiff_file(noise(8, 9), tags={262: 2, 254: 1}))
    with pytest.raises(PictureError, match=r"a\.dng is a camera's raw file"):
        read_picture(tmp_path / "a.dng")


def test_of_several_tiff_pages_the_first_is_read_and_that_is_said(tmp_path: Path) -> None:
    pages = [Image.fromarray(noise(8, 9, seed=seed)) for seed in range(3)]
    picture = still(save(tmp_path / "pages.tif", pages[0], save_all=True, append_images=pages[1:]))
    assert np.array_equal(picture.pixels, noise(8, 9))
    assert picture.notes == ("only the first of 3 pages is read",)


# Color


def cmyk_profile() -> bytes:
    """A CMYK profile whose one rule is that more ink is darker and that cyan is green."""
    corners = b""
    for index in range(16):  # cyan is the slowest
        cyan, magenta, yellow, black = (index >> shift & 1 for shift in (3, 2, 1, 0))
        light = 255 - 60 * cyan - 60 * magenta - 20 * yellow - 255 * black
        corners += bytes([max(0, light), 128 - 70 * cyan + 60 * magenta, 128 + 60 * yellow])  # Lab, 8 bits
    identity = bytes(range(256))
    one, zero = struct.pack(">i", 65536), bytes(4)
    matrix = one + zero * 3 + one + zero * 3 + one
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + corners + identity * 3
    table += bytes(-len(table) % 4)
    start = 128 + 4 + 12
    header = struct.pack(">I4sI4s4s4s", start + len(table), b"", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    header = (header + bytes(12) + b"acsp").ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", start, len(table)) + table


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_becomes_srgb_by_its_own_profile(tmp_path: Path, file_format: str) -> None:
    cyan = Image.new("CMYK", (32, 24), (255, 0, 0, 0))
    plain = still(save(tmp_path / "plain", cyan, file_format))
    assert np.abs(plain.pixels[0, 0].astype(int) - [0, 255, 255]).max() <= 3

    picture = still(save(tmp_path / "profiled", cyan, file_format, icc_profile=cmyk_profile()))
    red, green, blue = (int(value) for value in picture.pixels[5, 5])
    assert green > 150 > 100 > red, "the profile says that this cyan is green"
    assert blue < green
    assert picture.icc is None, "a CMYK profile does not belong on RGB"
    assert picture.notes == ("CMYK colors were converted to sRGB",)


def test_lab_tiffs_become_srgb(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(smooth()), to_lab)
    assert lab is not None
    picture = still(save(tmp_path / "lab.tif", lab))
    assert np.abs(picture.pixels.astype(int) - smooth()).mean() < 2


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "bmp", "jp2"])
def test_gray_is_written_as_one_channel_again(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"gray.{suffix}", Image.fromarray(smooth()).convert("L"))
    picture = still(path)
    data = encode_picture(picture, file_format=suffix)
    assert Image.open(io.BytesIO(data)).mode == "L"
    colored = encode_picture(replace(picture, is_gray=False), file_format=suffix)
    assert Image.open(io.BytesIO(colored)).mode == "RGB"


def test_a_gray_profile_stays_on_gray_and_leaves_color(tmp_path: Path) -> None:
    path = save(tmp_path / "gray.png", Image.new("L", (8, 8), 100), icc_profile=GRAY_PROFILE)
    picture = still(path)
    assert there_and_back(tmp_path, picture, "png").icc == GRAY_PROFILE
    colored = replace(picture, is_gray=False)
    assert Image.open(io.BytesIO(encode_picture(colored, file_format="jpg"))).info.get("icc_profile") is None
    assert losses(colored, "jpg") == ["the gray color profile does not fit a result in color and is left out"]
    assert losses(picture, "png") == []


# Orientation and metadata


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_are_turned_upright_and_say_so(tmp_path: Path, name: str, orientation: int, order: str) -> None:
    image = Image.fromarray(np.dstack([smooth(), smooth()[:, :, 0]]) if name != "JPEG" else smooth())
    options = {"lossless": True, "exact": True} if name == "WEBP" else {"quality": 100} if name == "JPEG" else {}
    exif = exif_block(orientation, order)
    xmp = XMP % orientation
    path = save(tmp_path / "turned", image, name, exif=b"Exif\0\0" + exif, **options)
    if name in ("JPEG", "WEBP"):
        path = save(path, image, name, exif=b"Exif\0\0" + exif, xmp=xmp, **options)

    picture = still(path)

    stored = Image.open(io.BytesIO(path.read_bytes()))
    stored.load()  # turns TIFF, but not where Pillow maps a file that it was given by name
    shown = np.asarray(stored if name == "TIFF" else ImageOps.exif_transpose(stored))
    assert picture_size_hw(path) == picture.size_hw == shown.shape[:2]
    assert np.array_equal(picture.pixels, shown[:, :, :3])
    if name != "JPEG":
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha, shown[:, :, 3])
    if name != "TIFF":
        assert picture.exif == exif_block(1, order), "every byte but the orientation is the same"
    if name in ("JPEG", "WEBP"):
        assert picture.xmp == XMP % 1
    back = there_and_back(tmp_path, picture, "png")
    assert np.array_equal(back.pixels, picture.pixels), "and is not turned again"


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_of_16_bits_are_turned_like_those_of_8(tmp_path: Path, orientation: int, deep: bool) -> None:
    samples = noise(6, 9, deep=deep)
    (tmp_path / "a.tif").write_bytes(tiff_file(samples, tags={262: 2, 274: orientation}))
    image = Image.fromarray((samples >> (8 if deep else 0)).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    turned = ImageOps.exif_transpose(Image.open(save(tmp_path / "a.png", image, exif=exif)))
    picture = still(tmp_path / "a.tif")
    assert picture_size_hw(tmp_path / "a.tif") == picture.size_hw
    assert np.array_equal(picture.pixels >> (8 if deep else 0), np.asarray(turned))


def test_xmp_orientation_is_reset_as_an_element_too(tmp_path: Path) -> None:
    xmp = b"<a><tiff:Orientation>6</tiff:Orientation><other>6</other></a>"
    path = save(tmp_path / "a.jpg", Image.fromarray(smooth()), exif=b"Exif\0\0" + exif_block(6), xmp=xmp)
    assert still(path).xmp == xmp.replace(b"Orientation>6", b"Orientation>1")


def test_an_orientation_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in smooth(4, 9))
    path = tmp_path / "a.png"
    path.write_bytes(png_file(9, 4, 8, 2, rows, after=png_chunk(b"eXIf", exif_block(6))))
    assert picture_size_hw(path) == still(path).size_hw == (9, 4)


@pytest.mark.parametrize("file_format", ["jpg", "png", "webp", "avif"])
def test_metadata_arrive_byte_for_byte(tmp_path: Path, file_format: str) -> None:
    exif, xmp = exif_block(1, ">"), XMP % 1
    picture = Picture(smooth(), exif=exif, xmp=xmp, icc=SRGB, dpi=(300, 300))
    back = there_and_back(tmp_path, picture, file_format)
    assert (back.exif, back.xmp, back.icc) == (exif, xmp, SRGB)
    if file_format in ("jpg", "png"):
        assert back.dpi == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("deep", [False, True])
def test_metadata_arrive_in_tiff_and_from_it(tmp_path: Path, deep: bool) -> None:
    picture = Picture(noise(9, 8, deep=deep), exif=exif_block(1), xmp=XMP % 1, icc=SRGB, dpi=(300, 300))
    path = tmp_path / "a.tiff"
    path.write_bytes(encode_picture(picture, file_format="tiff"))
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "Maker"
        assert image.getexif().get_ifd(0x8769)[0x927C].startswith(b"note at a place")
    back = still(path)
    assert (back.xmp, back.icc, back.dpi) == (picture.xmp, picture.icc, picture.dpi)
    as_jpg = there_and_back(tmp_path, back, "jpg")
    assert as_jpg.exif is not None
    block = Image.Exif()
    block.load(as_jpg.exif)
    assert block[0x010F] == "Maker"
    assert block.get_ifd(0x8769)[0x927C].startswith(b"note at a place")
    assert 273 not in block, "where the TIFF file's strips were is nobody's business in a JPEG file"


def test_damaged_exif_does_not_stop_a_picture(tmp_path: Path) -> None:
    for exif in (b"II*\0\xff\xff\xff\xff", b"garbage", exif_block(6)[:14], b"II"):
        path = save(tmp_path / "a.jpg", Image.fromarray(smooth()), exif=b"Exif\0\0" + exif)
        picture = still(path)
        assert picture.size_hw == picture_size_hw(path) == (40, 60)
        for file_format in ("jpg", "png", "webp", "tiff", "avif"):
            assert there_and_back(tmp_path, picture, file_format).size_hw == (40, 60)


def test_a_tag_whose_value_does_not_fit_its_type_is_left_out_of_a_tiff(tmp_path: Path) -> None:
    """A damaged tag ended in a TypeError of Pillow's, and in a refusal of OpenCV's where AVIF has 10 bits."""
    exif = bytearray(exif_block(1))
    struct.pack_into("<HHIf", exif, exif.index(struct.pack("<HHI", 0x010F, 2, 6)), 0x010F, 11, 1, 0.5)  # a maker: 0.5
    picture = Picture(smooth(), exif=bytes(exif))
    back = there_and_back(tmp_path, picture, "tiff")
    assert np.array_equal(back.pixels, smooth())
    damaged = b"II*\0" + b"\xff" * 60
    deep = Picture(noise(40, 40, deep=True), exif=damaged)
    (tmp_path / "a.avif").write_bytes(encode_picture(deep, file_format="avif"))
    assert damaged in (tmp_path / "a.avif").read_bytes()


def test_exif_too_large_for_jpeg_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    picture = Picture(smooth(), exif=exif_block(1) + bytes(70_000))
    assert losses(picture, "jpg") == ["the EXIF data are larger than JPEG can hold and are left out"]
    assert there_and_back(tmp_path, picture, "jpg").exif is None
    assert there_and_back(tmp_path, picture, "png").exif == picture.exif


# Encoding


def test_8_bit_results_of_16_bit_pictures_are_rounded_right(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(65536, dtype=np.uint16).reshape(256, 256)[:, :, None], 3, axis=2)
    picture = Picture(ramp, alpha=ramp[:, :, 0])
    back = there_and_back(tmp_path, picture, "bmp")
    wanted = np.rint(ramp * (255 / 65535)).astype(np.uint8)
    assert np.array_equal(back.pixels, wanted)
    assert back.alpha is not None
    assert np.array_equal(back.alpha, wanted[:, :, 0])
    assert losses(picture, "webp") == ["WebP is written with 8 bits a channel instead of 16"]
    assert losses(picture, "png") == []


def test_transparency_is_put_on_white_in_jpeg_and_that_is_said(tmp_path: Path) -> None:
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[:, :8] = 0
    picture = Picture(np.zeros((16, 16, 3), np.uint8), alpha)
    back = there_and_back(tmp_path, picture, "jpg")
    assert back.pixels[:, :8].min() > 245
    assert back.pixels[:, 8:].max() < 10
    assert losses(picture, "jpg") == ["JPEG has no transparency: the picture is put on white"]


def test_jpeg_keeps_fine_color_by_default_and_gets_smaller_on_request() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    data = encode_picture(Picture(stripes), file_format="jpg")
    assert JpegImagePlugin.get_sampling(Image.open(io.BytesIO(data))) == 0  # 4:4:4
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - stripes).max() < 40
    picture = Picture(noise(64, 64))
    for file_format in ("jpg", "webp", "avif"):
        sizes = [len(encode_picture(picture, file_format=file_format, quality=quality)) for quality in (10, 50, 100)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2


def test_webp_stays_lossless_where_it_was_unless_a_quality_is_asked_for(tmp_path: Path) -> None:
    picture = still(save(tmp_path / "a.webp", Image.fromarray(noise(30, 40)), lossless=True))
    assert np.array_equal(there_and_back(tmp_path, picture, "webp").pixels, noise(30, 40))
    assert not np.array_equal(there_and_back(tmp_path, picture, "webp", quality=80).pixels, noise(30, 40))
    lossy = still(save(tmp_path / "b.webp", Image.fromarray(noise(30, 40)), quality=80))
    assert not there_and_back(tmp_path, lossy, "webp").is_lossless


def test_a_picture_too_long_for_a_format_is_refused_with_another_one() -> None:
    long = Picture(np.zeros((2, 16384, 3), np.uint8))
    with pytest.raises(OutputError, match="WebP allows at most 16383 pixels per side, not 16384×2; choose png"):
        encode_picture(long, file_format="webp")
    assert encode_picture(long, file_format="png")
    with pytest.raises(OutputError, match="JPEG 2000 with 16 bits per channel needs at least 32 pixels per side"):
        encode_picture(Picture(noise(31, 40, deep=True)), file_format="jp2")


# Animations


def made_frames(count: int = 5, *, with_alpha: bool = False) -> list[Picture]:
    """Frames of few colors; the second shows the same as the first."""
    frames = []
    for index in range(count):
        pixels = np.zeros((20, 30, 3), np.uint8)
        place = max(0, index - 1) * 4
        pixels[5:15, place : place + 8] = (255, 40 * index if index > 1 else 0, 10)
        alpha = np.where(pixels[:, :, 0] > 0, 255, 0).astype(np.uint8) if with_alpha else None
        frames.append(Picture(pixels, alpha, file_format="webp", is_lossless=True))
    return frames


@pytest.mark.parametrize("loop", [0, 1, 3])
@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("file_format", ["gif", "webp", "png"])
def test_animations_keep_every_frame_delay_loop_and_clear_pixel(
    tmp_path: Path, file_format: str, with_alpha: bool, loop: int
) -> None:
    frames = made_frames(with_alpha=with_alpha)
    durations = [50, 70, 40, 100, 30]
    path = tmp_path / f"a.{file_format}"
    path.write_bytes(encode_animation(Animation(frames, durations, loop), file_format=file_format))

    back = animated(path)

    assert (back.durations_ms, back.loop, back.file_format) == (durations, loop, file_format)
    for frame, wanted in zip(back.frames, frames, strict=True):
        seen = slice(None) if wanted.alpha is None else wanted.alpha > 0
        assert np.array_equal(frame.pixels[seen], wanted.pixels[seen])
        assert wanted.alpha is None or np.array_equal(frame.alpha, wanted.alpha)


def test_animated_avif_keeps_frames_and_delays(tmp_path: Path) -> None:
    frames = made_frames()
    path = tmp_path / "a.avif"
    path.write_bytes(encode_animation(Animation(frames, [50, 70, 40, 100, 30]), file_format="avif"))
    back = animated(path)
    assert back.durations_ms == [50, 70, 40, 100, 30]
    assert all(np.abs(a.pixels.astype(int) - b.pixels).mean() < 4 for a, b in zip(back.frames, frames, strict=True))


def test_frames_that_only_change_a_part_are_read_whole(tmp_path: Path) -> None:
    images = [Image.fromarray(frame.pixels) for frame in made_frames()]
    path = save(tmp_path / "a.gif", images[0], save_all=True, append_images=images[1:], duration=40, loop=0)
    back = animated(path)
    assert np.array_equal(back.frames[-1].pixels, made_frames()[-1].pixels)
    assert all(frame.alpha is None for frame in back.frames)


def test_gif_frames_with_more_than_256_colors_stay_close(tmp_path: Path) -> None:
    frames = [Picture(smooth(120, 160, seed=seed)) for seed in (0, 50)]
    path = tmp_path / "a.gif"
    path.write_bytes(encode_animation(Animation(frames, [100, 100]), file_format="gif"))
    for frame, wanted in zip(animated(path).frames, frames, strict=True):
        assert np.abs(frame.pixels.astype(int) - wanted.pixels).mean() < 5


def test_a_gif_of_exactly_256_opaque_colors_is_written_and_stays_exact(tmp_path: Path) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.dstack([codes, codes[::-1], codes.T])
    back = there_and_back(tmp_path, Picture(pixels, file_format="gif"), "gif")
    assert np.array_equal(back.pixels, pixels)


def gif_file(screen_wh: tuple[int, int], *frames_wh: tuple[int, int]) -> bytes:
    """A GIF of one color whose frames may be larger than its canvas."""
    data = b"GIF89a" + struct.pack("<HHBBB", *screen_wh, 0x80, 0, 0) + bytes(3) + b"\xff\0\0"
    for width, height in frames_wh:
        image = Image.new("P", (width, height)) if width * height < 10_000 else Image.new("P", (1, 1))
        tile = GifImagePlugin.getdata(image)
        data += b"!\xf9\x04\x04\x05\0\0\0" + tile[0][:5] + struct.pack("<HH", width, height) + tile[0][9:]
        data += b"".join(tile[1:])
    return data + b";"


def test_a_gif_frame_larger_than_its_canvas_takes_no_more_memory_than_allowed(tmp_path: Path) -> None:
    (tmp_path / "bomb.gif").write_bytes(gif_file((8, 8), (8, 8), (60000, 60000)))
    with pytest.raises(PictureError, match="60000×60000 pixels in 2 frames"):
        read_picture(tmp_path / "bomb.gif")

    (tmp_path / "odd.gif").write_bytes(gif_file((8, 8), (8, 8), (20, 12)))
    assert [frame.size_hw for frame in animated(tmp_path / "odd.gif").frames] == [(8, 8), (8, 8)]


def test_metadata_of_an_animation_arrive(tmp_path: Path) -> None:
    first, *rest = made_frames()
    first = replace(first, exif=exif_block(1), xmp=XMP % 1, icc=SRGB)
    for file_format in ("webp", "png", "avif"):
        path = tmp_path / f"a.{file_format}"
        path.write_bytes(encode_animation(Animation([first, *rest], [50] * 5), file_format=file_format))
        back = animated(path).frames[0]
        assert (back.xmp, back.icc) == (first.xmp, SRGB)
        assert back.exif is not None
        assert b"Maker" in back.exif


def test_a_gif_of_one_frame_is_a_picture_and_stays_exact(tmp_path: Path) -> None:
    image = Image.fromarray(smooth()).quantize(64)
    picture = still(save(tmp_path / "a.gif", image))
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert np.array_equal(there_and_back(tmp_path, picture, "gif").pixels, picture.pixels)


def test_an_animation_in_a_format_without_is_refused() -> None:
    with pytest.raises(OutputError, match="JPEG cannot hold an animation; choose gif, webp, png or avif"):
        encode_animation(Animation(made_frames(), [50] * 5), file_format="jpg")


# HEIC


def heic_file(path: Path, image: Image.Image, **options: Any) -> Path:
    pillow_heif.from_pillow(image).save(path, quality=90, **options)
    return path


def test_heic_is_read_upright_with_its_metadata(tmp_path: Path) -> None:
    path = heic_file(tmp_path / "a.heic", Image.fromarray(smooth(64, 96)), exif=exif_block(6))
    picture = still(path)
    wanted = np.rot90(smooth(64, 96), -1)
    assert picture.file_format == "heic"
    assert picture_size_hw(path) == picture.size_hw == wanted.shape[:2]
    assert np.abs(picture.pixels.astype(int) - wanted).mean() < 6
    assert picture.exif is not None
    assert b"Maker" in picture.exif
    back = there_and_back(tmp_path, picture, output_format("heic"))
    assert back.file_format == "jpg"
    assert back.size_hw == picture.size_hw


def test_10_bit_heic_is_read_with_16(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 512).astype(np.uint16)[None], 64, axis=0)
    frame = pillow_heif.from_bytes("RGB;16", (512, 64), np.repeat(ramp[:, :, None], 3, axis=2).tobytes())
    frame.save(tmp_path / "a.heic", quality=-1)
    picture = still(tmp_path / "a.heic")
    assert picture.pixels.dtype == np.uint16
    assert len(np.unique(picture.pixels)) > 400
    assert picture.pixels.max() > 65000


# What is refused


def one_sentence(error: pytest.ExceptionInfo[Any], path: Path) -> str:
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < len(str(path)) + 200
    return text


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in ("JPEG", "PNG", "PNG16", "WEBP", "TIFF", "TIFF16", "AVIF")),
        *((name, {}) for name in ("BMP", "GIF", "JPEG2000", "HEIC")),
        ("JPEG", {"progressive": True}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_a_file_that_is_cut_off_is_refused_never_half_gray(
    tmp_path: Path, name: str, options: dict[str, Any], kept: float
) -> None:
    path = tmp_path / "cut"
    if name == "HEIC":
        heic_file(path, Image.fromarray(noise(64, 96)))
    elif name in ("PNG16", "TIFF16"):
        path.write_bytes(encode_picture(Picture(noise(64, 96, deep=True)), file_format=name.removesuffix("16").lower()))
    else:
        save(path, Image.fromarray(noise(64, 96)), name, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(PictureError) as error:
        read_picture(path)
    one_sentence(error, path)


def test_a_flipped_bit_in_a_png_is_noticed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(noise(64, 96)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(PictureError, match=r"a\.png is damaged"):
        read_picture(path)


@pytest.mark.parametrize("read", [read_picture, picture_size_hw])
def test_what_is_no_picture_gets_one_sentence(tmp_path: Path, read: Any) -> None:
    empty, text, missing = tmp_path / "empty.jpg", tmp_path / "text.png", tmp_path / "missing.png"
    empty.touch()
    text.write_text("not a picture at all")
    for path, reason in [
        (empty, "is empty"),
        (text, "is not a picture that can be read"),
        (missing, "cannot be read: No such file"),
        (tmp_path, "cannot be read: "),
    ]:
        with pytest.raises(PictureError) as error:
            read(path)
        assert reason in one_sentence(error, path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_gets_one_sentence(tmp_path: Path) -> None:
    path = save(tmp_path / "secret.png", Image.fromarray(smooth()))
    path.chmod(0)
    with pytest.raises(PictureError, match=r"secret\.png cannot be read: Permission denied"):
        read_picture(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders on Windows")
@pytest.mark.parametrize("read", [read_picture, picture_size_hw, read_thumbnail])
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path, read: Any) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"a\.png is not a regular file, so it is not opened"):
        read(tmp_path / "a.png")


def test_a_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    row = b"\0" + bytes(60_000 // 8)
    path.write_bytes(png_file(60_000, 60_000, 1, 0, row * 2))
    with pytest.raises(PictureError) as error:  # not that it is cut off, which decoding would find
        read_picture(path)
    text = one_sentence(error, path)
    assert "60000×60000" in text
    assert "3,600,000,000" in text
    assert "250,000,000" in text
    assert "--max-pixels" in text
    assert picture_size_hw(path) == (60_000, 60_000)


def test_the_limit_counts_all_frames_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(encode_animation(Animation(made_frames(), [50] * 5), file_format="gif"))
    assert len(animated(path, max_pixels=5 * 20 * 30).frames) == 5
    with pytest.raises(PictureError, match="30×20 pixels in 5 frames, 3,000 in all, more than the limit of 2,999"):
        read_picture(path, max_pixels=2999)
    with pytest.raises(PictureError, match="--max-pixels 6144 would allow it"):
        read_picture(heic_file(tmp_path / "a.heic", Image.fromarray(noise(64, 96))), max_pixels=6143)


@pytest.mark.filterwarnings("error")
def test_the_limits_of_the_libraries_do_not_get_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("PNG", "TIFF", "WEBP", "GIF"):
        assert still(save(tmp_path / "a", Image.fromarray(smooth()), name)).size_hw == (40, 60)
    assert Image.MAX_IMAGE_PIXELS == 100, "and are left as they were for the rest of the program"

    (tmp_path / "deep.png").write_bytes(encode_picture(Picture(noise(40, 60, deep=True)), file_format="png"))
    program = "import sys, pathlib; import cgconv.runtime.films.reader; from cgconv.runtime.images import read_picture"
    program += "; print(read_picture(pathlib.Path(sys.argv[1])).pixels.dtype)"
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "deep.png")],
        env=os.environ | {"OPENCV_IO_MAX_IMAGE_PIXELS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "uint16"


# Names and places


def test_the_format_of_a_result() -> None:
    for source in FileFormat:
        assert output_format(source) == {"heic": "jpg", "dpx": "tiff"}.get(source, source)
        for wanted in ("png", "jpg", "webp", "tiff", "avif"):
            assert output_format(source, wanted) == wanted
    with pytest.raises(UsageError, match="--format: found bmp"):
        output_format("png", "bmp")
    assert output_suffix(Path("A.JPG")) == ".JPG"
    assert output_suffix(Path("a.tif"), "tiff") == ".tif"
    assert output_suffix(Path("a.HEIC")) == ".jpg"
    assert output_suffix(Path("a.jpeg"), "webp") == ".webp"
    assert format_of_suffix(Path("a.txt")) is None
    with pytest.raises(UsageError, match=r"a\.txt does not have the name of a picture"):
        output_suffix(Path("a.txt"))


def test_a_file_is_put_in_place_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / ("é" * 100 + ".png")  # over 200 bytes: no room for a longer name beside it
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if sys.platform != "win32":
        plain = tmp_path / "plain"
        plain.touch()
        assert path.stat().st_mode == plain.stat().st_mode, "readable for whom other new files are"


def test_a_full_disk_leaves_the_older_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"older")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"a\.png cannot be written: No space left on device"):
        write_atomically(path, b"newer")
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_of_a_result_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a\.png cannot be written: Is a directory"):
        write_atomically(tmp_path / "a.png", b"data")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_png_files_of_pictures_are_smaller_than_at_level_4_and_exact() -> None:
    pixels = natural_picture((256, 256))
    data = encode_picture(Picture(pixels), file_format="png")
    _, at_level_4 = cv2.imencode(".png", pixels[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 4])
    assert len(data) < len(at_level_4)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1], pixels)
