"""Keep what the window remembers: settings, presets, and the queue, which survives crashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from PySide6.QtCore import QIODevice, QObject, QSaveFile, QSettings, QThreadPool, Signal

from cgconv.runtime.requests import ConvertOptions

from .queue_item import QueueItem, item_of, line_of, options_of

PRESET_SUFFIX = ".cgconv-preset.json"


class Memory:
    """The files in the folder of the program's settings. Damaged ones are left out, never an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)

    @property
    def queue_file(self) -> Path:
        return self.folder / "queue.jsonl"

    def read_queue(self) -> list[QueueItem]:
        """Return the queue as it was; a line that cannot be read costs one entry."""
        items = []
        try:
            lines = self.queue_file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        for line in lines:
            try:
                items.append(item_of(line))
            except (ValueError, TypeError, KeyError):
                continue
        return items

    def write_queue(self, items: Iterable[QueueItem]) -> bool:
        """Write the queue in one step; say whether that could be done."""
        text = "".join(line_of(item) + "\n" for item in items)
        return _write(self.queue_file, text)

    def options(self) -> ConvertOptions:
        """Return the options that were last in use."""
        return _options_in(str(self.settings.value("convert/options", "")))

    def keep_options(self, options: ConvertOptions) -> None:
        """Remember the options in use."""
        self.settings.setValue("convert/options", json.dumps(asdict(options), default=str))

    def presets(self) -> dict[str, ConvertOptions]:
        """Return the saved presets by name."""
        found = {}
        for path in sorted((self.folder / "presets").glob(f"*{PRESET_SUFFIX}")):
            try:
                name, options = read_preset(path)
            except (OSError, ValueError):
                continue
            found[name] = options
        return found

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
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("cgconv_preset") != 1 or not isinstance(values.get("options"), dict):
        raise ValueError("not a preset of cgconv")
    return str(values.get("name") or path.name.removesuffix(PRESET_SUFFIX)), options_of(values["options"])


def _options_in(text: str) -> ConvertOptions:
    try:
        values = json.loads(text)
    except ValueError:
        return ConvertOptions()
    return options_of(values) if isinstance(values, dict) else ConvertOptions()


def _write(path: Path, text: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = QSaveFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        return False
    file.write(text.encode("utf-8", "backslashreplace"))
    return file.commit()
