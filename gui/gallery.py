"""Show the models as a strip of what each makes of the picture that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtWidgets import QListView, QMenu, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cgconv.runtime.events import ModelInfo

from .quantities import bytes_in_words, speed_in_words

INFO_ROLE = int(Qt.ItemDataRole.UserRole)
LEAST_PX, MOST_PX = 52, 160  # of a card's picture, up and down


class GalleryModel(QAbstractListModel):
    """The models that have a name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models: list[ModelInfo] = []
        self._pixmaps: dict[str, QPixmap] = {}

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(self.models)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> object:
        if not index.isValid() or index.row() >= len(self.models):
            return None
        model = self.models[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return model.title or model.name
            case Qt.ItemDataRole.DecorationRole:
                return self._pixmaps.get(model.name)
            case Qt.ItemDataRole.ToolTipRole:
                return model.problem or "\n".join(line for line in (model.name, *self.lines(model)) if line)
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(line for line in (model.title or model.name, *self.lines(model)) if line)
            case _ if role == INFO_ROLE:
                return model
        return None

    def lines(self, model: ModelInfo) -> list[str]:
        """Return what stands under a model's title."""
        if model.problem:
            return [self.tr("cannot be used"), bytes_in_words(model.bytes)]
        speed = speed_in_words(model.megapixels_per_second)
        return [
            model.direction,
            " · ".join(part for part in (bytes_in_words(model.bytes), speed) if part),
            model.licence.split(";")[0].split(",")[0] or self.tr("licence not said"),
        ]

    def show_models(self, models: Sequence[ModelInfo]) -> None:
        """Show these."""
        self.beginResetModel()
        self.models = list(models)
        self._pixmaps = {model.name: QPixmap(str(model.sample)) for model in models if model.sample is not None}
        self.endResetModel()

    def show_speed(self, name: str, megapixels_per_second: float) -> None:
        """Show how fast a model was."""
        for row, model in enumerate(self.models):
            if model.name == name:
                self.models[row] = replace(model, megapixels_per_second=megapixels_per_second)
                self.dataChanged.emit(self.index(row), self.index(row))

    def show_sample(self, name: str, sample: Path, megapixels_per_second: float) -> None:
        """Show what a model makes of the sample, and its speed."""
        for row, model in enumerate(self.models):
            if model.name == name:
                self._pixmaps[name] = QPixmap(str(sample))
                self.models[row] = replace(model, sample=sample, megapixels_per_second=megapixels_per_second)
                self.dataChanged.emit(self.index(row), self.index(row))


class _Card(QStyledItemDelegate):
    """Paints a model; its picture is `picture_px` high."""

    picture_px = LEAST_PX

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        return QSize(round(1.4 * self.picture_px) + 18, self.picture_px + option.fontMetrics.lineSpacing() + 18)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        model = index.data(INFO_ROLE)
        gallery = index.model()
        if not isinstance(model, ModelInfo) or not isinstance(gallery, GalleryModel):
            return
        rect: QRect = option.rect.adjusted(4, 2, -4, -2)
        state, palette = option.state, option.palette
        is_chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Highlight) if is_chosen else palette.color(
            QPalette.ColorRole.AlternateBase))  # fmt: skip
        painter.drawRoundedRect(rect, 6, 6)
        picture = QRect(rect.x() + 5, rect.y() + 5, rect.width() - 10, self.picture_px)
        self._paint_picture(painter, index.data(Qt.ItemDataRole.DecorationRole), picture, palette)
        text = palette.color(QPalette.ColorRole.HighlightedText if is_chosen else QPalette.ColorRole.Text)
        line = option.fontMetrics.lineSpacing()
        box = QRect(rect.x() + 7, picture.bottom() + 4, rect.width() - 14, line)
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(text)
        self._paint_line(painter, box, model.title or model.name)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            painter.drawRoundedRect(rect, 6, 6)
        painter.restore()

    def _paint_picture(self, painter: QPainter, pixmap: object, box: QRect, palette: QPalette) -> None:
        if isinstance(pixmap, QPixmap) and not pixmap.isNull():
            scale = max(box.width() / pixmap.width(), box.height() / pixmap.height())
            width, height = round(box.width() / scale), round(box.height() / scale)
            part = QRect((pixmap.width() - width) // 2, (pixmap.height() - height) // 2, width, height)
            painter.drawPixmap(box, pixmap, part)
            return
        painter.setBrush(palette.color(QPalette.ColorRole.Mid))
        painter.drawRect(box)

    def _paint_line(self, painter: QPainter, box: QRect, words: str) -> None:
        text = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)


class GalleryView(QListView):
    """The gallery.

    Signals:
        model_picked(str): the name of the model to translate with; empty where there is none.
        information_wanted(), description_wanted(), removal_wanted(): of the model that the cursor is on, by its menu.
    """

    model_picked = Signal(str)
    information_wanted = Signal()
    description_wanted = Signal()
    removal_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.gallery = GalleryModel(self)
        self.setModel(self.gallery)
        self._card = _Card(self)
        self.setItemDelegate(self._card)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Models"))
        self._chosen = ""
        self._fit_height()
        self.selectionModel().currentChanged.connect(self._pick)

    def show_models(self, models: Sequence[ModelInfo], chosen: str) -> None:
        """Show these, with `chosen` (or the first that can be used) picked."""
        names = [model.name for model in models if not model.problem]
        self._chosen = chosen if chosen in names else names[0] if names else ""
        self.gallery.show_models(models)
        for row, model in enumerate(models):
            if model.name == self._chosen:
                self.setCurrentIndex(self.gallery.index(row))
        self.model_picked.emit(self._chosen)

    @property
    def chosen(self) -> str:
        """The name of the picked model, empty where there is none."""
        return self._chosen

    def current(self) -> ModelInfo | None:
        """Return the model that the cursor is on."""
        model = self.currentIndex().data(INFO_ROLE)
        return model if isinstance(model, ModelInfo) else None

    def _pick(self, current: QModelIndex) -> None:
        model = current.data(INFO_ROLE)
        if isinstance(model, ModelInfo) and not model.problem and model.name != self._chosen:
            self._chosen = model.name
            self.model_picked.emit(self._chosen)

    def show_height(self, picture_px: int) -> None:
        """Give cards' pictures this height, about."""
        self._card.picture_px = min(MOST_PX, max(LEAST_PX, picture_px))
        self._fit_height()
        self.scheduleDelayedItemsLayout()

    def _fit_height(self) -> None:
        bar_px = self.horizontalScrollBar().sizeHint().height()  # its place is kept, so that nothing moves
        self.setFixedHeight(self._card.picture_px + self.fontMetrics().lineSpacing() + 18 + bar_px + 6)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_height()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        model = self.current()
        if model is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        menu.addAction(self.tr("About it …"), self.information_wanted.emit)
        for words, wanted in (
            (self.tr("Rename and describe …"), self.description_wanted),
            (self.tr("Delete …"), self.removal_wanted),
        ):
            action = menu.addAction(words, wanted.emit)
            action.setEnabled(not model.is_bundled)
            if model.is_bundled:
                action.setToolTip(self.tr("This model comes with cgconv."))
        menu.popup(event.globalPos())
