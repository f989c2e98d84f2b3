"""Make the window and its workers, and connect everything: connections between parts stand only here."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import platformdirs
from PySide6.QtCore import (
    QObject,
    QProcess,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QSystemTrayIcon

from cgconv.runtime import events, requests
from cgconv.runtime.models.store import is_model_file, models_folder

from .about import AboutDialog
from .appearance import show_appearance
from .closing import Closing
from .conversion import Conversion, Phase, Totals
from .convert_page import ConvertPage
from .help_window import HelpWindow
from .lasting_singletons import keep_singletons_alive
from .log_file import LogFile
from .log_page import LogPage
from .main_window import MainWindow
from .memory import Memory, QueueWriter
from .menus import Menus
from .model_actions import ModelActions
from .model_steps import ModelSteps
from .palette import icon
from .places import open_folder
from .possible import Here
from .preset_actions import PresetActions
from .preview_actions import PreviewActions
from .queue_actions import QueueActions
from .queue_model import QueueModel
from .reasons import in_words
from .sampler import Sampler
from .settings_actions import SettingsActions, usual_out, when_done
from .settings_page import SettingsPage
from .sheet_actions import SheetActions
from .speeds import read_speeds
from .start_actions import StartActions
from .train_page import TrainPage
from .training_actions import TrainingActions
from .wheel import leave_values_alone
from .worker_process import LAST_WORDS_S, WorkerProcess

keep_singletons_alive()

SAVE_AFTER_MS = 700


class App(QObject):
    """The program: its parts and what joins them. `home` is the folder of its settings and of the queue.

    Signals:
        reopening_wanted(): a new one is to take its place, in another language.
    """

    reopening_wanted = Signal()

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
            models_folder(),
            str(settings.value("window/language", "")),
            str(settings.value("window/appearance", "")),
            usual_out(self.memory),
            when_done(self.memory),
        )
        self.log_file = LogFile(home / "log")
        self.log = LogPage(self.log_file)
        self.window = MainWindow(
            [
                ("convert", self.tr("Convert"), self.convert),
                ("train", self.tr("Train"), self.train),
                ("settings", self.tr("Settings"), self.settings),
                ("log", self.tr("Log"), self.log),
            ]
        )
        self.menus = Menus(self.window, self.convert)
        self.model_actions = ModelActions(
            self.window, self.convert, self.settings, self.queue, self.looks, self.memory, self
        )
        self.sampler = Sampler(self.ask_looks, self.looks.cancel, lambda: self.conversion.phase is Phase.IDLE, self)
        self.sheet_actions = SheetActions(self.window, self.convert, self.queue, self.looks, self.memory, self)
        self.settings_actions = SettingsActions(
            self.window, self.settings, self.convert, self.looks, self.memory, self._is_busy, self
        )
        self.model_steps = ModelSteps(self.settings, self.looks, self)
        self.queue_actions = QueueActions(
            self.window, self.convert, self.queue, self.looks, self.memory, lambda: self.model_actions.models, self
        )
        self.start_actions = StartActions(
            self.window, self.convert, self.queue, self.queue_actions, self.conversion, self
        )
        self.preview_actions = PreviewActions(self.convert, self.looks, self)
        self.preset_actions = PresetActions(self.window, self.convert, self.memory, self)
        self.training_actions = TrainingActions(self.train, self.training, self.looks, self.memory, self)
        self.closing = Closing(self.window, self.queue, self.conversion, self.train, self._at_work, self)
        leave_values_alone(self.window)
        self._help: HelpWindow | None = None
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
        self._say_notes()
        if paths:
            self.take_dropped(list(paths))

    def show_handed(self, paths: list[Path]) -> None:
        """Take the files of a start while the window is open, and bring it to the front."""
        self.window.come_forward()
        if paths:
            self.take_dropped(paths)

    def _at_work(self) -> list[str]:
        """Say what would be lost with the window, beside translations and a training."""
        return [*self.model_actions.at_work(), *self.model_steps.at_work(), *self.training_actions.at_work()]

    def _is_busy(self) -> bool:
        return self.conversion.phase is not Phase.IDLE or self.train.is_running or bool(self._at_work())

    def _close_window(self) -> None:
        self.window.is_free = True
        self.window.close()

    def close(self) -> None:
        """Keep everything and end the workers."""
        self._save.stop()
        self.queue_actions.forget_removed()
        self.writer.finish(self.queue.items)
        self._keep_window()
        for dialog in self.window.findChildren(QDialog):  # they would stay, and the program with them
            dialog.close()
        self.window.hide()  # the workers may need a moment
        workers = (self.looks, self.jobs, self.training)
        for worker in workers:
            worker.stop()
        until = time.monotonic() + LAST_WORDS_S
        for worker in workers:
            worker.wait(until)
        self.log_file.close()

    # Connections

    def _connect_queue(self) -> None:
        page, view, actions = self.convert, self.convert.queue_view, self.queue_actions
        self.window.paths_dropped.connect(self.take_dropped)
        page.add_files.clicked.connect(actions.choose_files)
        page.add_folder.clicked.connect(actions.choose_folder)
        page.clear_ended.clicked.connect(actions.clear_ended)
        view.removal_wanted.connect(actions.remove)
        view.move_wanted.connect(actions.move)
        view.retry_wanted.connect(actions.retry)
        view.again_wanted.connect(actions.add_again)
        view.result_wanted.connect(actions.open_result)
        view.folder_wanted.connect(actions.show_in_folder)
        view.options_wanted.connect(actions.ask_options)
        view.shared_options_wanted.connect(actions.share_options)
        view.reason_wanted.connect(lambda item: QGuiApplication.clipboard().setText(in_words(item.reason)))
        view.selection_changed.connect(page.show_reason)
        self.queue.looks_wanted.connect(actions.examine)
        self.queue.changed.connect(self._save_soon)
        self.queue.rowsInserted.connect(page.show_count)
        self.queue.rowsRemoved.connect(page.show_count)
        self.queue.bad_changed.connect(page.show_bad)
        page.undo_removal.triggered.connect(actions.undo_removal)
        actions.said.connect(self._say)
        actions.logged.connect(self.log.add)
        actions.scanned.connect(self._show_scanned)
        self._save.timeout.connect(lambda: self.writer.write(self.queue.items))
        self.writer.failed.connect(self._say_unsaved)

    def _connect_preview(self) -> None:
        preview = self.convert.preview
        self.convert.queue_view.item_chosen.connect(preview.show_item)
        self.convert.queue_view.item_chosen.connect(self.sampler.show_item)
        preview.wanted.connect(self.preview_actions.ask_preview)
        preview.loop_wanted.connect(self.preview_actions.ask_loop)
        preview.part_picked.connect(self.queue_actions.keep_part)
        preview.full_screen_wanted.connect(self._show_only_picture)
        self.window.full_screen_left.connect(lambda: preview.full_screen.setChecked(False))
        self.window.full_screen_asked.connect(preview.full_screen.toggle)
        self.convert.options.strength_changed.connect(self.preview_actions.show_strength)
        self.conversion.item_changed.connect(self.preview_actions.show_change)

    def _connect_models(self) -> None:
        gallery, page, actions = self.convert.gallery, self.convert, self.model_actions
        gallery.model_picked.connect(actions.pick_model)
        gallery.information_wanted.connect(actions.show_model)
        gallery.description_wanted.connect(actions.describe_model)
        gallery.removal_wanted.connect(actions.remove_model)
        page.import_model.clicked.connect(actions.choose_models)
        page.model_information.clicked.connect(actions.show_model)
        page.remove_model.clicked.connect(actions.remove_model)
        gallery.doubleClicked.connect(actions.show_model)
        page.sheet.clicked.connect(self.sheet_actions.make_sheet)
        self.sheet_actions.said.connect(self._say)
        actions.said.connect(self._say)
        self.settings.half_wanted.connect(self.model_steps.halve)
        self.settings.engines_wanted.connect(self.model_steps.build_engines)
        self.settings.stop_wanted.connect(self.model_steps.stop)
        self.model_steps.logged.connect(self.log.add)

    def _connect_options(self) -> None:
        page, actions = self.convert, self.preset_actions
        page.options.options_changed.connect(actions.keep_options)
        page.options.devices_wanted.connect(lambda: self.ask_looks(requests.FindDevices()))
        page.preset_picked.connect(actions.use_preset)
        page.preset_saving_wanted.connect(actions.save_preset)
        page.preset_removal_wanted.connect(actions.forget_preset)
        page.preset_export_wanted.connect(actions.export_preset)
        page.preset_import_wanted.connect(actions.import_preset)
        page.reset_wanted.connect(actions.reset)
        actions.said.connect(self._say)

    def _connect_conversion(self) -> None:
        page, conversion = self.convert, self.conversion
        page.start_wanted.connect(self.start_actions.start)
        page.pause_wanted.connect(conversion.pause)
        page.cancel_wanted.connect(conversion.cancel)
        self.jobs.answered.connect(conversion.show_answer)
        self.jobs.died.connect(conversion.recover)
        conversion.phase_changed.connect(page.show_phase)
        conversion.progressed.connect(self._show_totals)
        conversion.backend_opened.connect(page.show_backend)
        conversion.engine_progressed.connect(page.show_engine)
        conversion.item_changed.connect(self.queue_actions.show_item)
        conversion.items_changed.connect(self.queue_actions.show_items)
        conversion.warned.connect(self.log.add)
        conversion.finished.connect(self._show_end)
        conversion.refused.connect(self._say)

    def _connect_training(self) -> None:
        actions = self.training_actions
        self.train.check_wanted.connect(actions.check_data)
        self.train.estimate_wanted.connect(actions.estimate)
        self.train.start_wanted.connect(actions.train)
        self.train.pause_wanted.connect(actions.pause)
        self.train.model_wanted.connect(actions.export_run)
        self.training.answered.connect(actions.show_answer)
        self.training.died.connect(actions.recover)
        actions.said.connect(self._say)
        actions.logged.connect(self.log.add)
        actions.worth_a_look.connect(self._notify)
        actions.model_made.connect(self._use_new_model)

    def _connect_rest(self) -> None:
        self.menus.quit.triggered.connect(self.window.close)
        self.menus.help.triggered.connect(lambda: self._show_help(0))
        self.menus.keys.triggered.connect(lambda: self._show_help(-1))
        self.menus.about.triggered.connect(self._show_about)
        self.looks.answered.connect(self._show_looks)
        self.looks.died.connect(self._looks_died)
        for worker in (self.looks, self.jobs, self.training):
            worker.printed.connect(self.log.add)
        actions = self.settings_actions
        self.settings.language_picked.connect(actions.pick_language)
        self.settings.models_folder_picked.connect(actions.pick_models_folder)
        self.settings.out_picked.connect(actions.pick_out)
        self.settings.when_done_picked.connect(actions.pick_when_done)
        actions.said.connect(self._say)
        actions.reopening_wanted.connect(self.reopening_wanted)
        for ended in (self.looks.answered, self.conversion.finished, self.train.ended):
            ended.connect(actions.go_on)
        self.log.folder_wanted.connect(open_folder)
        self.settings.appearance_picked.connect(self._pick_appearance)
        self.settings.folder_wanted.connect(open_folder)
        self.settings.clearing_wanted.connect(lambda: self.ask_looks(requests.ClearCaches()))
        self.log.diagnosis_wanted.connect(lambda: self.ask_looks(requests.Diagnose()))
        self.window.navigation.currentRowChanged.connect(self._page_changed)
        self.window.palette_changed.connect(self.convert.show_icons)
        self.window.close_asked.connect(self.closing.ask)
        self.closing.pause_wanted.connect(self.training_actions.pause)
        self.closing.ready.connect(self._close_window)
        self.train.ended.connect(self.closing.go_on)
        self.window.closing.connect(self.close)

    # What is dropped, found and saved

    def take_dropped(self, paths: list[Path]) -> None:
        """Put what was dropped on the window, or handed to it, into the queue, or its models into the gallery."""
        models = [path for path in paths if is_model_file(path)]
        if models:
            self.model_actions.imports.import_models(models)
        if others := [path for path in paths if path not in models]:
            self.window.show_page(self.convert)
            self.add_paths(others)

    def add_paths(self, paths: list[Path]) -> None:
        """Find the pictures and films that these paths name, and put them into the queue."""
        self.queue_actions.add_paths(paths)

    def _show_scanned(self, sentence: str) -> None:
        if self.conversion.phase is Phase.IDLE:
            self._say(sentence)

    def _save_soon(self) -> None:
        if not self._save.isActive():  # not put off by what follows: the queue may change all the time
            self._save.start()

    def _say_unsaved(self) -> None:
        self.log.add(self.tr("The queue cannot be saved in {folder}.").format(folder=self.memory.folder))

    # Converting

    def _show_totals(self, totals: Totals) -> None:
        self.convert.show_totals(totals, self.conversion.phase)
        if self.conversion.phase is not Phase.IDLE:
            self.window.setWindowTitle(f"{totals.fraction:.0%} · cgconv")

    def _show_end(self, totals: Totals) -> None:
        self.convert.show_end(totals)
        self.model_actions.keep_speeds(self.conversion.pace.measured())
        self.window.setWindowTitle("cgconv")
        if totals.count:
            self._notify(self.convert.summary.text())
        if totals.done and not totals.stopped:
            results = [item.output.parent for item in self.queue.items if item.output is not None]
            self.settings_actions.end(results[-1] if results else None)

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

    # What the worker for looks says

    def ask_looks(self, request: requests.Request) -> int:
        """Ask the worker that shows things."""
        return self.looks.ask(request)

    def _show_looks(self, number: int, event: object) -> None:
        if isinstance(event, events.RequestFinished | events.CommandFailed):
            self.sampler.show_end(number)
        if self.model_actions.show_answer(number, event):
            return
        match event:
            case events.FilesFound():
                self.queue_actions.show_found(event)
            case events.ScanFinished():
                self.queue_actions.show_scan(event)
            case events.FileExamined():
                self.queue_actions.show_examined(event)
            case events.PreviewReady() | events.LoopFrameReady():
                self.convert.preview.show_answer(number, event)
            case events.ModelsListed():
                self.convert.preview.cache.forget()
                self.model_actions.show_models(event.models)
                self.sampler.show_models(self.model_actions.models)
            case events.ModelSampled() if self.sampler.is_wanted(number):
                self.model_actions.show_sample(event)
            case events.PresetsListed():
                self.train.show_presets(event.presets)
            case events.Diagnosed():
                for line in event.lines:
                    self.log.add(line)
            case events.DevicesFound():
                self.convert.options.show_here(Here(event.devices, event.backends))
            case events.CachesMeasured():
                self.settings.show_caches(event)
            case events.WorkerReady():
                self.training_actions.show_extras(event.extras)
            case _ if self.sheet_actions.show_answer(number, event):
                pass
            case _ if self.training_actions.show_export(number, event):
                pass
            case _ if self.model_steps.show_answer(number, event):
                pass
            case events.CommandFailed():
                self.log.add(event.reason)
                self.convert.preview.show_failure(number, in_words(event.reason))

    def _looks_died(self, numbers: list[int]) -> None:
        self.log.add(self.tr("The worker for previews stopped unexpectedly and will be started again."))
        self.model_actions.recover(numbers)
        self.model_steps.recover(numbers)
        self.training_actions.recover_exports(numbers)
        for number in numbers:
            self.convert.preview.show_failure(number, self.tr("The preview failed; the log says more."))

    def _use_new_model(self, name: str) -> None:
        """Pick a model that was just made, and go to where it can be used."""
        self.model_actions.wanted = name
        self.ask_looks(requests.ListModels())
        self.window.show_page(self.convert)
        self._say(self.tr("{name} is picked: add pictures and press Start.").format(name=name))

    # The window

    def _say(self, sentence: str) -> None:
        self.convert.summary.setText(sentence)
        self.log.add(sentence)

    def _say_notes(self) -> None:
        """Say what of the window's own files could not be read."""
        while self.memory.notes:
            self._say(self.memory.notes.pop(0))

    def _show_help(self, topic: int) -> None:
        if self._help is None:
            self._help = HelpWindow(self.menus.all_actions(), self.window)
        self._help.open_at(topic)

    def _show_about(self) -> None:
        cache = Path(platformdirs.user_cache_dir("cgconv", appauthor=False))
        dialog = AboutDialog(
            [
                (self.tr("Settings"), self.memory.folder),
                (self.tr("Models"), models_folder()),
                (self.tr("Caches"), cache),
            ],
            self.window,
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.folder_wanted.connect(open_folder)
        dialog.open()

    def _show_only_picture(self, on: bool) -> None:
        if on:
            self.window.show_page(self.convert)
        self.convert.show_only_picture(on)
        self.window.show_full_screen(on)

    def _page_changed(self, row: int) -> None:
        if self.window.stack.widget(row) is self.settings:
            self.ask_looks(requests.MeasureCaches())

    def _pick_appearance(self, name: str) -> None:
        self.memory.settings.setValue("window/appearance", name)
        show_appearance(name)

    def _restore(self) -> None:
        settings = self.memory.settings
        self.convert.options.show_options(self.memory.options())
        self.preset_actions.show_presets()
        self.training_actions.show_last()
        self.conversion.pace.known = read_speeds(settings)
        self.queue.restore(self.memory.read_queue())
        self._say_notes()
        self.queue.show_default_model(str(settings.value("convert/model", "")))
        if self.queue.items:
            self.convert.queue_view.selectRow(0)
        geometry, split = settings.value("window/geometry"), settings.value("window/parts")
        if geometry is None or not self.window.restoreGeometry(geometry):
            self.window.show_first_size()
        self.convert.as_table.setChecked(settings.value("window/table", "") == "true")
        if split is not None:
            self.convert.splitter.restoreState(split)

    def _keep_window(self) -> None:
        settings = self.memory.settings
        settings.setValue("window/geometry", self.window.saveGeometry())
        settings.setValue("window/table", "true" if self.convert.as_table.isChecked() else "")
        settings.setValue("window/parts", self.convert.splitter.saveState())
        settings.sync()
