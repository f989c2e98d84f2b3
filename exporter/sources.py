"""Tell what is to be exported: a run or checkpoint of the trainer, or a model that is an ONNX file already."""

from __future__ import annotations

from pathlib import Path

from cgconv.runtime.errors import UsageError
from cgconv.runtime.models.store import list_models, resolve_model


def model_file(source: Path) -> Path | None:
    """Return the ONNX file that `source`, a path or a model's name, means; None where it is a run or a checkpoint.

    A folder is a run, unless there is no checkpoint in it and a model of its name. Raises UsageError where there is
    nothing of the kind.
    """
    if source.is_dir():
        is_run = any(source.glob("*.pt")) or source.name not in {model.name for model in list_models()}
        return None if is_run else resolve_model(source.name)
    if source.exists():
        return source if source.suffix.lower() == ".onnx" else None
    if len(source.parts) > 1:
        raise UsageError(f"{source}: no such run, checkpoint or model")
    return resolve_model(source)
