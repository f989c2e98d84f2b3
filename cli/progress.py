"""Show events: a live display on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

import click

from cgconv.runtime.errors import CgconvError
from cgconv.runtime.events import (
    EIGHT_BITS,
    BackendOpened,
    BatchFinished,
    BatchPlanned,
    CommandFailed,
    EngineBuilding,
    EngineBuilt,
    Event,
    JobFailed,
    JobFinished,
    JobPlanned,
    JobProgressed,
    JobStarted,
    JobWarned,
    Watching,
    WorkersChanged,
    counted,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FILM_LINE_EVERY_S = 5.0
LONGEST_LIST = 50  # failures listed at the end; --report has them all


class Show(Protocol):
    """Where events go."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def note(self, sentence: str) -> None:
        """Say something that is no event."""

    def wait(self, sentence: str) -> None:
        """Say what takes a moment now, where somebody watches."""


@contextmanager
def open_show(*, as_json: bool, kind: str) -> Iterator[Show]:
    """Give the display that suits where the output goes. `kind` is picture or film."""
    if as_json:
        from cgconv.runtime.protocol import reserved_stdout

        with reserved_stdout() as stream:
            yield JsonShow(stream)
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        show = LiveShow(kind)
        try:
            yield show
        finally:
            show.close()
    else:
        yield PlainShow(kind)


class JsonShow:
    """Each event as a line of JSON on the real standard output; notes go to standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, event: Event) -> None:
        from cgconv.runtime.protocol import write_event

        write_event(self._stream, event)

    def note(self, sentence: str) -> None:
        click.echo(printable(sentence), err=True)

    def wait(self, sentence: str) -> None:
        pass


@contextmanager
def open_json_show() -> Iterator[JsonShow]:
    """Give the display for programs; an error that ends the command is an event too."""
    from cgconv.runtime.protocol import reserved_stdout

    with reserved_stdout() as stream:
        show = JsonShow(stream)
        try:
            yield show
        except CgconvError as error:
            show.show(CommandFailed(str(error), error.exit_code))
            raise


class LineShow:
    """Notes as lines on standard error; with `live`, above a bar that moves. What the bar shows is a subclass's."""

    def __init__(self, *, live: bool, transient: bool = False, soft_wrap: bool = False) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (BarColumn(bar_width=24), TextColumn("{task.fields[numbers]}", markup=False))
            console = Console(stderr=True, highlight=False, markup=False, soft_wrap=soft_wrap)
            self._progress = Progress(*columns, console=console, transient=transient)

    def note(self, sentence: str) -> None:
        if self._progress is not None:
            self._progress.console.print(printable(sentence))
        else:
            click.echo(printable(sentence), err=True)

    def wait(self, sentence: str) -> None:
        if self._progress is not None:
            self.note(sentence)


class Summary:
    """What all events of a batch come to; the next batch begins anew."""

    def __init__(self, kind: str) -> None:
        self.is_film = kind == "film"
        self.noun = {"picture": ("picture", "pictures"), "film": ("film", "films")}[kind]
        self._begin(to_do=0)

    def _begin(self, *, to_do: int) -> None:
        self.to_do = to_do
        self.through = 0
        self.frames = 0
        self.begun = time.monotonic()
        self.names: dict[int, Path] = {}
        self.outputs: dict[int, Path] = {}
        self.failures: list[JobFailed] = []
        self.stage_seconds: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        match event:
            case BatchPlanned():
                self._begin(to_do=event.jobs - event.skipped)
            case BackendOpened():
                self.begun = time.monotonic()
            case JobStarted():
                self.names[event.index] = event.input
            case JobFinished():
                self.through += 1
                self.outputs[event.index] = event.output
                self.stage_seconds.update(event.stage_seconds)
            case JobFailed():
                self.through += self.outputs.pop(event.index, None) is None  # else its result has vanished since
                self.failures.append(event)
            case _:
                pass

    @property
    def slow_stage(self) -> str:
        """The stage that took the most time so far, "" before any has."""
        return self.stage_seconds.most_common(1)[0][0] if self.stage_seconds else ""

    def closing_lines(self, event: BatchFinished) -> list[str]:
        """Return the lines that end a batch: failures with reasons, counts, where the results are."""
        lines = []
        for failure in self.failures[:LONGEST_LIST] if self.to_do > 1 else []:  # one alone was just said
            kept = f" (the part that could be translated is in {failure.output})" if failure.output else ""
            lines.append(f"failed: {failure_text(failure)}{kept}")
        if len(self.failures) > LONGEST_LIST:
            lines.append(
                f"… and {counted(len(self.failures) - LONGEST_LIST, 'more failure')} (--report FILE lists them all)"
            )
        counts = [counted(event.done, *self.noun) + " done"] if event.done or not event.skipped else []
        if event.skipped:
            counts.append(f"{event.skipped} skipped (result exists; --exists overwrite translates them again)")
        if event.failed:
            counts.append(f"{event.failed} failed")
        pace = ""
        if event.done and event.seconds > 0:
            pace = f" in {duration(event.seconds)}"
            if event.done > 1 and not self.is_film:
                pace += f" ({rate(event.done / event.seconds)} per second)"
        stage = f", slowest stage: {self.slow_stage}" if event.done and self.slow_stage else ""
        lines.append(("stopped: " if event.cancelled else "") + ", ".join(counts) + pace + stage)
        if self.outputs:
            lines.append(f"results: {place(list(self.outputs.values()))}")
        return lines


