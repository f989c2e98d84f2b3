"""Open any model file: one with a card, or one from elsewhere, which is given one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cgconv.runtime.models.card import ModelCard, read_card
from cgconv.runtime.models.model_file import load_model

if TYPE_CHECKING:
    import onnx


def open_model(path: Path) -> tuple[onnx.ModelProto, ModelCard]:
    """Return what the file holds and its card; without one, what was found out by running it.

    Raises:
        ModelError: the file is not a usable model. UsageError: something cannot be found out.
    """
    return with_card(load_model(path), path)


def with_card(model: onnx.ModelProto, path: Path) -> tuple[onnx.ModelProto, ModelCard]:
    """Return the model that was loaded from `path`, and its card; see open_model."""
    card = read_card(model, path)
    if card is not None:
        return model, card
    from .foreign import adopt

    return adopt(model, path)
