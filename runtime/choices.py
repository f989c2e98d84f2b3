"""Everything that a user chooses from, once: for options, for the window's lists and for the code that obeys them."""

from __future__ import annotations

from enum import StrEnum


class Exists(StrEnum):
    """What to do where an output is there already."""

    SKIP = "skip"
    OVERWRITE = "overwrite"
    RENAME = "rename"
    FAIL = "fail"


class PictureFormat(StrEnum):
    """What pictures are written as; those that no new picture should be are kept where they were."""

    SAME = "same"
    PNG = "png"
    JPG = "jpg"
    WEBP = "webp"
    TIFF = "tiff"
    AVIF = "avif"


class FilmFormat(StrEnum):
    """The containers that films are written in."""

    SAME = "same"
    MP4 = "mp4"
    MOV = "mov"
    MKV = "mkv"
    WEBM = "webm"
    GIF = "gif"


class VideoCodec(StrEnum):
    """What a film's pictures are stored as."""

    AUTO = "auto"
    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"
    VP9 = "vp9"
    PRORES = "prores"
    FFV1 = "ffv1"


class Deinterlace(StrEnum):
    """Whether interlaced films are made progressive: where they are found to be so, never, or in any case."""

    AUTO = "auto"
    OFF = "off"
    BWDIF = "bwdif"


class FieldRate(StrEnum):
    """How many frames interlaced ones become: one each, or one for every field, which is twice as many."""

    HALF = "half"
    FULL = "full"


class BackendName(StrEnum):
    """The libraries that can compute a model."""

    AUTO = "auto"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    TENSORRT = "tensorrt"


class PrecisionChoice(StrEnum):
    """The number type that convolutions are computed in."""

    AUTO = "auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


class Action(StrEnum):
    """What a planned job comes to."""

    TRANSLATE = "translate"
    SKIP = "skip"
    FAIL = "fail"
