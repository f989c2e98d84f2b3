"""Pictures keep what their makers said of them: colors, depth, captions; what is left out is said, and not claimed."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from test_images import SRGB, exif_block, noise, png_chunk, png_file, save, smooth, still, tiff_file

from cgconv.runtime.errors import PictureError
from cgconv.runtime.images import Picture, encode_picture, losses, picture_size_hw, read_picture, read_thumbnail

P3_RED = (0.5151, 0.2412, -0.0011)  # XYZ under D50, as Apple's own profile has it
P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_CHRM = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def png_with(*chunks: bytes, gray: bool = False, depth: int = 8) -> bytes:
    pixels = smooth()[:, :, :1] if gray else smooth()
    pixels = pixels.astype(">u2") * 257 if depth == 16 else pixels
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return png_file(60, 40, depth, 0 if gray else 2, rows, *chunks)


def gamma(value: float) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(values: tuple[int, ...]) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *values))


def codes(primaries: int, transfer: int) -> bytes:
    return png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def as_profile(icc: bytes | None) -> Any:
    assert icc is not None
    return ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile


def avif_with(primaries: int, transfer: int, *, depth: int = 8) -> bytes:
    pixels = smooth()[:, :, ::-1]
    if depth > 8:
        pixels = np.ascontiguousarray(pixels).astype(np.uint16) << (depth - 8)
    options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100]
    data = cv2.imencode(".avif", np.ascontiguousarray(pixels), options)[1].tobytes()
    place = data.index(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


def heic_with(tmp_path: Path, primaries: int, transfer: int) -> bytes:
    heif = pillow_heif.from_bytes("RGB", (60, 40), smooth().tobytes())
    heif.info["nclx_profile"] = {
        "color_primaries": primaries,
        "transfer_characteristics": transfer,
        "matrix_coefficients": 6,
        "full_range_flag": 1,
    }
    heif.save(tmp_path / "a.heic", quality=90, save_nclx_profile=True)
    return (tmp_path / "a.heic").read_bytes()


# Colors without a profile


@pytest.mark.parametrize("kind", ["cICP", "cHRM", "AVIF", "HEIC"])
@pytest.mark.parametrize("target", ["png", "jpg", "webp", "tiff", "avif"])
def test_display_p3_without_a_profile_stays_display_p3(tmp_path: Path, kind: str, target: str) -> None:
    made = {
        "cICP": lambda: png_with(codes(12, 13), png_chunk(b"iCCP", b"x\0\0" + b"not even a profile")),
        "cHRM": lambda: png_with(gamma(0.45455), chromaticities(P3)),
        "AVIF": lambda: avif_with(12, 13),
        "HEIC": lambda: heic_with(tmp_path, 12, 13),
    }
    (tmp_path / "a").write_bytes(made[kind]())
    (tmp_path / f"b.{target}").write_bytes(encode_picture(still(tmp_path / "a"), file_format=target))
    profile = as_profile(Image.open(tmp_path / f"b.{target}").info.get("icc_profile"))
    assert np.allclose(profile.red_colorant[0], P3_RED, atol=0.001)


@pytest.mark.parametrize("is_gray", [False, True])
def test_a_png_of_linear_light_looks_the_same_in_a_viewer_that_knows_profiles(tmp_path: Path, is_gray: bool) -> None:
    (tmp_path / "a.png").write_bytes(png_with(gamma(1.0), gray=is_gray))
    picture = still(tmp_path / "a.png")
    image = Image.fromarray(picture.pixels[:, :, 0] if is_gray else picture.pixels)
    source = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc or b""))
    shown = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    light = picture.pixels / 255.0
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(np.asarray(shown) - wanted).mean() < 1  # lcms is coarse where 8 bits of linear gray are dark


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [png_chunk(b"sRGB", b"\0"), gamma(1.0)],
        [gamma(0.45455), chromaticities(SRGB_CHRM)],
        [gamma(0.45455)],
        [codes(1, 13)],
        [gamma(0)],
        [chromaticities((0,) * 8)],
        [gamma(1.0), chromaticities((31270, 32900) * 4)],
    ],
)
def test_srgb_by_any_other_name_needs_no_profile_and_nonsense_gets_none(tmp_path: Path, chunks: list[bytes]) -> None:
    (tmp_path / "a.png").write_bytes(png_with(*chunks))
    assert still(tmp_path / "a.png").icc is None


def test_a_profile_in_the_file_counts_more_than_gamma(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(smooth()), icc_profile=SRGB)
    data = path.read_bytes()
    path.write_bytes(data[:33] + gamma(1.0) + data[33:])
    assert still(path).icc == SRGB


# HDR


def pq_profile() -> bytes:
    """sRGB's profile with a cicp tag that says BT.2020 and PQ."""
    tag = b"cicp" + bytes(4) + bytes([9, 16, 0, 1])
    (count,) = struct.unpack_from(">I", SRGB, 128)
    table = SRGB[132 : 132 + 12 * count]
    moved = b"".join(
        table[at : at + 4]
        + struct.pack(">I", struct.unpack_from(">I", table, at + 4)[0] + 12)
        + table[at + 8 : at + 12]
        for at in range(0, len(table), 12)
    )
    body = SRGB[132 + 12 * count :]
    entry = b"cicp" + struct.pack(">II", len(SRGB) + 12, len(tag))
    data = SRGB[:128] + struct.pack(">I", count + 1) + moved + entry + body + tag
    return struct.pack(">I", len(data)) + data[4:]


