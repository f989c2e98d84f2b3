"""Choose the pictures that a run is judged on and never learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

HELD_OUT_SHARE = 10  # one picture in so many, at most
FEWEST = 4  # pictures of a kind that an evaluation needs


def hold_out(names: Sequence[str], count: int) -> list[int]:
    """Return which of a folder's pictures are never trained on, as sorted indices: `count`, or a tenth if that is less.

    Those whose name without its ending has the smallest SHA-256: the same ones in every run, whatever the order, and
    the same of both folders where pairs share a name. None where those would be fewer than an evaluation needs: of
    folders of less than 40 pictures.
    """
    held = min(count, len(names) // HELD_OUT_SHARE)
    if held < FEWEST:
        return []
    by_digest = sorted(range(len(names)), key=lambda index: _digest(names[index]))
    return sorted(by_digest[:held])


def _digest(name: str) -> bytes:
    """Return the SHA-256 of a name without its ending; names that are no text have one, too."""
    stem = name[: -len(suffix)] if (suffix := Path(name).suffix) else name
    return hashlib.sha256(stem.encode("utf-8", "surrogateescape")).digest()
