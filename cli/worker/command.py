"""cgconv worker: do a window's requests, read as JSON lines, and answer with events as JSON lines."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TextIO

import click

from cgconv.cli.extras import installed_extras
from cgconv.runtime import requests
from cgconv.runtime.errors import Cancelled, CgconvError
from cgconv.runtime.events import CommandFailed, Event, RequestFinished, WorkerEvent, WorkerReady, event_as_json
from cgconv.runtime.protocol import read_request, reserved_stdout, write_line

from .task import Answer, Task

NICENESS = 5  # the window and the rest of the desktop go first
LONGEST_WAIT_S = 3600.0  # of a sample for previews
LAST_WORDS_S = 8.0  # what a job may take to stop once the window has gone …
SAVING_S = 900.0  # … and a training, which saves after the step that it is at


@click.command(hidden=True, epilog="Try: cgconv gui")
def worker() -> int:
    """Work for `cgconv gui`: requests come on standard input, events go to standard output, one JSON object a line."""
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # a line that is no text is refused as a line
    with reserved_stdout() as stream:
        serve(sys.stdin, stream)
        stream.flush()
        os._exit(0)  # native threads of a backend may still be at work: nothing of theirs is to be waited for
    return 0


def serve(lines: Iterable[str], stream: TextIO) -> None:
    """Do what the lines ask for until they end; then what is still running is stopped.

    Requests of one lane follow each other, those of different lanes go side by side: finding files does not wait for
    a preview, nor a preview for a film. In a lane, previews go before thumbnails.
    """
    from importlib.metadata import version

    writing = threading.Lock()

    def say(event: Event | WorkerEvent, number: int) -> None:
        with writing, contextlib.suppress(BrokenPipeError, ValueError):  # the window has gone: nobody to tell
            write_line(stream, {**event_as_json(event), "request": number})

    going = threading.Event()
    going.set()
    lanes = {name: Lane(name, say) for name in ("files", "looks", "jobs")}
    lanes["samples"] = Lane("samples", say, gives_way_to=lanes["looks"])
    say(WorkerReady(version("cgconv"), installed_extras()), 0)
    import_what_all_need()
    for line in lines:
        try:
            number, request = read_request(line)
        except ValueError as error:
            say(CommandFailed(f"a request that could not be understood: {error}", 2), 0)
            continue
        match request:
            case requests.Pause():
                going.clear()
                say(RequestFinished(), number)
            case requests.Resume():
                going.set()
                say(RequestFinished(), number)
            case requests.Cancel():
                for lane in lanes.values():
                    lane.cancel(request.number)
                say(RequestFinished(), number)
            case _ if any(lane.has(number) for lane in lanes.values()):
                say(CommandFailed(f"the number {number} is that of a request that is still being done", 2), 0)
            case _:
                lanes[_lane_of(request)].add(Task(number, request, going))
    for lane in lanes.values():
        lane.cancel(None)
    for lane in lanes.values():
        lane.wait_until_free(SAVING_S if lane.is_training() else LAST_WORDS_S)
    if "cgconv.cli.worker.looks" in sys.modules:
        from .looks import clean_up

        clean_up()


def import_what_all_need() -> None:
    """Import in one thread what two lanes would import at once: numpy, met by a part first, comes out half made."""
    for name in ("numpy.typing", "onnx"):
        importlib.import_module(name)


def _lane_of(request: requests.Request) -> str:
    quick = requests.Scan | requests.Examine | requests.Plan | requests.ListModels | requests.ListPresets
    if isinstance(request, quick | requests.MeasureCaches | requests.ForgetFilms):
        return "files"
    if isinstance(request, requests.Preview | requests.PreviewLoop):
        return "looks"
    if isinstance(request, requests.SampleModel | requests.FindDevices):
        return "samples"
    return "jobs"


class Lane:
    """A thread that does tasks one after the other, urgent ones first; it begins none while another lane works."""

    def __init__(
        self, name: str, say: Callable[[Event | WorkerEvent, int], None], gives_way_to: Lane | None = None
    ) -> None:
        self._say, self._gives_way_to = say, gives_way_to
        self._waiting: queue.PriorityQueue[tuple[int, int, Task]] = queue.PriorityQueue()
        self._tasks: dict[int, Task] = {}
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.thread.start()

    def add(self, task: Task) -> None:
        """Put a task in line. A preview takes the place of those before it."""
        with self._lock:
            if isinstance(task.request, requests.Preview | requests.PreviewLoop):
                for other in self._tasks.values():
                    if isinstance(other.request, requests.Preview | requests.PreviewLoop):
                        other.cancel.set()
            self._tasks[task.number] = task
        self._waiting.put((_urgency(task.request), task.number, task))

    def has(self, number: int) -> bool:
        """Say whether a task of this number waits or is being done."""
        with self._lock:
            return number in self._tasks

    def is_training(self) -> bool:
        """Say whether a training is being done."""
        with self._lock:
            return any(isinstance(task.request, requests.Train) for task in self._tasks.values())

    def cancel(self, number: int | None) -> None:
        """Stop the task of this number, or all but those that tidy up."""
        with self._lock:
            for task in self._tasks.values():
                if task.number == number or (number is None and not isinstance(task.request, requests.ForgetFilms)):
                    task.cancel.set()

    def wait_until_free(self, timeout_s: float) -> None:
        """Wait until nothing is being done any more, but not for ever."""
        until = time.monotonic() + timeout_s
        while self._tasks and time.monotonic() < until:
            time.sleep(0.02)

    def _work(self) -> None:
        while True:
            _, _, task = self._waiting.get()
            if self._gives_way_to is not None:
                self._gives_way_to.wait_until_free(LONGEST_WAIT_S)
            try:
                self._do(task)
            finally:
                with self._lock:
                    del self._tasks[task.number]

    def _do(self, task: Task) -> None:
        def say(event: Event | WorkerEvent) -> None:
            self._say(event, task.number)

        try:
            if not task.cancel.is_set():
                answer_of(task.request)(task, say)
            say(RequestFinished())
        except Cancelled:
            say(RequestFinished())
        except CgconvError as error:
            say(CommandFailed(str(error), error.exit_code))
        except ValueError as error:  # a word that is none of its kind
            say(CommandFailed(f"a request that cannot be done: {error}", 2))
        except Exception as error:
            from cgconv.runtime.jobs import reason_of

            say(CommandFailed(reason_of(error), 1))


def _urgency(request: requests.Request) -> int:
    match request:
        case requests.Examine() | requests.SampleModel():
            return 1
        case _:
            return 0


def answer_of(request: requests.Request) -> Answer:
    """Return the function that does this kind of request; only its own module is imported."""
    match request:
        case requests.Scan() | requests.Examine() | requests.Preview() | requests.PreviewLoop():
            from . import looks

            return {
                requests.Scan: looks.scan,
                requests.Examine: looks.examine,
                requests.Preview: looks.preview,
                requests.PreviewLoop: looks.preview_loop,
            }[type(request)]
        case requests.Plan() | requests.Convert() | requests.ForgetFilms() | requests.FindDevices():
            from . import convert

            return {
                requests.FindDevices: convert.find_devices,
                requests.Plan: convert.plan,
                requests.Convert: convert.convert,
                requests.ForgetFilms: convert.forget_films,
            }[type(request)]
        case (
            requests.CheckData()
            | requests.ListPresets()
            | requests.EstimateTraining()
            | requests.Train()
            | requests.ExportRun()
        ):
            from . import train

            return {
                requests.CheckData: train.check_data,
                requests.ListPresets: train.list_presets,
                requests.EstimateTraining: train.estimate,
                requests.Train: train.train,
                requests.ExportRun: train.export_run,
            }[type(request)]
        case _:
            from . import models

            answers: dict[type, Answer] = {
                requests.ListModels: models.list_all,
                requests.SampleModel: models.sample,
                requests.MakeSheet: models.make_sheet,
                requests.ImportModel: models.import_model,
                requests.RemoveModel: models.remove,
                requests.DescribeModel: models.describe,
                requests.HalveModel: models.halve,
                requests.BuildEngines: models.build_engines,
                requests.Diagnose: models.diagnose,
                requests.MeasureCaches: models.measure_caches,
                requests.ClearCaches: models.clear_caches,
            }
            return answers[type(request)]
