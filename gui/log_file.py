"""Keep the log on disk, in a few files of limited size."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

LARGEST_BYTES, FILES_KEPT = 1_000_000, 4


class _Quiet(RotatingFileHandler):
    """A log that cannot be written is not worth a word: it is shown in the window, too."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Let it go."""


class LogFile:
    """The log's files: cgconv.log, and the older cgconv.log.1 and so on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "cgconv.log"
        self._handler: _Quiet | None = None

    def add(self, line: str) -> None:
        """Write a line with date and time."""
        if self._handler is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                return
            self._handler = _Quiet(self.path, maxBytes=LARGEST_BYTES, backupCount=FILES_KEPT - 1, encoding="utf-8",
                                   delay=True, errors="backslashreplace")  # fmt: skip
            self._handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
        self._handler.handle(logging.LogRecord("cgconv", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Let go of the file."""
        if self._handler is not None:
            self._handler.close()
            self._handler = None
