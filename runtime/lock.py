"""Let one process at a time hold a file; the system takes it from a process that ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from .errors import OutputError

NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)  # of file systems without locks: nobody can hold anything there


class Lock:
    """The right to something, named by a file that exists while somebody holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take it where nobody has it; say whether that went well. Raises OutputError: the file cannot be made."""
        while True:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be locked ({error.strerror or error})") from error
            if not _try_lock(descriptor):
                os.close(descriptor)
                return False
            if _is_still(self.path, descriptor):
                self._descriptor = descriptor
                return True
            os.close(descriptor)  # its last holder has just removed it

    def release(self) -> None:
        """Give it back and remove the file."""
        if self._descriptor is None:
            return
        if sys.platform != "win32":
            self.path.unlink(missing_ok=True)  # while it is held: whoever opened it meanwhile sees that it has gone
        os.close(self._descriptor)
        self._descriptor = None
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # another process has opened it meanwhile
                self.path.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Say whether a process holds the file, which exists. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in NO_LOCKS
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Say whether the file at `path` is the one that was locked: its last holder removes it."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
