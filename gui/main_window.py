"""Hold the pages, take what is dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QShortcut,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMainWindow,
    QStackedWidget,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from .palette import icon

NAVIGATION_WH = (76, 58)  # of a page's entry
ICON_PLACE_PX = 34
FIRST_WH = (1280, 800)  # at least, on a screen that has it
SHARE_OF_SCREEN = 0.75
FRAME_PX = 40  # what the desktop may draw around a window


class DropHint(QWidget):
    """Says, over the whole window, that what is being dragged may be let go of."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  # Qt's name
        painter = QPainter(self)
        accent = self.palette().highlight().color()
        veil = QColor(self.palette().window().color())
        veil.setAlpha(215)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(accent, 3, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(self.rect().adjusted(16, 16, -16, -16), 10, 10)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        painter.setFont(font)
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.tr("Drop to add to the queue"))


class _Entry(QStyledItemDelegate):
    """Paints a page's icon above its name."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        option.decorationPosition = QStyleOptionViewItem.Position.Top
        option.decorationSize = QSize(option.decorationSize.width(), ICON_PLACE_PX)
        option.displayAlignment = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        option.decorationAlignment = Qt.AlignmentFlag.AlignCenter


class MainWindow(QMainWindow):
    """The window.

    Signals:
        paths_dropped(list): files and folders (Path).
        close_asked(): the window is to be closed; it stays until `is_free` is set.
        closing(): the window is about to close.
        palette_changed(): the desktop went dark or light.
        full_screen_asked(), full_screen_left(): by keys.
    """

    paths_dropped = Signal(list)
    close_asked = Signal()
    closing = Signal()
    palette_changed = Signal()
    full_screen_asked = Signal()
    full_screen_left = Signal()

    def __init__(self, pages: list[tuple[str, str, QWidget]]) -> None:
        super().__init__()
        self.setWindowTitle("cgconv")
        self.is_free = False  # to close
        self.setAcceptDrops(True)
        self.navigation = QListWidget()
        self.navigation.setFixedWidth(NAVIGATION_WH[0] + 4)
        self.navigation.setIconSize(QSize(22, 22))
        self._entry = _Entry(self)
        self.navigation.setItemDelegate(self._entry)
        self.navigation.setAccessibleName(self.tr("Pages"))
        self.navigation.setFrameShape(QListWidget.Shape.NoFrame)
        self.stack = QStackedWidget()
        self._icons: list[str] = []
        self.page_actions: list[QAction] = []
        for number, (name, words, page) in enumerate(pages):
            entry = QListWidgetItem(words)
            entry.setSizeHint(QSize(*NAVIGATION_WH))
            entry.setToolTip(f"{words} (Ctrl+{number + 1})")
            self.navigation.addItem(entry)
            self._icons.append(name)
            self.stack.addWidget(page)
            go = self._action(words, f"Ctrl+{number + 1}")
            go.triggered.connect(lambda _checked, number=number: self.navigation.setCurrentRow(number))
            self.page_actions.append(go)
        self.navigation.currentRowChanged.connect(self.stack.setCurrentIndex)
        self.navigation.setCurrentRow(0)
        box = QWidget()
        line = QHBoxLayout(box)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.navigation)
        line.addWidget(self.stack, 1)
        self.setCentralWidget(box)
        for line_edit in self.findChildren(QLineEdit):  # those of numbers, too: they would take a file for text
            line_edit.setAcceptDrops(False)
        self._hint = DropHint(self)
        self._state_before = Qt.WindowState.WindowNoState
        self.full_screen_action = self._action(self.tr("Picture on the whole screen"), "F11")
        self.full_screen_action.triggered.connect(self.full_screen_asked)
        self._leave = QShortcut(QKeySequence("Esc"), self)
        self._leave.activated.connect(self.full_screen_left)
        self._leave.setEnabled(False)
        self.show_icons()

    def _action(self, words: str, shortcut: str) -> QAction:
        action = QAction(words, self)
        action.setShortcut(QKeySequence(shortcut))
        self.addAction(action)
        return action

    def show_icons(self) -> None:
        """Draw the icons in the palette's colors."""
        for row, name in enumerate(self._icons):
            self.navigation.item(row).setIcon(icon(name, self.palette()))

    def show_first_size(self) -> None:
        """Take the size of a first start: much of the screen, never more than it has."""
        screen = self.screen().availableSize()
        width, height = (
            min(room - FRAME_PX, max(least, round(room * SHARE_OF_SCREEN)))
            for room, least in zip((screen.width(), screen.height()), FIRST_WH, strict=True)
        )
        self.resize(width, height)

    def show_full_screen(self, on: bool) -> None:
        """Take the whole screen, without the list of pages, or go back."""
        self._leave.setEnabled(on)
        self.navigation.setVisible(not on)
        if (menu := self.menuWidget()) is not None:
            menu.setVisible(not on)
        if on:
            self._state_before = self.windowState()
            self.showFullScreen()
        else:
            self.setWindowState(self._state_before)

    def come_forward(self) -> None:
        """Show the window in front of others, as far as the desktop lets it."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()

    def show_page(self, page: QWidget) -> None:
        """Go to a page."""
        self.navigation.setCurrentRow(self.stack.indexOf(page))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_icons"):
            self.show_icons()
            self.palette_changed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if _paths(event):
            event.acceptProposedAction()
            self._hint.setGeometry(self.rect())
            self._hint.raise_()
            self._hint.show()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        self._hint.hide()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        self._hint.hide()
        if paths := _paths(event):
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if not self.is_free:
            self.close_asked.emit()  # which may free it
        if not self.is_free:
            event.ignore()
            return
        self.closing.emit()
        super().closeEvent(event)


def _paths(event: QDropEvent) -> list[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
