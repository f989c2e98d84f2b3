"""Run the worker as a child process: requests out, events in, and word of its end."""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from cgconv.runtime import requests
from cgconv.runtime.events import CommandFailed, RequestFinished
from cgconv.runtime.protocol import read_event, request_line

LINES_BUDGET_S = 0.008  # a burst of answers is taken in slices, so that the window can move in between
STARTS_ALLOWED, STARTS_WITHIN_S = 5, 20.0
LAST_WORDS_S = 9.0  # a little more than the worker gives what it is doing: a training saves its state


class WorkerProcess(QObject):
    """A child process that is started when it is first asked for something, and again after it has died.

    Signals:
        answered(int, object): an event, and the number of the request it answers (0: none).
        died(list): the process is gone; the numbers of the requests that it leaves without an answer.
        printed(str): a line on its standard error.
    """

    answered = Signal(int, object)
    died = Signal(list)
    printed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._pending: dict[int, requests.Request] = {}
        self._last_number = 0
        self._starts: list[float] = []
        self._is_stopping = False
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self._read_events)

    def ask(self, request: requests.Request) -> int:
        """Send a request and return its number; never waits."""
        self._last_number += 1
        number = self._last_number
        if self._is_stopping:
            return number
        self._pending[number] = request
        process = self._process or self._start()
        if process is not None:
            process.write(request_line(number, request).encode())
        return number

    def cancel(self, number: int) -> None:
        """Ask to stop a request, if it is still on its way."""
        if number in self._pending and self._process is not None:
            self.ask(requests.Cancel(number))

    def process_id(self) -> int:
        """Return the child's process id, 0 where there is none."""
        return int(self._process.processId()) if self._process is not None else 0

    def stop(self) -> None:
        """Tell the child to finish what cannot be left half done, and to end; does not wait for it."""
        self._is_stopping = True
        process = self._process
        if process is None:
            return
        process.readyReadStandardOutput.disconnect()
        process.readyReadStandardError.disconnect()
        process.finished.disconnect()
        process.errorOccurred.disconnect()
        process.closeWriteChannel()

    def wait(self, until: float) -> None:
        """Wait until the stopped child has ended, or until a moment of time.monotonic(); then it is killed."""
        process, self._process = self._process, None
        if process is not None and not process.waitForFinished(max(1, round((until - time.monotonic()) * 1000))):
            process.kill()
            process.waitForFinished(1000)

    def _start(self) -> QProcess | None:
        now = time.monotonic()
        self._starts = [start for start in self._starts if now - start < STARTS_WITHIN_S] + [now]
        if len(self._starts) > STARTS_ALLOWED:
            QTimer.singleShot(0, self._bury)
            return None
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUTF8", "1")
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read_events)
        process.readyReadStandardError.connect(self._read_complaints)
        process.finished.connect(self._bury)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", "cgconv.cli", "worker"])
        self._process = process
        return process

    def _read_events(self) -> None:
        process, started = self._process, time.monotonic()
        while process is not None and process is self._process and process.canReadLine():
            line = bytes(process.readLine().data()).decode("utf-8", "replace")
            try:
                number, event = read_event(line)
            except (ValueError, TypeError, KeyError):
                self.printed.emit(line.rstrip())
                continue
            if isinstance(event, RequestFinished | CommandFailed):
                self._pending.pop(number, None)
            self.answered.emit(number, event)
            if time.monotonic() - started > LINES_BUDGET_S:
                self._more.start()
                return

    def _read_complaints(self) -> None:
        if self._process is None:
            return
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        for line in text.splitlines():
            if line.strip():
                self.printed.emit(line)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._bury()

    def _bury(self) -> None:
        """Say what the dead process leaves undone, after what it had still said."""
        if self._process is not None:
            self._read_all_that_is_left()
            self._process.deleteLater()
            self._process = None
        numbers, self._pending = sorted(self._pending), {}
        self.died.emit(numbers)

    def _read_all_that_is_left(self) -> None:
        self._more.stop()
        process = self._process
        self._read_complaints()
        while process is not None and process.canReadLine():
            self._read_events()
        self._more.stop()
