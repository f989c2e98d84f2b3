"""Where and in which numbers a run computes: device, precision, processes, and one optimizer step of it all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
import torch.distributed
from lightning.fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from cgconv.runtime.errors import MissingError, UsageError

from .choices import Precision

NUMBERS = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


class Arithmetic:
    """A device, a number type for the networks, and the processes that share the work."""

    def __init__(self, fabric: Fabric, precision: Precision) -> None:
        self.device = fabric.device
        self.precision = precision
        self.processes = fabric.world_size
        self.rank = fabric.global_rank
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision is Precision.FP16)

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context that networks are called in. It remembers cast weights: close it before they change."""
        number = NUMBERS.get(self.precision)
        return torch.autocast(self.device.type, dtype=number, enabled=number is not None)

    def update(self, optimizers: Sequence[Optimizer], loss: Tensor) -> None:
        """Take one step down `loss`: backward, gradients' means over all processes, the optimizers' steps."""
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.processes > 1:
            self._share_gradients(optimizers)
        for optimizer in optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of `values` over all processes."""
        if self.processes > 1:
            torch.distributed.all_reduce(values)
            values = values / self.processes
        return values

    def any(self, fact: bool) -> bool:
        """Return whether `fact` holds in any process."""
        return bool(self.mean(torch.tensor(float(fact), device=self.device)) > 0) if self.processes > 1 else fact

    def gather(self, value: object) -> list[object]:
        """Return every process's `value` in process 0, and nothing of use in the others."""
        if self.processes == 1:
            return [value]
        found: list[object] = [None] * self.processes
        torch.distributed.gather_object(value, found if self.rank == 0 else None)
        return found

    def _share_gradients(self, optimizers: Sequence[Optimizer]) -> None:
        """Replace gradients by their means, in one message: DDP's wrapper would want one forward call a backward."""
        parameters = [p for o in optimizers for group in o.param_groups for p in group["params"] if p.grad is not None]
        gradients = [p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.processes
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def find_device(device: str) -> torch.device:
    """Return the device that auto, cpu, cuda or cuda:N names.

    Raises UsageError for one that is none, MissingError where it is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
        raise UsageError(f"--device: found {device}, expected auto, cpu, cuda or cuda:N")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise MissingError(
            f"--device {device}: this computer has no such GPU for PyTorch; --device cpu works everywhere"
        )
    return torch.device(kind, int(index)) if index else torch.device(kind)


def open_arithmetic(device: str, precision: Precision, *, one_size: bool = True) -> Arithmetic:
    """Return the device and numbers that the run asked for, joined with torchrun's other processes.

    `one_size`: all pictures have one, so that a search for the fastest convolutions pays within seconds on a GPU.
    Raises UsageError for a device that is none, MissingError where it is not there.
    """
    found = find_device(device)
    kind, index = found.type, found.index
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    processes = int(os.environ.get("WORLD_SIZE", "1")) if "LOCAL_WORLD_SIZE" in os.environ else 1
    if processes == 1:
        fabric = Fabric(accelerator=kind, devices=1 if index is None else [index])
    else:
        if index is not None:
            raise UsageError(f"--device {device}: torchrun gives each process its own GPU; say --device cuda")
        fabric = Fabric(accelerator=kind, devices=local, num_nodes=processes // local, strategy="ddp")
    fabric.launch()
    if precision is Precision.AUTO:
        precision = Precision.BF16 if _has_bf16(kind) else Precision.FP32
    if kind == "cuda":
        torch.backends.cudnn.benchmark = one_size
    return Arithmetic(fabric, precision)


def _has_bf16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
