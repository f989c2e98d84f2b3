"""Finish a translated frame: to full size, the original's colors, and only as much of it as is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cgconv.runtime.blend import keep_colors, mix, resized_like
from cgconv.runtime.brush import bring_back
from cgconv.runtime.mask import Mask, seen_through
from cgconv.runtime.models.familiar import trust

from .colors import Image

if TYPE_CHECKING:
    from cgconv.runtime.models.card import ModelCard


def painted(
    original: Image,
    small: Image,
    translated: Image,
    card: ModelCard,
    *,
    strength: float,
    colors: bool,
    detail: float,
    mask: Mask | None = None,
) -> tuple[Image, float]:
    """Return what becomes of the frame `original`, and what share of its translation it was given (familiar.trust).

    `translated` is what the model made of `small`: the original, or the smaller one that a broader brush paints.
    """
    if small is not original:
        translated = bring_back(original, small, translated, detail=detail)
    share = trust(original, card)
    if colors:
        translated = keep_colors(original, translated)
    result = mix(original, translated, share * strength)
    if mask is not None:
        result = seen_through(resized_like(original, result), result, mask)
    return result, share
