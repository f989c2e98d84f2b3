"""Keep to one window for each user: a later start hands its files to the one that is open.

It writes them into a folder that the window watches: sockets need QtNetwork, whose libraries not all desktops have.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QLockFile, QObject, Signal

from cgconv.runtime.protocol import read_json

PATIENCE_S = 30.0  # a window that opens does not look yet, one that closes waits for its workers
_LOOK_EVERY_MS = 50
_TOKEN = "XDG_ACTIVATION_TOKEN"  # with it a desktop lets another program's window come to the front


class OneWindow(QObject):
    """The right to have the window open, and a door for the files of later starts.

    Signals:
        paths_handed(list): a later start brings these (Path, perhaps none) and wants to see the window.
    """

    paths_handed = Signal(list)

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._lock = QLockFile(str(home / "window.lock"))
        self._folder = home / "handed"
        self._watcher: QFileSystemWatcher | None = None

    def take(self, paths: Sequence[Path]) -> bool | None:
        """Become the window: True; False where the one that is open has taken the files, None where it does not answer.

        Needs neither a display nor Qt's application. Raises OSError where nothing can be written.
        """
        if self._lock.tryLock(0):
            return True
        message = self._folder / f"{secrets.token_hex(8)}.json"
        self._folder.mkdir(exist_ok=True)
        written = message.with_suffix(".part")
        text = json.dumps({"paths": [str(path) for path in paths], "token": os.environ.get(_TOKEN, "")})
        written.write_text(text, encoding="utf-8")
        written.replace(message)
        until = time.monotonic() + PATIENCE_S
        while message.exists():
            if self._lock.tryLock(_LOOK_EVERY_MS):  # the window has closed meanwhile
                message.unlink(missing_ok=True)
                return True
            if time.monotonic() > until:
                message.unlink(missing_ok=True)
                return None
        return False

    def listen(self) -> None:
        """Be there for later starts."""
        self._folder.mkdir(exist_ok=True)
        self._watcher = QFileSystemWatcher([str(self._folder)], self)
        self._watcher.directoryChanged.connect(self._look)
        self._look()

    def close(self) -> None:
        """Take no more: a later start waits until this window is gone."""
        if self._watcher is not None:
            self._watcher.deleteLater()
            self._watcher = None

    def _look(self) -> None:
        for message in sorted(self._folder.glob("*.json")) if self._watcher is not None else ():
            try:
                found = read_json(message.read_bytes())
                paths = [Path(path) for path in found["paths"]]
                token = str(found["token"])
            except (OSError, ValueError, TypeError, KeyError):  # nothing that `take` wrote
                paths, token = [], ""
            with contextlib.suppress(OSError):
                message.unlink()
            if token:
                os.environ[_TOKEN] = token  # where Qt looks for it
            self.paths_handed.emit(paths)
