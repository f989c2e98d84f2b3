"""What can compute a model: the libraries, precisions and devices there are, and what an opened graph promises.

Device names: `auto`, `cpu`, `cuda[:N]` (NVIDIA, by TensorRT or ONNX Runtime), `gpu` (Intel, by OpenVINO), `directml`,
`coreml`.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy.typing as npt

from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.errors import UsageError
from cgconv.runtime.events import BackendOpened, EngineBuilding, EngineBuilt

if TYPE_CHECKING:
    from cgconv.runtime.graphs.int8 import EightBits

Array = npt.NDArray[Any]  # Any: uint8 or float32, as the graph's doors say


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A settled choice: nothing is `auto`. `why` says in words how it came about.

    `otherwise` stands in where this cannot compute a model; None where this was asked for by name. `eight_bits` says
    how a graph in int8 is rounded.
    """

    backend: BackendName
    device: str = "cpu"
    precision: PrecisionChoice = PrecisionChoice.FP32
    threads: int | None = None
    why: str = "asked for"
    otherwise: Machine | None = None
    eight_bits: EightBits | None = None


class Backend(Protocol):
    """A graph, opened on a device. Not to be used by two threads at once."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute all outputs, by name. The arrays are the caller's to keep.

        Raises:
            ResourceError: memory ran out. ModelError: the graph cannot be computed on what was fed.
        """
        ...

    def describe(self) -> BackendOpened:
        """Return what really runs."""
        ...

    def close(self) -> None:
        """Free the device; the backend cannot be used any more."""
        ...


@runtime_checkable
class Overlapping(Protocol):
    """A backend on which the next batch can be on its way before the last one's result is there."""

    def start(self, feeds: Mapping[str, Array]) -> Callable[[], dict[str, Array]]:
        """Begin a batch and return what waits for its result; both raise as Backend.run."""
        ...


def unheard(event: EngineBuilding | EngineBuilt) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Building:
    """What a backend that compiles models needs to know beside the graph.

    `reference` opens the same graph in float32, which the compiled one is compared with; `report` is told what is being
    built, in the thread that runs the backend; `is_cancelled` is asked meanwhile whether to stop.
    """

    model: str = ""
    reference: Callable[[], Backend]
    smallest_px: int = 1
    multiple_px: int = 1
    report: Callable[[EngineBuilding | EngineBuilt], None] = unheard
    is_cancelled: Callable[[], bool] = lambda: False


@functools.cache
def cuda_devices() -> int:
    """Return how many NVIDIA GPUs the driver offers, 0 without a driver. Loads no CUDA library but the driver's own."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
        count = ctypes.c_int()
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
        return count.value
    except (OSError, AttributeError):
        return 0


def checked_device(device: str) -> str:
    """Return a device's name as it is used here. Raises UsageError where it is none."""
    kind, colon, number = device.lower().partition(":")
    if kind not in ("auto", "cpu", "cuda", "gpu", "directml", "coreml") or (colon and not number.isdecimal()):
        raise UsageError(f"--device: found {device!r}, expected auto, cpu, cuda, cuda:N, gpu, directml or coreml")
    if colon and kind not in ("cuda", "gpu"):
        raise UsageError(f"--device {kind} does not take a number")
    return device.lower()
