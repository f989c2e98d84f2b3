"""Choose what computes a model on this machine, and open it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from cgconv.runtime.choices import BackendName, PrecisionChoice
from cgconv.runtime.errors import CgconvError, MissingError, ModelError, UsageError
from cgconv.runtime.events import EngineBuilding, EngineBuilt
from cgconv.runtime.misfits import machine_misfit

from .machine import Backend, Building, Machine, checked_device, cuda_devices, unheard

if TYPE_CHECKING:
    import onnx

    from cgconv.runtime.graphs.graph import Doors
    from cgconv.runtime.models.card import ModelCard

Choice = TypeVar("Choice", bound=StrEnum)


def open_graph(graph: onnx.ModelProto, machine: Machine, building: Building | None = None) -> Backend:
    """Open a graph as it is on a settled machine.

    Raises:
        MissingError: the library or device is not there. ModelError: the library cannot compute this graph.
    """
    if machine.backend is BackendName.TENSORRT:
        from .engines.backend import TensorrtBackend

        return TensorrtBackend(graph, machine, building or Building(reference=lambda: _open_reference(graph)))
    if machine.backend is BackendName.OPENVINO:
        from .openvino_backend import OpenvinoBackend

        return OpenvinoBackend(graph, machine)
    from .onnxruntime_backend import OnnxruntimeBackend

    return OnnxruntimeBackend(graph, machine)


def open_backend(
    model: onnx.ModelProto,
    card: ModelCard,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    doors: Doors | None = None,
) -> Backend:
    """Specialize a model and open it on the best of what was asked for. `auto` picks and says why; a name is an order.

    Raises:
        UsageError: no such backend, device or precision, or they do not go together.
        MissingError: what was asked for by name is not on this machine.
        ModelError: no backend can compute this model.
    """
    from cgconv.runtime.graphs.graph import Doors

    machine = choose_machine(model, card, backend=backend, device=device, precision=precision, threads=threads)
    doors = doors or Doors.UINT8
    while True:
        of_doors = machine_for_doors(machine, doors, precision)
        try:
            graph = graph_for(model, card, of_doors, doors)
            return open_graph(graph, of_doors, building_for(model, card, doors))
        except ModelError as error:
            machine = fall_back(machine, error)


def building_for(
    model: onnx.ModelProto,
    card: ModelCard,
    doors: Doors,
    *,
    report: Callable[[EngineBuilding | EngineBuilt], None] = unheard,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Building:
    """Return what a backend that compiles needs to know of a model."""
    from cgconv.runtime.graphs.graph import specialize

    return Building(
        model=card.name,
        reference=lambda: _open_reference(specialize(model, card, doors=doors)),
        smallest_px=card.fitting_hw((1, 1))[0],
        multiple_px=card.size_multiple,
        report=report,
        is_cancelled=is_cancelled,
    )


def _open_reference(graph: onnx.ModelProto) -> Backend:
    for name in (BackendName.OPENVINO, BackendName.ONNXRUNTIME):
        try:
            return open_graph(graph, Machine(backend=name, precision=PrecisionChoice.FP32))
        except CgconvError as error:  # policy: the other one computes the same
            problem = error
    raise problem


def choose_machine(
    model: onnx.ModelProto,
    card: ModelCard,
    *,
    backend: str,
    device: str,
    precision: str,
    threads: int | None,
    report: Callable[[EngineBuilding | EngineBuilt], None] = unheard,
    is_cancelled: Callable[[], bool] = lambda: False,
    may_measure: bool = True,
) -> Machine:
    """Settle every `auto` for this model on this machine; `report` is told while it is measured in 8 bits.

    `may_measure`: False has `auto` take 8 bits only where that was measured earlier, because it takes its time.

    Raises:
        UsageError, MissingError: as open_backend. Cancelled: `is_cancelled` said so while it was measured.
    """
    wanted_backend = _member(BackendName, backend, "--backend")
    wanted_precision = _member(PrecisionChoice, precision, "--precision")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads: found {threads}, expected 1 or more")
    device = checked_device(device)
    if misfit := machine_misfit(wanted_backend, device, wanted_precision):
        raise UsageError(misfit)
    kind = device.split(":")[0]
    if wanted_backend is BackendName.TENSORRT:
        return _choose_tensorrt(device, wanted_precision, threads)
    if kind in ("cuda", "directml", "coreml"):
        machine = Machine(backend=BackendName.ONNXRUNTIME, device=device, threads=threads)
        if kind == "cuda" and wanted_backend is BackendName.AUTO:
            on_tensorrt, reason = _tensorrt_where_it_opens(device, wanted_precision, threads, is_order=True)
            if on_tensorrt is not None:
                return on_tensorrt
            machine = replace(machine, why=f"asked for; {reason}")
        return _settle(_precision_of_file(wanted_precision, model), machine)
    if kind == "gpu":
        machine = Machine(backend=BackendName.OPENVINO, device=device, threads=threads)
        return _settle(_precision_of_file(wanted_precision, model), machine)
    reasons: list[str] = []
    is_on_cpu = device == "cpu" or wanted_precision is PrecisionChoice.INT8
    if not is_on_cpu and wanted_backend is not BackendName.OPENVINO:
        if wanted_backend is BackendName.AUTO and wanted_precision is not PrecisionChoice.BF16 and cuda_devices():
            on_tensorrt, reason = _tensorrt_where_it_opens("cuda", wanted_precision, threads, is_order=False)
            if on_tensorrt is not None:
                return on_tensorrt
            reasons.append(reason)
        accelerator, reason = _best_accelerator(wanted_precision, threads)
        if accelerator is not None:
            accelerator = replace(accelerator, why="; ".join([accelerator.why, *reasons]))
            return _settle(_precision_of_file(wanted_precision, model), accelerator)
        reasons.append(reason)
    if wanted_precision in (PrecisionChoice.AUTO, PrecisionChoice.INT8) and _is_for_this_processor(model, card):
        machine = _choose_on_cpu(model, card, wanted_backend, PrecisionChoice.FP32, threads, reasons)
        return _as_its_file_is(machine, card, wanted_precision)
    machine = _choose_on_cpu(model, card, wanted_backend, wanted_precision, threads, reasons)
    if wanted_precision is PrecisionChoice.INT8:
        return _in_int8(model, card, replace(machine, precision=PrecisionChoice.FP32), report, is_cancelled)
    if wanted_precision is PrecisionChoice.AUTO and machine.backend is BackendName.OPENVINO:
        return _in_int8_where_it_is_good(model, card, machine, report, is_cancelled, may_measure)
    return machine


def devices_here() -> list[str]:
    """Return the devices that this computer has, by the names of --device."""
    from . import onnxruntime_backend, openvino_backend

    count = cuda_devices()
    nvidia = ["cuda", *(f"cuda:{number}" for number in range(1, count))] if count else []
    intel = ["gpu"] if openvino_backend.why_not("GPU") is None else []
    of_system = {"win32": ["directml"], "darwin": ["coreml"]}.get(sys.platform, [])
    return ["cpu", *nvidia, *intel, *(name for name in of_system if onnxruntime_backend.offers(name))]


def fall_back(machine: Machine, error: ModelError) -> Machine:
    """Return what stands in for a machine that could not compute a model; raise `error` where nothing may."""
    if machine.otherwise is None:
        raise error
    is_precision = machine.otherwise.backend is machine.backend
    what = f"{machine.backend} in {machine.precision}" if is_precision else str(machine.backend)
    return replace(machine.otherwise, why=f"{what} cannot compute this model ({error})")


def without_building(machine: Machine) -> Machine:
    """Return what stands in for a machine that compiles each model first, for minutes; one asked for by name stays."""
    while machine.backend is BackendName.TENSORRT and machine.otherwise is not None:
        machine = replace(machine.otherwise, why="TensorRT would have to build an engine first")
    return machine


def machine_for_doors(machine: Machine, doors: Doors, precision: str = "auto") -> Machine:
    """Return the machine for other doors: float32 pictures are computed in fp32 unless a precision was asked for."""
    from cgconv.runtime.graphs.graph import Doors

    if doors is Doors.FLOAT32 and precision == "auto":
        return replace(machine, precision=PrecisionChoice.FP32)
    return machine


def graph_for(model: onnx.ModelProto, card: ModelCard, machine: Machine, doors: Doors) -> onnx.ModelProto:
    """Return a model's graph as this machine computes it best."""
    from cgconv.runtime.graphs.graph import specialize

    return specialize(
        model,
        card,
        doors=doors,
        precision=graph_precision(machine),
        eight_bits=machine.eight_bits,
        in_phases=machine.backend is BackendName.OPENVINO and machine.device == "cpu",
    )


