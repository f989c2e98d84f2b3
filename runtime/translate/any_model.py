"""Open any model file: one with a card, or one from elsewhere, which is given one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from cgconv.runtime.models.card import ModelCard, read_card
from cgconv.runtime.models.model_file import load_model

from .trial import first_run

if TYPE_CHECKING:
    import onnx


def open_model(path: Path, cancel: threading.Event | None = None) -> tuple[onnx.ModelProto, ModelCard]:
    """Return what the file holds and its card; without one, what was found out by running it.

    A file that is new here is run in a process of its own first (trial.py), which `cancel` stops.

    Raises:
        ModelError: the file is not a usable model, or does not pass its trial. UsageError: something cannot be found
            out. Cancelled: `cancel` was set.
    """
    return with_card(load_model(path), path, cancel)


def with_card(
    model: onnx.ModelProto, path: Path, cancel: threading.Event | None = None
) -> tuple[onnx.ModelProto, ModelCard]:
    """Return the model that was loaded from `path`, and its card; see open_model."""
    card = read_card(model, path)
    first_run(path, cancel)
    if card is not None:
        return model, card
    from .foreign import adopt

    return adopt(model, path)
