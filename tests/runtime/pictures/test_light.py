"""OpenEXR keeps its light, brighter than white too; DPX is read."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from cgconv.runtime.errors import PictureError
from cgconv.runtime.images import Picture, encode_picture, read_picture
from cgconv.runtime.pictures.job import PictureOptions, translate_picture_file

SIZE_HW = (24, 40)


def exr(channels: dict[str, np.ndarray], *, half: bool) -> bytes:
    """Return an uncompressed OpenEXR file, written by its specification."""
    height, width = SIZE_HW

    def attribute(name: str, kind: str, data: bytes) -> bytes:
        return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(data)) + data

    names = sorted(channels)
    listed = b"".join(f"{name}\0".encode() + struct.pack("<iIii", 1 if half else 2, 0, 1, 1) for name in names) + b"\0"
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = b"\x76\x2f\x31\x01" + struct.pack("<i", 2)
    head += attribute("channels", "chlist", listed) + attribute("compression", "compression", b"\0")
    head += attribute("dataWindow", "box2i", box) + attribute("displayWindow", "box2i", box)
    head += attribute("lineOrder", "lineOrder", b"\0") + attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    head += attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    head += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    dtype = "<f2" if half else "<f4"
    lines = [b"".join(channels[name][row].astype(dtype).tobytes() for name in names) for row in range(height)]
    start, places, body = len(head) + 8 * height, [], b""
    for row, line in enumerate(lines):
        places.append(start + len(body))
        body += struct.pack("<ii", row, len(line)) + line
    return head + struct.pack(f"<{height}Q", *places) + body


def scene(half: bool) -> dict[str, np.ndarray]:
    """Return light from under black to eight times white, none of which is special."""
    random = np.random.default_rng(1)
    kind = np.float16 if half else np.float32
    return {name: (random.uniform(-0.05, 1, SIZE_HW) ** 3 * 8).astype(kind).astype(np.float32) for name in "RGB"}


class Model:
    def __init__(self, change: object = None) -> None:
        self.change, self.seen = change or (lambda batch: batch), np.empty(0)

    def translate(self, batch: np.ndarray) -> np.ndarray:
        self.seen = batch
        return self.change(batch)  # type: ignore[operator]


def light_of(path: Path) -> np.ndarray:
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    assert picture.light is not None
    return picture.light.values


def srgb(light: np.ndarray) -> np.ndarray:
    size = np.abs(light)
    return np.sign(light) * np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)


def linear(encoded: np.ndarray) -> np.ndarray:
    size = np.abs(encoded)
    return np.sign(encoded) * np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("half", [True, False], ids=["half", "float"])
def test_what_a_model_leaves_keeps_its_light_bit_for_bit(tmp_path: Path, half: bool) -> None:
    light = scene(half)
    (tmp_path / "a.exr").write_bytes(exr(light, half=half))
    model = Model()
    translate_picture_file(tmp_path / "a.exr", tmp_path / "b.exr", model)
    wanted = np.dstack([light[name] for name in "RGB"])
    np.testing.assert_array_equal(light_of(tmp_path / "b.exr"), wanted)
    assert np.abs(model.seen[0] - np.clip(srgb(wanted), 0, 1)).max() < 1e-4
    kept = read_picture(tmp_path / "b.exr")
    assert isinstance(kept, Picture)
    assert kept.light is not None
    assert kept.light.is_half is half


def test_over_white_the_light_follows_the_change_of_the_rest(tmp_path: Path) -> None:
    light = scene(False)
    (tmp_path / "a.exr").write_bytes(exr(light, half=False))
    translate_picture_file(tmp_path / "a.exr", tmp_path / "b.exr", Model(lambda batch: batch * 0.5 + 0.1))
    encoded = srgb(np.dstack([light[name] for name in "RGB"]))
    wanted = linear(encoded * 0.5 + 0.1)
    assert wanted.max() > 1
    assert np.abs(srgb(light_of(tmp_path / "b.exr")) - srgb(wanted)).max() < 1e-3


def test_colors_are_multiplied_by_their_transparency_again(tmp_path: Path) -> None:
    light = scene(False)
    alpha = np.linspace(0, 1, SIZE_HW[1], dtype=np.float32)[None].repeat(SIZE_HW[0], 0)
    light = {name: np.abs(values) * alpha for name, values in light.items()} | {"A": alpha}
    (tmp_path / "a.exr").write_bytes(exr(light, half=False))
    translate_picture_file(tmp_path / "a.exr", tmp_path / "same.exr", Model())
    np.testing.assert_array_equal(light_of(tmp_path / "same.exr"), np.dstack([light[name] for name in "RGBA"]))
    translate_picture_file(tmp_path / "a.exr", tmp_path / "half.exr", Model(lambda batch: batch * 0.5))
    result = light_of(tmp_path / "half.exr")
    apart = np.dstack([light[name] for name in "RGB"])[:, 1:] / alpha[:, 1:, None]
    assert np.abs(srgb(result[:, 1:, :3] / alpha[:, 1:, None]) - srgb(linear(srgb(apart) * 0.5))).max() < 2e-3
    np.testing.assert_array_equal(result[..., 3], alpha)


def test_light_over_white_that_a_result_cannot_hold_is_named_and_other_channels_too(tmp_path: Path) -> None:
    light = scene(True)
    (tmp_path / "a.exr").write_bytes(exr(light | {"Z": light["R"]}, half=True))
    warnings = translate_picture_file(tmp_path / "a.exr", tmp_path / "b.png", Model())["warnings"]
    assert any("brighter than white are cut off" in warning for warning in warnings)
    assert any("left out: Z" in warning for warning in warnings)
    picture = read_picture(tmp_path / "b.png")
    assert isinstance(picture, Picture)
    wanted = np.clip(srgb(np.dstack([light[name] for name in "RGB"])), 0, 1) * 65535
    assert np.abs(picture.pixels - wanted).max() <= 1


def test_a_picture_becomes_the_light_that_its_values_mean(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8)
    (tmp_path / "a.png").write_bytes(encode_picture(Picture(pixels), file_format="png"))
    translate_picture_file(tmp_path / "a.png", tmp_path / "b.exr", Model())
    assert np.abs(srgb(light_of(tmp_path / "b.exr")) * 255 - pixels).max() < 0.1  # halves


def test_light_without_a_number_and_a_cut_file_are_refused(tmp_path: Path) -> None:
    light = scene(False)
    light["R"][3, 4] = np.nan
    (tmp_path / "nan.exr").write_bytes(exr(light, half=False))
    with pytest.raises(PictureError, match="not numbers"):
        read_picture(tmp_path / "nan.exr")
    (tmp_path / "cut.exr").write_bytes(exr(scene(False), half=False)[:200])
    with pytest.raises(PictureError, match="damaged or cut off"):
        read_picture(tmp_path / "cut.exr")


def dpx_of_10_bits(samples: np.ndarray) -> bytes:
    """Return a DPX file, written by SMPTE 268M: three samples of 10 bits in each word, big-endian."""
    height, width = samples.shape[:2]
    head = bytearray(b"\xff" * 2048)
    head[0:8] = b"SDPX" + struct.pack(">I", 2048)
    head[8:16] = b"V1.0\0\0\0\0"
    head[16:20] = struct.pack(">I", 2048 + 4 * width * height)
    head[768:780] = struct.pack(">HHII", 0, 1, width, height)
    head[780:784] = struct.pack(">I", 0)
    head[800:804] = bytes([50, 2, 2, 10])  # RGB, linear, linear, 10 bits
    head[804:816] = struct.pack(">HHII", 1, 0, 2048, 0)
    words = (
        samples[..., 0].astype(">u4") << 22 | samples[..., 1].astype(">u4") << 12 | samples[..., 2].astype(">u4") << 2
    )
    return bytes(head) + words.astype(">u4").tobytes()


def test_dpx_of_10_bits_is_read(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 1024, (*SIZE_HW, 3), np.uint16)
    (tmp_path / "a.dpx").write_bytes(dpx_of_10_bits(samples))
    facts = translate_picture_file(tmp_path / "a.dpx", tmp_path / "b.tiff", Model(), PictureOptions())
    picture = read_picture(tmp_path / "b.tiff")
    assert isinstance(picture, Picture)
    np.testing.assert_array_equal(picture.pixels, np.rint(samples * (65535 / 1023)).astype(np.uint16))
    assert facts["format_in"] == "dpx"