def graph_precision(machine: Machine) -> Any:  # Any: graph.Precision, imported late
    """Return the precision that has to be in the graph itself for this machine."""
    from cgconv.runtime.graphs.graph import Precision

    if machine.precision is PrecisionChoice.INT8 and machine.eight_bits is None:
        return Precision.FILE  # the model's own
    return Precision(machine.precision) if machine.precision in ("fp16", "int8") else Precision.FP32


def _choose_on_cpu(
    model: onnx.ModelProto,
    card: ModelCard,
    backend: BackendName,
    precision: PrecisionChoice,
    threads: int | None,
    reasons: list[str],
) -> Machine:
    onnxruntime = Machine(backend=BackendName.ONNXRUNTIME, threads=threads)
    may_fall_back = backend is BackendName.AUTO and precision is not PrecisionChoice.BF16
    openvino = Machine(backend=BackendName.OPENVINO, threads=threads, otherwise=onnxruntime if may_fall_back else None)
    if backend is BackendName.ONNXRUNTIME:
        return _settle(precision, onnxruntime)
    from . import openvino_backend

    problem = openvino_backend.why_not("CPU")
    if problem and (backend is BackendName.OPENVINO or precision is PrecisionChoice.BF16):
        raise MissingError(f"OpenVINO cannot be used: {problem}")
    if problem or precision is PrecisionChoice.FP16:
        why = f"OpenVINO cannot be used ({problem})" if problem else "the one that computes fp16 on a CPU"
        return _settle(precision, replace(onnxruntime, why="; ".join([*reasons, why])))
    has_bf16 = "BF16" in openvino_backend.capabilities("CPU")
    why = "asked for" if backend is BackendName.OPENVINO else "; ".join([*reasons, "OpenVINO is the fastest on a CPU"])
    if precision is PrecisionChoice.BF16 and not has_bf16:
        raise MissingError("--precision bf16: this processor has no bf16 arithmetic")
    if precision is not PrecisionChoice.AUTO:
        return replace(openvino, precision=precision, why=why)
    if not has_bf16:
        return replace(openvino, why=f"{why}; fp32: the processor has no bf16 arithmetic")
    if not any(node.op_type in ("Conv", "ConvTranspose", "MatMul", "Gemm") for node in model.graph.node):
        return replace(openvino, why=f"{why}; fp32: nothing to gain from bf16 without convolutions")
    from .precision_check import check_bf16

    decibels, is_close = check_bf16(model, card, openvino)
    words = f"bf16 is {decibels:.0f} dB from fp32 on a test picture"
    if is_close:
        return replace(openvino, precision=PrecisionChoice.BF16, why=f"{why}; {words}")
    return replace(openvino, why=f"{why}; fp32: {words}, too far")


