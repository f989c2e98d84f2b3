"""Open the window: one at a time, where there is a display."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QtMsgType, qInstallMessageHandler, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from cgconv.runtime.errors import MissingError, OutputError

from .app import App
from .appearance import install_language, show_appearance
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
    import platformdirs

    home = Path(platformdirs.user_config_dir("cgconv", appauthor=False))
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
    app = App(home)
    app.memory.notes += memory.notes
    one_window.paths_handed.connect(app.show_handed)
    app.window.closing.connect(one_window.close)
    app.open(files)
    one_window.listen()
    return int(application.exec())
