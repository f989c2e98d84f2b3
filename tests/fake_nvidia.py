"""A GPU, CUDA's runtime and TensorRT for tests, in memory, whose streams work late and in any order that is allowed.

The fake holds callers to the real rules. Work waits in its stream until somebody synchronizes; then streams that may
go on are advanced in random order, so that a missing event shows as wrong pixels. Beside that a clock is kept, as if
upload, computation and download took their time side by side. "Engines" hold ONNX and are run by ONNX Runtime.
"""

from __future__ import annotations

import ctypes
import enum
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

MAGIC = b"fake TensorRT engine\n"
TIMING = b"fake timings of "
LOADED_WITH_THE_LIBRARIES = ("cuda_runtime", "runner", "build", "log")


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorInvalidResourceHandle = 400
    cudaErrorStreamCaptureInvalidated = 901


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaStreamCaptureMode(enum.IntEnum):
    cudaStreamCaptureModeThreadLocal = 1


OK = cudaError_t.cudaSuccess
INVALID = cudaError_t.cudaErrorInvalidValue


@dataclass(eq=False)
class cudaStream_t:
    number: int
    waiting: list[Op] = field(default_factory=list)
    free_at: float = 0.0
    recording: list[Op] | None = None

    def __int__(self) -> int:
        return self.number


@dataclass(eq=False)
class cudaEvent_t:
    is_timed: bool
    last: Op | None = None  # the latest point it was recorded at
    is_destroyed: bool = False


@dataclass(eq=False)
class cudaGraph_t:
    ops: list[Op]


@dataclass(eq=False)
class cudaGraphExec_t:
    ops: list[Op]
    is_destroyed: bool = False


@dataclass(eq=False)
class cudaDeviceProp:
    name: bytes = b"Fake 9000"
    major: int = 9
    minor: int = 0


@dataclass(eq=False)
class Op:
    """A piece of work on a stream, and when the clock says it is done."""

    kind: str
    do: Callable[[], None]
    after: Op | None = None
    seconds: float = 0.0
    start: float = 0.0
    finish: float = 0.0
    is_done: bool = False


@dataclass
class FakeGpu:
    """What the fake does, and what it has seen."""

    seed: int = 0
    memory_bytes: int = 1 << 30
    upload_s: float = 1e-3
    compute_s: float = 4e-3
    download_s: float = 1e-3
    graph_gain: float = 0.8  # time with a CUDA graph over time without
    can_capture: bool = True
    error: float = 0.0  # standard deviation of what engines get wrong, in values of the output
    half_error: float = 0.0  # the same, of engines with float16 in them only
    detail_error: float = 0.0  # the same, in proportion to what there is to see in a picture
    batch_error: float = 0.0  # the same, of batches of several images
    unsupported: frozenset[str] = frozenset()  # operators
    build_fails: str = ""  # what TensorRT logs instead of building
    step_s: float = 0.0
    steps: int = 3
    version: str = "11.4.0.106"
    driver: int = 13000
    name: bytes = b"Fake 9000"

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.memory: dict[int, Any] = {}
        self.pinned: dict[int, Any] = {}
        self.streams: dict[int, cudaStream_t] = {}
        self.now = 0.0
        self.done: list[Op] = []  # with times, in the order of being put on streams
        self.builds: list[dict[str, Any]] = []
        self.deserialized: list[bytes] = []
        self.threads_with_device: set[int] = set()
        self.graph_launches = 0
        self.open_resources = 0
        self.sessions: dict[bytes, Any] = {}
        self._next_pointer = 0x7000_0000_0000
        self._next_stream = 1

    # --- memory and streams

    def allocate(self, size: int) -> int:
        pointer = self._next_pointer
        self._next_pointer += (size + 511) // 256 * 256
        self.memory[pointer] = np.full(size, 0xAB, np.uint8)
        return pointer

    def used_bytes(self) -> int:
        return sum(len(block) for block in self.memory.values())

    def put(self, stream: cudaStream_t, op: Op) -> None:
        if stream.recording is not None:
            stream.recording.append(op)
            return
        self.now += 1e-6
        op.start = max(self.now, stream.free_at, op.after.finish if op.after is not None else 0.0)
        op.finish = stream.free_at = op.start + op.seconds
        stream.waiting.append(op)
        if op.seconds:
            self.done.append(op)

    def advance_until(self, target: Op) -> None:
        while not target.is_done:
            ready = [
                stream
                for stream in self.streams.values()
                if stream.waiting and (stream.waiting[0].after is None or stream.waiting[0].after.is_done)
            ]
            assert ready, "deadlock: no stream may go on"
            stream = self.random.choice(ready)
            op = stream.waiting.pop(0)
            op.do()
            op.is_done = True
        self.now = max(self.now, target.finish)

    def session(self, model: bytes) -> Any:
        if model not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 4
            self.sessions[model] = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return self.sessions[model]

    def overlap_s(self, one: str, other: str) -> float:
        """Return the time that ops of two kinds ran side by side."""
        total = 0.0
        for a in (op for op in self.done if op.kind == one):
            for b in (op for op in self.done if op.kind == other):
                total += max(0.0, min(a.finish, b.finish) - max(a.start, b.start))
        return total


