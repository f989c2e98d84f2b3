"""Translate images of any size with a model."""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from cgconv.runtime.backends.choose import (
    building_for,
    choose_machine,
    fall_back,
    graph_for,
    graph_precision,
    machine_for_doors,
    open_graph,
    without_building,
)
from cgconv.runtime.backends.machine import Array, Backend, Machine, Overlapping
from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.errors import ModelError, ResourceError, UsageError
from cgconv.runtime.events import BackendOpened, EngineBuilding, EngineBuilt
from cgconv.runtime.graphs.graph import IMAGES, STRANGE, TRANSLATED, Doors, Precision, specialize, watched
from cgconv.runtime.graphs.stages import Plan, multiply_adds_per_pixel, plan_stages
from cgconv.runtime.models.card import next_multiple
from cgconv.runtime.models.padding import pad_to, pad_to_fit
from cgconv.runtime.models.store import resolve_model

from .any_model import open_model
from .memory import available_bytes
from .tiles import translate_in_parts

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.models.card import ModelCard

_log = logging.getLogger(__name__)

_ALWAYS_FITS_PIXELS = 1 << 20  # not worth asking the memory below
_LARGEST_PART_PIXELS = 1 << 22  # larger parts save no time
_SMALLEST_PART_PIXELS = 1 << 16
_LEAST_CONTRAST = 8.0  # deviation in gray levels; a night sky or a fade has less
_SMALLEST_WITH_CONTRAST_PX = 8  # in smaller pictures a norm may leave nothing


