"""Paint the queue's cells: a film's progress, thumbnails, and whole entries in a list."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import (
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
)

from .palette import bad, good, icon, secondary
from .queue_item import FILM, QueueItem, State
from .queue_model import ITEM_ROLE, THUMBNAIL_WH, Column

MARGIN_PX = 6
MARK_PX = 16  # of what says that an entry has options of its own


def state_color(item: QueueItem, palette: QPalette) -> QColor | None:
    """Return the color of an entry's state, None for the text's own."""
    if item.is_bad:
        return bad(palette)
    return good(palette) if item.state is State.DONE else None


class Mark:
    """What says that an entry has a model or options of its own; drawn once for each palette."""

    def __init__(self) -> None:
        self._icon, self._color = QIcon(), ""

    def icon(self, palette: QPalette) -> QIcon:
        """Return it in the palette's colors."""
        color = palette.color(QPalette.ColorRole.ButtonText).name()
        if color != self._color:
            self._icon, self._color = icon("own", palette), color
        return self._icon


class ListCell(QStyledItemDelegate):
    """Paints an entry: thumbnail, name, and below it its state and what else is known."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._mark = Mark()

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        item = index.data(ITEM_ROLE)
        if not isinstance(item, QueueItem):
            return
        palette: QPalette = option.palette
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        text = palette.color(QPalette.ColorRole.HighlightedText if is_chosen else QPalette.ColorRole.Text)
        QApplication.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter)
        painter.save()
        box: QRect = option.rect.adjusted(MARGIN_PX - 2, 0, -MARGIN_PX, 0)
        self._paint_thumbnail(painter, index.data(Qt.ItemDataRole.DecorationRole), box)
        box.setLeft(box.left() + THUMBNAIL_WH[0] + MARGIN_PX)
        if item.has_own_options:
            mark = QRect(box.right() - MARK_PX, box.center().y() - MARK_PX // 2, MARK_PX, MARK_PX)
            mode = QIcon.Mode.Selected if is_chosen else QIcon.Mode.Normal
            self._mark.icon(palette).paint(painter, mark, mode=mode)
            box.setRight(mark.left() - MARGIN_PX)
        line = option.fontMetrics.lineSpacing()
        top = box.center().y() - line
        self._paint_line(painter, QRect(box.x(), top, box.width(), line), item.path.name, text,
                         Qt.TextElideMode.ElideMiddle)  # fmt: skip
        below = QRect(box.x(), top + line, box.width(), line)
        if item.state is State.RUNNING and item.kind == FILM:
            paint_bar(painter, option, below.adjusted(0, 1, 0, 1), item.progress)
        else:
            color = text if is_chosen else state_color(item, palette) or secondary(palette)
            words = index.sibling(index.row(), Column.STATE).data()
            size = index.sibling(index.row(), Column.SIZE).data()
            self._paint_line(painter, below, " · ".join(part for part in (words, size, item.place) if part), color)
        painter.restore()

    def _paint_thumbnail(self, painter: QPainter, pixmap: object, box: QRect) -> None:
        if not isinstance(pixmap, QPixmap) or pixmap.isNull():
            return
        ratio = painter.device().devicePixelRatioF()
        place = QSize(*THUMBNAIL_WH)
        seen = pixmap.scaled(place * ratio, Qt.AspectRatioMode.KeepAspectRatio,
                             Qt.TransformationMode.SmoothTransformation)  # fmt: skip
        seen.setDevicePixelRatio(ratio)
        size = seen.deviceIndependentSize().toSize()
        painter.drawPixmap(box.x() + (place.width() - size.width()) // 2,
                           box.center().y() - size.height() // 2, seen)  # fmt: skip

    def _paint_line(
        self, painter: QPainter, box: QRect, words: str, color: QColor,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:  # fmt: skip
        painter.setPen(color)
        text = painter.fontMetrics().elidedText(words, mode, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)


class StateCell(QStyledItemDelegate):
    """Paints a bar while a film is being translated, else the state in words."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        item = index.data(ITEM_ROLE)
        if isinstance(item, QueueItem) and item.state is State.RUNNING and item.kind == FILM:
            QApplication.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter)
            rect: QRect = option.rect
            margin = (rect.height() - 20) // 2
            paint_bar(painter, option, rect.adjusted(6, margin, -6, -margin), item.progress)
            return
        super().paint(painter, option, index)

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        item = index.data(ITEM_ROLE)
        if not isinstance(item, QueueItem):
            return
        palette: QPalette = option.palette
        color = state_color(item, palette)
        if color is not None:
            palette.setColor(QPalette.ColorRole.Text, color)


class ModelCell(QStyledItemDelegate):
    """Paints a mark beside the model of an entry that has options of its own."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._mark = Mark()

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        item = index.data(ITEM_ROLE)
        if isinstance(item, QueueItem) and item.has_own_options:
            option.icon, option.decorationSize = self._mark.icon(option.palette), QSize(MARK_PX, MARK_PX)
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration


class NameCell(QStyledItemDelegate):
    """Paints the thumbnail whole in its place, and the name beside it."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        option.decorationSize = QSize(*THUMBNAIL_WH)
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
        option.textElideMode = Qt.TextElideMode.ElideMiddle


def paint_bar(painter: QPainter, option: QStyleOptionViewItem, box: QRect, progress: float) -> None:
    """Paint how far a film is, 0 to 1."""
    bar = QStyleOptionProgressBar()
    bar.rect = box
    bar.minimum, bar.maximum = 0, 1000
    bar.progress = round(progress * 1000)
    bar.text, bar.textVisible = f"{progress:.0%}", True
    bar.textAlignment = Qt.AlignmentFlag.AlignCenter
    bar.palette = option.palette
    bar.state = QStyle.StateFlag.State_Enabled | QStyle.StateFlag.State_Horizontal
    QApplication.style().drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter)
