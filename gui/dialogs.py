"""Ask in dialogs: an entry's own model and options, what a model is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import ModelInfo
from cgconv.runtime.requests import ConvertOptions

from .options_panel import OptionsPanel


class ItemDialog(QDialog):
    """Asks for the model and options of some entries alone."""

    def __init__(
        self, models: Sequence[ModelInfo], model: str, options: ConvertOptions, count: int, parent: QWidget
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
        form = QFormLayout()
        form.addRow(self.tr("Model"), self.model)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.buttons)
        self.resize(460, 560)


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
