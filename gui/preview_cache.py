"""Keep previews that were made: coming back to a picture, a model or an option costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from .pyramid import Pyramid

LARGEST_BYTES = 400_000_000


@dataclass(frozen=True)
class Shown:
    """A preview as it is shown. `note` is the worker's (events.PreviewReady)."""

    original: Pyramid
    translated: Pyramid | None
    scale: float
    note: str

    @property
    def bytes(self) -> int:
        return self.original.bytes + (self.translated.bytes if self.translated is not None else 0)


class PreviewCache:
    """Previews in full size by what they were made of; those used longest ago go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Shown] = OrderedDict()

    def find(self, key: Hashable) -> Shown | None:
        """Return the preview of this key."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: Hashable, shown: Shown) -> None:
        """Keep a preview."""
        self._kept[key] = shown
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > LARGEST_BYTES:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Keep nothing: a model may be another one under the same name."""
        self._kept.clear()
