"""Do what is wished for when all is translated: nothing, a sound, the folder, or sleep that can be called off."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QProcess, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from .places import open_folder

COUNTDOWN_S = 60
TICK_MS = 1000
_POWER_STATES = Path("/sys/power/state")


class WhenDone(StrEnum):
    """What happens at the end."""

    NOTHING = "nothing"
    SOUND = "sound"
    FOLDER = "folder"
    SUSPEND = "suspend"


def suspend_command() -> list[str]:
    """Return the program that puts this computer to sleep; empty where it cannot be done."""
    if sys.platform == "win32":
        return ["rundll32.exe", "powrprof.dll,SetSuspendState", "0,1,0"]
    if sys.platform == "darwin":
        return ["pmset", "sleepnow"]
    try:
        sleeps = bool({"mem", "freeze"} & set(_POWER_STATES.read_text().split()))
    except OSError:
        return []
    return ["systemctl", "suspend"] if sleeps and Path("/run/systemd/system").is_dir() else []


def begin(wish: str, results: Path | None, window: QWidget) -> None:
    """Do it; `results` is the folder of the last result."""
    match wish:
        case WhenDone.SOUND:
            make_sound()
        case WhenDone.FOLDER if results is not None:
            open_folder(results)
        case WhenDone.SUSPEND if suspend_command():
            SuspendDialog(window).open()


def make_sound() -> None:
    """Play the desktop's sound for something that is complete, or beep."""
    player = shutil.which("canberra-gtk-play")
    if player is None or not QProcess.startDetached(player, ["--id", "complete"])[0]:
        QApplication.beep()


class SuspendDialog(QMessageBox):
    """Counts down, and puts the computer to sleep at the end. Any key that closes a dialog calls it off."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setIcon(QMessageBox.Icon.Information)
        self.setWindowTitle("cgconv")
        self.setText(self.tr("Everything is done."))
        self.now = self.addButton(self.tr("Suspend now"), QMessageBox.ButtonRole.AcceptRole)
        self.stay = self.addButton(self.tr("Stay awake"), QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.seconds_left = COUNTDOWN_S
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._count)
        self.now.clicked.connect(self._suspend)
        self.finished.connect(self._end)
        self._show_seconds()
        self._timer.start()

    def _show_seconds(self) -> None:
        self.setInformativeText(self.tr("This computer is suspended in %n second(s).", "", self.seconds_left))

    def _count(self) -> None:
        self.seconds_left -= 1
        if self.seconds_left > 0:
            self._show_seconds()
            return
        self._suspend()
        self.reject()

    def _end(self) -> None:
        self._timer.stop()
        self.deleteLater()

    def _suspend(self) -> None:
        self._timer.stop()
        program, *arguments = suspend_command()
        QProcess.startDetached(program, arguments)
