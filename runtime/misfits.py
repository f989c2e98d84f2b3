"""Say which choices do not go together, once: the command line refuses them, the window does not offer them."""

from __future__ import annotations

import re

from .choices import BackendName, FilmFormat, PrecisionChoice, VideoCodec

# Which containers can hold what. VP9 and AV1 are not for QuickTime, FFV1 only for Matroska.
MP4_FAMILY = (".mp4", ".m4v", ".mov")
HOMES: dict[VideoCodec, tuple[str, ...]] = {
    VideoCodec.AUTO: (*MP4_FAMILY, ".mkv", ".webm", ".gif"),
    VideoCodec.H264: (*MP4_FAMILY, ".mkv"),
    VideoCodec.HEVC: (*MP4_FAMILY, ".mkv"),
    VideoCodec.AV1: (".mp4", ".m4v", ".mkv", ".webm"),
    VideoCodec.VP9: (".webm", ".mp4", ".m4v", ".mkv"),
    VideoCodec.PRORES: (".mov", ".mkv"),
    VideoCodec.FFV1: (".mkv",),
}
LARGEST_CRF = {VideoCodec.H264: 51, VideoCodec.HEVC: 51, VideoCodec.AV1: 63, VideoCodec.VP9: 63}
NO_NAME = '\\/:*?"<>|'  # what names of results may not hold


def can_hold(file_format: FilmFormat, codec: VideoCodec) -> bool:
    """Say whether films of this format can be stored with a codec; "same" leaves the format to each film."""
    return file_format is FilmFormat.SAME or f".{file_format}" in HOMES[codec]


def has_crf(file_format: FilmFormat, codec: VideoCodec) -> bool:
    """Say whether there is a quality to set."""
    return file_format is not FilmFormat.GIF and (codec is VideoCodec.AUTO or codec in LARGEST_CRF)


def is_name(pattern: str) -> bool:
    """Say whether results can be called so: it holds {name}, and nothing that no file may be called."""
    return "{name}" in pattern and not re.search(f"[{re.escape(NO_NAME)}]", pattern)


def machine_misfit(backend: BackendName, device: str, precision: PrecisionChoice) -> str:
    """Return why a model cannot be computed so, wherever it is; "" where nothing speaks against it.

    `device` is one of machine.py's names.
    """
    kind = device.split(":")[0]
    if precision is PrecisionChoice.INT8 and (kind not in ("auto", "cpu") or backend is BackendName.TENSORRT):
        return "--precision int8 works only on processors; use --device cpu, or fp16 on a GPU"
    if precision is PrecisionChoice.BF16 and backend is BackendName.ONNXRUNTIME:
        return "--precision bf16 needs --backend openvino: ONNX Runtime has no bf16 convolutions"
    if backend is BackendName.TENSORRT:
        if kind not in ("auto", "cuda"):
            return f"--backend tensorrt does not support {device}; choose cuda (NVIDIA)"
        if precision is PrecisionChoice.BF16:
            return "--backend tensorrt computes in fp16 or fp32, not bf16"
    elif kind in ("cuda", "directml", "coreml"):
        if backend is BackendName.OPENVINO:
            return f"--backend openvino does not support {device}; choose cpu or gpu (Intel)"
        if precision is PrecisionChoice.BF16:
            return f"--precision bf16 is not available on {device}; use fp16"
    elif kind == "gpu":
        if backend is BackendName.ONNXRUNTIME:
            return "--backend onnxruntime does not support gpu; choose cpu, cuda, directml or coreml"
    elif backend is BackendName.OPENVINO and precision is PrecisionChoice.FP16:
        return "OpenVINO on a CPU computes in fp32 or bf16; --precision fp16 needs --backend onnxruntime"
    return ""
