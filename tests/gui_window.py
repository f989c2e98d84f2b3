"""Open the window for tests, and use it as people do: mouse, keys and drops."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import pytest
from small_models import photo, small_resnet

from cgconv.runtime.models.model_file import write_model

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTHONFAULTHANDLER", "1")  # workers say where they stand when they are aborted
pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)  # the library may be there, what it needs missing

from PySide6.QtCore import QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMenu, QMessageBox, QScrollArea, QWidget

from cgconv.gui.app import App
from cgconv.gui.queue_item import QueueItem, State

PATIENCE_S = 180.0
Dialog = TypeVar("Dialog", bound=QWidget)
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NO_KEY = Qt.KeyboardModifier.NoModifier


class Window:
    """The program, and a user's hands."""

    def __init__(self, home: Path, size_wh: tuple[int, int] | None = (1280, 800)) -> None:
        self.app = App(home)
        if size_wh is not None:
            self.app.window.resize(*size_wh)
        self.app.open([])
        self.page = self.app.convert
        self.items = self.app.queue.items
        self.wait(self.app.window.isActiveWindow, "for the window: keys go to the active one")

    def drop(self, paths: Sequence[Path], on: QWidget | None = None) -> None:
        """Drag files over a widget (the window) and let go; Qt finds what lies under the mouse."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        data.setText("\n".join(map(str, paths)))  # file managers send that, too
        widget = on or self.app.window
        assert widget.isVisible()
        assert self.drag(data, widget, widget.rect().center(), Qt.DropAction.CopyAction), f"{widget} takes no files"

    def drag(self, data: QMimeData, widget: QWidget, at: QPoint, action: Qt.DropAction) -> bool:
        """Drag something over a place in a widget and let go; say whether it was taken."""
        surface = widget.window().windowHandle()
        place = widget.mapTo(widget.window(), at)
        enter = QDragEnterEvent(place, action, data, LEFT, NO_KEY)
        QApplication.sendEvent(surface, enter)
        move = QDragMoveEvent(place, action, data, LEFT, NO_KEY)
        move.setAccepted(enter.isAccepted())  # as Qt does: entering speaks for moving where nothing else is said
        QApplication.sendEvent(surface, move)
        drop = QDropEvent(QPointF(place), action, data, LEFT, NO_KEY)
        if move.isAccepted():
            QApplication.sendEvent(surface, drop)
        return move.isAccepted() and drop.isAccepted()

    def click(
        self,
        widget: QWidget,
        at: QPoint | None = None,
        button: Qt.MouseButton = LEFT,
        modifier: Qt.KeyboardModifier = NO_KEY,
        *,
        twice: bool = False,
    ) -> None:
        """Click with the mouse; what is disabled, covered or out of sight cannot be clicked."""
        assert widget.isEnabled(), f"{widget.accessibleName() or widget.objectName()} is disabled"
        assert widget.isVisible()
        for area in self.app.window.findChildren(QScrollArea) if widget.window() is self.app.window else ():
            if area.isAncestorOf(widget):
                area.ensureWidgetVisible(widget)  # as the wheel does
        act = QTest.mouseDClick if twice else QTest.mouseClick
        window = widget.window()
        act(window.windowHandle(), button, modifier, widget.mapTo(window, at or widget.rect().center()))

    def click_row(
        self, row: int, button: Qt.MouseButton = LEFT, modifier: Qt.KeyboardModifier = NO_KEY, *, twice: bool = False
    ) -> None:
        """Click a row of the queue."""
        view = self.page.queue_view
        rect = view.visualRect(self.app.queue.index(row, 0))
        self.click(view.viewport(), rect.center(), button, modifier, twice=twice)

    def ask_row(self, row: int, words: str) -> None:
        """Open the menu of a row with the mouse's other button, and click an entry of it."""
        self.click_row(row)
        chosen = self.choose(words)
        view = self.page.queue_view
        at = view.visualRect(self.app.queue.index(row, 0)).center()
        asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, view.viewport().mapToGlobal(at))
        QApplication.sendEvent(view.viewport(), asked)
        self.wait(lambda: chosen, "for the menu")

    def check(self, box: QWidget) -> None:
        """Click the little square of a check box."""
        self.click(box, QPoint(8, box.height() // 2))

    def key(self, widget: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Press a key where the cursor is in `widget`."""
        assert widget.isEnabled()
        assert widget.isVisible()
        widget.setFocus()
        QTest.keyClick(widget, key, modifier)

    def type(self, line: QLineEdit, text: str) -> None:
        """Type a text in place of the one that is there."""
        assert line.isEnabled()
        assert line.isVisible()
        line.setFocus()
        QTest.keyClick(line, Qt.Key.Key_A, CTRL)
        QTest.keyClicks(line, text)

    def when(self, find: Callable[[], object], act: Callable[[], None]) -> list[bool]:
        """Act as soon as something is there, also while a menu or dialog holds the program; the list fills then."""
        acted: list[bool] = []
        timer = QTimer(self.app, interval=30)

        def look() -> None:
            if find():
                timer.stop()
                try:
                    act()
                    acted.append(True)
                except BaseException:
                    for holding in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
                        if holding is not None:
                            holding.close()
                    raise

        timer.timeout.connect(look)
        timer.start()
        return acted

    def choose(self, words: str) -> list[bool]:
        """Click an entry of the menu that opens next."""

        def act() -> None:
            menu = QApplication.activePopupWidget()
            assert isinstance(menu, QMenu)
            entry = next(action for action in menu.actions() if action.text().startswith(words))
            assert entry.isEnabled(), f"{words} is disabled"
            QTest.mouseClick(menu, LEFT, NO_KEY, menu.actionGeometry(entry).center())

        return self.when(lambda: isinstance(QApplication.activePopupWidget(), QMenu), act)

    def choose_in_submenu(self, row: int, words: str, entry: str) -> None:
        """Open the menu of a row, and in it a menu of this name, and click an entry of that."""
        self.click_row(row)
        chosen: list[bool] = []

        def act() -> None:
            menu = QApplication.activePopupWidget()
            assert isinstance(menu, QMenu)
            opener = next(action for action in menu.actions() if action.text() == words)
            while menu.activeAction() is not opener:
                QTest.keyClick(menu, Qt.Key.Key_Down)
            QTest.keyClick(menu, Qt.Key.Key_Right)
            inner = QApplication.activePopupWidget()
            assert isinstance(inner, QMenu)
            assert inner is not menu
            while inner.activeAction().text() != entry:
                QTest.keyClick(inner, Qt.Key.Key_Down)
            QTest.keyClick(inner, Qt.Key.Key_Return)
            chosen.append(True)

        self.when(lambda: isinstance(QApplication.activePopupWidget(), QMenu), act)
        view = self.page.queue_view
        at = view.visualRect(self.app.queue.index(row, 0)).center()
        asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, view.viewport().mapToGlobal(at))
        QApplication.sendEvent(view.viewport(), asked)
        self.wait(lambda: chosen, "for the menu")

    def open_advanced(self) -> None:
        """Show all options."""
        if not self.page.options.more.isChecked():
            self.click(self.page.options.more)

    def answer_file_dialog(self, answer: str) -> None:
        """Paste a file's or folder's name into the file dialog that opens next, and press Enter."""

        def act() -> None:
            dialog = QApplication.activeModalWidget()  # named: PySide forgets the child of what nobody holds
            line = dialog.findChild(QLineEdit, "fileNameEdit")
            QGuiApplication.clipboard().setText(answer)  # while one is typed, the dialog goes from folder to folder
            QTest.keyClick(line, Qt.Key.Key_A, CTRL)
            QTest.keyClick(line, Qt.Key.Key_V, CTRL)
            QTest.keyClick(line, Qt.Key.Key_Return)

        self.when(lambda: isinstance(QApplication.activeModalWidget(), QFileDialog), act)

    def dialog(self, kind: type[Dialog]) -> Dialog:
        """Wait for a dialog of this kind and return it."""
        self.wait(
            lambda: any(isinstance(one, kind) and one.isVisible() for one in QApplication.topLevelWidgets()),
            f"for a {kind.__name__}",
        )
        return next(one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible())

    def go_to(self, number: int) -> None:
        """Go to a page: Ctrl and its number."""
        QTest.keyClick(self.app.window, getattr(Qt.Key, f"Key_{number}"), CTRL)

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        """Let the window live until something is so."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > until:
                self._fail(what)
            QTest.qWait(20)

    def _fail(self, what: str) -> None:
        """Fail with all that helps to find out why: what the window shows, and where each worker stands."""
        for worker in (self.app.looks, self.app.jobs, self.app.training):
            if worker.process_id():
                os.kill(worker.process_id(), signal.SIGABRT)
        QTest.qWait(3000)  # for their last words, which are logged
        shown = f"{self.page.summary.text()!r}, preview {self.page.preview.status.text()!r}"
        pytest.fail(f"waited in vain {what}; the page says {shown}; log:\n{self.app.log.text.toPlainText()}")

    def wait_for_files(self, count: int) -> None:
        """Wait until so many entries are in the queue."""
        self.wait(lambda: len(self.items) == count, f"for {count} entries, there are {len(self.items)}")

    def wait_for_models(self) -> None:
        """Wait until the gallery is there."""
        self.wait(lambda: self.page.gallery.chosen, "for models")

    def wait_until_idle(self) -> None:
        """Wait until nothing is being translated: Start can be pressed, Cancel cannot."""
        self.wait(lambda: self.page.start.isEnabled() and not self.page.cancel.isEnabled(), "for the end")

    def wait_for_preview(self) -> None:
        """Wait until the translation is shown at full resolution, or the file that was made."""
        status = self.page.preview.status
        self.wait(lambda: status.text().startswith(("Full resolution", "The result")), "for the preview")

    def states(self) -> list[State]:
        """Return the entries' states, from top to bottom."""
        return [item.state for item in self.items]

    def cell(self, row: int, column: int) -> str:
        """Return what a cell of the table shows."""
        return str(self.app.queue.index(row, column).data() or "")

    def names(self) -> list[str]:
        """Return the files' names without suffix, from top to bottom."""
        return [item.path.stem for item in self.items]

    def named(self, name: str) -> QueueItem:
        """Return the entry of this file name."""
        return next(item for item in self.items if item.path.name == name)

    def start(self) -> None:
        """Press Start."""
        self.wait_for_models()
        self.click(self.page.start)

    def close(self) -> None:
        """Close the window as its frame's button does, whatever is being done."""
        self.app.window.close()
        if self.app.window.isVisible():
            press(self, "Stop and close")
            self.wait(lambda: not self.app.window.isVisible(), "for the window to close")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder with two tiny models, so that tests take no time."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name, seed in (("alpha", 1), ("beta", 2)):
        write_model(small_resnet(4, 1, seed), folder / f"{name}.onnx")
    monkeypatch.setenv("CGCONV_MODELS", str(folder))
    return folder


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path, models: Path) -> object:
    """The open window, with settings and a queue of its own."""
    opened = Window(tmp_path / "home")
    yield opened
    opened.close()


class Opened(QObject):
    """Stands where the desktop would open files and show folders."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        """Take note of what is to be opened."""
        self.paths.append(url.toLocalFile())


@pytest.fixture
def opened() -> object:
    """What the desktop is asked to open."""
    taking = Opened()
    QDesktopServices.setUrlHandler("file", taking, "take")
    yield taking
    QDesktopServices.unsetUrlHandler("file")


def picture_of(widget: QWidget) -> QImage:
    """Return what a widget shows."""
    return widget.grab().toImage()


def make_pictures(folder: Path, count: int, size_hw: tuple[int, int] = (48, 64)) -> list[Path]:
    """Write pictures and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"photo{number}.png"
        cv2.imwrite(str(path), photo(size_hw, number)[0][..., ::-1])
        paths.append(path)
    return paths


def press(window: Window, words: str) -> None:
    """Click the button of this text in the question that is asked."""
    box = window.dialog(QMessageBox)
    window.click(next(button for button in box.buttons() if button.text().replace("&", "") == words))
