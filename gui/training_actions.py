"""What the page for training asks its worker for, and what it shows of the answers."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cgconv.runtime import events, requests

from .memory import Memory
from .reasons import in_words
from .train_page import Settings, Training, TrainPage
from .worker_process import WorkerProcess

_REMEMBERED = ("a", "b", "name_a", "name_b", "run")


class TrainingActions(QObject):
    """The training, its data and the model that is made of it.

    Signals:
        said(str), logged(str): for the user; for the log.
        worth_a_look(str): something that the user waits for.
        model_made(str): there is a new model of this name.
    """

    said = Signal(str)
    logged = Signal(str)
    worth_a_look = Signal(str)
    model_made = Signal(str)

    def __init__(
        self, page: TrainPage, worker: WorkerProcess, looks: WorkerProcess, memory: Memory, parent: QObject
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._page, self._worker, self._looks, self._settings = page, worker, looks, memory.settings
        self._train_number = self._check_number = self._estimate_number = 0
        self._preset = ""  # of what is being learned
        self._exports: set[int] = set()

    def pause(self) -> None:
        """Stop the training once its checkpoint is saved."""
        self._worker.cancel(self._train_number)

    def check_data(self, a: Path, b: Path) -> None:
        """Have a look taken at two folders of pictures."""
        self._check_number = self._worker.ask(requests.CheckData(a, b))

    def show_last(self) -> None:
        """Show the folders and the run of last time."""
        a, b, name_a, name_b, run = (str(self._settings.value(f"train/{name}", "")) for name in _REMEMBERED)
        self._page.show_last(a, b, name_a, name_b, Path(run) if run else None)

    def estimate(self, preset: str, settings: Settings, pictures: int) -> None:
        """Have it found out how long a training takes; a preset's speed is measured once, then known from its runs."""
        self._worker.cancel(self._estimate_number)
        speed = self._settings.value(f"train/speed-{preset}", 0.0, type=float)
        request = requests.EstimateTraining(preset, settings, pictures, speed)  # type: ignore[arg-type]  # a float
        self._estimate_number = self._worker.ask(request)

    def train(self, training: Training) -> None:
        """Begin a training, or go on with one."""
        self._worker.cancel(self._estimate_number)
        self._preset = training.preset
        values = training.a, training.b, training.name_a, training.name_b, training.out
        for name, value in zip(_REMEMBERED, values, strict=True):
            if name == "run" or not training.resume:
                self._settings.setValue(f"train/{name}", str(value))
        self._train_number = self._worker.ask(
            requests.Train(training.a, training.b, training.out, training.name_a, training.name_b, training.preset,
                           training.settings, training.resume)
        )  # fmt: skip

    def export_run(self, run: Path, direction: str, name: str) -> None:
        """Make a model of a run."""
        self._page.show_note(self.tr("Making a model of it, and checking it against torch …"))
        self._exports.add(self._looks.ask(requests.ExportRun(run, direction, name, title=name)))

    def at_work(self) -> list[str]:
        """Say that a model is being made of a run."""
        return (
            [self.tr("A model is being made of the run; you would have to start that again.")] if self._exports else []
        )

    def show_answer(self, number: int, event: object) -> None:
        """Show what the worker says."""
        match event:
            case events.DataSetChecked() if number == self._check_number:
                self._page.show_check(event)
            case events.FilesProgressed() if number == self._check_number:
                self._page.show_event(event)
            case events.TrainingEstimated() if number == self._estimate_number:
                self._keep_speed(event.preset, event.images_per_second)
                self._page.show_estimate(event)
            case events.TrainFinished():
                self._page.show_through(self.tr("The training has finished. Use this model now?"))
                self.worth_a_look.emit(self.tr("The training has finished. Use this model now?"))
            case events.TrainWarned():
                self.logged.emit(event.message)
                self._page.findings.add(f"⚠ {in_words(event.message)}")
            case events.CommandFailed():
                self.logged.emit(event.reason)
                if number == self._check_number:
                    self._page.show_check_failure(in_words(event.reason))
                elif number == self._train_number:
                    self._train_number = 0
                    self._page.show_end(in_words(event.reason))
                elif number == self._estimate_number:
                    self._page.estimate.clear()
                else:
                    self._page.show_note(in_words(event.reason))
            case events.RequestFinished() if number == self._train_number:
                self._train_number = 0
                if self._page.is_running:
                    self._page.show_end(self.tr("Paused. Go on when you like; the checkpoint is saved."))
            case _ if number == self._train_number:
                if isinstance(event, events.TrainProgressed) and self._preset:
                    self._keep_speed(self._preset, event.images_per_second)
                self._page.show_event(event)

    def show_export(self, number: int, event: object) -> bool:
        """Show how it goes with a model that is being made of a run; say whether the answer was about one."""
        if number not in self._exports:
            return False
        match event:
            case events.ModelExported():
                self._page.show_note(self.tr("{name} is in the gallery now.").format(name=event.name))
                self.model_made.emit(event.name)
            case events.CommandFailed():
                self.logged.emit(event.reason)
                self._page.show_note(in_words(event.reason))
        if isinstance(event, events.RequestFinished | events.CommandFailed):
            self._exports.discard(number)
        return True

    def _keep_speed(self, preset: str, images_per_second: float) -> None:
        if images_per_second > 0:
            self._settings.setValue(f"train/speed-{preset}", images_per_second)

    def recover(self, numbers: list[int]) -> None:
        """Say that the worker has died."""
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

    def recover_exports(self, numbers: list[int]) -> None:
        """Say that the worker that was making a model has died."""
        if self._exports & set(numbers):
            self._exports.clear()
            self._page.show_note(self.tr("The worker stopped unexpectedly; the log says more."))

    def show_extras(self, extras: dict[str, bool]) -> None:
        """Say what is missing for training."""
        if not extras.get("train"):
            self._page.show_missing(
                self.tr("Training needs PyTorch, which is not installed. In a terminal: {command}").format(
                    command=f"{Path(sys.executable).name} -m pip install 'cgconv[train]'"
                )
            )
