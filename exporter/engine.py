"""Build a model's TensorRT engines ahead of time, each compared with the ONNX model. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.backends.choose import building_for, choose_machine, fall_back, graph_precision
from cgconv.runtime.backends.engines.backend import TensorrtBackend, why_not
from cgconv.runtime.backends.engines.cache import StoredEngine
from cgconv.runtime.backends.engines.shapes import Profiles, for_one_size
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.backends.probe import natural_picture
from cgconv.runtime.errors import MissingError, ModelError, UsageError
from cgconv.runtime.events import EngineBuilding, EngineBuilt, counted
from cgconv.runtime.graphs.graph import Doors, specialize
from cgconv.runtime.translate.any_model import open_model

from .pictures import sample_pictures

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.models.card import ModelCard

USUAL_SIZES_HW = ((720, 1280), (1080, 1920))
LEVELS = range(6)
SAMPLE_PICTURES = 2  # the float32 model computes each on the processor: seconds for a large one


@dataclass(frozen=True)
class Engine:
    """An engine that is ready. `was_there`: it was built earlier."""

    entry: StoredEngine
    precision: str
    was_there: bool


def require_tensorrt(device: str = "cuda") -> None:
    """Raise MissingError, with what to install, where no engine can be built."""
    problem = why_not(device)
    if problem:
        raise MissingError(problem)


def build_engines(
    model_path: Path,
    *,
    sizes_hw: Sequence[tuple[int, int]] = (),
    batch: tuple[int, int] = (1, 1),
    level: int | None = None,
    pictures: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    report: Callable[[EngineBuilding | EngineBuilt], None] = lambda event: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[Engine]:
    """Build one engine a size, for `batch` images at once (from–to), and return them; those that are there are kept.

    They lie in the engine cache, where `--backend tensorrt` finds them. Without sizes: 1280×720 and 1920×1080, or the
    model's only one. `level` is TensorRT's, 0 (built fastest) to 5 (runs fastest); an engine of a lower level is built
    again. With `precision` auto, engines are in fp16, and in fp32 where that is under 38 dB of the model.

    Raises:
        MissingError: TensorRT or a GPU is missing. UsageError: a size that the model cannot take.
        ModelError: TensorRT cannot take the model, or the engine is under 38 dB. OutputError: it cannot be kept.
        Cancelled: `is_cancelled` said so.
    """
    if level is not None and level not in LEVELS:
        raise UsageError(f"--level: found {level}, expected {LEVELS[0]} to {LEVELS[-1]}")
    require_tensorrt("cuda" if device == "auto" else device)
    model, card = open_model(model_path)
    machine = choose_machine(model, card, backend="tensorrt", device=device, precision=precision, threads=None)
    building = building_for(model, card, Doors.UINT8, report=report, is_cancelled=is_cancelled)
    shapes = [for_one_size(size_hw, batch) for size_hw in _sizes(sizes_hw, card)]
    frames = {one: _frames(one, pictures) for one in shapes}

    def build_all(machine: Machine) -> list[Engine]:
        graph = specialize(model, card, precision=graph_precision(machine))
        _check_batch(graph, batch)
        backend = TensorrtBackend(graph, machine, building)
        try:
            engines = []
            for one in shapes:
                entry, was_there = backend.prepare(one, frames[one], level=level)
                engines.append(Engine(entry, str(machine.precision), was_there))
            return engines
        finally:
            backend.close()

    try:
        return build_all(machine)
    except ModelError as error:
        machine = fall_back(machine, error)  # to fp32, where the precision was left to us
    return build_all(machine)


def _sizes(sizes_hw: Sequence[tuple[int, int]], card: ModelCard) -> list[tuple[int, int]]:
    if card.fixed_size_hw is not None:
        height, width = card.fixed_size_hw
        if any(tuple(size_hw) != card.fixed_size_hw for size_hw in sizes_hw):
            raise UsageError(f"--sizes: the model {card.name} takes {width}×{height} only")
        return [card.fixed_size_hw]
    fitting = [card.fitting_hw(size_hw) for size_hw in sizes_hw or USUAL_SIZES_HW]
    return list(dict.fromkeys(fitting))


def _check_batch(graph: onnx.ModelProto, batch: tuple[int, int]) -> None:
    fixed = graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value
    if fixed and batch != (fixed, fixed):
        raise UsageError(f"--batch: this model takes {counted(fixed, 'image')} at once only")


def _frames(profiles: Profiles, folder: Path | None) -> list[NDArray[np.uint8]]:
    """Return pictures in an engine's size, 1×H×W×3: real ones from the folder, else a made-up one."""
    _, height, width = profiles[0].smallest
    found = sample_pictures(folder, SAMPLE_PICTURES) if folder is not None else {}
    frames = [_in_size(pixels, (height, width))[None] for pixels in found.values()]
    return frames or [natural_picture((height, width))[None]]


def _in_size(pixels: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the middle of a picture in this size, a smaller one continued by mirroring."""
    middle = pixels
    for axis, wanted in enumerate(size_hw):
        start = max(0, (middle.shape[axis] - wanted) // 2)
        middle = np.take(middle, range(start, min(start + wanted, middle.shape[axis])), axis=axis)
    missing = [(0, wanted - edge) for wanted, edge in zip(size_hw, middle.shape, strict=False)]
    return np.pad(middle, (*missing, (0, 0)), mode="symmetric")