@pytest.mark.parametrize("kind", ["cICP", "AVIF", "HEIC", "ICC"])
def test_hdr_pictures_are_refused_as_hdr_films_are_unless_they_are_allowed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.xyz"
    if kind == "ICC":
        save(path, Image.fromarray(smooth()), "PNG", icc_profile=pq_profile())
    else:
        made = {
            "cICP": lambda: png_with(codes(9, 16), depth=16),
            "AVIF": lambda: avif_with(9, 16, depth=10),
            "HEIC": lambda: heic_with(tmp_path, 9, 16),
        }
        path.write_bytes(made[kind]())
    with pytest.raises(PictureError, match=r"a\.xyz is an HDR picture \(PQ\).*--allow-hdr"):
        read_picture(path)
    assert picture_size_hw(path) == (40, 60)

    picture = still(path, allow_hdr=True)
    assert picture.hdr_codes == (9, 16)
    assert any("HDR (PQ)" in sentence for sentence in losses(picture, "jpg"))
    assert codes(9, 16) in encode_picture(picture, file_format="png")
    if picture.is_deep:
        avif = encode_picture(picture, file_format="avif")
        assert b"colrnclx\0\x09\0\x10" in avif, "the result says that it is HDR, too"


def test_hlg_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_with(codes(9, 18)))
    with pytest.raises(PictureError, match=r"\(HLG\)"):
        read_picture(tmp_path / "a.png")


# Depth


@pytest.mark.parametrize("depth", [10, 12])
@pytest.mark.parametrize("target", ["png", "tiff", "jp2", "avif"])
def test_avif_of_more_than_8_bits_keeps_them(tmp_path: Path, depth: int, target: str) -> None:
    ramp = np.arange(1024, dtype=np.uint16).reshape(32, 32) << (depth - 10)
    options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100]
    (tmp_path / "a.avif").write_bytes(cv2.imencode(".avif", np.dstack([ramp] * 3), options)[1].tobytes())
    picture = still(tmp_path / "a.avif")
    assert picture.bits == depth
    assert not any("instead of" in sentence for sentence in losses(picture, target))
    assert f"JPEG is written with 8 bits a channel instead of {depth}" in losses(picture, "jpg")

    (tmp_path / f"b.{target}").write_bytes(encode_picture(picture, file_format=target, quality=100))
    back = still(tmp_path / f"b.{target}")
    white = 2**depth - 1
    levels = np.rint(back.pixels[:, :, 1] / 65535 * white)
    assert np.abs(levels - ramp).max() <= 1
    assert len(np.unique(levels)) > 1000


