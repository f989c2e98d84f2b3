"""Write a model in 8 bits, once pictures have shown in both libraries that it still does what the float32 file does."""

from __future__ import annotations

import datetime
import hashlib
import statistics
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.backends import openvino_backend
from cgconv.runtime.backends.choose import open_backend, open_graph
from cgconv.runtime.backends.eight_bits import MEDIAN_DB, WORST_DB, Trials, close_enough, library_version
from cgconv.runtime.backends.machine import Machine
from cgconv.runtime.backends.probe import psnr
from cgconv.runtime.backends.processor import dot_products, processor_name
from cgconv.runtime.brush import shrink
from cgconv.runtime.choices import BackendName
from cgconv.runtime.errors import Cancelled, ModelError, UsageError
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, modernize
from cgconv.runtime.graphs.half import convolutions
from cgconv.runtime.graphs.int8 import convert_to_int8
from cgconv.runtime.models.card import ModelCard, write_card
from cgconv.runtime.models.model_file import write_model

from .pictures import sample_pictures
from .variant import full_model, new_file

SUFFIX = ".int8.onnx"
CROP_PX = 256
PICTURES = 16  # for ranges, and as many to judge by

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Int8File:
    """A file that was written, and how it was checked."""

    path: Path
    card: ModelCard
    facts: dict[str, Any]  # what docs/formats.md lists under `verification.int8`. Any: JSON values
    full_bytes: int  # of the float32 file


def export_int8(
    source: Path,
    *,
    out: Path | None = None,
    name: str | None = None,
    calibrate: Path | None = None,
    pictures: Path | None = None,
    exists_ok: bool = False,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Int8File:
    """Write the ONNX file `source` in 8 bits as NAME.int8.onnx and return what was written.

    It takes and gives what the float32 file does. Ranges come from the folder `calibrate`, or from made-up pictures; it
    is checked on pictures of the folder `pictures`, else on every other one of `calibrate`, else on other made-up ones.
    `out` is a file or a folder as in half.export_half. Needs no torch.

    Raises:
        UsageError: in fewer bits already, too few pictures in a folder, or the float32 file would be replaced.
        ModelError: there is no convolution in it, or it is further from float32 than `auto` allows 8 bits to be
            (35 dB on the median, 30 at worst). Nothing is written then.
        Cancelled: `is_cancelled` said so between two pictures.
        OutputError: the file is there already, or cannot be written.
    """
    model, card = full_model(source)
    target = new_file(source, out, name, SUFFIX, exists_ok=exists_ok)
    shown, samples = _pictures_of(calibrate, pictures, card)

    def progressed(phase: str, step: int, steps: int) -> None:
        if is_cancelled():
            raise Cancelled("stopped before the 8-bit file was checked; nothing was written")

    try:
        if not convolutions(model.graph):
            raise ModelError("there is no convolution in it that could be computed in 8 bits")
        libraries = _libraries()
        machine = Machine(backend=libraries[0])
        trials = Trials(model, card, machine, open_graph, progressed, calibration=shown, held_out=[*samples.values()])
        eight_bits = trials.tried()[0][1]
        if not any(eight_bits.ranges):
            raise ModelError(f"all {len(eight_bits.ranges)} convolutions would have to stay in float32")
        rounded = modernize(model)
        convert_to_int8(rounded, eight_bits)
        facts: dict[str, Any] = {
            "file": source.name,
            "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "calibration": f"{len(shown)} real" if shown else "made up",
            "pictures": "real" if samples else "made up",
            "convolutions": len(eight_bits.ranges),
            "convolutions_in_int8": sum(one is not None for one in eight_bits.ranges),
            "weight_bits": eight_bits.weight_bits,
            "instruction_sets": list(dot_products()),
            "processor": processor_name(),
        }
        card = replace(card, name=target.stem, verification={**card.verification, "int8": facts})
        names = list(samples) or [f"made up {number + 1}" for number in range(len(trials.held_out))]
        decibels = dict.fromkeys(names, 99.0)
        for library in libraries:
            with closing(open_backend(rounded, card, backend=library, device="cpu", precision="int8")) as backend:
                for name, sample, exact in zip(names, trials.held_out, trials.exact, strict=True):
                    progressed("pictures in the file", 0, 1)
                    made = backend.run({IMAGES: sample})[TRANSLATED]
                    decibels[name] = min(decibels[name], psnr(made, exact))
    except ModelError as error:
        raise ModelError(f"{source}: {error}; nothing was written") from error
    median_db, worst_db = statistics.median(decibels.values()), min(decibels.values())
    if not close_enough([*decibels.values()]):
        raise ModelError(
            f"{source}: in 8 bits the pictures come out {median_db:.1f} dB from float32 on the median and "
            f"{worst_db:.1f} at worst; {MEDIAN_DB:.0f} and {WORST_DB:.0f} are needed; nothing was written"
        )
    facts |= {
        "psnr_db": {name: round(one, 2) for name, one in decibels.items()},
        "median_db": round(median_db, 2),
        "worst_db": round(worst_db, 2),
        "against": ", ".join(f"{library} {library_version(library)}" for library in libraries),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    card = replace(card, verification={**card.verification, "int8": facts})
    write_card(rounded, card)
    write_model(rounded, target)
    return Int8File(target, card, facts, source.stat().st_size)


def _libraries() -> list[BackendName]:
    """Return the libraries that the file is checked in: ONNX Runtime alone where OpenVINO is not to be had."""
    is_there = openvino_backend.why_not("CPU") is None
    return [*([BackendName.OPENVINO] if is_there else []), BackendName.ONNXRUNTIME]


def _pictures_of(
    calibrate: Path | None, pictures: Path | None, card: ModelCard
) -> tuple[list[Pixels], dict[str, Pixels]]:
    """Return real pictures to take ranges from, and others to judge by; none where they are to be made up."""
    is_shared = calibrate is not None and (pictures is None or (pictures.exists() and pictures.samefile(calibrate)))
    shown = _samples(calibrate, PICTURES * (2 if is_shared else 1), 2 if is_shared else 1, card)
    if is_shared:
        names = list(shown)
        return [shown[name] for name in names[::2]], {name: shown[name] for name in names[1::2]}
    return [*shown.values()], _samples(pictures, PICTURES, 1, card)


def held_out_pictures(folder: Path, count: int, card: ModelCard) -> dict[str, Pixels]:
    """Return pictures of a folder as a model is judged by: name → uint8 1×H×W×3, evenly spread over the names."""
    return _samples(folder, count, 1, card)


def _samples(folder: Path | None, count: int, least: int, card: ModelCard) -> dict[str, Pixels]:
    samples = sample_pictures(folder, count) if folder is not None else {}
    if folder is not None and len(samples) < least:
        wanted = "no readable picture" if least == 1 else f"{len(samples)} readable pictures, and {least} are needed"
        raise UsageError(f"{folder}: holds {wanted}")
    return {name: _fitted(picture, card) for name, picture in samples.items()}


def _fitted(picture: Pixels, card: ModelCard) -> Pixels:
    """Return the middle of a picture as uint8 1×H×W×3, shrunk or enlarged to what the model takes of 256×256."""
    height, width = card.fitting_hw((CROP_PX, CROP_PX))
    factor = min(picture.shape[0] / height, picture.shape[1] / width)
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    top, left = (picture.shape[0] - rows) // 2, (picture.shape[1] - columns) // 2
    middle = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
    return np.ascontiguousarray(shrink(middle, (height, width)))[None]
