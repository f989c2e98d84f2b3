"""Call CUDA's runtime through cuda-bindings: memory, streams, events, graphs; its errors become ours."""

from __future__ import annotations

import ctypes
import sys
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from cuda.bindings import runtime as cudart

from cgconv.runtime.errors import CgconvError, ModelError, ResourceError


class CudaError(ModelError):
    """CUDA could not do what it was asked for."""


def check(error: cudart.cudaError_t, what: str) -> None:
    """Raise ResourceError where memory ran out, CudaError where anything else went wrong."""
    if error == cudart.cudaError_t.cudaSuccess:
        return
    if error == cudart.cudaError_t.cudaErrorMemoryAllocation:
        raise ResourceError("the GPU's memory ran out; lower --batch or --resize, or close other programs on it")
    raise CudaError(f"CUDA cannot {what}: {_error_name(error)}")


def _error_name(error: cudart.cudaError_t) -> str:
    _, name = cudart.cudaGetErrorName(error)
    return name.decode("ascii", "replace")


def use_gpu(number: int) -> None:
    """Make a GPU the calling thread's. Each thread has to say so for itself."""
    (error,) = cudart.cudaSetDevice(number)
    check(error, f"use GPU {number}")


def gpu_name(number: int) -> str:
    """Return a GPU's name and compute capability, e.g. `NVIDIA H200, sm_90`."""
    error, facts = cudart.cudaGetDeviceProperties(number)
    check(error, f"read the properties of GPU {number}")
    return f"{facts.name.decode('utf-8', 'replace').rstrip(chr(0))}, sm_{facts.major}{facts.minor}"


def driver_version() -> str:
    """Return the driver's full version (580.65.06) where NVIDIA's management library says it, with CUDA's (13.0)."""
    error, number = cudart.cudaDriverGetVersion()
    check(error, "read the driver's version")
    cuda = f"CUDA {number // 1000}.{number % 1000 // 10}"
    full = _driver_from_nvml()
    return f"{full}, {cuda}" if full else cuda


def _driver_from_nvml() -> str:
    try:
        library = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        if library.nvmlInit_v2() != 0:
            return ""
        text = ctypes.create_string_buffer(96)
        found = library.nvmlSystemGetDriverVersion(text, len(text)) == 0
        library.nvmlShutdown()
        return text.value.decode("ascii", "replace") if found else ""
    except (OSError, AttributeError):
        return ""


class _Memory(ABC):
    """Memory that only grows. `pointer` is 0 while it is empty."""

    def __init__(self) -> None:
        self.pointer, self.size = 0, 0

    def grow(self, size: int) -> None:
        """Hold at least `size` bytes; what was in it is lost where that takes new memory. Raises ResourceError."""
        if size <= self.size and self.pointer:
            return
        self.close()
        self.pointer, self.size = self._allocated(max(size, 256)), max(size, 256)

    def close(self) -> None:
        """Free it; arrays made of it must be gone."""
        if self.pointer:
            pointer, self.pointer, self.size = self.pointer, 0, 0
            self._free(pointer)

    @abstractmethod
    def _allocated(self, size: int) -> int: ...

    @abstractmethod
    def _free(self, pointer: int) -> None: ...


class DeviceMemory(_Memory):
    """Memory on the GPU."""

    def _allocated(self, size: int) -> int:
        error, pointer = cudart.cudaMalloc(size)
        check(error, f"allocate {size} bytes")
        return pointer

    def _free(self, pointer: int) -> None:
        (error,) = cudart.cudaFree(pointer)
        check(error, "free memory")


class PinnedMemory(_Memory):
    """Memory of the computer that the GPU reads and writes beside everything else."""

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:  # Any: whatever dtype says
        """Return its beginning as an array: a view, good until it grows or is closed."""
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        assert size <= self.size, "grow it first"
        raw = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(self.pointer))
        return raw.view(dtype).reshape(shape)

    def _allocated(self, size: int) -> int:
        error, pointer = cudart.cudaHostAlloc(size, cudart.cudaHostAllocDefault)
        check(error, f"pin {size} bytes of memory")
        return pointer

    def _free(self, pointer: int) -> None:
        (error,) = cudart.cudaFreeHost(pointer)
        check(error, "free pinned memory")