def test_deep_avif_carries_its_metadata(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    picture = Picture(noise(20, 30, deep=True), exif=exif_block(1), xmp=xmp, icc=SRGB)
    (tmp_path / "a.avif").write_bytes(encode_picture(picture, file_format="avif"))
    back = still(tmp_path / "a.avif")
    assert (back.exif, back.xmp, back.icc, back.bits) == (exif_block(1), xmp, SRGB, 10)
    sentence = "AVIF is written with 10 bits a channel instead of 16"
    assert losses(picture, "avif") == [f"{sentence} and with colors at half the resolution"]
    assert losses(picture, "avif", quality=100) == [sentence]


def test_16_bits_of_which_12_are_used_are_called_nearly_black(tmp_path: Path) -> None:
    pixels = (noise(20, 30, deep=True) >> 4)[:, :, :1]
    (tmp_path / "ct.tif").write_bytes(tiff_file(pixels, tags={262: 1}))
    assert any("only 12 of its 16 bits" in note for note in still(tmp_path / "ct.tif").notes)
    assert read_thumbnail(tmp_path / "ct.tif").is_nearly_black
    pixels[0, 0] = 60000
    (tmp_path / "ct.tif").write_bytes(tiff_file(pixels, tags={262: 1}))
    assert still(tmp_path / "ct.tif").notes == ()


# What lies beside the picture


def exif_with_thumbnail(order: str, thumbnail: bytes) -> bytes:
    block = exif_block(1, order)
    link = 8 + 2 + 12 * 3
    directory = len(block)
    second = struct.pack(order + "H", 2)
    second += struct.pack(order + "HHII", 513, 4, 1, directory + 2 + 24 + 4)
    second += struct.pack(order + "HHII", 514, 4, 1, len(thumbnail)) + bytes(4)
    return block[:link] + struct.pack(order + "I", directory) + block[link + 4 :] + second + thumbnail


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_the_cameras_thumbnail_of_the_original_is_not_in_the_result(tmp_path: Path, source: str, order: str) -> None:
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    Image.fromarray(smooth(24, 32)).save(buffer, "JPEG")
    thumbnail = buffer.getvalue()
    exif = exif_with_thumbnail(order, thumbnail)
    path = save(tmp_path / "a", Image.fromarray(smooth()), source, exif=b"Exif\0\0" + exif)
    if source in ("AVIF", "HEIF"):  # Pillow writes EXIF anew for these
        assert b"Maker" in path.read_bytes()

    picture = still(path)

    assert picture.exif is not None
    assert b"Maker" in picture.exif
    for target in ("jpg", "png", "webp", "tiff", "avif"):
        data = encode_picture(picture, file_format=target)
        assert thumbnail[20:60] not in data.replace(thumbnail[:20], b"")
        (tmp_path / "b").write_bytes(data)
        back = Image.open(tmp_path / "b").getexif()
        assert not back.get_ifd(1), f"{target} has a directory of a thumbnail"


GAIN_MAP_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
    b' xmlns:C="http://ns.google.com/photos/1.0/container/" xmlns:Item="http://ns.google.com/photos/1.0/container/item/"'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5" hdrgm:Version="1.0"><C:Directory><rdf:Seq><rdf:li>'
    b'<C:Item Item:Semantic="Primary"/></rdf:li><rdf:li><C:Item Item:Semantic="GainMap" Item:Length="983"/></rdf:li>'
    b"</rdf:Seq></C:Directory><xmp:Thumbnails>the original</xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>"
)
MOTION_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
    b' GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" GCamera:Kept="2"/></x:xmpmeta>'
)


