"""Read a checkpoint from anywhere without trusting it: tensors and plain values out, no code of the file run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from cgconv.runtime.errors import ModelError
from cgconv.trainer.untrusted import Unreadable, open_regular, read_untrusted, size_of

LARGEST_FILE = 2 * 1024**3  # bytes; a generator has up to 250 MB, a whole training state four times that
LARGEST_HEADER = 16 * 1024**2  # bytes of JSON in a safetensors file


def read_checkpoint(path: Path) -> Any:  # Any: what the file holds
    """Return what a checkpoint holds: tensors on the CPU, numbers, texts, and lists and dicts of them.

    Raises ModelError, with what the file is instead, where it is no checkpoint, damaged, too large, or holds code.
    """
    try:
        with open_regular(path) as file:
            size = size_of(file, LARGEST_FILE)
            head = file.read(512)
        if _looks_like_safetensors(head, size):
            return _read_safetensors(path, head)
        return read_untrusted(path, largest_bytes=LARGEST_FILE)
    except Unreadable as error:
        raise ModelError(f"{path}: {error}") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error


def problem_of(tensors: Mapping[str, Tensor], file_bytes: int) -> str | None:
    """Say what keeps tensors from being weights: no plain numbers, more than their file can hold, not finite."""
    held_bytes = 0
    for key, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            return f"{key} is a sparse or quantized tensor, which cgconv does not read"
        held_bytes += tensor.numel() * tensor.element_size()
        if held_bytes > file_bytes:  # such as one number, repeated to a shape that would fill the memory
            return f"{key} is {list(tensor.shape)}, more than the file can hold"
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            return f"{key} holds numbers that are not finite (the training diverged?)"
    return None


def _looks_like_safetensors(head: bytes, size: int) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size


def _read_safetensors(path: Path, head: bytes) -> dict[str, Tensor]:
    length = int.from_bytes(head[:8], "little")
    if length > LARGEST_HEADER:
        raise ModelError(f"{path}: {length / 1e6:.0f} MB of header, more than a safetensors file of weights has")
    try:
        return safetensors.torch.load_file(path, device="cpu")
    except (safetensors.SafetensorError, json.JSONDecodeError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: a damaged safetensors file (truncated download?)") from error
