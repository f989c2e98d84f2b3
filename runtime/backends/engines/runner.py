"""Run one TensorRT engine: upload, computation and download of neighboring batches side by side."""

from __future__ import annotations

import contextlib
import logging
import statistics
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import tensorrt as trt

from cgconv.runtime.backends.machine import Array
from cgconv.runtime.errors import ModelError, ResourceError
from cgconv.runtime.graphs.graph import IMAGES

from .cuda_runtime import CudaError, DeviceMemory, Event, Graph, PinnedMemory, Stream, close_all, use_gpu
from .log import TensorrtLog

_log = logging.getLogger(__name__)

_SLOTS = 2  # batches on their way: one is computed while the one before is fetched and the next is brought
_WARM_UP_RUNS = 2  # the first run of a shape loads kernels
_TIMED_RUNS = 6  # of each kind, before graphs are kept or given up
_GRAPH_IS_WORTH = 0.98  # of the time without

_DTYPES: dict[trt.DataType, npt.DTypeLike] = {
    trt.DataType.UINT8: np.uint8,
    trt.DataType.FLOAT: np.float32,
    trt.DataType.HALF: np.float16,
    trt.DataType.INT32: np.int32,
    trt.DataType.INT64: np.int64,
    trt.DataType.BOOL: np.bool_,
}