def test_a_gain_map_is_said_to_be_left_out_and_not_claimed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(smooth()), xmp=GAIN_MAP_XMP)
    path.write_bytes(path.read_bytes() + save(tmp_path / "map.jpg", Image.new("L", (8, 8))).read_bytes())
    picture = still(path)
    assert picture.notes == ("the gain map for HDR screens is left out",)
    data = encode_picture(picture, file_format="jpg")
    assert b'xmp:Rating="5"' in data
    assert not any(word in data for word in (b"hdrgm", b"hdr-gain-map", b"Item", b"Directory", b"the original"))


def test_a_motion_photo_is_said_to_lose_its_film(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(smooth()), xmp=MOTION_XMP)
    path.write_bytes(path.read_bytes() + b"\0\0\0\x18ftypmp42")
    picture = still(path)
    assert picture.notes == ("the film of a Motion Photo is left out",)
    assert picture.xmp is not None
    assert b"MotionPhoto" not in picture.xmp
    assert b'GCamera:Kept="2"' in picture.xmp

    plain = save(tmp_path / "b.jpg", Image.fromarray(smooth()))
    plain.write_bytes(plain.read_bytes() + b"\0\0\0\x18ftypmp42" + b"MotionPhoto_Data")
    assert still(plain).notes == ("the film of a Motion Photo is left out",)


def test_xmp_that_claims_things_in_xml_that_cannot_be_read_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    long = GAIN_MAP_XMP.replace(b"<rdf:li>", b"<a/>" * 600_000 + b"<rdf:li>", 1)
    for broken in (GAIN_MAP_XMP[:-20], b'<!DOCTYPE a [<!ENTITY b "c">]>' + GAIN_MAP_XMP, long):
        picture = still(save(tmp_path / "a.webp", Image.fromarray(smooth()), xmp=broken))
        assert picture.xmp is None
        assert "XMP data that cannot be understood are left out" in picture.notes


def test_second_pictures_are_said_to_be_left_out(tmp_path: Path) -> None:
    first, second = Image.fromarray(smooth()), Image.fromarray(smooth(seed=9))
    path = save(tmp_path / "a.mpo", first, "MPO", save_all=True, append_images=[second.copy()])
    assert still(path).notes == ("only the first of 2 pictures is read",)

    heif = pillow_heif.from_bytes("RGB", (60, 40), smooth().tobytes())
    heif.add_frombytes("RGB", (60, 40), smooth(seed=9).tobytes())
    heif.save(tmp_path / "a.heic", quality=50)
    assert still(tmp_path / "a.heic").notes == ("only the main one of 2 pictures is read",)


# Captions and texts

IPTC = b"\x1c\x02\x78\x00\x09A caption\x1c\x02\x19\x00\x03sea"


def jpeg_with_caption(path: Path) -> Path:
    body = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
    thumbnail = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 8) + b"original"
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(body + thumbnail)) + body + thumbnail
    save(path, Image.fromarray(smooth()), comment="Grüße")
    data = path.read_bytes()
    path.write_bytes(data[:2] + segment + data[2:])
    return path


def test_iptc_captions_and_comments_are_kept_or_said(tmp_path: Path) -> None:
    picture = still(jpeg_with_caption(tmp_path / "a.jpg"))
    assert picture.iptc == IPTC
    assert picture.texts == (("Comment", "Grüße"),)

    data = encode_picture(picture, file_format="jpg")
    assert b"original" not in data
    (tmp_path / "b.jpg").write_bytes(data)
    back = Image.open(tmp_path / "b.jpg")
    assert back.info["photoshop"] == {1028: IPTC}
    assert back.info["comment"] == "Grüße".encode()
    assert losses(picture, "jpg") == []

    (tmp_path / "b.tiff").write_bytes(encode_picture(picture, file_format="tiff"))
    assert still(tmp_path / "b.tiff").iptc == IPTC
    padded = encode_picture(replace(picture, iptc=IPTC.ljust(24, b"\0")), file_format="tiff")
    at = padded.index(struct.pack("<H", 33723)) + 2
    (tmp_path / "c.tiff").write_bytes(padded[:at] + struct.pack("<HI", 4, 6) + padded[at + 6 :])
    assert still(tmp_path / "c.tiff").iptc == IPTC, "Photoshop calls them numbers of 4 bytes"
    assert losses(picture, "png") == ["the IPTC caption data have no place in PNG and are left out"]
    assert losses(picture, "webp")[1] == "the text in the file (Comment) has no place in WebP and is left out"


