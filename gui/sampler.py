"""Show each model of the gallery on the user's own picture: the one that the cursor is on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from cgconv.runtime import requests
from cgconv.runtime.events import ModelInfo

from .queue_item import FILM, QueueItem

SETTLED_MS = 700  # the cursor may only be passing
FILM_SHARE = 0.1  # of a film's length: where its frame is taken, as its thumbnail's


class Sampler(QObject):
    """Asks for small samples of the chosen file by all models, one after the other; a new file calls the rest off.

    `ask` sends a request and returns its number, `cancel` calls one off, `may_work` says whether the machine is free.
    """

    def __init__(
        self, ask: Callable[[requests.Request], int], cancel: Callable[[int], None], may_work: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._ask, self._cancel, self._may_work = ask, cancel, may_work
        self._models: list[str] = []
        self._waiting: list[str] = []  # of these models samples are still to be asked for
        self._item: QueueItem | None = None
        self._path: Path | None = None
        self._number = 0
        self._called_off: set[int] = set()
        self._settle = QTimer(self, singleShot=True, interval=SETTLED_MS)
        self._settle.timeout.connect(self._begin)

    def show_models(self, models: Sequence[ModelInfo]) -> None:
        """Take these models; the gallery shows them on its own sample until this file's are there."""
        self._models = [model.name for model in models if not model.problem]
        self._settle.start()

    def show_item(self, item: QueueItem | None) -> None:
        """Take this entry's file; where there is none, the gallery keeps what it shows."""
        if item is not None and item.path != self._path:
            self._item, self._path = item, item.path
            self._settle.start()

    def is_wanted(self, number: int) -> bool:
        """Say whether the sample that answers this request is still to be shown."""
        return number not in self._called_off

    def show_end(self, number: int) -> None:
        """Go on with the next model, if it was this request that has ended."""
        if number and number == self._number:
            self._number = 0
            self._next()

    def _begin(self) -> None:
        if self._number:
            self._cancel(self._number)
            self._called_off.add(self._number)
        self._number, self._waiting = 0, list(self._models) if self._item is not None else []
        self._next()

    def _next(self) -> None:
        if self._item is None or not self._waiting:
            return
        if not self._may_work():
            self._settle.start()
            return
        item, model = self._item, self._waiting.pop(0)
        time_s = FILM_SHARE * (item.seconds or 0.0) if item.kind == FILM else 0.0
        self._number = self._ask(requests.SampleModel(model, item.path, is_users=True, kind=item.kind, time_s=time_s))
