"""Show downloads, unpacking and checking: a bar on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cgconv.runtime.events import (
    DownloadFinished,
    DownloadProgressed,
    DownloadRetried,
    DownloadStarted,
    Event,
    FilesProgressed,
)

from .progress import LineShow, Show, duration, open_json_show

T = TypeVar("T")

LINE_EVERY_S = 5.0
TASKS = {"unpack": "unpacking", "check": "looking at"}


@contextmanager
def open_file_show(*, as_json: bool) -> Iterator[Show]:
    """Give the display that suits where the output goes."""
    if as_json:
        with open_json_show() as show:
            yield show
        return
    file_show = FileShow(live=sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    try:
        yield file_show
    finally:
        file_show.close()


def show_all(events: Generator[Event, None, T], show: Show) -> T:
    """Show every event, and return what the generator returns."""
    while True:
        try:
            show.show(next(events))
        except StopIteration as stop:
            returned: T = stop.value
            return returned


class FileShow(LineShow):
    """Bytes and files on their way; with `live`, the last line is a bar that moves."""

    def __init__(self, *, live: bool) -> None:
        super().__init__(live=live, transient=True, soft_wrap=True)
        self._last_line = time.monotonic()  # what takes less than a moment needs no line

    def show(self, event: Event) -> None:
        match event:
            case DownloadStarted():
                from cgconv.runtime.downloads.download import bytes_text

                kept = f", continuing after {bytes_text(event.bytes_kept)}" if event.bytes_kept else ""
                self.note(f"fetching {event.url}{kept}")
            case DownloadProgressed():
                self._advance(event.bytes_done, event.bytes_total, bytes_line(event))
            case DownloadRetried():
                when = f" in {duration(event.wait_s)}" if event.wait_s else ""
                self.note(f"{event.reason}; trying again{when}")
            case DownloadFinished():
                self._end_bar()
                self.note(finished_line(event))
            case FilesProgressed():
                self._advance(event.done, event.total, f"{TASKS[event.task]} {event.done:,}/{event.total:,} files")
                if event.done == event.total:
                    self._end_bar()
            case _:
                pass

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._end_bar()

    def _advance(self, done: int, total: int | None, line: str) -> None:
        if self._progress is None:
            if time.monotonic() - self._last_line >= LINE_EVERY_S and done != total:
                self._last_line = time.monotonic()
                self.note(line)
            return
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=total, numbers=line)
        self._progress.update(self._task, completed=done, total=total, numbers=line)

    def _end_bar(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.stop()
            self._progress.remove_task(self._task)
            self._task = None


def bytes_line(event: DownloadProgressed) -> str:
    """Return how far a download is."""
    from cgconv.runtime.downloads.download import bytes_text

    total = f" of {bytes_text(event.bytes_total)}" if event.bytes_total is not None else ""
    parts = [f"{bytes_text(event.bytes_done)}{total}", f"{bytes_text(event.bytes_per_second)} per second"]
    if event.seconds_left is not None:
        parts.append(f"{duration(event.seconds_left)} left")
    return " · ".join(parts)


def finished_line(event: DownloadFinished) -> str:
    """Return what was fetched, with its hash."""
    from cgconv.runtime.downloads.download import bytes_text

    how = f"in {duration(event.seconds)}" if event.bytes_kept < event.bytes else "here already"
    return f"{bytes_text(event.bytes)} {how}, SHA-256 {event.sha256}"