def _is_for_this_processor(model: onnx.ModelProto, card: ModelCard) -> bool:
    """Say whether a model's file is in 8 bits, and in such that this processor sums exactly."""
    from cgconv.runtime.graphs.int8 import rounds_itself

    from .processor import sums_8_bits_exactly

    return rounds_itself(model, card) and (card.verification["int8"].get("weight_bits") == 7 or sums_8_bits_exactly())


def _as_its_file_is(machine: Machine, card: ModelCard, wanted: PrecisionChoice) -> Machine:
    """Return a machine for a file that `cgconv export --int8` wrote, and say what its card does."""
    facts = card.verification["int8"]
    decibels = f"{str(facts.get('median_db'))[:9]} dB from fp32, {str(facts.get('worst_db'))[:9]} at worst"
    return replace(
        machine,
        precision=PrecisionChoice.INT8,
        why=f"{machine.why}; the file is in int8 ({decibels}, as its card says)",
        otherwise=machine if wanted is PrecisionChoice.AUTO else None,
    )


def _in_int8(
    model: onnx.ModelProto,
    card: ModelCard,
    machine: Machine,
    report: Callable[[EngineBuilding | EngineBuilt], None],
    is_cancelled: Callable[[], bool],
) -> Machine:
    """Return a machine as asked for in int8, and say what that costs in dB.

    Raises:
        ModelError: the model has nothing that could be computed in 8 bits.
    """
    from cgconv.runtime.graphs.half import convolutions

    from .eight_bits import check_int8

    if not convolutions(model.graph):
        raise ModelError(f"the model {card.name} has no convolutions: --precision int8 computes nothing else in 8 bits")
    check = check_int8(model, card, machine, open_graph, report=report, is_cancelled=is_cancelled)
    return replace(
        machine,
        precision=PrecisionChoice.INT8,
        eight_bits=check.eight_bits,
        why=f"{machine.why}; {check.in_words()}",
        otherwise=None,
    )


