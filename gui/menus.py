"""The menu bar: all that has a button, with its keys, and what has none."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QMenu

from .convert_page import ConvertPage
from .main_window import MainWindow


class Menus(QObject):
    """The menu bar. An entry that stands for a button clicks it, and can be chosen when that can be pressed."""

    def __init__(self, window: MainWindow, page: ConvertPage) -> None:
        super().__init__(window)
        self._window = window
        self._buttons: list[tuple[QAction, QAbstractButton]] = []
        bar, view = window.menuBar(), page.queue_view
        self._menus = [
            bar.addMenu(words) for words in (self.tr("&File"), self.tr("&Queue"), self.tr("&View"), self.tr("&Help"))
        ]
        file, queue, look, helping = self._menus
        self._press(file, self.tr("Add files …"), "Ctrl+O", page.add_files)
        self._press(file, self.tr("Add folder …"), "Ctrl+Shift+O", page.add_folder)
        self._press(file, self.tr("Import a model …"), "Ctrl+I", page.import_model)
        file.addSeparator()
        self.quit = self._add(file, self.tr("Quit"), "Ctrl+Q", QAction.MenuRole.QuitRole)
        self._press(queue, self.tr("Start, or go on"), "Ctrl+R", page.start)
        self._press(queue, self.tr("Pause"), "Ctrl+P", page.pause)
        self._press(queue, self.tr("Cancel"), "Ctrl+.", page.cancel)
        queue.addSeparator()
        queue.addActions([view.result_action, view.folder_action, view.options_action, view.retry_action])
        queue.addSeparator()
        queue.addActions([view.up_action, view.down_action, view.remove_action, page.undo_removal])
        self._press(queue, self.tr("Clear finished"), "", page.clear_ended)
        look.addActions(window.page_actions)
        look.addSeparator()
        self._press(look, self.tr("Show only what failed"), "", page.failed_only)
        self._press(look, self.tr("Queue as a table"), "Ctrl+T", page.as_table)
        self._press(look, self.tr("Before and after side by side"), "", page.preview.beside)
        look.addAction(window.full_screen_action)
        self.help = self._add(helping, self.tr("Help"), "F1")
        self.keys = self._add(helping, self.tr("Keys"), "")
        helping.addSeparator()
        self.about = self._add(helping, self.tr("About cgconv"), "", QAction.MenuRole.AboutRole)
        for menu in (file, queue, look):
            menu.aboutToShow.connect(self._follow_buttons)

    def all_actions(self) -> list[QAction]:
        """Return the entries of all menus, in their order."""
        return [action for menu in self._menus for action in menu.actions()]

    def _add(self, menu: QMenu, words: str, shortcut: str, role: QAction.MenuRole = QAction.MenuRole.NoRole) -> QAction:
        action = QAction(words, self)
        action.setMenuRole(role)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        menu.addAction(action)
        self._window.addAction(action)  # its keys serve while the bar is hidden, too
        return action

    def _press(self, menu: QMenu, words: str, shortcut: str, button: QAbstractButton) -> None:
        action = self._add(menu, words, shortcut)
        action.setCheckable(button.isCheckable())
        action.triggered.connect(lambda: button.click())
        self._buttons.append((action, button))

    def _follow_buttons(self) -> None:
        for action, button in self._buttons:
            action.setEnabled(button.isEnabled())
            action.setChecked(button.isChecked())
