"""What is done with models: they are shown, picked, renamed and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox

from cgconv.runtime import events, requests
from cgconv.runtime.models.store import MODEL_SUFFIXES

from .convert_page import ConvertPage
from .dialogs import DescribeDialog, ModelDialog
from .import_actions import ImportActions
from .main_window import MainWindow
from .memory import Memory
from .pace import Kind
from .places import keep_last_folder, last_folder
from .queue_item import FILM, PICTURE, State
from .queue_model import QueueModel
from .reasons import in_words
from .settings_page import SettingsPage
from .speeds import keep_speeds, read_speeds
from .worker_process import WorkerProcess

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
        self.imports = ImportActions(window, looks, self)
        self.imports.said.connect(self.said)
        self._changes: dict[int, str] = {}  # number of a request → what to say where it is done
        self._renamed: dict[str, str] = {}  # until the model of the new name is listed

    def show_answer(self, number: int, event: object) -> bool:
        """Take note of how an import or a change of a model ended; say whether it was one."""
        if isinstance(event, events.ModelExported):
            self._sampled.discard(event.name)  # it may have taken the place of another
        if self.imports.show_answer(number, event):
            return True
        if number not in self._changes or not isinstance(event, events.RequestFinished | events.CommandFailed):
            return False
        done = self._changes.pop(number)
        self.said.emit(done if isinstance(event, events.RequestFinished) else in_words(event.reason))
        return True

    def at_work(self) -> list[str]:
        """Say which models are just being brought in."""
        return self.imports.at_work()

    def recover(self, numbers: list[int]) -> None:
        """Go on after the worker has died."""
        if not self.models and numbers:
            self._looks.ask(requests.ListModels())
        self.imports.recover(numbers)
        if self._changes.keys() & set(numbers):
            self._changes.clear()
            self.said.emit(self.tr("The worker stopped unexpectedly; the log says more."))

    def show_models(self, models: Sequence[events.ModelInfo]) -> None:
        """Show the models there are, and have samples made of new ones."""
        self._follow_names({model.name for model in models})
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

    def choose_models(self) -> None:
        """Ask for model files."""
        chosen, _ = QFileDialog.getOpenFileNames(
            self._window, self.tr("Model files"), last_folder(self._memory),
            self.tr("Models ({suffixes});;All files (*)").format(suffixes="*" + " *".join(MODEL_SUFFIXES)),
        )  # fmt: skip
        if chosen:
            keep_last_folder(self._memory, Path(chosen[0]).parent)
            self.imports.import_models([Path(path) for path in chosen])

    def show_model(self) -> None:
        """Show what is known of the chosen model."""
        model = self._page.gallery.current()
        if model is not None:
            dialog = ModelDialog(model, self._window)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def remove_model(self) -> None:
        """Delete the chosen model, if that is meant."""
        model = self._own_model()
        if model is None:
            return
        buttons = QMessageBox.StandardButton
        box = QMessageBox(QMessageBox.Icon.Question, "cgconv", self.tr("Delete the model {name}?").format(
            name=model.name), buttons.Yes | buttons.No, self._window)  # fmt: skip
        box.setInformativeText(self.tr("Its file is deleted: {path}").format(path=model.path))
        box.setDefaultButton(buttons.No)
        box.setEscapeButton(buttons.No)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        done = self.tr("{name} is deleted.").format(name=model.name)
        box.accepted.connect(lambda: self._change(requests.RemoveModel(model.name), done))
        box.open()

    def describe_model(self) -> None:
        """Ask for another name and texts of the chosen model."""
        model = self._own_model()
        if model is None:
            return
        dialog = DescribeDialog(model, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._describe(dialog.request()))
        dialog.open()

    def _describe(self, request: requests.DescribeModel) -> None:
        self._renamed[request.model] = request.name
        self._change(request, self.tr("{name} is described anew.").format(name=request.name))

    def _own_model(self) -> events.ModelInfo | None:
        """Return the chosen model where it may be changed: it is the user's, and nothing waits to be done with it."""
        model = self._page.gallery.current()
        if model is None or model.is_bundled:
            return None
        busy = (State.RUNNING, State.PLANNED)
        if any(item.settled_model == model.name and item.state in busy for item in self._queue.items):
            self.said.emit(self.tr("{name} is being used; wait until that is done.").format(name=model.name))
            return None
        return model

    def _change(self, request: requests.Request, done: str) -> None:
        self._changes[self._looks.ask(request)] = done

    def _follow_names(self, names: set[str]) -> None:
        """Go on with a model under its new name, wherever the old one was kept."""
        settings = self._memory.settings
        for old, new in list(self._renamed.items()):
            if old in names or new not in names:
                continue
            del self._renamed[old]
            self._memory.rename_model(old, new)
            chosen = self._page.gallery.chosen or str(settings.value("convert/model", ""))
            self.wanted = self.wanted or (new if chosen == old else "")
            items = [item for item in self._queue.items if old in (item.model, item.settled_model)]
            for item in items:
                item.model = new if item.model == old else item.model
                item.settled_model = new if item.settled_model == old else item.settled_model
            self._queue.show_changes(items)