def _in_int8_where_it_is_good(
    model: onnx.ModelProto,
    card: ModelCard,
    machine: Machine,
    report: Callable[[EngineBuilding | EngineBuilt], None],
    is_cancelled: Callable[[], bool],
    may_measure: bool,
) -> Machine:
    """Return a machine of auto's in int8 where that is near enough to float32 and faster by enough, else as it is."""
    from cgconv.runtime.graphs.graph import specialize
    from cgconv.runtime.graphs.stages import multiply_adds_per_pixel

    from .eight_bits import LEAST_WORK, check_int8, remembered_int8

    try:
        if multiply_adds_per_pixel(specialize(model, card), card.size_multiple) < LEAST_WORK:
            return replace(machine, why=f"{machine.why}; too little to compute to measure int8")
        check = remembered_int8(model, machine)
        if check is None and may_measure:
            check = check_int8(model, card, machine, open_graph, report=report, is_cancelled=is_cancelled)
    except ModelError:  # policy: what cannot be computed in int8 is computed as it was
        return machine
    if check is None:
        return replace(machine, why=f"{machine.why}; int8 is not measured yet")
    if not check.is_good:
        return replace(machine, why=f"{machine.why}; not int8: {check.in_words()}")
    return replace(
        machine,
        precision=PrecisionChoice.INT8,
        eight_bits=check.eight_bits,
        why=f"{machine.why}; {check.in_words()}",
        otherwise=machine,
    )


def _choose_tensorrt(device: str, precision: PrecisionChoice, threads: int | None) -> Machine:
    """Return TensorRT, which was asked for by name."""
    from .engines import backend as tensorrt_backend

    device = "cuda" if device == "auto" else device
    problem = tensorrt_backend.why_not(device)
    if problem:
        raise MissingError(problem)
    return _on_tensorrt(device, precision, threads, why="asked for", otherwise=None)


def _tensorrt_where_it_opens(
    device: str, precision: PrecisionChoice, threads: int | None, *, is_order: bool
) -> tuple[Machine | None, str]:
    """Return TensorRT with what stands in for it (not the CPU where the device is an order), or None and why not."""
    from . import onnxruntime_backend
    from .engines import backend as tensorrt_backend

    problem = tensorrt_backend.why_not(device)
    if problem:
        return None, problem
    onnxruntime = Machine(backend=BackendName.ONNXRUNTIME, device=device, threads=threads)
    if precision is not PrecisionChoice.AUTO:
        onnxruntime = replace(onnxruntime, precision=precision)
    if not is_order and onnxruntime_backend.why_not(device) is not None:
        onnxruntime = replace(onnxruntime, device="cpu")
    why = "TensorRT is the fastest that opens; the first use of a picture size takes a minute or more"
    return _on_tensorrt(device, precision, threads, why=why, otherwise=_settle(precision, onnxruntime)), ""


def _on_tensorrt(
    device: str, precision: PrecisionChoice, threads: int | None, *, why: str, otherwise: Machine | None
) -> Machine:
    """Return TensorRT in the wanted precision; auto is fp16, and fp32 where that turns out to be too far off.

    Every engine is compared with the model in float32 before it is used, so fp16 needs no check of its own here.
    """
    machine = Machine(backend=BackendName.TENSORRT, device=device, threads=threads, why=why, otherwise=otherwise)
    if precision is not PrecisionChoice.AUTO:
        return replace(machine, precision=precision)
    in_fp32 = replace(machine, precision=PrecisionChoice.FP32)
    return replace(machine, precision=PrecisionChoice.FP16, otherwise=in_fp32)


def _best_accelerator(precision: PrecisionChoice, threads: int | None) -> tuple[Machine | None, str]:
    """Return the GPU that auto should take, or None and why there is none to take."""
    if precision is PrecisionChoice.BF16:
        return None, "bf16 was asked for, which runs on the CPU"
    from . import onnxruntime_backend

    devices = ["cuda"] if cuda_devices() else []
    devices += [name for name in ("directml", "coreml") if onnxruntime_backend.offers(name)]
    for device in devices:
        problem = onnxruntime_backend.why_not(device)
        if problem is None:
            why = f"{device} is the fastest that opens"
            return Machine(backend=BackendName.ONNXRUNTIME, device=device, threads=threads, why=why), ""
        return None, f"{device} does not open ({problem})"
    return None, "no GPU found"


def _settle(precision: PrecisionChoice, machine: Machine) -> Machine:
    if precision is PrecisionChoice.AUTO:
        return replace(machine, precision=PrecisionChoice.FP32)
    return replace(machine, precision=precision)


def _precision_of_file(precision: PrecisionChoice, model: onnx.ModelProto) -> PrecisionChoice:
    """Return fp16 in place of auto, for a GPU, where the file itself is in halves."""
    from cgconv.runtime.graphs.half import has_halves

    is_half = precision is PrecisionChoice.AUTO and has_halves(model.graph)
    return PrecisionChoice.FP16 if is_half else precision


def _member(choices: type[Choice], value: str, option: str) -> Choice:
    if value not in list(choices):
        raise UsageError(f"{option}: found {value!r}, expected one of {', '.join(choices)}")
    return choices(value)
