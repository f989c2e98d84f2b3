"""Write a model in half precision, once pictures have shown that it still does what the float32 file does."""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from cgconv.runtime.backends.machine import cuda_devices
from cgconv.runtime.backends.probe import natural_picture, psnr
from cgconv.runtime.backends.quiet_onnxruntime import onnxruntime
from cgconv.runtime.errors import Cancelled, ModelError, UsageError
from cgconv.runtime.graphs.graph import IMAGES, TRANSLATED, Doors, Precision, first_line, modernize, specialize
from cgconv.runtime.graphs.half import convert_to_half, convolutions, half_convolutions, round_like_half
from cgconv.runtime.models.card import ModelCard, write_card
from cgconv.runtime.models.model_file import write_model
from cgconv.runtime.models.padding import pad_to_fit

from .divergence import where_they_part
from .pictures import sample_pictures
from .variant import full_model, new_file

CLOSE_ENOUGH_DB = 40.0  # PSNR of the worst picture
SAMPLE_PICTURES = 8
LARGEST_PX = 512  # the middle of larger pictures is taken
SUFFIX = ".fp16.onnx"

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class HalfCheck:
    """How far a file in half precision is from the float32 one."""

    decibels: dict[str, float]  # picture → PSNR in dB, at most 99
    are_real: bool  # photographs or paintings, not made-up pictures
    convolutions: int  # plain and transposed ones in the graph
    in_half: int  # of them, those with float16 inputs
    ran_in_half: int  # of them, those that the checking session computed in float16
    ran_on: str  # its provider in ONNX Runtime

    @property
    def worst_db(self) -> float:
        """The PSNR of the picture that suffers most."""
        return min(self.decibels.values())

    @property
    def mean_db(self) -> float:
        """The mean of the pictures' PSNR."""
        return sum(self.decibels.values()) / len(self.decibels)


@dataclass(frozen=True)
class ExportedHalf:
    """A file that was written, and how it was checked."""

    path: Path
    card: ModelCard
    check: HalfCheck
    full_bytes: int  # of the float32 file


