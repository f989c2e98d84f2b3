"""What is done with models: they are shown, picked, imported and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox

from cgconv.runtime import events, requests
from cgconv.runtime.models.store import MODEL_SUFFIXES

from .convert_page import ConvertPage
from .dialogs import ImportDialog, ModelDialog
from .main_window import MainWindow
from .memory import Memory
from .pace import Kind
from .places import last_folder
from .queue_item import FILM, PICTURE
from .queue_model import QueueModel
from .reasons import in_words
from .settings_page import SettingsPage
from .speeds import keep_speeds, read_speeds
from .worker_process import WorkerProcess

MISUSE = 2  # the exit code where something has to be said that cannot be found out
SAMPLE = Path(__file__).parent / "images" / "sample.jpg"


class ModelActions(QObject):
    """The models of the gallery.

    Signals:
        said(str): for the user.
    """

    said = Signal(str)

    def __init__(
        self, window: MainWindow, page: ConvertPage, settings: SettingsPage, queue: QueueModel, looks: WorkerProcess,
        memory: Memory, parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._page, self._settings, self._queue = window, page, settings, queue
        self._looks, self._memory = looks, memory
        self.models: list[events.ModelInfo] = []
        self.wanted = ""  # the model to pick as soon as it is there
        self._sampled: set[str] = set()
        self._imports: dict[int, Path | None] = {}  # number of a request → the file; None: a model is removed

    def show_answer(self, number: int, event: object) -> bool:
        """Take note of how an import or a removal ended; say whether it was one."""
        if number not in self._imports or not isinstance(event, events.RequestFinished | events.CommandFailed):
            return False
        path = self._imports.pop(number)
        if isinstance(event, events.RequestFinished):
            self.said.emit(self.tr("The gallery is up to date."))
            return True
        self.said.emit(in_words(event.reason))
        if path is not None and event.exit_code == MISUSE:
            self._ask_import(path, in_words(event.reason))
        return True

    def at_work(self) -> list[str]:
        """Say which models are just being brought in."""
        return [self.tr("{name} is still being imported, and will not be there.").format(name=path.name)
                for path in self._imports.values() if path is not None]  # fmt: skip

    def recover(self, numbers: list[int]) -> None:
        """Go on after the worker has died."""
        if not self.models and numbers:
            self._looks.ask(requests.ListModels())
        if self._imports.keys() & set(numbers):
            self._imports.clear()
            self.said.emit(self.tr("The worker stopped unexpectedly; the log says more."))

    def show_models(self, models: Sequence[events.ModelInfo]) -> None:
        """Show the models there are, and have samples made of new ones."""
        recent = self._memory.recent_models()
        rank = {name: place for place, name in enumerate(recent)}
        models = sorted(models, key=lambda model: rank.get(model.name, len(recent)))
        self.models = models
        usable = [model for model in models if not model.problem]
        self._page.queue_view.models = [(model.name, model.title or model.name) for model in usable]
        self._settings.show_models([model.name for model in usable])
        real = read_speeds(self._memory.settings)
        models = [replace(model, megapixels_per_second=self._speed_of(model.name, real) or model.megapixels_per_second)
                  for model in models]  # fmt: skip
        wanted, self.wanted = self.wanted, ""
        chosen = wanted or self._page.gallery.chosen or str(self._memory.settings.value("convert/model", ""))
        self._page.gallery.show_models(models, chosen)
        for model in models:
            if model.sample is None and not model.problem and model.name not in self._sampled:
                self._sampled.add(model.name)
                self._looks.ask(requests.SampleModel(model.name, SAMPLE if SAMPLE.exists() else None))

    def show_sample(self, event: events.ModelSampled) -> None:
        """Show what a model makes of a sample; of its speed, what real runs had is nearer the truth."""
        speed = self._speed_of(event.name, read_speeds(self._memory.settings)) or event.megapixels_per_second
        self._page.gallery.gallery.show_sample(event.name, event.sample, speed)

    def keep_speeds(self, speeds: dict[Kind, float]) -> None:
        """Remember how fast models were, and show it."""
        keep_speeds(self._memory.settings, speeds)
        for model in self.models:
            if speed := self._speed_of(model.name, speeds):
                self._page.gallery.gallery.show_speed(model.name, speed)

    def _speed_of(self, name: str, speeds: dict[Kind, float]) -> float | None:
        return speeds.get(Kind(PICTURE, name)) or speeds.get(Kind(FILM, name))

    def pick_model(self, name: str) -> None:
        """Take a model for all entries that have none of their own."""
        self._memory.settings.setValue("convert/model", name)
        if name:
            self._memory.note_model(name)
        self._queue.show_default_model(name)
        current = self._page.gallery.current()
        self._page.remove_model.setEnabled(current is not None and not current.is_bundled)
        self._page.model_information.setEnabled(current is not None)
        self._page.show_model(current)
        self._page.preview.refresh()

    def import_models(self, paths: list[Path]) -> None:
        """Bring model files in."""
        for path in paths:
            self.said.emit(self.tr("Looking at {name} …").format(name=path.name))
            self._import(requests.ImportModel(path))

    def choose_models(self) -> None:
        """Ask for model files."""
        chosen, _ = QFileDialog.getOpenFileNames(
            self._window, self.tr("Model files"), last_folder(self._memory),
            self.tr("Models ({suffixes});;All files (*)").format(suffixes="*" + " *".join(MODEL_SUFFIXES)),
        )  # fmt: skip
        self.import_models([Path(path) for path in chosen])

    def show_model(self) -> None:
        """Show what is known of the chosen model."""
        model = self._page.gallery.current()
        if model is not None:
            dialog = ModelDialog(model, self._window)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def remove_model(self) -> None:
        """Delete the chosen model, if that is meant."""
        model = self._page.gallery.current()
        if model is None or model.is_bundled:
            return
        box = QMessageBox(QMessageBox.Icon.Question, "cgconv", self.tr("Delete the model {name}?").format(
            name=model.name), QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No, self._window)  # fmt: skip
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.accepted.connect(lambda: self._imports.update({self._looks.ask(requests.RemoveModel(model.name)): None}))
        box.open()

    def _import(self, request: requests.ImportModel) -> None:
        self._imports[self._looks.ask(request)] = request.path

    def _ask_import(self, path: Path, reason: str) -> None:
        """Ask for what cannot be found out of a model, or for another name, and try again."""
        dialog = ImportDialog(path, reason, [model.name for model in self.models], self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._import(dialog.request()))
        dialog.open()