class BatchShow(ABC):
    """What both displays of a batch say alike."""

    def __init__(self, kind: str) -> None:
        self._summary = Summary(kind)
        self._backend = ""

    def show(self, event: Event) -> None:
        self._summary.add(event)
        match event:
            case BatchPlanned():
                for sentence in event.notes:
                    self.note(sentence)
            case JobPlanned():
                click.echo(planned_line(event))
            case WorkersChanged():
                self.note(event.message)
            case Watching():
                folders = ", ".join(map(str, event.folders))
                self.note(f"watching {folders} for {self._summary.noun[1]}; Ctrl-C ends it")
            case BackendOpened():
                if self._backend != (line := backend_line(event)):
                    self.note(line)
                self._backend = line
                self._show_work(event)
            case JobWarned():
                self.note(f"warning: {self._summary.names.get(event.index, '')}: {event.message}")
            case BatchFinished():
                self.close()
                for line in self._summary.closing_lines(event):
                    self.note(line)
            case _:
                self._show_work(event)

    @abstractmethod
    def note(self, sentence: str) -> None: ...

    @abstractmethod
    def _show_work(self, event: Event) -> None: ...

    def close(self) -> None:  # noqa: B027  # nothing moves in plain lines
        """Take what moves off the terminal."""


class PlainShow(BatchShow):
    """Plain lines on standard error, a few a second at most."""

    def __init__(self, kind: str, write: Callable[[str], None] | None = None) -> None:
        super().__init__(kind)
        self._write_line = write or (lambda line: click.echo(line, err=True))
        self._last_line = float("-inf")

    def _show_work(self, event: Event) -> None:
        summary = self._summary
        match event:
            case EngineBuilding():
                if self._is_time(FILM_LINE_EVERY_S):
                    self._write(engine_line(event))
            case EngineBuilt():
                self._write(engine_line(event))
            case JobStarted():
                if summary.is_film:
                    self._last_line = time.monotonic()
            case JobProgressed():
                if self._is_time(FILM_LINE_EVERY_S):
                    self._write(f"{summary.names.get(event.index, '')}: {film_line(event)}")
            case JobFinished():
                self._write(f"[{summary.through}/{summary.to_do}] {event.input} → {event.output}")
            case JobFailed():
                self._write(f"[{summary.through}/{summary.to_do}] failed: {failure_text(event)}")
            case _:
                pass

    def note(self, sentence: str) -> None:
        self._write(sentence)

    def wait(self, sentence: str) -> None:
        pass

    def _write(self, line: str) -> None:
        self._write_line(printable(line))

    def _is_time(self, every_s: float) -> bool:
        now = time.monotonic()
        if now - self._last_line < every_s:
            return False
        self._last_line = now
        return True