class Translator:
    """A model, open on this machine. A context manager; calls from several threads wait for each other."""

    def __init__(
        self,
        model: onnx.ModelProto,
        card: ModelCard,
        machine: Machine,
        *,
        precision: str = "auto",
        max_tile_pixels: int | None = None,
        report: Callable[[EngineBuilding | EngineBuilt], None] = lambda event: None,
        cancel: threading.Event | None = None,
    ) -> None:
        self.card = card
        self._model, self._machine = model, machine
        self._precision = precision
        # What is told of engines while one is built, and what stops that; may be changed from call to call.
        self.report, self.cancel = report, cancel or threading.Event()
        self._max_tile_pixels = max_tile_pixels
        self._has_said_parts = False
        self._graphs: dict[tuple[Doors, Precision, BackendName], onnx.ModelProto] = {}
        self._backends: dict[Doors, Backend] = {}
        self._plans: dict[Doors, Plan | None] = {}
        self._lock = threading.Lock()
        batch = model.graph.input[0].type.tensor_type.shape.dim[:1]
        self._takes_batches = not (batch and batch[0].dim_value == 1)

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
            translated = self._translate(padded, doors)
        scale = self.card.scale
        return np.ascontiguousarray(translated[:, : height * scale, : width * scale])

    @property
    def overlaps(self) -> bool:
        """Whether `start` leaves a batch on its way, so that the next one should be started before its result is asked
        for; opens the backend where that has not happened yet."""
        with self._lock:
            return isinstance(self._backend(Doors.UINT8), Overlapping)

    def start(self, batch: Array) -> Callable[[], Array]:
        """Begin to translate a batch and return what waits for the result; both promise and raise what translate does.

        Where the backend does not overlap batches, or the memory may not hold two of them, all is done here.
        """
        doors = Doors.UINT8 if batch.dtype == np.uint8 else Doors.FLOAT32
        fits = batch.ndim == 4 and (len(batch) == 1 or self._takes_batches)
        pixels = batch.shape[1] * batch.shape[2] if fits else 0
        most = None if self._machine.device != "cpu" else _ALWAYS_FITS_PIXELS // (2 * max(len(batch), 1))
        if not fits or any(limit is not None and pixels > limit for limit in (self._max_tile_pixels, most)):
            return _known(self.translate(batch))
        with self._lock:
            backend = self._backend(doors)
            if isinstance(backend, Overlapping) and batch.dtype in (np.uint8, np.float32) and batch.shape[3] == 3:
                padded = np.ascontiguousarray(pad_to_fit(batch, self.card))
                try:
                    fetch = backend.start({IMAGES: padded})
                except (ModelError, ResourceError):  # translate goes over to something else, or to less at once
                    fetch = None
            else:
                fetch = None
        if fetch is None:
            return _known(self.translate(batch))
        height, width, scale = batch.shape[1], batch.shape[2], self.card.scale

        def finish() -> Array:
            try:
                with self._lock:
                    translated = self._checked(fetch(), padded)
            except (ModelError, ResourceError):
                return self.translate(batch)
            return np.ascontiguousarray(translated[:, : height * scale, : width * scale])

        return finish

    @functools.cached_property
    def sha256(self) -> str:
        """The hash of the model's graph and weights: two models with one card are not one model."""
        return hashlib.sha256(self._model.SerializeToString(deterministic=True)).hexdigest()

    def describe(self) -> BackendOpened:
        """Return what really runs; opens the backend where that has not happened yet."""
        with self._lock:
            return self._backend(Doors.UINT8).describe()

    def multiply_adds_per_pixel(self) -> float:
        """Return how many products the model's convolutions sum for each pixel, 0 where that is not known."""
        try:
            graph = specialize(self._model, self.card)
            return multiply_adds_per_pixel(graph, self.card.size_multiple)
        except ModelError:
            return 0.0

    def close(self) -> None:
        """Free what the backends hold."""
        for backend in self._backends.values():
            backend.close()
        self._backends.clear()
        self._graphs.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _backend(self, doors: Doors) -> Backend:
        while doors not in self._backends:
            building = building_for(
                self._model,
                self.card,
                doors,
                report=lambda event: self.report(event),
                is_cancelled=lambda: self.cancel.is_set(),
            )
            try:
                machine, graph = self._machine_for(doors), self._graph(doors)
                if machine.backend is not BackendName.TENSORRT:  # whose engines are compared with the model
                    graph = watched(graph)
                self._backends[doors] = open_graph(graph, machine, building)
            except ModelError as error:
                self._fall_back(error)
        return self._backends[doors]

    def _fall_back(self, error: ModelError) -> None:
        """Go over for good to what stands in for a machine that cannot compute the model; raise `error` without any."""
        self._machine = fall_back(self._machine, error)
        _log.warning("%s", self._machine.why)
        self.close()

    def _graph(self, doors: Doors) -> onnx.ModelProto:
        return self._graph_for(doors, self._machine_for(doors))

    def _graph_for(self, doors: Doors, machine: Machine) -> onnx.ModelProto:
        key = doors, graph_precision(machine), machine.backend
        if key not in self._graphs:
            self._graphs[key] = graph_for(self._model, self.card, machine, doors)
        return self._graphs[key]

    def _machine_for(self, doors: Doors) -> Machine:
        return machine_for_doors(self._machine, doors, self._precision)

    def _plan(self, doors: Doors) -> Plan | None:
        """Return how this model is computed in parts, or None where it cannot be."""
        if doors not in self._plans:
            try:
                graph = self._graph_for(doors, _for_parts(self._machine_for(doors)))
                self._plans[doors] = plan_stages(graph, self.card.size_multiple)
            except ModelError as error:
                _log.info("%s cannot be computed in parts: %s", self.card.name, error)
                self._plans[doors] = None
        return self._plans[doors]

    def _translate(self, batch: Array, doors: Doors) -> Array:
        """Compute a batch whose size fits the model: at once, in smaller batches, or picture by picture in parts."""
        images_at_once = len(batch) if self._takes_batches else 1
        pixels = batch.shape[1] * batch.shape[2]
        if self._max_tile_pixels is not None and pixels > self._max_tile_pixels:
            return self._each_in_parts(batch, doors, self._max_tile_pixels)
        if pixels * images_at_once > _ALWAYS_FITS_PIXELS:
            fits_pixels = self._fitting_pixels(doors)
            if fits_pixels is not None and pixels > fits_pixels:
                return self._each_in_parts(batch, doors, min(fits_pixels // 2, _LARGEST_PART_PIXELS))
            if fits_pixels is not None:
                images_at_once = min(images_at_once, max(fits_pixels // pixels, 1))
        return np.concatenate(
            [self._run(batch[start : start + images_at_once], doors) for start in range(0, len(batch), images_at_once)]
        )

    def _run(self, batch: Array, doors: Doors) -> Array:
        """Run a batch; where memory runs out all the same, in halves, and then in parts."""
        try:
            return self._checked(self._backend(doors).run({IMAGES: np.ascontiguousarray(batch)}), batch)
        except ModelError as error:
            self._fall_back(error)
            return self._run(batch, doors)
        except ResourceError:
            pixels = batch.shape[1] * batch.shape[2]
            if len(batch) == 1 and pixels <= _SMALLEST_PART_PIXELS:
                raise
        _log.warning(
            "not enough memory for %d image(s) of %d pixels at once; continuing with fewer", len(batch), pixels
        )
        if len(batch) == 1:
            return self._each_in_parts(batch, doors, max(pixels // 4, _SMALLEST_PART_PIXELS))
        half = len(batch) // 2
        return np.concatenate([self._run(batch[:half], doors), self._run(batch[half:], doors)])

    def _checked(self, made: dict[str, Array], batch: Array) -> Array:
        """Return the translated batch that a backend made. Raises ModelError where it is none."""
        translated = made[TRANSLATED]
        count, height, width = batch.shape[:3]
        scale = self.card.scale
        if translated.shape != (count, height * scale, width * scale, 3):
            found = "×".join(str(edge) for edge in reversed(translated.shape[1:3]))
            raise ModelError(
                f"the model {self.card.name} made {translated.shape[0]} of {found} from {count} of {width}×{height}, "
                f"its card says {width * scale}×{height * scale}"
            )
        if STRANGE in made and bool((made[STRANGE] > 0).any()):
            raise ModelError(
                f"the model {self.card.name} gives numbers that are not finite (NaN or infinity) for a picture of "
                f"{width}×{height}, so there is no result"
            )
        self._refuse_empty(translated, batch)
        return translated

    def _refuse_empty(self, translated: Array, batch: Array) -> None:
        """Raise ModelError where a picture with contrast came out in one color, which is no translation."""
        for image, made in zip(batch, translated, strict=True):
            if _is_one_color(made) and min(image.shape[:2]) >= _SMALLEST_WITH_CONTRAST_PX and _has_contrast(image):
                raise ModelError(
                    f"the model {self.card.name} makes one color of a picture of {image.shape[1]}×{image.shape[0]} "
                    "that has more, so there is no result"
                )

    def _fitting_pixels(self, doors: Doors) -> int | None:
        """Return how many pixels may be computed at once; None where that is not known (a GPU, an unusual graph)."""
        machine, plan = self._machine_for(doors), self._plan(doors)
        if machine.device != "cpu" or plan is None:
            return None
        of_estimate = 2.0 if machine.backend is BackendName.ONNXRUNTIME else 1.5
        return int(available_bytes() * 0.6 / (plan.whole_bytes_per_pixel * of_estimate))

    def _each_in_parts(self, batch: Array, doors: Doors, part_pixels: int) -> Array:
        plan = self._plan(doors)
        if plan is None:
            raise ResourceError(
                f"the picture is too large for the memory, and the model {self.card.name} cannot be computed in parts; "
                "use --resize to make it smaller"
            )
        machine = _for_parts(self._machine_for(doors))
        if machine.backend is not self._machine.backend and not self._has_said_parts:
            self._has_said_parts = True
            _log.warning("pictures of this size are computed in parts, by ONNX Runtime on %s", machine.device)
        height, width = batch.shape[1:3]
        padded = pad_to(batch, (next_multiple(height, plan.align_px), next_multiple(width, plan.align_px)))
        scale = self.card.scale
        translated = [
            translate_in_parts(
                image[None],
                plan,
                lambda graph: open_graph(graph, machine),
                scale=scale,
                part_pixels=part_pixels,
                memory_bytes=available_bytes() // 3,
            )
            for image in padded
        ]
        whole = np.concatenate(translated)[:, : height * scale, : width * scale]
        self._refuse_empty(whole, batch)
        return whole


def open_translator(
    model_path: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    max_tile_pixels: int | None = None,
    builds_engines: bool = True,
    report: Callable[[EngineBuilding | EngineBuilt], None] = lambda event: None,
    cancel: threading.Event | None = None,
) -> Translator:
    """Open a model file for images of any size. Close the translator, or use it in a `with` statement.

    Args:
        model_path: a file, or the name of a model that `cgconv models list` shows.
        threads: CPU threads; None leaves it to the backend.
        max_tile_pixels: pictures with more pixels are computed in parts of this size; None: as memory allows.
        builds_engines: False has `auto` take something else where TensorRT would build engines, or where the model
            would have to be measured in 8 bits first.
        report: is told how far an engine is while one is built, in the thread that translates, and how far the model
            is measured in 8 bits, in this one.
        cancel: stops either; `translate`, or this, then raises Cancelled.

    Raises:
        ModelError: the file is no usable model; or, where it is new here, it does not pass its trial (see trial.py).
        Cancelled: `cancel` was set during the trial. UsageError, MissingError: see choose.open_backend.
    """
    cancel = cancel or threading.Event()
    model, card = open_model(resolve_model(model_path), cancel)
    machine = choose_machine(
        model,
        card,
        backend=backend,
        device=device,
        precision=precision,
        threads=threads,
        report=report,
        is_cancelled=cancel.is_set,
        may_measure=builds_engines,
    )
    if not builds_engines:
        machine = without_building(machine)
    translator = Translator(
        model, card, machine, precision=precision, max_tile_pixels=max_tile_pixels, report=report, cancel=cancel
    )
    translator.describe()  # opens the backend, so that a model that cannot be computed is refused here
    return translator


def _is_one_color(image: Array) -> bool:
    """Say whether all pixels of H×W×3 are the same; of most pictures a few decide."""
    few = image[:: max(image.shape[0] // 8, 1), :: max(image.shape[1] // 8, 1)]
    slack = 0 if image.dtype == np.uint8 else 0.5 / 255
    return all(float(np.ptp(part, axis=(0, 1)).max()) <= slack for part in (few, image))


def _has_contrast(image: Array) -> bool:
    """Say whether a picture is more than noise on one color."""
    levels = 1 if image.dtype == np.uint8 else 255
    return float(image.std(axis=(0, 1), dtype=np.float64).max()) * levels >= _LEAST_CONTRAST


def _known(array: Array) -> Callable[[], Array]:
    return lambda: array


def _for_parts(machine: Machine) -> Machine:
    """Return what computes a picture in parts: int8 is for whole graphs, and TensorRT would build a hundred engines."""
    if machine.precision is PrecisionChoice.INT8:
        return replace(machine, precision=PrecisionChoice.FP32)
    if machine.backend is not BackendName.TENSORRT:
        return machine
    from cgconv.runtime.backends import onnxruntime_backend

    device = machine.device if onnxruntime_backend.why_not(machine.device) is None else "cpu"
    precision = machine.precision if device != "cpu" else PrecisionChoice.FP32
    return replace(machine, backend=BackendName.ONNXRUNTIME, device=device, precision=precision)
