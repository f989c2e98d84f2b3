"""What is done with settings: they are kept, and take effect at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from cgconv.runtime import requests
from cgconv.runtime.errors import OutputError
from cgconv.runtime.models.store import choose_models_folder, models_folder

from .convert_page import ConvertPage
from .memory import Memory
from .settings_page import SettingsPage
from .when_done import WhenDone, begin
from .worker_process import WorkerProcess


class SettingsActions(QObject):
    """Settings and what they change.

    Signals:
        said(str): for the user.
        reopening_wanted(): the language has changed, and nothing is being done.
    """

    said = Signal(str)
    reopening_wanted = Signal()

    def __init__(
        self, window: QWidget, page: SettingsPage, convert: ConvertPage, looks: WorkerProcess, memory: Memory,
        is_busy: Callable[[], bool], parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._page, self._convert, self._looks, self._memory = window, page, convert, looks, memory
        self._is_busy = is_busy
        self._language_waits = False
        convert.options.show_usual_out(usual_out(memory))
        self._show_models_folder("")

    def pick_language(self, name: str) -> None:
        """Take another language, at once where nothing is being done."""
        if name == str(self._memory.settings.value("window/language", "")):
            return
        self._memory.settings.setValue("window/language", name)
        self._language_waits = True
        self._page.show_language_note()
        self.go_on()

    def go_on(self, *_: object) -> None:
        """Take the language that has waited, if nothing is being done any more."""
        if self._language_waits and not self._is_busy():
            self._language_waits = False
            self.reopening_wanted.emit()

    def pick_models_folder(self, folder: Path | None) -> None:
        """Look for models in another folder, here and on the command line."""
        before = models_folder()
        try:
            choose_models_folder(folder)
        except OutputError as error:
            self.said.emit(str(error))
            return
        left = any(before.glob("*.onnx")) and before != models_folder()
        self._show_models_folder(self.tr("The models in {folder} stay there.").format(folder=before) if left else "")
        self._looks.ask(requests.ListModels())

    def pick_out(self, folder: Path | None) -> None:
        """Have results go to this folder where none is said."""
        self._memory.settings.setValue("convert/usual-out", str(folder) if folder is not None else "")
        self._convert.options.show_usual_out(folder)

    def pick_when_done(self, wish: str) -> None:
        """Remember what is to happen when all is done."""
        self._memory.settings.setValue("convert/when-done", wish)

    def end(self, results: Path | None) -> None:
        """Do what is wished for when all is done."""
        begin(when_done(self._memory), results, self._window)

    def _show_models_folder(self, note: str) -> None:
        is_forced = bool(os.environ.get("CGCONV_MODELS"))
        if is_forced:
            note = self.tr(
                "The environment variable CGCONV_MODELS sets this folder and overrides the choice made here."
            )
        self._page.show_models_folder(models_folder(), note, can_change=not is_forced)


def usual_out(memory: Memory) -> Path | None:
    """Return the folder that results go to where none is said."""
    text = str(memory.settings.value("convert/usual-out", ""))
    return Path(text) if text and "\0" not in text else None


def when_done(memory: Memory) -> str:
    """Return what is wished for when all is done."""
    return str(memory.settings.value("convert/when-done", WhenDone.NOTHING))