class Event:
    """A point in a stream's work, that other streams and the program can wait for."""

    def __init__(self, *, is_timed: bool = False) -> None:
        flags = cudart.cudaEventDefault if is_timed else cudart.cudaEventDisableTiming
        error, self.handle = cudart.cudaEventCreateWithFlags(flags)
        check(error, "make an event")

    def synchronize(self) -> None:
        """Wait until everything before the point is done. Errors of that work come out here."""
        (error,) = cudart.cudaEventSynchronize(self.handle)
        check(error, "finish its work")

    def ms_since(self, earlier: Event) -> float:
        """Return the milliseconds between two points, both passed and timed."""
        error, milliseconds = cudart.cudaEventElapsedTime(earlier.handle, self.handle)
        check(error, "read a time")
        return milliseconds

    def close(self) -> None:
        """Give it back."""
        (error,) = cudart.cudaEventDestroy(self.handle)
        check(error, "destroy an event")


class Stream:
    """Work of the GPU that is done in order; different streams run side by side."""

    def __init__(self) -> None:
        error, self.handle = cudart.cudaStreamCreateWithFlags(cudart.cudaStreamNonBlocking)
        check(error, "make a stream")

    def wait(self, event: Event) -> None:
        """Do nothing further before `event` is reached; an event that was never recorded is no hindrance."""
        (error,) = cudart.cudaStreamWaitEvent(self.handle, event.handle, 0)
        check(error, "wait for an event")

    def record(self, event: Event) -> None:
        """Set `event` to this point."""
        (error,) = cudart.cudaEventRecord(event.handle, self.handle)
        check(error, "record an event")

    def upload(self, target: DeviceMemory, source: PinnedMemory, size: int) -> None:
        """Copy `size` bytes to the GPU."""
        kind = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        (error,) = cudart.cudaMemcpyAsync(target.pointer, source.pointer, size, kind, self.handle)
        check(error, "upload")

    def download(self, target: PinnedMemory, source: DeviceMemory, size: int) -> None:
        """Copy `size` bytes from the GPU."""
        kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        (error,) = cudart.cudaMemcpyAsync(target.pointer, source.pointer, size, kind, self.handle)
        check(error, "download")

    def synchronize(self) -> None:
        """Wait until all its work is done."""
        (error,) = cudart.cudaStreamSynchronize(self.handle)
        check(error, "finish its work")

    def capture(self) -> _Capture:
        """Record what is put on the stream inside a `with` statement instead of doing it; see Graph."""
        return _Capture(self)

    def close(self) -> None:
        """Give it back."""
        (error,) = cudart.cudaStreamDestroy(self.handle)
        check(error, "destroy a stream")


class _Capture:
    """Holds the recorded graph after the `with` statement."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.graph: Graph | None = None

    def __enter__(self) -> Self:
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        (error,) = cudart.cudaStreamBeginCapture(self._stream.handle, mode)
        check(error, "begin to record a graph")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed, graph = cudart.cudaStreamEndCapture(self._stream.handle)  # also after an error: the stream is to go on
        if error is not None:
            if failed == cudart.cudaError_t.cudaSuccess:
                cudart.cudaGraphDestroy(graph)
            return
        check(failed, "record a graph")
        self.graph = Graph(graph)


class Graph:
    """Recorded work that is launched as one."""

    def __init__(self, graph: cudart.cudaGraph_t) -> None:
        error, self._executable = cudart.cudaGraphInstantiate(graph, 0)
        cudart.cudaGraphDestroy(graph)
        check(error, "prepare a graph")

    def launch(self, stream: Stream) -> None:
        """Put the work on a stream."""
        (error,) = cudart.cudaGraphLaunch(self._executable, stream.handle)
        check(error, "launch a graph")

    def close(self) -> None:
        """Give it back."""
        (error,) = cudart.cudaGraphExecDestroy(self._executable)
        check(error, "destroy a graph")


def close_all(*things: _Memory | Event | Stream | Graph) -> None:
    """Close everything, whatever goes wrong with single ones: after one error of the GPU each call repeats it."""
    for thing in things:
        try:
            thing.close()
        except CgconvError:
            continue
