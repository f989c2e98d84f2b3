"""Bring model files in, one after the other, each with its own progress, result and questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from cgconv.runtime import events, requests

from .dialogs import ImportDialog
from .imports_dialog import ImportRow, ImportsDialog, Stage
from .main_window import MainWindow
from .reasons import in_words
from .worker_process import WorkerProcess

MISUSE = 2  # the exit code where something has to be said that cannot be found out


class ImportActions(QObject):
    """What happens to model files that are dropped or chosen.

    The list shows itself for several files, and for one that did not go right.

    Signals:
        said(str): for the user.
    """

    said = Signal(str)

    def __init__(self, window: MainWindow, looks: WorkerProcess, parent: QObject) -> None:
        super().__init__(parent)
        self._window, self._looks = window, looks
        self.dialog = ImportsDialog(window)
        self._rows: dict[int, ImportRow] = {}  # number of a request → its file

    def import_models(self, paths: list[Path]) -> None:
        """Bring model files in."""
        self.dialog.clear_ended()
        for path in paths:
            row = self.dialog.add(requests.ImportModel(path))
            row.answered.connect(lambda choice, row=row: self._ask(row, replace(row.request, if_taken=choice)))
            row.more_wanted.connect(lambda row=row: self._say_more(row))
            row.cancelled.connect(lambda row=row: self._cancel(row))
            self.said.emit(self.tr("Looking at {name} …").format(name=path.name))
            self._ask(row, row.request)
        if len(self.dialog.rows) > 1:
            self._show()

    def show_answer(self, number: int, event: object) -> bool:
        """Take note of how far an import is; say whether the event was about one, and of no use to others."""
        row = self._rows.get(number)
        if row is None:
            return False
        match event:
            case events.StepProgressed():
                row.show_stage(Stage.RUNNING)
            case events.NameTaken():
                row.show_stage(Stage.TAKEN, self.tr(
                    "There is already a model named {name}. Replace it, or keep both and call this one {free}?"
                ).format(name=event.name, free=event.free_name))  # fmt: skip
                self._show()
            case events.ModelExported():
                row.show_stage(Stage.DONE, self.tr("{name} is in the gallery.").format(name=event.name))
                self.said.emit(row.words.text())
            case events.RequestFinished():
                del self._rows[number]
                if row.stage in (Stage.WAITING, Stage.RUNNING):
                    row.show_stage(Stage.CANCELLED)
            case events.CommandFailed():
                del self._rows[number]
                reason = in_words(event.reason)
                self.said.emit(reason)
                row.show_stage(Stage.UNKNOWN if event.exit_code == MISUSE else Stage.FAILED, reason)
                if row.stage is Stage.UNKNOWN and len(self.dialog.rows) == 1:
                    self._say_more(row)
                else:
                    self._show()
            case _:
                return False  # e.g. the list of models
        self.dialog.show_counts()
        return True

    def at_work(self) -> list[str]:
        """Say which models are just being brought in."""
        return [self.tr("{name} is still being imported; its import will be lost.").format(name=row.request.path.name)
                for row in self._rows.values()]  # fmt: skip

    def recover(self, numbers: list[int]) -> None:
        """Go on after the worker has died: with the files that it had not begun."""
        rows = [self._rows.pop(number) for number in numbers if number in self._rows]
        for row in rows:
            if row.stage is Stage.WAITING:
                self._ask(row, row.request)
            else:
                row.show_stage(Stage.FAILED, self.tr("The worker stopped unexpectedly; the log says more."))
                self.said.emit(row.words.text())
                self._show()
        self.dialog.show_counts()

    def _ask(self, row: ImportRow, request: requests.ImportModel) -> None:
        row.request = request
        row.show_stage(Stage.WAITING)
        self._rows[self._looks.ask(request)] = row
        self.dialog.show_counts()

    def _cancel(self, row: ImportRow) -> None:
        for number, other in self._rows.items():
            if other is row:
                self._looks.cancel(number)
        row.show_stage(Stage.CANCELLED)
        self.dialog.show_counts()

    def _say_more(self, row: ImportRow) -> None:
        """Ask for what cannot be found out of a model, or for another name, and try again."""
        dialog = ImportDialog(
            row.request.path, row.words.text(), self.dialog if self.dialog.isVisible() else self._window
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._ask(row, dialog.request()))
        dialog.open()

    def _show(self) -> None:
        self.dialog.show_counts()
        self.dialog.show()
