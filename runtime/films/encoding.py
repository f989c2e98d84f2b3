"""Choose how a film is encoded: container, encoder, pixel format and settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import av
from av.error import FFmpegError

from cgconv.runtime.choices import VideoCodec
from cgconv.runtime.errors import UsageError
from cgconv.runtime.misfits import HOMES, LARGEST_CRF, MP4_FAMILY

from .reader import FilmInfo


@dataclass(frozen=True)
class Encoding:
    """One way to encode. `notes` are sentences the user should know."""

    codec: str  # the name for reports: h264, hevc, av1, vp9, prores, ffv1, gif
    encoder: str  # FFmpeg's name
    pix_fmt: str
    options: dict[str, str] = field(default_factory=dict)
    tag: str | None = None  # the MP4 sample entry, where the usual one does not play everywhere
    notes: tuple[str, ...] = ()


FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".gif": "gif"}

# The default quality of each codec. H.264's 17 at "faster" gives 43 dB on an ordinary film for 15 core-ms a frame at
# 960×540; "medium" needs 24 for the same, "veryfast" 10 but is 1 to 1.5 dB worse. The others' are about as good.
_DEFAULT_CRF = {VideoCodec.H264: 17, VideoCodec.HEVC: 16, VideoCodec.AV1: 23, VideoCodec.VP9: 20}
_SOFTWARE = {
    VideoCodec.H264: "libx264",
    VideoCodec.HEVC: "libx265",
    VideoCodec.AV1: "libsvtav1",
    VideoCodec.VP9: "libvpx-vp9",
    VideoCodec.PRORES: "prores_ks",
    VideoCodec.FFV1: "ffv1",
}
_NVENC = {VideoCodec.H264: "h264_nvenc", VideoCodec.HEVC: "hevc_nvenc", VideoCodec.AV1: "av1_nvenc"}


def film_output_suffix(source_suffix: str, codec: VideoCodec | str = VideoCodec.AUTO) -> str:
    """Return the suffix (".mp4") of a film's result.

    mp4, mov, mkv, webm and gif stay what they are where the codec allows it; a codec that a container cannot hold
    moves the film to the nearest one that can, and avi and the rest become mkv.
    """
    suffix, codec = source_suffix.lower(), VideoCodec(codec)
    homes = HOMES[codec]
    if suffix in homes:
        return suffix
    if suffix in (".mov", ".gif") and ".mp4" in homes:
        return ".mp4"
    if suffix in MP4_FAMILY and ".mov" in homes:
        return ".mov"
    return ".mkv"


def choose_encoding(
    info: FilmInfo,
    *,
    suffix: str,
    image_hw: tuple[int, int],
    codec: VideoCodec = VideoCodec.AUTO,
    crf: int | None = None,
    device: str = "cpu",
) -> Encoding:
    """Return how to store images of `image_hw` (as coded) in a file of `suffix`.

    Depth and chroma sampling stay the source's where the encoder has them. On a CUDA device the hardware's encoder is
    taken where it opens, software otherwise.

    Raises:
        UsageError: a crf that the codec does not have, a codec that the container cannot hold.
    """
    suffix = suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"films cannot be written as {suffix}; expected one of {', '.join(FORMATS)}")
    if film_output_suffix(suffix, codec) != suffix:
        raise UsageError(f"{suffix} cannot hold {codec}; expected {' or '.join(HOMES[codec])}")
    if suffix == ".gif":
        check_crf(None, crf, "gif")
        return Encoding("gif", "ffv1", "bgr0")  # kept lossless until the palettes are made
    if codec is VideoCodec.AUTO:
        codec = _usual_codec(info, suffix)
    check_crf(codec, crf, codec.value)
    tag = "hvc1" if codec is VideoCodec.HEVC and suffix in MP4_FAMILY else None  # Apple plays no hev1
    if device.startswith("cuda") and codec in _NVENC:
        encoding = _encoding(info, image_hw, codec, _NVENC[codec], crf, tag)
        if _opens(encoding.encoder, encoding.pix_fmt, image_hw):
            return encoding
    return _encoding(info, image_hw, codec, _SOFTWARE[codec], crf, tag)


_ALPHA_CODECS = {".mov": VideoCodec.PRORES, ".webm": VideoCodec.VP9, ".mkv": VideoCodec.FFV1}


def _usual_codec(info: FilmInfo, suffix: str) -> VideoCodec:
    """Return H.264 for 8 bits and HEVC for more: its Main 10 plays on phones and TVs, H.264's High 10 hardly anywhere.

    WebM gets VP9, but AV1 for more than 8 bits, which PyAV's libvpx does not have. Films with transparency get what
    keeps it.
    """
    if info.has_alpha and suffix in _ALPHA_CODECS:
        return _ALPHA_CODECS[suffix]
    if suffix == ".webm":
        return VideoCodec.AV1 if info.is_deep else VideoCodec.VP9
    return VideoCodec.HEVC if info.is_deep else VideoCodec.H264


def check_crf(codec: VideoCodec | None, crf: int | None, name: str) -> None:
    """Raise UsageError where a codec does not have that quality; None goes with any."""
    if crf is None:
        return
    if codec not in LARGEST_CRF:
        raise UsageError(f"--crf {crf}: {name} has no such setting")
    if not 0 <= crf <= LARGEST_CRF[codec]:
        raise UsageError(f"--crf: found {crf}, expected 0 to {LARGEST_CRF[codec]} for {name}")


def _encoding(
    info: FilmInfo, image_hw: tuple[int, int], codec: VideoCodec, encoder: str, crf: int | None, tag: str | None
) -> Encoding:
    pix_fmt, notes = _pixel_format(info, image_hw, encoder)
    quality = _DEFAULT_CRF.get(codec, 0) if crf is None else crf
    options = _options(encoder, quality, pix_fmt)
    if encoder == "libx264" and min(image_hw) < 128:
        options["x264-params"] = "mbtree=0"  # on tiny pictures it reads what was never written: no two runs are equal
    return Encoding(codec.value, encoder, pix_fmt, options, tag, notes)


def _options(encoder: str, quality: int, pix_fmt: str) -> dict[str, str]:
    match encoder:
        case "libx264":
            return {"preset": "faster", "crf": str(quality)}
        case "libx265":
            return {"preset": "fast", "crf": str(quality), "x265-params": "log-level=error"}
        case "libsvtav1":
            return {"preset": "8", "crf": str(quality)}
        case "libvpx-vp9":
            return {"crf": str(quality), "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
        case "prores_ks":
            return {"profile": "4444" if "444" in pix_fmt else "hq", "vendor": "apl0"}
        case "ffv1":
            return {"level": "3", "slices": "4", "slicecrc": "1"}
        case _:  # NVENC; its constant quality is about crf + 1
            return {"preset": "p5", "tune": "hq", "rc": "vbr", "cq": str(quality + 1), "b": "0"}


def _pixel_format(info: FilmInfo, image_hw: tuple[int, int], encoder: str) -> tuple[str, tuple[str, ...]]:
    """Return the pixel format nearest to the source's that the encoder has, and sentences on what differs."""
    wanted_chroma, notes = _chroma(info), []
    height, width = image_hw
    needs_even = encoder in ("libx264", "libx265", "h264_nvenc", "hevc_nvenc")
    if needs_even and ((wanted_chroma != "444" and width % 2) or (wanted_chroma == "420" and height % 2)):
        wanted_chroma = "444"
        notes.append(
            f"{width}×{height} is an odd size: stored with full color detail (4:4:4), which some players do not play"
        )
    wanted_bits = 8 if info.bits <= 8 else 10 if info.bits <= 10 else 12
    formats = {entry.name for entry in av.codec.Codec(encoder, "w").video_formats or ()}
    keeps_alpha = info.has_alpha and encoder in (_SOFTWARE[codec] for codec in _ALPHA_CODECS.values())
    if keeps_alpha:
        formats = {name.replace("yuva", "yuv") for name in formats if name.startswith("yuva")}
    chromas = [wanted_chroma] + [chroma for chroma in ("444", "422", "420") if chroma != wanted_chroma]
    depths = [wanted_bits] + [bits for bits in ((10, 12, 8) if wanted_bits > 8 else (10, 12)) if bits != wanted_bits]
    for bits in depths:
        for chroma in chromas:
            for name in _names(chroma, bits):
                if name in formats:
                    if bits < info.bits:
                        notes.append(f"{info.bits} bits per channel are reduced to {bits}, the most of {encoder}")
                    if chroma < wanted_chroma:
                        notes.append(f"color detail is reduced to 4:{chroma[1]}:{chroma[2]}, the most of {encoder}")
                    return name.replace("yuv", "yuva", 1) if keeps_alpha else name, tuple(notes)
    raise UsageError(f"{encoder} accepts no pixel format that cgconv can write; choose another --codec")