class EngineRunner:
    """An engine on a GPU. Not to be used by two threads at once; close it."""

    def __init__(self, engine: bytes, gpu: int) -> None:
        """Open an engine that this cgconv built.

        Raises:
            ModelError: TensorRT does not take it. ResourceError: the GPU's memory ran out.
        """
        use_gpu(gpu)
        self._gpu = gpu
        self._trt_log = TensorrtLog()
        self._runtime = trt.Runtime(self._trt_log)
        opened = self._runtime.deserialize_cuda_engine(engine)
        if opened is None:
            raise self._trt_log.error("TensorRT cannot open the engine")
        self._engine = opened
        # The working memory is ours to give: as much as a shape needs, and running out of it is an error of ours.
        context = opened.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        if context is None:
            raise self._trt_log.error("TensorRT cannot run the engine")
        self._context = context
        names = [opened.get_tensor_name(index) for index in range(opened.num_io_tensors)]
        self._inputs = [name for name in names if opened.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self._outputs = [name for name in names if name not in self._inputs]
        self._dtypes = {name: np.dtype(_DTYPES[opened.get_tensor_dtype(name)]) for name in names}
        self._uploads, self._computes, self._downloads = Stream(), Stream(), Stream()
        self._slots = [_Slot(names) for _ in range(_SLOTS)]
        self._scratch = DeviceMemory()
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._profile = -1
        self._next = 0
        self._graphs = _GraphTrial()

    def start(self, feeds: Mapping[str, Array]) -> Callable[[], dict[str, Array]]:
        """Put a batch on its way and return what waits for its result.

        Results may be asked for in any order and late; they are the caller's to keep.

        Raises:
            ModelError: the engine cannot be run on what was fed. ResourceError: the GPU's memory ran out.
        """
        use_gpu(self._gpu)
        shapes = {name: feeds[name].shape for name in self._inputs}
        if {name: self._shapes.get(name) for name in self._inputs} != shapes:
            self._prepare(shapes)
        slot = self._slots[self._next]
        self._next = (self._next + 1) % len(self._slots)
        slot.settle()  # the batch before the last has left the slot's memory, here and on the GPU
        for name in self._inputs:
            np.copyto(slot.pinned[name].array(shapes[name], self._dtypes[name]), feeds[name], casting="no")
        for name in self._inputs:
            self._uploads.upload(slot.device[name], slot.pinned[name], feeds[name].nbytes)
        self._uploads.record(slot.uploaded)
        self._computes.wait(slot.uploaded)
        self._compute(slot)
        self._downloads.wait(slot.computed)
        for name in self._outputs:
            self._downloads.download(
                slot.pinned[name], slot.device[name], _bytes(self._shapes[name], self._dtypes[name])
            )
        self._downloads.record(slot.downloaded)
        result = _Result(slot, {name: (self._shapes[name], self._dtypes[name]) for name in self._outputs})
        result.on_settled = self._graphs.note(slot)
        slot.result = result

        def fetch() -> dict[str, Array]:
            use_gpu(self._gpu)
            return result.fetch()

        return fetch

    def close(self) -> None:
        """Fetch what is on its way and free the GPU's memory."""
        with contextlib.suppress(CudaError):  # a GPU that has failed; its results are lost already
            use_gpu(self._gpu)
            for slot in self._slots:
                slot.settle()
            self._computes.synchronize()
        for slot in self._slots:
            slot.close()
        close_all(self._scratch, self._uploads, self._computes, self._downloads)
        del self._context, self._engine, self._runtime

    def _prepare(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Set the engine up for other shapes. Nothing may be on its way with the old ones."""
        for slot in self._slots:
            slot.settle()
        self._computes.synchronize()
        self._graphs.drop()
        self._graphs = _GraphTrial()
        self._shapes = {}
        self._choose_profile(shapes)
        for name in self._inputs:
            if not self._context.set_input_shape(name, tuple(shapes[name])):
                raise self._trt_log.error(f"the engine does not take {name} of the shape {tuple(shapes[name])}")
        found = dict(shapes)
        for name in self._outputs:
            dims = self._context.get_tensor_shape(name)
            found[name] = tuple(dims[axis] for axis in range(len(dims)))
            if min(found[name], default=1) < 0:
                raise ModelError(f"the engine does not say how large {name} becomes")
        size = self._context.update_device_memory_size_for_shapes()
        self._scratch.grow(size)
        self._context.set_device_memory(self._scratch.pointer, self._scratch.size)
        for slot in self._slots:
            slot.grow({name: _bytes(shape, self._dtypes[name]) for name, shape in found.items()})
        self._shapes = found

    def _choose_profile(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Take the first profile that covers the shapes: those for single images come first."""
        if IMAGES not in shapes:
            return
        count = self._engine.num_optimization_profiles
        for profile in range(count):
            smallest, _, largest = self._engine.get_tensor_profile_shape(IMAGES, profile)
            edges = enumerate(shapes[IMAGES])
            if all(smallest[axis] <= edge <= largest[axis] for axis, edge in edges):
                break
        else:
            raise ModelError(f"the engine has no profile for images of the shape {tuple(shapes[IMAGES])}")
        if profile != self._profile:
            if not self._context.set_optimization_profile_async(profile, int(self._computes.handle)):
                raise self._trt_log.error("TensorRT cannot change the profile")
            self._computes.synchronize()
            self._profile = profile

    def _compute(self, slot: _Slot) -> None:
        self._computes.record(slot.begun)
        kind = self._graphs.next_kind(slot)
        if kind == "capture":
            kind = "graph" if self._capture(slot) else "plain"
        if kind == "graph":
            slot.graph_launch(self._computes)
        else:
            self._enqueue(slot)
        slot.kind = kind
        self._computes.record(slot.computed)

    def _enqueue(self, slot: _Slot) -> None:
        for name in (*self._inputs, *self._outputs):
            if not self._context.set_tensor_address(name, slot.device[name].pointer):
                raise self._trt_log.error(f"TensorRT does not take the memory for {name}")
        if not self._context.execute_async_v3(int(self._computes.handle)):
            raise self._trt_log.error("TensorRT cannot run the engine")

    def _capture(self, slot: _Slot) -> bool:
        """Record the slot's run as a graph; False where this engine cannot be recorded."""
        try:
            with (recording := self._computes.capture()):
                self._enqueue(slot)
        except ModelError as error:  # policy: graphs are only a gain; without them it runs as before
            _log.info("no CUDA graphs: %s", error)
            self._graphs.give_up()
            return False
        slot.graph = recording.graph
        return True


class _Slot:
    """Memory and events for one batch on its way."""

    def __init__(self, names: list[str]) -> None:
        self.pinned = {name: PinnedMemory() for name in names}
        self.device = {name: DeviceMemory() for name in names}
        self.uploaded, self.downloaded = Event(), Event()
        self.begun, self.computed = Event(is_timed=True), Event(is_timed=True)
        self.graph: Graph | None = None
        self.kind = "plain"
        self.result: _Result | None = None

    def grow(self, sizes: Mapping[str, int]) -> None:
        for name, size in sizes.items():
            self.pinned[name].grow(size)
            self.device[name].grow(size)

    def graph_launch(self, stream: Stream) -> None:
        assert self.graph is not None  # next_kind says so
        self.graph.launch(stream)

    def settle(self) -> None:
        """Fetch the result that is on its way, if there is one."""
        if self.result is not None:
            with contextlib.suppress(ResourceError, ModelError):  # raised where the result is asked for
                self.result.fetch()
            self.result = None

    def drop_graph(self) -> None:
        if self.graph is not None:
            close_all(self.graph)
            self.graph = None

    def close(self) -> None:
        self.drop_graph()
        close_all(*self.pinned.values(), *self.device.values(), self.uploaded, self.downloaded)
        close_all(self.begun, self.computed)


class _Result:
    """A batch's result: still on its way, or in arrays of its own."""

    def __init__(self, slot: _Slot, outputs: dict[str, tuple[tuple[int, ...], np.dtype[np.generic]]]) -> None:
        self._slot, self._outputs = slot, outputs
        self._arrays: dict[str, Array] | None = None
        self._error: Exception | None = None
        self.on_settled: Callable[[], None] = lambda: None

    def fetch(self) -> dict[str, Array]:
        if self._error is not None:
            raise self._error
        if self._arrays is None:
            try:
                self._slot.downloaded.synchronize()
            except (ResourceError, ModelError) as error:
                self._error = error
                raise
            self._arrays = {
                name: self._slot.pinned[name].array(shape, dtype).copy()
                for name, (shape, dtype) in self._outputs.items()
            }
            self.on_settled()
            if self._slot.result is self:
                self._slot.result = None
        return self._arrays


class _GraphTrial:
    """Finds out for one shape whether CUDA graphs are faster, and says how each batch is to be run."""

    def __init__(self) -> None:
        self.verdict: bool | None = None
        self._runs = 0
        self._milliseconds: dict[str, list[float]] = {"plain": [], "graph": []}
        self._slots: set[_Slot] = set()

    def next_kind(self, slot: _Slot) -> str:
        """Return plain, capture or graph."""
        self._slots.add(slot)
        self._runs += 1
        if self.verdict is False or self._runs <= _WARM_UP_RUNS:
            return "plain"
        if self.verdict is None and len(self._milliseconds["plain"]) < _TIMED_RUNS:
            return "plain"
        return "graph" if slot.graph is not None else "capture"

    def note(self, slot: _Slot) -> Callable[[], None]:
        """Return what takes down the time of the slot's present run once it is over."""
        kind, run = slot.kind, self._runs

        def settled() -> None:
            if self.verdict is not None or run <= _WARM_UP_RUNS:
                return
            self._milliseconds[kind].append(slot.computed.ms_since(slot.begun))
            if len(self._milliseconds["graph"]) >= _TIMED_RUNS:
                self._decide()

        return settled

    def give_up(self) -> None:
        """Run without graphs from now on."""
        self.verdict = False
        self.drop()

    def _decide(self) -> None:
        plain, graph = (statistics.median(self._milliseconds[kind]) for kind in ("plain", "graph"))
        self.verdict = graph < plain * _GRAPH_IS_WORTH
        _log.info("CUDA graphs %s: %.3f ms with, %.3f ms without", "on" if self.verdict else "off", graph, plain)
        if not self.verdict:
            self.drop()

    def drop(self) -> None:
        """Give the graphs back."""
        for slot in self._slots:
            slot.drop_graph()


def _bytes(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
