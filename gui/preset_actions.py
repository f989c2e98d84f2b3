"""What is done with options: they are kept, saved under names, written into files and read."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog

from .convert_page import ConvertPage
from .main_window import MainWindow
from .memory import PRESET_SUFFIX, Memory, read_preset, write_preset
from .places import last_folder


class PresetActions(QObject):
    """The options in use and their presets.

    Signals:
        said(str): for the user.
    """

    said = Signal(str)

    def __init__(self, window: MainWindow, page: ConvertPage, memory: Memory, parent: QObject) -> None:
        super().__init__(parent)
        self._window, self._page, self._memory = window, page, memory

    def keep_options(self) -> None:
        """Keep the options, and show what they change."""
        options = self._page.options.options()
        before = self._memory.options()
        self._memory.keep_options(options)
        if (before.strength, before.keep_colors, before.brush, before.detail, before.short_side, before.device,
                before.backend, before.precision) != (
            options.strength, options.keep_colors, options.brush, options.detail, options.short_side, options.device,
            options.backend, options.precision,
        ):  # fmt: skip  # the rest does not show
            self._page.preview.refresh()

    def show_presets(self, chosen: str = "") -> None:
        """Show the names of presets."""
        self._page.show_presets(list(self._memory.presets()), chosen)

    def use_preset(self, name: str) -> None:
        """Take the options of a preset."""
        options = self._memory.presets().get(name)
        if options is not None:
            self._page.options.show_options(options)

    def save_preset(self) -> None:
        """Ask for a name, and keep the options under it."""
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(self.tr("Save as preset"))
        dialog.setLabelText(self.tr("Name"))
        dialog.setTextValue(self._page.presets.currentData() or "")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def take() -> None:
            if name := dialog.textValue().strip():
                self._memory.keep_preset(name, self._page.options.options())
                self.show_presets(name)

        dialog.accepted.connect(take)
        dialog.open()

    def forget_preset(self, name: str) -> None:
        """Delete a preset."""
        if name:
            self._memory.forget_preset(name)
            self.show_presets()

    def export_preset(self) -> None:
        """Write the options into a file."""
        name = self._page.presets.currentData() or self.tr("Options")
        path, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Export the options"), str(Path(last_folder(self._memory)) / f"{name}{PRESET_SUFFIX}")
        )
        if path and not write_preset(Path(path), name, self._page.options.options()):
            self.said.emit(self.tr("{path} cannot be written.").format(path=path))

    def import_preset(self) -> None:
        """Take options out of a file."""
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Import options"), last_folder(self._memory),
                                              f"cgconv (*{PRESET_SUFFIX} *.json)")  # fmt: skip
        if not path:
            return
        try:
            name, options = read_preset(Path(path))
        except (OSError, ValueError):
            self.said.emit(self.tr("{path} holds no preset of cgconv.").format(path=path))
            return
        self._memory.keep_preset(name, options)
        self.show_presets(name)
        self._page.options.show_options(options)
