"""Read OpenEXR and DPX files, write OpenEXR, and bring a translation back to light, which goes on over white."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.error import FFmpegError, PatchWelcomeError
from numpy.typing import NDArray

from cgconv.runtime.blend import resized_like
from cgconv.runtime.errors import PictureError

from .formats import FileFormat
from .picture import Light, Picture, Pixels

Values = NDArray[Any]  # Any: float32; linear light, or sRGB-encoded without an end at 1

EXR_MAGIC = b"\x76\x2f\x31\x01"
DPX_MAGICS = (b"SDPX", b"XPDS")
HEAD_BYTES = 1 << 16
MULTIPART = 0x1000  # of the flags behind the magic number
HALF = 1  # of a channel's type
PLANES = {3: (2, 0, 1), 4: (2, 0, 1, 3)}  # FFmpeg's G, B, R, A → R, G, B, A
LOGARITHMIC = (1, 3)  # of DPX's transfer characteristics: printing density, logarithmic
LEAST_VARIANCE = 1e-6


def kind_of(file: BinaryIO) -> FileFormat | None:
    """Return EXR or DPX where a file begins so."""
    file.seek(0)
    head = file.read(4)
    return FileFormat.EXR if head == EXR_MAGIC else FileFormat.DPX if head in DPX_MAGICS else None


def light_size_hw(path: Path, file: BinaryIO) -> tuple[int, int]:
    """Return the size of an EXR or DPX file, from its header. Raises PictureError."""
    kind = kind_of(file)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    window = b"displayWindow\0box2i\0"
    try:
        if kind is FileFormat.DPX:
            width, height = struct.unpack_from(">II" if head[:4] == DPX_MAGICS[0] else "<II", head, 772)
        else:
            left, top, right, bottom = struct.unpack_from("<4i", head, head.index(window) + len(window) + 4)
            width, height = right - left + 1, bottom - top + 1
    except (struct.error, ValueError) as error:
        raise PictureError(f"{path} is damaged or cut off: its header does not say how large it is") from error
    if width < 1 or height < 1:
        raise PictureError(f"{path} is damaged: it says that it has {width}×{height} pixels")
    return height, width


def read_light(path: Path, file: BinaryIO, max_pixels: int) -> Picture:
    """Return the picture in an EXR or DPX file: 16 bits as sRGB, and of an EXR file its light beside it.

    EXR colors are multiplied by their transparency; `pixels` have them undone. Raises PictureError.
    """
    kind = kind_of(file)
    assert kind is not None
    file.seek(0)
    head = file.read(HEAD_BYTES)
    with _opened(path, file, max_pixels) as container:
        frame = next(container.decode(video=0))
    return _exr(path, frame, head) if kind is FileFormat.EXR else _dpx(path, frame, head)


def encode_exr(picture: Picture, frames_per_second: Fraction | None = None) -> bytes:
    """Return an OpenEXR file of the picture's light; of a picture without, of what its sRGB values mean, in halves."""
    light = picture.light or Light(_light_of(picture), is_half=True)
    values = light.values
    channels = values.shape[2]
    height, width = values.shape[:2]
    frame = av.VideoFrame(width, height, "gbrapf32le" if channels == 4 else "gbrpf32le")
    for plane, channel in zip(frame.planes, (1, 2, 0, 3)[:channels], strict=True):
        _lines(plane)[:, :width] = values[..., channel]
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    written = io.BytesIO()
    with av.open(written, "w", format="image2pipe") as output:
        options = {"format": "half" if light.is_half else "float", "compression": "zip16"}
        stream = output.add_stream("exr", rate=24, options=options)
        stream.codec_context.framerate = (
            frames_per_second or light.frames_per_second or Fraction(0)
        )  # 0: none is written
        stream.width, stream.height, stream.pix_fmt = width, height, frame.format.name
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return written.getvalue()


