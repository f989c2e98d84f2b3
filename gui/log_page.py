"""Show what was said while work went on: warnings, failures, the worker's own complaints."""

from __future__ import annotations

from PySide6.QtCore import QTime, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

LINES_KEPT = 5000


class LogPage(QWidget):
    """The log.

    Signals:
        diagnosis_wanted(): say what this computer can use.
    """

    diagnosis_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setMaximumBlockCount(LINES_KEPT)
        self.text.setAccessibleName(self.tr("Log"))
        self.text.setPlaceholderText(self.tr("Nothing has been logged yet."))
        self.copy = QPushButton(self.tr("Copy all"))
        self.clear = QPushButton(self.tr("Clear"))
        self.diagnose = QPushButton(self.tr("Examine this computer"))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        self.clear.clicked.connect(self.text.clear)
        self.diagnose.clicked.connect(self.diagnosis_wanted)
        buttons = QHBoxLayout()
        buttons.addWidget(self.diagnose)
        buttons.addStretch(1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(self.text)
        layout.addLayout(buttons)

    def add(self, line: str) -> None:
        """Add a line with the time."""
        self.text.appendPlainText(f"{QTime.currentTime().toString('HH:mm:ss')}  {line}")
