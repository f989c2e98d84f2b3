"""Show what the selected file will look like: before and after, a film's scrubber and loop."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QThreadPool, QTimer, Signal
from PySide6.QtGui import QImage, QImageReader, QPalette
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from cgconv.runtime.events import LoopFrameReady, PreviewReady
from cgconv.runtime.requests import ConvertOptions

from .buttons import name_button, tool_button
from .compare_view import CompareView, Way
from .elided import ElidedLabel
from .film_row import FilmRow
from .palette import icon
from .preview_cache import PreviewCache, Shown
from .pyramid import Pyramid
from .queue_item import FILM, QueueItem

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


def _part_of(item: QueueItem) -> tuple[float, float]:
    """Return from when to when a film is wanted, by what was said of it alone."""
    options = item.options_with(ConvertOptions())
    return options.start_s, options.end_s


class PreviewPanel(QWidget):
    """The preview of one entry of the queue.

    Signals:
        wanted(QueueItem, float): show this entry, a film at so many seconds.
        loop_wanted(QueueItem, float): show a few seconds of this film from there on.
        part_picked(QueueItem, float, float): translate this film from this second to that one (0: its end).
        full_screen_wanted(bool): show nothing but the picture, on the whole screen; or everything again.
    """

    wanted = Signal(object, float)
    loop_wanted = Signal(object, float)
    part_picked = Signal(object, float, float)
    full_screen_wanted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = CompareView()
        self.film = FilmRow()
        self._make_tools()
        tools = QHBoxLayout()
        tools.setSpacing(4)
        tools.addWidget(self.status, 1)
        for widget in (self.zoom, self.fit, self.pixels, self.farther, self.closer):
            tools.addWidget(widget)
        tools.addSpacing(8)
        for button in (self.divider, self.beside, self.original, self.full_screen):
            tools.addWidget(button)
        kept = self.film.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # the picture does not move where a film comes after a photograph
        self.film.setSizePolicy(kept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(tools)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.film)
        self._item: QueueItem | None = None
        self._number = self._loop_number = 0
        self._key: Hashable = None  # of the preview that is waited for or shown
        self._strength = 1.0  # of that preview
        self.cache = PreviewCache()
        self._loaded = _Loaded(self)
        self._loop_frames: dict[int, tuple[Pyramid, Pyramid | None]] = {}
        self._loop_at = 0
        self._ask = QTimer(self, singleShot=True, interval=ASK_AFTER_MS)
        self._is_asking_again = False
        self._turn = QTimer(self, interval=LOOP_MS)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._loaded.ready.connect(self._show_loaded)
        self._ask.timeout.connect(self._ask_again)
        self._turn.timeout.connect(self._show_next_of_loop)
        self.film.moved.connect(self.refresh)
        self.film.loop_toggled.connect(self._toggle_loop)
        self.film.part_picked.connect(lambda start_s, end_s: self.part_picked.emit(self._item, start_s, end_s))
        self.view.zoomed.connect(lambda zoom: self.zoom.setText(f"{zoom:.0%}" if zoom else ""))
        self.show_icons()
        self.show_item(None)

    def _make_tools(self) -> None:
        self.status = ElidedLabel()
        self.zoom = QLabel()
        self.zoom.setFixedWidth(self.fontMetrics().horizontalAdvance("1600%"))
        self.fit, self.pixels = tool_button(self.tr("Fit")), tool_button(self.tr("1:1"))
        self.farther, self.closer = tool_button("−"), tool_button("+")
        self.divider, self.beside = tool_button("", checkable=True), tool_button("", checkable=True)
        self.original, self.full_screen = tool_button(""), tool_button("", checkable=True)
        for button, words in (
            (self.fit, self.tr("Show the whole picture (0)")),
            (self.pixels, self.tr("Show every pixel (1)")),
            (self.closer, self.tr("Zoom in (+)")),
            (self.farther, self.tr("Zoom out (-)")),
            (self.divider, self.tr("Before and after in one picture, with a divider to drag")),
            (self.beside, self.tr("Before and after side by side")),
            (self.original, self.tr("Hold for the original (Space)")),
            (self.full_screen, self.tr("Picture on the whole screen (F11, back with Esc)")),
        ):
            name_button(button, words)
        ways = QButtonGroup(self)
        for button in (self.divider, self.beside):
            ways.addButton(button)
        self.divider.setChecked(True)
        self.fit.clicked.connect(self.view.fit)
        self.pixels.clicked.connect(self.view.show_pixels)
        self.closer.clicked.connect(lambda: self.view.zoom_by(1.25))
        self.farther.clicked.connect(lambda: self.view.zoom_by(0.8))
        self.divider.clicked.connect(lambda: self.view.show_way(Way.DIVIDER))
        self.beside.clicked.connect(lambda: self.view.show_way(Way.BESIDE))
        self.original.pressed.connect(lambda: self.view.hold_original(True))
        self.original.released.connect(lambda: self.view.hold_original(False))
        self.full_screen.toggled.connect(self.full_screen_wanted)

    def show_icons(self) -> None:
        """Draw the icons in the palette's colors."""
        buttons: list[tuple[QToolButton, str]] = [
            (self.divider, "divider"), (self.beside, "beside"), (self.original, "original"),
            (self.full_screen, "full screen"), (self.film.begin, "begin"), (self.film.end, "end"),
            (self.film.whole, "whole"), (self.film.loop, "start"),
        ]  # fmt: skip
        palette: QPalette = self.window().palette()
        for button, name in buttons:
            button.setIcon(icon(name, palette))

    def show_item(self, item: QueueItem | None) -> None:
        """Show an entry, or that there is none."""
        if item is not None and item is self._item:
            return
        self._item = item
        self._stop_loop()
        self.view.clear()
        self._number, self._key = 0, None
        self.film.setVisible(item is not None and item.kind == FILM)
        for button in (self.fit, self.pixels, self.closer, self.farther, self.divider, self.beside, self.original):
            button.setEnabled(item is not None)
        if item is None:
            self.status.clear()
            self.view.show_message(self.tr("Select a file in the queue to see it before and after."))
            return
        self.status.setText(self.tr("Reading {name} …").format(name=item.path.name))
        self.view.show_message(self.status.text())
        if item.kind == FILM:
            self.film.show_film(item.seconds, _part_of(item), from_start=True)
        if item.thumbnail is not None and not (image := QImage(str(item.thumbnail))).isNull():  # until it is read
            full_width = item.size_wh[0] if item.size_wh is not None else image.width()
            self.view.show_pictures(Pyramid(image), None, image.width() / full_width)
        self._want()

    def show_length(self, item: QueueItem) -> None:
        """Fit the scrubber to what is known of the film now."""
        if item is self._item and item.kind == FILM:
            self.film.show_film(item.seconds, _part_of(item))

    def refresh(self) -> None:
        """Ask for the preview anew: model, options or the place in the film have changed."""
        if self._item is not None:
            self._stop_loop()
            self._want()

    def _want(self) -> None:
        """Ask at once; while much changes, a little later for the last state of it."""
        if self._ask.isActive():
            self._is_asking_again = True
            return
        self._ask.start()
        if self._item is not None:
            time_s = self.film.time_s if self._item.kind == FILM else 0.0
            self.wanted.emit(self._item, time_s)

    def _ask_again(self) -> None:
        if self._is_asking_again:
            self._is_asking_again = False
            self._want()

    def show_kept(self, key: Hashable, strength: float) -> bool:
        """Show the preview of this key, if it was made before or is being made; say whether that is so."""
        self._strength = strength
        kept = self.cache.find(key)
        if kept is None:
            return key == self._key
        self._number, self._key = 0, key
        self._show(kept)
        return True

    def expect(self, number: int, key: Hashable) -> None:
        """Show the answers to the request of this number, no other ones; the last one is kept under its key."""
        self._number, self._key = number, key
        self.status.setText(self.tr("Preview is being made …"))

    def expect_loop(self, number: int) -> None:
        """Play the answers to the request of this number."""
        self._loop_number, self._loop_frames, self._loop_at = number, {}, 0

    def show_strength(self, strength: float) -> None:
        """Mix in the view what is not mixed in a result's file."""
        self._strength = strength
        self.view.show_strength(strength)

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
            self._key = None
            self.view.clear()
            self.view.show_message(reason)
            self.status.setText(self.tr("No preview"))

    def _show_loaded(self, number: int, original: object, translated: object, event: object) -> None:
        if not isinstance(original, Pyramid):
            return
        after = translated if isinstance(translated, Pyramid) else None
        if isinstance(event, PreviewReady) and number == self._number:
            if after is None and not event.is_last:
                self.view.show_message(self.tr("Translating …"))
                self.view.show_original(original, event.scale)
                return
            shown = Shown(original, after, event.scale, event.note)
            if event.is_last:
                self.cache.keep(self._key, shown)
                self._show(shown)
            else:
                self._show(shown)
                self.status.setText(self.tr("Quick look; full resolution is on its way …"))
        elif isinstance(event, LoopFrameReady) and number == self._loop_number:
            self._loop_frames[event.index] = (original, after)
            self.status.setText(self.tr("Loop: {done} of {count} frames").format(
                done=len(self._loop_frames), count=event.count))  # fmt: skip
            if not self._turn.isActive():
                self._turn.start()

    def _show(self, shown: Shown) -> None:
        self.view.show_message("")
        self.view.show_strength(self._strength)
        self.view.show_pictures(shown.original, shown.translated, shown.scale, is_result=shown.note == "result")
        width, height = (shown.translated or shown.original).size_wh
        size = f"{width}×{height}"
        if shown.translated is None:
            self.status.setText(self.tr("Original"))
        elif shown.note == "result":
            self.status.setText(self.tr("The result, {size}").format(size=size))
        elif shown.note == "reduced":
            self.status.setText(self.tr("Shown smaller than the result will be"))
        else:
            self.status.setText(self.tr("Full resolution, {size}").format(size=size))

    def _show_next_of_loop(self) -> None:
        if self._loop_frames:
            self._loop_at = (self._loop_at + 1) % len(self._loop_frames)
            original, translated = self._loop_frames.get(self._loop_at, (None, None))
            if original is not None:
                self.view.show_pictures(original, translated, 1.0)

    def _toggle_loop(self, on: bool) -> None:
        if on and self._item is not None:
            self._ask.stop()  # a still picture would take the loop's place
            self._is_asking_again, self._number, self._key = False, 0, None
            self.status.setText(self.tr("Loop is being made …"))
            self.loop_wanted.emit(self._item, self.film.time_s)
        else:
            self.refresh()

    def _stop_loop(self) -> None:
        self._turn.stop()
        self._loop_number, self._loop_frames = 0, {}
        self.film.stop_loop()
