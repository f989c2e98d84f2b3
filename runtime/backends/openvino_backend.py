"""Compute a graph with OpenVINO: x86 processors, and Intel GPUs."""

from __future__ import annotations

import functools
import math
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cgconv.runtime.choices import PrecisionChoice
from cgconv.runtime.errors import CgconvError, MissingError, ModelError, ResourceError
from cgconv.runtime.events import BackendOpened

from .machine import Array, Machine
from .processor import usable_cores

if TYPE_CHECKING:
    import onnx

# Compiled models are kept, one for each set of input shapes: at most so many, of at most so many input values together.
# Each holds its working memory: about 0.6 GB for a megapixel.
_KEPT_SHAPES = 4
_KEPT_VALUES = 6_000_000
# So many batches are computed side by side where they are started early, each by its share of the threads. Those of one
# batch wait for each other after every layer, and there longest for one whose core decodes or encodes a film meanwhile.
_STREAMS = 2
_HINTS = {
    PrecisionChoice.FP32: "f32",
    PrecisionChoice.BF16: "bf16",
    PrecisionChoice.FP16: "f16",
    PrecisionChoice.INT8: "f32",
}
_OUT_OF_MEMORY = (
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "failed to allocate",
    "out_of_resources",
    "cannot allocate",
)


_Shapes = tuple[tuple[int, ...], ...]  # of the inputs


class OpenvinoBackend:
    """A graph in OpenVINO, compiled for each shape it meets. See machine.Backend for the promises."""

    def __init__(self, graph: onnx.ModelProto, machine: Machine) -> None:
        device = _device_name(machine.device)
        problem = why_not(device)
        if problem:
            raise MissingError(f"device {machine.device}: {problem}")
        self._core, self._device, self._machine = _core(), device, machine
        # Never OpenVINO's own default: on processors with bf16 it computes float32 models in bf16.
        self._settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": _HINTS[machine.precision]}  # Any: its own types
        if device == "CPU":
            self._settings["PERFORMANCE_HINT"] = "LATENCY"
            if machine.threads:
                self._settings["INFERENCE_NUM_THREADS"] = machine.threads
        try:
            self._model = self._core.read_model(graph.SerializeToString(), b"")
        except Exception as error:  # OpenVINO raises bare RuntimeErrors
            raise _translated(error, "OpenVINO cannot read this model") from error
        self._inputs = [port.get_any_name() for port in self._model.inputs]
        self._outputs = [port.get_any_name() for port in self._model.outputs]
        # Streams and shapes → a compiled model, and its requests that are not in use.
        self._requests: OrderedDict[tuple[int, _Shapes], tuple[Any, list[Any]]] = OrderedDict()  # Any: its own types

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        with _said():
            compiled, requests = self._compiled_for(1, self._shapes_of(feeds))
            request = requests[0] if requests else compiled.create_infer_request()
            requests[:] = [request]
            request.infer({name: feeds[name] for name in self._inputs}, share_inputs=True)
            return self._made(request)

    def start(self, feeds: Mapping[str, Array]) -> Callable[[], dict[str, Array]]:
        """See machine.Overlapping. On one thread there is nothing to share out: all is done here."""
        if self._device != "CPU" or (self._machine.threads or usable_cores()) < _STREAMS:
            made = self.run(feeds)
            return lambda: made
        with _said():
            compiled, free = self._compiled_for(_STREAMS, self._shapes_of(feeds))
            request = free.pop() if free else compiled.create_infer_request()
            request.start_async({name: feeds[name] for name in self._inputs}, share_inputs=True)

        def fetch() -> dict[str, Array]:
            with _said():
                request.wait()
                made = self._made(request)
                free.append(request)
                return made

        return fetch

    def _shapes_of(self, feeds: Mapping[str, Array]) -> _Shapes:
        return tuple(feeds[name].shape for name in self._inputs)

    def _made(self, request: Any) -> dict[str, Array]:  # Any: an InferRequest
        return {name: request.get_output_tensor(index).data.copy() for index, name in enumerate(self._outputs)}

    def describe(self) -> BackendOpened:
        machine = self._machine
        return BackendOpened("openvino", self._device, machine.device, str(machine.precision), machine.why)

    def close(self) -> None:
        self._requests.clear()
        del self._model

    def _compiled_for(self, streams: int, shapes: _Shapes) -> tuple[Any, list[Any]]:  # Any: its own types
        """Return the model compiled for exactly these input shapes: fixed ones are computed faster than open ones."""
        key = streams, shapes
        if key not in self._requests:
            self._make_room_for(key)
            model = self._model.clone()
            model.reshape({name: list(shape) for name, shape in zip(self._inputs, shapes, strict=True)})
            several = {"NUM_STREAMS": streams} if streams > 1 else {}
            self._requests[key] = self._core.compile_model(model, self._device, self._settings | several), []
        self._requests.move_to_end(key)
        return self._requests[key]

    def _make_room_for(self, key: tuple[int, _Shapes]) -> None:
        while self._requests:
            kept = [*self._requests, key]
            values = sum(streams * math.prod(shape) for streams, shapes in kept for shape in shapes)
            if len(self._requests) < _KEPT_SHAPES and values <= _KEPT_VALUES:
                return
            self._requests.popitem(last=False)


