"""Run a model that comes with a card on small pictures, to see whether the card tells what the graph does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cgconv.runtime.backends.machine import Array, Machine
from cgconv.runtime.backends.onnxruntime_backend import OnnxruntimeBackend
from cgconv.runtime.backends.probe import mirrored_picture
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import ModelError
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, specialize
from cgconv.runtime.models.card import Layout, ModelCard

if TYPE_CHECKING:
    import onnx

_ODD_EDGE_PX = 37  # odd and small: a multiple that the card keeps silent about shows


def check_card(model: onnx.ModelProto, card: ModelCard, path: Path) -> None:
    """Run `model` on two pictures of an odd size and on the smallest that `card` allows, or at its only size.

    read_card has compared what the graph says of itself; this finds out about scale, layout_out and the sizes.

    Raises:
        ModelError: it cannot be opened or computed, makes something else than the card says, or one color of
            everything; names `path`.
        ResourceError: memory ran out.
    """
    try:
        backend = OnnxruntimeBackend(specialize(model, card), Machine(backend=BackendName.ONNXRUNTIME))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    with closing(backend):
        for nth, (count, size_hw) in enumerate(_tried(model, card)):
            images = np.stack([mirrored_picture(size_hw, seed) for seed in range(1, count + 1)])
            try:
                translated = backend.run({IMAGES: images})[TRANSLATED]
            except ModelError as error:
                raise ModelError(
                    f"{path}: its graph cannot compute {count} of {_words(size_hw)}, which its card allows "
                    f"({_size_rule(card)}): {error}"
                ) from error
            _compare(translated, (count, *size_hw), card, path)
            if nth == 0 and translated.min() == translated.max():  # also what NaN becomes
                raise ModelError(
                    f"{path}: it turns every picture into a single color or into invalid numbers, so it cannot be used"
                )


def _tried(model: onnx.ModelProto, card: ModelCard) -> list[tuple[int, tuple[int, int]]]:
    """Return counts of pictures and their height and width."""
    batch = model.graph.input[0].type.tensor_type.shape.dim[:1]
    count = 1 if batch and batch[0].dim_value == 1 else 2  # as translator.py takes it
    if card.fixed_size_hw is not None:
        return [(count, card.fixed_size_hw)]
    smallest_hw = card.fitting_hw((1, 1))
    odd = max(smallest_hw[0], _ODD_EDGE_PX) // card.size_multiple | 1
    return [(count, (odd * card.size_multiple, (odd + 2) * card.size_multiple)), (1, smallest_hw)]


def _compare(translated: Array, given: tuple[int, int, int], card: ModelCard, path: Path) -> None:
    """Refuse what does not have the shape that the card promises for `given` count, height and width."""
    count, height, width = given
    made, promised = translated.shape, (count, height * card.scale, width * card.scale, 3)
    if made == promised:
        return
    swapped = (0, 2, 3, 1) if card.layout_out is Layout.NHWC else (0, 3, 1, 2)  # as if layout_out were the other
    if len(made) == 4 and tuple(made[axis] for axis in swapped) == promised:
        other = Layout.NCHW if card.layout_out is Layout.NHWC else Layout.NHWC
        raise ModelError(
            f'{path}: card field layout_out: found "{card.layout_out}", expected "{other}", as its graph makes it'
        )
    raise ModelError(
        f"{path}: of {count}×{height}×{width}×3 (pictures, height, width, colors) its graph makes "
        f"{'×'.join(str(edge) for edge in made)}, its card promises {'×'.join(str(edge) for edge in promised)} "
        f"(scale {card.scale}, {_size_rule(card)})"
    )


def _words(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}×{size_hw[0]}"


def _size_rule(card: ModelCard) -> str:
    if card.fixed_size_hw is not None:
        return f"fixed_size_hw {list(card.fixed_size_hw)}"
    return f"size_multiple {card.size_multiple}, smallest_size {card.smallest_size}"
