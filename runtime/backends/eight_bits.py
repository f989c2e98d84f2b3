"""Find out once how a model is best computed in 8 bits here, how close that comes and what it gains, and remember it.

The ranges of what goes into each convolution are the smallest and largest values that made-up pictures of several kinds
give (docs/speed.md says what else was tried). Then, on other such pictures, all convolutions are tried in 8 bits, all
but the first and the last, and all but the two that cost most, until that is near enough to float32. They are timed in
turn with what would run otherwise, the nearest first; the first that is fast enough, too, is it.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.errors import Cancelled, OutputError
from cgconv.runtime.events import EIGHT_BITS, EngineBuilding, EngineBuilt
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, Precision, specialize
from cgconv.runtime.graphs.half import convolutions
from cgconv.runtime.graphs.int8 import EightBits, Range, ranges_seen, watch_ranges

from .machine import Array, Backend, Machine, unheard
from .probe import mirrored_picture, psnr, varied_picture
from .processor import processor_features, processor_name, sums_8_bits_exactly

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.models.card import ModelCard

MEDIAN_DB, WORST_DB, FACTOR = 35.0, 30.0, 1.3  # what `auto` asks of 8 bits
LEAST_WORK = 10_000.0  # multiplications a pixel: a model with less takes a few milliseconds, and measuring it, seconds
_EASY_DB = 5.0  # so far above these limits, a model does without convolutions in float32
_METHOD = 1  # of rounding and of measuring: a new number lets everything be measured again
_CROP_PX = 256
_CALIBRATION = range(102, 114)  # seeds of the pictures that ranges are taken from
_HELD_OUT = range(201, 210)  # and of those that the result is judged by
_HOPELESS_DB = 6.0  # so far below, two convolutions in float32 would not help, and finding them takes a minute
_COSTLY = 2  # so many convolutions may stay in float32 because they cost most
_PICTURES_FOR_ONE = 3
_TURNS = 5

Opener = Callable[["onnx.ModelProto", Machine], Backend]


@dataclass(frozen=True)
class Int8Check:
    """How a model is computed in 8 bits, and what was measured of it: PSNR against float32, and speed."""

    eight_bits: EightBits
    median_db: float
    worst_db: float
    factor: float  # times as fast as what it was timed against
    against: str  # fp32 or bf16
    pictures: int
    processor: str
    date: str

    @property
    def is_good(self) -> bool:
        """Whether `auto` takes it."""
        return self.median_db >= MEDIAN_DB and self.worst_db >= WORST_DB and self.factor >= FACTOR

    def in_words(self) -> str:
        """Return what was measured, as part of a sentence."""
        ranges = self.eight_bits.ranges
        kept = sum(one is None for one in ranges)
        besides = f", {kept} of {len(ranges)} convolutions in fp32" if kept else ""
        return (
            f"int8 is {self.median_db:.1f} dB from fp32 on {self.pictures} test pictures ({self.worst_db:.1f} at worst"
            f"{besides}) and {self.factor:.1f} times as fast as {self.against}"
        )


def close_enough(decibels: Sequence[float]) -> bool:
    """Say whether pictures in 8 bits are near enough to float32 for `auto`."""
    return statistics.median(decibels) >= MEDIAN_DB and min(decibels) >= WORST_DB


def check_int8(
    model: onnx.ModelProto,
    card: ModelCard,
    machine: Machine,
    opened: Opener,
    *,
    report: Callable[[EngineBuilding | EngineBuilt], None] = unheard,
    is_cancelled: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.perf_counter,
) -> Int8Check:
    """Return how `model` is computed in 8 bits by `machine`, whose own precision is what it is timed against.

    Measured the first time (half a minute for a large model; `report` is told how far it is), then read from the user's
    cache, keyed by the model's SHA-256, the method, the pictures, the library, its threads and the processor.

    Raises:
        ModelError: the library cannot compute it. ResourceError: memory ran out. Cancelled: `is_cancelled` said so.
    """
    found = remembered_int8(model, machine)
    if found is None:
        began = clock()

        def progressed(phase: str, step: int, steps: int) -> None:
            if is_cancelled():
                raise Cancelled("stopped while the model was measured in 8 bits")
            report(EngineBuilding(card.name, EIGHT_BITS, phase, step, steps, round(clock() - began, 1)))

        found = Trials(model, card, machine, opened, progressed).check(clock)
        with contextlib.suppress(OutputError):  # a cache that cannot be written only costs the time to measure again
            facts = _facts(model, machine)
            write_atomically(_file(facts), json.dumps({"key": facts, "check": asdict(found)}, indent=1).encode())
        report(EngineBuilt(card.name, EIGHT_BITS, round(clock() - began, 1), 0, found.median_db))
    return found


def remembered_int8(model: onnx.ModelProto, machine: Machine) -> Int8Check | None:
    """Return what check_int8 measured earlier, None where it has not or where that cannot be used."""
    facts = _facts(model, machine)
    try:
        entry = json.loads(_file(facts).read_text(encoding="utf-8"))
        if entry["key"] != facts:
            return None
        values = entry["check"]
        given = values.pop("eight_bits")
        ranges = tuple(None if one is None else (float(one[0]), float(one[1])) for one in given["ranges"])
        return Int8Check(eight_bits=EightBits(ranges, int(given["weight_bits"])), **values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


class Trials:
    """A model on a machine, being tried in 8 bits.

    Ranges are taken from the pictures `calibration`, and the result is judged by `held_out`: uint8 1×H×W×3, of sizes
    that the model takes; made up unless given. `progressed` hears phase, step and steps, and may raise Cancelled.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        card: ModelCard,
        machine: Machine,
        opened: Opener,
        progressed: Callable[[str, int, int], None],
        *,
        calibration: Sequence[Array] = (),
        held_out: Sequence[Array] = (),
    ) -> None:
        self.model, self.card, self.machine = model, card, machine
        self.opened, self.progressed = opened, progressed
        self.graph = specialize(model, card, in_phases=True)
        self.in_fp32 = replace(machine, precision=PrecisionChoice.FP32)
        self.in_int8 = replace(machine, precision=PrecisionChoice.INT8)
        self.calibration = [*calibration] or self._pictures(_CALIBRATION)
        self.held_out = [*held_out] or self._pictures(_HELD_OUT)
        self.exact: list[Array] = []

    def tried(self) -> list[tuple[list[float], EightBits]]:
        """Try candidates until one is near enough. Return each one's dB on the held-out pictures, the nearest first."""
        ranges = self.ranges_of(self._each(self.calibration, "ranges of its layers"))
        self.compute_exact()
        tried: list[tuple[list[float], EightBits]] = []
        for candidate in self.candidates(ranges):
            decibels = self.decibels(candidate, len(self.held_out))
            above_db = 0.0 if tried else _EASY_DB
            tried.append((decibels, candidate))
            if close_enough([one - above_db for one in decibels]):
                break
            if len(tried) == 2 and max(statistics.median(one) for one, _ in tried) < MEDIAN_DB - _HOPELESS_DB:
                break
        return sorted(tried, key=lambda one: statistics.median(one[0]), reverse=True)

    def check(self, clock: Callable[[], float]) -> Int8Check:
        """Return the nearest to float32 of those that are fast enough, too; the nearest where none is."""
        best: Int8Check | None = None
        for decibels, eight_bits in self.tried():
            if best is None or close_enough(decibels):
                check = self._timed(eight_bits, decibels, clock)
                if check.is_good:
                    return check  # the nearest of those that are fast enough
                best = best or check
        assert best is not None  # there are always candidates
        return best

    def _timed(self, eight_bits: EightBits, decibels: list[float], clock: Callable[[], float]) -> Int8Check:
        with (
            self._open(self.graph, self.machine) as otherwise,
            self._open(self._rounded(eight_bits), self.in_int8) as backend,
        ):
            factor = _times_as_fast(backend, otherwise, self._each([self.held_out[0]] * (_TURNS + 1), "speed"), clock)
        return Int8Check(
            eight_bits,
            round(statistics.median(decibels), 2),
            round(min(decibels), 2),
            round(factor, 2),
            str(self.machine.precision),
            len(decibels),
            processor_name(),
            datetime.date.today().isoformat(),
        )

    def ranges_of(self, pictures: Iterable[Array]) -> tuple[Range | None, ...]:
        """Return the range of what goes into each convolution for these pictures."""
        with self._open(watch_ranges(self.graph), self.in_fp32) as backend:
            seen = [backend.run({IMAGES: picture}) for picture in pictures]
        return ranges_seen(seen, len(convolutions(self.graph.graph)))

    def compute_exact(self) -> None:
        """Compute the held-out pictures in float32, which `decibels` compares with."""
        with self._open(self.graph, self.in_fp32) as backend:
            self.exact = self._translated(backend, self.held_out, "pictures in fp32")

    def candidates(self, ranges: tuple[Range | None, ...]) -> Iterator[EightBits]:
        """Yield ways to round: all convolutions, all but the first and the last, all but the two that cost most."""
        bits = 8 if sums_8_bits_exactly() else 7
        indices = range(len(ranges))
        yield EightBits(ranges, bits)
        yield EightBits(_without(ranges, {0, len(ranges) - 1}), bits)
        if len(ranges) > _COSTLY:
            alone = [EightBits(_without(ranges, {*indices} - {index}), bits) for index in indices]
            decibels = [statistics.median(self.decibels(one, _PICTURES_FOR_ONE)) for one in alone]
            yield EightBits(_without(ranges, set(sorted(indices, key=decibels.__getitem__)[:_COSTLY])), bits)

    def decibels(self, eight_bits: EightBits, count: int) -> list[float]:
        """Return how close the first `count` held-out pictures come to float32."""
        images = self.made(eight_bits, self.held_out[:count])
        return [psnr(a, b) for a, b in zip(images, self.exact, strict=False)]

    def made(self, eight_bits: EightBits, pictures: Sequence[Array]) -> list[Array]:
        """Return the translations of pictures, rounded so."""
        with self._open(self._rounded(eight_bits), self.in_int8) as backend:
            return self._translated(backend, pictures, "pictures in int8")

    def _rounded(self, eight_bits: EightBits) -> onnx.ModelProto:
        return specialize(self.model, self.card, precision=Precision.INT8, eight_bits=eight_bits, in_phases=True)

    def _translated(self, backend: Backend, pictures: Sequence[Array], phase: str) -> list[Array]:
        return [backend.run({IMAGES: picture})[TRANSLATED] for picture in self._each(pictures, phase)]

    def _pictures(self, seeds: range) -> list[Array]:
        size_hw = self.card.fitting_hw((_CROP_PX, _CROP_PX))
        return [mirrored_picture(size_hw, seed, varied_picture)[None] for seed in seeds]

    def _each(self, pictures: Sequence[Array], phase: str) -> Iterator[Array]:
        for step, picture in enumerate(pictures):
            self.progressed(phase, step, len(pictures))
            yield picture

    @contextmanager
    def _open(self, graph: onnx.ModelProto, machine: Machine) -> Iterator[Backend]:
        backend = self.opened(graph, machine)
        try:
            yield backend
        finally:
            backend.close()


