"""Let users choose language and appearance, where models and results lie, and what happens when all is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import CachesMeasured

from .elided import ElidedLabel
from .quantities import bytes_in_words, folder_in_words
from .when_done import WhenDone, suspend_command


class SettingsPage(QWidget):
    """Settings.

    Signals:
        language_picked(str): en, zh_CN, or empty for the desktop's own.
        appearance_picked(str): light, dark, or empty for the desktop's own.
        folder_wanted(Path): show this folder.
        models_folder_picked(object): look for models in this folder (Path), or in the usual one (None).
        out_picked(object): the folder that results go to (Path) where none is said; None: beside the originals.
        when_done_picked(str): one of WhenDone.
        clearing_wanted(): delete the caches.
        half_wanted(str), engines_wanted(str): of the model of this name.
        stop_wanted(): stop what is being done to a model.
    """

    language_picked = Signal(str)
    appearance_picked = Signal(str)
    folder_wanted = Signal(object)
    models_folder_picked = Signal(object)
    out_picked = Signal(object)
    when_done_picked = Signal(str)
    clearing_wanted = Signal()
    half_wanted = Signal(str)
    engines_wanted = Signal(str)
    stop_wanted = Signal()

    def __init__(
        self,
        models_folder: Path,
        language: str,
        appearance: str,
        out: Path | None,
        when_done: str,
        parent: QWidget | None = None,
    ) -> None:
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
        results = QGroupBox(self.tr("Results"))
        self._make_results(results, out, when_done)
        models = QGroupBox(self.tr("Models"))
        self.models_folder, self.models_note = ElidedLabel(), QLabel(wordWrap=True)
        self.open_models = QPushButton(self.tr("Show the model folder"))
        self.change_models = QPushButton(self.tr("Change …"))
        self.change_models.setAccessibleName(self.tr("Change the model folder"))
        self.usual_models = QPushButton(self.tr("As usual"))
        self.usual_models.setToolTip(self.tr("Look for models in the usual folder again"))
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
        for button in (self.open_models, self.change_models, self.usual_models):
            line.addWidget(button)
        work = QHBoxLayout()
        work.addWidget(self.model, 1)
        work.addWidget(self.halve)
        work.addWidget(self.build)
        progress = QHBoxLayout()
        progress.addWidget(self.steps, 1)
        progress.addWidget(self.stop)
        column = QVBoxLayout(models)
        column.addLayout(line)
        column.addWidget(self.models_note)
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
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        for box in (window, results, models, caches):
            box.setMaximumWidth(760)
            layout.addWidget(box)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(scroll)
        self._caches_folder: Path | None = None
        self.show_models_folder(models_folder, "", can_change=True)
        self.language.activated.connect(lambda: self.language_picked.emit(self.language.currentData()))
        self.appearance.activated.connect(lambda: self.appearance_picked.emit(self.appearance.currentData()))
        self.open_models.clicked.connect(lambda: self.folder_wanted.emit(self._models_folder))
        self.change_models.clicked.connect(self._choose_models_folder)
        self.usual_models.clicked.connect(lambda: self.models_folder_picked.emit(None))
        self.open_caches.clicked.connect(lambda: self.folder_wanted.emit(self._caches_folder))
        self.clear.clicked.connect(self.clearing_wanted)
        self.halve.clicked.connect(lambda: self.half_wanted.emit(self.model.currentData() or ""))
        self.build.clicked.connect(lambda: self.engines_wanted.emit(self.model.currentData() or ""))
        self.stop.clicked.connect(self.stop_wanted)

    def _make_results(self, box: QGroupBox, out: Path | None, when_done: str) -> None:
        self.out = QLineEdit(str(out) if out is not None else "", clearButtonEnabled=True)
        self.out.setPlaceholderText(self.tr("Beside the originals"))
        self.browse_out = QPushButton(self.tr("Choose …"))
        self.when_done = QComboBox()
        for words, value in (
            (self.tr("Nothing"), WhenDone.NOTHING),
            (self.tr("Play a sound"), WhenDone.SOUND),
            (self.tr("Open the folder of results"), WhenDone.FOLDER),
            (self.tr("Suspend this computer"), WhenDone.SUSPEND),
        ):
            if value is not WhenDone.SUSPEND or suspend_command():
                self.when_done.addItem(words, str(value))
        self.when_done.setCurrentIndex(max(0, self.when_done.findData(when_done)))
        line = QHBoxLayout()
        line.addWidget(self.out, 1)
        line.addWidget(self.browse_out)
        form = QFormLayout(box)
        for words, widget in ((self.tr("They go to"), self.out), (self.tr("When all is done"), self.when_done)):
            label = QLabel(words)
            label.setBuddy(widget)
            widget.setAccessibleName(words)
            form.addRow(label, line if widget is self.out else widget)
        self.out.setToolTip(self.tr("Used unless you choose another on the page Convert"))
        self.out.textChanged.connect(self._tell_out)
        self.browse_out.clicked.connect(self._choose_out)
        self.when_done.activated.connect(lambda: self.when_done_picked.emit(self.when_done.currentData()))

    def show_models_folder(self, folder: Path, note: str, *, can_change: bool) -> None:
        """Say where models lie; `note` is what else there is to know of that."""
        self._models_folder = folder
        self.models_folder.setText(folder_in_words(folder))
        self.models_note.setText(note)
        self.models_note.setVisible(bool(note))
        self.change_models.setEnabled(can_change)
        self.usual_models.setEnabled(can_change)

    def show_language_note(self) -> None:
        """Say that the language has to wait."""
        self.language_note.setText(self.tr("The language changes as soon as the work that is going on is done."))
        self.language_note.show()

    def _tell_out(self, text: str) -> None:
        self.out_picked.emit(Path(text.strip()).expanduser() if text.strip() else None)

    def _choose_out(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, self.tr("Folder for results"), self.out.text()):
            self.out.setText(chosen)

    def _choose_models_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder for models"), str(self._models_folder))
        if chosen:
            self.models_folder_picked.emit(Path(chosen))

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
