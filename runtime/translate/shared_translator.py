"""Lend one translator to several workers: one call at a time, pictures of one size together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from cgconv.runtime.errors import Cancelled, ResourceError
from cgconv.runtime.events import BackendOpened

if TYPE_CHECKING:
    from cgconv.runtime.models.card import ModelCard

Array = np.ndarray[Any, np.dtype[Any]]  # Any: uint8 or float32, N×H×W×3

LARGEST_JOINT_BATCH_PIXELS = 4_000_000  # joining helps small pictures; large ones fill the processor alone


class Translates(Protocol):
    """What a worker needs of a translator."""

    @property
    def card(self) -> ModelCard:
        """The model's card; its `scale` is the output's height over the input's."""

    @property
    def sha256(self) -> str:
        """What tells two models apart."""

    def describe(self) -> BackendOpened:
        """Return what really runs."""

    def translate(self, batch: Array) -> Array:
        """Translate N×H×W×3, uint8 or float32 in [0, 1]."""


@runtime_checkable
class StartsEarly(Protocol):
    """A translator that can have the next batch on its way before the last one's result is there."""

    @property
    def overlaps(self) -> bool:
        """Whether that gains anything where it runs now."""

    def start(self, batch: Array) -> Callable[[], Array]:
        """Begin to translate and return what waits for the result."""


class _Request:
    def __init__(self, batch: Array) -> None:
        self.batch = batch
        self.result: Array | None = None
        self.error: BaseException | None = None


class SharedTranslator:
    """A translator that any thread may call.

    Whoever gets the turn translates a whole batch where `batch` images of one size and type wait, else its own alone:
    only these two sizes occur, because a backend compiles for each. Once `cancel` is set, calls that have not begun
    raise Cancelled.
    """

    def __init__(self, translator: Translates, *, batch: int, cancel: threading.Event) -> None:
        self._translator = translator
        self._batch = batch
        self._cancel = cancel
        self._turn = threading.Lock()
        self._waiting: list[_Request] = []
        self._waiting_lock = threading.Lock()
        self._of_thread = threading.local()

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._translator.card

    @property
    def sha256(self) -> str:
        """What tells two models apart."""
        return self._translator.sha256

    def describe(self) -> BackendOpened:
        """Return what really runs."""
        return self._translator.describe()

    def translate(self, batch: Array) -> Array:
        """Translate N×H×W×3, uint8 or float32 in [0, 1]; raises what the translator raises, and Cancelled."""
        request = _Request(batch)
        with self._waiting_lock:
            self._waiting.append(request)
        asked = time.perf_counter()
        with self._turn:
            self._of_thread.waited_s = self.waited_s() + time.perf_counter() - asked
            if request.result is None and request.error is None:
                self._serve(self._take_fitting(request))
        if request.error is not None:
            raise request.error
        assert request.result is not None  # _serve sets one of the two
        return request.result

    def waited_s(self) -> float:
        """Return the seconds that the calling thread has spent waiting for its turn."""
        return float(getattr(self._of_thread, "waited_s", 0.0))

    def _take_fitting(self, first: _Request) -> list[_Request]:
        """Take `first` off the list, and with it what waits in its size and type where that makes a whole batch."""
        pixels = first.batch.shape[1] * first.batch.shape[2]
        with self._waiting_lock:
            together = [first]
            if len(first.batch) == 1 and pixels * self._batch <= LARGEST_JOINT_BATCH_PIXELS:
                alike = [
                    other
                    for other in self._waiting
                    if other.batch.shape == first.batch.shape and other.batch.dtype == first.batch.dtype
                ]
                if len(alike) >= self._batch:
                    together += [other for other in alike if other is not first][: self._batch - 1]
            for request in together:
                self._waiting.remove(request)
        return together

    def _serve(self, requests: list[_Request]) -> None:
        if self._cancel.is_set():
            for request in requests:
                request.error = Cancelled("stopped before this picture was translated")
            return
        try:
            joined = requests[0].batch if len(requests) == 1 else np.concatenate([r.batch for r in requests])
            results = self._translator.translate(joined)
            start = 0
            for request in requests:
                request.result = results[start : start + len(request.batch)]
                start += len(request.batch)
        except (ResourceError, MemoryError) as error:
            if len(requests) == 1:
                requests[0].error = error
            else:  # together they did not fit: one by one
                for request in requests:
                    self._serve([request])
        except BaseException as error:  # carried to the threads that asked, where it is raised
            for request in requests:
                request.error = error