def _without(ranges: tuple[Range | None, ...], kept: set[int]) -> tuple[Range | None, ...]:
    """Return the ranges with those of the convolutions that stay in float32 taken out."""
    return tuple(None if index in kept else one for index, one in enumerate(ranges))


def _times_as_fast(
    backend: Backend, otherwise: Backend, pictures: Iterator[Array], clock: Callable[[], float]
) -> float:
    """Return the median of how often `backend` fits into the time of `otherwise`, measured in turn."""
    factors = []
    for picture in pictures:
        times = []
        for one in (otherwise, backend):
            began = clock()
            one.run({IMAGES: picture})
            times.append(clock() - began)
        factors.append(times[0] / max(times[1], 1e-9))
    return statistics.median(factors[1:])  # the first turn compiles


def _facts(model: onnx.ModelProto, machine: Machine) -> dict[str, Any]:  # Any: JSON values
    return {
        "model": hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest(),
        "method": _METHOD,
        "calibration": f"made up, varied, {_CALIBRATION.start} to {_CALIBRATION.stop - 1}",
        "library": f"{machine.backend} {library_version(machine.backend)}",
        "against": str(machine.precision),
        "threads": machine.threads,
        "processor": processor_name(),
        "instruction_sets": list(processor_features()),
    }


def library_version(backend: BackendName) -> str:
    """Return the version of the library that computes."""
    from . import onnxruntime_backend, openvino_backend

    return openvino_backend.version() if backend is BackendName.OPENVINO else onnxruntime_backend.version()


def _file(facts: dict[str, Any]) -> Path:  # Any: JSON values
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "int8" / f"{name}.json"
