"""Hold the pages, take what is dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import (
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
    QWidget,
)

from .palette import icon

NAVIGATION_PX = 124


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


class MainWindow(QMainWindow):
    """The window.

    Signals:
        paths_dropped(list): files and folders (Path).
        close_asked(): the window is to be closed; it stays until `is_free` is set.
        closing(): the window is about to close.
        palette_changed(): the desktop went dark or light.
    """

    paths_dropped = Signal(list)
    close_asked = Signal()
    closing = Signal()
    palette_changed = Signal()

    def __init__(self, pages: list[tuple[str, str, QWidget]]) -> None:
        super().__init__()
        self.setWindowTitle("cgconv")
        self.is_free = False  # to close
        self.setAcceptDrops(True)
        self.navigation = QListWidget()
        self.navigation.setFixedWidth(NAVIGATION_PX)
        self.navigation.setIconSize(QSize(20, 20))
        self.navigation.setAccessibleName(self.tr("Pages"))
        self.navigation.setFrameShape(QListWidget.Shape.NoFrame)
        self.navigation.setSpacing(2)
        self.stack = QStackedWidget()
        self._icons: list[str] = []
        for number, (name, words, page) in enumerate(pages):
            entry = QListWidgetItem(words)
            entry.setSizeHint(QSize(NAVIGATION_PX - 8, 38))
            entry.setToolTip(f"{words} (Ctrl+{number + 1})")
            self.navigation.addItem(entry)
            self._icons.append(name)
            self.stack.addWidget(page)
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number + 1}"), self)
            shortcut.activated.connect(lambda number=number: self.navigation.setCurrentRow(number))
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
        self.show_icons()

    def show_icons(self) -> None:
        """Draw the icons in the palette's colours."""
        for row, name in enumerate(self._icons):
            self.navigation.item(row).setIcon(icon(name, self.palette()))

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
