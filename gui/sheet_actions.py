"""All models on one sheet: ask for its pictures and its file, have it made, and open it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from cgconv.runtime import events, requests

from .convert_page import ConvertPage
from .main_window import MainWindow
from .memory import Memory
from .places import last_folder
from .queue_model import QueueModel
from .reasons import in_words
from .worker_process import WorkerProcess


class SheetActions(QObject):
    """The sheet of all models.

    Signals:
        said(str): for the user.
    """

    said = Signal(str)

    def __init__(
        self, window: MainWindow, page: ConvertPage, queue: QueueModel, looks: WorkerProcess, memory: Memory,
        parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._page, self._queue, self._looks, self._memory = window, page, queue, looks, memory
        self._number = 0

    def make_sheet(self) -> None:
        """Put what all models make of the selected pictures, or of the first one, on a sheet."""
        selected = [item.path for item in self._page.queue_view.selected() if item.kind == "picture"]
        first = [item.path for item in self._queue.items if item.kind == "picture"][:1]
        if not (pictures := selected or first):
            self.said.emit(self.tr("Put a picture into the queue first: the sheet shows what each model makes of it."))
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Sheet of all models"), str(Path(last_folder(self._memory)) / "sheet.jpg"),
            self.tr("Pictures (*.jpg *.png)"),
        )  # fmt: skip
        if chosen:
            self.said.emit(self.tr("Making a sheet of all models …"))
            device = self._page.options.options().device
            self._number = self._looks.ask(requests.MakeSheet(tuple(pictures), Path(chosen), device))

    def show_answer(self, number: int, event: object) -> bool:
        """Say how far the sheet is, and open it; say whether the answer was about one."""
        if not number or number != self._number:
            return False
        match event:
            case events.StepProgressed():
                self.said.emit(self.tr("Sheet of all models: {name} …").format(name=event.step))
            case events.SheetMade():
                self.said.emit(self.tr("The sheet is {path}").format(path=event.path))
                QDesktopServices.openUrl(QUrl.fromLocalFile(str(event.path)))
            case events.CommandFailed():
                self.said.emit(in_words(event.reason))
        return True