def relit(before: Picture, pixels: Pixels) -> Light | None:
    """Return the light of `before` after it became `pixels`, sRGB of 16 bits; None where it has none.

    What is over white (or under black) a model does not see. It is given the change of the whole picture, fitted for
    each color as gain × before + offset: the gain times what was cut off is added. A sample that is not changed
    keeps its light bit for bit.
    """
    if before.light is None:
        return None
    values, seen = before.light.values, before.pixels
    if seen.shape != pixels.shape:  # an upscaler's result
        light = replace(before.light, values=_resized(values, pixels))
        return relit(replace(before, pixels=resized_like(seen, pixels), light=light), pixels)
    alpha = values[..., 3:] if values.shape[2] == 4 else np.float32(1)
    encoded = to_srgb(_apart(values))
    beyond = encoded - np.clip(encoded, 0, 1)
    wanted = pixels / np.float32(65535) + _gain(seen, pixels) * beyond
    colors = np.where(seen == pixels, values[..., :3], from_srgb(wanted) * alpha)
    return replace(before.light, values=np.concatenate([colors, values[..., 3:]], axis=2, dtype=np.float32))


def to_srgb(light: Values) -> Values:
    """Return linear light as sRGB-encoded values; over 1 and under 0 the curve goes on."""
    size = np.abs(light)
    low = size <= 0.0031308
    high = 1.055 * np.power(np.where(low, 1, size), 1 / 2.4) - 0.055
    return np.copysign(np.where(low, 12.92 * size, high), light).astype(np.float32)


def from_srgb(encoded: Values) -> Values:
    """Return the light that sRGB-encoded values mean, over 1 and under 0 too."""
    size = np.abs(encoded.astype(np.float64))
    light = np.where(size <= 0.04045, size / 12.92, np.power((size + 0.055) / 1.055, 2.4))
    return np.copysign(light, encoded).astype(np.float32)


def resized_light(light: Light | None, pixels: Pixels) -> Light | None:
    """Return the light in the size of `pixels`."""
    return None if light is None else replace(light, values=_resized(light.values, pixels))


def _resized(values: Values, pixels: Pixels) -> Values:
    from cgconv.runtime.opencv import cv2

    height, width = pixels.shape[:2]
    how = cv2.INTER_AREA if height * width < values.shape[0] * values.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (width, height), interpolation=how))


def _gain(seen: Pixels, pixels: Pixels) -> Values:
    """Return the least-squares gain of each color from `seen` to `pixels`; 1 where there is nothing to fit."""
    gains = []
    for channel in range(3):
        one, other = (image[..., channel].astype(np.float64) / 65535 for image in (seen, pixels))
        variance = one.var()
        covariance = ((one - one.mean()) * (other - other.mean())).mean()
        gains.append(max(0.0, covariance / variance) if variance > LEAST_VARIANCE else 1.0)
    return np.array(gains, np.float32)


def _apart(values: Values) -> Values:
    """Return colors that are not multiplied by their transparency any more."""
    if values.shape[2] == 3:
        return values
    alpha = values[..., 3:]
    return np.where(alpha > 0, values[..., :3] / np.where(alpha > 0, alpha, 1), values[..., :3])


def _light_of(picture: Picture) -> Values:
    whole = np.float32(np.iinfo(picture.pixels.dtype).max)
    colors = from_srgb(picture.pixels / whole)
    if picture.alpha is None:
        return colors
    alpha = (picture.alpha / whole).astype(np.float32)[..., None]
    return np.concatenate([colors * alpha, alpha], axis=2)