def cuda_module(gpu: FakeGpu) -> ModuleType:
    """Return a stand-in for cuda.bindings.runtime."""
    module = ModuleType("cuda.bindings.runtime")
    for kind in (cudaError_t, cudaMemcpyKind, cudaStreamCaptureMode, cudaStream_t, cudaEvent_t, cudaGraph_t):
        setattr(module, kind.__name__, kind)
    module.cudaGraphExec_t, module.cudaDeviceProp = cudaGraphExec_t, cudaDeviceProp  # type: ignore[attr-defined]
    constants = {
        "cudaEventDefault": 0,
        "cudaEventDisableTiming": 2,
        "cudaHostAllocDefault": 0,
        "cudaStreamNonBlocking": 1,
    }
    module.__dict__.update(constants)

    def function(written: Callable[..., Any]) -> None:
        setattr(module, written.__name__, written)

    def has_device() -> None:
        assert threading.get_ident() in gpu.threads_with_device, "cudaSetDevice was not called in this thread"

    @function
    def cudaSetDevice(device: int) -> Any:
        gpu.threads_with_device.add(threading.get_ident())
        return (OK if device == 0 else INVALID,)

    @function
    def cudaGetDeviceProperties(device: int) -> Any:
        return OK, cudaDeviceProp(name=gpu.name)

    @function
    def cudaDriverGetVersion() -> Any:
        return OK, gpu.driver

    @function
    def cudaGetErrorName(error: cudaError_t) -> Any:
        return OK, error.name.encode()

    @function
    def cudaMalloc(size: int) -> Any:
        has_device()
        if gpu.used_bytes() + size > gpu.memory_bytes:
            return cudaError_t.cudaErrorMemoryAllocation, 0
        return OK, gpu.allocate(size)

    @function
    def cudaFree(devPtr: int) -> Any:
        return (OK if gpu.memory.pop(devPtr, None) is not None else INVALID,)

    @function
    def cudaHostAlloc(size: int, flags: int) -> Any:
        block = np.full(size, 0xCD, np.uint8)
        gpu.pinned[block.ctypes.data] = block
        return OK, block.ctypes.data

    @function
    def cudaFreeHost(ptr: int) -> Any:
        return (OK if gpu.pinned.pop(ptr, None) is not None else INVALID,)

    @function
    def cudaMemcpyAsync(dst: int, src: int, count: int, kind: cudaMemcpyKind, stream: cudaStream_t) -> Any:
        has_device()
        is_upload = kind == cudaMemcpyKind.cudaMemcpyHostToDevice
        device, host = (dst, src) if is_upload else (src, dst)
        if device not in gpu.memory or host not in gpu.pinned:
            return (INVALID,)
        if count > min(len(gpu.memory[device]), len(gpu.pinned[host])):
            return (INVALID,)

        def copy() -> None:
            target, source = (gpu.memory[device], gpu.pinned[host])[:: 1 if is_upload else -1]
            target[:count] = source[:count]

        seconds = gpu.upload_s if is_upload else gpu.download_s
        gpu.put(stream, Op("upload" if is_upload else "download", copy, seconds=seconds))
        return (OK,)

    @function
    def cudaStreamCreateWithFlags(flags: int) -> Any:
        assert flags == 1, "the default stream waits for all others"
        stream = cudaStream_t(gpu._next_stream)
        gpu._next_stream += 1
        gpu.streams[stream.number] = stream
        gpu.open_resources += 1
        return OK, stream

    @function
    def cudaStreamDestroy(stream: cudaStream_t) -> Any:
        if gpu.streams.pop(stream.number, None) is None:
            return (cudaError_t.cudaErrorInvalidResourceHandle,)
        gpu.open_resources -= 1
        return (OK,)

    @function
    def cudaStreamSynchronize(stream: cudaStream_t) -> Any:
        has_device()
        if stream.waiting:
            gpu.advance_until(stream.waiting[-1])
        return (OK,)

    @function
    def cudaStreamWaitEvent(stream: cudaStream_t, event: cudaEvent_t, flags: int) -> Any:
        assert stream.recording is None, "an event from outside the graph"
        gpu.put(stream, Op("wait", lambda: None, after=event.last))
        return (OK,)

    @function
    def cudaStreamBeginCapture(stream: cudaStream_t, mode: cudaStreamCaptureMode) -> Any:
        stream.recording = []
        return (OK,)

    @function
    def cudaStreamEndCapture(stream: cudaStream_t) -> Any:
        ops, stream.recording = stream.recording, None
        if not gpu.can_capture:
            return cudaError_t.cudaErrorStreamCaptureInvalidated, None
        return OK, cudaGraph_t(ops or [])

    @function
    def cudaEventCreateWithFlags(flags: int) -> Any:
        gpu.open_resources += 1
        return OK, cudaEvent_t(is_timed=flags == 0)

    @function
    def cudaEventRecord(event: cudaEvent_t, stream: cudaStream_t) -> Any:
        op = Op("record", lambda: None)
        gpu.put(stream, op)
        event.last = op
        return (OK,)

    @function
    def cudaEventSynchronize(event: cudaEvent_t) -> Any:
        has_device()
        if event.last is not None:
            gpu.advance_until(event.last)
        return (OK,)

    @function
    def cudaEventElapsedTime(start: cudaEvent_t, end: cudaEvent_t) -> Any:
        if not (start.is_timed and end.is_timed and start.last and end.last):
            return cudaError_t.cudaErrorInvalidResourceHandle, 0.0
        assert start.last.is_done, "not reached yet"
        assert end.last.is_done, "not reached yet"
        return OK, (end.last.finish - start.last.finish) * 1e3

    @function
    def cudaEventDestroy(event: cudaEvent_t) -> Any:
        assert not event.is_destroyed
        event.is_destroyed = True
        gpu.open_resources -= 1
        return (OK,)

    @function
    def cudaGraphInstantiate(graph: cudaGraph_t, flags: int) -> Any:
        gpu.open_resources += 1
        return OK, cudaGraphExec_t(graph.ops)

    @function
    def cudaGraphLaunch(graphExec: cudaGraphExec_t, stream: cudaStream_t) -> Any:
        assert not graphExec.is_destroyed
        gpu.graph_launches += 1
        for op in graphExec.ops:
            gpu.put(stream, Op(op.kind, op.do, seconds=op.seconds * gpu.graph_gain))
        return (OK,)

    @function
    def cudaGraphExecDestroy(graphExec: cudaGraphExec_t) -> Any:
        assert not graphExec.is_destroyed
        graphExec.is_destroyed = True
        gpu.open_resources -= 1
        return (OK,)

    @function
    def cudaGraphDestroy(graph: cudaGraph_t) -> Any:
        return (OK,)

    return module


