"""Decide what Start does: go on, take up again what stopped or failed, or ask whether all is to be done again."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox

from .conversion import Conversion, Phase
from .convert_page import ConvertPage
from .main_window import MainWindow
from .queue_actions import QueueActions
from .queue_item import QueueItem, State
from .queue_model import QueueModel


class StartActions(QObject):
    """The button Start."""

    def __init__(
        self, window: MainWindow, page: ConvertPage, queue: QueueModel, actions: QueueActions, conversion: Conversion,
        parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._page, self._queue = window, page, queue
        self._actions, self._conversion = actions, conversion

    def start(self) -> None:
        """Translate what waits, was stopped or failed; where all is done, ask whether to do it again."""
        if self._conversion.phase is Phase.IDLE:
            self._actions.retry([item for item in self._queue.items if item.state in (State.STOPPED, State.FAILED)])
            ended = [item for item in self._queue.items if item.state in (State.DONE, State.SKIPPED)]
            if ended and len(ended) == len(self._queue.items) and self._page.gallery.chosen:
                self._ask_again(ended)
                return
        self._conversion.start(self._page.gallery.chosen, self._page.options.options())

    def _ask_again(self, items: list[QueueItem]) -> None:
        """Ask whether files that are done are to be translated again with the model that is picked now."""
        model = self._page.gallery.chosen
        same = [item for item in items if item.settled_model in (model, "")]
        title = next((one.title or one.name for one in self._actions.models() if one.name == model), model)
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("cgconv")
        box.setText(self.tr("Everything in the queue is done. Translate %n file(s) again with {model}?", "",
                            len({item.file_key for item in items})).format(model=title))  # fmt: skip
        if same and self._page.options.options().exists == "skip":
            box.setInformativeText(self.tr("The results that are there are kept; new ones get a number."))
        again = box.addButton(self.tr("Translate again"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(again)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        again.clicked.connect(lambda: self._do_again(items, same))
        box.open()

    def _do_again(self, items: list[QueueItem], same: list[QueueItem]) -> None:
        if self._conversion.phase is not Phase.IDLE:
            return
        self._actions.retry(same)
        self._queue.add_copies([item for item in items if item not in same])
        self._conversion.start(self._page.gallery.chosen, self._page.options.options(), keeps_results=bool(same))
