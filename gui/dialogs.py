"""Ask in dialogs: an entry's own model and options, what a model is, what cannot be found out of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import ModelInfo
from cgconv.runtime.models.store import free_name, name_for
from cgconv.runtime.requests import ConvertOptions, DescribeModel, ImportModel

from .options_panel import OptionsPanel
from .possible import Here
from .wheel import leave_values_alone


class ItemDialog(QDialog):
    """Asks for the model and options of some entries alone."""

    def __init__(
        self, models: Sequence[ModelInfo], model: str, options: ConvertOptions, here: Here, count: int, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Model and options of %n file(s)", "", count))
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        for one in models:
            if not one.problem:
                self.model.addItem(one.title or one.name, one.name)
        self.model.setCurrentIndex(max(0, self.model.findData(model)))
        self.options = OptionsPanel()
        self.options.show_here(here)
        self.options.show_options(options)
        scroll = QScrollArea()
        scroll.setWidget(self.options)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.options.problem_changed.connect(self._show_problem)
        self._show_problem(self.options.problem)
        form = QFormLayout()
        form.addRow(self.tr("Model"), self.model)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.options.note)
        layout.addWidget(self.buttons)
        leave_values_alone(self)
        self.resize(460, 560)

    def _show_problem(self, problem: str) -> None:
        take = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        take.setEnabled(not problem)
        take.setToolTip(problem)


class ModelDialog(QDialog):
    """Shows what is known of a model; it can be copied."""

    def __init__(self, model: ModelInfo, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(model.title or model.name)
        box = QWidget()
        form = QFormLayout(box)
        facts = [*model.facts, (self.tr("file"), str(model.path))]
        if model.problem:
            facts.insert(0, (self.tr("problem"), model.problem))
        for label, value in facts:
            text = QLabel(value, wordWrap=True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(f"{label}:", text)
        scroll = QScrollArea()
        scroll.setWidget(box)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = QPushButton(self.tr("Copy"))
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(
            lambda: QGuiApplication.clipboard().setText("\n".join(f"{label}: {value}" for label, value in facts))
        )
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll)
        layout.addWidget(buttons)
        self.resize(620, 520)


class ImportDialog(QDialog):
    """Says why a model could not be brought in, and asks for what the command line has options for."""

    def __init__(self, path: Path, reason: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._path = path
        self.setWindowTitle(self.tr("Import {name}").format(name=path.name))
        self.reason = QLabel(reason, wordWrap=True)
        self.reason.setTextFormat(Qt.TextFormat.PlainText)
        self.name = QLineEdit(free_name(name_for(path)))
        self.name.setAccessibleName(self.tr("Name"))
        self.value_range = QComboBox()
        self.value_range.setAccessibleName(self.tr("Values of its pictures"))
        for words, value in ((self.tr("Find out"), ""), ("-1 … 1", "-1..1"), ("0 … 1", "0..1"), ("0 … 255", "0..255")):
            self.value_range.addItem(words, value)
        self.bgr = QCheckBox(self.tr("Blue comes first (BGR)"))
        self.part = QLineEdit(placeholderText=self.tr("The only one"))
        self.part.setAccessibleName(self.tr("Which generator"))
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(self.tr("Name"), self.name)
        if path.suffix.lower() != ".onnx":
            form.addRow(self.tr("Which generator"), self.part)
        else:  # of a checkpoint they are known
            form.addRow(self.tr("Values of its pictures"), self.value_range)
            form.addRow("", self.bgr)
        layout = QVBoxLayout(self)
        layout.addWidget(self.reason)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.resize(460, 240)

    def request(self) -> ImportModel:
        """Return what to ask the worker for."""
        return ImportModel(
            self._path, self.name.text().strip(), self.value_range.currentData(), self.bgr.isChecked(),
            self.part.text().strip(),
        )  # fmt: skip


class DescribeDialog(QDialog):
    """Asks for a model's name and for what its card says of it."""

    def __init__(self, model: ModelInfo, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model.name
        self.setWindowTitle(self.tr("Rename and describe {name}").format(name=model.name))
        self.name, self.title, self.direction = (
            QLineEdit(model.name),
            QLineEdit(model.title),
            QLineEdit(model.direction),
        )
        self.direction.setPlaceholderText(self.tr("photo → painting"))
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        for words, line in (
            (self.tr("Name"), self.name),
            (self.tr("Title"), self.title),
            (self.tr("What it does"), self.direction),
        ):
            line.setAccessibleName(words)
            form.addRow(words, line)
        note = QLabel(self.tr("The name is the file's, also for --model; title and direction are stored in the file."))
        note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.resize(460, 200)

    def request(self) -> DescribeModel:
        """Return what to ask the worker for."""
        texts = (line.text().strip() for line in (self.name, self.title, self.direction))
        return DescribeModel(self._model, *texts)
