"""Find out how fast work goes, and how long the rest of it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import exp
from typing import NamedTuple

RECENT_S = 60.0  # what is older counts for less and less: the machine may have got other work meanwhile
ENOUGH_S = 2.0  # of work, before anything is said


class Kind(NamedTuple):
    """Work that goes at one speed: films or pictures, with one model."""

    kind: str
    model: str


class Pace:
    """The megapixels a second of each kind of work, of this run or, until that is known, of earlier ones.

    Only the time counts in which something is being worked on: `begin` when it is taken up, `hold` when it is let go.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.known: dict[Kind, float] = {}  # of earlier runs
        self._megapixels: dict[Kind, float] = {}
        self._seconds: dict[Kind, float] = {}
        self._kind: Kind | None = None
        self._since = 0.0

    def start(self) -> None:
        """Begin a run; what was measured until now is an earlier one's."""
        self.known |= self.measured()
        self._megapixels, self._seconds, self._kind = {}, {}, None

    def begin(self, kind: Kind) -> None:
        """Take note that this kind of work is being done from now on."""
        if kind != self._kind:
            self.hold()
            self._kind, self._since = kind, self._clock()

    def hold(self) -> None:
        """Take note that nothing is being done."""
        self.advance(0.0)
        self._kind = None

    def advance(self, megapixels: float) -> None:
        """Take note of work that was done since the last word."""
        kind = self._kind
        if kind is None:
            return
        now = self._clock()
        passed, self._since = now - self._since, now
        fading = exp(-passed / RECENT_S)
        self._megapixels[kind] = self._megapixels.get(kind, 0.0) * fading + megapixels
        self._seconds[kind] = self._seconds.get(kind, 0.0) * fading + passed

    def measured(self) -> dict[Kind, float]:
        """Return the megapixels a second of this run."""
        return {kind: megapixels / self._seconds[kind] for kind, megapixels in self._megapixels.items()
                if megapixels > 0 and self._seconds[kind] >= ENOUGH_S}  # fmt: skip

    def seconds_left(self, megapixels_left: Mapping[Kind, float]) -> float | None:
        """Return how long the rest takes, None while nothing can be said of it."""
        speeds = self.known | self.measured()
        if not speeds:
            return None
        total = 0.0
        for kind, megapixels in megapixels_left.items():
            nearest = max(speeds, key=lambda other: (other == kind, other.model == kind.model, other.kind == kind.kind))
            total += megapixels / speeds[nearest]
        return total
