"""Compute a graph with OpenVINO: x86 processors, and Intel GPUs."""

from __future__ import annotations

import functools
import math
import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cgconv.runtime.errors import CgconvError, MissingError, ModelError, ResourceError
from cgconv.runtime.events import BackendOpened

from .machine import Array, Machine, PrecisionChoice

if TYPE_CHECKING:
    import onnx

# Compiled models are kept, one for each set of input shapes: at most so many, of at most so many input values together.
# Each holds its working memory: about 0.6 GB for a megapixel.
_KEPT_SHAPES = 4
_KEPT_VALUES = 6_000_000
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
        self._requests: OrderedDict[tuple[tuple[int, ...], ...], Any] = OrderedDict()  # Any: an InferRequest

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        shapes = tuple(feeds[name].shape for name in self._inputs)
        try:
            request = self._request_for(shapes)
            request.infer({name: feeds[name] for name in self._inputs}, share_inputs=True)
            return {name: request.get_output_tensor(index).data.copy() for index, name in enumerate(self._outputs)}
        except Exception as error:  # as above
            raise _translated(error, "OpenVINO cannot compute this model on a picture of this size") from error

    def describe(self) -> BackendOpened:
        machine = self._machine
        return BackendOpened("openvino", self._device, machine.device, str(machine.precision), machine.why)

    def close(self) -> None:
        self._requests.clear()
        del self._model

    def _request_for(self, shapes: tuple[tuple[int, ...], ...]) -> Any:  # Any: an InferRequest
        """Return a request compiled for exactly these input shapes: fixed shapes are computed faster than open ones."""
        if shapes not in self._requests:
            self._make_room_for(shapes)
            model = self._model.clone()
            model.reshape({name: list(shape) for name, shape in zip(self._inputs, shapes, strict=True)})
            self._requests[shapes] = self._core.compile_model(
                model, self._device, self._settings
            ).create_infer_request()
        self._requests.move_to_end(shapes)
        return self._requests[shapes]

    def _make_room_for(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        while self._requests:
            values = sum(math.prod(shape) for kept in [*self._requests, shapes] for shape in kept)
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


@functools.cache
def _core() -> Any:  # Any: an openvino.Core
    try:
        return _openvino().Core()
    except ImportError as error:
        raise MissingError(f"OpenVINO cannot be loaded ({error}): pip install openvino") from error


def _openvino() -> Any:  # Any: the module openvino
    """Import OpenVINO without its telemetry. Raises ImportError.

    Each import reports itself to Google Analytics, unasked, from a forked process (openvino_telemetry 2025.2). A fork
    of a process with threads may never get to its end: a window's workers left such processes behind.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # "not to be had": a stub is taken
    import openvino

    return openvino


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
