"""Let users see where models and caches lie, and choose language and appearance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import CachesMeasured

from .texts import bytes_in_words, folder_in_words


class SettingsPage(QWidget):
    """Settings.

    Signals:
        language_picked(str): en, zh_CN, or empty for the desktop's own.
        appearance_picked(str): light, dark, or empty for the desktop's own.
        folder_wanted(Path): show this folder.
        clearing_wanted(): delete the caches.
        half_wanted(str), engines_wanted(str): of the model of this name.
        stop_wanted(): stop what is being done to a model.
    """

    language_picked = Signal(str)
    appearance_picked = Signal(str)
    folder_wanted = Signal(object)
    clearing_wanted = Signal()
    half_wanted = Signal(str)
    engines_wanted = Signal(str)
    stop_wanted = Signal()

    def __init__(self, models_folder: Path, language: str, appearance: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.language = QComboBox()
        for words, value in ((self.tr("As the desktop"), ""), ("English", "en"), ("简体中文", "zh_CN")):
            self.language.addItem(words, value)
        self.language.setCurrentIndex(max(0, self.language.findData(language)))
        self.language_note = QLabel()
        self.appearance = QComboBox()
        for words, value in (
            (self.tr("As the desktop"), ""),
            (self.tr("Light"), "light"),
            (self.tr("Dark"), "dark"),
        ):
            self.appearance.addItem(words, value)
        self.appearance.setCurrentIndex(max(0, self.appearance.findData(appearance)))
        window = QGroupBox(self.tr("Window"))
        form = QFormLayout(window)
        for words, widget in ((self.tr("Language"), self.language), (self.tr("Appearance"), self.appearance)):
            label = QLabel(words)
            label.setBuddy(widget)
            widget.setAccessibleName(words)
            form.addRow(label, widget)
        form.addRow("", self.language_note)
        self.language_note.hide()
        models = QGroupBox(self.tr("Models"))
        self.models_folder = QLabel(folder_in_words(models_folder))
        self.models_folder.setTextInteractionFlags(self.language_note.textInteractionFlags())
        self.open_models = QPushButton(self.tr("Show the model folder"))
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        self.halve = QPushButton(self.tr("Write in half precision"))
        self.halve.setToolTip(self.tr("Half the size, for GPUs; checked against the full one, picture by picture"))
        self.build = QPushButton(self.tr("Build engines"))
        self.build.setToolTip(self.tr("Compile the model for this computer's NVIDIA GPU now, not at the first use"))
        self.step = QLabel(wordWrap=True)
        self.steps = QProgressBar()
        self.steps.setTextVisible(False)
        self.steps.setAccessibleName(self.tr("Progress"))
        self.stop = QPushButton(self.tr("Stop"))
        line = QHBoxLayout()
        line.addWidget(self.models_folder, 1)
        line.addWidget(self.open_models)
        work = QHBoxLayout()
        work.addWidget(self.model, 1)
        work.addWidget(self.halve)
        work.addWidget(self.build)
        progress = QHBoxLayout()
        progress.addWidget(self.steps, 1)
        progress.addWidget(self.stop)
        column = QVBoxLayout(models)
        column.addLayout(line)
        column.addLayout(work)
        column.addWidget(self.step)
        column.addLayout(progress)
        self.show_step("", None, is_running=False)
        caches = QGroupBox(self.tr("Caches"))
        self.caches = QLabel(self.tr("Being measured …"))
        self.caches.setWordWrap(True)
        self.clear = QPushButton(self.tr("Clear the caches"))
        self.open_caches = QPushButton(self.tr("Show the cache folder"))
        self.open_caches.setEnabled(False)
        column = QVBoxLayout(caches)
        column.addWidget(self.caches)
        column.addWidget(QLabel(self.tr("Everything in them is made again when it is needed."), wordWrap=True))
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.open_caches)
        buttons.addWidget(self.clear)
        column.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        for box in (window, models, caches):
            box.setMaximumWidth(760)
            layout.addWidget(box)
        layout.addStretch(1)
        self._caches_folder: Path | None = None
        self.language.activated.connect(self._pick_language)
        self.appearance.activated.connect(lambda: self.appearance_picked.emit(self.appearance.currentData()))
        self.open_models.clicked.connect(lambda: self.folder_wanted.emit(models_folder))
        self.open_caches.clicked.connect(lambda: self.folder_wanted.emit(self._caches_folder))
        self.clear.clicked.connect(self.clearing_wanted)
        self.halve.clicked.connect(lambda: self.half_wanted.emit(self.model.currentData() or ""))
        self.build.clicked.connect(lambda: self.engines_wanted.emit(self.model.currentData() or ""))
        self.stop.clicked.connect(self.stop_wanted)

    def show_models(self, names: Sequence[str]) -> None:
        """Offer these models."""
        chosen = self.model.currentData()
        self.model.clear()
        for name in names:
            self.model.addItem(name, name)
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))

    def show_step(self, words: str, fraction: float | None, *, is_running: bool) -> None:
        """Say what is being done to a model, and how far it is; None where that cannot be said."""
        self.step.setText(words)
        self.step.setVisible(bool(words))
        self.steps.setVisible(is_running)
        self.stop.setVisible(is_running)
        self.steps.setRange(0, 0 if fraction is None else 1000)
        self.steps.setValue(round((fraction or 0) * 1000))
        self.halve.setEnabled(not is_running)
        self.build.setEnabled(not is_running)

    def show_caches(self, measured: CachesMeasured) -> None:
        """Say what lies in the caches."""
        names = {
            "thumbnails": self.tr("thumbnails"), "samples": self.tr("samples of models"),
            "engines": self.tr("engines"), "bf16.json": self.tr("measurements"),
        }  # fmt: skip
        parts = [f"{names.get(name, name)}: {bytes_in_words(size)}" for name, size in sorted(measured.bytes.items())]
        total = bytes_in_words(sum(measured.bytes.values()))
        where = self.tr("{size} in {folder}").format(size=total, folder=folder_in_words(measured.folder))
        self.caches.setText("\n".join([where, *filter(None, [", ".join(parts)])]))
        self._caches_folder = measured.folder
        self.open_caches.setEnabled(True)

    def _pick_language(self) -> None:
        self.language_picked.emit(self.language.currentData())
        self.language_note.setText(self.tr("The language changes when the window is opened next time."))
        self.language_note.show()
