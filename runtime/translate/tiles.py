"""Translate a picture that does not fit into memory, in parts, with the result of the whole.

Layer by layer over all parts: every instance norm gets the statistics of the whole picture, and each part carries as
many neighboring pixels as its stage can see, so there are no seams and no change of tone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from cgconv.runtime.backends.machine import Array, Backend
from cgconv.runtime.errors import ModelError, ResourceError
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED
from cgconv.runtime.graphs.stages import Norm, Place, Plan, Stage

Cut = tuple[slice, slice]  # rows and columns in picture pixels


@dataclass(frozen=True)
class Part:
    """One part of a picture: what is computed, and the middle of it that counts. Picture pixels."""

    computed: Cut
    counted: Cut


class Moments:
    """Mean and variance of each channel over many parts, joined without loss (Chan, Golub and LeVeque 1979)."""

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._mean = np.zeros(channels)
        self._squares = np.zeros(channels)

    def add(self, values: Array) -> None:
        """Add values 1×C×h×w."""
        rows = values.reshape(values.shape[1], -1).astype(np.float32, copy=False)
        count = rows.shape[1]
        mean = rows.mean(axis=1, dtype=np.float64)
        centered = rows - mean[:, None].astype(np.float32)
        squares = np.einsum("cp,cp->c", centered, centered, dtype=np.float64)
        squares -= count * centered.mean(axis=1, dtype=np.float64) ** 2
        total = self._count + count
        apart = mean - self._mean
        self._squares += squares + apart**2 * (self._count * count / total)
        self._mean += apart * (count / total)
        self._count = total

    def factor_and_shift(self, norm: Norm) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what a norm with these statistics multiplies by and adds, both float32 1×C×1×1."""
        if not (np.isfinite(self._mean).all() and np.isfinite(self._squares).all()):
            raise ModelError("the model gives numbers that are not finite (NaN or infinity), so there is no result")
        factor = norm.gain / np.sqrt(self._squares / self._count + norm.epsilon)
        shift = norm.offset - self._mean * factor
        shape = (1, -1, 1, 1)
        return factor.astype(np.float32).reshape(shape), shift.astype(np.float32).reshape(shape)


def translate_in_parts(
    picture: Array,
    plan: Plan,
    open_stage: Callable[[onnx.ModelProto], Backend],
    *,
    scale: int,
    part_pixels: int,
    memory_bytes: int,
) -> Array:
    """Return the translation of one picture 1×H×W×3, H and W multiples of `plan.align_px`.

    Args:
        open_stage: opens one stage's graph; called once for each stage, closed again before the next.
        part_pixels: about as many picture pixels are computed at once, neighbors included.
        memory_bytes: layers that have to be kept lie in memory up to this size together, above it in a temporary file.

    Raises:
        ResourceError: the disk is full, or a stage sees so far that no part of `part_pixels` would be left.
    """
    height, width = picture.shape[1:3]
    translated = np.empty((1, height * scale, width * scale, 3), picture.dtype)
    layers: dict[str, Array] = {IMAGES: picture}
    known: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []
    keeper = _Keeper(memory_bytes)
    for number, stage in enumerate(plan.stages):
        results: dict[str, Array] = {name: keeper.room_for(plan.places[name], height, width) for name in stage.stored}
        results |= {TRANSLATED: translated} if stage.measured is None else {}
        moments = Moments(plan.places[stage.measured].channels) if stage.measured is not None else None
        backend = open_stage(stage.model)
        try:
            for part in cut_into_parts((height, width), stage.halo_px, plan.align_px, part_pixels):
                made = backend.run(_feeds(stage, part, layers, known, plan.places))
                for name, values in made.items():
                    middle = values[_slices(plan.places[name], part.counted, inside=part.computed)]
                    if name in results:
                        results[name][_slices(plan.places[name], part.counted)] = middle
                    if moments is not None and name == stage.measured:
                        moments.add(middle)
        finally:
            backend.close()
        if moments is not None:
            known.append(moments.factor_and_shift(plan.norms[number]))
        layers |= {name: values for name, values in results.items() if name != TRANSLATED}
        still_read = {IMAGES}.union(*(later.reads for later in plan.stages[number + 1 :]))
        for name in set(layers) - still_read:
            keeper.forget(layers.pop(name))
    return translated


