"""List the model files that are being brought in: how far each is, what came of it, and what it has to ask."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.requests import ImportModel

from .elided import ElidedLabel
from .palette import bad, good

SIZE_WH = (560, 400)


class Stage(StrEnum):
    """Where a file is on its way to being a model."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TAKEN = "taken"  # its name: what to do is asked
    UNKNOWN = "unknown"  # something about it, which is asked for
    CANCELLED = "cancelled"


OPEN = (Stage.WAITING, Stage.RUNNING, Stage.TAKEN, Stage.UNKNOWN)


class ImportRow(QFrame):
    """One file.

    Signals:
        answered(str): of a name that is taken: replace or rename.
        more_wanted(): say more about the file, and try again.
        cancelled(): leave the file out.
    """

    answered = Signal(str)
    more_wanted = Signal()
    cancelled = Signal()

    def __init__(self, request: ImportModel) -> None:
        super().__init__()
        self.request = request
        self.stage = Stage.WAITING
        self.title = ElidedLabel(request.path.name)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.title.setToolTip(str(request.path))
        self.words = QLabel(wordWrap=True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Progress of {name}").format(name=request.path.name))
        self.replace = QPushButton(self.tr("Replace it"))
        self.keep_both = QPushButton(self.tr("Keep both"))
        self.more = QPushButton(self.tr("Give more details and try again …"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.replace.clicked.connect(lambda: self.answered.emit("replace"))
        self.keep_both.clicked.connect(lambda: self.answered.emit("rename"))
        self.more.clicked.connect(self.more_wanted)
        self.cancel.clicked.connect(self.cancelled)
        work = QWidget()
        line = QHBoxLayout(work)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.progress, 1)
        buttons = QWidget()
        asking = QHBoxLayout(buttons)
        asking.setContentsMargins(0, 0, 0, 0)
        asking.addStretch(1)
        for button in (self.replace, self.keep_both, self.more):
            button.setAutoDefault(False)
            asking.addWidget(button)
        self.cancel.setAutoDefault(False)
        self._places = QStackedLayout()
        for part in (work, buttons):
            self._places.addWidget(part)
        bottom = QHBoxLayout()
        bottom.addLayout(self._places, 1)
        bottom.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.addWidget(self.title)
        column.addWidget(self.words)
        column.addLayout(bottom)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.show_stage(Stage.WAITING)

    def show_stage(self, stage: Stage, words: str = "") -> None:
        """Show where the file is; `words` say what came of it."""
        self.stage = stage
        usual = {
            Stage.WAITING: self.tr("Waits for its turn"),
            Stage.RUNNING: self.tr("Is being read and tried out …"),
            Stage.CANCELLED: self.tr("Left out"),
        }
        self.words.setText(words or usual.get(stage, ""))
        palette = self.palette()
        color = {Stage.DONE: good(palette), Stage.FAILED: bad(palette), Stage.UNKNOWN: bad(palette)}.get(stage)
        self.words.setStyleSheet(f"color: {color.name()}" if color is not None else "")
        asks = stage in (Stage.TAKEN, Stage.UNKNOWN)
        self._places.setCurrentIndex(int(asks))
        self.progress.setRange(0, 0 if stage is Stage.RUNNING else 1)
        self.progress.setValue(int(stage is Stage.DONE))
        self.replace.setVisible(stage is Stage.TAKEN)
        self.keep_both.setVisible(stage is Stage.TAKEN)
        self.more.setVisible(stage is Stage.UNKNOWN)
        self.cancel.setEnabled(stage in (Stage.WAITING, Stage.TAKEN, Stage.UNKNOWN))


class ImportsDialog(QDialog):
    """The list. It can be closed at any time; what is being brought in goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Import models"))
        self.rows: list[ImportRow] = []
        box = QWidget()
        self._column = QVBoxLayout(box)
        self._column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidget(box)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.summary = ElidedLabel()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.summary)
        layout.addWidget(self.buttons)
        self.resize(*SIZE_WH)

    def add(self, request: ImportModel) -> ImportRow:
        """Add a file at the end of the list."""
        row = ImportRow(request)
        self.rows.append(row)
        self._column.insertWidget(self._column.count() - 1, row)
        return row

    def show_counts(self) -> None:
        """Say how many are through."""
        stages = [row.stage for row in self.rows]
        parts = [self.tr("%n imported", "", stages.count(Stage.DONE))]
        if failed := stages.count(Stage.FAILED):
            parts.append(self.tr("%n failed", "", failed))
        if asking := stages.count(Stage.TAKEN) + stages.count(Stage.UNKNOWN):
            parts.append(self.tr("%n to be answered", "", asking))
        if left := stages.count(Stage.WAITING) + stages.count(Stage.RUNNING):
            parts.append(self.tr("%n to go", "", left))
        self.summary.setText(" · ".join(parts))

    def clear_ended(self) -> None:
        """Forget the files that nothing is to be done with any more."""
        for row in [row for row in self.rows if row.stage not in OPEN]:
            self.rows.remove(row)
            self._column.removeWidget(row)
            row.deleteLater()