def export_half(
    source: Path,
    *,
    out: Path | None = None,
    name: str | None = None,
    pictures: Path | None = None,
    exists_ok: bool = False,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> ExportedHalf:
    """Write the ONNX file `source` in half precision as NAME.fp16.onnx and return what was written.

    It takes and gives what the float32 file does. `out` is a file or a folder; by default the file lands beside
    `source`, and that of a model shipped with cgconv in the user's model folder. It is checked on a few pictures from
    the folder `pictures`, or on made-up ones. Needs no torch.

    Raises:
        UsageError: in halves already, no pictures in the folder, or the float32 file would be replaced.
        ModelError: a layer's weights do not fit half precision, there is nothing to compute in it, or the worst
            picture is under 40 dB (names the layer). Nothing is written then.
        Cancelled: `is_cancelled` said so between two pictures.
        OutputError: the file is there already, or cannot be written.
    """
    model, card = full_model(source)
    target = new_file(source, out, name, SUFFIX, exists_ok=exists_ok)
    samples = sample_pictures(pictures, SAMPLE_PICTURES) if pictures is not None else {}
    if pictures is not None and not samples:
        raise UsageError(f"{pictures}: holds no readable picture")

    half = modernize(model)
    try:
        convert_to_half(half)
        if not half_convolutions(half):
            raise ModelError("there is no convolution in it that could be computed in half precision")
        check = check_half(model, half, card, samples, is_cancelled)
    except ModelError as error:
        raise ModelError(f"{source}: {error}; nothing was written") from error
    card = replace(card, name=target.stem, verification={**card.verification, "fp16": _facts(check, source)})
    write_card(half, card)
    write_model(half, target)
    return ExportedHalf(target, card, check, source.stat().st_size)


def check_half(
    model: onnx.ModelProto,
    half: onnx.ModelProto,
    card: ModelCard,
    pictures: Mapping[str, NDArray[np.uint8]],
    is_cancelled: Callable[[], bool] = lambda: False,
) -> HalfCheck:
    """Compare a file in half precision with the float32 one, picture by picture (uint8 H×W×3 RGB; made up if empty).

    The file itself is run, on a CUDA GPU where there is one, and so is its graph with every layer's result rounded to
    float16: a CPU would compute the file without rounding and hide what a GPU does. The lower PSNR of the two counts.

    Raises:
        ModelError: the worst picture is under CLOSE_ENOUGH_DB; names the layer.
    """
    full = specialize(model, card, doors=Doors.FLOAT32)
    filed = specialize(half, card, doors=Doors.FLOAT32, precision=Precision.FILE)
    rounded = round_like_half(filed)
    samples = {name: _fitted(picture, card) for name, picture in (pictures or _made_up(card)).items()}
    wanted = _run_all(_open(full), samples, is_cancelled)
    of_rounded = _run_all(_open(rounded), samples, is_cancelled)
    with tempfile.TemporaryDirectory(prefix="cgconv-") as folder:
        session = _open(filed, profile_folder=Path(folder), may_use_gpu=True)
        of_file = _run_all(session, samples, is_cancelled)
        ran_in_half = _half_convolutions_run(Path(session.end_profiling())) // len(samples)
    decibels = {
        name: min(psnr(made[name], wanted[name], peak=1.0) for made in (of_file, of_rounded)) for name in samples
    }
    worst = min(decibels, key=lambda name: decibels[name])
    if decibels[worst] < CLOSE_ENOUGH_DB:
        parting = where_they_part(full, rounded, {IMAGES: samples[worst]})
        raise ModelError(
            f"in half precision the picture {worst} comes out {decibels[worst]:.1f} dB from float32, less than "
            f"{CLOSE_ENOUGH_DB:.0f}; they part at {parting}"
        )
    return HalfCheck(
        decibels=decibels,
        are_real=bool(pictures),
        convolutions=len(convolutions(half.graph)),
        in_half=half_convolutions(half),
        ran_in_half=ran_in_half,
        ran_on=session.get_providers()[0],
    )


def _facts(check: HalfCheck, source: Path) -> dict[str, Any]:  # Any: JSON values
    """Return what docs/formats.md lists under `verification.fp16`."""
    return {
        "file": source.name,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "pictures": "real" if check.are_real else "made up",
        "psnr_db": {name: round(decibels, 2) for name, decibels in check.decibels.items()},
        "worst_db": round(check.worst_db, 2),
        "mean_db": round(check.mean_db, 2),
        "convolutions": check.convolutions,
        "convolutions_in_half": check.in_half,
        "ran_in_half": check.ran_in_half,
        "ran_on": check.ran_on,
        "against": f"ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}, "
        f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


# --- pictures


def _made_up(card: ModelCard) -> dict[str, NDArray[np.uint8]]:
    edge = min(card.training_size_px or 256, LARGEST_PX)
    return {f"made up {seed}": natural_picture((edge, edge), seed) for seed in range(1, 5)}


def _fitted(picture: NDArray[np.uint8], card: ModelCard) -> Pixels:
    """Return the middle of a picture as float32 1×H×W×3 in [0, 1], grown to a size that the model takes."""
    height, width = (min(edge, LARGEST_PX) for edge in picture.shape[:2])
    if card.fixed_size_hw is not None:
        height, width = min(height, card.fixed_size_hw[0]), min(width, card.fixed_size_hw[1])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    middle = picture[None, top : top + height, left : left + width]
    return pad_to_fit((middle / np.float32(255)).astype(np.float32), card)


# --- ONNX Runtime


def _open(
    graph: onnx.ModelProto, *, profile_folder: Path | None = None, may_use_gpu: bool = False
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    providers = ["CPUExecutionProvider"]
    if may_use_gpu and cuda_devices():
        onnxruntime.preload_dlls()
        providers = ["CUDAExecutionProvider", *providers]
    if profile_folder is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_folder / "profile")
    try:
        return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=providers)
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types
        raise ModelError(f"ONNX Runtime cannot open it ({first_line(error)})") from error


def _run_all(
    session: onnxruntime.InferenceSession, samples: Mapping[str, Pixels], is_cancelled: Callable[[], bool]
) -> dict[str, Pixels]:
    made = {}
    for name, images in samples.items():
        if is_cancelled():
            raise Cancelled("stopped before the half-precision file was checked; nothing was written")
        try:
            made[name] = session.run([TRANSLATED], {IMAGES: images})[0]
        except Exception as error:  # as above
            raise ModelError(f"ONNX Runtime cannot compute it ({first_line(error)})") from error
    return made


def _half_convolutions_run(profile: Path) -> int:
    """Return how many times a profile says that a convolution was computed on float16."""
    count = 0
    for event in json.loads(profile.read_text(encoding="utf-8")):
        facts = event.get("args", {})
        if event.get("cat") != "Node" or "Conv" not in facts.get("op_name", ""):  # Conv, FusedConv, NhwcConv …
            continue
        types = [next(iter(shape), "") for shape in facts.get("input_type_shape", [])]
        count += bool(types) and types[0] == "float16"
    return count
