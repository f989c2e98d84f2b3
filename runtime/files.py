"""Put a file in its place whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .errors import OutputError


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
            raise OutputError(f"{path} cannot be written: {folder}, where results lay already, has vanished")
        write_atomically(path, data)
        self._used.add(folder)


def write_atomically(path: Path, data: bytes) -> None:
    """Put a file in its place whole or not at all; folders are made, an older file is replaced. Raises OutputError."""
    partial = path.parent / f".cgconv-{secrets.token_hex(8)}.part"  # short: `path` may be as long as names can be
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        in_the_way = next((folder for folder in path.parents if folder.is_file()), None)
        why = f"{in_the_way} is a file, not a folder" if in_the_way is not None else error.strerror or error
        raise OutputError(f"{path} cannot be written: {why}") from error
