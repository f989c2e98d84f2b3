"""Show what was said while work went on: warnings, failures, the worker's own complaints."""

from __future__ import annotations

from PySide6.QtCore import QTime, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from .elided import ElidedLabel
from .log_file import LogFile
from .quantities import folder_in_words

LINES_KEPT = 5000


class LogPage(QWidget):
    """The log.

    Signals:
        diagnosis_wanted(): say what this computer can use.
        folder_wanted(Path): show the folder of the log's files.
    """

    diagnosis_wanted = Signal()
    folder_wanted = Signal(object)

    def __init__(self, file: LogFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file = file
        where = ElidedLabel(
            self.tr("Saved in {path}, together with older logs").format(path=folder_in_words(file.path))
        )
        self.open_folder = QPushButton(self.tr("Show the log's folder"))
        self.open_folder.clicked.connect(lambda: self.folder_wanted.emit(file.folder))
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
        buttons.addWidget(self.open_folder)
        buttons.addWidget(where, 1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(self.text)
        layout.addLayout(buttons)

    def add(self, line: str) -> None:
        """Add a line with the time, here and on disk."""
        self._file.add(line)
        self.text.appendPlainText(f"{QTime.currentTime().toString('HH:mm:ss')}  {line}")