def _names(chroma: str, bits: int) -> tuple[str, ...]:
    if bits == 8:
        return (f"yuv{chroma}p",)
    return (f"yuv{chroma}p{bits}le", {"420": "p010le", "422": "p210le", "444": "yuv444p10msble"}[chroma])


def _chroma(info: FilmInfo) -> str:
    """Return 420, 422 or 444: the source's sampling, or the nearest that loses nothing."""
    if info.colors.is_rgb:
        return "444"
    layout = av.VideoFormat(info.pix_fmt, 16, 16)
    if len(layout.components) < 3:
        return "420"  # gray: the translation may not be
    across, down = layout.chroma_width(16), layout.chroma_height(16)
    if across == 16:
        return "444"
    return "420" if down < 16 else "422"


@lru_cache(maxsize=16)
def _opens(encoder: str, pix_fmt: str, image_hw: tuple[int, int]) -> bool:
    """Say whether the encoder really works here: the wheels carry NVENC on machines without a GPU too."""
    try:
        context = av.CodecContext.create(encoder, "w")
        if not isinstance(context, av.VideoCodecContext):
            return False
        context.height, context.width = image_hw
        context.pix_fmt = pix_fmt
        context.time_base = Fraction(1, 25)
        context.framerate = Fraction(25)
        frame = av.VideoFrame(image_hw[1], image_hw[0], pix_fmt)
        frame.pts = 0
        context.encode(frame)
        context.encode(None)
    except (FFmpegError, ValueError):
        return False
    return True
