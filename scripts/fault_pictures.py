"""Faults of pictures: small files of every format and layout that is read, damaged by chance and with knowledge."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import pillow_heif
from fault_frame import Edit, Mutations, Row, applied, byte_edits
from numpy.typing import NDArray
from PIL import Image, ImageCms

SIZE_WH = (40, 36)
TIFF_MAGIC = {b"II*\0": "<", b"MM\0*": ">"}
NUMBERS = (0, 1, 2, 3, 8, 16, 255, 256, 65535, 65536, 0x7FFFFFFF, 0xFFFFFFFF)


def rows() -> list[Row]:
    """Return the rows of this file."""
    return [
        Mutations(name="pictures: bytes", tries=350, make=make_pictures, attempt=use_picture, change=byte_edits),
        Mutations(name="pictures: fields", tries=250, make=make_pictures, attempt=use_picture, change=field_edits),
    ]


def make_pictures(folder: Path) -> Sequence[Path]:
    """Write valid files and return them."""
    down, across = np.mgrid[0 : SIZE_WH[1], 0 : SIZE_WH[0]]
    pixels = np.stack([across * 6, down * 9, across + down], axis=2).astype(np.uint8)
    image, second = Image.fromarray(pixels), Image.fromarray(pixels[::-1])
    clear = image.copy()
    clear.putalpha(Image.fromarray(pixels[:, :, 0]))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = Image.Exif()
    tags[0x0112], tags[0x010F], tags[0x011A] = 6, "Maker", 72.5
    tags.get_ifd(0x8769).update({0x829A: 0.004, 0x9000: b"0232", 0x927C: b"a maker's note", 0xA405: 35})
    tags.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5), 5: b"\0"})
    known: dict[str, Any] = {"exif": tags.tobytes(), "icc_profile": icc}  # Any: Pillow's options
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
        b' hdrgm:Version="1.0" tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></x:xmpmeta>'
    )
    two: dict[str, Any] = {"save_all": True, "append_images": [second]}  # Any: as above
    for name, picture, file_format, options in (
        ("plain.jpg", image, "JPEG", known | {"xmp": xmp, "comment": b"a comment"}),
        ("progressive.jpg", image, "JPEG", {"progressive": True}),
        ("cmyk.jpg", image.convert("CMYK"), "JPEG", {}),
        ("two.mpo", image, "MPO", two),
        ("plain.png", image, "PNG", known | {"dpi": (72, 72)}),
        ("gray.png", image.convert("LA"), "PNG", {}),
        ("palette.png", image.quantize(16), "PNG", {"transparency": 3}),
        ("moving.png", image, "PNG", two | {"duration": 50}),
        ("plain.webp", image, "WEBP", known | {"xmp": xmp}),
        ("lossless.webp", clear, "WEBP", {"lossless": True}),
        ("moving.webp", image, "WEBP", two | {"duration": 50}),
        ("plain.avif", image, "AVIF", known | {"xmp": xmp}),
        ("moving.avif", image, "AVIF", two),
        ("plain.gif", image.quantize(32), "GIF", {"comment": b"a comment"}),
        ("moving.gif", image, "GIF", two | {"duration": 50, "loop": 2}),
        ("plain.bmp", image, "BMP", {}),
        ("palette.bmp", image.quantize(16), "BMP", {}),
        ("plain.jp2", image, "JPEG2000", {}),
        ("plain.tiff", image, "TIFF", known),
        ("lzw.tiff", image, "TIFF", {"compression": "tiff_lzw"}),
        ("deflate.tiff", clear, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tiff", image, "TIFF", {"compression": "jpeg"}),
        ("cmyk.tiff", image.convert("CMYK"), "TIFF", {}),
        ("pages.tiff", image, "TIFF", two),
    ):
        with io.BytesIO() as buffer:  # a copy: some of Pillow's encoders leave settings in the picture
            given = options | {"append_images": [second.copy()]} if "append_images" in options else options
            picture.copy().save(buffer, file_format, **given)
            (folder / name).write_bytes(buffer.getvalue())
    pillow_heif.from_pillow(image).save(folder / "plain.heic", quality=50, **known)
    deep = (pixels.astype(np.uint16) * 257)[:, :, ::-1]
    for suffix in (".png", ".tiff", ".jp2"):
        _write_with_opencv(folder / f"deep{suffix}", deep)
        _write_with_opencv(folder / f"gray{suffix}", deep[:, :, 0])
    _write_with_opencv(folder / "deep.avif", np.asarray(deep >> 6, np.uint16), cv2.IMWRITE_AVIF_DEPTH, 10)
    (folder / "gray-alpha.tiff").write_bytes(_deep_gray_with_alpha(deep[:, :, :2]))
    return sorted(folder.iterdir())


def _write_with_opencv(path: Path, samples: NDArray[np.uint16], *options: int) -> None:
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(samples), list(options))[1].tobytes())


def _deep_gray_with_alpha(samples: NDArray[np.uint16]) -> bytes:
    height, width, _ = samples.shape
    pixels = samples.astype("<u2").tobytes()
    values = {256: width, 257: height, 259: 1, 262: 1, 277: 2, 278: height, 338: 2}
    entries = {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in values.items()}
    entries[258] = struct.pack("<HHIHH", 258, 3, 2, 16, 16)
    entries[273], entries[279] = struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 279, 4, 1, len(pixels))
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory


def field_edits(data: bytes, random: Random) -> list[Edit]:
    """Return edits that a reader does not notice by a checksum, or that change what a header says."""
    if data.startswith(b"\x89PNG"):
        return [Edit(0, len(data), _with_right_checksums(applied(data, byte_edits(data, random))))]
    if order := TIFF_MAGIC.get(data[:4]):
        (directory,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, directory)
        entry = directory + 2 + 12 * random.randrange(entries)
        at, width = random.choice(((entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4), (entry + 8, 2)))
        number = random.choice((*NUMBERS, random.randrange(1 << 16))) % (1 << 8 * width)
        return [Edit(at, at + width, number.to_bytes(width, "little" if order == "<" else "big"))]
    at = random.randrange(max(1, min(len(data), 700)))
    width = random.choice((1, 2, 4))
    number = random.choice(NUMBERS) % (1 << 8 * width)
    return [Edit(at, at + width, number.to_bytes(width, random.choice(("little", "big"))))]


def _with_right_checksums(data: bytes) -> bytes:
    parts, place = [data[:8]], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        if place + 12 + length > len(data):
            break
        body = data[place + 4 : place + 8 + length]
        parts += [data[place : place + 4], body, struct.pack(">I", zlib.crc32(body))]
        place += 12 + length
    return b"".join([*parts, data[place:]])


class _Unchanging:
    def translate(self, batch: NDArray[Any]) -> NDArray[Any]:  # Any: uint8 or float32
        return batch


def use_picture(path: Path, results: Path) -> None:
    """Look at a picture as lists and data checks do, then translate it into its own format and into another one."""
    from cgconv.runtime.errors import CgconvError
    from cgconv.runtime.find import sniff_suffix
    from cgconv.runtime.images import picture_size_hw, read_thumbnail
    from cgconv.runtime.pictures.job import PictureOptions, translate_picture_file

    refusals = []
    for look in (picture_size_hw, read_thumbnail, sniff_suffix):
        try:
            look(path)
        except CgconvError as error:
            refusals.append(error)
    options = PictureOptions(allow_hdr=True)
    own = path.suffix.replace(".heic", ".jpg").replace(".mpo", ".jpg")
    for suffix in dict.fromkeys((own, ".png", ".jpg", ".tiff", ".webp")):
        translate_picture_file(path, results / f"result{suffix}", _Unchanging(), options)
    if refusals:
        raise refusals[0]
