"""Turn a generator into one ONNX graph and compare the two on pictures."""

from __future__ import annotations

import contextlib
import datetime
import io
import logging
import platform
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from cgconv.runtime.backends.quiet_onnxruntime import onnxruntime
from cgconv.runtime.errors import ModelError

OPSET = 20  # newer convolutions fall to the CPU on DirectML
IR_VERSION = 10  # the newest that ONNX Runtime 1.31 opens
LARGEST_DIFFERENCE = 1e-3  # between torch and the file, of values in [-1, 1]
INPUT_NAME, OUTPUT_NAME = "input", "output"


@dataclass(frozen=True)
class Verification:
    """How far the file is from torch: largest absolute differences, sizes as height × width."""

    real: float | None  # on real pictures; None where there were none
    random: float
    sizes_hw: tuple[tuple[int, int], ...]

    @property
    def worst(self) -> float:
        """The larger of the two."""
        return max(self.random, self.real or 0.0)

    def for_card(self) -> dict[str, Any]:  # Any: JSON values
        """Return what docs/formats.md lists under `verification`."""
        real = {} if self.real is None else {"largest_difference_real": self.real}
        return {
            **real,
            "largest_difference_random": self.random,
            "sizes_hw": [list(size_hw) for size_hw in self.sizes_hw],
            "against": f"torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}, "
            f"{platform.system()} {platform.machine()}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }


def generator_to_onnx(
    generator: nn.Module, *, channels: int = 3, sample_hw: tuple[int, int] = (64, 96)
) -> onnx.ModelProto:
    """Return a self-contained graph: float32 N×C×H×W in and out, N, H and W free.

    `sample_hw` is a size that the network takes. It is freed afterwards, not followed through every layer, in half the
    time: nothing in the graph of a network of convolutions depends on it, but run `verify` on several sizes.
    Raises ModelError where torch cannot export the network.
    """
    generator = generator.eval()
    sample = torch.zeros(2, channels, *sample_hw)
    dynamic = {0: torch.export.Dim("batch"), 2: torch.export.Dim.STATIC, 3: torch.export.Dim.STATIC}
    try:
        with _quiet():  # strict: without it, instance norms take the batch of the sample for the only one
            traced = torch.export.export(generator, (sample,), dynamic_shapes=(dynamic,), strict=True)
            program = torch.onnx.export(
                traced,
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise ModelError(f"torch could not export the generator: {str(error).splitlines()[0][:200]}") from error
    assert program is not None
    model = program.model_proto
    model.ir_version = IR_VERSION
    for value in (*model.graph.input, *model.graph.output):
        for axis, axis_name in ((0, "batch"), (2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = axis_name
    _strip_notes(model)
    del model.graph.value_info[:]  # holds torch's own names of the free sizes
    onnx.checker.check_model(model)
    return model


def verify(
    model: onnx.ModelProto,
    generator: nn.Module,
    pictures: list[NDArray[np.uint8]],
    sizes_hw: tuple[tuple[int, int], ...],
    *,
    channels: int = 3,
    value_range: tuple[float, float] = (-1.0, 1.0),
) -> Verification:
    """Run ONNX Runtime and torch on the same input at every size and return the largest differences.

    `pictures` are uint8 H×W×3 RGB; each size is cut from (or mirrored out of) every one of them.
    """
    low, high = value_range
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    real: list[float] = []
    noise: list[float] = []
    for size_hw in sizes_hw:
        noise.append(_difference(session, generator, random.uniform(low, high, (2, channels, *size_hw))))
        for picture in pictures:
            cut = _cut(picture, size_hw).transpose(2, 0, 1)[None] / 255 * (high - low) + low
            real.append(_difference(session, generator, cut if channels == 3 else cut.mean(1, keepdims=True)))
    return Verification(real=max(real) if real else None, random=max(noise), sizes_hw=sizes_hw)


def refuse_different(verification: Verification, name: str, *, value_range: tuple[float, float] = (-1.0, 1.0)) -> None:
    """Raise ModelError where the file does not do what the network does; `value_range` is that of its results."""
    limit = LARGEST_DIFFERENCE * (value_range[1] - value_range[0]) / 2
    if not verification.worst <= limit:  # so that NaN is refused too
        raise ModelError(
            f"{name}: the exported file differs from torch by {verification.worst:.2g}, "
            f"over {limit:g}; nothing was written"
        )


def _difference(session: onnxruntime.InferenceSession, generator: nn.Module, values: NDArray[np.float64]) -> float:
    batch = values.astype(np.float32)
    with torch.inference_mode():
        wanted = generator(torch.from_numpy(batch)).numpy()
    found = session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0]
    if found.shape != wanted.shape:
        raise ModelError(f"the exported file gives {found.shape} where torch gives {wanted.shape}; nothing was written")
    return float(np.abs(found - wanted).max())


def _cut(picture: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Return the upper left part of a picture, mirrored where it is smaller than `size_hw`."""
    for axis, wanted in enumerate(size_hw):
        pad = [(0, 0)] * 3
        pad[axis] = (0, max(0, wanted - picture.shape[axis]))
        picture = np.pad(picture, pad, mode="symmetric")
    return picture[: size_hw[0], : size_hw[1]].astype(np.float64)


def _strip_notes(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes of its source: stack traces with this machine's paths."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for info in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del info.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress notes off standard output, which belongs to the caller."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