class LiveShow(BatchShow):
    """A bar with count, pace, time left and slow stage at the bottom of the terminal; warnings pass above it."""

    def __init__(self, kind: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__(kind)
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[int, TaskID] = {}
        self._all: TaskID | None = None
        self._engine: TaskID | None = None
        self._kind = kind

    def _show_work(self, event: Event) -> None:
        summary = self._summary
        match event:
            case BackendOpened():
                self._progress.start()
                if self._kind == "picture" or summary.to_do > 1:
                    self._all = self._progress.add_task(summary.noun[1], total=summary.to_do, numbers="")
                    self._show_count()
            case EngineBuilding() | EngineBuilt():
                self._show_engine(event)
            case JobStarted():
                if self._kind == "film":
                    name = shortened(event.input.name)
                    self._tasks[event.index] = self._progress.add_task(name, total=None, numbers="starting")
            case JobProgressed():
                if (task := self._tasks.get(event.index)) is not None:
                    self._progress.update(
                        task, completed=event.frames_done, total=event.frames, numbers=film_line(event)
                    )
            case JobFinished() | JobFailed():
                if (task := self._tasks.pop(event.index, None)) is not None:
                    self._progress.remove_task(task)
                if isinstance(event, JobFailed):
                    self.note(f"failed: {failure_text(event)}")
                self._show_count()
            case _:
                pass

    def note(self, sentence: str) -> None:
        self._console.print(printable(sentence))

    def wait(self, sentence: str) -> None:
        self.note(sentence)

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._progress.stop()
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        self._tasks, self._all, self._engine = {}, None, None

    def _show_engine(self, event: EngineBuilding | EngineBuilt) -> None:
        if isinstance(event, EngineBuilt):
            if self._engine is not None:
                self._progress.remove_task(self._engine)
            self._engine = None
            self.note(engine_line(event))
            return
        self._progress.start()
        if self._engine is None:
            self._engine = self._progress.add_task("engine", total=None, numbers="")
        self._progress.update(self._engine, completed=event.step, total=event.steps or None, numbers=engine_line(event))

    def _show_count(self) -> None:
        if self._all is None:
            return
        summary = self._summary
        parts = [f"{summary.through}/{summary.to_do}"]
        elapsed_s = time.monotonic() - summary.begun
        if summary.through and elapsed_s > 0:
            pace = summary.through / elapsed_s
            parts += [f"{rate(pace)} per second", f"{duration((summary.to_do - summary.through) / pace)} left"]
        if summary.slow_stage:
            parts.append(f"slowest: {summary.slow_stage}")
        self._progress.update(self._all, completed=summary.through, numbers=" · ".join(parts))


def backend_line(event: BackendOpened) -> str:
    """Return what really runs, in one line."""
    names = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "tensorrt": "TensorRT"}
    backend = names.get(event.backend, event.backend)
    return f"running on {backend}, {event.device}, {event.precision}: {event.why}"


def engine_line(event: EngineBuilding | EngineBuilt) -> str:
    """Return how far an engine is, or that it is there."""
    if event.size == EIGHT_BITS:
        what = f"{event.model} in 8 bits"
        if isinstance(event, EngineBuilt):
            return f"{what}: measured in {duration(event.seconds)}, {event.decibels:.0f} dB from float32"
        steps = f"{event.step}/{event.steps}, {duration(event.seconds)}"
        return f"measuring {what}: {event.phase} {steps} (kept for next time)"
    what = f"engine of {event.model} for {event.size}"
    if isinstance(event, EngineBuilt):
        return f"{what}: built in {duration(event.seconds)}, {event.decibels:.0f} dB from the ONNX model"
    steps = f" {event.step}/{event.steps}" if event.steps else ""
    return f"building the {what}: {event.phase}{steps}, {duration(event.seconds)} (kept for next time)"


def film_line(event: JobProgressed) -> str:
    """Return how far a film is."""
    count = f"{event.frames_done}/{event.frames} frames" if event.frames else counted(event.frames_done, "frame")
    parts = [count, f"{event.frames_per_second:.1f} per second"]
    if event.seconds_left is not None:
        parts.append(f"{duration(event.seconds_left)} left")
    if event.slow_stage:
        parts.append(f"slowest: {event.slow_stage}")
    return " · ".join(parts)


def failure_text(event: JobFailed) -> str:
    """Return the input and why it failed; reasons that name the input already stand alone."""
    return event.reason if str(event.input) in event.reason else f"{event.input}: {event.reason}"


def planned_line(event: JobPlanned) -> str:
    """Return what would be done with one input."""
    if event.action == "translate":
        return printable(f"{event.input} → {event.output}")
    return printable(f"{event.action}: {event.input}: {event.reason}")


def duration(seconds: float) -> str:
    """Return a time as people say it: 0.8 s, 12 s, 3:05 min, 2:03:05 h."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def rate(per_second: float) -> str:
    """Return a pace with two digits, or whole where that is more."""
    return f"{per_second:.2g}" if per_second < 10 else f"{per_second:,.0f}"


def place(outputs: list[Path]) -> str:
    """Return where results are: the file, or the folder that holds all."""
    if len(outputs) == 1:
        return str(outputs[0])
    folders = {str(path.parent) for path in outputs}
    try:
        return os.path.commonpath(folders) or "."
    except ValueError:  # on several drives, or absolute and relative
        return ", ".join(sorted(folders)[:3])


def shortened(name: str, length: int = 32) -> str:
    """Return a name that leaves room for the numbers beside it."""
    name = printable(name)
    return name if len(name) <= length else f"{name[: length - 12]}…{name[-11:]}"


def printable(line: str) -> str:
    r"""Return a line with its control characters spelt out: names may hold \n, or \x1b, which moves the cursor."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in ("Cc", "Cs") else char for char in line
    )
