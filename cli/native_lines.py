"""Keep what libraries written in C print on standard error from the user: it goes to the log."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("cgconv.native")

MOST_BYTES = 1_000_000  # of what was printed last, that go to the log

_to_the_user = 2


def user_descriptor() -> int:
    """Return the descriptor that leads to the user, for what cannot go through sys.stderr, as in signal handlers."""
    return _to_the_user


@contextmanager
def native_lines_to_log() -> Iterator[None]:
    """Point descriptor 2 to a file meanwhile, and sys.stderr to where it led; in the end the log gets what is there.

    No pipe: who writes into a full one while Python is locked would wait for ever for its reader.
    """
    if sys.platform == "win32":  # whose consoles are no files
        yield
        return
    global _to_the_user  # there is one standard error in a process
    try:
        user, place = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115  # closed below
    except OSError:  # standard error is closed, or nothing can be written anywhere: then nothing is hidden either
        yield
        return
    own_stderr = sys.stderr
    with place:
        if _leads_to(own_stderr, 2):
            sys.stderr = io.TextIOWrapper(
                os.fdopen(os.dup(user), "wb", buffering=0),
                encoding=own_stderr.encoding,
                errors=own_stderr.errors,
                write_through=True,
            )
        os.dup2(place.fileno(), 2)
        _to_the_user = user
        try:
            yield
        finally:
            os.dup2(user, 2)
            _to_the_user = 2
            os.close(user)
            if sys.stderr is not own_stderr:
                sys.stderr.close()
                sys.stderr = own_stderr
            place.seek(max(0, place.seek(0, os.SEEK_END) - MOST_BYTES))
            for line in place.read().decode("utf-8", "replace").splitlines():
                log.debug("%s", line)


def _leads_to(stream: object, descriptor: int) -> bool:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == descriptor
    return False
