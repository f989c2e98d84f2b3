"""Open the window: one at a time, where there is a display."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QtMsgType, Signal, qInstallMessageHandler, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from cgconv.runtime.errors import MissingError, OutputError
from cgconv.runtime.folders import config_folder

from .app import App
from .appearance import show_appearance
from .language import install_language
from .memory import Memory
from .one_window import OneWindow


def _application() -> QApplication:
    """Return Qt's application. Raises MissingError where there is no display; ends the process where Qt finds out.

    Qt aborts where it cannot open a window, with advice for programmers.
    """
    on_x_or_wayland = sys.platform == "linux" and not os.environ.get("QT_QPA_PLATFORM")
    if on_x_or_wayland and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise MissingError(
            f"{_NO_WINDOW}: there is no display here (DISPLAY and WAYLAND_DISPLAY are not set); {_WITHOUT}"
        )
    said: list[str] = []

    def listen(kind: QtMsgType, context: object, message: str) -> None:
        if kind is QtMsgType.QtFatalMsg:
            reason = next((line for line in said if line.strip()), message).strip().splitlines()[0]
            os.write(2, f"cgconv: {_NO_WINDOW}: {reason[:300].rstrip('.')}; {_WITHOUT}\n".encode("utf-8", "replace"))
            os._exit(MissingError.exit_code)  # else Qt aborts as soon as this returns
        said.append(message)

    before = qInstallMessageHandler(listen)
    try:
        application = QApplication(["cgconv"])
    finally:
        qInstallMessageHandler(before)
    for message in said:
        qWarning(message)
    return application


_NO_WINDOW = "the window cannot be opened"
_WITHOUT = "`cgconv images` and `cgconv video` do without it"


def run(paths: Sequence[str]) -> int:
    """Open the window and return the process's exit code once it is closed. Raises MissingError, OutputError.

    Where it is open already these files are handed to it.
    """
    home = config_folder()
    files = [Path(path).absolute() for path in paths]
    one_window = OneWindow(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        is_ours = one_window.take(files)
    except OSError as error:
        raise OutputError(f"{home}: the window's settings cannot be kept there ({error.strerror or error})") from error
    if is_ours is False:
        return 0
    QGuiApplication.setDesktopFileName("cgconv")
    application = QApplication.instance() or _application()
    assert isinstance(application, QApplication)
    application.setApplicationName("cgconv")
    memory = Memory(home)
    install_language(application, str(memory.settings.value("window/language", "")))
    show_appearance(str(memory.settings.value("window/appearance", "")))
    if is_ours is None:
        QMessageBox.information(None, "cgconv", application.tr("cgconv is open already, but does not answer."))
        return 0
    program = Program(application, home)
    program.app.memory.notes += memory.notes
    one_window.paths_handed.connect(program.show_handed)
    program.closed.connect(one_window.close)
    program.app.open(files)
    one_window.listen()
    return int(application.exec())


class Program(QObject):
    """The window that is open, and the one that takes its place when the language changes.

    Signals:
        closed(): by the user.
    """

    closed = Signal()

    def __init__(self, application: QApplication, home: Path) -> None:
        super().__init__()
        self._application, self._home = application, home
        self.app = self._opened()

    def show_handed(self, paths: list[Path]) -> None:
        """Give the window what a later start brings."""
        self.app.show_handed(paths)

    def _opened(self) -> App:
        app = App(self._home)
        app.reopening_wanted.connect(self._reopen, Qt.ConnectionType.QueuedConnection)
        app.window.closing.connect(self.closed)
        return app

    def _reopen(self) -> None:
        """Put a window in the new language in the place of the one there is, on the same page."""
        before = self.app
        page = before.window.navigation.currentRow()
        before.window.closing.disconnect(self.closed)
        quits = self._application.quitOnLastWindowClosed()
        self._application.setQuitOnLastWindowClosed(False)
        before.close()
        install_language(self._application, str(before.memory.settings.value("window/language", "")))
        self.app = self._opened()
        self.app.open([])
        self.app.window.navigation.setCurrentRow(page)
        before.window.deleteLater()
        before.deleteLater()
        self._application.setQuitOnLastWindowClosed(quits)
