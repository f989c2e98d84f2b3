"""Show the samples of a training, with a title over each column; a click shows them in full size."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from .palette import secondary

ROWS = 4  # of the trainer's grid, whose samples are square


class SampleView(QWidget):
    """Shows a grid of samples as large as there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self._titles: list[str] = []
        self.setMinimumSize(300, 140)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(
            self.tr("Samples: picture, translation and, where both ways are learned, translated back")
        )

    def sizeHint(self) -> QSize:  # noqa: N802  # Qt's name
        return QSize(500, 360)

    def show_titles(self, a: str, b: str) -> None:
        """Call the two kinds of pictures so."""
        there = [a, f"→ {b}", self.tr("back again")]
        self._titles = [*there, b, f"→ {a}", self.tr("back again")]
        self.update()

    def show_grid(self, path: Path) -> None:
        """Show a grid; one that is just being replaced leaves the last one in sight."""
        pixmap = QPixmap(str(path))
        if not pixmap.isNull():
            self._pixmap = pixmap
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setToolTip(self.tr("Click for the full size"))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._pixmap.isNull() or not self.rect().contains(event.position().toPoint()):
            return
        dialog = QDialog(self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Samples"))
        picture = QLabel()
        picture.setPixmap(self._pixmap)
        area = QScrollArea()
        area.setWidget(picture)
        layout = QVBoxLayout(dialog)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        room = self.screen().availableSize() * 0.9
        dialog.resize(self._pixmap.size().grownBy(area.viewportMargins()).boundedTo(room) + QSize(4, 4))
        dialog.open()

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
        line = painter.fontMetrics().lineSpacing() + 4
        room = (self.size() - QSize(0, line)).expandedTo(QSize(1, 1))
        scaled = self._pixmap.scaled(
            room * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        scaled.setDevicePixelRatio(ratio)
        size = scaled.deviceIndependentSize()
        left, top = round((self.width() - size.width()) / 2), line + round((room.height() - size.height()) / 2)
        painter.drawPixmap(left, top, scaled)
        columns = max(1, round(self._pixmap.width() * ROWS / max(1, self._pixmap.height())))
        width = size.width() / columns
        painter.setPen(self.palette().text().color())
        for number, title in enumerate(
            self._titles[:columns] if columns != 4 else self._titles[:2] + self._titles[3:5]
        ):
            words = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, round(width) - 4)
            painter.drawText(round(left + number * width) + 2, top - 4, words)
