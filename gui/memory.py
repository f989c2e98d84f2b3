"""Keep what the window remembers: settings, presets, and the queue, which survives crashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QIODevice, QObject, QSaveFile, QSettings, QThreadPool, Signal

from cgconv.runtime.errors import CgconvError
from cgconv.runtime.files import keep_aside, set_aside
from cgconv.runtime.protocol import read_json
from cgconv.runtime.requests import ConvertOptions

from .queue_item import QueueItem, item_of, line_of, options_of

MODELS_REMEMBERED = 50
PRESET_SUFFIX = ".cgconv-preset.json"


class Memory:
    """The files in the folder of the program's settings. Damaged ones are never an error.

    What can be read of them is used; the rest lies under another name beside them, and `notes` says so.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []  # about what was set aside, in the window's language; it takes them
        self.settings = self._open_settings()

    @property
    def queue_file(self) -> Path:
        return self.folder / "queue.jsonl"

    def read_queue(self) -> list[QueueItem]:
        """Return the queue as it was; a line that cannot be read costs one entry."""
        items, damaged = [], []
        try:
            lines = self.queue_file.read_bytes().splitlines(keepends=True)
        except OSError:
            return []
        for line in lines:
            try:
                items.append(item_of(line.decode()))
            except ValueError:
                damaged.append(line)
        if damaged:
            self._note_rest(self.queue_file, b"".join(damaged))
            self.write_queue(items)  # so that the next start does not say it again
        return items

    def write_queue(self, items: Iterable[QueueItem]) -> bool:
        """Write the queue in one step; say whether that could be done."""
        text = "".join(line_of(item) + "\n" for item in items)
        return _write(self.queue_file, text)

    def options(self) -> ConvertOptions:
        """Return the options that were last in use."""
        text = str(self.settings.value("convert/options", ""))
        try:
            return options_of(_object_in(text)) if text else ConvertOptions()
        except ValueError:
            self._note_rest(self.folder / "window.ini", text.encode("utf-8", "backslashreplace"))
            self.settings.remove("convert/options")
            return ConvertOptions()

    def keep_options(self, options: ConvertOptions) -> None:
        """Remember the options in use."""
        self.settings.setValue("convert/options", json.dumps(asdict(options), default=str))

    def recent_models(self) -> list[str]:
        """Return the names of the models that were picked last, the last one first."""
        found = self.settings.value("convert/recent-models", [])
        names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        return [name for name in names if isinstance(name, str)]

    def note_model(self, name: str) -> None:
        """Remember that a model was picked now."""
        names = [name, *(other for other in self.recent_models() if other != name)]
        self.settings.setValue("convert/recent-models", names[:MODELS_REMEMBERED])

    def rename_model(self, old: str, new: str) -> None:
        """Remember a model under its new name."""
        names = [new if name == old else name for name in self.recent_models() if name != new]
        self.settings.setValue("convert/recent-models", names)

    def presets(self) -> dict[str, ConvertOptions]:
        """Return the saved presets by name."""
        found = {}
        for path in sorted((self.folder / "presets").glob(f"*{PRESET_SUFFIX}")):
            try:
                name, options = read_preset(path)
            except OSError:
                continue
            except ValueError:
                self._set_aside(path)
                continue
            found[name] = options
        return found

    def _open_settings(self) -> QSettings:
        """Return the window's settings. A file that is none is set aside: Qt would write over it."""
        path = self.folder / "window.ini"
        settings = QSettings(str(path), QSettings.Format.IniFormat)
        if settings.status() is not QSettings.Status.FormatError:
            return settings
        del settings
        self._set_aside(path)
        return QSettings(str(path), QSettings.Format.IniFormat)

    def _note_rest(self, path: Path, damaged: bytes) -> None:
        """Keep what could not be read of a file beside it, and take note of that."""
        try:
            aside = keep_aside(path, damaged)
        except CgconvError as error:
            self._note_unread(path, str(error))
            return
        words = QCoreApplication.translate(
            "memory", "Parts of {path} could not be read; what was left out is in {aside}."
        )
        self.notes.append(words.format(path=path, aside=aside))

    def _set_aside(self, path: Path) -> None:
        """Give a file that cannot be read another name, and take note of that."""
        try:
            aside = set_aside(path)
        except OSError as error:
            self._note_unread(path, error.strerror or str(error))
            return
        words = QCoreApplication.translate("memory", "{path} could not be read, so it was renamed to {name}.")
        self.notes.append(words.format(path=path, name=aside.name))

    def _note_unread(self, path: Path, reason: str) -> None:
        words = QCoreApplication.translate("memory", "{path} could not be read: {reason}")
        self.notes.append(words.format(path=path, reason=reason))

    def keep_preset(self, name: str, options: ConvertOptions) -> bool:
        """Save a preset under a name, in place of one that has it."""
        return write_preset(self._preset_path(name), name, options)

    def forget_preset(self, name: str) -> None:
        """Delete a preset."""
        self._preset_path(name).unlink(missing_ok=True)

    def _preset_path(self, name: str) -> Path:
        return self.folder / "presets" / (re.sub(r"[^\w .+-]", "_", name).strip() + PRESET_SUFFIX)


class QueueWriter(QObject):
    """Writes the queue away from the window's thread: ten thousand entries take a moment.

    Signals:
        failed(): the queue could not be written.
    """

    failed = Signal()

    def __init__(self, memory: Memory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)  # in order

    def write(self, items: Iterable[QueueItem]) -> None:
        """Write the entries as they are soon."""
        kept = list(items)
        self._pool.start(lambda: None if self._memory.write_queue(kept) else self.failed.emit())

    def finish(self, items: Iterable[QueueItem]) -> None:
        """Write the entries as they are now."""
        self._pool.waitForDone()
        if not self._memory.write_queue(items):
            self.failed.emit()


def write_preset(path: Path, name: str, options: ConvertOptions) -> bool:
    """Write a preset to a file that `read_preset` reads; say whether that could be done."""
    return _write(
        path, json.dumps({"cgconv_preset": 1, "name": name, "options": asdict(options)}, indent=1, default=str)
    )


def read_preset(path: Path) -> tuple[str, ConvertOptions]:
    """Return a preset's name and options. Raises OSError, or ValueError where the file is no preset."""
    values = read_json(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("cgconv_preset") != 1 or not isinstance(values.get("options"), dict):
        raise ValueError("not a preset of cgconv")
    name = values.get("name")
    shown = name if isinstance(name, str) and name.strip() else path.name.removesuffix(PRESET_SUFFIX)
    return shown, options_of(values["options"])


def _object_in(text: str) -> dict[str, Any]:  # Any: JSON values
    """Return a JSON object. Raises ValueError where it is none."""
    values = read_json(text)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    return values


def _write(path: Path, text: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = QSaveFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        return False
    file.write(text.encode("utf-8", "backslashreplace"))
    return file.commit()