def test_texts_of_a_png_are_kept_or_said(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    texts = (("parameters", "a castle, steps: 20"), ("Title", "Überschrift 海"), ("date:create", "2026"))
    for keyword, text in texts:
        info.add_itxt(keyword, text)
    path = save(tmp_path / "a.png", Image.fromarray(smooth()), pnginfo=info)
    picture = still(path)
    assert picture.texts == texts

    path.write_bytes(encode_picture(picture, file_format="png"))
    assert still(path).texts == texts
    assert losses(picture, "jpg") == ["the text in the file (parameters, Title) has no place in JPEG and is left out"]


def test_a_gif_keeps_its_comment(tmp_path: Path) -> None:
    comment = "x" * 300
    path = save(tmp_path / "a.gif", Image.fromarray(smooth()).quantize(8), comment=comment)
    (tmp_path / "b.gif").write_bytes(encode_picture(still(path), file_format="gif"))
    assert Image.open(tmp_path / "b.gif").info["comment"] == comment.encode()


def test_metadata_that_imagemagick_wrote_as_text_count(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    for kind, data in (("exif", b"Exif\0\0" + exif_block(6)), ("iptc", resource), ("xmp", GAIN_MAP_XMP[:30] + b"/>")):
        lines = "\n".join(data.hex()[at : at + 72] for at in range(0, len(data.hex()), 72))
        info.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(data):8}\n{lines}", zip=True)
    path = save(tmp_path / "a.png", Image.fromarray(smooth()), pnginfo=info)
    picture = still(path)
    assert picture_size_hw(path) == picture.size_hw == (60, 40), "it lies on its side"
    assert (picture.exif, picture.iptc, picture.xmp) == (exif_block(1), IPTC, GAIN_MAP_XMP[:30] + b"/>")
    assert picture.texts == ()


# TIFF's many layouts


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("photometric", [1, 2])
def test_a_channel_that_is_no_transparency_is_left_out_at_8_and_16_bits_alike(
    tmp_path: Path, deep: bool, photometric: int
) -> None:
    colors = 1 if photometric == 1 else 3
    samples = np.dstack([noise(20, 30, deep=deep)[:, :, :colors], noise(20, 30, deep=deep, seed=1)[:, :, :1]])
    (tmp_path / "nir.tif").write_bytes(tiff_file(samples, tags={262: photometric, 338: 0}))
    picture = still(tmp_path / "nir.tif")
    assert picture.alpha is None
    assert np.array_equal(picture.pixels[:, :, :colors], samples[:, :, :colors])
    name = "second" if colors == 1 else "fourth"
    assert picture.notes == (f"its {name} channel, which is no transparency, is left out",)

    (tmp_path / "alpha.tif").write_bytes(tiff_file(samples, tags={262: photometric, 338: 2}))
    picture = still(tmp_path / "alpha.tif")
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, samples[:, :, -1])
    assert picture.notes == ()


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_gray_with_alpha_is_read_and_refused_where_it_is_cut_off(tmp_path: Path, order: str) -> None:
    samples = noise(20, 30, deep=True)[:, :, :2]
    data = tiff_file(samples, order=order, tags={262: 1, 338: 2, 274: 6})
    (tmp_path / "a.tif").write_bytes(data)
    picture = still(tmp_path / "a.tif")
    assert picture.is_gray
    assert picture_size_hw(tmp_path / "a.tif") == picture.size_hw == (30, 20)
    assert np.array_equal(picture.pixels[:, ::-1, 0].T, samples[:, :, 0])
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha[:, ::-1].T, samples[:, :, 1])

    at = data.index(struct.pack(order + "HHI", 279, 4, 1)) + 8
    (tmp_path / "b.tif").write_bytes(data[:at] + struct.pack(order + "I", 10**6) + data[at + 4 :])
    with pytest.raises(PictureError, match=r"b\.tif is damaged or cut off"):
        read_picture(tmp_path / "b.tif")


