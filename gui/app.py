"""Make the window and its workers, and connect everything: connections between parts stand only here."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, QLockFile, QObject, QProcess, Qt, QTimer, QTranslator, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox, QSystemTrayIcon

from cgconv.runtime import events, requests
from cgconv.runtime.models.store import MODEL_SUFFIXES, models_folder

from .conversion import Conversion, Phase, Totals
from .convert_page import ConvertPage
from .dialogs import ImportDialog, ItemDialog, ModelDialog
from .lasting_singletons import keep_singletons_alive
from .log_page import LogPage
from .main_window import MainWindow
from .memory import PRESET_SUFFIX, Memory, QueueWriter, read_preset, write_preset
from .palette import icon, is_dark, plain, readable
from .queue_item import ENDED, QueueItem, State
from .queue_model import QueueModel
from .reasons import in_words
from .settings_page import SettingsPage
from .train_page import Training, TrainPage
from .worker_process import LAST_WORDS_S, WorkerProcess

keep_singletons_alive()

SAVE_AFTER_MS = 700
FIRST_SIZE = (1280, 800)
MISUSE = 2  # the exit code where something has to be said that cannot be found out
SAMPLE = Path(__file__).parent / "images" / "sample.jpg"
TRANSLATIONS = Path(__file__).parent / "translations"


class App(QObject):
    """The program: its parts and what joins them. `home` is the folder of its settings and of the queue."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.memory = Memory(home)
        self.writer = QueueWriter(self.memory, self)
        # Work that may crash is kept apart: a bad thumbnail does not take a film along, nor a film a training.
        self.looks, self.jobs, self.training = (WorkerProcess(self) for _ in range(3))
        self.queue = QueueModel(self)
        self.conversion = Conversion(self.queue, self.jobs, self)
        self.convert = ConvertPage(self.queue)
        self.train = TrainPage(Path.home() / "cgconv-runs")
        settings = self.memory.settings
        self.settings = SettingsPage(
            models_folder(), str(settings.value("window/language", "")), str(settings.value("window/appearance", ""))
        )
        self.log = LogPage()
        self.window = MainWindow(
            [
                ("convert", self.tr("Convert"), self.convert),
                ("train", self.tr("Train"), self.train),
                ("settings", self.tr("Settings"), self.settings),
                ("log", self.tr("Log"), self.log),
            ]
        )
        self._models: list[events.ModelInfo] = []
        self._sampled: set[str] = set()
        self._scans: set[int] = set()
        self._already_there = 0
        self._train_number = self._check_number = self._step_number = 0
        self._imports: dict[int, Path | None] = {}  # number of a request → the file; None: a model is removed
        self._extras: dict[str, bool] = {}
        self._save = QTimer(self, singleShot=True, interval=SAVE_AFTER_MS)
        self._connect_queue()
        self._connect_preview()
        self._connect_models()
        self._connect_options()
        self._connect_conversion()
        self._connect_training()
        self._connect_rest()
        self._restore()
        self.ask_looks(requests.ListModels())
        self.ask_looks(requests.ListPresets())

    def open(self, paths: Sequence[Path]) -> None:
        """Show the window, with these files in the queue, too."""
        self.window.show()
        if paths:
            self.add_paths(list(paths))

    def close(self) -> None:
        """Keep everything and end the workers."""
        self._save.stop()
        self.writer.finish(self.queue.items)
        self._keep_window()
        self.window.hide()  # the workers may need a moment
        workers = (self.looks, self.jobs, self.training)
        for worker in workers:
            worker.stop()
        until = time.monotonic() + LAST_WORDS_S
        for worker in workers:
            worker.wait(until)

    # Connections

    def _connect_queue(self) -> None:
        page, view = self.convert, self.convert.queue_view
        self.window.paths_dropped.connect(self.take_dropped)
        page.add_files.clicked.connect(self._choose_files)
        page.add_folder.clicked.connect(self._choose_folder)
        page.clear_ended.clicked.connect(self._clear_ended)
        view.removal_wanted.connect(self.queue.remove)
        view.move_wanted.connect(self._move)
        view.retry_wanted.connect(self._retry)
        view.result_wanted.connect(self._open_result)
        view.folder_wanted.connect(self._show_in_folder)
        view.options_wanted.connect(self._ask_options)
        view.shared_options_wanted.connect(self._share_options)
        view.reason_wanted.connect(lambda item: QGuiApplication.clipboard().setText(in_words(item.reason)))
        view.selection_changed.connect(page.show_reason)
        self.queue.looks_wanted.connect(self._examine)
        self.queue.changed.connect(self._save_soon)
        self.queue.rowsInserted.connect(self._show_count)
        self.queue.rowsRemoved.connect(self._show_count)
        self._save.timeout.connect(lambda: self.writer.write(self.queue.items))
        self.writer.failed.connect(self._say_unsaved)

    def _connect_preview(self) -> None:
        preview = self.convert.preview
        self.convert.queue_view.item_chosen.connect(preview.show_item)
        preview.wanted.connect(self._ask_preview)
        preview.loop_wanted.connect(self._ask_loop)
        self.convert.options.strength_changed.connect(preview.view.show_strength)

    def _connect_models(self) -> None:
        gallery, page = self.convert.gallery, self.convert
        gallery.model_picked.connect(self._pick_model)
        gallery.models_dropped.connect(self.import_models)
        page.import_model.clicked.connect(self._choose_models)
        page.model_information.clicked.connect(self._show_model)
        page.remove_model.clicked.connect(self._remove_model)
        gallery.doubleClicked.connect(self._show_model)

    def _connect_options(self) -> None:
        page = self.convert
        page.options.options_changed.connect(self._options_changed)
        page.preset_picked.connect(self._use_preset)
        page.preset_saving_wanted.connect(self._save_preset)
        page.preset_removal_wanted.connect(self._forget_preset)
        page.preset_export_wanted.connect(self._export_preset)
        page.preset_import_wanted.connect(self._import_preset)

    def _connect_conversion(self) -> None:
        page, conversion = self.convert, self.conversion
        page.start_wanted.connect(self._start)
        page.pause_wanted.connect(conversion.pause)
        page.cancel_wanted.connect(conversion.cancel)
        self.jobs.answered.connect(conversion.show_answer)
        self.jobs.died.connect(conversion.recover)
        conversion.phase_changed.connect(page.show_phase)
        conversion.progressed.connect(self._show_totals)
        conversion.backend_opened.connect(page.show_backend)
        conversion.engine_progressed.connect(page.show_engine)
        conversion.item_changed.connect(self._show_item)
        conversion.items_changed.connect(self._show_items)
        conversion.warned.connect(self.log.add)
        conversion.finished.connect(self._show_end)
        conversion.refused.connect(self._say)

    def _connect_training(self) -> None:
        self.train.check_wanted.connect(self._check_data)
        self.train.start_wanted.connect(self._train)
        self.train.pause_wanted.connect(lambda: self.training.cancel(self._train_number))
        self.train.model_wanted.connect(self._export_run)
        self.training.answered.connect(self._show_training)
        self.training.died.connect(self._training_died)

    def _connect_rest(self) -> None:
        self.looks.answered.connect(self._show_looks)
        self.looks.died.connect(self._looks_died)
        for worker in (self.looks, self.jobs, self.training):
            worker.printed.connect(self.log.add)
        self.settings.language_picked.connect(lambda name: self.memory.settings.setValue("window/language", name))
        self.settings.appearance_picked.connect(self._pick_appearance)
        self.settings.folder_wanted.connect(_open_folder)
        self.settings.clearing_wanted.connect(lambda: self.ask_looks(requests.ClearCaches()))
        self.settings.half_wanted.connect(lambda name: self._begin_step(requests.HalveModel(name)))
        self.settings.engines_wanted.connect(lambda name: self._begin_step(requests.BuildEngines(name)))
        self.settings.stop_wanted.connect(lambda: self.looks.cancel(self._step_number))
        self.log.diagnosis_wanted.connect(lambda: self.ask_looks(requests.Diagnose()))
        self.window.navigation.currentRowChanged.connect(self._page_changed)
        self.window.palette_changed.connect(self.convert.show_icons)
        self.window.closing.connect(self.close)

    # The queue

    def take_dropped(self, paths: list[Path]) -> None:
        """Put what was dropped on the window into the queue, or its models into the gallery."""
        models = [path for path in paths if path.suffix.lower() in MODEL_SUFFIXES]
        if models:
            self.import_models(models)
        if others := [path for path in paths if path not in models]:
            self.window.show_page(self.convert)
            self.add_paths(others)

    def add_paths(self, paths: list[Path]) -> None:
        """Find the pictures and films that these paths name, and put them into the queue."""
        self._scans.add(self.ask_looks(requests.Scan(tuple(paths), self.convert.options.options().out)))
        self.convert.summary.setText(self.tr("Looking for pictures and films …"))

    def _show_found(self, event: events.FilesFound) -> None:
        was_empty = not self.queue.items
        items = [QueueItem(file.path, file.kind, file.key, file.folder) for file in event.files]
        self._already_there += len(items) - self.queue.add(items)
        if was_empty and self.queue.items:
            self.convert.queue_view.selectRow(0)

    def _show_scan(self, event: events.ScanFinished) -> None:
        parts = [self.tr("%n file(s) found", "", event.found)]
        if self._already_there:
            parts.append(self.tr("%n of them in the queue before", "", self._already_there))
        if event.own_results:
            parts.append(self.tr("%n result(s) of earlier runs left out", "", event.own_results))
        if event.ignored:
            parts.append(self.tr("%n other file(s) left out", "", event.ignored))
        self._already_there = 0
        for path, reason in event.refused:
            self.log.add(f"{path}: {reason}")
            parts.append(f"{Path(path).name}: {reason}")
        if self.conversion.phase is Phase.IDLE:
            self._say(" · ".join(parts))

    def _choose_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self.window, self.tr("Pictures and films"), self._last_folder())
        if chosen:
            self.memory.settings.setValue("window/folder", str(Path(chosen[0]).parent))
            self.add_paths([Path(path) for path in chosen])

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self.window, self.tr("Folder with pictures and films"),
                                                  self._last_folder())  # fmt: skip
        if chosen:
            self.memory.settings.setValue("window/folder", chosen)
            self.add_paths([Path(chosen)])

    def _last_folder(self) -> str:
        return str(self.memory.settings.value("window/folder", str(Path.home())))

    def _clear_ended(self) -> None:
        self.queue.remove([item for item in self.queue.items if item.state in (State.DONE, State.SKIPPED)])

    def _move(self, items: list[QueueItem], by: int) -> None:
        self.queue.move(items, by)
        view = self.convert.queue_view
        if items:
            view.scrollTo(self.queue.index(self.queue.row_of(items[0]), 0))

    def _retry(self, items: list[QueueItem]) -> None:
        ended = [item for item in items if item.state in ENDED]
        for item in ended:
            item.reset()
        self._show_items(ended)

    def _ask_options(self, items: list[QueueItem]) -> None:
        items = [item for item in items if item.state is not State.RUNNING]
        if not items:
            return
        first = items[0]
        dialog = ItemDialog(
            self._models, first.model or self.convert.gallery.chosen,
            first.options or self.convert.options.options(), len(items), self.window,
        )  # fmt: skip
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def take() -> None:
            for item in items:
                item.model, item.options = dialog.model.currentData() or "", dialog.options.options()
            self._show_items(items)
            self.convert.preview.refresh()

        dialog.accepted.connect(take)
        dialog.open()

    def _share_options(self, items: list[QueueItem]) -> None:
        for item in items:
            item.model, item.options = "", None
        self._show_items(items)
        self.convert.preview.refresh()

    def _examine(self, items: list[QueueItem]) -> None:
        for item in items:
            self.ask_looks(requests.Examine(item.path, item.kind))

    def _show_examined(self, event: events.FileExamined) -> None:
        size_wh = (event.width, event.height) if event.width and event.height else None
        self.queue.show_look(event.path, event.thumbnail, size_wh, event.seconds, event.problem)
        current = self.convert.queue_view.current()
        if current is not None and current.path == event.path:
            self.convert.preview.show_length(current)
            self.convert.show_reason(self.convert.queue_view.selected())

    def _show_item(self, item: QueueItem) -> None:
        self.queue.show_change(item, keep=item.state is not State.RUNNING)
        if self.convert.queue_view.is_selected(item):
            self.convert.show_reason(self.convert.queue_view.selected())
            self.convert.queue_view.refresh_actions()

    def _show_items(self, items: list[QueueItem]) -> None:
        self.queue.show_changes(items)
        self.convert.show_reason(self.convert.queue_view.selected())
        self.convert.queue_view.refresh_actions()

    def _show_count(self) -> None:
        self.convert.show_count(len(self.queue.items))

    def _open_result(self, item: QueueItem) -> None:
        if item.state in (State.DONE, State.SKIPPED) and item.output is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(item.output)))

    def _show_in_folder(self, item: QueueItem) -> None:
        shown = item.output if item.state is State.DONE and item.output is not None else item.path
        _open_folder(shown.parent)

    def _save_soon(self) -> None:
        if not self._save.isActive():  # not put off by what follows: the queue may change all the time
            self._save.start()

    def _say_unsaved(self) -> None:
        self.log.add(self.tr("The queue cannot be saved in {folder}.").format(folder=self.memory.folder))

    # Preview

    def _ask_preview(self, item: QueueItem, time_s: float) -> None:
        model = item.model or self.convert.gallery.chosen
        options = self._preview_options(item)
        number = self.ask_looks(requests.Preview(item.path, item.kind, model, options, time_s))
        self.convert.preview.expect(number)
        strength = item.options.strength if item.options is not None else options.strength
        self.convert.preview.view.show_strength(strength)

    def _ask_loop(self, item: QueueItem, time_s: float) -> None:
        model = item.model or self.convert.gallery.chosen
        if model:
            number = self.ask_looks(requests.PreviewLoop(item.path, model, self._preview_options(item), time_s))
            self.convert.preview.expect_loop(number)

    def _preview_options(self, item: QueueItem) -> requests.ConvertOptions:
        return item.options or self.convert.options.options()

    # Models

    def _show_models(self, models: Sequence[events.ModelInfo]) -> None:
        self._models = list(models)
        self.settings.show_models([model.name for model in models if not model.problem])
        chosen = self.convert.gallery.chosen or str(self.memory.settings.value("convert/model", ""))
        self.convert.gallery.show_models(models, chosen)
        for model in models:
            if model.sample is None and not model.problem and model.name not in self._sampled:
                self._sampled.add(model.name)
                self.ask_looks(requests.SampleModel(model.name, SAMPLE if SAMPLE.exists() else None))

    def _pick_model(self, name: str) -> None:
        self.memory.settings.setValue("convert/model", name)
        self.queue.show_default_model(name)
        current = self.convert.gallery.current()
        self.convert.remove_model.setEnabled(current is not None and not current.is_bundled)
        self.convert.model_information.setEnabled(current is not None)
        self.convert.preview.refresh()

    def import_models(self, paths: list[Path]) -> None:
        """Bring model files in."""
        for path in paths:
            self._say(self.tr("Looking at {name} …").format(name=path.name))
            self._import(requests.ImportModel(path))

    def _import(self, request: requests.ImportModel) -> None:
        self._imports[self.ask_looks(request)] = request.path

    def _ask_import(self, path: Path, reason: str) -> None:
        """Ask for what cannot be found out of a model, or for another name, and try again."""
        dialog = ImportDialog(path, reason, [model.name for model in self._models], self.window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._import(dialog.request()))
        dialog.open()

    def _choose_models(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(
            self.window, self.tr("Model files"), self._last_folder(),
            self.tr("Models ({suffixes});;All files (*)").format(suffixes="*" + " *".join(MODEL_SUFFIXES)),
        )  # fmt: skip
        self.import_models([Path(path) for path in chosen])

    def _show_model(self) -> None:
        model = self.convert.gallery.current()
        if model is not None:
            dialog = ModelDialog(model, self.window)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def _remove_model(self) -> None:
        model = self.convert.gallery.current()
        if model is None or model.is_bundled:
            return
        box = QMessageBox(QMessageBox.Icon.Question, "cgconv", self.tr("Delete the model {name}?").format(
            name=model.name), QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No, self.window)  # fmt: skip
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.accepted.connect(lambda: self._imports.update({self.ask_looks(requests.RemoveModel(model.name)): None}))
        box.open()

    # Options and presets

    def _options_changed(self) -> None:
        options = self.convert.options.options()
        before = self.memory.options()
        self.memory.keep_options(options)
        if (before.keep_colors, before.brush, before.detail, before.short_side, before.device, before.backend,
                before.precision) != (
            options.keep_colors, options.brush, options.detail, options.short_side, options.device, options.backend,
            options.precision,
        ):  # fmt: skip  # the rest does not show, or is mixed by the view itself
            self.convert.preview.refresh()

    def _show_presets(self, chosen: str = "") -> None:
        self.convert.show_presets(list(self.memory.presets()), chosen)

    def _use_preset(self, name: str) -> None:
        options = self.memory.presets().get(name)
        if options is not None:
            self.convert.options.show_options(options)

    def _save_preset(self) -> None:
        dialog = QInputDialog(self.window)
        dialog.setWindowTitle(self.tr("Save as preset"))
        dialog.setLabelText(self.tr("Name"))
        dialog.setTextValue(self.convert.presets.currentData() or "")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def take() -> None:
            if name := dialog.textValue().strip():
                self.memory.keep_preset(name, self.convert.options.options())
                self._show_presets(name)

        dialog.accepted.connect(take)
        dialog.open()

    def _forget_preset(self, name: str) -> None:
        if name:
            self.memory.forget_preset(name)
            self._show_presets()

    def _export_preset(self) -> None:
        name = self.convert.presets.currentData() or self.tr("Options")
        path, _ = QFileDialog.getSaveFileName(
            self.window, self.tr("Export the options"), str(Path(self._last_folder()) / f"{name}{PRESET_SUFFIX}")
        )
        if path and not write_preset(Path(path), name, self.convert.options.options()):
            self._say(self.tr("{path} cannot be written.").format(path=path))

    def _import_preset(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.window, self.tr("Import options"), self._last_folder(),
                                              f"cgconv (*{PRESET_SUFFIX} *.json)")  # fmt: skip
        if not path:
            return
        try:
            name, options = read_preset(Path(path))
        except (OSError, ValueError):
            self._say(self.tr("{path} holds no preset of cgconv.").format(path=path))
            return
        self.memory.keep_preset(name, options)
        self._show_presets(name)
        self.convert.options.show_options(options)

    # Converting

    def _start(self) -> None:
        self.conversion.start(self.convert.gallery.chosen, self.convert.options.options())

    def _show_totals(self, totals: Totals) -> None:
        self.convert.show_totals(totals, self.conversion.phase)
        if self.conversion.phase is not Phase.IDLE:
            self.window.setWindowTitle(f"{totals.fraction:.0%} · cgconv")

    def _show_end(self, totals: Totals) -> None:
        self.convert.show_end(totals)
        self.window.setWindowTitle("cgconv")
        if totals.count:
            self._notify(self.convert.summary.text())

    def _notify(self, sentence: str) -> None:
        """Say it on the desktop, unless the window is being looked at."""
        QApplication.alert(self.window)
        if self.window.isActiveWindow():
            return
        if QSystemTrayIcon.isSystemTrayAvailable():
            tray = QSystemTrayIcon(icon("convert", self.window.palette()), self)
            tray.show()
            tray.showMessage("cgconv", sentence)
            QTimer.singleShot(10_000, tray, tray.deleteLater)
        elif program := shutil.which("notify-send"):  # GNOME has no tray
            QProcess.startDetached(program, ["--app-name=cgconv", "cgconv", sentence])

    # Training

    def _check_data(self, a: Path, b: Path) -> None:
        self._check_number = self.training.ask(requests.CheckData(a, b))

    def _train(self, training: Training) -> None:
        self._train_number = self.training.ask(
            requests.Train(training.a, training.b, training.out, training.name_a, training.name_b, training.preset,
                           training.settings, training.resume)
        )  # fmt: skip

    def _export_run(self, run: Path, direction: str, name: str) -> None:
        self.train.show_note(self.tr("Making a model of it, and checking it against torch …"))
        self.training.ask(requests.ExportRun(run, direction, name, title=name))

    def _show_training(self, number: int, event: object) -> None:
        match event:
            case events.DataSetChecked() if number == self._check_number:
                self.train.show_check(event)
            case events.FilesProgressed() if number == self._check_number:
                self.train.show_event(event)
            case events.ModelExported():
                self.train.show_note(self.tr("{name} is in the gallery now.").format(name=event.name))
                self.ask_looks(requests.ListModels())
            case events.TrainFinished():
                self.train.show_through(self.tr("The training is through. Use this model now?"))
                self._notify(self.tr("The training is through. Use this model now?"))
            case events.TrainWarned():
                self.log.add(event.message)
                self.train.show_note(event.message)
            case events.CommandFailed():
                self.log.add(event.reason)
                if number == self._check_number:
                    self.train.show_check_failure(event.reason)
                elif number == self._train_number:
                    self._train_number = 0
                    self.train.show_end(event.reason)
                else:
                    self.train.show_note(event.reason)
            case events.RequestFinished() if number == self._train_number:
                self._train_number = 0
                if self.train.is_running:
                    self.train.show_end(self.tr("Paused. Go on when you like; the checkpoint is saved."))
            case _ if number == self._train_number:
                self.train.show_event(event)

    def _training_died(self, numbers: list[int]) -> None:
        if self._train_number in numbers:
            self._train_number = 0
            sentence = (
                self.tr("The training stopped unexpectedly. Go on from its last checkpoint; the log says more.")
                if self.train.has_checkpoint
                else self.tr("The training stopped unexpectedly before its first checkpoint; the log says more.")
            )
            self.train.show_end(sentence)
            self._notify(sentence)
        elif numbers:
            self._say(self.tr("The worker stopped unexpectedly; the log says more."))

    def _show_extras(self, extras: dict[str, bool]) -> None:
        self._extras = extras
        if not extras.get("train"):
            self.train.show_missing(
                self.tr("Training needs PyTorch, which is not installed. In a terminal: {command}").format(
                    command=f"{Path(sys.executable).name} -m pip install 'cgconv[train]'"
                )
            )

    # What the worker for looks says

    def ask_looks(self, request: requests.Request) -> int:
        """Ask the worker that shows things."""
        return self.looks.ask(request)

    def _show_looks(self, number: int, event: object) -> None:
        match event:
            case events.FilesFound():
                self._show_found(event)
            case events.ScanFinished():
                self._show_scan(event)
            case events.FileExamined():
                self._show_examined(event)
            case events.PreviewReady() | events.LoopFrameReady():
                self.convert.preview.show_answer(number, event)
            case events.ModelsListed():
                self._show_models(event.models)
            case events.ModelSampled():
                self.convert.gallery.gallery.show_sample(event.name, event.sample, event.megapixels_per_second)
            case events.PresetsListed():
                self.train.show_presets(event.presets)
            case events.Diagnosed():
                for line in event.lines:
                    self.log.add(line)
            case events.CachesMeasured():
                self.settings.show_caches(event)
            case events.WorkerReady():
                self._show_extras(event.extras)
            case events.RequestFinished() if number in self._imports:
                del self._imports[number]
                self._say(self.tr("The gallery is up to date."))
            case events.CommandFailed() if number in self._imports:
                path = self._imports.pop(number)
                self._say(in_words(event.reason))
                if path is not None and event.exit_code == MISUSE:
                    self._ask_import(path, in_words(event.reason))
            case events.CommandFailed() if number != self._step_number:
                self.log.add(event.reason)
                self.convert.preview.show_failure(number, in_words(event.reason))
            case _ if number == self._step_number:
                self._show_step(event)

    def _show_step(self, event: object) -> None:
        """Show how far the work on a model is."""
        match event:
            case events.StepProgressed():
                self.settings.show_step(event.step, event.fraction, is_running=True)
            case events.EngineBuilding():
                words = self.tr("{size}: {phase}, {seconds} s").format(
                    size=event.size, phase=event.phase, seconds=round(event.seconds)
                )
                self.settings.show_step(words, event.step / event.steps if event.steps else None, is_running=True)
            case events.EngineBuilt():
                self.log.add(self.tr("Engine for {size}: {decibels} dB from the model").format(
                    size=event.size, decibels=f"{event.decibels:.1f}"))  # fmt: skip
            case events.ModelExported():
                self.log.add(str(event.path))
            case events.RequestFinished():
                self._step_number = 0
                self.settings.show_step(self.tr("Done."), 1.0, is_running=False)
            case events.CommandFailed():
                self._step_number = 0
                self.log.add(event.reason)
                self.settings.show_step(event.reason, None, is_running=False)

    def _begin_step(self, request: requests.Request) -> None:
        self.settings.show_step(self.tr("Getting ready …"), None, is_running=True)
        self._step_number = self.ask_looks(request)

    def _looks_died(self, numbers: list[int]) -> None:
        self.log.add(self.tr("The worker for previews stopped unexpectedly and will be started again."))
        if not self._models and numbers:
            self.ask_looks(requests.ListModels())
        if self._step_number in numbers:
            self._step_number = 0
            self.settings.show_step(self.tr("The worker stopped unexpectedly; the log says more."), None,
                                    is_running=False)  # fmt: skip
        if self._imports.keys() & set(numbers):
            self._imports.clear()
            self._say(self.tr("The worker stopped unexpectedly; the log says more."))
        for number in numbers:
            self.convert.preview.show_failure(number, self.tr("The preview failed; the log says more."))

    # The window

    def _say(self, sentence: str) -> None:
        self.convert.summary.setText(sentence)
        self.log.add(sentence)

    def _page_changed(self, row: int) -> None:
        if self.window.stack.widget(row) is self.settings:
            self.ask_looks(requests.MeasureCaches())

    def _pick_appearance(self, name: str) -> None:
        self.memory.settings.setValue("window/appearance", name)
        show_appearance(name)

    def _restore(self) -> None:
        settings = self.memory.settings
        self.convert.options.show_options(self.memory.options())
        self._show_presets()
        self.queue.add(self.memory.read_queue())
        self.queue.show_default_model(str(settings.value("convert/model", "")))
        if self.queue.items:
            self.convert.queue_view.selectRow(0)
        geometry, split = settings.value("window/geometry"), settings.value("window/split")
        if geometry is None or not self.window.restoreGeometry(geometry):
            self.window.resize(*FIRST_SIZE)
        if split is not None:
            self.convert.splitter.restoreState(split)

    def _keep_window(self) -> None:
        settings = self.memory.settings
        settings.setValue("window/geometry", self.window.saveGeometry())
        settings.setValue("window/split", self.convert.splitter.saveState())
        settings.sync()


def _open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def show_appearance(name: str) -> None:
    """Make everything light or dark, or leave it to the desktop."""
    schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    QGuiApplication.setPalette(QPalette())
    QGuiApplication.styleHints().setColorScheme(schemes.get(name, Qt.ColorScheme.Unknown))
    palette = QGuiApplication.palette()
    if name and is_dark(palette) is not (name == "dark"):  # a desktop that cannot be asked
        QGuiApplication.setPalette(plain(name == "dark"))
    else:
        QGuiApplication.setPalette(readable(palette))


def install_language(application: QApplication, name: str) -> None:
    """Translate all texts, Qt's own too; empty: the desktop's language, English where there is no translation."""
    locale = QLocale(name) if name else QLocale.system()
    QLocale.setDefault(locale)
    qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    wanted = [(QLocale("en"), "cgconv", str(TRANSLATIONS))]  # plurals; the others come on top of it
    wanted += [(locale, "qtbase", qt_folder), (locale, "cgconv", str(TRANSLATIONS))]
    for of_locale, stem, folder in wanted:
        translator = QTranslator(application)
        if translator.load(of_locale, stem, "_", folder):
            application.installTranslator(translator)


def run(paths: Sequence[str]) -> int:
    """Open the window and return the process's exit code once it is closed."""
    import platformdirs

    home = Path(platformdirs.user_config_dir("cgconv", appauthor=False))
    home.mkdir(parents=True, exist_ok=True)
    QGuiApplication.setDesktopFileName("cgconv")
    application = QApplication.instance() or QApplication(["cgconv"])
    assert isinstance(application, QApplication)
    application.setApplicationName("cgconv")
    lock = QLockFile(str(home / "window.lock"))
    memory = Memory(home)
    install_language(application, str(memory.settings.value("window/language", "")))
    show_appearance(str(memory.settings.value("window/appearance", "")))
    if not lock.tryLock(100):
        QMessageBox.information(None, "cgconv", application.tr("cgconv is open already."))
        return 0
    app = App(home)
    app.open([Path(path).absolute() for path in paths])
    return int(application.exec())
