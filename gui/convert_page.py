"""Lay out the Convert page: the picture, queue, models and options around it, and the bar that starts it all."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cgconv.runtime.events import BackendOpened, EngineBuilding, ModelInfo

from .built_in_presets import built_in_presets
from .buttons import name_button, tool_button
from .conversion import Phase, Totals
from .elided import ElidedLabel, WrappedText
from .gallery import GalleryView
from .options_panel import OptionsPanel
from .palette import icon
from .preview_panel import PreviewPanel
from .quantities import duration
from .queue_item import QueueItem, State
from .queue_model import QueueModel
from .queue_view import QueueView
from .reasons import in_words

QUEUE_PX, OPTIONS_PX = 236, 280
LEAST_PICTURE_PX = 400  # beside the queue's table
MARGIN_PX = 10


class ConvertPage(QWidget):
    """The page that a new user sees first.

    Signals:
        start_wanted(), pause_wanted(), cancel_wanted(): the buttons.
        preset_picked(str), preset_saving_wanted(), preset_removal_wanted(str), preset_export_wanted(),
        preset_import_wanted(), reset_wanted(): what the preset's box and menu ask for.
    """

    start_wanted = Signal()
    pause_wanted = Signal()
    cancel_wanted = Signal()
    preset_picked = Signal(str)
    preset_saving_wanted = Signal()
    preset_removal_wanted = Signal(str)
    preset_export_wanted = Signal()
    preset_import_wanted = Signal()
    reset_wanted = Signal()

    def __init__(self, queue: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.queue_view = QueueView(queue)
        self.gallery = GalleryView()
        self.preview = PreviewPanel()
        self.options = OptionsPanel()
        self._make_queue_tools()
        self._make_reason()
        self._make_model_tools()
        self._make_presets()
        self._make_bar()
        self.options.problem_changed.connect(self._show_problem)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self._sides = (self._queue_side(), self._options_side())
        for number, part in enumerate((self._sides[0], self._center(), self._sides[1])):
            self.splitter.addWidget(part)
            self.splitter.setStretchFactor(number, number == 1)
        self.splitter.setSizes([QUEUE_PX, 640, OPTIONS_PX])
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(10)
        page = self._page = QVBoxLayout(self)
        page.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        page.addWidget(self.splitter, 1)
        page.addWidget(self._bar)
        self.show_phase(Phase.IDLE)
        self.show_reason([])
        self.show_icons()

    def _queue_side(self) -> QWidget:
        side = QWidget()
        side.setMinimumWidth(QUEUE_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        adding = QHBoxLayout()
        for button in (self.add_files, self.add_folder):
            adding.addWidget(button, 1)
        column.addLayout(adding)
        column.addWidget(self.queue_view, 1)
        tools = QHBoxLayout()
        tools.setSpacing(4)
        for tool in (self.remove, self.undo, self.up, self.down, self.clear_ended):
            tools.addWidget(tool)
        tools.addStretch(1)
        for tool in (self.failed_only, self.as_table):
            tools.addWidget(tool)
        column.addLayout(tools)
        column.addWidget(self.count)
        column.addWidget(self.reason)
        about = QHBoxLayout()
        for button in (self.copy_reason, self.retry):
            about.addWidget(button, 1)
        column.addLayout(about)
        return side

    def _center(self) -> QWidget:
        self.center = QWidget()
        column = QVBoxLayout(self.center)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.preview, 1)
        column.addWidget(self.gallery)
        return self.center

    def _options_side(self) -> QWidget:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.model_title)
        column.addWidget(self.model_facts)
        for row in ((self.model_information, self.remove_model), (self.import_model, self.sheet)):
            line = QHBoxLayout()
            for button in row:
                line.addWidget(button, 1)
            column.addLayout(line)
        column.addSpacing(6)
        presets = QHBoxLayout()
        presets.addWidget(self.presets, 1)
        presets.addWidget(self.preset_menu)
        column.addLayout(presets)
        scroll = QScrollArea()
        scroll.setWidget(self.options)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        least = max(self.options.minimumSizeHint().width(), self.options.advanced.minimumSizeHint().width() + 8)
        scroll.setMinimumWidth(least + scroll.verticalScrollBar().sizeHint().width())
        scroll.viewport().setAutoFillBackground(False)
        self.options.setAutoFillBackground(False)
        column.addWidget(scroll, 1)
        column.addWidget(self.options.note)
        return side

    def _make_queue_tools(self) -> None:
        self.add_files = QPushButton(self.tr("&Add files …"))
        self.add_folder = QPushButton(self.tr("Add f&older …"))
        self.remove, self.undo, self.up, self.down, self.clear_ended = (QToolButton() for _ in range(5))
        self.undo_removal = QAction(self.tr("Undo removal"), self)
        self.undo_removal.setShortcut(QKeySequence.StandardKey.Undo)
        self.addAction(self.undo_removal)
        for button, words, action in (
            (self.remove, self.tr("Remove from the queue (Del)"), self.queue_view.remove_action),
            (self.undo, self.tr("Bring back what was removed (Ctrl+Z)"), self.undo_removal),
            (self.up, self.tr("Move up (Ctrl+Up)"), self.queue_view.up_action),
            (self.down, self.tr("Move down (Ctrl+Down)"), self.queue_view.down_action),
        ):
            name_button(button, words)
            button.clicked.connect(action.trigger)
        name_button(self.clear_ended, self.tr("Clear finished"))
        self.failed_only = tool_button("", checkable=True)
        name_button(self.failed_only, self.tr("Show only what failed"))
        self.failed_only.toggled.connect(self.queue_view.show_failed_only)
        self.failed_only.toggled.connect(self.show_count)
        self.as_table = tool_button("", checkable=True)
        name_button(self.as_table, self.tr("Show all columns, as a table"))
        self.as_table.toggled.connect(self._show_table)
        self.count = ElidedLabel()
        self._bad_count = self._removed_count = 0
        self.show_bad(0)
        self.show_removed(0)

    def _make_reason(self) -> None:
        self.reason = WrappedText(4)
        self.reason.setAccessibleName(self.tr("About the selected file"))
        self.copy_reason = QPushButton(self.tr("Copy"))
        self.retry = QPushButton(self.tr("Try again"))
        self.copy_reason.clicked.connect(self.queue_view.reason_action.trigger)
        self.retry.clicked.connect(self.queue_view.retry_action.trigger)

    def _make_model_tools(self) -> None:
        self.model_title, self.model_facts = ElidedLabel(self.tr("Model")), ElidedLabel()
        font = self.model_title.font()
        font.setBold(True)
        self.model_title.setFont(font)
        self.sheet = QPushButton(self.tr("Compare all …"))
        self.sheet.setToolTip(self.tr("What every model makes of the selected pictures, side by side in one file"))
        self.import_model = QPushButton(self.tr("Import …"))
        self.import_model.setToolTip(self.tr("Bring in a model file or a checkpoint"))
        self.model_information = QPushButton(self.tr("About it"))
        self.model_information.setToolTip(self.tr("All that is known of this model"))
        self.remove_model = QPushButton(self.tr("Delete"))
        self.remove_model.setAccessibleName(self.tr("Delete this model"))
        for of_model in (self.model_information, self.remove_model):  # until there is one to speak of
            of_model.setEnabled(False)

    def _make_presets(self) -> None:
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
        menu.addSeparator()
        menu.addAction(self.tr("Reset all options"), self.reset_wanted.emit)
        self.preset_menu.setMenu(menu)

    def _make_bar(self) -> None:
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Total progress"))
        self.summary, self.machine = ElidedLabel(), ElidedLabel()
        self.machine.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.start = QPushButton(self.tr("&Start"))
        self.start.setDefault(True)
        self.pause = QPushButton(self.tr("&Pause"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.start.clicked.connect(self.start_wanted)
        self.pause.clicked.connect(self.pause_wanted)
        self.cancel.clicked.connect(self.cancel_wanted)
        words = QHBoxLayout()
        words.addWidget(self.summary, 3)
        words.addSpacing(16)
        words.addWidget(self.machine, 2)
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
        """Draw the icons in the palette's colors."""
        for button, name in (
            (self.add_files, "add"), (self.add_folder, "folder"), (self.remove, "remove"), (self.up, "up"),
            (self.down, "down"), (self.clear_ended, "clear"), (self.as_table, "table"), (self.start, "start"),
            (self.pause, "pause"), (self.cancel, "stop"), (self.undo, "undo"), (self.failed_only, "failed"),
        ):  # fmt: skip
            button.setIcon(icon(name, self.window().palette()))
        self.preview.show_icons()

    def show_phase(self, phase: Phase) -> None:
        """Enable what can be done now, and say what is being done."""
        is_idle, is_paused = phase is Phase.IDLE, phase is Phase.PAUSED
        self._phase = phase
        problem = self.options.problem if is_idle else ""
        self.start.setEnabled((is_idle or is_paused) and not problem)
        self.start.setToolTip(problem)
        self.start.setText(self.tr("&Go on") if is_paused else self.tr("&Start"))
        self.pause.setEnabled(phase is Phase.RUNNING)
        self.cancel.setEnabled(phase in (Phase.PLANNING, Phase.RUNNING, Phase.PAUSED))
        words = {
            Phase.PLANNING: self.tr("Choosing file names for the results …"),
            Phase.PAUSED: self.tr("Paused"),
            Phase.STOPPING: self.tr("Stopping after what is being done now …"),
        }.get(phase)
        if words:
            self.summary.setText(words)

    def _show_problem(self) -> None:
        self.show_phase(self._phase)

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

    def show_count(self) -> None:
        """Say how many entries the queue has, how many of them are shown, and what was taken from it."""
        count = self.queue_view.queue.rowCount()
        words = self.tr("%n file(s)", "", count) if count else ""
        if self.failed_only.isChecked():
            words = self.tr("{some} of {words}").format(some=self._bad_count, words=words)
        removed = self.tr("%n removed, Ctrl+Z undoes it", "", self._removed_count) if self._removed_count else ""
        self.count.setText(" · ".join(part for part in (words, removed) if part))

    def show_bad(self, count: int) -> None:
        """Let what failed be shown alone, where something did."""
        self._bad_count = count
        self.failed_only.setEnabled(count > 0)
        if not count:
            self.failed_only.setChecked(False)
        self.show_count()

    def show_removed(self, count: int) -> None:
        """Say how many entries were removed last and can be brought back."""
        self._removed_count = count
        self.undo_removal.setEnabled(count > 0)
        self.undo.setEnabled(count > 0)
        self.show_count()

    def show_reason(self, items: list[QueueItem]) -> None:
        """Say why the selected entry failed, or what there is to know of it."""
        one = items[0] if len(items) == 1 else None
        sentences = [in_words(words) for words in (one.reason, *one.warnings) if words] if one is not None else []
        if one is not None and not sentences:
            result = [f"→ {one.output}"] if one.output is not None and one.state in (State.DONE, State.SKIPPED) else []
            sentences = [str(one.path), *result]
        elif one is not None and one.is_partial and one.has_result:
            sentences.append(self.tr("The finished part: {path}").format(path=one.output))
        self.reason.setText("\n".join(sentences))
        self.retry.setEnabled(one is not None and one.state in (State.FAILED, State.STOPPED))
        self.copy_reason.setEnabled(one is not None and bool(one.reason))

    def show_model(self, model: ModelInfo | None) -> None:
        """Say which model is picked."""
        self.model_title.setText((model.title or model.name) if model is not None else self.tr("Model"))
        lines = self.gallery.gallery.lines(model) if model is not None else []
        self.model_facts.setText(" · ".join(line for line in lines if line))

    def show_only_picture(self, on: bool) -> None:
        """Hide everything beside the picture, or show it again."""
        for part in (*self._sides, self.gallery, self._bar):
            part.setVisible(not on)
        margin = 0 if on else MARGIN_PX
        self._page.setContentsMargins(margin, margin, margin, margin)

    def _show_table(self, on: bool) -> None:
        self.queue_view.show_as_table(on)
        self._share_out()

    def _share_out(self) -> None:
        """Give the queue what it wants as a table; where the picture would get too little, it makes way."""
        right = self.splitter.sizes()[2]
        room = self.splitter.width() - right - 2 * self.splitter.handleWidth()
        wanted = self.queue_view.table_width() if self.as_table.isChecked() else QUEUE_PX
        self.center.setVisible(room - wanted >= LEAST_PICTURE_PX or not self.as_table.isChecked())
        self.splitter.setSizes([wanted, room - wanted, right])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  # Qt's name
        super().resizeEvent(event)
        self.gallery.show_height(self.height() // 8)
        if self.as_table.isChecked():
            self._share_out()

    def show_presets(self, names: list[str], chosen: str) -> None:
        """Offer the built-in presets and these."""
        self.presets.clear()
        self.presets.addItem(self.tr("Uses the options below"), "")
        for key, name, purpose in built_in_presets():
            self.presets.addItem(name, key)
            self.presets.setItemData(self.presets.count() - 1, purpose, Qt.ItemDataRole.ToolTipRole)
        if names:
            self.presets.insertSeparator(self.presets.count())
        for name in names:
            self.presets.addItem(name, name)
        self.presets.setCurrentIndex(max(0, self.presets.findData(chosen)))
        self._tell_preset()

    def show_fit(self, fits: bool) -> None:
        """Say that the options are not those of the chosen preset any more."""
        if not fits:
            self.presets.setCurrentIndex(0)
        self._tell_preset()

    def chosen_preset(self) -> str:
        """Return the name of the chosen preset, in the window's language; empty where there is none."""
        return self.presets.currentText() if self.presets.currentData() else ""

    def _tell_preset(self) -> None:
        data = self.presets.currentData() or ""
        self.forget_preset.setEnabled(bool(data) and not data.startswith(":"))
        purpose = self.presets.currentData(Qt.ItemDataRole.ToolTipRole)
        self.presets.setToolTip(purpose or self.tr("Sets of options"))
