"""Where dialogs for files begin, and how a folder is shown."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from .memory import Memory


def last_folder(memory: Memory) -> str:
    """Return the folder that files were last taken from."""
    return str(memory.settings.value("window/folder", str(Path.home())))


def keep_last_folder(memory: Memory, folder: Path) -> None:
    """Remember where files were taken from."""
    memory.settings.setValue("window/folder", str(folder))


def open_folder(folder: Path) -> None:
    """Show a folder with the desktop's own program."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
