"""What the preview is asked for: an entry before and after, its result, a few seconds of a film."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from PySide6.QtCore import QObject

from cgconv.runtime import requests

from .convert_page import ConvertPage
from .queue_item import FILM, QueueItem, State
from .worker_process import WorkerProcess


class PreviewActions(QObject):
    """Asks the worker for previews, with the options that an entry will be translated with."""

    def __init__(self, page: ConvertPage, looks: WorkerProcess, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._looks = page, looks
        self._item: QueueItem | None = None
        self._made_with: Hashable = None  # what the result of that entry is taken to be made with
        self._follows_page = False

    def ask_preview(self, item: QueueItem, time_s: float) -> None:
        """Ask for an entry before and after, unless that is there already.

        After is the file that was made, until another model or other options are chosen.
        """
        panel, model = self._page.preview, item.model or self._page.gallery.chosen
        options = item.options_with(self._page.options.options())
        seen = _seen(options)
        if item is not self._item or not self._made_with:
            self._item, self._made_with = item, (model, seen, options.strength) if model else None
        result = _result_of(item) if not model or self._made_with == (model, seen, options.strength) else None
        made_of = (model, seen) if result is None else (_state_of(result), options.start_s)
        key = (_state_of(item.path), time_s if item.kind == FILM else 0.0, made_of)
        self._follows_page = result is None and item.options is None
        if not panel.show_kept(key, options.strength if result is None else 1.0):
            request = requests.Preview(item.path, item.kind, model, options, time_s, result=result)
            panel.expect(self._looks.ask(request), key)

    def ask_loop(self, item: QueueItem, time_s: float) -> None:
        """Ask for a few seconds of a film."""
        model = item.model or self._page.gallery.chosen
        if model:
            options = item.options_with(self._page.options.options())
            self._page.preview.show_strength(options.strength)
            self._page.preview.expect_loop(self._looks.ask(requests.PreviewLoop(item.path, model, options, time_s)))

    def show_strength(self, strength: float) -> None:
        """Mix the preview anew, where the entry has no options of its own."""
        if self._follows_page:
            self._page.preview.show_strength(strength)

    def show_change(self, item: QueueItem) -> None:
        """Show the result of the entry that is looked at, as soon as there is one."""
        if item is self._item and (item.state is State.DONE or item.is_partial):
            self._made_with = None
            self._page.preview.refresh()


def _result_of(item: QueueItem) -> Path | None:
    return item.output if item.has_result and item.output is not None and item.output.is_file() else None


def _seen(options: requests.ConvertOptions) -> requests.ConvertOptions:
    """Return the options that a preview is made with; the strength is mixed in by the view."""
    return requests.ConvertOptions(
        keep_colors=options.keep_colors, short_side=options.short_side, brush=options.brush, detail=options.detail,
        threads=options.threads, device=options.device, backend=options.backend, precision=options.precision,
    )  # fmt: skip


def _state_of(path: Path) -> Hashable:
    try:
        stat = path.stat()
    except OSError:
        return (path,)
    return (path, stat.st_size, stat.st_mtime_ns)
