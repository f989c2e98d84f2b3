"""Grow pictures to sizes that a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cgconv.runtime.errors import InputError

if TYPE_CHECKING:
    from .card import ModelCard

Array = npt.NDArray[Any]  # Any: uint8 or float32


def pad_to_fit(batch: Array, card: ModelCard) -> Array:
    """Return `batch` grown at the bottom and right, by reflection, to a size that the model takes.

    Raises:
        InputError: the model has a fixed size and the images are larger.
    """
    height, width = batch.shape[1:3]
    wanted = card.fitting_hw((height, width))
    if height > wanted[0] or width > wanted[1]:
        raise InputError(
            f"the model {card.name} takes pictures up to {wanted[1]}×{wanted[0]}, this one has {width}×{height}"
        )
    return pad_to(batch, wanted)


def pad_to(batch: Array, size_hw: tuple[int, int]) -> Array:
    """Return `batch` grown at the bottom and right, by reflection, to a height and width."""
    down, right = size_hw[0] - batch.shape[1], size_hw[1] - batch.shape[2]
    if down == 0 and right == 0:
        return batch
    return np.pad(batch, ((0, 0), (0, down), (0, right), (0, 0)), mode="symmetric")
