"""Work on a model that takes long: half precision, engines for a GPU."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from cgconv.runtime import events, requests

from .settings_page import SettingsPage
from .worker_process import WorkerProcess


class ModelSteps(QObject):
    """One step at a time, shown on the page of settings.

    Signals:
        logged(str): for the log.
    """

    logged = Signal(str)

    def __init__(self, page: SettingsPage, looks: WorkerProcess, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._looks = page, looks
        self._step_number = 0
        self._is_stopped = False

    def halve(self, model: str) -> None:
        """Write a model in half precision."""
        self._begin(requests.HalveModel(model))

    def build_engines(self, model: str) -> None:
        """Compile a model for the GPU."""
        self._begin(requests.BuildEngines(model))

    def stop(self) -> None:
        """Stop what is being done."""
        self._is_stopped = True
        self._looks.cancel(self._step_number)

    def show_answer(self, number: int, event: object) -> bool:
        """Show what the worker says of the step; say whether it was about one."""
        if not number or number != self._step_number:
            return False
        self._show_step(event)
        return True

    def at_work(self) -> list[str]:
        """Say that a model is being worked on."""
        return (
            [self.tr("A model is being written or compiled; you would have to start that again.")]
            if self._step_number
            else []
        )

    def recover(self, numbers: list[int]) -> None:
        """Say that the worker has died."""
        if self._step_number in numbers:
            self._step_number = 0
            self._page.show_step(self.tr("The worker stopped unexpectedly; the log says more."), None, is_running=False)

    def _show_step(self, event: object) -> None:
        """Show how far the work on a model is."""
        match event:
            case events.StepProgressed():
                self._page.show_step(event.step, event.fraction, is_running=True)
            case events.EngineBuilding():
                words = self.tr("{size}: {phase}, {seconds} s").format(
                    size=event.size, phase=event.phase, seconds=round(event.seconds)
                )
                self._page.show_step(words, event.step / event.steps if event.steps else None, is_running=True)
            case events.EngineBuilt():
                self.logged.emit(self.tr("Engine for {size}: {decibels} dB from the model").format(
                    size=event.size, decibels=f"{event.decibels:.1f}"))  # fmt: skip
            case events.ModelExported():
                self.logged.emit(str(event.path))
            case events.RequestFinished():
                self._step_number = 0
                if self._is_stopped:
                    self._page.show_step(self.tr("Stopped."), None, is_running=False)
                else:
                    self._page.show_step(self.tr("Done."), 1.0, is_running=False)
            case events.CommandFailed():
                self._step_number = 0
                self.logged.emit(event.reason)
                self._page.show_step(event.reason, None, is_running=False)

    def _begin(self, request: requests.Request) -> None:
        """Begin to work on a model."""
        self._page.show_step(self.tr("Getting ready …"), None, is_running=True)
        self._is_stopped = False
        self._step_number = self._looks.ask(request)
