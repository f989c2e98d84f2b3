"""Build a TensorRT engine from a specialized graph, with progress, and so that it can be cancelled."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import onnx
import tensorrt as trt

from cgconv.runtime.errors import Cancelled, CgconvError, ModelError
from cgconv.runtime.graphs.graph import IMAGES

from .cuda_runtime import use_gpu
from .log import TensorrtLog
from .shapes import Profile, Profiles, Shape

DEFAULT_LEVEL = 3  # TensorRT's own; 0 builds fastest, 5 searches longest for the fastest engine
_REPORT_EVERY_S = 0.25
_SHOWN_ERRORS = 3


@dataclass(frozen=True)
class Progress:
    """What TensorRT is doing: its own name for it, and how far that is."""

    phase: str
    step: int
    steps: int


@dataclass(frozen=True)
class Built:
    """A serialized engine, and the kernel timings that make the next build shorter."""

    engine: bytes
    timings: bytes


def build_engine(
    graph: onnx.ModelProto,
    profiles: Profiles,
    *,
    gpu: int,
    tf32: bool,
    level: int,
    timings: bytes,
    report: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> Built:
    """Build an engine. `report` is called in the calling thread, a few times a second.

    The network is strongly typed: what is computed in half precision is what the graph's types say. `tf32` lets float32
    convolutions round to 10 bits of mantissa.

    Raises:
        ModelError: TensorRT cannot take this model; names the nodes. ResourceError: the GPU's memory ran out.
        Cancelled: `is_cancelled` said so. KeyboardInterrupt passes after the build has stopped.
    """
    messages: queue.SimpleQueue[Progress | Built | BaseException] = queue.SimpleQueue()
    stop = threading.Event()  # cancelled, or the caller was interrupted

    def work() -> None:
        try:
            use_gpu(gpu)
            monitor = _Monitor(messages.put, stop)
            messages.put(_build(graph, profiles, tf32=tf32, level=level, timings=timings, monitor=monitor))
        except BaseException as error:  # raised again in the calling thread
            messages.put(error)

    # In a thread of its own: Ctrl-C reaches Python in the main thread only, and must not be raised inside TensorRT.
    builder = threading.Thread(target=work, name="tensorrt-build", daemon=True)
    builder.start()
    try:
        while True:
            if is_cancelled():
                stop.set()
            try:
                message = messages.get(timeout=_REPORT_EVERY_S)
            except queue.Empty:
                continue
            if isinstance(message, Progress):
                report(message)
            elif isinstance(message, Built):
                return message
            elif stop.is_set() and isinstance(message, CgconvError):
                raise Cancelled("stopped while an engine was being built") from message
            else:
                raise message
    finally:
        stop.set()
        builder.join()


def _build(
    graph: onnx.ModelProto, profiles: Profiles, *, tf32: bool, level: int, timings: bytes, monitor: _Monitor
) -> Built:
    log = TensorrtLog()
    builder = trt.Builder(log)
    network = builder.create_network()
    parser = trt.OnnxParser(network, log)
    if not parser.parse(with_sizes(graph, profiles).SerializeToString()):
        raise ModelError(f"TensorRT cannot take this model: {_parser_errors(parser)}")
    config = builder.create_builder_config()
    config.builder_optimization_level = level
    config.progress_monitor = monitor
    if not tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    cache = config.create_timing_cache(timings) or config.create_timing_cache(b"")
    if cache is not None and not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")  # of another GPU or driver: begun anew
        if cache is not None:
            config.set_timing_cache(cache, False)
    _add_profiles(builder, network, config, profiles)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise log.error("TensorRT cannot build an engine for this model")
    used = config.get_timing_cache()
    return Built(bytes(engine), bytes(used.serialize()) if used is not None else b"")


def _add_profiles(
    builder: trt.Builder, network: trt.INetworkDefinition, config: trt.IBuilderConfig, profiles: Profiles
) -> None:
    names = [network.get_input(index).name for index in range(network.num_inputs)]
    for index, name in enumerate(names):
        dims = network.get_input(index).shape
        if name != IMAGES and any(dims[axis] < 0 for axis in range(len(dims))):
            raise ModelError(f"TensorRT cannot take this model: the size of its input {name} is open")
    for profile in profiles:
        wanted = builder.create_optimization_profile()
        smallest, usual, largest = (trt.Dims((*s, 3)) for s in (profile.smallest, profile.usual, profile.largest))
        wanted.set_shape(IMAGES, smallest, usual, largest)
        if config.add_optimization_profile(wanted) < 0:
            raise ModelError(f"TensorRT does not take the shapes {profile.smallest} to {profile.largest}")


def _parser_errors(parser: trt.OnnxParser) -> str:
    sentences = []
    for index in range(min(parser.num_errors, _SHOWN_ERRORS)):
        error = parser.get_error(index)
        node = error.node_name() or "without a name"
        sentences.append(f"node {node} ({error.node_operator() or '?'}): {' '.join(error.desc().split())[:200]}")
    more = parser.num_errors - len(sentences)
    return "; ".join(sentences) + (f"; and {more} more" if more > 0 else "") or "it does not say why"


def with_sizes(graph: onnx.ModelProto, profiles: Profiles) -> onnx.ModelProto:
    """Return the graph with every edge of `images` fixed that is the same in all profiles.

    What is fixed is folded into constants, and an engine for one size can be chosen for just that.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(graph)
    images = next(value for value in fixed.graph.input if value.name == IMAGES)
    for axis, dim in enumerate(images.type.tensor_type.shape.dim[:3]):
        edges = {edges[axis] for profile in profiles for edges in _ends(profile)}
        if len(edges) == 1:
            dim.dim_value = edges.pop()
    for number, node in enumerate(fixed.graph.node):
        if not node.name:  # so that errors can name it
            node.name = f"{node.op_type}_{number}"
    return fixed


def _ends(profile: Profile) -> tuple[Shape, Shape]:
    return profile.smallest, profile.largest


class _Monitor(trt.IProgressMonitor):
    """Passes TensorRT's progress on, and stops it. Called from any of its threads; nothing may be raised in here."""

    def __init__(self, put: Callable[[Progress], None], stop: threading.Event) -> None:
        trt.IProgressMonitor.__init__(self)
        self._put, self._stop = put, stop
        self._steps: dict[str, int] = {}
        self._lock = threading.Lock()
        self._told = 0.0

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """Take note of a phase."""
        with self._lock:
            self._steps[phase_name] = num_steps
        self._tell(Progress(phase_name, 0, num_steps))

    def phase_finish(self, phase_name: str) -> None:
        """Forget a phase."""
        with self._lock:
            steps = self._steps.pop(phase_name, 0)
        self._tell(Progress(phase_name, steps, steps))

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Return whether to go on."""
        with self._lock:
            steps = self._steps.get(phase_name, 0)
        self._tell(Progress(phase_name, min(step + 1, steps), steps))
        return not self._stop.is_set()

    def _tell(self, progress: Progress) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._told < _REPORT_EVERY_S:
                return
            self._told = now
        self._put(progress)
