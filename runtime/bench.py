"""Time a model here: each backend and precision that opens, the stages around it, and the machine's peak speed."""

from __future__ import annotations

import contextlib
import gc
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import CgconvError, MissingError, ModelError, UsageError

if TYPE_CHECKING:
    import onnx

# Backend, device, precision: all that may be there; what does not open is left out, with the reason.
WAYS = (
    *(("openvino", "cpu", precision) for precision in ("fp32", "bf16", "int8")),
    ("onnxruntime", "cpu", "fp32"),
    *(("tensorrt", "cuda", precision) for precision in ("fp32", "fp16")),
    ("onnxruntime", "cuda", "fp32"),
)
SIZES_WH = ((256, 256), (640, 360))
_LEAST_S, _LEAST_ROUNDS = 1.0, 3
# Channels, kernel, height and width of the convolutions that show the most a machine computes; 1: a matrix product.
_CONVOLUTIONS = ((1024, 1, 32), (64, 3, 96), (256, 3, 48))
_IN_A_ROW = 4
_COPIED_BYTES = 1 << 28


@dataclass(frozen=True)
class Ceilings:
    """The most that was measured here: 10⁹ products summed a second, by precision, and 10⁹ bytes read and written."""

    products: dict[str, float]
    bytes: float


@dataclass(frozen=True)
class Timing:
    """One way to compute one size. `share` of the ceiling of that precision; `problem`: it does not open, and why."""

    backend: str
    device: str
    precision: str
    size_wh: tuple[int, int] | None = None
    pictures_per_second: float = 0.0
    decibels: float = 0.0  # against fp32, 99 where equal
    megabytes: float | None = None  # that opening and computing added; None where the system does not say
    share: float | None = None
    why: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class Stages:
    """Seconds of each stage of one picture, or of one frame of a film, as `auto` computes it; `whole` is end to end."""

    what: str
    precision: str
    seconds: dict[str, float]
    whole_s: float


@dataclass(frozen=True)
class Bench:
    """What was measured, and on what."""

    model: str
    processor: str
    processor_features: tuple[str, ...]
    cores: int
    ceilings: Ceilings
    timings: tuple[Timing, ...]
    stages: tuple[Stages, ...]


def from_json(values: dict[str, Any]) -> Bench:  # Any: JSON values
    """Return what `cgconv bench --json` printed as it was."""
    timings = (
        Timing(**one | {"size_wh": tuple(one["size_wh"]) if one["size_wh"] else None}) for one in values["timings"]
    )
    parts = {
        "ceilings": Ceilings(**values["ceilings"]),
        "processor_features": tuple(values["processor_features"]),
        "timings": tuple(timings),
        "stages": tuple(Stages(**one) for one in values["stages"]),
    }
    return Bench(**values | parts)


