"""Let users train a model of their own on two folders, and watch it learn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import (
    CheckpointSaved,
    DataSetChecked,
    FilesProgressed,
    SamplesSaved,
    TrainingEstimated,
    TrainProgressed,
    TrainStarted,
)

from .buttons import tool_button
from .curves import Curves
from .findings import FindingsView
from .quantities import duration, long_time
from .sample_view import SampleView

CHECK_AFTER_MS = 400
LONG_S = 12 * 3600  # from which a training is called long
Settings = tuple[tuple[str, str], ...]

WATCHING: Settings = (("run.report_every", "10"), ("run.sample_every", "100"), ("run.checkpoint_every", "200"))


@dataclass(frozen=True)
class Training:
    """What the page asks for."""

    a: Path
    b: Path
    name_a: str
    name_b: str
    out: Path
    preset: str
    settings: Settings
    resume: bool


class FolderBox(QFrame):
    """A folder of pictures: typed, chosen or dropped.

    Signals:
        folder_changed(): to another text.
    """

    folder_changed = Signal()

    def __init__(self, title: str, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAcceptDrops(True)
        self.path = QLineEdit(placeholderText=hint)
        self.path.setAcceptDrops(False)
        self.path.setAccessibleName(title)
        self.browse = tool_button("…")
        self.browse.setAccessibleName(self.tr("Choose the folder: {title}").format(title=title))
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("What these pictures are: {title}").format(title=title))
        heading = QLabel(title)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        heading.setBuddy(self.path)
        line = QHBoxLayout()
        line.addWidget(self.path, 1)
        line.addWidget(self.browse)
        form = QFormLayout()
        form.addRow(self.tr("Folder"), line)
        form.addRow(self.tr("Called"), self.name)
        layout = QVBoxLayout(self)
        layout.addWidget(heading)
        layout.addLayout(form)
        self.path.textChanged.connect(self._take_name)
        self.browse.clicked.connect(self._browse)
        self._title = title

    @property
    def folder(self) -> Path | None:
        """The folder, None where none is named."""
        text = self.path.text().strip()
        return Path(text).expanduser() if text else None

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  # Qt's name
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        path = Path(event.mimeData().urls()[0].toLocalFile())
        self.path.setText(str(path if path.is_dir() else path.parent))
        event.acceptProposedAction()

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self._title, self.path.text())
        if chosen:
            self.path.setText(chosen)

    def _take_name(self) -> None:
        folder = self.folder
        if folder is not None:
            self.name.setText(folder.name)
        self.folder_changed.emit()


class TrainPage(QWidget):
    """Training.

    Signals:
        check_wanted(Path, Path): look at these two folders.
        start_wanted(Training): begin, or go on with a run.
        pause_wanted(): save a checkpoint and stop.
        model_wanted(Path, str, str): make a model of this run's direction under this name.
        ended(): the training has, however.
        estimate_wanted(str, tuple, int): how long it takes with this preset, these settings, so many pictures.
    """

    check_wanted = Signal(object, object)
    start_wanted = Signal(object)
    pause_wanted = Signal()
    model_wanted = Signal(object, str, str)
    ended = Signal()
    estimate_wanted = Signal(str, object, int)

    def __init__(self, runs: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._run: Path | None = None
        self.has_checkpoint = False  # the run that is shown
        self._is_through = False
        self._is_checked = False
        self._is_preset_picked = False
        self._can_train = True
        self.is_running = False
        self._directions: tuple[str, ...] = ("a2b", "b2a")  # what the run that is shown learns
        self._suggested = "quick"
        self._pictures = 0  # in the larger folder
        self._device = ""
        self.a = FolderBox(self.tr("From: pictures like yours"), self.tr("Drop a folder of photographs here"))
        self.b = FolderBox(self.tr("To: what they should look like"), self.tr("Drop a folder of paintings here"))
        self.preset = QComboBox()
        self.epochs = QDoubleSpinBox()
        self.epochs.setRange(0, 10_000)
        self.epochs.setDecimals(1)
        self.epochs.setSpecialValueText(self.tr("As the preset says"))
        self.out = QLineEdit()
        self.out.setAcceptDrops(False)
        self.findings = FindingsView()
        self.estimate = QLabel(wordWrap=True)
        self.start = QPushButton(self.tr("&Start training"))
        self.resume = QPushButton(self.tr("Continue a run …"))
        self.pause = QPushButton(self.tr("&Pause"))
        self.use = QPushButton(self.tr("Use this model now"))
        self.direction = QComboBox()
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Training progress"))
        self.status = QLabel(wordWrap=True)
        self.samples = SampleView()
        self.curves = Curves()
        self._lay_out()
        self._check = QTimer(self, singleShot=True, interval=CHECK_AFTER_MS)
        self._check.timeout.connect(self._emit_check)
        self._reckon = QTimer(self, singleShot=True, interval=CHECK_AFTER_MS)
        self._reckon.timeout.connect(self._emit_estimate)
        for box in (self.a, self.b):
            box.folder_changed.connect(self._folders_changed)
            box.name.textChanged.connect(self._show_directions)
        self.start.clicked.connect(self._start)
        self.resume.clicked.connect(self._resume_other)
        self.pause.clicked.connect(self._pause)
        self.use.clicked.connect(self._use)
        self.out.textChanged.connect(self._refresh)
        self.preset.activated.connect(self._keep_preset)
        self.preset.currentIndexChanged.connect(self._reckon.start)
        self.epochs.valueChanged.connect(self._reckon.start)
        self._show_directions()
        self._refresh()

    def _lay_out(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.a)
        column.addWidget(self.b)
        form = QFormLayout()
        for words, widget in (
            (self.tr("Preset"), self.preset),
            (self.tr("Passes (epochs)"), self.epochs),
            (self.tr("Run's folder"), self.out),
        ):
            label = QLabel(words)
            label.setBuddy(widget)
            widget.setAccessibleName(words)
            form.addRow(label, widget)
        column.addLayout(form)
        column.addWidget(self.estimate)
        column.addWidget(self.findings, 1)
        buttons = QHBoxLayout()
        for button in (self.start, self.pause, self.resume):
            buttons.addWidget(button)
        column.addLayout(buttons)
        use = QHBoxLayout()
        use.addWidget(self.direction, 1)
        use.addWidget(self.use)
        column.addLayout(use)
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.samples)
        right.addWidget(self.curves)
        right.setSizes([440, 220])
        right.setChildrenCollapsible(False)
        splitter = QSplitter()
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setSizes([400, 700])
        splitter.setHandleWidth(10)
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.status)
        layout.addWidget(self.progress)

    def show_presets(self, presets: Sequence[tuple[str, str, str]]) -> None:
        """Offer these: name, recipe and purpose."""
        self.preset.clear()
        for name, recipe, purpose in presets:
            self.preset.addItem(f"{name} ({recipe})", name)
            self.preset.setItemData(self.preset.count() - 1, purpose, Qt.ItemDataRole.ToolTipRole)
        self.preset.setCurrentIndex(max(0, self.preset.findData(self._suggested)))

    def show_check(self, checked: DataSetChecked) -> None:
        """Say what the two folders hold, and begin with the preset that suits them."""
        self._is_checked = True
        self._pictures = max((int(folder.get("pictures", 0)) for folder in checked.folders
                              if folder.get("split") == "train"), default=0)  # fmt: skip
        self.findings.show_check(checked)
        self._suggested = checked.preset
        if self.preset.findData(checked.preset) >= 0 and not self._is_preset_picked:
            self.preset.setCurrentIndex(self.preset.findData(checked.preset))
        self._reckon.start()
        self._refresh()

    def show_check_failure(self, reason: str) -> None:
        """Say why these folders cannot be trained on."""
        self._is_checked = False
        self.findings.setText(reason)
        self._refresh()

    def show_event(self, event: object) -> None:
        """Show how the training goes."""
        match event:
            case TrainStarted():
                self.curves.cut(0 if event.out != self._run else event.images_seen)
                self._run, self._is_through, self.has_checkpoint = event.out, False, event.images_seen > 0
                self._directions = event.directions
                self._show_directions()
                device = self.tr("the processor") if event.device == "cpu" else event.device
                self._device = f"{device}, {event.precision}"
                self.status.setText(
                    self.tr("Learning on {device} in {precision}: the first numbers come soon …").format(
                        device=device, precision=event.precision
                    )
                )
            case TrainProgressed():
                self.progress.setValue(round(1000 * event.images_seen / max(1, event.images_total)))
                self.status.setText(
                    self.tr("{seen} of {total} pictures · {speed} a second on {device} · {left} left").format(
                        device=self._device,
                        seen=f"{event.images_seen:,}", total=f"{event.images_total:,}",
                        speed=f"{event.images_per_second:.1f}", left=duration(event.seconds_left or 0),
                    )
                )  # fmt: skip
                self.curves.add_points(event.images_seen, event.losses)
            case CheckpointSaved():
                self.has_checkpoint = True
                self._refresh()
            case SamplesSaved():
                self.samples.show_grid(event.path)
            case FilesProgressed():
                self.findings.setText(
                    self.tr("Looking at the pictures: {done} of {total}").format(done=event.done, total=event.total)
                )

    def show_estimate(self, event: TrainingEstimated) -> None:
        """Say how long the training takes on this computer."""
        if event.preset != self.preset.currentData():
            return
        seconds = event.images_total / max(event.images_per_second, 1e-9)
        words = self.tr("About {time} on this computer: {count} pictures, {speed} a second.").format(
            time=long_time(seconds), count=f"{event.images_total:,}", speed=f"{event.images_per_second:.2g}"
        )
        if seconds > LONG_S:
            words = "⚠ " + words
            if event.preset != "quick":
                words += " " + self.tr("The preset quick is made for less time.")
        self.estimate.setText(words)

    def show_estimating(self) -> None:
        """Say that it is being found out how long the training takes."""
        self.estimate.setText(self.tr("Measuring how long it takes on this computer …"))

    def show_last(self, a: str, b: str, name_a: str, name_b: str, run: Path | None) -> None:
        """Show the folders and the run of last time."""
        for box, folder, name in ((self.a, a, name_a), (self.b, b, name_b)):
            box.path.setText(folder)
            if name:
                box.name.setText(name)
        if run is not None and (run / "checkpoint.pt").exists():
            self._run, self.has_checkpoint = run, True
            self.out.setText(str(run))
        self._check.stop()  # not before somebody looks at the page
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  # Qt's name
        super().showEvent(event)
        both = self.a.folder is not None and self.b.folder is not None
        if both and not self._is_checked and not self.is_running and self._can_train:
            self._check.start()

    def show_end(self, sentence: str) -> None:
        """Say how the training ended."""
        self.is_running = False
        self.status.setText(sentence)
        self._refresh()
        self.ended.emit()

    def show_through(self, sentence: str) -> None:
        """Say that nothing is left to learn; the next start is another run."""
        self._is_through = True
        self._name_run()
        self.show_end(sentence)

    def show_note(self, sentence: str) -> None:
        """Say how it goes with something that is no training."""
        self.status.setText(sentence)

    def show_missing(self, sentence: str) -> None:
        """Say what has to be installed before anything can be trained."""
        self._can_train = False
        self.findings.setText(sentence)
        self._refresh()

    def _folders_changed(self) -> None:
        self._is_checked = False
        if self._can_train:
            self.findings.clear()
        self._name_run()
        if self.a.folder is not None and self.b.folder is not None and self._can_train:
            self._check.start()
        self._refresh()

    def _name_run(self) -> None:
        """Put the next run into a folder of its own, called as what it learns."""
        b = self.b.folder
        if b is not None:
            name = re.sub(r"[^\w.+-]", "-", b.name) or "model"
            out, number = self._runs / name, 1
            while out.exists():
                number += 1
                out = self._runs / f"{name}-{number}"
            self.out.setText(str(out))

    def _keep_preset(self) -> None:
        self._is_preset_picked = True

    def _settings(self) -> Settings:
        if self.epochs.value() > 0:
            return (*WATCHING, ("optimizer.epochs", str(self.epochs.value())), ("optimizer.images", "0"))
        return WATCHING

    def _emit_estimate(self) -> None:
        if self._is_checked and not self.is_running and self.preset.currentData():
            self.show_estimating()
            self.estimate_wanted.emit(self.preset.currentData(), self._settings(), self._pictures)

    def _emit_check(self) -> None:
        a, b = self.a.folder, self.b.folder
        if not self.isVisible():
            return
        if a is not None and b is not None:
            self.findings.setText(self.tr("Looking at the pictures …"))
            self.check_wanted.emit(a, b)

    def _show_directions(self) -> None:
        a, b = self.a.name.text() or "A", self.b.name.text() or "B"
        self.direction.clear()
        for words, direction in ((f"{a} → {b}", "a2b"), (f"{b} → {a}", "b2a")):
            if direction in self._directions:
                self.direction.addItem(words, direction)
        self.direction.setAccessibleName(self.tr("Direction"))
        self.samples.show_titles(a, b)

    def _start(self) -> None:
        a, b, out = self.a.folder, self.b.folder, self.out.text().strip()
        if self._is_paused():
            self._go_on(Path(out))
            return
        if a is None or b is None or not out:
            return
        names = self.a.name.text() or "a", self.b.name.text() or "b"
        self._begin(Training(a, b, *names, Path(out), self.preset.currentData() or "", self._settings(), False))

    def _resume_other(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("The run's folder"), str(self._runs))
        if chosen:
            self.out.setText(chosen)
            self._go_on(Path(chosen))

    def _go_on(self, run: Path) -> None:
        """Continue a run: everything else stands in its checkpoint."""
        self._begin(Training(Path(), Path(), "", "", run, "", (), True))

    def _is_paused(self) -> bool:
        is_shown = self._run is not None and str(self._run) == self.out.text().strip()
        return is_shown and self.has_checkpoint and not self._is_through

    def _begin(self, training: Training) -> None:
        self.is_running = True
        self.status.setText(self.tr("Getting ready …"))
        self._refresh()
        self.start_wanted.emit(training)

    def _pause(self) -> None:
        self.status.setText(self.tr("Saving a checkpoint …"))
        self.pause.setEnabled(False)
        self.pause_wanted.emit()

    def _use(self) -> None:
        if self._run is not None:
            name = re.sub(r"[^\w.+-]", "-", self._run.name).lstrip("-._+") or "model"
            self.model_wanted.emit(self._run, self.direction.currentData(), name)

    def _refresh(self) -> None:
        can_begin = self._can_train and not self.is_running
        has_out = bool(self.out.text().strip())
        self.start.setText(self.tr("&Go on") if self._is_paused() and can_begin else self.tr("&Start training"))
        self.start.setEnabled(can_begin and (self._is_paused() or (self._is_checked and has_out)))
        self.pause.setEnabled(self.is_running)
        self.resume.setEnabled(can_begin)
        self.use.setEnabled(self.has_checkpoint)
        self.estimate.setVisible(not self.is_running)
        for widget in (self.a, self.b, self.preset, self.epochs, self.out):
            widget.setEnabled(not self.is_running)
