"""Find out once whether bf16 is good enough for a model on this processor, and remember it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cgconv.runtime.choices import PrecisionChoice
from cgconv.runtime.errors import CgconvError, OutputError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, specialize
from cgconv.runtime.protocol import read_json

from .machine import Machine
from .openvino_backend import OpenvinoBackend, version
from .probe import mirrored_picture, psnr
from .processor import processor_name

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.models.card import ModelCard

CLOSE_ENOUGH_DB = 35.0
CROP_PX = 256


def check_bf16(model: onnx.ModelProto, card: ModelCard, machine: Machine) -> tuple[float, bool]:
    """Return the PSNR of bf16 against fp32 on a test picture in dB, and whether that is close enough.

    Measured the first time (about the cost of opening the model twice), then read from a small file in the user's
    cache, keyed by the model's SHA-256, the processor and OpenVINO's version. What bf16 cannot compute is 0 dB.
    """
    key = _key(model)
    remembered = _remembered()
    if key not in remembered:
        try:
            decibels = _measure(model, card, machine)
        except CgconvError:  # a model that does not run here is not bf16's business: opening it will say so
            return 0.0, False
        remembered = {**_remembered(), key: round(decibels, 2)}
        _remember(remembered)
    return remembered[key], remembered[key] >= CLOSE_ENOUGH_DB


def _measure(model: onnx.ModelProto, card: ModelCard, machine: Machine) -> float:
    picture = mirrored_picture(card.fitting_hw((CROP_PX, CROP_PX)))[None]
    graph = specialize(model, card)
    results = []
    for precision in (PrecisionChoice.FP32, PrecisionChoice.BF16):
        backend = OpenvinoBackend(graph, replace(machine, precision=precision))
        try:
            results.append(backend.run({IMAGES: picture})[TRANSLATED])
        finally:
            backend.close()
    return psnr(results[0], results[1])


def _key(model: onnx.ModelProto) -> str:
    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    return f"{digest} | {processor_name()} | OpenVINO {version()}"


def _file() -> Path:
    return cache_folder() / "bf16.json"


def _remembered() -> dict[str, float]:
    try:
        found = read_json(_file().read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, float)}


def _remember(decibels: dict[str, float]) -> None:
    """Write atomically; a cache that cannot be written only costs the time to measure again."""
    with contextlib.suppress(OutputError):
        write_atomically(_file(), json.dumps(decibels, indent=1).encode())