@pytest.mark.parametrize(
    ("samples", "tags", "words"),
    [
        (noise(8, 9, deep=True)[:, :, :1], {262: 1, 339: 2}, "signed samples"),
        (noise(8, 9).astype(np.float32), {262: 2, 339: 3}, "floating-point samples"),
        (noise(8, 9).astype(np.uint32), {262: 2}, "32-bit samples"),
        (noise(8, 9, deep=True), {262: 8}, r"Lab samples of 16 bits in 3 channels"),
    ],
)
def test_layouts_that_are_not_read_are_named_for_what_they_are(
    tmp_path: Path, samples: np.ndarray[Any, Any], tags: dict[int, int], words: str
) -> None:
    (tmp_path / "a.tif").write_bytes(tiff_file(samples, tags=tags))
    with pytest.raises(PictureError, match=rf"a\.tif has .*{words}") as caught:
        read_picture(tmp_path / "a.tif")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("second_says_reduced", [False, True])
def test_the_picture_behind_a_thumbnail_page_is_read(tmp_path: Path, deep: bool, second_says_reduced: bool) -> None:
    first = tiff_file(noise(4, 6, deep=deep), tags={262: 2, 254: 1})
    pixels = noise(20, 30, deep=deep, seed=1)
    second = bytearray(tiff_file(pixels, tags={262: 2, 254: 1 if second_says_reduced else 0}))
    base = len(first) + len(first) % 2
    (directory,) = struct.unpack_from("<I", second, 4)
    (entries,) = struct.unpack_from("<H", second, directory)
    for entry in range(directory + 2, directory + 2 + 12 * entries, 12):  # its offsets count from the file's start
        tag, _, _, value = struct.unpack_from("<HHII", second, entry)
        if tag in (258, 273):
            struct.pack_into("<I", second, entry + 8, value + base)
    data = first[:-4] + struct.pack("<I", base + directory)
    (tmp_path / "a.tif").write_bytes(data.ljust(base, b"\0") + second)
    picture = still(tmp_path / "a.tif")
    assert picture_size_hw(tmp_path / "a.tif") == (20, 30)
    assert np.array_equal(picture.pixels, pixels)
    assert picture.notes == ()


def test_photoshops_layers_of_the_original_do_not_go_into_the_result(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.tif", Image.fromarray(smooth()), tiffinfo={37724: b"layers", 34377: b"thumbnail", 271: "M"}
    )
    picture = still(path)
    assert picture.exif is not None
    data = encode_picture(replace(picture), file_format="tiff")
    assert b"layers" not in data
    assert b"thumbnail" not in data


def test_long_texts_and_profiles_of_png_files_are_read_and_bombs_are_called_so(tmp_path: Path) -> None:
    """Pillow's megabyte for a text is less than image generators write of their workflow."""
    for megabytes in (3, 100):
        text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * (megabytes << 20)))
        (tmp_path / f"{megabytes}.png").write_bytes(png_with(text))
    assert len(still(tmp_path / "3.png").texts[0][1]) == 3 << 20
    with pytest.raises(PictureError, match="unpack to more than 32 MB; save it without them"):
        read_picture(tmp_path / "100.png")
