"""Show a picture before and after with a divider to drag, zoom and pan to full resolution."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

GRAB_PX = 12
LARGEST_ZOOM = 16.0  # screen pixels a picture pixel
STEP = 0.05


class Pyramid:
    """A picture at full size, a half, a quarter …: painting it at any zoom costs what the screen costs."""

    def __init__(self, image: QImage) -> None:
        self.levels = [image.convertToFormat(QImage.Format.Format_RGB32)]
        while max(self.levels[-1].width(), self.levels[-1].height()) > 1024:
            last = self.levels[-1]
            self.levels.append(
                last.scaled(last.width() // 2, last.height() // 2, Qt.AspectRatioMode.IgnoreAspectRatio,
                            Qt.TransformationMode.SmoothTransformation)
            )  # fmt: skip

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.levels[0].width(), self.levels[0].height()

    def level_for(self, zoom: float) -> QImage:
        """Return the smallest level that is not enlarged at this zoom (screen pixels a full-size pixel)."""
        best = self.levels[0]
        for level in self.levels[1:]:
            if level.width() < zoom * self.levels[0].width():
                break
            best = level
        return best


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
        self.setMinimumSize(240, 160)
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
        self._zoom = 0.0  # device pixels a full-size pixel; 0: fit
        self._center = QPointF(0.5, 0.5)  # of the view, in parts of the picture
        self._drag = ""
        self._drag_from = QPointF()
        self._only_original = False
        self._message = ""

    def show_pictures(self, original: Pyramid | None, translated: Pyramid | None, scale: float) -> None:
        """Show these; `scale` is their size over the full size. Zoom and divider stay where the shape stays."""
        self._original, self._translated = original, translated
        if original is not None:
            width, height = original.size_wh
            full = (round(width / scale), round(height / scale))
            if abs(full[0] * self._full_wh[1] - full[1] * self._full_wh[0]) > 0.02 * full[0] * max(1, full[1]):
                self._zoom, self._center = 0.0, QPointF(0.5, 0.5)
            self._full_wh = full
        self._tell_zoom()
        self.update()

    def show_message(self, text: str) -> None:
        """Show a sentence where there is no picture."""
        self._message = text
        self.update()

    def show_strength(self, strength: float) -> None:
        """Mix the translation with the original, as the result will be."""
        self.strength = strength
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._original = self._translated = None
        self._full_wh = (0, 0)
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
        at = at or QPointF(self.rect().center())
        place = self._place_at(at)
        fit = self._fit_zoom()
        zoom = min(LARGEST_ZOOM, (self._zoom or fit) * factor)
        self._zoom = 0.0 if zoom <= fit * 1.001 else zoom
        if self._zoom == 0.0:
            self._center = QPointF(0.5, 0.5)
        else:
            target = self._target()
            moved = self._place_at(at, target)
            self._center += place - moved
            self._keep_inside()
        self._after_zoom()

    def _after_zoom(self) -> None:
        self._keep_inside()
        self._tell_zoom()
        self.update()

    def _tell_zoom(self) -> None:
        self.zoomed.emit((self._zoom or self._fit_zoom()) if self._original is not None else 0.0)

    def _fit_zoom(self) -> float:
        width, height = self._full_wh
        if not width or not height:
            return 1.0
        ratio = self.devicePixelRatioF()
        return min(self.width() * ratio / width, self.height() * ratio / height)

    def _target(self) -> QRectF:
        """Return where the whole picture lies, in widget coordinates."""
        ratio = self.devicePixelRatioF()
        zoom = (self._zoom or self._fit_zoom()) / ratio
        width, height = self._full_wh[0] * zoom, self._full_wh[1] * zoom
        return QRectF(
            self.width() / 2 - width * self._center.x(), self.height() / 2 - height * self._center.y(), width, height
        )

    def _place_at(self, at: QPointF, target: QRectF | None = None) -> QPointF:
        target = target or self._target()
        return QPointF(
            (at.x() - target.x()) / max(1.0, target.width()), (at.y() - target.y()) / max(1.0, target.height())
        )

    def _keep_inside(self) -> None:
        target = self._target()

        def kept(center: float, length: float, room: int) -> float:
            half = room / 2 / max(1.0, length)
            return 0.5 if half >= 0.5 else min(1 - half, max(half, center))

        self._center = QPointF(
            kept(self._center.x(), target.width(), self.width()),
            kept(self._center.y(), target.height(), self.height()),
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
        self._draw(painter, self._original, target, QRectF(self.rect()))
        if self._translated is None or self._only_original:
            if self._message and self._translated is None:
                self._draw_label(painter, self._message, Qt.AlignmentFlag.AlignHCenter)
            return
        line = self._divider_x()
        painter.setOpacity(self.strength)
        self._draw(painter, self._translated, target, QRectF(line, 0, self.width() - line, self.height()))
        painter.setOpacity(1)
        self._draw_divider(painter, line, target)
        self._draw_label(painter, self.tr("Before"), Qt.AlignmentFlag.AlignLeft)
        self._draw_label(painter, self.tr("After"), Qt.AlignmentFlag.AlignRight)

    def _draw(self, painter: QPainter, picture: Pyramid, target: QRectF, clip: QRectF) -> None:
        """Draw the part of the picture that is seen in `clip`, from the level that fits."""
        seen = target.intersected(clip)
        if seen.isEmpty():
            return
        level = picture.level_for(target.width() * self.devicePixelRatioF() / picture.size_wh[0])
        x, y = level.width() / target.width(), level.height() / target.height()
        source = QRectF((seen.x() - target.x()) * x, (seen.y() - target.y()) * y, seen.width() * x, seen.height() * y)
        painter.drawImage(seen, level, source)

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

    def _draw_label(self, painter: QPainter, text: str, side: Qt.AlignmentFlag) -> None:
        metrics = painter.fontMetrics()
        width = min(self.width() - 20, metrics.horizontalAdvance(text) + 16)
        left = {Qt.AlignmentFlag.AlignLeft: 10, Qt.AlignmentFlag.AlignRight: self.width() - width - 10}.get(
            side, (self.width() - width) // 2
        )
        box = QRectF(left, 10, width, metrics.height() + 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 190))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(255, 255, 255))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, metrics.elidedText(
            text, Qt.TextElideMode.ElideRight, int(width) - 12))  # fmt: skip

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() is not Qt.MouseButton.LeftButton or self._original is None:
            return
        near = abs(event.position().x() - self._divider_x()) <= GRAB_PX
        self._drag = "divider" if self._translated is not None and (near or self._zoom == 0.0) else "pan"
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
        elif self._translated is not None:
            near = abs(event.position().x() - self._divider_x()) <= GRAB_PX
            shapes = Qt.CursorShape
            self.setCursor(shapes.SplitHCursor if near else shapes.OpenHandCursor if self._zoom else shapes.ArrowCursor)

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
                self._only_original = True
                self.update()
            case _:
                super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._only_original = False
            self.update()
        else:
            super().keyReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self._only_original = False
        self.update()
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self._keep_inside()
        self._tell_zoom()
        super().resizeEvent(event)

    def _move_divider(self, x: float) -> None:
        seen = self._target().intersected(QRectF(self.rect()))
        self.divider = min(1.0, max(0.0, (x - seen.left()) / max(1.0, seen.width())))
        self.update()
