"""Translate images of any size with a model."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from .backend import Array, Backend, Machine, choose_machine, graph_precision, machine_for_doors, open_graph
from .errors import InputError, ResourceError, UsageError
from .events import BackendOpened
from .graph import IMAGES, TRANSLATED, Doors, specialise

if TYPE_CHECKING:
    import onnx

    from .card import ModelCard


class Translator:
    """A model, open on this machine. A context manager; calls from several threads wait for each other."""

    def __init__(self, model: onnx.ModelProto, card: ModelCard, machine: Machine, *, precision: str) -> None:
        self.card = card
        self._model, self._machine, self._precision = model, machine, precision
        self._backends: dict[Doors, Backend] = {}
        self._lock = threading.Lock()

    def translate(self, batch: Array) -> Array:
        """Return the translated batch: N×H×W×3 RGB, `card.scale` times the size, of the same dtype as `batch`.

        uint8, or float32 in [0, 1] (16-bit pictures and 10-bit films; computed in fp32 unless a precision was asked
        for). Any height and width: what does not fit the model is padded by reflection, computed and cropped away.

        Raises:
            InputError: the model has a fixed size and the images are larger. ResourceError: memory ran out.
        """
        if batch.ndim != 4 or batch.shape[3] != 3 or 0 in batch.shape or batch.dtype not in (np.uint8, np.float32):
            raise UsageError(f"expected uint8 or float32 images N×H×W×3, got {batch.dtype} {batch.shape}")
        doors = Doors.UINT8 if batch.dtype == np.uint8 else Doors.FLOAT32
        height, width = batch.shape[1:3]
        padded = pad_to_fit(batch, self.card)
        with self._lock:
            translated = self._run(self._backend(doors), padded)
        scale = self.card.scale
        return np.ascontiguousarray(translated[:, : height * scale, : width * scale])

    def describe(self) -> BackendOpened:
        """Return what really runs; opens the backend where that has not happened yet."""
        with self._lock:
            return self._backend(Doors.UINT8).describe()

    def close(self) -> None:
        """Free what the backends hold."""
        for backend in self._backends.values():
            backend.close()
        self._backends.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _backend(self, doors: Doors) -> Backend:
        if doors not in self._backends:
            machine = machine_for_doors(self._machine, doors, self._precision)
            graph = specialise(self._model, self.card, doors=doors, precision=graph_precision(machine))
            self._backends[doors] = open_graph(graph, machine)
        return self._backends[doors]

    def _run(self, backend: Backend, batch: Array) -> Array:
        """Run a batch, in halves where memory runs out."""
        try:
            return backend.run({IMAGES: np.ascontiguousarray(batch)})[TRANSLATED]
        except ResourceError:
            if len(batch) == 1:
                raise
        half = len(batch) // 2
        return np.concatenate([self._run(backend, batch[:half]), self._run(backend, batch[half:])])


def open_translator(
    model_path: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    max_tile_pixels: int | None = None,
) -> Translator:
    """Open a model file for images of any size. Close the translator, or use it in a `with` statement.

    Args:
        model_path: a file, or the name of a model that `cgconv models list` shows.
        threads: CPU threads; None leaves it to the backend.
        max_tile_pixels: pictures with more pixels are computed in parts of this size; None: as memory allows.

    Raises:
        ModelError: the file is no usable model. UsageError, MissingError: see backend.open_backend.
    """
    from .card import read_card
    from .model_file import load_model
    from .store import resolve_model

    path = resolve_model(model_path)
    model = load_model(path)
    card = read_card(model)
    if card is None:
        from .foreign import adopt

        model, card = adopt(model, path)
    machine = choose_machine(model, card, backend=backend, device=device, precision=precision, threads=threads)
    translator = Translator(model, card, machine, precision=precision)
    translator.describe()  # opens the backend, so that a model that cannot be computed is refused here
    return translator


def pad_to_fit(batch: Array, card: ModelCard) -> Array:
    """Return `batch` grown at the bottom and right, by reflection, to a size that the model takes.

    Raises:
        InputError: the model has a fixed size and the images are larger.
    """
    height, width = batch.shape[1:3]
    if card.fixed_size_hw is not None:
        wanted = card.fixed_size_hw
        if height > wanted[0] or width > wanted[1]:
            raise InputError(
                f"the model {card.name} takes pictures up to {wanted[1]}×{wanted[0]}, this one has {width}×{height}"
            )
    else:
        wanted = (_fitting(height, card), _fitting(width, card))
    if (height, width) == wanted:
        return batch
    return np.pad(batch, ((0, 0), (0, wanted[0] - height), (0, wanted[1] - width), (0, 0)), mode="symmetric")


def _fitting(edge: int, card: ModelCard) -> int:
    at_least = max(edge, card.smallest_size)
    return -(-at_least // card.size_multiple) * card.size_multiple
