"""Show what the selected file will look like: before and after, a film's scrubber and loop."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, QTimer, Signal
from PySide6.QtGui import QImageReader
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from cgconv.runtime.events import LoopFrameReady, PreviewReady

from .buttons import tool_button
from .compare_view import CompareView, Pyramid
from .queue_item import FILM, QueueItem
from .texts import duration

LOOP_MS = 83  # the worker makes 12 frames a second
ASK_AFTER_MS = 120  # of quiet, while a slider moves


class _Loaded(QObject):
    """Signals: ready(int, object, object, object): a number, two pyramids (or None), the event."""

    ready = Signal(int, object, object, object)


class _Load(QRunnable):
    """Reads a preview's files away from the window's thread, and deletes them."""

    def __init__(self, number: int, event: PreviewReady | LoopFrameReady, told: _Loaded) -> None:
        super().__init__()
        self._number, self._event, self._told = number, event, told

    def run(self) -> None:
        pyramids = [_read(path) for path in (self._event.original, self._event.translated)]
        self._told.ready.emit(self._number, pyramids[0], pyramids[1], self._event)


def _read(path: Path | None) -> Pyramid | None:
    if path is None:
        return None
    QImageReader.setAllocationLimit(0)
    image = QImageReader(str(path)).read()
    path.unlink(missing_ok=True)
    return None if image.isNull() else Pyramid(image)


class PreviewPanel(QWidget):
    """The preview of one entry of the queue.

    Signals:
        wanted(QueueItem, float): show this entry, a film at so many seconds.
        loop_wanted(QueueItem, float): show a few seconds of this film from there on.
    """

    wanted = Signal(object, float)
    loop_wanted = Signal(object, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = CompareView()
        self.scrubber = QSlider(Qt.Orientation.Horizontal)
        self.scrubber.setAccessibleName(self.tr("Place in the film"))
        self.scrubber.setToolTip(self.tr("Place in the film"))
        self.time = QLabel()
        self.loop = tool_button(self.tr("Play 3 seconds"), checkable=True)
        self.loop.setToolTip(self.tr("Translate three seconds from here, small, and play them over and over"))
        self.fit = tool_button(self.tr("Fit"))
        self.fit.setToolTip(self.tr("Show the whole picture (0)"))
        self.pixels = tool_button(self.tr("1:1"))
        self.pixels.setToolTip(self.tr("Show every pixel (1)"))
        self.closer = tool_button("+")
        self.closer.setAccessibleName(self.tr("Zoom in"))
        self.closer.setToolTip(self.tr("Zoom in (+)"))
        self.farther = tool_button("−")
        self.farther.setAccessibleName(self.tr("Zoom out"))
        self.farther.setToolTip(self.tr("Zoom out (-)"))
        self.zoom = QLabel()
        self.status = QLabel()
        self.status.setObjectName("secondary")
        self.film_row = QWidget()
        film_line = QHBoxLayout(self.film_row)
        film_line.setContentsMargins(0, 0, 0, 0)
        for widget in (self.scrubber, self.time, self.loop):
            film_line.addWidget(widget, 1 if widget is self.scrubber else 0)
        tools = QHBoxLayout()
        tools.addWidget(self.status, 1)
        for widget in (self.zoom, self.fit, self.pixels, self.farther, self.closer):
            tools.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.film_row)
        layout.addLayout(tools)
        self._item: QueueItem | None = None
        self._number = self._loop_number = 0
        self._loaded = _Loaded(self)
        self._loop_frames: dict[int, tuple[Pyramid, Pyramid | None]] = {}
        self._loop_at = 0
        self._ask = QTimer(self, singleShot=True, interval=ASK_AFTER_MS)
        self._turn = QTimer(self, interval=LOOP_MS)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._loaded.ready.connect(self._show_loaded)
        self._ask.timeout.connect(self._emit_wanted)
        self._turn.timeout.connect(self._show_next_of_loop)
        self.scrubber.valueChanged.connect(self._move_in_film)
        self.loop.toggled.connect(self._toggle_loop)
        self.view.zoomed.connect(lambda zoom: self.zoom.setText(f"{zoom:.0%}" if zoom else ""))
        self.fit.clicked.connect(self.view.fit)
        self.pixels.clicked.connect(self.view.show_pixels)
        self.closer.clicked.connect(lambda: self.view.zoom_by(1.25))
        self.farther.clicked.connect(lambda: self.view.zoom_by(0.8))
        self.show_item(None)

    def show_item(self, item: QueueItem | None) -> None:
        """Show an entry, or that there is none."""
        if item is not None and item is self._item:
            return
        self._item = item
        self._stop_loop()
        self.view.clear()
        self._number = 0
        is_film = item is not None and item.kind == FILM
        self.film_row.setVisible(is_film)
        for button in (self.fit, self.pixels, self.closer, self.farther):
            button.setEnabled(item is not None)
        if item is None:
            self.status.clear()
            self.view.show_message(self.tr("Select a file in the queue to see it before and after."))
            return
        self.view.show_message(self.tr("Reading {name} …").format(name=item.path.name))
        if is_film:
            self.show_length(item)
        self.refresh()

    def show_length(self, item: QueueItem) -> None:
        """Fit the scrubber to what is known of the film now."""
        if item is self._item and item.kind == FILM:
            self.scrubber.blockSignals(True)
            self.scrubber.setRange(0, round((item.seconds or 0) * 10))
            self.scrubber.setPageStep(max(10, self.scrubber.maximum() // 20))
            self.scrubber.blockSignals(False)
            self._show_time()

    def refresh(self) -> None:
        """Ask for the preview anew: model or options have changed."""
        if self._item is not None:
            self._stop_loop()
            self._ask.start()

    def expect(self, number: int) -> None:
        """Show the answers to the request of this number, no other ones."""
        self._number = number
        if number:
            self.status.setText(self.tr("Preview is being made …"))

    def expect_loop(self, number: int) -> None:
        """Play the answers to the request of this number."""
        self._loop_number, self._loop_frames, self._loop_at = number, {}, 0

    def show_answer(self, number: int, event: object) -> None:
        """Load what the worker made; files of previews that nobody waits for any more are deleted."""
        if isinstance(event, PreviewReady | LoopFrameReady):
            if number in (self._number, self._loop_number):
                self._pool.start(_Load(number, event, self._loaded))
            else:
                for path in (event.original, event.translated):
                    if path is not None:
                        path.unlink(missing_ok=True)

    def show_failure(self, number: int, reason: str) -> None:
        """Say why there is no preview."""
        if number and number in (self._number, self._loop_number):
            self._stop_loop()
            self.view.clear()
            self.view.show_message(reason)
            self.status.setText(self.tr("No preview"))

    def _show_loaded(self, number: int, original: object, translated: object, event: object) -> None:
        if not isinstance(original, Pyramid):
            return
        after = translated if isinstance(translated, Pyramid) else None
        if isinstance(event, PreviewReady) and number == self._number:
            self.view.show_message("" if event.is_last else self.tr("Translating …"))
            self.view.show_pictures(original, after, event.scale)
            if after is None:
                self.status.setText(self.tr("Original") if event.is_last else self.tr("Preview is being made …"))
            elif not event.is_last:
                self.status.setText(self.tr("Quick look; full resolution is on its way …"))
            elif event.note == "reduced":
                self.status.setText(self.tr("Shown smaller than the result will be"))
            else:
                width, height = original.size_wh
                self.status.setText(self.tr("Full resolution, {size}").format(size=f"{width}×{height}"))
        elif isinstance(event, LoopFrameReady) and number == self._loop_number:
            self._loop_frames[event.index] = (original, after)
            self.status.setText(self.tr("Loop: {done} of {count} frames").format(
                done=len(self._loop_frames), count=event.count))  # fmt: skip
            if not self._turn.isActive():
                self._turn.start()

    def _show_next_of_loop(self) -> None:
        if self._loop_frames:
            self._loop_at = (self._loop_at + 1) % len(self._loop_frames)
            original, translated = self._loop_frames.get(self._loop_at, (None, None))
            if original is not None:
                self.view.show_pictures(original, translated, 1.0)

    def _move_in_film(self) -> None:
        self._show_time()
        self.refresh()

    def _show_time(self) -> None:
        total = self._item.seconds if self._item is not None else None
        self.time.setText(f"{duration(self.scrubber.value() / 10)} / {duration(total or 0)}")

    def _emit_wanted(self) -> None:
        if self._item is not None:
            self.wanted.emit(self._item, self.scrubber.value() / 10 if self._item.kind == FILM else 0.0)

    def _toggle_loop(self, on: bool) -> None:
        if on and self._item is not None:
            self._ask.stop()  # a still picture would take the loop's place
            self.status.setText(self.tr("Loop is being made …"))
            self.loop_wanted.emit(self._item, self.scrubber.value() / 10)
        else:
            self._stop_loop()
            self.refresh()

    def _stop_loop(self) -> None:
        self._turn.stop()
        self._loop_number, self._loop_frames = 0, {}
        if self.loop.isChecked():
            self.loop.blockSignals(True)
            self.loop.setChecked(False)
            self.loop.blockSignals(False)
