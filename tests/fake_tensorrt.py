"""A stand-in for tensorrt that runs the ONNX graph on a fake GPU (fake_nvidia.py)."""

from __future__ import annotations

import enum
import json
import os
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
from fake_nvidia import MAGIC, TIMING, FakeGpu, Op

NOW = SimpleNamespace(gpu=FakeGpu())  # the GPU that is installed
OFFERED: list[Any] = []


def tensorrt_module(gpu: FakeGpu) -> ModuleType:
    """Return a stand-in for tensorrt that computes on `gpu`; one at a time."""
    NOW.gpu = gpu
    module = ModuleType("tensorrt")
    module.__version__ = gpu.version  # type: ignore[attr-defined]
    for kind in OFFERED:
        setattr(module, kind.__name__, kind)
    return module


def offered(kind: Any) -> Any:
    """Make a class part of the module."""
    OFFERED.append(kind)
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

    _was_initialized = False

    def __init__(self) -> None:
        self._was_initialized = True


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
        return ITimingCache(data or TIMING + NOW.gpu.name + b":")

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        if not cache.data.startswith(TIMING + NOW.gpu.name) and not ignore_mismatch:
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
        assert logger._was_initialized
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
            if node.op_type in NOW.gpu.unsupported:
                self._errors.append(ParserError(node, f"In node 0: no importer\n registered for {node.op_type}"))
        bytes_in = {value.name for value in graph.input if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8}
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
        assert logger._was_initialized
        assert threading.get_ident() in NOW.gpu.threads_with_device
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
        if NOW.gpu.build_fails:
            self._log.log(ILogger.Severity.ERROR, NOW.gpu.build_fails)
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
            "error": NOW.gpu.error + (NOW.gpu.half_error if has_halves else 0.0),
            "detail_error": NOW.gpu.detail_error,
            "batch_error": NOW.gpu.batch_error,
            "has_halves": has_halves,
        }
        NOW.gpu.builds.append(facts)
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
        assert monitor._was_initialized
        passed = []

        def work() -> None:
            monitor.phase_start("Building Engine", None, 2)
            monitor.phase_start("Tactic selection", "Building Engine", NOW.gpu.steps)
            going = True
            for step in range(NOW.gpu.steps):
                time.sleep(NOW.gpu.step_s)
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
        assert logger._was_initialized
        self._log = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        data = bytes(serialized_engine)
        NOW.gpu.deserialized.append(data)
        if not data.startswith(MAGIC):
            self._log.log(ILogger.Severity.ERROR, "Magic tag does not match")
            return None
        facts, model = data[len(MAGIC) :].split(b"\n", 1)
        return ICudaEngine(json.loads(facts), model, self._log)


KINDS = {"tensor(uint8)": DataType.UINT8, "tensor(float)": DataType.FLOAT, "tensor(float16)": DataType.HALF}
DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}


@offered
class ICudaEngine:
    def __init__(self, facts: dict[str, Any], model: bytes, log: Any) -> None:
        self.facts, self.model, self.log = facts, model, log
        session = NOW.gpu.session(model)
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
        return KINDS[(self.inputs | self.outputs)[name].type]

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
        assert stream_handle in NOW.gpu.streams
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
        feeds = {name: np.zeros(self._shapes[name], DTYPES[value.type]) for name, value in self._engine.inputs.items()}
        outputs = list(self._engine.outputs)
        return dict(zip(outputs, NOW.gpu.session(self._engine.model).run(outputs, feeds), strict=True))

    def update_device_memory_size_for_shapes(self) -> int:
        assert len(self._shapes) == len(self._engine.inputs)
        return 1000 + sum(16 * int(np.prod(shape)) for shape in self._shapes.values())

    def set_device_memory(self, memory: int, size: int) -> None:
        assert memory in NOW.gpu.memory
        assert self.update_device_memory_size_for_shapes() <= size <= len(NOW.gpu.memory[memory])
        self._memory = (memory, size)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return memory in NOW.gpu.memory

    def execute_async_v3(self, stream_handle: int) -> bool:
        stream = NOW.gpu.streams[stream_handle]
        assert self._memory[0] in NOW.gpu.memory, "no working memory"
        engine, addresses, shapes = self._engine, dict(self._addresses), dict(self._shapes)
        assert set(addresses) == set(engine.inputs) | set(engine.outputs)
        session, scratch = NOW.gpu.session(engine.model), self._memory[0]

        def compute() -> None:
            assert scratch in NOW.gpu.memory, "the working memory was freed too early"
            feeds = {}
            for name, value in engine.inputs.items():
                dtype = np.dtype(DTYPES[value.type])
                size = int(np.prod(shapes[name])) * dtype.itemsize
                feeds[name] = NOW.gpu.memory[addresses[name]][:size].view(dtype).reshape(shapes[name])
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
                NOW.gpu.memory[addresses[name]][: raw.size] = raw

        NOW.gpu.put(stream, Op("compute", compute, seconds=NOW.gpu.compute_s))
        return True