@contextmanager
def installed(gpu: FakeGpu) -> Iterator[FakeGpu]:
    """Put the fake in the place of tensorrt and cuda-bindings, and one GPU into the machine."""
    patch = pytest.MonkeyPatch()
    _forget_modules()
    from fake_tensorrt import tensorrt_module

    modules = {"cuda": ModuleType("cuda"), "cuda.bindings": ModuleType("cuda.bindings")}
    modules["cuda.bindings.runtime"], modules["tensorrt"] = cuda_module(gpu), tensorrt_module(gpu)
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        patch.setitem(sys.modules, name, module)
    modules["cuda"].bindings = modules["cuda.bindings"]  # type: ignore[attr-defined]
    modules["cuda.bindings"].runtime = modules["cuda.bindings.runtime"]  # type: ignore[attr-defined]
    from cgconv.runtime.backends import choose as backend
    from cgconv.runtime.backends.engines import backend as tensorrt_backend

    for module_with_it in (backend, tensorrt_backend):
        patch.setattr(module_with_it, "cuda_devices", lambda: 1)
    try:
        yield gpu
    finally:
        patch.undo()
        _forget_modules()


def _forget_modules() -> None:
    for name in LOADED_WITH_THE_LIBRARIES:
        sys.modules.pop(f"cgconv.runtime.backends.engines.{name}", None)


assert ctypes.sizeof(ctypes.c_void_p) == 8, "pointers are numbers here"
