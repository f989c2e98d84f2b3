"""Compute a graph with ONNX Runtime: CPU everywhere, CUDA, DirectML and CoreML where they are installed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import CgconvError, MissingError, ModelError, ResourceError
from cgconv.runtime.events import BackendOpened, counted

from .machine import Array, Machine, cuda_devices

if TYPE_CHECKING:
    import onnx

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
_INSTALL = {
    "cuda": "pip install 'cgconv[cuda]'",
    "directml": "pip install onnxruntime-directml",
    "coreml": "pip install onnxruntime (on a Mac)",
}
_OUT_OF_MEMORY = ("out of memory", "failed to allocate", "bad_alloc", "bad allocation", "bfcarena", "allocate memory")


# Told before a graph is opened (0) and before each run how many values it is fed: a trial in a process of its own.
watchers: list[Callable[[int], None]] = []


class OnnxruntimeBackend:
    """A graph in an ONNX Runtime session. See machine.Backend for the promises."""

    def __init__(self, graph: onnx.ModelProto, machine: Machine) -> None:
        onnxruntime = _library()
        kind, _, number = machine.device.partition(":")
        provider = _PROVIDERS[kind]
        if kind == "cuda":
            _require_cuda(int(number or 0))
            onnxruntime.preload_dlls()
        if provider not in onnxruntime.get_available_providers():
            raise MissingError(f"device {kind} needs another ONNX Runtime: {_INSTALL[kind]}")
        options = onnxruntime.SessionOptions()
        options.enable_mem_pattern = False  # with it, a picture takes nearly twice the memory and no less time
        options.log_severity_level = 4  # fatal only: what goes wrong is raised, and the rest is noise on stderr
        if machine.threads:
            options.intra_op_num_threads = machine.threads
        provider_options: dict[str, Any] = {"device_id": int(number or 0)} if kind == "cuda" else {}  # Any: their types
        providers = [(provider, provider_options)]
        if kind != "cpu":
            providers.append((_PROVIDERS["cpu"], {}))
        _tell(0)
        try:
            self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=providers)
        except Exception as error:  # ONNX Runtime raises a dozen unrelated types
            raise _translated(error, f"ONNX Runtime on {machine.device} cannot open this model") from error
        if self._session.get_providers()[0] != provider:
            raise MissingError(f"device {machine.device} was asked for, but ONNX Runtime fell back to the CPU")
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._machine, self._provider = machine, provider

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        _tell(sum(int(array.size) for array in feeds.values()))
        try:
            results = self._session.run(self._outputs, dict(feeds))
        except Exception as error:  # as above
            raise _translated(error, "ONNX Runtime cannot compute this model on a picture of this size") from error
        return dict(zip(self._outputs, results, strict=True))

    def describe(self) -> BackendOpened:
        machine = self._machine
        return BackendOpened("onnxruntime", self._provider, machine.device, str(machine.precision), machine.why)

    def close(self) -> None:
        del self._session


def version() -> str:
    """Return ONNX Runtime's version."""
    return str(_library().__version__)


def _tell(values: int) -> None:
    for watcher in watchers:
        watcher(values)


def offers(device: str) -> bool:
    """Say whether the installed ONNX Runtime was built for `device`."""
    return _PROVIDERS[device] in _library().get_available_providers()


@functools.cache
def why_not(device: str) -> str | None:
    """Return why `device` cannot be used, or None where a small graph really ran on it."""
    try:
        backend = OnnxruntimeBackend(_smallest_graph(), Machine(backend=BackendName.ONNXRUNTIME, device=device))
        backend.close()
    except CgconvError as error:
        return str(error)
    return None


def _smallest_graph() -> onnx.ModelProto:
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "smallest", value[:1], value[1:])
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def _require_cuda(number: int) -> None:
    count = cuda_devices()
    if count == 0:
        raise MissingError("device cuda: there is no NVIDIA driver or no NVIDIA GPU on this machine")
    if number >= count:
        raise MissingError(f"device cuda:{number}: this machine has {counted(count, 'NVIDIA GPU')}")


def _library() -> Any:  # Any: onnxruntime has no type information
    try:
        from .quiet_onnxruntime import onnxruntime
    except ImportError as error:
        raise MissingError(f"ONNX Runtime cannot be loaded ({error}): pip install onnxruntime") from error
    return onnxruntime


def _translated(error: Exception, sentence: str) -> CgconvError:
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _OUT_OF_MEMORY):
        return ResourceError("memory ran out; lower --batch or --resize, or close other programs")
    if "is till opset" in text:
        newest = text.partition("is till opset")[2].strip(" .\n")[:3]
        return ModelError(
            f"{sentence}: it needs a newer ONNX opset than the {newest} that this ONNX Runtime has; export the model "
            "again with opset 20, or update onnxruntime"
        )
    return ModelError(f"{sentence}: {text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__}")
