"""Bring a model file in: an ONNX file, or another project's checkpoint."""

from __future__ import annotations

from pathlib import Path

from cgconv.runtime.errors import UsageError
from cgconv.runtime.models.store import is_checkpoint

from .extras import needs_extra


def bring_in(
    file: Path,
    name: str | None,
    value_range: str | None,
    bgr: bool,
    *,
    part: str | None = None,
    norm_mode: str | None = None,
    replaces: bool = False,
) -> Path:
    """Import an ONNX file or a checkpoint and return where it is now; `replaces`: in place of one of that name."""
    if not file.exists():
        raise UsageError(f"{file}: no such file")
    if is_checkpoint(file):
        if value_range or bgr:
            raise UsageError("--range and --bgr are for ONNX files only; a checkpoint needs neither")
        with needs_extra("train", "importing a checkpoint"):
            from cgconv.exporter.import_checkpoint import import_checkpoint
            from cgconv.exporter.weights import NormMode

        mode = NormMode(norm_mode) if norm_mode else None
        return import_checkpoint(file, name=name, part=part, norm_mode=mode, replaces=replaces).path
    if part or norm_mode:
        raise UsageError("--part and --norm-mode are for checkpoints only, not for ONNX files")
    from cgconv.runtime.models.card import ChannelOrder
    from cgconv.runtime.translate.foreign import Said, import_onnx, parse_range

    known = parse_range(value_range) if value_range else None
    said = Said(known, known, ChannelOrder.BGR if bgr else ChannelOrder.RGB)
    return import_onnx(file, name, said, replaces=replaces)
