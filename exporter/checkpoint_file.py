"""Read a checkpoint from anywhere without trusting it: tensors and plain values out, no code of the file run.

torch's own reader with `weights_only=True` is the gate (torch ≥ 2.10). What stands before it keeps files away that
would fill the memory, and says what a file is that is no checkpoint.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from cgconv.runtime.errors import ModelError

LARGEST_FILE = 2 * 1024**3  # bytes; a generator has up to 250 MB, a whole training state four times that
LARGEST_HEADER = 16 * 1024**2  # bytes of JSON in a safetensors file, or of pickle around the tensors

_NOT_CHECKPOINTS = (  # the first bytes of a file, and what such a file is
    (b"version https://git-lfs", "a Git-LFS pointer, not the weights; fetch them with `git lfs pull`"),
    (b"<", "a web page, not weights; the download went wrong"),
    (b"\x89HDF", "an HDF5 file (Keras?), not a PyTorch checkpoint"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"7z\xbc\xaf", "a 7-zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x08", "no PyTorch checkpoint; if it is an ONNX model, name it .onnx"),
)
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of files that torch wrote before 1.6

# All that a checkpoint needs beside numbers, texts, lists and dicts. torch's reader would take more, such as
# bytearray(10**12), which fills the memory.
_HARMLESS = re.compile(
    r"collections\.(OrderedDict|Counter)|argparse\.Namespace|_codecs\.encode|(builtins|__builtin__)\.set"
    r"|numpy\.(_?core\.multiarray\.scalar|dtype)"
    r"|torch\.(Size|device|\w*Tensor|\w*Storage|storage\.\w+Storage|b?float\d+|u?int\d+|bool|nn\.parameter\.Parameter)"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|parameter|parameter_with_state)|torch\._tensor\._rebuild_from_type_v2"
)
_NUMPY_SCALAR: Any = np.float64(0).__reduce__()[0]  # Any: NumPy does not type what makes its numbers again
# Settings and losses that training scripts keep beside the weights; their classes do nothing when they are made.
_ALSO_SAFE: list[Any] = [  # Any: torch takes classes, functions and pairs with a name
    argparse.Namespace,
    np.dtype,
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),  # as NumPy 1 calls it
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    *(type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "?")),
]


def read_checkpoint(path: Path) -> Any:  # Any: what the file holds
    """Return what a checkpoint holds: tensors on the CPU, numbers, texts, and lists and dicts of them.

    Raises ModelError, with what the file is instead, where it is no checkpoint, damaged, too large, or holds code.
    """
    try:
        if path.is_dir():
            raise ModelError(f"{path}: a folder, not a checkpoint")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ModelError(
                f"{path}: {size / 1e9:.1f} GB, more than the {LARGEST_FILE / 1e9:.1f} GB that a checkpoint may have"
            )
        with path.open("rb") as file:
            head = file.read(512)
            if _looks_like_safetensors(head, size):
                return _read_safetensors(path, head)
            _refuse_other_files(path, head)
            for stream in _pickles(path, file, size):
                _refuse_code(path, stream)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    return _load(path)


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


def _refuse_other_files(path: Path, head: bytes) -> None:
    if not head:
        raise ModelError(f"{path}: an empty file")
    for first_bytes, words in _NOT_CHECKPOINTS:
        if head.lstrip().startswith(first_bytes):
            raise ModelError(f"{path}: {words}")
    if not head.startswith((b"PK\x03\x04", b"\x80")):
        raise ModelError(f"{path}: no PyTorch checkpoint, or a damaged one")


def _pickles(path: Path, file: IO[bytes], size: int) -> Iterator[IO[bytes]]:
    """Yield the pickles of a file, each at its start, one after the other. Raises ModelError."""
    file.seek(0)
    if file.read(4).startswith(b"PK"):
        yield io.BytesIO(_pickle_in_zip(path, size))
        return
    file.seek(0)
    # before torch 1.6: a magic number, a version, facts of the machine, the object, the names of its storages
    yield file
    file.seek(0)
    if _first_number(file) != _LEGACY_MAGIC:
        raise ModelError(f"{path}: a Python pickle, but no checkpoint that torch wrote")
    for _ in range(4):
        yield file


def _pickle_in_zip(path: Path, size: int) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            stems = [name.rsplit("/", 1)[-1] for name in names]
            if "constants.pkl" in stems:
                raise ModelError(f"{path}: a TorchScript program; save the network's state_dict() instead")
            if stems.count("data.pkl") != 1:
                raise ModelError(f"{path}: a zip archive, but no checkpoint that torch wrote")
            is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            if not is_stored or sum(entry.file_size for entry in entries) > size or len(set(names)) < len(names):
                raise ModelError(f"{path}: packed as torch never packs a checkpoint (a zip bomb?)")
            entry = entries[stems.index("data.pkl")]
            if entry.file_size > LARGEST_HEADER:
                raise ModelError(f"{path}: {entry.file_size / 1e6:.0f} MB of Python objects around its tensors")
            return archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: a damaged PyTorch checkpoint (truncated download?)") from error


def _first_number(file: IO[bytes]) -> object:
    return next((argument for opcode, argument, _ in pickletools.genops(file) if opcode.name == "LONG1"), None)


def _refuse_code(path: Path, stream: IO[bytes]) -> None:
    """Read a pickle's instructions, without following them, to its end. Raises ModelError."""
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in ("GLOBAL", "INST"):
                name = str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                name = ".".join(texts[-2:])
            else:
                if isinstance(argument, str):
                    texts = [*texts[-1:], argument]
                continue
            if not _HARMLESS.fullmatch(name):
                raise ModelError(
                    f"{path}: holds Python objects besides tensors ({name[:60]}), which could run code; "
                    "save its state_dict() alone in the program it comes from"
                )
    except (ValueError, EOFError, struct.error, UnicodeDecodeError, IndexError, KeyError) as error:
        raise ModelError(f"{path}: no PyTorch checkpoint, or a damaged one (truncated download?)") from error


def _load(path: Path) -> Any:  # Any: what the file holds
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_ALSO_SAFE):
            warnings.simplefilter("ignore")  # torch's own remarks on old pickles are not for the user
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: no PyTorch checkpoint, or a damaged one") from error
    except Exception as error:  # whatever torch, pickle and zip say of broken bytes; there is no common root
        raise ModelError(f"{path}: no PyTorch checkpoint, or a damaged one (truncated download?)") from error


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
