"""Compute a graph with TensorRT on an NVIDIA GPU: find or build the engine for each shape, check it, run it."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from cgconv.runtime.backends.machine import Array, Building, Machine, cuda_devices
from cgconv.runtime.choices import PrecisionChoice
from cgconv.runtime.errors import CgconvError, MissingError, ModelError, OutputError
from cgconv.runtime.events import BackendOpened, EngineBuilding, EngineBuilt, counted
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED

from .cache import EngineCache, EngineKey, StoredEngine
from .shapes import Profiles, Shape, described, for_any_size, for_one_size

if TYPE_CHECKING:
    import onnx

    from .runner import EngineRunner

_log = logging.getLogger(__name__)

CLOSE_ENOUGH_DB = 38.0
OLDEST_VERSION = 11  # before it, networks were not strongly typed: the graph's halves meant nothing
INSTALL = "pip install 'cgconv[tensorrt]'"
_SIZES_WITH_OWN_ENGINE = 2  # built in one go; a third size gets an engine for many, so that folders do not take days
_OPEN_ENGINES = 3  # each holds memory of the GPU
_FLAT_DEVIATION = 12.0  # of 255: a fade-in or a title, on which no engine is wrong


class TensorrtBackend:
    """A graph in TensorRT. See machine.Backend for the promises; `start` lets batches overlap."""

    def __init__(self, graph: onnx.ModelProto, machine: Machine, building: Building) -> None:
        problem = why_not(machine.device)
        if problem:
            raise MissingError(problem)
        import tensorrt

        from .cuda_runtime import driver_version, gpu_name, use_gpu

        self._gpu = gpu_number(machine.device)
        use_gpu(self._gpu)
        self._graph, self._machine, self._building = graph, machine, building
        self._cache = EngineCache()
        self._key = EngineKey(
            graph=hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest(),
            precision=str(machine.precision),
            tensorrt=tensorrt.__version__,
            gpu=gpu_name(self._gpu),
            driver=driver_version(),
        )
        self._runners: OrderedDict[Profiles, EngineRunner] = OrderedDict()
        self._by_shape: dict[Shape, Profiles] = {}
        self._sizes_built: set[tuple[int, int]] = set()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return self.start(feeds)()

    def start(self, feeds: Mapping[str, Array]) -> Callable[[], dict[str, Array]]:
        """Put a batch on its way and return what waits for its result; two batches overlap. Raises as run."""
        count, height, width = feeds[IMAGES].shape[:3]
        return self._runner_for((count, height, width), feeds).start(feeds)

    def prepare(
        self, profiles: Profiles, frames: Sequence[Array], *, level: int | None = None
    ) -> tuple[StoredEngine, bool]:
        """Build, check and keep the engine of these shapes, unless one of this level is there.

        Return its entry in the cache, and whether it was there.

        `frames` are batches of one image, in a size that the engine takes, on which it is compared with the ONNX.

        Raises:
            ModelError: it is under 38 dB. OutputError: it cannot be kept. Cancelled.
        """
        found = self._cache.get(self._key, profiles)
        if found is not None and found.level >= (level or 0):
            if not found.engine_bytes:
                raise _refused(found.size, found.decibels)
            if self._open(found) is not None:
                return found, True
        self._build(profiles, [{IMAGES: frame} for frame in frames], level=level, must_keep=True, again=found)
        stored = self._cache.get(self._key, profiles)
        assert stored is not None  # must_keep: it was stored, or an error raised
        return stored, False

    def describe(self) -> BackendOpened:
        machine = self._machine
        provider = f"TensorRT {self._key.tensorrt}, {self._key.gpu}"
        return BackendOpened("tensorrt", provider, machine.device, str(machine.precision), machine.why)

    def close(self) -> None:
        for runner in self._runners.values():
            runner.close()
        self._runners.clear()
        self._by_shape.clear()

    def _runner_for(self, shape: Shape, feeds: Mapping[str, Array]) -> EngineRunner:
        """Return what runs this shape: open already, from the cache, or built now."""
        if shape not in self._by_shape:
            self._by_shape[shape] = self._find(shape) or self._build_for(shape, feeds)
        profiles = self._by_shape[shape]
        self._runners.move_to_end(profiles)
        return self._runners[profiles]

    def _find(self, shape: Shape) -> Profiles | None:
        """Open the best engine that there is for a shape and return its profiles; None where one has to be built."""
        is_open = [one for one in self._runners if any(profile.covers(shape) for profile in one)]
        for profiles in is_open:
            if profiles[0].is_one_size:
                return profiles
        for entry in self._cache.find(self._key, shape):
            if entry.profiles in self._runners or self._open(entry) is not None:
                return entry.profiles
        return is_open[0] if is_open else None

    def _open(self, entry: StoredEngine) -> EngineRunner | None:
        """Open an engine of the cache, or return None where it has to be built again."""
        data = self._cache.read(entry)
        if data is None:
            return None
        try:
            return self._keep_open(entry.profiles, self._runner(data))
        except ModelError as error:  # policy: an engine that does not open is built again
            _log.info("%s: %s", entry.path, error)
            return None

    def _runner(self, engine: bytes) -> EngineRunner:
        from .runner import EngineRunner

        return EngineRunner(engine, self._gpu)

    def _keep_open(self, profiles: Profiles, runner: EngineRunner) -> EngineRunner:
        if profiles in self._runners:
            self._runners.pop(profiles).close()
        while len(self._runners) >= _OPEN_ENGINES:
            oldest, closed = self._runners.popitem(last=False)
            closed.close()
            self._by_shape = {shape: one for shape, one in self._by_shape.items() if one != oldest}
        self._runners[profiles] = runner
        return runner

    def _build_for(self, shape: Shape, feeds: Mapping[str, Array]) -> Profiles:
        """Build an engine for a shape that is met for the first time, and check it on what is to be translated."""
        count, height, width = shape
        building = self._building
        fixed = self._graph_edges()
        others = self._sizes_built - {(height, width)}
        if len(others) < _SIZES_WITH_OWN_ENGINE or fixed[1] or fixed[2]:
            profiles = for_one_size((height, width), (count if fixed[0] else 1, count))
        else:
            profiles = for_any_size(shape, smallest_px=building.smallest_px, multiple_px=building.multiple_px)
        self._build(profiles, [{**feeds, IMAGES: feeds[IMAGES][:1]}])
        self._sizes_built.add((height, width))
        return profiles

    def _build(
        self,
        profiles: Profiles,
        frames: Sequence[Mapping[str, Array]],
        *,
        level: int | None = None,
        must_keep: bool = False,
        again: StoredEngine | None = None,
    ) -> None:
        """Build, check, keep and open an engine; take it from the cache where another process has just built it.

        `again` is an entry that is known and not good enough. Raises as prepare; without `must_keep`, a cache that
        cannot be used only costs the time to build again.
        """
        building, size = self._building, described(profiles)
        began = time.monotonic()

        def tell(phase: str, step: int = 0, steps: int = 0) -> None:
            seconds = time.monotonic() - began
            building.report(EngineBuilding(building.model, size, phase, step, steps, round(seconds, 1)))

        def build() -> None:
            found = self._cache.get(self._key, profiles)
            if found is not None and found != again:
                if not found.engine_bytes:
                    raise _refused(size, found.decibels)
                if self._open(found) is not None:
                    return
            self._build_now(profiles, frames, level, must_keep, tell, began)

        def waiting(_: float) -> None:
            tell("waiting for another process that builds it")

        with ExitStack() as stack:
            try:
                stack.enter_context(
                    self._cache.lock(self._key, profiles, is_cancelled=building.is_cancelled, waiting=waiting)
                )
            except OutputError as error:
                if must_keep:
                    raise
                _log.warning("engines cannot be kept: %s", error)
            build()

    def _build_now(
        self,
        profiles: Profiles,
        frames: Sequence[Mapping[str, Array]],
        level: int | None,
        must_keep: bool,
        tell: Callable[[str, int, int], None],
        began: float,
    ) -> None:
        from .build import DEFAULT_LEVEL, build_engine

        building, size = self._building, described(profiles)
        level = DEFAULT_LEVEL if level is None else level
        tell("starting", 0, 0)
        built = build_engine(
            self._graph,
            profiles,
            gpu=self._gpu,
            tf32=self._machine.precision is not PrecisionChoice.FP32,
            level=level,
            timings=self._cache.read_timing(self._key),
            report=lambda progress: tell(progress.phase, progress.step, progress.steps),
            is_cancelled=building.is_cancelled,
        )
        runner = self._runner(built.engine)
        try:
            tell("comparing it with the ONNX model", 0, 0)
            decibels = self._check(runner, frames, profiles)
        except BaseException:
            runner.close()
            raise
        is_good = decibels >= CLOSE_ENOUGH_DB
        seconds = time.monotonic() - began
        try:
            self._cache.store_timing(self._key, built.timings)
            self._cache.store(
                self._key,
                profiles,
                built.engine if is_good else b"",
                model=building.model,
                decibels=decibels,
                level=level,
                build_s=seconds,
            )
        except OutputError as error:
            if must_keep:
                runner.close()
                raise
            _log.warning("the engine cannot be kept: %s", error)
        if not is_good:
            runner.close()
            raise _refused(size, decibels)
        building.report(EngineBuilt(building.model, size, round(seconds, 1), len(built.engine), round(decibels, 1)))
        self._keep_open(profiles, runner)

    def _check(self, runner: EngineRunner, frames: Sequence[Mapping[str, Array]], profiles: Profiles) -> float:
        """Return the PSNR of the engine against the ONNX model in float32, in dB: the worst of frames and profiles.

        Each frame is one image; it is repeated to fill a profile's largest batch, for each profile has its own kernels.
        """
        from cgconv.runtime.backends.probe import natural_picture, psnr

        frames = list(frames)
        if all(float(np.std(feeds[IMAGES])) < _FLAT_DEVIATION * _peak(feeds) / 255 for feeds in frames):
            height, width = frames[0][IMAGES].shape[1:3]
            picture = natural_picture((height, width))[None]
            frames.append({**frames[0], IMAGES: _like(picture, frames[0][IMAGES])})
        fixed = self._graph_edges()[0]
        reference = self._building.reference()
        try:
            worst = 99.0
            for frame in frames:
                wanted = reference.run(_repeated(frame, fixed or 1))[TRANSLATED][0]
                for profile in profiles:
                    found = runner.start(_repeated(frame, profile.largest[0]))()[TRANSLATED]
                    worst = min(worst, *(psnr(image, wanted, peak=_peak(frame)) for image in found))
            return worst
        finally:
            reference.close()

    def _graph_edges(self) -> list[int]:
        """Return images, height, width and channels of what the graph takes, 0 where they are free."""
        images = next(value for value in self._graph.graph.input if value.name == IMAGES)
        return [dim.dim_value for dim in images.type.tensor_type.shape.dim]


def why_not(device: str = "cuda") -> str | None:
    """Return why TensorRT cannot be used on a device, in one sentence that says what to install; None where it can."""
    number, count = gpu_number(device), cuda_devices()
    if count == 0:
        return f"TensorRT needs an NVIDIA GPU with its driver, of which none works on this machine, and {INSTALL}"
    for module, package in (("tensorrt", "TensorRT"), ("cuda.bindings", "cuda-bindings")):
        if not _is_installed(module):
            return f"TensorRT cannot be used: {package} is not installed: {INSTALL}"
    if number >= count:
        return f"TensorRT cannot be used on {device}: this machine has {counted(count, 'NVIDIA GPU')}"
    try:
        import tensorrt

        from .cuda_runtime import gpu_name

        gpu_name(number)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        return f"TensorRT cannot be used: it does not load ({' '.join(str(error).split())[:200]}): {INSTALL}"
    except CgconvError as error:
        return f"TensorRT cannot be used: {error}: update the NVIDIA driver, and {INSTALL}"
    if int(tensorrt.__version__.split(".")[0]) < OLDEST_VERSION:
        return f"TensorRT cannot be used: {tensorrt.__version__} is too old, {OLDEST_VERSION} is needed: {INSTALL}"
    return None


def gpu_number(device: str) -> int:
    """Return the number in `cuda:1`, 0 without one."""
    return int(device.partition(":")[2] or 0)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # the package around it is missing; or a module without a specification
        return False


def _refused(size: str, decibels: float) -> ModelError:
    return ModelError(
        f"the TensorRT engine for {size} is only {decibels:.1f} dB from the ONNX model, {CLOSE_ENOUGH_DB:.0f} are "
        "wanted: it is not used"
    )


def _repeated(frame: Mapping[str, Array], count: int) -> dict[str, Array]:
    return {**frame, IMAGES: np.repeat(frame[IMAGES], count, axis=0)}


def _peak(feeds: Mapping[str, Array]) -> float:
    return 255.0 if feeds[IMAGES].dtype == np.uint8 else 1.0


def _like(picture: Array, images: Array) -> Array:
    """Return an uint8 picture in the type of `images`."""
    return picture if images.dtype == np.uint8 else (picture / np.float32(255)).astype(images.dtype)
