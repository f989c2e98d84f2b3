"""Let users move in a film, and say which part of it is wanted."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QStyle, QStyleOptionSlider, QWidget

from .buttons import name_button, tool_button
from .quantities import duration

TICKS_A_SECOND = 10


class _Scrubber(QSlider):
    """A slider that shows which part of its length is wanted."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.part = (0, 0)  # ticks; an end of 0: the film's

    def x_of(self, tick: int) -> int:
        """Return where the handle's middle is at a tick."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        room = self.width() - handle
        return handle // 2 + QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), tick, room)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  # Qt's name
        start, end = self.part
        if start or end:
            painter = QPainter(self)
            left, right = self.x_of(start), self.x_of(end or self.maximum())
            color = self.palette().highlight().color()
            painter.fillRect(QRectF(left, self.height() - 4, max(2, right - left), 4), color)
            for x in (left, right):
                painter.fillRect(QRectF(x - 1, 0, 2, self.height()), color)
            painter.end()
        super().paintEvent(event)


class FilmRow(QWidget):
    """A scrubber with the points where the translation begins and ends.

    Signals:
        moved(): to another place.
        part_picked(float, float): translate from this second to that one; an end of 0 is the film's.
        loop_toggled(bool): play a few seconds from here, or stop.
    """

    moved = Signal()
    part_picked = Signal(float, float)
    loop_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scrubber = _Scrubber()
        self.scrubber.setAccessibleName(self.tr("Place in the film"))
        self.scrubber.setToolTip(self.tr("Place in the film"))
        self.time = QLabel()
        self.begin, self.end, self.whole = tool_button(""), tool_button(""), tool_button("")
        self.loop = tool_button("", checkable=True)
        for button, words in (
            (self.begin, self.tr("Begin the translation here")),
            (self.end, self.tr("End the translation here")),
            (self.whole, self.tr("Translate the whole film")),
            (self.loop, self.tr("Translate three seconds from here, small, and play them over and over")),
        ):
            name_button(button, words)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.scrubber, 1)
        for widget in (self.time, self.begin, self.end, self.whole, self.loop):
            line.addWidget(widget)
        self._length_s = 0.0
        self.scrubber.valueChanged.connect(self._tell_moved)
        self.begin.clicked.connect(lambda: self._pick(self.time_s, self._part_s()[1]))
        self.end.clicked.connect(lambda: self._pick(self._part_s()[0], self.time_s))
        self.whole.clicked.connect(lambda: self.part_picked.emit(0.0, 0.0))
        self.loop.toggled.connect(self.loop_toggled)

    @property
    def time_s(self) -> float:
        """The place in the film."""
        return self.scrubber.value() / TICKS_A_SECOND

    def show_film(self, seconds: float | None, part_s: tuple[float, float], *, from_start: bool = False) -> None:
        """Fit the scrubber to a film and to what is wanted of it, without a word."""
        self._length_s = seconds or 0.0
        self.scrubber.blockSignals(True)
        self.scrubber.setRange(0, round(self._length_s * TICKS_A_SECOND))
        self.scrubber.setPageStep(max(TICKS_A_SECOND, self.scrubber.maximum() // 20))
        if from_start:
            self.scrubber.setValue(0)
        self.scrubber.blockSignals(False)
        self.scrubber.part = (round(part_s[0] * TICKS_A_SECOND), round(part_s[1] * TICKS_A_SECOND))
        self.whole.setEnabled(any(part_s))
        self.time.setFixedWidth(self.fontMetrics().horizontalAdvance(f"{duration(self._length_s)} / "
                                                                     f"{duration(self._length_s)}") + 4)  # fmt: skip
        self._show_time()
        self.scrubber.update()

    def stop_loop(self) -> None:
        """Take the button back, without a word."""
        self.loop.blockSignals(True)
        self.loop.setChecked(False)
        self.loop.blockSignals(False)

    def _part_s(self) -> tuple[float, float]:
        start, end = self.scrubber.part
        return start / TICKS_A_SECOND, end / TICKS_A_SECOND

    def _pick(self, start_s: float, end_s: float) -> None:
        """Take the point that was set last; one beyond it goes back to the film's own."""
        if end_s and end_s <= start_s:
            start_s, end_s = (0.0, end_s) if end_s == self.time_s else (start_s, 0.0)
        if end_s >= self._length_s:
            end_s = 0.0
        self.part_picked.emit(start_s, end_s)

    def _tell_moved(self) -> None:
        self._show_time()
        self.moved.emit()

    def _show_time(self) -> None:
        self.time.setText(f"{duration(self.time_s)} / {duration(self._length_s)}")
