"""Hold a picture in several sizes, and paint any part of it; what is transparent lies on a checkerboard."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPixmap

CHECK_PX = 8
CHECK_COLORS = ("#ffffff", "#cfcfcf")


class Pyramid:
    """A picture at full size, a half, a quarter …: painting it at any zoom costs what the screen costs."""

    def __init__(self, image: QImage) -> None:
        self.has_alpha = image.hasAlphaChannel()
        formats = QImage.Format
        self.levels = [
            image.convertToFormat(formats.Format_ARGB32_Premultiplied if self.has_alpha else formats.Format_RGB32)
        ]
        while max(self.levels[-1].width(), self.levels[-1].height()) > 1024:
            last = self.levels[-1]
            self.levels.append(
                last.scaled(last.width() // 2, last.height() // 2, Qt.AspectRatioMode.IgnoreAspectRatio,
                            Qt.TransformationMode.SmoothTransformation)
            )  # fmt: skip

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.levels[0].width(), self.levels[0].height()

    @property
    def bytes(self) -> int:
        return sum(level.sizeInBytes() for level in self.levels)

    def level_for(self, zoom: float) -> QImage:
        """Return the smallest level that is not enlarged at this zoom (screen pixels a full-size pixel)."""
        best = self.levels[0]
        for level in self.levels[1:]:
            if level.width() < zoom * self.levels[0].width():
                break
            best = level
        return best

    def paint(self, painter: QPainter, target: QRectF, clip: QRectF) -> None:
        """Paint what is seen in `clip` of the picture, which as a whole lies in `target`."""
        seen = target.intersected(clip)
        if seen.isEmpty():
            return
        level = self.level_for(target.width() * painter.device().devicePixelRatioF() / self.size_wh[0])
        x, y = level.width() / target.width(), level.height() / target.height()
        source = QRectF((seen.x() - target.x()) * x, (seen.y() - target.y()) * y, seen.width() * x, seen.height() * y)
        painter.drawImage(seen, level, source)


def paint_mixed(
    painter: QPainter, original: Pyramid, translated: Pyramid, strength: float, target: QRectF, clip: QRectF
) -> None:
    """Paint the translation mixed with the original, in color and in transparency."""
    if not (original.has_alpha or translated.has_alpha):
        original.paint(painter, target, clip)
        painter.setOpacity(strength)
        translated.paint(painter, target, clip)
        painter.setOpacity(1)
        return
    ratio = painter.device().devicePixelRatioF()
    mixed = QImage((clip.size() * ratio).toSize(), QImage.Format.Format_ARGB32_Premultiplied)
    if mixed.isNull():
        return
    mixed.setDevicePixelRatio(ratio)
    mixed.fill(Qt.GlobalColor.transparent)
    adding = QPainter(mixed)
    adding.setRenderHints(painter.renderHints())
    adding.translate(-clip.topLeft())
    adding.setCompositionMode(QPainter.CompositionMode.CompositionMode_Plus)
    for picture, share in ((original, 1 - strength), (translated, strength)):
        adding.setOpacity(share)
        picture.paint(adding, target, clip)
    adding.end()
    paint_checkerboard(painter, target.intersected(clip))
    painter.drawImage(clip.topLeft(), mixed)


def paint_checkerboard(painter: QPainter, box: QRectF) -> None:
    """Paint the ground that transparent pictures lie on; it stays where it is while they are moved."""
    tile = QPixmap(2 * CHECK_PX, 2 * CHECK_PX)
    tile.fill(QColor(CHECK_COLORS[0]))
    drawing = QPainter(tile)
    for x, y in ((0, 0), (CHECK_PX, CHECK_PX)):
        drawing.fillRect(x, y, CHECK_PX, CHECK_PX, QColor(CHECK_COLORS[1]))
    drawing.end()
    painter.setBrushOrigin(QPointF(0, 0))
    painter.fillRect(box, QBrush(tile))
