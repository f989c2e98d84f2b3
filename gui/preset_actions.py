"""What is done with options: they are kept, saved under names, written into files and read."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog

from cgconv.runtime.protocol import read_json
from cgconv.runtime.requests import ConvertOptions

from .built_in_presets import DEFAULTS, with_built_in
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
        self._page.show_fit(self._fits(self._page.presets.currentData() or "", options))
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
        options = self._options_of(name)
        if options is not None:
            self._page.options.show_options(options)

    def reset(self) -> None:
        """Take the defaults of all options."""
        self.show_presets(DEFAULTS)
        self.use_preset(DEFAULTS)

    def _options_of(self, name: str) -> ConvertOptions | None:
        return with_built_in(name, self._page.options.options()) or self._memory.presets().get(name)

    def _fits(self, name: str, options: ConvertOptions) -> bool:
        wanted = self._options_of(name) if name else options
        return wanted is None or replace(wanted, out=options.out) == options

    def save_preset(self) -> None:
        """Ask for a name, and keep the options under it."""
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(self.tr("Save as preset"))
        dialog.setLabelText(self.tr("Name"))
        dialog.setTextValue(self._page.chosen_preset())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def take() -> None:
            name = dialog.textValue().strip().lstrip(":")
            if name and self._memory.keep_preset(name, self._page.options.options()):
                self.show_presets(name)
            elif name:
                self.said.emit(self.tr("{path} cannot be written.").format(path=self._memory.folder))

        dialog.accepted.connect(take)
        dialog.open()

    def forget_preset(self, name: str) -> None:
        """Delete a preset."""
        if name:
            self._memory.forget_preset(name)
            self.show_presets()

    def export_preset(self) -> None:
        """Write the options into a file, whose name ends as those of presets do."""
        name = self._page.chosen_preset() or self.tr("Options")
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Export the options"), str(Path(last_folder(self._memory)) / f"{name}{PRESET_SUFFIX}")
        )
        if not chosen:
            return
        path = Path(chosen)
        if not path.name.endswith(PRESET_SUFFIX):
            path = path.with_name(path.name.removesuffix(".json") + PRESET_SUFFIX)
            if path.exists():  # the dialog has asked about the other name
                self.said.emit(self.tr("{path} already exists; select it, or choose another name.").format(path=path))
                return
        is_written = write_preset(path, name, self._page.options.options())
        words = self.tr("The options are in {path} now.") if is_written else self.tr("{path} cannot be written.")
        self.said.emit(words.format(path=path))

    def import_preset(self) -> None:
        """Take options out of a file, and say which, and which not."""
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Import options"), last_folder(self._memory),
                                              f"cgconv (*{PRESET_SUFFIX} *.json)")  # fmt: skip
        if not path:
            return
        try:
            name, options = read_preset(Path(path))
            said = read_json(Path(path).read_bytes())["options"]
        except (OSError, ValueError):
            self.said.emit(self.tr("{path} holds no preset of cgconv.").format(path=path))
            return
        presets, free, number = self._memory.presets(), name, 1
        while free in presets:
            number += 1
            free = f"{name} {number}"
        self._page.options.show_options(options)
        shown = self._page.options.options()
        self._memory.keep_preset(free, shown)
        self.show_presets(free)
        usual = asdict(ConvertOptions())
        taken = [field for field, value in asdict(shown).items() if value != usual[field]]
        left = [field for field, value in said.items() if not _is_alike(asdict(shown).get(field, said), value)]
        parts = [self.tr("{name} is imported").format(name=free)]
        words = ", ".join(map(self._page.options.label_of, taken)) or self.tr("nothing differs from the defaults")
        parts.append(self.tr("imported: {options}").format(options=words))
        if left:
            parts.append(self.tr("not imported, because unknown here: {options}").format(
                options=", ".join(map(self._page.options.label_of, left))))  # fmt: skip
        self.said.emit(" · ".join(parts))


def _is_alike(shown: object, said: object) -> bool:
    """Say whether an option is shown as a file says it; the window rounds to hundredths."""
    if isinstance(shown, int | float) and isinstance(said, int | float):
        return abs(shown - said) <= 0.01
    return (str(shown) if isinstance(shown, Path) else shown) == said
