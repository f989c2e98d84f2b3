"""Put a file in its place whole or not at all, and what is damaged out of the way."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import sys
import time
from pathlib import Path

from .errors import OutputError

PATIENCE_S = 2.0  # with programs that look at a new file


class ResultFolders:
    """Write results into folders that are made once: of one that vanishes meanwhile, all that was in it is lost.

    Any thread may write.
    """

    def __init__(self) -> None:
        self._used: set[Path] = set()
        self._vanished: set[Path] = set()

    def write(self, path: Path, data: bytes) -> None:
        """Do what `write_atomically` does. Raises OutputError, also where the folder has vanished."""
        folder = path.parent
        if folder in self._used and not folder.is_dir():
            self._vanished.add(folder)
        if folder in self._vanished:
            raise OutputError(f"{path} cannot be written: {folder}, which held results already, has disappeared")
        write_atomically(path, data)
        self._used.add(folder)


def partial_path(folder: Path) -> Path:
    """Return a new name for what is being written, short, and with who writes it."""
    return folder / f".cgconv-{_this_computer()}-{os.getpid()}-{secrets.token_hex(4)}.part"


def sweep_partials(folder: Path) -> None:
    """Remove what processes that were killed had begun to write into a folder; what they finished has its own name."""
    for path in folder.glob(".cgconv-*.part"):
        match path.name.split("-"):
            case [_, computer, number, _] if computer == _this_computer() and number.isdecimal():
                if not _is_alive(int(number)):
                    path.unlink(missing_ok=True) if path.is_file() else shutil.rmtree(path, ignore_errors=True)


def _this_computer() -> str:
    """Return what tells apart where a process's number holds: containers may share a name, but not these numbers."""
    numbers = Path("/proc/self/ns/pid")
    where = numbers.readlink() if numbers.is_symlink() else ""
    return hashlib.sha256(f"{platform.node()} {where}".encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    """Say whether a process of this computer still runs; on Windows, where asking would end it, always yes."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def make_folder_for(path: Path) -> None:
    """Make the folder that a result is to lie in. Raises OutputError where there is no place for it, OSError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        in_the_way = next((folder for folder in path.parents if folder.is_file()), None)
        why = f"{in_the_way} is a file, not a folder" if in_the_way else f"the folder {path.parent} cannot be made"
        raise OutputError(f"{path} cannot be written: {why}") from error


def put_in_place(partial: Path, path: Path) -> None:
    """Give a whole file its name in one step, in place of an older one. Raises OSError.

    Windows refuses that while a virus scanner or an indexer has either open, which is a matter of moments.
    """
    until_s = time.monotonic() + (PATIENCE_S if sys.platform == "win32" else 0)
    while True:
        try:
            partial.replace(path)
            return
        except PermissionError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(0.05)


def write_atomically(path: Path, data: bytes) -> None:
    """Put a file in its place whole or not at all; folders are made, an older file is replaced. Raises OutputError."""
    partial = partial_path(path.parent)
    try:
        make_folder_for(path)
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            put_in_place(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def set_aside(path: Path) -> Path:
    """Give a file that cannot be read a name of its own beside its old one, so that nobody writes over it; return it.

    Raises OSError.
    """
    aside = _free_beside(path)
    path.rename(aside)
    return aside


def keep_aside(path: Path, damaged: bytes) -> Path:
    """Write what cannot be read of a file beside it, where `set_aside` puts whole ones. Raises OutputError."""
    aside = _free_beside(path)
    write_atomically(aside, damaged)
    return aside


def _free_beside(path: Path) -> Path:
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    return aside