def why_not(device: str) -> str | None:
    """Return why OpenVINO cannot use its device (`CPU`, `GPU`, `GPU.1`), or None where it can."""
    try:
        found = list(_core().available_devices)
    except CgconvError as error:
        return str(error)
    if device in found or (device.startswith("GPU") and f"{device}.0" in found):
        return None
    return f"OpenVINO finds no {device} on this machine (it has {', '.join(found) or 'nothing'})"


def capabilities(device: str) -> list[str]:
    """Return what a device computes in, e.g. FP32, BF16, INT8."""
    return list(_core().get_property(device, "OPTIMIZATION_CAPABILITIES"))


def version() -> str:
    """Return OpenVINO's version."""
    return str(_openvino().__version__)


_beginning = threading.Lock()


def _core() -> Any:  # Any: an openvino.Core
    with _beginning:
        return _begun()


@functools.cache
def _begun() -> Any:  # Any: an openvino.Core
    try:
        openvino = _openvino()
    except ImportError as error:
        raise MissingError(f"OpenVINO cannot be loaded ({error}): pip install openvino") from error
    # Two threads that ask for its tables of types first wait for each other for ever (2026.4): one guards the table and
    # wants Python's lock, the other has that and wants the table. So they are made here.
    openvino.Tensor(np.zeros(1, np.float32), shared_memory=True)
    openvino.Type.f32.to_dtype()
    return openvino.Core()


def _openvino() -> Any:  # Any: the module openvino
    """Import OpenVINO without its telemetry. Raises ImportError.

    Each import reports itself to Google Analytics, unasked, from a forked process (openvino_telemetry 2025.2). A fork
    of a process with threads may never get to its end: a window's workers left such processes behind.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # "not to be had": a stub is taken
    import openvino

    return openvino


@contextmanager
def _said() -> Iterator[None]:
    """Turn what goes wrong while a picture is computed into one sentence."""
    try:
        yield
    except Exception as error:  # OpenVINO raises bare RuntimeErrors
        raise _translated(error, "OpenVINO cannot compute this model on a picture of this size") from error


def _device_name(device: str) -> str:
    return device.upper().replace(":", ".")


def _translated(error: Exception, sentence: str) -> CgconvError:
    text = str(error).strip()
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _OUT_OF_MEMORY):
        return ResourceError("memory ran out; lower --batch or --resize, or close other programs")
    lines = [
        line for line in text.splitlines() if line.strip() and "Exception from" not in line and "Check '" not in line
    ]
    return ModelError(f"{sentence}: {(lines or [type(error).__name__])[-1].strip()[:200]}")
