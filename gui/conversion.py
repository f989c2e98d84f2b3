"""Take the queue through the worker: settle names, send jobs, follow their events, go on after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from cgconv.runtime import events, requests
from cgconv.runtime.requests import ConvertOptions

from .pace import Kind, Pace
from .queue_item import ENDED, FILM, PICTURE, QueueItem, State
from .queue_model import QueueModel
from .worker_process import WorkerProcess

PLANNED_AT_ONCE = 500
TELL_EVERY_MS = 150
FRUITLESS_STARTS = 3
USUAL_MEGAPIXELS = {PICTURE: 6.0, FILM: 2.0}  # of a file that nobody has looked at yet
PICTURES_AT_ONCE = 24  # sent together, so that reading and writing run beside the translation


class Phase(StrEnum):
    """What the conversion as a whole is doing."""

    IDLE = "idle"
    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Totals:
    """How far everything is. `fraction` 0 to 1 by work, not by count; what failed or was skipped is no work done."""

    done: int
    failed: int
    skipped: int
    stopped: int
    count: int
    fraction: float
    seconds_left: float | None
    slow_stage: str


class Conversion(QObject):
    """Everything from Start to the last result.

    Signals:
        phase_changed(Phase): what is being done now.
        progressed(Totals): an entry has come further.
        backend_opened(BackendOpened): what really runs.
        item_changed(QueueItem): an entry's state or numbers are new.
        items_changed(list): those of many entries are.
        engine_progressed(EngineBuilding): the model is being compiled for a GPU.
        warned(str): something for the log.
        finished(Totals): all entries that were waiting have ended, or everything was stopped.
        refused(str): nothing could be started, and why.
    """

    phase_changed = Signal(object)
    progressed = Signal(object)
    backend_opened = Signal(object)
    item_changed = Signal(object)
    items_changed = Signal(list)
    engine_progressed = Signal(object)
    warned = Signal(str)
    finished = Signal(object)
    refused = Signal(str)

    def __init__(
        self, queue: QueueModel, worker: WorkerProcess, parent: QObject | None = None,
        *, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._queue, self._worker = queue, worker
        self.phase = Phase.IDLE
        self._model, self._options, self._keeps_results = "", ConvertOptions(), False
        self._keys: set[int] = set()  # of this run's entries
        self._planning: list[QueueItem] = []
        self._plan_number = self._convert_number = 0
        self._sent: list[QueueItem] = []
        self.pace = Pace(clock)
        self._fruitless = 0  # workers in a row that died without beginning a job
        self._tell = QTimer(self, singleShot=True, interval=TELL_EVERY_MS)
        self._tell.timeout.connect(lambda: self.progressed.emit(self.totals()))

    def start(self, model: str, options: ConvertOptions, *, keeps_results: bool = False) -> None:
        """Translate all waiting entries; those without a model or options of their own with these.

        With `keeps_results` a file that has a result is not left alone: it gets another one beside it.
        """
        if self.phase is Phase.PAUSED:
            self.resume()
            return
        if self.phase is not Phase.IDLE:
            return
        self._model, self._options, self._keeps_results = model, options, keeps_results
        if not any(item.state is State.WAITING for item in self._queue.items):
            self.refused.emit(self.tr("There is nothing to translate: add pictures or films first."))
            return
        if not model and not all(item.model for item in self._queue.items if item.state is State.WAITING):
            self.refused.emit(self.tr("Pick a model first."))
            return
        self._keys.clear()
        self.pace.start()
        self._plan()

    def pause(self) -> None:
        """Hold on after the frame being computed."""
        if self.phase is Phase.RUNNING:
            self._worker.ask(requests.Pause())
            self.pace.hold()
            self._enter(Phase.PAUSED)

    def resume(self) -> None:
        """Go on."""
        if self.phase is Phase.PAUSED:
            self._worker.ask(requests.Resume())
            self._enter(Phase.RUNNING)
            if any(item.state is State.RUNNING for item in self._sent):
                self.pace.begin(_kind_of(self._sent[0]))

    def cancel(self) -> None:
        """Stop after the frame being computed; films keep what is finished for the next start."""
        if self.phase in (Phase.IDLE, Phase.STOPPING):
            return
        was_paused = self.phase is Phase.PAUSED
        self._enter(Phase.STOPPING)
        if self._convert_number:
            self._worker.cancel(self._convert_number)
        if was_paused:
            self._worker.ask(requests.Resume())
        if not self._convert_number and not self._plan_number:
            self._end()

    def show_answer(self, number: int, event: object) -> None:
        """Take note of what the worker says."""
        if number and number == self._plan_number:
            self._show_plan(event)
        elif number and number == self._convert_number:
            self._show_job(event)

    def recover(self, numbers: list[int]) -> None:
        """Go on after the worker has died: what it was working on has failed, the rest waits for the new worker."""
        if self._plan_number and self._plan_number in numbers:
            self._plan_number = 0
            self._planning = []
            self._enter(Phase.IDLE)
            self.refused.emit(self.tr("The worker stopped while it looked at the queue. See the log; start again."))
        if not self._convert_number or self._convert_number not in numbers:
            return
        self._convert_number = 0
        running = [item for item in self._sent if item.state is State.RUNNING]
        self._fruitless = 0 if running else self._fruitless + 1
        if self._fruitless >= FRUITLESS_STARTS:
            self._give_up()
            return
        for item in self._sent:
            if item.state is State.RUNNING and len(running) > 1 and not item.is_suspect:
                item.state, item.is_suspect, item.progress = State.PLANNED, True, 0.0  # tried again, alone
            elif item.state is State.RUNNING:
                item.state = State.FAILED
                item.reason = self.tr("The worker stopped unexpectedly while it worked on this file. Try it again; "
                                      "if that fails too, the log says more.")  # fmt: skip
            self.item_changed.emit(item)
        self._sent = []
        if self.phase is Phase.STOPPING:
            self._end()
            return
        self.warned.emit(self.tr("The worker stopped unexpectedly and was started again."))
        if self.phase is Phase.PAUSED:
            self._enter(Phase.RUNNING)
        self._next()

    def _give_up(self) -> None:
        """Fail what a worker cannot even begin."""
        for item in self._sent:
            item.state = State.FAILED
            item.reason = self.tr("The worker cannot be started, or stops before it begins; the log says more.")
            self.item_changed.emit(item)
        self._sent, self._fruitless = [], 0
        self._enter(Phase.STOPPING)
        self._end()

    def totals(self) -> Totals:
        """Return how far everything is."""
        items = [item for item in self._queue.items if item.key in self._keys]
        states = [item.state for item in items]
        done = 0.0
        left: dict[Kind, float] = {}
        for item in items:
            if item.state is State.DONE:
                done += item.work
            elif item.state in (State.WAITING, State.PLANNED, State.RUNNING, State.STOPPED):
                done += item.work * item.progress
                kind = _kind_of(item)
                left[kind] = left.get(kind, 0.0) + item.work * (1 - item.progress)
        work = done + sum(left.values())
        is_skipped = bool(items) and all(state is State.SKIPPED for state in states)
        fraction = min(1.0, done / work) if work else float(is_skipped)
        running = [item for item in items if item.state is State.RUNNING]
        slow = next((item.slow_stage for item in running if item.slow_stage), "")
        return Totals(
            done=states.count(State.DONE), failed=states.count(State.FAILED), skipped=states.count(State.SKIPPED),
            stopped=states.count(State.STOPPED), count=len(items), fraction=fraction,
            seconds_left=self.pace.seconds_left(left),
            slow_stage=slow,
        )  # fmt: skip

    def _plan(self) -> None:
        self._planning = [item for item in self._queue.items if item.state is State.WAITING]
        for item in self._planning:
            item.settled_model = item.model or self._model
            options = item.options_with(self._options)
            keeps = options.exists == "skip" and (self._keeps_results or self._queue.has_other_result(item))
            item.settled_options = replace(options, exists="rename") if keeps else options
            item.reason, item.is_suspect = "", False
        self._weigh()
        self._keys |= {item.key for item in self._planning}
        self._enter(Phase.PLANNING)
        self._send_plan(0)

    def _send_plan(self, start: int) -> None:
        """Send the next stretch of the plan; a long one goes out in slices, and the window moves in between."""
        if self.phase is Phase.STOPPING:
            self._end()
            return
        slice_ = self._planning[start : start + PLANNED_AT_ONCE]
        options = list(dict.fromkeys(item.settled_options for item in slice_))
        numbers = {one: number for number, one in enumerate(options)}
        files = tuple(
            requests.FileToPlan(item.key, item.path, item.folder, item.kind, item.settled_model,
                                numbers[item.settled_options])
            for item in slice_
        )  # fmt: skip
        is_last = start + PLANNED_AT_ONCE >= len(self._planning)
        number = self._worker.ask(requests.Plan(files, tuple(options), start == 0, is_last))
        if is_last:
            self._plan_number = number
        else:
            QTimer.singleShot(0, self, lambda: self._send_plan(start + PLANNED_AT_ONCE))

    def _show_plan(self, event: object) -> None:
        match event:
            case events.JobPlanned():
                item = self._queue.item(event.index)
                if item is None or item.state is not State.WAITING:
                    return
                item.output = event.output
                item.state = {"fail": State.FAILED, "skip": State.SKIPPED}.get(event.action, State.PLANNED)
                item.reason = event.reason
                self.item_changed.emit(item)
            case events.CommandFailed():
                self._plan_number = 0
                self._enter(Phase.IDLE)
                self.refused.emit(event.reason)
            case events.RequestFinished():
                self._plan_number = 0
                if self.phase is Phase.STOPPING:
                    self._end()
                    return
                self._enter(Phase.RUNNING)
                self._next()

    def _next(self) -> None:
        """Send the next jobs that can be done together; where none is left, look for entries that came meanwhile."""
        if self.phase is Phase.STOPPING:
            self._end()
            return
        batch: list[QueueItem] = []
        for item in self._queue.items:
            if item.state is not State.PLANNED:
                continue
            if batch and not _go_together(batch[0], item):
                continue
            batch.append(item)
            if item.kind == FILM or item.is_suspect or len(batch) >= PICTURES_AT_ONCE:
                break
        if not batch:
            if any(item.state is State.WAITING for item in self._queue.items):
                self._plan()
            else:
                self._end()
            return
        first = batch[0]
        self._sent = batch
        jobs = tuple(requests.JobToDo(item.key, item.path, item.output or item.path) for item in batch)
        self._convert_number = self._worker.ask(
            requests.Convert(jobs, first.kind, first.settled_model, first.settled_options)
        )

    def _show_job(self, event: object) -> None:
        match event:
            case events.BackendOpened():
                self.backend_opened.emit(event)
            case events.EngineBuilding():
                self.engine_progressed.emit(event)
            case events.RequestFinished():
                self._convert_number = 0
                self.pace.hold()
                for item in self._sent:
                    if item.state is State.RUNNING or (item.state is State.PLANNED and self.phase is Phase.STOPPING):
                        item.state, item.frames_per_second, item.seconds_left = State.STOPPED, None, None
                        self.item_changed.emit(item)
                self._sent = []
                self._next()
            case events.CommandFailed():  # e.g. the model does not open: true for all that were sent
                self._convert_number = 0
                for item in self._sent:
                    if item.state not in ENDED:
                        item.state, item.reason = State.FAILED, event.reason
                        self.item_changed.emit(item)
                self._sent = []
                self._next()
            case events.BatchPlanned() | events.BatchFinished():
                pass
            case _:
                found = self._queue.item(getattr(event, "index", 0))
                if found is not None:
                    self._show_item(found, event)

    def _show_item(self, item: QueueItem, event: object) -> None:
        match event:
            case events.JobStarted():
                item.state, item.progress = State.RUNNING, 0.0
                if self.phase is Phase.RUNNING:
                    self.pace.begin(_kind_of(item))
            case events.JobProgressed():
                item.frames_per_second, item.seconds_left = event.frames_per_second, event.seconds_left
                item.slow_stage = event.slow_stage
                if event.frames:
                    self._advance(item, min(1.0, event.frames_done / event.frames))
            case events.JobWarned():
                item.warnings.append(event.message)
                self.warned.emit(_about(item.path, event.message))
            case events.JobFinished():
                self._advance(item, 1.0)
                item.state, item.output = State.DONE, event.output
                item.slow_stage = max(event.stage_seconds, key=event.stage_seconds.__getitem__, default="")
                item.seconds_left = item.frames_per_second = None
            case events.JobSkipped():
                item.state, item.reason = State.SKIPPED, event.reason
            case events.JobFailed():
                item.state, item.reason, item.seconds_left = State.FAILED, event.reason, None
                item.output, item.is_partial = event.output, event.output is not None
                self.warned.emit(_about(item.path, event.reason))
        self.item_changed.emit(item)
        if not self._tell.isActive():  # adding up a long queue on every event would be felt
            self._tell.start()

    def _advance(self, item: QueueItem, progress: float) -> None:
        # A film that goes on where it was begins with what is finished: that says nothing of the pace.
        before = item.progress if item.kind == PICTURE or item.progress else progress
        self.pace.advance(item.work * max(0.0, progress - before))
        item.progress = progress

    def _weigh(self) -> None:
        """Reckon how much work each entry is; films are looked at first, for their frames."""
        self._queue.look_at([item for item in self._planning if item.kind == FILM and item.frames is None])
        for kind in (PICTURE, FILM):
            items = [item for item in self._planning if item.kind == kind]
            known = [item.size_wh[0] * item.size_wh[1] / 1e6 for item in items if item.size_wh]
            for item in items:
                item.usual_megapixels = sum(known) / len(known) if known else USUAL_MEGAPIXELS[kind]
                item.weigh()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.phase_changed.emit(phase)

    def _end(self) -> None:
        planned = [item for item in self._queue.items if item.state is State.PLANNED]
        for item in planned:
            item.reset()
        self.items_changed.emit(planned)
        self._tell.stop()
        totals = self.totals()
        self._convert_number = self._plan_number = 0
        self._enter(Phase.IDLE)
        self.finished.emit(totals)


def _kind_of(item: QueueItem) -> Kind:
    return Kind(item.kind, item.settled_model)


def _go_together(one: QueueItem, other: QueueItem) -> bool:
    """Say whether two entries can be jobs of one request."""
    return (
        one.kind == other.kind == PICTURE
        and not (one.is_suspect or other.is_suspect)
        and one.settled_model == other.settled_model
        and one.settled_options == other.settled_options
    )


def _about(path: Path, words: str) -> str:
    """Return a line for the log that names the file, once."""
    return words if str(path) in words else f"{path}: {words}"
