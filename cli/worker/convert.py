"""What the worker does with a window's queue: settle names, then translate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cgconv.cli.batch import batch_options, model_names
from cgconv.cli.extras import installed_extras
from cgconv.runtime.backends.machine import checked_device
from cgconv.runtime.choices import Action, BackendName
from cgconv.runtime.errors import CgconvError
from cgconv.runtime.events import BackendOpened, DevicesFound, JobPlanned
from cgconv.runtime.films.kept_segments import sweep
from cgconv.runtime.find import FoundFile, Kind
from cgconv.runtime.jobs import Job, plan_files, run_jobs
from cgconv.runtime.requests import Convert, ConvertOptions, FileToPlan, ForgetFilms, Plan
from cgconv.runtime.translator import Translator, open_translator

from .task import Say, Task

_CANCEL_POLL_S = 0.1
_collected: list[tuple[FileToPlan, ConvertOptions]] = []  # files of a plan that comes in several requests


def plan(task: Task, say: Say) -> None:
    """Settle every output over all batches of the queue; the answers come with the last request."""
    request = task.request
    assert isinstance(request, Plan)
    if request.is_first:
        _collected.clear()
    _collected.extend((file, request.options[file.options]) for file in request.files)
    if not request.is_last:
        return
    batches: dict[tuple[str, str, ConvertOptions], list[FileToPlan]] = {}
    for file, options in _collected:
        batches.setdefault((file.kind, file.model, options), []).append(file)
    inputs = [file.path for file, _ in _collected]
    taken: list[Path] = []
    for (kind, model, options), files in batches.items():
        try:
            checked_device(options.device)
            found = [FoundFile(file.path, file.folder) for file in files]
            jobs = plan_files(found, batch_options(Kind(kind), model, options), inputs=inputs, taken=taken)
        except CgconvError as error:  # of this batch only: the queue's other files are planned all the same
            for file in files:
                say(JobPlanned(file.key, file.path, file.path, Action.FAIL, str(error)))
            continue
        for file, job in zip(files, jobs, strict=True):
            missing = None if file.path.exists() else f"{file.path}: this file is no longer there"
            say(replace(job, index=file.key, problem=missing or job.problem).planned())
        taken += [job.output for job in jobs]
    _collected.clear()


def convert(task: Task, say: Say) -> None:
    """Do planned jobs; their keys are the events' indices."""
    request = task.request
    assert isinstance(request, Convert)
    options = batch_options(Kind(request.kind), request.model, request.options)
    jobs = [Job(job.key, job.path, job.output, options) for job in request.jobs]
    translator = translator_for(request.model, request.options, task, say)
    for event in run_jobs(jobs, HeldTranslator(translator, task.going, task.cancel), task.cancel):
        say(event)


def forget_films(task: Task, say: Say) -> None:
    """Throw away the work on films that were taken from the queue before they were done."""
    request = task.request
    assert isinstance(request, ForgetFilms)
    for output in request.outputs:
        sweep(output, all_work=True)


def find_devices(task: Task, say: Say) -> None:
    """Say what this computer can compute on, and with what."""
    from cgconv.runtime.backends.choose import devices_here

    devices = devices_here()
    names = {BackendName.ONNXRUNTIME: "onnxruntime", BackendName.OPENVINO: "openvino"}
    backends = [backend for backend, package in names.items() if find_spec(package) is not None]
    if "cuda" in devices and installed_extras()["tensorrt"]:
        backends.append(BackendName.TENSORRT)
    say(DevicesFound(tuple(devices), tuple(backends)))


class HeldTranslator:
    """A translator that waits while `going` is not set, unless `cancel` is."""

    def __init__(self, translator: Translator, going: threading.Event, cancel: threading.Event) -> None:
        self._translator, self._going, self._cancel = translator, going, cancel
        self.card = translator.card

    @property
    def sha256(self) -> str:
        """What tells two models apart."""
        return self._translator.sha256

    def describe(self) -> BackendOpened:
        """Return what really runs."""
        return self._translator.describe()

    @property
    def overlaps(self) -> bool:
        """Whether `start` gains anything."""
        return self._translator.overlaps

    def translate(self, batch: Any) -> Any:  # Any: as of the translator
        """Translate once it goes on."""
        self._wait()
        return self._translator.translate(batch)

    def start(self, batch: Any) -> Callable[[], Any]:  # Any: as of the translator
        """Begin to translate once it goes on."""
        self._wait()
        return self._translator.start(batch)

    def _wait(self) -> None:
        while not self._going.wait(_CANCEL_POLL_S) and not self._cancel.is_set():
            pass


_open: dict[tuple[Any, ...], Translator] = {}  # Any: what a translator was opened with; one at a time
_opening = threading.Lock()


def translator_for(
    model: str, wanted: ConvertOptions, task: Task, say: Say, *, builds_engines: bool = True
) -> Translator:
    """Return the open translator where it is the same as last time, else close that one and open another.

    It tells `say` of engines that it builds, and stops with `task`: that takes minutes.
    """
    path = model_names(model)[0]
    stat = path.stat()
    key = (
        path,
        stat.st_mtime_ns,
        stat.st_size,
        wanted.backend,
        wanted.device,
        wanted.precision,
        wanted.threads,
        builds_engines,
    )
    with _opening:
        if key not in _open:
            for other in _open.values():
                other.close()
            _open.clear()
            _open[key] = open_translator(
                path,
                backend=wanted.backend,
                device=wanted.device,
                precision=wanted.precision,
                threads=wanted.threads or None,
                builds_engines=builds_engines,
            )
        translator = _open[key]
        translator.report, translator.cancel = say, task.cancel
        return translator
