"""Show a picture before and after: with a divider to drag or side by side, zoomed and panned to full resolution."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from .pyramid import Pyramid, paint_checkerboard, paint_mixed

GRAB_PX = 12
LARGEST_ZOOM = 16.0  # screen pixels a picture pixel
STEP = 0.05
GAP_PX = 4  # between the two halves of a view side by side


class Way(StrEnum):
    """How before and after are shown."""

    DIVIDER = "divider"  # on top of each other
    BESIDE = "beside"  # or below each other, whichever shows more


class CompareView(QWidget):
    """Left of the divider the picture as it was, right of it the translation.

    Arrow keys move the divider, + and - zoom, 0 fits, 1 shows picture pixels; dragging beside the divider pans.
    While Space is held down only the original is shown.

    Signals:
        zoomed(float): to so many screen pixels a picture pixel; 0 where there is no picture.
    """

    zoomed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(240, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Before and after"))
        self.setAccessibleDescription(
            self.tr("Arrow keys move the divider, plus and minus zoom, Space shows the original.")
        )
        self._original: Pyramid | None = None
        self._translated: Pyramid | None = None
        self._full_wh = (0, 0)  # in pixels of the full-size picture, also while a smaller one is shown
        self.divider = 0.5
        self.strength = 1.0
        self.way = Way.DIVIDER
        self._zoom = 0.0  # device pixels a full-size pixel; 0: fit
        self._center = QPointF(0.5, 0.5)  # of the view, in parts of the picture
        self._drag = ""
        self._drag_from = QPointF()
        self._only_original = False
        self._message = ""
        self._is_result = False

    @property
    def has_translation(self) -> bool:
        """Whether an "after" is shown."""
        return self._translated is not None

    def show_pictures(
        self, original: Pyramid, translated: Pyramid | None, scale: float, *, is_result: bool = False
    ) -> None:
        """Show these; `scale` is the original's size over the full size. Zoom and divider stay where the shape stays.

        `is_result`: the translation is the file that was made.
        """
        self._original, self._translated, self._is_result = original, translated, is_result
        width, height = original.size_wh
        full = (round(width / scale), round(height / scale))
        if abs(full[0] * self._full_wh[1] - full[1] * self._full_wh[0]) > 0.02 * full[0] * max(1, full[1]):
            self._zoom, self._center = 0.0, QPointF(0.5, 0.5)
        self._full_wh = full
        self._tell_zoom()
        self.update()

    def show_original(self, original: Pyramid, scale: float) -> None:
        """Show this one before the translation that is there, which stays."""
        self.show_pictures(original, self._translated, scale, is_result=self._is_result)

    def show_message(self, text: str) -> None:
        """Show a sentence where there is no picture."""
        self._message = text
        self.update()

    def show_strength(self, strength: float) -> None:
        """Mix the translation with the original, as the result will be."""
        self.strength = strength
        self.update()

    def show_way(self, way: Way) -> None:
        """Show before and after on top of each other, or side by side."""
        self.way = way
        self._after_zoom()

    def hold_original(self, on: bool) -> None:
        """Show only the original while this is on."""
        self._only_original = on
        self.update()

    def clear(self) -> None:
        """Show nothing; the next picture is seen whole, with the divider in its middle."""
        self._original = self._translated = None
        self._full_wh = (0, 0)
        self._zoom, self._center, self.divider = 0.0, QPointF(0.5, 0.5), 0.5
        self._tell_zoom()
        self.update()

    def fit(self) -> None:
        """Show the whole picture."""
        self._zoom, self._center = 0.0, QPointF(0.5, 0.5)
        self._after_zoom()

    def show_pixels(self) -> None:
        """Show picture pixels as screen pixels."""
        self._zoom = 1.0
        self._after_zoom()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom, keeping the place under `at` where it is."""
        if self._original is None:
            return
        size, _ = self._panes()
        at = self._in_first_pane(at) if at is not None else QPointF(size.width() / 2, size.height() / 2)
        place = self._place_at(at)
        fit = self._fit_zoom()
        zoom = min(LARGEST_ZOOM, (self._zoom or fit) * factor)
        self._zoom = 0.0 if zoom <= fit * 1.001 else zoom
        if self._zoom == 0.0:
            self._center = QPointF(0.5, 0.5)
        else:
            self._center += place - self._place_at(at)
        self._after_zoom()

    def _after_zoom(self) -> None:
        self._keep_inside()
        self._tell_zoom()
        self.update()

    def _tell_zoom(self) -> None:
        self.zoomed.emit((self._zoom or self._fit_zoom()) if self._original is not None else 0.0)

    def _is_split(self) -> bool:
        return self.way is Way.BESIDE

    def _panes(self) -> tuple[QSizeF, QPointF]:
        """Return the size of what shows one picture, and where the second one of its kind begins."""
        width, height = self.width(), self.height()
        if not self._is_split():
            return QSizeF(width, height), QPointF()
        beside, below = QSizeF((width - GAP_PX) / 2, height), QSizeF(width, (height - GAP_PX) / 2)
        if self._fit_in(beside) >= self._fit_in(below):
            return beside, QPointF(beside.width() + GAP_PX, 0)
        return below, QPointF(0, below.height() + GAP_PX)

    def _in_first_pane(self, at: QPointF) -> QPointF:
        """Return the place in the first pane that shows what is under `at`."""
        _, second = self._panes()
        is_in_second = not second.isNull() and at.x() >= second.x() and at.y() >= second.y()
        return at - second if is_in_second else at

    def _fit_in(self, size: QSizeF) -> float:
        width, height = self._full_wh
        if not width or not height:
            return 1.0
        ratio = self.devicePixelRatioF()
        return min(size.width() * ratio / width, size.height() * ratio / height)

    def _fit_zoom(self) -> float:
        return self._fit_in(self._panes()[0])

    def _target(self) -> QRectF:
        """Return where the whole picture lies (in the first pane), in widget coordinates.

        It begins on a pixel of the screen: between two of them, nothing would be sharp.
        """
        (size, _), ratio = self._panes(), self.devicePixelRatioF()
        zoom = (self._zoom or self._fit_zoom()) / ratio
        width, height = self._full_wh[0] * zoom, self._full_wh[1] * zoom
        left = size.width() / 2 - width * self._center.x()
        top = size.height() / 2 - height * self._center.y()
        return QRectF(round(left * ratio) / ratio, round(top * ratio) / ratio, width, height)

    def _place_at(self, at: QPointF) -> QPointF:
        target = self._target()
        return QPointF(
            (at.x() - target.x()) / max(1.0, target.width()), (at.y() - target.y()) / max(1.0, target.height())
        )

    def _keep_inside(self) -> None:
        target, (size, _) = self._target(), self._panes()

        def kept(center: float, length: float, room: float) -> float:
            half = room / 2 / max(1.0, length)
            return 0.5 if half >= 0.5 else min(1 - half, max(half, center))

        self._center = QPointF(
            kept(self._center.x(), target.width(), size.width()),
            kept(self._center.y(), target.height(), size.height()),
        )

    def _divider_x(self) -> float:
        seen = self._target().intersected(QRectF(self.rect()))
        return seen.left() + self.divider * seen.width()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  # Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(self.backgroundRole()).darker(108))
        if self._original is None:
            painter.setPen(self.palette().windowText().color())
            painter.drawText(
                self.rect().adjusted(24, 24, -24, -24), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                self._message,
            )  # fmt: skip
            return
        target = self._target()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._zoom < 3)
        size, second = self._panes()
        whole = QRectF(QPointF(), size)
        if self._translated is None or self._only_original:
            self._paint_original(painter, self._original, target, whole)
            if self._is_split():
                self._paint_original(painter, self._original, target.translated(second), whole.translated(second))
        elif self._is_split():
            self._paint_original(painter, self._original, target, whole)
            paint_mixed(painter, self._original, self._translated, self.strength, target.translated(second),
                        whole.translated(second))  # fmt: skip
            self._paint_label(painter, self.tr("Before"), 10, 10)
            self._paint_label(painter, self._words_of_after(), second.x() + 10, second.y() + 10)
        else:
            line = self._divider_x()
            self._paint_original(painter, self._original, target, QRectF(0, 0, line, self.height()))
            paint_mixed(painter, self._original, self._translated, self.strength, target,
                        QRectF(line, 0, self.width() - line, self.height()))  # fmt: skip
            self._draw_divider(painter, line, target)
            self._paint_label(painter, self.tr("Before"), 10, 10)
            after = self._words_of_after()
            self._paint_label(painter, after, self.width() - self._label_width(after) - 10, 10)
        if self._message:
            self._paint_label(painter, self._message, (self.width() - self._label_width(self._message)) / 2, 10)

    def _paint_original(self, painter: QPainter, original: Pyramid, target: QRectF, clip: QRectF) -> None:
        if original.has_alpha:
            paint_checkerboard(painter, target.intersected(clip))
        original.paint(painter, target, clip)

    def _words_of_after(self) -> str:
        return self.tr("Result") if self._is_result else self.tr("After")

    def _draw_divider(self, painter: QPainter, line: float, target: QRectF) -> None:
        seen = target.intersected(QRectF(self.rect()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(0, 0, 0, 130), 4))
        painter.drawLine(QPointF(line, seen.top()), QPointF(line, seen.bottom()))
        painter.setPen(QPen(QColor(255, 255, 255), 2))
        painter.drawLine(QPointF(line, seen.top()), QPointF(line, seen.bottom()))
        knob = QPointF(line, seen.center().y())
        accent = self.palette().highlight().color() if self.hasFocus() else QColor(40, 40, 40)
        painter.setBrush(accent)
        painter.drawEllipse(knob, 13, 13)
        for side in (-1, 1):
            tip = QPointF(knob.x() + side * 8, knob.y())
            painter.drawLine(tip, QPointF(knob.x() + side * 4, knob.y() - 4))
            painter.drawLine(tip, QPointF(knob.x() + side * 4, knob.y() + 4))

    def _label_width(self, text: str) -> int:
        return min(self.width() - 20, self.fontMetrics().horizontalAdvance(text) + 16)

    def _paint_label(self, painter: QPainter, text: str, left: float, top: float) -> None:
        metrics = painter.fontMetrics()
        box = QRectF(left, top, self._label_width(text), metrics.height() + 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 190))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(255, 255, 255))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, metrics.elidedText(
            text, Qt.TextElideMode.ElideRight, int(box.width()) - 12))  # fmt: skip

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() is not Qt.MouseButton.LeftButton or self._original is None:
            return
        on_divider = self._has_divider() and (self._is_near(event) or self._zoom == 0.0)
        self._drag = "divider" if on_divider else "pan"
        self._drag_from = event.position()
        if self._drag == "divider":
            self._move_divider(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._drag == "divider":
            self._move_divider(event.position().x())
        elif self._drag == "pan":
            target, moved = self._target(), event.position() - self._drag_from
            self._drag_from = event.position()
            self._center -= QPointF(moved.x() / max(1.0, target.width()), moved.y() / max(1.0, target.height()))
            self._keep_inside()
            self.update()
        else:
            shapes = Qt.CursorShape
            near = self._has_divider() and self._is_near(event)
            self.setCursor(shapes.SplitHCursor if near else shapes.OpenHandCursor if self._zoom else shapes.ArrowCursor)

    def _has_divider(self) -> bool:
        return self._translated is not None and self.way is Way.DIVIDER

    def _is_near(self, event: QMouseEvent) -> bool:
        return abs(event.position().x() - self._divider_x()) <= GRAB_PX

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._drag = ""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._zoom:
            self.fit()
        else:
            self.zoom_by(1.0 / self._fit_zoom(), event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        self.zoom_by(1.25 ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        keys = Qt.Key
        match event.key():
            case keys.Key_Left | keys.Key_Right:
                self.divider = min(1.0, max(0.0, self.divider + (STEP if event.key() == keys.Key_Right else -STEP)))
                self.update()
            case keys.Key_Plus | keys.Key_Equal:
                self.zoom_by(1.25)
            case keys.Key_Minus:
                self.zoom_by(0.8)
            case keys.Key_0:
                self.fit()
            case keys.Key_1:
                self.show_pixels()
            case keys.Key_Space:
                self.hold_original(True)
            case _:
                super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.hold_original(False)
        else:
            super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.hold_original(False)
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self._keep_inside()
        self._tell_zoom()
        super().resizeEvent(event)

    def _move_divider(self, x: float) -> None:
        seen = self._target().intersected(QRectF(self.rect()))
        self.divider = min(1.0, max(0.0, (x - seen.left()) / max(1.0, seen.width())))
        self.update()
