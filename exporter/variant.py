"""Take a model file that is to be written again in another precision, and settle where the new file goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cgconv.runtime.errors import OutputError, UsageError
from cgconv.runtime.graphs.half import has_halves
from cgconv.runtime.graphs.int8 import rounds_itself
from cgconv.runtime.models.model_file import load_model
from cgconv.runtime.models.store import bundled_folder, models_folder
from cgconv.runtime.translate.any_model import with_card

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.models.card import ModelCard


def full_model(source: Path) -> tuple[onnx.ModelProto, ModelCard]:
    """Return a model in float32 and its card. Raises UsageError where it is in fewer bits already, ModelError."""
    model = load_model(source)
    if has_halves(model.graph):
        raise UsageError(f"{source}: this model is in half precision already")
    model, card = with_card(model, source)
    if rounds_itself(model, card):
        raise UsageError(f"{source}: this model is in 8 bits already; give the float32 file")
    return model, card


def new_file(source: Path, out: Path | None, name: str | None, suffix: str, *, exists_ok: bool) -> Path:
    """Return where a file beside `source` goes that ends in `suffix`: `out` is a file or a folder, None where it lies.

    Files of models that ship with cgconv go to the user's models. Raises UsageError where `source` would be replaced,
    OutputError where the file is there already.
    """
    beside = models_folder() if source.parent == bundled_folder() else source.parent
    target = out if out is not None and out.suffix == ".onnx" else (out or beside) / f"{name or source.stem}{suffix}"
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target}: this would overwrite the float32 file; name another with --out")
    if target.exists() and not exists_ok:
        raise OutputError(f"{target}: this file exists already; name another with --out, or add --overwrite")
    return target