def cut_into_parts(size_hw: tuple[int, int], halo_px: int, align_px: int, part_pixels: int) -> Iterator[Part]:
    """Yield parts that cover a picture: all computed at one size, their counted middles without overlap or gap.

    Raises:
        ResourceError: `halo_px` on each side leaves nothing of `part_pixels`.
    """
    halo = -(-halo_px // align_px) * align_px
    edge = int(part_pixels**0.5) // align_px * align_px
    # a flat or upright picture may take longer parts: what one edge does not use the other gets
    height = min(size_hw[0], max(edge, part_pixels // max(size_hw[1], 1) // align_px * align_px))
    width = min(size_hw[1], max(edge, part_pixels // max(height, 1) // align_px * align_px))
    if (height < size_hw[0] and height <= 2 * halo) or (width < size_hw[1] and width <= 2 * halo):
        raise ResourceError("the picture does not fit into memory, nor do parts of it; use --resize to make it smaller")
    for rows in _cut_edge(size_hw[0], height, halo):
        for columns in _cut_edge(size_hw[1], width, halo):
            yield Part((rows[0], columns[0]), (rows[1], columns[1]))


def _cut_edge(size: int, computed: int, halo: int) -> list[tuple[slice, slice]]:
    """Return (computed, counted) along one edge."""
    if computed >= size:
        return [(slice(0, size), slice(0, size))]
    cuts = []
    start = 0
    while start < size:
        first = min(max(start - halo, 0), size - computed)
        stop = size if first + computed == size else first + computed - halo
        cuts.append((slice(first, first + computed), slice(start, stop)))
        start = stop
    return cuts


def _feeds(
    stage: Stage,
    part: Part,
    layers: dict[str, Array],
    known: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]],
    places: dict[str, Place],
) -> dict[str, Array]:
    feeds = {name: np.ascontiguousarray(layers[name][_slices(places[name], part.computed)]) for name in stage.reads}
    for index in stage.given:
        feeds[f"norm_{index}_factor"], feeds[f"norm_{index}_shift"] = known[index]
    return feeds


def _slices(place: Place, cut: Cut, inside: Cut | None = None) -> tuple[slice, ...]:
    """Return the index of a cut of the picture in a layer, or in the part of it that `inside` is."""
    index = [slice(None)] * 4
    for edge, axis in enumerate(place.axes):
        origin = inside[edge].start if inside is not None else 0
        start, stop = ((pixel - origin) * place.pixels for pixel in (cut[edge].start, cut[edge].stop))
        index[axis] = slice(int(start), int(stop))
    return tuple(index)


class _Keeper:
    """Room for layers: memory first, then files that vanish with the array."""

    def __init__(self, memory_bytes: int) -> None:
        self._left = memory_bytes
        self._in_memory: dict[int, int] = {}

    def room_for(self, place: Place, height: int, width: int) -> Array:
        shape = [1, place.channels, place.channels, place.channels]
        shape[place.axes[0]], shape[place.axes[1]] = int(height * place.pixels), int(width * place.pixels)
        dtype: Any = helper.tensor_dtype_to_np_dtype(place.element)  # Any: numpy's dtype
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size <= self._left:
            self._left -= size
            room: Array = np.empty(shape, dtype)
            self._in_memory[id(room)] = size
            return room
        folder = cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder, prefix="layer-") as file:
                file.truncate(size)
                return np.memmap(file, dtype=dtype, mode="r+", shape=tuple(shape))
        except OSError as error:
            raise ResourceError(
                f"{folder}: no room for {size / 1e9:.1f} GB of intermediate results ({error.strerror})"
            ) from error

    def forget(self, room: Array) -> None:
        self._left += self._in_memory.pop(id(room), 0)
