"""Show each model of the gallery on the user's own picture: the one that the cursor is on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from cgconv.runtime import requests
from cgconv.runtime.events import ModelInfo

from .queue_item import QueueItem

SETTLED_MS = 700  # the cursor may only be passing


class Sampler(QObject):
    """Asks for small samples of the chosen picture by all models; those of the picture before are called off.

    `ask` sends a request and returns its number, `cancel` calls one off, `may_work` says whether the machine is free.
    """

    def __init__(
        self, ask: Callable[[requests.Request], int], cancel: Callable[[int], None], may_work: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._ask, self._cancel, self._may_work = ask, cancel, may_work
        self._models: list[str] = []
        self._picture: Path | None = None
        self._numbers: list[int] = []
        self._settle = QTimer(self, singleShot=True, interval=SETTLED_MS)
        self._settle.timeout.connect(self._sample)

    def show_models(self, models: Sequence[ModelInfo]) -> None:
        """Take these models; the gallery shows them on its own sample until this picture's are there."""
        self._models = [model.name for model in models if not model.problem]
        self._settle.start()

    def show_item(self, item: QueueItem | None) -> None:
        """Take this entry's picture; of a film, or of none, the gallery keeps what it shows."""
        if item is not None and item.kind == "picture" and item.path != self._picture:
            self._picture = item.path
            self._settle.start()

    def _sample(self) -> None:
        for number in self._numbers:
            self._cancel(number)
        self._numbers = []
        if self._picture is None:
            return
        if not self._may_work():
            self._settle.start()
            return
        for model in self._models:
            self._numbers.append(self._ask(requests.SampleModel(model, self._picture, is_users=True)))