def bench(
    model: Path,
    *,
    sizes_wh: tuple[tuple[int, int], ...] = SIZES_WH,
    film: Path | None = None,
    ways: tuple[tuple[str, str, str], ...] = WAYS,
    say: Callable[[str], None] = lambda sentence: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Bench:
    """Measure a model file; `say` hears what is being measured.

    Raises:
        ModelError: the file is no model. FilmError: `film` is none.
    """
    from .backends.processor import processor_features, processor_name, usable_cores

    say("the peak speed of this machine")
    ceilings = Ceilings(_products(clock), _bytes_per_second(clock) / 1e9)
    tried = [_Tried(model, size_wh) for size_wh in sizes_wh]
    timings: list[Timing] = []
    for way in ways:
        say(" ".join(way))
        timings += _timings(model, way, tried, ceilings, clock)
    say("the stages of a picture")
    stages = [_picture_stages(model, sizes_wh[-1])]
    if film is not None:
        say("the stages of a film")
        stages.append(_film_stages(model, film))
    return Bench(
        model.stem, processor_name(), processor_features(), usable_cores(), ceilings, tuple(timings), tuple(stages)
    )


class _Tried:
    """A made-up picture of one size, and what it is in fp32."""

    def __init__(self, model: Path, size_wh: tuple[int, int]) -> None:
        from .backends.probe import mirrored_picture
        from .translator import open_translator

        self.size_wh = size_wh
        self.picture = mirrored_picture((size_wh[1], size_wh[0]))[None]
        with open_translator(model, device="cpu", precision="fp32") as translator:
            self.exact = translator.translate(self.picture)


def _timings(
    model: Path, way: tuple[str, str, str], tried: list[_Tried], ceilings: Ceilings, clock: Callable[[], float]
) -> list[Timing]:
    from .backends.probe import psnr
    from .translator import open_translator

    backend, device, precision = way
    before = _resident_bytes()
    found = []
    try:
        with open_translator(model, backend=backend, device=device, precision=precision) as translator:
            products = translator.multiply_adds_per_pixel()
            for one in tried:
                result = translator.translate(one.picture)
                seconds = _median_s(lambda: translator.translate(one.picture), clock)  # noqa: B023
                grown = None if before is None else max((_resident_bytes() or before) - before, 0) / 1e6
                rate = products * one.size_wh[0] * one.size_wh[1] / seconds / 1e9
                found.append(
                    Timing(
                        backend,
                        device,
                        precision,
                        one.size_wh,
                        1 / seconds,
                        psnr(result, one.exact),
                        grown,
                        rate / ceilings.products[precision] if precision in ceilings.products else None,
                        translator.describe().why,
                    )
                )
    except (MissingError, UsageError, ModelError) as error:  # policy: what does not open is said, and left out
        return [Timing(backend, device, precision, problem=str(error))]
    gc.collect()
    return found


def _picture_stages(model: Path, size_wh: tuple[int, int]) -> Stages:
    from .backends.probe import mirrored_picture
    from .images import Picture, encode_picture, write_atomically
    from .pictures.job import PictureOptions, translate_picture_file
    from .translator import open_translator

    with tempfile.TemporaryDirectory() as folder, open_translator(model) as translator:
        source = Path(folder) / "source.jpg"
        picture = Picture(mirrored_picture((size_wh[1], size_wh[0])))
        write_atomically(source, encode_picture(picture, file_format="jpg", quality=90))
        rounds = []
        for number in range(_LEAST_ROUNDS + 1):
            began = time.perf_counter()
            target = Path(folder) / f"{number}.jpg"
            facts = translate_picture_file(source, target, translator, PictureOptions(), cancel=threading.Event())
            rounds.append((time.perf_counter() - began, facts["stage_seconds"]))
        whole_s, seconds = sorted(rounds[1:], key=lambda one: one[0])[_LEAST_ROUNDS // 2]
        return Stages(f"picture {size_wh[0]}×{size_wh[1]}", translator.describe().precision, seconds, whole_s)


def _film_stages(model: Path, film: Path) -> Stages:
    from .films.job import FilmOptions, translate_film
    from .translator import open_translator

    with tempfile.TemporaryDirectory() as folder, open_translator(model) as translator:
        began = time.perf_counter()
        job = translate_film(film, Path(folder) / "result.mkv", translator, FilmOptions(), cancel=threading.Event())
        frames = 0
        while True:
            try:
                next(job)
            except StopIteration as end:
                facts = end.value
                break
        whole_s = time.perf_counter() - began
        frames = max(int(facts["frames"]), 1)
        seconds = {name: value / frames for name, value in facts["stage_seconds"].items()}
        return Stages(f"frame of {film.name}", translator.describe().precision, seconds, whole_s / frames)


# --- ceilings


def _products(clock: Callable[[], float]) -> dict[str, float]:
    """Return the most products summed a second, in 10⁹, for each precision that OpenVINO computes here.

    The most of several convolutions, each at its fastest: a large matrix product, bound by memory on some machines, and
    3×3 of sizes that generators have, which stay in the cache.
    """
    from .backends.choose import open_graph
    from .backends.machine import Machine
    from .backends.processor import processor_features
    from .choices import BackendName, PrecisionChoice
    from .graphs.int8 import EightBits, convert_to_int8

    found: dict[str, float] = {}
    for precision in (PrecisionChoice.FP32, PrecisionChoice.BF16, PrecisionChoice.INT8):
        if precision is PrecisionChoice.BF16 and not {"avx512_bf16", "amx_bf16"}.intersection(processor_features()):
            continue
        for channels, kernel_px, edge_px in _CONVOLUTIONS:
            graph = _row_of_convolutions(channels, kernel_px, edge_px)
            if precision is PrecisionChoice.INT8:
                convert_to_int8(graph, EightBits(((-5.0, 5.0),) * _IN_A_ROW))
            values = np.random.default_rng(0).normal(0, 1, (1, channels, edge_px, edge_px)).astype(np.float32)
            with contextlib.suppress(CgconvError):  # not on this machine
                backend = open_graph(graph, Machine(backend=BackendName.OPENVINO, precision=precision))
                backend.run({"values_0": values})
                seconds = min(_times_s(lambda: backend.run({"values_0": values}), clock))  # noqa: B023
                rate = _IN_A_ROW * (channels * kernel_px * edge_px) ** 2 / seconds / 1e9
                found[str(precision)] = max(found.get(str(precision), 0.0), rate)
                backend.close()
    return found


def _row_of_convolutions(channels: int, kernel_px: int, edge_px: int) -> onnx.ModelProto:
    """Return a graph of convolutions in a row, between which values keep their size."""
    from onnx import TensorProto, helper, numpy_helper

    shape = (channels, channels, kernel_px, kernel_px)
    deviation = 1 / (kernel_px * channels**0.5)
    weights = np.random.default_rng(1).normal(0, deviation, shape).astype(np.float32)
    ends = [
        helper.make_tensor_value_info(f"values_{number}", TensorProto.FLOAT, [1, channels, edge_px, edge_px])
        for number in (0, _IN_A_ROW)
    ]
    nodes = [
        helper.make_node("Conv", [f"values_{number}", "weights"], [f"values_{number + 1}"], pads=[kernel_px // 2] * 4)
        for number in range(_IN_A_ROW)
    ]
    tensors = [numpy_helper.from_array(weights, "weights")]
    graph = helper.make_graph(nodes, "convolutions", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def _bytes_per_second(clock: Callable[[], float]) -> float:
    """Return the bytes that a large copy reads and writes in a second."""
    source = np.ones(_COPIED_BYTES, np.uint8)
    target = np.empty_like(source)
    np.copyto(target, source)
    return 2 * _COPIED_BYTES / _median_s(lambda: np.copyto(target, source), clock)


def _median_s(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the median seconds of `work`."""
    return statistics.median(_times_s(work, clock))


def _times_s(work: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    """Return the seconds of `work`, done at least three times and for at least a second."""
    times: list[float] = []
    while len(times) < _LEAST_ROUNDS or sum(times) < _LEAST_S:
        began = clock()
        work()
        times.append(max(clock() - began, 1e-9))
    return times


def _resident_bytes() -> int | None:
    """Return the memory that this process holds, None where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None
