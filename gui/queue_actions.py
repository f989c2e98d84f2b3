"""What is done with the queue: files are looked for, looked at, moved, given options of their own, opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QLocale, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox

from cgconv.runtime import events, requests

from .convert_page import ConvertPage
from .dialogs import ItemDialog
from .main_window import MainWindow
from .memory import Memory
from .places import keep_last_folder, last_folder, open_folder
from .queue_item import ENDED, FILM, QueueItem, State
from .queue_model import QueueModel
from .worker_process import WorkerProcess

MANY = 1500  # files: so many are not added without a question
REMOVALS_KEPT = 20  # that can be undone


class QueueActions(QObject):
    """What happens to the queue beside its conversion.

    Signals:
        said(str), logged(str): for the user; for the log.
        scanned(str): what a look at files and folders came to.
    """

    said = Signal(str)
    logged = Signal(str)
    scanned = Signal(str)

    def __init__(
        self, window: MainWindow, page: ConvertPage, queue: QueueModel, looks: WorkerProcess, memory: Memory,
        models: Callable[[], list[events.ModelInfo]], parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._page, self._queue, self._looks, self._memory = window, page, queue, looks, memory
        self.models = models
        self._already_there = 0
        self._found: list[QueueItem] = []  # by the look at files and folders that is under way
        self._removed: list[list[tuple[int, QueueItem]]] = []  # what can be brought back, the last removal last

    def add_paths(self, paths: list[Path]) -> None:
        """Find the pictures and films that these paths name, and put them into the queue."""
        self._looks.ask(requests.Scan(tuple(paths), self._page.options.options().out))
        self._page.summary.setText(self.tr("Looking for pictures and films …"))

    def show_found(self, event: events.FilesFound) -> None:
        """Take note of what was found: it comes in several pieces."""
        self._found += [QueueItem(file.path, file.kind, file.key, file.folder) for file in event.files]

    def show_scan(self, event: events.ScanFinished) -> None:
        """Put what was found into the queue; ask first where it is very much."""
        items, self._found = self._found, []
        if len(items) >= MANY:
            self._ask_for_many(items, event)
        else:
            self._add(items, event)

    def _ask_for_many(self, items: list[QueueItem], event: events.ScanFinished) -> None:
        folders = {item.folder for item in items}
        folder = folders.pop() if len(folders) == 1 else None
        count = QLocale().toString(len(items))
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("cgconv")
        box.setText(
            self.tr("{count} pictures and films in {folder}: add them all?").format(count=count, folder=folder.name)
            if folder is not None
            else self.tr("{count} pictures and films: add them all?").format(count=count)
        )
        add = box.addButton(self.tr("Add all"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(add)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        add.clicked.connect(lambda: self._add(items, event))
        box.rejected.connect(lambda: self.scanned.emit(self.tr("Nothing was added.")))
        box.open()

    def _add(self, items: list[QueueItem], event: events.ScanFinished) -> None:
        was_empty = not self._queue.items
        self._already_there += len(items) - self._queue.add(items)
        if was_empty and self._queue.items:
            self._page.queue_view.selectRow(0)
        self._say_found(event)

    def _say_found(self, event: events.ScanFinished) -> None:
        parts = [self.tr("%n file(s) found", "", event.found)]
        if self._already_there:
            parts.append(self.tr("%n of them in the queue before", "", self._already_there))
        if event.own_results:
            parts.append(self.tr("%n result(s) of earlier runs left out", "", event.own_results))
        if event.ignored:
            parts.append(self.tr("%n other file(s) left out", "", event.ignored))
        self._already_there = 0
        for path, reason in event.refused:
            self.logged.emit(f"{path}: {reason}")
            parts.append(f"{Path(path).name}: {reason}")
        self.scanned.emit(" · ".join(parts))

    def choose_files(self) -> None:
        """Ask for files."""
        chosen, _ = QFileDialog.getOpenFileNames(self._window, self.tr("Pictures and films"), last_folder(self._memory))
        if chosen:
            keep_last_folder(self._memory, Path(chosen[0]).parent)
            self.add_paths([Path(path) for path in chosen])

    def choose_folder(self) -> None:
        """Ask for a folder."""
        chosen = QFileDialog.getExistingDirectory(self._window, self.tr("Folder with pictures and films"),
                                                  last_folder(self._memory))  # fmt: skip
        if chosen:
            keep_last_folder(self._memory, Path(chosen))
            self.add_paths([Path(chosen)])

    def remove(self, items: list[QueueItem]) -> None:
        """Take entries out. They can be brought back: what was done of their films is kept until that is over."""
        if removed := self._queue.remove(items):
            self._removed.append(removed)
            self._forget(keep=REMOVALS_KEPT)
            self._show_removed()
            self.said.emit(self.tr("%n file(s) removed from the queue; Ctrl+Z brings back", "", len(removed)))

    def undo_removal(self) -> None:
        """Bring back what was removed last, where it was."""
        if self._removed:
            removed = self._removed.pop()
            back = self._queue.put_back(removed)
            self._show_removed()
            self.said.emit(self.tr("%n file(s) in the queue again", "", len(back)))
            if back:
                view = self._page.queue_view
                view.clearSelection()
                view.setCurrentIndex(self._queue.index(self._queue.row_of(back[0]), 0))

    def forget_removed(self) -> None:
        """Have the work thrown away that was done of films which are not in the queue any more."""
        self._forget(keep=0)

    def _forget(self, keep: int) -> None:
        over = self._removed[: max(0, len(self._removed) - keep)]
        del self._removed[: len(over)]
        begun = tuple(
            item.output
            for removed in over
            for _, item in removed
            if item.kind == FILM and item.output is not None and item.state is not State.DONE
            if not self._queue.has_file(item.file_key)
        )
        if begun:
            self._looks.ask(requests.ForgetFilms(begun))

    def _show_removed(self) -> None:
        self._page.show_removed(len(self._removed[-1]) if self._removed else 0)

    def clear_ended(self) -> None:
        """Take out what is done or was skipped."""
        self.remove([item for item in self._queue.items if item.state in (State.DONE, State.SKIPPED)])

    def move(self, items: list[QueueItem], by: int) -> None:
        """Move entries up or down."""
        self._queue.move(items, by)
        view = self._page.queue_view
        if items:
            view.scrollTo(self._queue.index(self._queue.row_of(items[0]), 0))

    def retry(self, items: list[QueueItem]) -> None:
        """Let ended entries wait again."""
        ended = [item for item in items if item.state in ENDED]
        for item in ended:
            item.reset()
        self.show_items(ended)

    def add_again(self, items: list[QueueItem], model: str) -> None:
        """Put files into the queue once more, to be translated with this model, too."""
        count = self._queue.add_copies(items, model)
        self.said.emit(self.tr("%n file(s) added, for {model}", "", count).format(model=model))

    def ask_options(self, items: list[QueueItem]) -> None:
        """Ask for a model and options of these entries alone."""
        items = [item for item in items if item.state is not State.RUNNING]
        if not items:
            return
        first = items[0]
        dialog = ItemDialog(
            self.models(), first.model or self._page.gallery.chosen,
            first.options_with(self._page.options.options()), self._page.options.here, len(items), self._window,
        )  # fmt: skip
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def take() -> None:
            for item in items:
                item.model, item.options = dialog.model.currentData() or "", dialog.options.options()
                item.part_s = (0.0, 0.0)  # the options say it
            self._show_options(items)

        dialog.accepted.connect(take)
        dialog.open()

    def share_options(self, items: list[QueueItem]) -> None:
        """Give these entries the options of all again."""
        for item in items:
            item.model, item.options, item.part_s = "", None, (0.0, 0.0)
        self._show_options(items)

    def keep_part(self, item: QueueItem, start_s: float, end_s: float) -> None:
        """Translate only this part of a film; both 0: all of it."""
        if item.options is not None:
            item.options = replace(item.options, start_s=start_s, end_s=end_s)
        else:
            item.part_s = (start_s, end_s)
        self._show_options([item])

    def _show_options(self, items: list[QueueItem]) -> None:
        self.show_items(items)
        for item in items:
            self._page.preview.show_length(item)
        self._page.preview.refresh()

    def examine(self, items: list[QueueItem]) -> None:
        """Have a look taken at entries."""
        for item in items:
            self._looks.ask(requests.Examine(item.path, item.kind))

    def show_examined(self, event: events.FileExamined) -> None:
        """Show what a file is."""
        self._queue.show_look(event)
        current = self._page.queue_view.current()
        if current is not None and current.path == event.path:
            self._page.preview.show_length(current)
            self._page.show_reason(self._page.queue_view.selected())

    def show_item(self, item: QueueItem) -> None:
        """Show that an entry has changed."""
        self._queue.show_change(item, keep=item.state is not State.RUNNING)
        if self._page.queue_view.is_selected(item):
            self._page.show_reason(self._page.queue_view.selected())
            self._page.queue_view.refresh_actions()

    def show_items(self, items: list[QueueItem]) -> None:
        """Show that entries have changed."""
        self._queue.show_changes(items)
        self._page.show_reason(self._page.queue_view.selected())
        self._page.queue_view.refresh_actions()

    def open_result(self, item: QueueItem) -> None:
        """Open a result with the program that the desktop has for it."""
        if item.output is not None and item.has_result:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(item.output)))

    def show_in_folder(self, item: QueueItem) -> None:
        """Open the folder of a result, or of the file where there is none yet."""
        shown = item.output if item.output is not None and item.has_result else item.path
        open_folder(shown.parent)
