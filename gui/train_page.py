"""Let users train a model of their own on two folders, and watch it learn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QPixmap
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
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import (
    CheckpointSaved,
    DataSetChecked,
    FilesProgressed,
    SamplesSaved,
    TrainProgressed,
    TrainStarted,
)

from .buttons import tool_button
from .palette import curve_colors, secondary
from .texts import duration

CHECK_AFTER_MS = 400
CURVE_POINTS = 2000
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


class SampleView(QWidget):
    """Shows a grid of samples as large as there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self.setMinimumSize(300, 200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(
            self.tr("Samples: picture, translation and, where both ways are learned, translated back")
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(500, 360)

    def show_grid(self, path: Path) -> None:
        """Show a grid; one that is just being replaced leaves the last one in sight."""
        pixmap = QPixmap(str(path))
        if not pixmap.isNull():
            self._pixmap = pixmap
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().base())
        if self._pixmap.isNull():
            painter.setPen(secondary(self.palette()))
            painter.drawText(
                self.rect().adjusted(20, 20, -20, -20), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap),
                self.tr("Samples appear here while the model learns: each row a picture, its translation and, where "
                        "both directions are learned, that translated back."),
            )  # fmt: skip
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        ratio = self.devicePixelRatioF()
        scaled = self._pixmap.scaled(
            self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        scaled.setDevicePixelRatio(ratio)
        size = scaled.deviceIndependentSize()
        painter.drawPixmap(round((self.width() - size.width()) / 2), round((self.height() - size.height()) / 2), scaled)


class TrainPage(QWidget):
    """Training.

    Signals:
        check_wanted(Path, Path): look at these two folders.
        start_wanted(Training): begin, or go on with a run.
        pause_wanted(): save a checkpoint and stop.
        model_wanted(Path, str, str): make a model of this run's direction under this name.
        ended(): the training has, however.
    """

    check_wanted = Signal(object, object)
    start_wanted = Signal(object)
    pause_wanted = Signal()
    model_wanted = Signal(object, str, str)
    ended = Signal()

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
        self._curves: dict[str, tuple[list[float], list[float], Any]] = {}  # Any: pyqtgraph's lines
        self._plot: Any = None  # pyqtgraph's widget, made with the first point
        self.a = FolderBox(self.tr("From: pictures like yours"), self.tr("Drop a folder of photographs here"))
        self.b = FolderBox(self.tr("To: what they should look like"), self.tr("Drop a folder of paintings here"))
        self.preset = QComboBox()
        self.epochs = QDoubleSpinBox()
        self.epochs.setRange(0, 10_000)
        self.epochs.setDecimals(1)
        self.epochs.setSpecialValueText(self.tr("As the preset says"))
        self.out = QLineEdit()
        self.out.setAcceptDrops(False)
        self.findings = QLabel(wordWrap=True)
        self.findings.setTextFormat(Qt.TextFormat.PlainText)
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
        self.curves = QFrame()
        self.curves.setFrameShape(QFrame.Shape.NoFrame)
        self._curves_layout = QVBoxLayout(self.curves)
        self._curves_layout.setContentsMargins(0, 0, 0, 0)
        self._no_curves = QLabel(self.tr("Curves of the losses appear here."))
        self._no_curves.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._curves_layout.addWidget(self._no_curves)
        self._lay_out()
        self._check = QTimer(self, singleShot=True, interval=CHECK_AFTER_MS)
        self._check.timeout.connect(self._emit_check)
        for box in (self.a, self.b):
            box.folder_changed.connect(self._folders_changed)
            box.name.textChanged.connect(self._show_directions)
        self.start.clicked.connect(self._start)
        self.resume.clicked.connect(self._resume_other)
        self.pause.clicked.connect(self._pause)
        self.use.clicked.connect(self._use)
        self.out.textChanged.connect(self._refresh)
        self.preset.activated.connect(self._keep_preset)
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
            (self.tr("Times through"), self.epochs),
            (self.tr("Run's folder"), self.out),
        ):
            label = QLabel(words)
            label.setBuddy(widget)
            widget.setAccessibleName(words)
            form.addRow(label, widget)
        column.addLayout(form)
        column.addWidget(self.findings)
        column.addStretch(1)
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
        self.preset.setCurrentIndex(max(0, self.preset.findData("quick")))

    def show_check(self, checked: DataSetChecked) -> None:
        """Say what the two folders hold, and begin with the preset that suits them."""
        self._is_checked = True
        counts = [str(folder.get("pictures", 0)) for folder in checked.folders if folder.get("split") == "train"]
        lines = [self.tr("{a} and {b} pictures.").format(a=counts[0], b=counts[-1])]
        for finding in checked.findings:
            mark = "⚠ " if finding.get("needs_attention") else ""
            lines.append(f"{mark}{finding.get('sentence', '')} {finding.get('advice', '')}".strip())
        lines.append(self.tr("Preset {name}: {reason}.").format(name=checked.preset, reason=checked.preset_reason))
        self.findings.setText("\n".join(lines))
        if self.preset.findData(checked.preset) >= 0 and not self._is_preset_picked:
            self.preset.setCurrentIndex(self.preset.findData(checked.preset))
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
                self._cut_curves(0 if event.out != self._run else event.images_seen)
                self._run, self._is_through, self.has_checkpoint = event.out, False, event.images_seen > 0
                self._directions = event.directions
                self._show_directions()
                self.status.setText(
                    self.tr("Learning on {device} in {precision}: the first numbers come soon …").format(
                        device=event.device, precision=event.precision
                    )
                )
            case TrainProgressed():
                self.progress.setValue(round(1000 * event.images_seen / max(1, event.images_total)))
                self.status.setText(
                    self.tr("{seen} of {total} pictures · {speed} a second · {left} left").format(
                        seen=f"{event.images_seen:,}", total=f"{event.images_total:,}",
                        speed=f"{event.images_per_second:.1f}", left=duration(event.seconds_left or 0),
                    )
                )  # fmt: skip
                self._add_points(event.images_seen, event.losses)
            case CheckpointSaved():
                self.has_checkpoint = True
            case SamplesSaved():
                self.samples.show_grid(event.path)
            case FilesProgressed():
                self.findings.setText(
                    self.tr("Looking at the pictures: {done} of {total}").format(done=event.done, total=event.total)
                )

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

    def _emit_check(self) -> None:
        a, b = self.a.folder, self.b.folder
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

    def _start(self) -> None:
        a, b, out = self.a.folder, self.b.folder, self.out.text().strip()
        if self._is_paused():
            self._go_on(Path(out))
            return
        if a is None or b is None or not out:
            return
        settings = WATCHING
        if self.epochs.value() > 0:
            settings = (*settings, ("optimizer.epochs", str(self.epochs.value())), ("optimizer.images", "0"))
        names = self.a.name.text() or "a", self.b.name.text() or "b"
        self._begin(Training(a, b, *names, Path(out), self.preset.currentData() or "", settings, False))

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
        self.use.setEnabled(self.has_checkpoint and not self.is_running)
        for widget in (self.a, self.b, self.preset, self.epochs, self.out):
            widget.setEnabled(not self.is_running)

    def _cut_curves(self, images_seen: int) -> None:
        """Take back what is being learned again, or, from 0 on, another run's curves."""
        for xs, ys, line in self._curves.values():
            while xs and xs[-1] > images_seen:
                xs.pop(), ys.pop()
            line.setData(xs, ys)

    def _add_points(self, images_seen: int, losses: Mapping[str, float]) -> None:
        if self._plot is None:
            self._make_plot()
        for name, loss in losses.items():
            if name not in self._curves:
                import pyqtgraph

                colors = curve_colors(self.palette())
                pen = pyqtgraph.mkPen(colors[len(self._curves) % len(colors)], width=2)
                self._curves[name] = ([], [], self._plot.plot(name=name, pen=pen))
            xs, ys, line = self._curves[name]
            xs.append(float(images_seen))
            ys.append(float(loss or 0))
            if len(xs) > CURVE_POINTS:
                del xs[::2], ys[::2]
            line.setData(xs, ys)

    def _make_plot(self) -> None:
        import pyqtgraph

        palette = self.palette()
        self._plot = pyqtgraph.PlotWidget(background=palette.base().color())
        self._plot.addLegend(offset=(-10, 10), labelTextColor=palette.text().color())
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(palette.text().color())
            self._plot.getAxis(side).setTextPen(palette.text().color())
        self._plot.setLabel("bottom", self.tr("pictures seen"))
        self._plot.setLabel("left", self.tr("loss"))
        self._plot.showGrid(y=True, alpha=0.25)
        self._plot.setMouseEnabled(x=False, y=False)
        self._no_curves.hide()
        self._curves_layout.addWidget(self._plot)
