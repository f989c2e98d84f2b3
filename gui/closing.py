"""Close the window: ask where work would be stopped, say what is kept of it, and wait until a training has saved."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox

from .conversion import Conversion, Phase
from .main_window import MainWindow
from .queue_item import FILM, State
from .queue_model import QueueModel
from .train_page import TrainPage


class Closing(QObject):
    """What happens between the wish to close the window and its end.

    `at_work` names what else is being done and would be lost.

    Signals:
        pause_wanted(): the training is to save and stop.
        ready(): nothing holds the window any more.
    """

    pause_wanted = Signal()
    ready = Signal()

    def __init__(
        self, window: MainWindow, queue: QueueModel, conversion: Conversion, train: TrainPage,
        at_work: Callable[[], list[str]], parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._queue, self._conversion, self._train = window, queue, conversion, train
        self._at_work = at_work
        self._box: QMessageBox | None = None
        self._is_waiting = False

    def ask(self) -> None:
        """Close at once where nothing is being done, else ask first."""
        if self._box is not None:
            self._box.raise_()
            return
        sentences = self._sentences()
        if not sentences:
            self.ready.emit()
            return
        box = self._open(self.tr("Work is going on. Stop it and close?"), "\n".join(sentences))
        stop = box.addButton(self.tr("Stop and close"), QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton(self.tr("Keep working"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        stop.clicked.connect(self._stop)
        box.open()

    def go_on(self) -> None:
        """Close if that was waited for: the training has ended."""
        if self._is_waiting and not self._train.is_running:
            self._is_waiting = False
            self._close_box()
            self.ready.emit()

    def _sentences(self) -> list[str]:
        """Say what is being done, and what will be kept of it."""
        said = []
        if self._conversion.phase is not Phase.IDLE:
            open_states = (State.RUNNING, State.PLANNED, State.WAITING)
            left = [item for item in self._queue.items if item.state in open_states]
            said.append(self.tr("%n file(s) still to translate: they stay in the queue for the next start.", "",
                                len(left)))  # fmt: skip
            said += [
                self.tr("{name} is {share} done; the finished part is kept, and it continues there.").format(
                    name=item.path.name, share=f"{item.progress:.0%}")
                for item in left if item.kind == FILM and item.state is State.RUNNING
            ]  # fmt: skip
        if self._train.is_running:
            said.append(self.tr("The training saves its state first; “Continue a run …” goes on from there."))
        return said + self._at_work()

    def _stop(self) -> None:
        self._box = None
        self._conversion.cancel()
        if not self._train.is_running:
            self.ready.emit()
            return
        self._is_waiting = True
        self.pause_wanted.emit()
        box = self._open(self.tr("The training is saving its state …"),
                         self.tr("It finishes its current step first. Then the window closes by itself."))  # fmt: skip
        give_up = box.addButton(self.tr("Close without saving"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(self.tr("Keep the window open"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        give_up.clicked.connect(self._give_up)
        stay.clicked.connect(self._stay)
        box.open()

    def _give_up(self) -> None:
        self._is_waiting = False
        self.ready.emit()

    def _stay(self) -> None:
        self._is_waiting = False

    def _open(self, words: str, more: str) -> QMessageBox:
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("cgconv")
        box.setText(words)
        box.setInformativeText(more)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.finished.connect(lambda: self._forget(box))
        self._box = box
        return box

    def _forget(self, box: QMessageBox) -> None:
        if box is self._box:
            self._box = None

    def _close_box(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            box.close()
