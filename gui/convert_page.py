"""Lay out the Convert page: queue, models, preview, options, and the bar that starts it all."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import BackendOpened, EngineBuilding

from .buttons import tool_button
from .conversion import Phase, Totals
from .gallery import GalleryView
from .options_panel import OptionsPanel
from .palette import icon
from .preview_panel import PreviewPanel
from .queue_item import QueueItem, State
from .queue_model import QueueModel
from .queue_view import QueueView
from .reasons import in_words
from .texts import duration


class ConvertPage(QWidget):
    """The page that a new user sees first.

    Signals:
        start_wanted(), pause_wanted(), cancel_wanted(): the buttons.
        preset_picked(str), preset_saving_wanted(), preset_removal_wanted(str), preset_export_wanted(),
        preset_import_wanted(): what the preset's box and menu ask for.
    """

    start_wanted = Signal()
    pause_wanted = Signal()
    cancel_wanted = Signal()
    preset_picked = Signal(str)
    preset_saving_wanted = Signal()
    preset_removal_wanted = Signal(str)
    preset_export_wanted = Signal()
    preset_import_wanted = Signal()

    def __init__(self, queue: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.queue_view = QueueView(queue)
        self.gallery = GalleryView()
        self.preview = PreviewPanel()
        self.options = OptionsPanel()
        self._make_tools()
        self._make_bar()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._tools)
        column.addWidget(self.queue_view, 1)
        column.addWidget(self.reason_strip)
        heading = QHBoxLayout()
        heading.addWidget(_heading(self.tr("Model")))
        heading.addStretch(1)
        heading.addWidget(self.sheet)
        heading.addWidget(self.import_model)
        heading.addWidget(self.model_information)
        heading.addWidget(self.remove_model)
        column.addLayout(heading)
        column.addWidget(self.gallery)
        right = QWidget()
        side = QVBoxLayout(right)
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(self.preview, 3)
        presets = QHBoxLayout()
        presets.addWidget(_heading(self.tr("Options")))
        presets.addStretch(1)
        presets.addWidget(self.presets)
        presets.addWidget(self.preset_menu)
        side.addLayout(presets)
        scroll = QScrollArea()
        scroll.setWidget(self.options)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(self.options.minimumSizeHint().width() + scroll.verticalScrollBar().sizeHint().width())
        scroll.viewport().setAutoFillBackground(False)
        self.options.setAutoFillBackground(False)
        side.addWidget(scroll, 2)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(left)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([760, 380])
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(10)
        page = QVBoxLayout(self)
        page.setContentsMargins(12, 12, 12, 12)
        page.addWidget(self.splitter, 1)
        page.addWidget(self._bar)
        self.show_phase(Phase.IDLE)
        self.show_reason([])
        self.show_icons()

    def _make_tools(self) -> None:
        self.add_files = QPushButton(self.tr("&Add files …"))
        self.add_folder = QPushButton(self.tr("Add &folder …"))
        self.remove = QToolButton()
        self.up = QToolButton()
        self.down = QToolButton()
        for button, words, action in (
            (self.remove, self.tr("Remove from the queue (Del)"), self.queue_view.remove_action),
            (self.up, self.tr("Move up (Ctrl+Up)"), self.queue_view.up_action),
            (self.down, self.tr("Move down (Ctrl+Down)"), self.queue_view.down_action),
        ):
            button.setToolTip(words)
            button.setAccessibleName(words)
            button.clicked.connect(action.trigger)
        self.clear_ended = QPushButton(self.tr("Clear finished"))
        self.count = QLabel()
        self._tools = QHBoxLayout()
        for widget in (self.add_files, self.add_folder, self.remove, self.up, self.down):
            self._tools.addWidget(widget)
        self._tools.addStretch(1)
        self._tools.addWidget(self.count)
        self._tools.addWidget(self.clear_ended)
        self.reason_strip = QFrame()
        self.reason_strip.setFrameShape(QFrame.Shape.StyledPanel)
        self.reason = QLabel(wordWrap=True)
        self.reason.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.copy_reason = QPushButton(self.tr("Copy"))
        self.retry = QPushButton(self.tr("Try again"))
        self.copy_reason.clicked.connect(self.queue_view.reason_action.trigger)
        self.retry.clicked.connect(self.queue_view.retry_action.trigger)
        strip = QHBoxLayout(self.reason_strip)
        strip.setContentsMargins(8, 4, 8, 4)
        strip.addWidget(self.reason, 1)
        strip.addWidget(self.copy_reason)
        strip.addWidget(self.retry)
        self.sheet = QPushButton(self.tr("All on one sheet …"))
        self.sheet.setToolTip(self.tr("What every model makes of the selected pictures, side by side in one file"))
        self.import_model = QPushButton(self.tr("Import model …"))
        self.model_information = QPushButton(self.tr("Information"))
        self.remove_model = QPushButton(self.tr("Remove"))
        self.remove_model.setAccessibleName(self.tr("Remove this model"))
        for of_model in (self.model_information, self.remove_model):  # until there is one to speak of
            of_model.setEnabled(False)
        self.presets = QComboBox()
        self.presets.setAccessibleName(self.tr("Preset"))
        self.presets.setMinimumContentsLength(12)
        self.presets.activated.connect(lambda: self.preset_picked.emit(self.presets.currentData() or ""))
        self.preset_menu = tool_button(self.tr("Presets"))
        self.preset_menu.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.preset_menu)
        menu.addAction(self.tr("Save as preset …"), self.preset_saving_wanted.emit)
        self.forget_preset = menu.addAction(
            self.tr("Delete this preset"), lambda: self.preset_removal_wanted.emit(self.presets.currentData() or "")
        )
        menu.addSeparator()
        menu.addAction(self.tr("Export to a file …"), self.preset_export_wanted.emit)
        menu.addAction(self.tr("Import from a file …"), self.preset_import_wanted.emit)
        self.preset_menu.setMenu(menu)

    def _make_bar(self) -> None:
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Total progress"))
        self.summary = QLabel()
        self.machine = QLabel()
        self.machine.setObjectName("secondary")
        self.machine.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.start = QPushButton(self.tr("&Start"))
        self.start.setDefault(True)
        self.pause = QPushButton(self.tr("&Pause"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.start.clicked.connect(self.start_wanted)
        self.pause.clicked.connect(self.pause_wanted)
        self.cancel.clicked.connect(self.cancel_wanted)
        words = QHBoxLayout()
        words.addWidget(self.summary)
        words.addSpacing(16)
        words.addWidget(self.machine, 1)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(words)
        column.addWidget(self.progress)
        self._bar = QWidget()
        bar = QHBoxLayout(self._bar)
        bar.setContentsMargins(0, 4, 0, 0)
        bar.addLayout(column, 1)
        bar.addSpacing(12)
        for button in (self.start, self.pause, self.cancel):
            button.setMinimumWidth(96)
            button.setMinimumHeight(34)
            bar.addWidget(button)

    def show_icons(self) -> None:
        """Draw the icons in the palette's colours."""
        for button, name in (
            (self.add_files, "add"), (self.add_folder, "folder"), (self.remove, "remove"), (self.up, "up"),
            (self.down, "down"), (self.start, "start"), (self.pause, "pause"), (self.cancel, "stop"),
        ):  # fmt: skip
            button.setIcon(icon(name, self.palette()))

    def show_phase(self, phase: Phase) -> None:
        """Enable what can be done now, and say what is being done."""
        is_idle, is_paused = phase is Phase.IDLE, phase is Phase.PAUSED
        self.start.setEnabled(is_idle or is_paused)
        self.start.setText(self.tr("&Go on") if is_paused else self.tr("&Start"))
        self.pause.setEnabled(phase is Phase.RUNNING)
        self.cancel.setEnabled(phase in (Phase.PLANNING, Phase.RUNNING, Phase.PAUSED))
        words = {
            Phase.PLANNING: self.tr("Settling names …"),
            Phase.PAUSED: self.tr("Paused"),
            Phase.STOPPING: self.tr("Stopping after what is being done now …"),
        }.get(phase)
        if words:
            self.summary.setText(words)

    def show_totals(self, totals: Totals, phase: Phase) -> None:
        """Say how far everything is."""
        self.progress.setValue(round(totals.fraction * 1000))
        if phase is not Phase.RUNNING:
            return
        through = totals.done + totals.failed + totals.skipped + totals.stopped
        words = self.tr("{done} of {count}").format(done=through, count=totals.count)
        if totals.seconds_left is not None:
            words += " · " + self.tr("{time} left").format(time=duration(totals.seconds_left))
        if totals.slow_stage:
            stages = {
                "decode": self.tr("reading"), "translate": self.tr("translating"), "encode": self.tr("writing"),
            }  # fmt: skip
            words += " · " + self.tr("slowest: {stage}").format(stage=stages.get(totals.slow_stage, totals.slow_stage))
        self.summary.setText(words)

    def show_end(self, totals: Totals) -> None:
        """Say what came of it."""
        self.progress.setValue(round(totals.fraction * 1000) if totals.count else 0)
        parts = [self.tr("%n done", "", totals.done)]
        if totals.skipped:
            parts.append(self.tr("%n existed already", "", totals.skipped))
        if totals.failed:
            parts.append(self.tr("%n failed", "", totals.failed))
        if totals.stopped:
            parts.append(self.tr("%n stopped", "", totals.stopped))
        self.summary.setText(" · ".join(parts))

    def show_backend(self, opened: BackendOpened) -> None:
        """Say what really computes."""
        names = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "tensorrt": "TensorRT"}
        device = self.tr("processor") if opened.device == "cpu" else opened.device
        self.machine.setText(f"{names.get(opened.backend, opened.backend)} · {device} · {opened.precision}")
        self.machine.setToolTip(opened.why)

    def show_engine(self, building: EngineBuilding) -> None:
        """Say how far the model has been compiled for a GPU, or measured in 8 bits: done once, and takes its time."""
        self.summary.setText(self.tr("Preparing the model for {size}: {phase}, {seconds} s").format(
            size=building.size, phase=building.phase, seconds=round(building.seconds)))  # fmt: skip

    def show_count(self, count: int) -> None:
        """Say how many entries the queue has."""
        self.count.setText(self.tr("%n file(s)", "", count) if count else "")

    def show_reason(self, items: list[QueueItem]) -> None:
        """Say why the selected entry failed, or what there is to know of it."""
        one = items[0] if len(items) == 1 else None
        sentences = [one.reason, *one.warnings] if one is not None else []
        text = "\n".join(in_words(sentence) for sentence in sentences if sentence)
        self.reason.setText(text)
        self.reason_strip.setVisible(bool(text))
        self.retry.setVisible(one is not None and one.state in (State.FAILED, State.STOPPED))
        self.copy_reason.setVisible(one is not None and bool(one.reason))

    def show_presets(self, names: list[str], chosen: str) -> None:
        """Offer these presets."""
        self.presets.clear()
        self.presets.addItem(self.tr("Last used"), "")
        for name in names:
            self.presets.addItem(name, name)
        self.presets.setCurrentIndex(max(0, self.presets.findData(chosen)))
        self.forget_preset.setEnabled(bool(names))


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setForegroundRole(QPalette.ColorRole.WindowText)
    return label
