"""Open the window for tests, and use it as people do: mouse, keys and drops."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import pytest
from small_models import photo, small_resnet

from cgconv.runtime.model_file import write_model

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)  # the library may be there, what it needs missing

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from cgconv.gui.app import App
from cgconv.gui.queue_item import QueueItem, State

PATIENCE_S = 90.0


class Window:
    """The program, and a user's hands."""

    def __init__(self, home: Path) -> None:
        self.app = App(home)
        self.app.window.resize(1280, 800)
        self.app.open([])
        self.page = self.app.convert
        self.items = self.app.queue.items

    def drop(self, paths: Sequence[Path], on: QWidget | None = None) -> None:
        """Drag files over a widget (the window) and let go."""
        widget = on or self.app.window
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        at = widget.rect().center()
        buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(at, Qt.DropAction.CopyAction, data, buttons, none)
        QApplication.sendEvent(widget, enter)
        assert enter.isAccepted()
        drop = QDropEvent(QPointF(at), Qt.DropAction.CopyAction, data, buttons, none)
        QApplication.sendEvent(widget, drop)
        assert drop.isAccepted()

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        """Click with the mouse; what is disabled or out of sight cannot be clicked."""
        assert widget.isEnabled(), f"{widget.accessibleName() or widget.objectName()} is disabled"
        assert widget.isVisible()
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at or QPoint())

    def click_row(self, row: int) -> None:
        """Click a row of the queue."""
        view = self.page.queue_view
        rect = view.visualRect(self.app.queue.index(row, 0))
        self.click(view.viewport(), rect.center())

    def key(self, widget: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key where the cursor is in `widget`."""
        widget.setFocus()
        QTest.keyClick(widget, key, modifier)

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        """Let the window live until something is so."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, f"waited in vain {what}; log:\n{self.app.log.text.toPlainText()}"
            QTest.qWait(20)

    def wait_for_files(self, count: int) -> None:
        """Wait until so many entries are in the queue."""
        self.wait(lambda: len(self.items) == count, f"for {count} entries, there are {len(self.items)}")

    def wait_for_models(self) -> None:
        """Wait until the gallery is there."""
        self.wait(lambda: self.page.gallery.chosen, "for models")

    def wait_until_idle(self) -> None:
        """Wait until nothing is being translated."""
        self.wait(lambda: self.app.conversion.phase == "idle", "for the end")

    def states(self) -> list[State]:
        """Return the entries' states, from top to bottom."""
        return [item.state for item in self.items]

    def named(self, name: str) -> QueueItem:
        """Return the entry of this file name."""
        return next(item for item in self.items if item.path.name == name)

    def start(self) -> None:
        """Press Start."""
        self.wait_for_models()
        self.click(self.page.start)

    def close(self) -> None:
        """Close the window as its frame's button does."""
        self.app.window.close()


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


def make_pictures(folder: Path, count: int, size_hw: tuple[int, int] = (48, 64)) -> list[Path]:
    """Write pictures and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"photo{number}.png"
        cv2.imwrite(str(path), photo(size_hw, number)[0][..., ::-1])
        paths.append(path)
    return paths
