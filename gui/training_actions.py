"""What the page for training asks its worker for, and what it shows of the answers."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cgconv.runtime import events, requests

from .train_page import Training, TrainPage
from .worker_process import WorkerProcess


class TrainingActions(QObject):
    """The training, its data and the model that is made of it.

    Signals:
        said(str), logged(str): for the user; for the log.
        worth_a_look(str): something that the user waits for.
        model_made(): there is a new model.
    """

    said = Signal(str)
    logged = Signal(str)
    worth_a_look = Signal(str)
    model_made = Signal()

    def __init__(self, page: TrainPage, worker: WorkerProcess, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._worker = page, worker
        self._train_number = self._check_number = 0
        self._exports: set[int] = set()

    def pause(self) -> None:
        """Stop the training once its checkpoint is saved."""
        self._worker.cancel(self._train_number)

    def check_data(self, a: Path, b: Path) -> None:
        """Have a look taken at two folders of pictures."""
        self._check_number = self._worker.ask(requests.CheckData(a, b))

    def train(self, training: Training) -> None:
        """Begin a training, or go on with one."""
        self._train_number = self._worker.ask(
            requests.Train(training.a, training.b, training.out, training.name_a, training.name_b, training.preset,
                           training.settings, training.resume)
        )  # fmt: skip

    def export_run(self, run: Path, direction: str, name: str) -> None:
        """Make a model of a run."""
        self._page.show_note(self.tr("Making a model of it, and checking it against torch …"))
        self._exports.add(self._worker.ask(requests.ExportRun(run, direction, name, title=name)))

    def at_work(self) -> list[str]:
        """Say that a model is being made of a run."""
        return [self.tr("A model is being made of the run; that begins anew.")] if self._exports else []

    def show_answer(self, number: int, event: object) -> None:
        """Show what the worker says."""
        if isinstance(event, events.RequestFinished | events.CommandFailed):
            self._exports.discard(number)
        match event:
            case events.DataSetChecked() if number == self._check_number:
                self._page.show_check(event)
            case events.FilesProgressed() if number == self._check_number:
                self._page.show_event(event)
            case events.ModelExported():
                self._page.show_note(self.tr("{name} is in the gallery now.").format(name=event.name))
                self.model_made.emit()
            case events.TrainFinished():
                self._page.show_through(self.tr("The training is through. Use this model now?"))
                self.worth_a_look.emit(self.tr("The training is through. Use this model now?"))
            case events.TrainWarned():
                self.logged.emit(event.message)
                self._page.show_note(event.message)
            case events.CommandFailed():
                self.logged.emit(event.reason)
                if number == self._check_number:
                    self._page.show_check_failure(event.reason)
                elif number == self._train_number:
                    self._train_number = 0
                    self._page.show_end(event.reason)
                else:
                    self._page.show_note(event.reason)
            case events.RequestFinished() if number == self._train_number:
                self._train_number = 0
                if self._page.is_running:
                    self._page.show_end(self.tr("Paused. Go on when you like; the checkpoint is saved."))
            case _ if number == self._train_number:
                self._page.show_event(event)

    def recover(self, numbers: list[int]) -> None:
        """Say that the worker has died."""
        self._exports.clear()
        if self._train_number in numbers:
            self._train_number = 0
            sentence = (
                self.tr("The training stopped unexpectedly. Go on from its last checkpoint; the log says more.")
                if self._page.has_checkpoint
                else self.tr("The training stopped unexpectedly before its first checkpoint; the log says more.")
            )
            self._page.show_end(sentence)
            self.worth_a_look.emit(sentence)
        elif numbers:
            self.said.emit(self.tr("The worker stopped unexpectedly; the log says more."))

    def show_extras(self, extras: dict[str, bool]) -> None:
        """Say what is missing for training."""
        if not extras.get("train"):
            self._page.show_missing(
                self.tr("Training needs PyTorch, which is not installed. In a terminal: {command}").format(
                    command=f"{Path(sys.executable).name} -m pip install 'cgconv[train]'"
                )
            )
