"""A GPU, CUDA's runtime and TensorRT for tests, in memory, whose streams work late and in any order that is allowed.

The fake holds callers to the real rules. Work waits in its stream until somebody synchronizes; then streams that may
go on are advanced in random order, so that a missing event shows as wrong pixels. Beside that a clock is kept, as if
upload, computation and download took their time side by side. "Engines" hold ONNX and are run by ONNX Runtime.
"""

from __future__ import annotations

import ctypes
import enum
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
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


def tensorrt_module(gpu: FakeGpu) -> ModuleType:
    """Return a stand-in for tensorrt."""
    module = ModuleType("tensorrt")
    module.__version__ = gpu.version  # type: ignore[attr-defined]

    def offered(kind: Any) -> Any:
        setattr(module, kind.__name__, kind)
        return kind

    @offered
    class DataType(enum.Enum):
        FLOAT, HALF, INT8, INT32, BOOL, UINT8, INT64 = 0, 1, 2, 3, 4, 5, 8

    @offered
    class TensorIOMode(enum.Enum):
        NONE, INPUT, OUTPUT = 0, 1, 2

    @offered
    class BuilderFlag(enum.Enum):
        TF32 = 5

    @offered
    class ExecutionContextAllocationStrategy(enum.Enum):
        STATIC, ON_PROFILE_CHANGE, USER_MANAGED = 0, 1, 2

    @offered
    class Dims:
        def __init__(self, shape: Any) -> None:
            self._edges = tuple(int(edge) for edge in shape)

        def __len__(self) -> int:
            return len(self._edges)

        def __getitem__(self, arg0: Any) -> Any:
            return self._edges[arg0]

    class Based:
        """A class to be derived from, whose own __init__ must have been called, as pybind11 wants."""

        _was_initialised = False

        def __init__(self) -> None:
            self._was_initialised = True

    @offered
    class ILogger(Based):
        class Severity(enum.Enum):
            INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)

        def log(self, severity: Severity, msg: str) -> None:
            raise NotImplementedError

    @offered
    class IProgressMonitor(Based):
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            raise NotImplementedError

        def phase_finish(self, phase_name: str) -> None:
            raise NotImplementedError

        def step_complete(self, phase_name: str, step: int) -> bool:
            raise NotImplementedError

    @offered
    class IHostMemory(bytes):
        @property
        def nbytes(self) -> int:
            return len(self)

    @offered
    class ITimingCache:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def serialize(self) -> Any:
            return IHostMemory(self.data)

    @offered
    class ITensor:
        def __init__(self, name: str, shape: list[int]) -> None:
            self.name, self.shape = name, Dims(shape)

    @offered
    class INetworkDefinition:
        def __init__(self) -> None:
            self.model: onnx.ModelProto | None = None
            self.inputs: list[ITensor] = []

        @property
        def num_inputs(self) -> int:
            return len(self.inputs)

        def get_input(self, index: int) -> ITensor:
            return self.inputs[index]

    @offered
    class IOptimizationProfile:
        def __init__(self) -> None:
            self.shapes: dict[str, list[list[int]]] = {}

        def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
            assert all(isinstance(dims, Dims) for dims in (min, opt, max))
            self.shapes[input] = [list(dims) for dims in (min, opt, max)]

    @offered
    class IBuilderConfig:
        def __init__(self) -> None:
            self.builder_optimization_level = 3
            self.progress_monitor: Any = None
            self.profiles: list[IOptimizationProfile] = []
            self.flags = {BuilderFlag.TF32}
            self.cache: ITimingCache | None = None

        def clear_flag(self, flag: BuilderFlag) -> None:
            self.flags.discard(flag)

        def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
            self.profiles.append(profile)
            return len(self.profiles) - 1

        def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
            data = bytes(serialized_timing_cache)
            if data and not data.startswith(TIMING):
                return None
            return ITimingCache(data or TIMING + gpu.name + b":")

        def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
            if not cache.data.startswith(TIMING + gpu.name) and not ignore_mismatch:
                return False
            self.cache = cache
            return True

        def get_timing_cache(self) -> ITimingCache | None:
            return self.cache

    @offered
    class ParserError:
        def __init__(self, node: onnx.NodeProto, text: str) -> None:
            self._node, self._text = node, text

        def desc(self) -> str:
            return self._text

        def node_name(self) -> str:
            return self._node.name

        def node_operator(self) -> str:
            return self._node.op_type

    @offered
    class OnnxParser:
        def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
            assert logger._was_initialised
            self._network = network
            self._errors: list[ParserError] = []

        @property
        def num_errors(self) -> int:
            return len(self._errors)

        def get_error(self, index: int) -> ParserError:
            return self._errors[index]

        def parse(self, model: bytes) -> bool:
            parsed = onnx.ModelProto.FromString(bytes(model))
            graph = parsed.graph
            for node in graph.node:
                if node.op_type in gpu.unsupported:
                    self._errors.append(ParserError(node, f"In node 0: no importer\n registered for {node.op_type}"))
            bytes_in = {
                value.name for value in graph.input if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8
            }
            for node in graph.node:  # uint8 is for the doors only
                if bytes_in.intersection(node.input) and node.op_type != "Cast":
                    self._errors.append(ParserError(node, "uint8 is only supported at a Cast"))
            self._network.model = parsed
            self._network.inputs = [
                ITensor(value.name, [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim])
                for value in graph.input
            ]
            return not self._errors

    @offered
    class Builder:
        def __init__(self, logger: ILogger) -> None:
            assert logger._was_initialised
            assert threading.get_ident() in gpu.threads_with_device
            self._log = logger

        def create_network(self) -> INetworkDefinition:
            return INetworkDefinition()

        def create_builder_config(self) -> IBuilderConfig:
            return IBuilderConfig()

        def create_optimization_profile(self) -> IOptimizationProfile:
            return IOptimizationProfile()

        def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> Any:
            if not self._passes_phases(config.progress_monitor):
                self._log.log(ILogger.Severity.ERROR, "[builder] the build was cancelled")
                return None
            if gpu.build_fails:
                self._log.log(ILogger.Severity.ERROR, gpu.build_fails)
                return None
            for tensor in network.inputs:
                if -1 in list(tensor.shape) and not config.profiles:
                    self._log.log(ILogger.Severity.ERROR, "Network has dynamic inputs, but no optimization profile")
                    return None
                for profile in config.profiles:
                    low, _, high = profile.shapes[tensor.name]
                    for axis, edge in enumerate(tensor.shape):
                        assert edge in (-1, low[axis]), "a profile that does not fit a fixed edge"
                        assert edge in (-1, high[axis]), "a profile that does not fit a fixed edge"
            assert network.model is not None
            has_halves = any(t.data_type == onnx.TensorProto.FLOAT16 for t in network.model.graph.initializer)
            facts = {
                "profiles": [profile.shapes for profile in config.profiles],
                "level": config.builder_optimization_level,
                "tf32": BuilderFlag.TF32 in config.flags,
                "timings": bool(config.cache and config.cache.data.count(b"kernel")),
                "error": gpu.error + (gpu.half_error if has_halves else 0.0),
                "detail_error": gpu.detail_error,
                "batch_error": gpu.batch_error,
                "has_halves": has_halves,
            }
            gpu.builds.append(facts)
            if log := os.environ.get("FAKE_NVIDIA_BUILDS"):  # for tests with several processes
                with Path(log).open("a") as file:
                    file.write(f"{os.getpid()}\n")
            if config.cache is not None:
                config.cache.data += b"kernel "
            return IHostMemory(MAGIC + json.dumps(facts).encode() + b"\n" + network.model.SerializeToString())

        @staticmethod
        def _passes_phases(monitor: Any) -> bool:
            """Report progress as TensorRT does, phases inside phases, from a thread of its own."""
            if monitor is None:
                return True
            assert monitor._was_initialised
            passed = []

            def work() -> None:
                monitor.phase_start("Building Engine", None, 2)
                monitor.phase_start("Tactic selection", "Building Engine", gpu.steps)
                going = True
                for step in range(gpu.steps):
                    time.sleep(gpu.step_s)
                    going = going and monitor.step_complete("Tactic selection", step)
                    if not going:
                        break
                monitor.phase_finish("Tactic selection")
                going = going and monitor.step_complete("Building Engine", 0)
                monitor.phase_finish("Building Engine")
                passed.append(going)

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            return passed == [True]

    @offered
    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            assert logger._was_initialised
            self._log = logger

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
            data = bytes(serialized_engine)
            gpu.deserialized.append(data)
            if not data.startswith(MAGIC):
                self._log.log(ILogger.Severity.ERROR, "Magic tag does not match")
                return None
            facts, model = data[len(MAGIC) :].split(b"\n", 1)
            return ICudaEngine(json.loads(facts), model, self._log)

    kinds = {"tensor(uint8)": DataType.UINT8, "tensor(float)": DataType.FLOAT, "tensor(float16)": DataType.HALF}
    dtypes = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}

    @offered
    class ICudaEngine:
        def __init__(self, facts: dict[str, Any], model: bytes, log: Any) -> None:
            self.facts, self.model, self.log = facts, model, log
            session = gpu.session(model)
            self.inputs = {value.name: value for value in session.get_inputs()}
            self.outputs = {value.name: value for value in session.get_outputs()}

        @property
        def num_io_tensors(self) -> int:
            return len(self.inputs) + len(self.outputs)

        @property
        def num_optimization_profiles(self) -> int:
            return max(1, len(self.facts["profiles"]))

        def get_tensor_name(self, index: int) -> str:
            return [*self.inputs, *self.outputs][index]

        def get_tensor_mode(self, name: str) -> TensorIOMode:
            return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

        def get_tensor_dtype(self, name: str) -> DataType:
            return kinds[(self.inputs | self.outputs)[name].type]

        def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
            return [Dims(shape) for shape in self.facts["profiles"][profile_index][name]]

        def create_execution_context(self, strategy: ExecutionContextAllocationStrategy) -> Any:
            assert strategy is ExecutionContextAllocationStrategy.USER_MANAGED
            return IExecutionContext(self)

    @offered
    class IExecutionContext:
        def __init__(self, engine: ICudaEngine) -> None:
            self._engine = engine
            self._profile = 0
            self._shapes: dict[str, tuple[int, ...]] = {}
            self._addresses: dict[str, int] = {}
            self._memory = (0, 0)

        def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
            assert stream_handle in gpu.streams
            self._profile, self._shapes = profile_index, {}
            return True

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            low, _, high = (list(dims) for dims in self._engine.get_tensor_profile_shape(name, self._profile))
            if not all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True)):
                self._engine.log.log(ILogger.Severity.ERROR, f"{name}: {shape} is not within {low} and {high}")
                return False
            self._shapes[name] = shape
            self._memory = (0, 0)
            return True

        def get_tensor_shape(self, name: str) -> Dims:
            return Dims(self._shapes[name] if name in self._shapes else self._results_of_zeros()[name].shape)

        def _results_of_zeros(self) -> dict[str, Any]:
            feeds = {
                name: np.zeros(self._shapes[name], dtypes[value.type]) for name, value in self._engine.inputs.items()
            }
            outputs = list(self._engine.outputs)
            return dict(zip(outputs, gpu.session(self._engine.model).run(outputs, feeds), strict=True))

        def update_device_memory_size_for_shapes(self) -> int:
            assert len(self._shapes) == len(self._engine.inputs)
            return 1000 + sum(16 * int(np.prod(shape)) for shape in self._shapes.values())

        def set_device_memory(self, memory: int, size: int) -> None:
            assert memory in gpu.memory
            assert self.update_device_memory_size_for_shapes() <= size <= len(gpu.memory[memory])
            self._memory = (memory, size)

        def set_tensor_address(self, name: str, memory: int) -> bool:
            self._addresses[name] = memory
            return memory in gpu.memory

        def execute_async_v3(self, stream_handle: int) -> bool:
            stream = gpu.streams[stream_handle]
            assert self._memory[0] in gpu.memory, "no working memory"
            engine, addresses, shapes = self._engine, dict(self._addresses), dict(self._shapes)
            assert set(addresses) == set(engine.inputs) | set(engine.outputs)
            session, scratch = gpu.session(engine.model), self._memory[0]

            def compute() -> None:
                assert scratch in gpu.memory, "the working memory was freed too early"
                feeds = {}
                for name, value in engine.inputs.items():
                    dtype = np.dtype(dtypes[value.type])
                    size = int(np.prod(shapes[name])) * dtype.itemsize
                    feeds[name] = gpu.memory[addresses[name]][:size].view(dtype).reshape(shapes[name])
                outputs = list(engine.outputs)
                for name, result in zip(outputs, session.run(outputs, feeds), strict=True):
                    detail = max(float(feed.std()) for feed in feeds.values()) / 64
                    error = engine.facts["error"] + engine.facts["detail_error"] * detail
                    if len(result) > 1:
                        error += engine.facts["batch_error"]
                    if error:
                        wrong = np.random.default_rng(0).normal(0, error, result.shape)
                        whole = result.dtype == np.uint8
                        result = np.clip(result + wrong, 0, 255 if whole else 1).astype(result.dtype)
                    raw = np.ascontiguousarray(result).view(np.uint8).ravel()
                    gpu.memory[addresses[name]][: raw.size] = raw

            gpu.put(stream, Op("compute", compute, seconds=gpu.compute_s))
            return True

    return module


@contextmanager
def installed(gpu: FakeGpu) -> Iterator[FakeGpu]:
    """Put the fake in the place of tensorrt and cuda-bindings, and one GPU into the machine."""
    patch = pytest.MonkeyPatch()
    _forget_modules()
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
