"""What the preview is asked for: an entry before and after, a few seconds of a film."""

from __future__ import annotations

from PySide6.QtCore import QObject

from cgconv.runtime import requests

from .convert_page import ConvertPage
from .queue_item import QueueItem
from .worker_process import WorkerProcess


class PreviewActions(QObject):
    """Asks the worker for previews, with the options that an entry will be translated with."""

    def __init__(self, page: ConvertPage, looks: WorkerProcess, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._looks = page, looks

    def ask_preview(self, item: QueueItem, time_s: float) -> None:
        """Ask for an entry before and after."""
        model = item.model or self._page.gallery.chosen
        options = self._preview_options(item)
        number = self._looks.ask(requests.Preview(item.path, item.kind, model, options, time_s))
        self._page.preview.expect(number)
        strength = item.options.strength if item.options is not None else options.strength
        self._page.preview.view.show_strength(strength)

    def ask_loop(self, item: QueueItem, time_s: float) -> None:
        """Ask for a few seconds of a film."""
        model = item.model or self._page.gallery.chosen
        if model:
            number = self._looks.ask(requests.PreviewLoop(item.path, model, self._preview_options(item), time_s))
            self._page.preview.expect_loop(number)

    def _preview_options(self, item: QueueItem) -> requests.ConvertOptions:
        return item.options or self._page.options.options()
