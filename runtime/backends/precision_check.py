"""Find out once whether bf16 is good enough for a model on this processor, and remember it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import platform
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import platformdirs

from cgconv.runtime.errors import CgconvError, OutputError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, specialise

from .choose import Machine, PrecisionChoice, open_graph

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.models.card import ModelCard

CLOSE_ENOUGH_DB = 35.0
CROP_PX = 256
NATURAL_PX = 512  # making up 4096×4096 takes half a minute and 2 GB


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


def psnr(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of two uint8 arrays in dB, 99 where they are equal."""
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def natural_picture(size_hw: tuple[int, int], seed: int = 1) -> npt.NDArray[np.uint8]:
    """Return a made-up picture with the statistics of a photograph: H×W×3 RGB, the same for the same seed.

    Noise whose amplitude falls with frequency as in natural pictures (Field 1987: by 1/f on the mean; a little faster
    here, as in photographs that are in focus only in parts), mostly grey with a weaker colour part, a gradient from sky
    to ground, and hard edges between differently lit areas.
    """
    generator = np.random.default_rng(seed)
    height, width = size_hw
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf

    def noise(fall: float = 1.3) -> npt.NDArray[np.float64]:  # H×W, mean 0, deviation 1
        spectrum = np.fft.rfft2(generator.standard_normal(size_hw)) / frequency**fall
        values = np.fft.irfft2(spectrum, s=size_hw)
        return np.asarray(values / max(float(values.std()), 1e-9))

    light = noise()[..., None] * 38 + np.stack([noise() for _ in range(3)], axis=-1) * 14
    slope = np.linspace(40, -40, height)[:, None, None] * np.array([0.6, 0.9, 1.3])
    areas = (noise(2) > 0.3)[..., None] * np.array([45.0, 30.0, 5.0]) - (noise(2) > 0.8)[..., None] * 50.0
    picture: npt.NDArray[np.uint8] = np.clip(118 + light + slope + areas, 0, 255).astype(np.uint8)
    return picture


def mirrored_picture(size_hw: tuple[int, int], seed: int = 1) -> npt.NDArray[np.uint8]:
    """Return a made-up picture of any size, H×W×3 RGB, at once: from 512 pixels on, the natural one is mirrored."""
    height, width = (min(edge, NATURAL_PX) for edge in size_hw)
    picture = natural_picture((height, width), seed)
    return np.pad(picture, ((0, size_hw[0] - height), (0, size_hw[1] - width), (0, 0)), mode="symmetric")


def _measure(model: onnx.ModelProto, card: ModelCard, machine: Machine) -> float:
    size_hw = card.fixed_size_hw or (_fitting(card), _fitting(card))
    picture = mirrored_picture(size_hw)[None]
    graph = specialise(model, card)
    results = []
    for precision in (PrecisionChoice.FP32, PrecisionChoice.BF16):
        backend = open_graph(graph, replace(machine, precision=precision))
        try:
            results.append(backend.run({IMAGES: picture})[TRANSLATED])
        finally:
            backend.close()
    return psnr(results[0], results[1])


def _fitting(card: ModelCard) -> int:
    edge = max(CROP_PX, card.smallest_size)
    return -(-edge // card.size_multiple) * card.size_multiple


def _key(model: onnx.ModelProto) -> str:
    from . import openvino_backend

    digest = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    return f"{digest} | {_processor()} | OpenVINO {openvino_backend.version()}"


@functools.cache
def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file() -> Path:
    return Path(platformdirs.user_cache_dir("cgconv", appauthor=False)) / "bf16.json"


def _remembered() -> dict[str, float]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def _remember(decibels: dict[str, float]) -> None:
    """Write atomically; a cache that cannot be written only costs the time to measure again."""
    with contextlib.suppress(OutputError):
        write_atomically(_file(), json.dumps(decibels, indent=1).encode())