def _exr(path: Path, frame: av.VideoFrame, head: bytes) -> Picture:
    names, is_half = _channels(head)
    if frame.format.name not in ("gbrpf32le", "gbrapf32le", "grayf32le", "gbrpf16le", "gbrapf16le"):
        raise PictureError(
            f"{path} has channels in a layout that cgconv cannot read ({frame.format.name}); save it as RGB(A)"
        )
    stored = "<f2" if "f16" in frame.format.name else "<f4"
    planes = [np.array(_lines(plane, stored)[:, : frame.width], np.float32) for plane in frame.planes]
    is_gray = len(planes) == 1
    values = np.stack(planes * 3 if is_gray else [planes[index] for index in PLANES[len(planes)]], axis=2)
    if not np.isfinite(values).all():
        raise PictureError(f"{path} has values that are infinite or not numbers; repair it first")
    pixels = np.rint(np.clip(to_srgb(_apart(values)), 0, 1) * np.float32(65535)).astype(np.uint16)
    alpha = np.rint(np.clip(values[..., 3], 0, 1) * 65535).astype(np.uint16) if values.shape[2] == 4 else None
    others = sorted(names - {"R", "G", "B", "A", "Y"})
    notes = [f"channels other than the colors are left out: {', '.join(others[:6])}"] if others else []
    if int.from_bytes(head[4:8], "little") & MULTIPART:
        notes.append("only the first of its parts is read")
    light = Light(values, is_half=is_half, frames_per_second=_rate(head))
    return Picture(
        pixels, alpha, is_gray=is_gray, light=light, file_format=FileFormat.EXR, is_lossless=True, notes=tuple(notes)
    )


def _dpx(path: Path, frame: av.VideoFrame, head: bytes) -> Picture:
    name = frame.format.name
    bits = max(component.bits for component in frame.format.components)
    if name.startswith("gbrp") and name.endswith("le"):
        samples = np.stack([_lines(frame.planes[i], "<u2")[:, : frame.width] for i in PLANES[3]], axis=2)
        pixels = ((samples.astype(np.uint32) * 65535 + (2**bits - 1) // 2) // (2**bits - 1)).astype(np.uint16)
    elif bits == 8:
        pixels = frame.reformat(format="rgb24").to_ndarray()
    elif bits == 16:
        pixels = frame.reformat(format="rgb48le").to_ndarray()
    else:
        raise PictureError(
            f"{path} has a layout that cgconv cannot read ({name}); save it as RGB of 8, 10, 12 or 16 bits"
        )
    notes = (
        ("its values are logarithmic (film densities) and are taken unchanged",)
        if head[801:802] and head[801] in LOGARITHMIC
        else ()
    )
    return Picture(pixels, source_bits=bits, file_format=FileFormat.DPX, is_lossless=True, notes=notes)


def _channels(head: bytes) -> tuple[set[str], bool]:
    """Return the names of an EXR file's channels, and whether all colors are halves."""
    start = head.find(b"channels\0chlist\0")
    names: set[str] = set()
    types = set[int]()
    place = start + len(b"channels\0chlist\0") + 4
    while start >= 0 and place < len(head) - 16 and head[place]:
        end = head.index(b"\0", place)
        name = head[place:end].decode("latin-1")
        (kind,) = struct.unpack_from("<i", head, end + 1)
        names.add(name)
        if name in ("R", "G", "B", "A", "Y"):
            types.add(kind)
        place = end + 1 + 16
    return names, types == {HALF}


def _rate(head: bytes) -> Fraction | None:
    """Return the frames a second that an EXR file says it is of."""
    name = b"framesPerSecond\0rational\0"
    start = head.find(name) + len(name) + 4
    if name not in head or len(head) < start + 8:
        return None
    frames, seconds = struct.unpack_from("<iI", head, start)
    return Fraction(frames, seconds) if frames > 0 and seconds else None


@contextmanager
def _opened(path: Path, file: BinaryIO, max_pixels: int) -> Iterator[av.container.InputContainer]:
    """Give the file opened by FFmpeg, and turn what goes wrong with it into one sentence."""
    kind = kind_of(file)
    file.seek(0)
    name = str(kind).upper()
    try:
        with av.open(file, "r", format=f"{kind}_pipe", options={"max_pixels": str(max_pixels)}) as container:
            yield container
    except PatchWelcomeError as error:
        raise PictureError(
            f"{path} is {name} of a kind that cgconv cannot read;"
            " save it as 16-bit RGB, an EXR file with ZIP compression"
        ) from error
    except (FFmpegError, StopIteration, IndexError) as error:
        raise PictureError(f"{path} is damaged or cut off, or no {name} that can be read") from error


def _lines(plane: Any, dtype: str = "<f4") -> NDArray[Any]:  # Any: PyAV's plane; its samples
    data = np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size]
    return data.reshape(plane.height, plane.line_size).view(dtype)
