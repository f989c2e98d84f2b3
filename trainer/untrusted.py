"""Read a file that torch wrote without trusting it: one gate for our own runs and for other projects' checkpoints.

torch's own reader with `weights_only=True` (torch ≥ 2.10) runs no code of a file. What stands before it keeps files
away that would fill the memory, what stands behind it refuses values that would do so when they are used; both say in
words what a file is instead.
"""

from __future__ import annotations

import argparse
import io
import pickle
import pickletools
import re
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

LARGEST_PICKLE = 16 * 1024**2  # bytes of Python objects around the tensors
DEEPEST = 100  # values within each other; in checkpoints there are fewer than ten

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


class Unreadable(Exception):
    """A file that is not what it should be; the text says in words what it is, without its name."""


def read_untrusted(path: Path, *, largest_bytes: int) -> Any:  # Any: what the file holds
    """Return what torch saved: tensors on the CPU, numbers, texts, and lists and dicts of them.

    Raises Unreadable where that cannot be had without danger; OSError.
    """
    with open_regular(path) as file:
        size = size_of(file, largest_bytes)
        head = file.read(512)
        _refuse_other_files(head)
        for stream in _pickles(file, size):
            _refuse_code(stream)
    found = _load(path)
    _refuse_traps(found, size)
    return found


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading. Raises Unreadable where it is a folder, a pipe or a device; OSError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise Unreadable("a folder, not a checkpoint")
    if not stat.S_ISREG(mode):
        raise Unreadable("a pipe or a device, not a checkpoint")
    return path.open("rb")


def size_of(file: IO[bytes], largest_bytes: int) -> int:
    """Return an open file's size in bytes. Raises Unreadable where it has more than `largest_bytes`."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > largest_bytes:
        raise Unreadable(f"{size / 1e9:.1f} GB, more than the {largest_bytes / 1e9:.1f} GB that a checkpoint may have")
    return size


def _refuse_other_files(head: bytes) -> None:
    if not head:
        raise Unreadable("an empty file")
    for first_bytes, words in _NOT_CHECKPOINTS:
        if head.lstrip().startswith(first_bytes):
            raise Unreadable(words)
    if not head.startswith((b"PK\x03\x04", b"\x80")):
        raise Unreadable("not a PyTorch checkpoint, or a damaged one")


def _pickles(file: IO[bytes], size: int) -> Iterator[IO[bytes]]:
    """Yield the pickles of a file, each at its start, one after the other. Raises Unreadable."""
    file.seek(0)
    if file.read(4).startswith(b"PK"):
        yield io.BytesIO(_pickle_in_zip(file, size))
        return
    file.seek(0)
    # before torch 1.6: a magic number, a version, facts of the machine, the object, the names of its storages
    yield file
    file.seek(0)
    if _first_number(file) != _LEGACY_MAGIC:
        raise Unreadable("a Python pickle, but not a checkpoint written by torch")
    for _ in range(4):
        yield file


def _pickle_in_zip(file: IO[bytes], size: int) -> bytes:
    """Return the pickle of a zip file that torch wrote, every byte of the file checked: torch does not look."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            stems = [name.rsplit("/", 1)[-1] for name in names]
            if "constants.pkl" in stems:
                raise Unreadable("a TorchScript program; save the network's state_dict() instead")
            if stems.count("data.pkl") != 1:
                raise Unreadable("a zip archive, but not a checkpoint written by torch")
            is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            if not is_stored or sum(entry.file_size for entry in entries) > size or len(set(names)) < len(names):
                raise Unreadable("not packed as torch packs checkpoints (a zip bomb?)")
            entry = entries[stems.index("data.pkl")]
            if entry.file_size > LARGEST_PICKLE:
                raise Unreadable(f"{entry.file_size / 1e6:.0f} MB of Python objects around its tensors")
            if archive.testzip() is not None:
                raise Unreadable("a damaged PyTorch checkpoint: bytes in it have changed")
            return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise Unreadable("a damaged PyTorch checkpoint (truncated download?)") from error


def _first_number(file: IO[bytes]) -> object:
    return next((argument for opcode, argument, _ in pickletools.genops(file) if opcode.name == "LONG1"), None)


def _refuse_code(stream: IO[bytes]) -> None:
    """Read a pickle's instructions, without following them, to its end. Raises Unreadable."""
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
                printed = name[:60].encode("unicode_escape").decode()  # a damaged file's name can hold anything
                raise Unreadable(
                    f"holds Python objects besides tensors ({printed}), which could run code; "
                    "save its state_dict() alone in the program it comes from"
                )
    except (ValueError, EOFError, struct.error, UnicodeDecodeError, IndexError, KeyError) as error:
        raise Unreadable("not a PyTorch checkpoint, or a damaged one (truncated download?)") from error


def _load(path: Path) -> Any:  # Any: what the file holds
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_ALSO_SAFE):
            warnings.simplefilter("ignore")  # torch's own remarks on old pickles are not for the user
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        raise Unreadable("not a PyTorch checkpoint, or a damaged one") from error
    except Exception as error:  # whatever torch, pickle and zip say of broken bytes; there is no common root
        raise Unreadable("not a PyTorch checkpoint, or a damaged one (truncated download?)") from error


def _refuse_traps(found: Any, size: int) -> None:  # Any: what the file holds
    """Refuse values that are small in a file and without end when they are gone through, or that memory cannot hold.

    A list may hold itself, or ten times the same list that holds ten times the next one. An honest value takes a byte
    or more of its file each time that it stands somewhere.
    """
    waiting, seen = [(found, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > size or depth > DEEPEST:
            raise Unreadable("holds lists within lists that have no end")
        inner: Iterable[Any] = ()  # Any: as above
        if isinstance(value, dict):
            inner = [*value, *value.values()]
        elif isinstance(value, list | tuple | set):
            inner = value
        elif isinstance(value, argparse.Namespace):
            inner = [vars(value)]
        elif isinstance(value, Tensor) and not _is_held(value, size):
            raise Unreadable(f"a tensor in it is {list(value.shape)}, more than the file can hold")
        waiting += [(part, depth + 1) for part in inner]


def _is_held(tensor: Tensor, size: int) -> bool:
    """Say whether a tensor's numbers can all be in its file, not one of them repeated to a shape without bounds."""
    return tensor.layout is not torch.strided or tensor.numel() * tensor.element_size() <= size
