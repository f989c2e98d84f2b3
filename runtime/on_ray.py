"""Spread a batch over the machines of a Ray cluster: each worker holds an open translator; paths travel, not images."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CgconvError, MissingError
from .events import (
    BackendOpened,
    Event,
    JobFailed,
    JobFinished,
    JobStarted,
    WorkersChanged,
    counted,
)
from .files import ResultFolders, make_folder_for, partial_path, write_atomically
from .find import Kind
from .folders import cache_folder
from .jobs import Job, begin_jobs, reason_of, run_one, tell_batch

if TYPE_CHECKING:
    from .translate.translator import Translator

USUAL_CORES = 4  # of a worker; more of them bring less each
MOST_TRIES = 3  # of a file whose workers end while they have it
WAITING_THERE = 4  # pictures that wait at a worker for each that it works on, so that it never waits for the next
LOOK_AT_NODES_EVERY_S = 2.0
PATIENCE_S = 60.0  # for a lock that a lost worker may still hold


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What each worker opens: the model's name and bytes, and options of open_translator."""

    model_name: str
    model: bytes
    machine: Mapping[str, Any]  # Any: backend, device, precision
    must_see: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Opened:
    """What a worker says once its translator is open, or why it is not."""

    host: str
    version: str
    backend: BackendOpened | None
    problem: str = ""
    exit_code: int = 0


class Worker:
    """One process of the cluster with one translator. Its methods are called from elsewhere, several at once."""

    def __init__(self) -> None:
        self._cancel = threading.Event()
        self._folders = ResultFolders()
        self._translator: Translator | None = None

    def open(self, opening: Opening, threads: int) -> Opened:
        """Open the model here; what goes wrong is a result."""
        here, backend, problem, code = platform.node(), None, "", 0
        try:
            for path in opening.must_see:
                if not os.path.lexists(path):
                    raise MissingError(f"{path} is not seen there; mount the folder there under the same path")
            from .opencv import cv2
            from .translate.shared_translator import SharedTranslator
            from .translate.translator import open_translator

            cv2.setNumThreads(threads)
            folder = cache_folder() / "cluster" / hashlib.sha256(opening.model).hexdigest()[:16]
            path = folder / opening.model_name
            if not path.exists() or path.read_bytes() != opening.model:
                write_atomically(path, opening.model)
            self._translator = open_translator(path, **opening.machine, threads=threads, cancel=self._cancel)
            self._shared = SharedTranslator(self._translator, batch=1, cancel=self._cancel)
            backend = self._translator.describe()
        except Exception as error:
            problem, code = reason_of(error), getattr(error, "exit_code", 1)
        return Opened(here, version("cgconv"), backend, problem, code)

    def do(self, job: Job, is_again: bool) -> Iterator[Event]:
        """Do one job; what fails is an event, and so is what nobody foresaw."""
        assert self._translator is not None  # who has not opened it is sent nothing
        if is_again and job.options.kind is Kind.FILM:
            _wait_for_lock(job.output)
        yield from run_one(job, self._translator, self._shared, self._cancel, self._folders)

    def do_whole(self, job: Job, is_again: bool) -> list[Event]:
        """Do one picture and say it all at once: each message between machines takes longer than a small picture."""
        return list(self.do(job, is_again))

    def stop(self) -> None:
        """Finish what is being translated and begin nothing more."""
        self._cancel.set()


def _wait_for_lock(output: Path) -> None:
    from .films.kept_segments import is_being_written

    until_s = time.monotonic() + PATIENCE_S
    while is_being_written(output) and time.monotonic() < until_s:
        time.sleep(0.5)


@dataclass(eq=False)
class _Seat:
    """A worker as it is seen from here."""

    actor: Any  # Any: a handle of Ray's
    node: str
    opening: Any  # Any: a reference of Ray's
    capacity: int
    opened: Opened | None = None
    jobs: dict[Any, Job] = field(default_factory=dict)  # Any: what gives events → whose they are
    alone: bool = False  # with a job that must not share it


def check() -> None:
    """Raise ModuleNotFoundError where Ray is not installed."""
    import ray  # noqa: F401


@contextmanager
def connect() -> Iterator[None]:
    """Join the cluster that RAY_ADDRESS names or that runs here, else start one here. Raises MissingError."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}  # Any: options of ray.init
    try:
        try:
            ray.init(address=os.environ.get("RAY_ADDRESS") or "auto", **quiet)
        except ConnectionError:
            if os.environ.get("RAY_ADDRESS"):
                raise
            ray.init(address="local", include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = os.environ.get("RAY_ADDRESS") or "this computer"
        raise MissingError(
            f"{where}: no Ray cluster can be joined there ({' '.join(str(error).split())[:200]})"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def run_jobs_on_ray(
    jobs: Sequence[Job], opening: Opening, cancel: threading.Event, *, cores_per_worker: int | None = None
) -> Iterator[Event]:
    """Do the jobs as run_jobs does, on all machines of the cluster that `connect` has joined.

    A worker that is lost costs nothing but time: its files are done again, each alone, by others; a file whose
    workers end MOST_TRIES times has failed. Raises CgconvError where no machine can open the model.
    """
    to_do = [replace(job, input=job.input.absolute(), output=job.output.absolute()) for job in jobs if job.to_do]

    def events() -> Iterator[Event]:
        yield from begin_jobs(jobs)
        if to_do:
            names = {job.index: job for job in jobs}
            with _seen_by_all(to_do[0]) as must_see:
                crew = _Crew(to_do, replace(opening, must_see=must_see), cancel, cores_per_worker)
                for event in crew.work():
                    if isinstance(event, JobStarted | JobFinished):
                        job = names[event.index]
                        event = replace(event, input=job.input, output=job.output)
                    elif isinstance(event, JobFailed):
                        job = names[event.index]
                        event = replace(event, input=job.input, output=event.output and job.output)
                    yield event

    return tell_batch(jobs, events(), cancel)


@contextmanager
def _seen_by_all(job: Job) -> Iterator[tuple[Path, ...]]:
    """Give what a machine must see that shares inputs and results with this one; results would be lost elsewhere."""
    make_folder_for(job.output)
    mark = partial_path(job.output.parent)
    try:
        mark.touch()
        yield (job.input, mark)
    finally:
        with suppress(OSError):
            mark.unlink()


class _Crew:
    """All workers, and what each of them does."""

    def __init__(
        self, jobs: Sequence[Job], opening: Opening, cancel: threading.Event, cores_per_worker: int | None
    ) -> None:
        import ray

        self._ray: Any = ray  # Any: its types say less than this file knows
        self._waiting = deque(jobs)
        self._suspects: deque[Job] = deque()  # lost with a worker: each alone now
        self._lost: Counter[int] = Counter()
        self._ended: set[int] = set()  # films of which the last word was heard
        self._opening = ray.put(opening)
        self._device = str(opening.machine.get("device", "auto"))
        self._cancel, self._cores = cancel, cores_per_worker
        self._is_film = jobs[0].options.kind is Kind.FILM
        self._seats: list[_Seat] = []
        self._bad_nodes: dict[str, Opened] = {}
        self._failed_starts: Counter[str] = Counter()
        self._has_said_backend = self._has_told_stop = False
        self._nodes_seen_s = float("-inf")

    def work(self) -> Iterator[Event]:
        """Yield what the workers say until all is done, or what was begun when `cancel` was set."""
        try:
            while self._is_more_to_do():
                self._fill_seats()
                self._hand_out()
                for thing in self._arrived():
                    yield from self._take_in(thing)
        finally:
            for seat in self._seats:
                self._ray.kill(seat.actor)

    def _is_more_to_do(self) -> bool:
        if self._cancel.is_set() and not self._has_told_stop:
            self._has_told_stop = True
            for seat in self._seats:
                seat.actor.stop.remote()
        if any(seat.jobs for seat in self._seats):
            return True
        return not self._cancel.is_set() and bool(self._waiting or self._suspects)

    def _fill_seats(self) -> None:
        """Have as many workers on each node as it has room for; nodes come and go. Raises CgconvError: none can."""
        if self._cancel.is_set() or time.monotonic() - self._nodes_seen_s < LOOK_AT_NODES_EVERY_S:
            return
        self._nodes_seen_s = time.monotonic()
        wanted = 0
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        for number, node in alive.items():
            if number in self._bad_nodes:
                continue
            workers, cores, gpus = self._room_on(node["Resources"])
            wanted += workers
            for _ in range(workers - sum(seat.node == number for seat in self._seats)):
                self._seats.append(self._start(number, cores, gpus))
        if not wanted:
            if self._bad_nodes and all(number in self._bad_nodes for number in alive):
                worst = next(iter(self._bad_nodes.values()))
                error = CgconvError(f"no machine of the Ray cluster can do it; {worst.host}: {worst.problem}")
                error.exit_code = worst.exit_code
                raise error
            if self._device.startswith("cuda"):
                raise MissingError(f"--device {self._device}: no machine of the Ray cluster has a GPU")

    def _room_on(self, resources: Mapping[str, float]) -> tuple[int, int, int]:
        """Return how many workers a node takes, and the cores and GPUs of each."""
        cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        if gpus and self._device != "cpu":
            return gpus, max(1, min(self._cores or USUAL_CORES, cores // gpus)), 1
        if self._device.startswith("cuda") or not cores:
            return 0, 0, 0
        of_each = min(self._cores or USUAL_CORES, cores)
        return cores // of_each, of_each, 0

    def _start(self, node: str, cores: int, gpus: int) -> _Seat:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        capacity = 1 if self._is_film else max(2, min(4, cores))  # one is read, one translated, one written
        actor = (
            self._ray.remote(Worker)
            .options(
                num_cpus=cores,
                num_gpus=gpus,
                max_concurrency=capacity + 1,  # one more for stop
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                runtime_env={"env_vars": dict.fromkeys(names, str(cores))},
            )
            .remote()
        )
        in_hand = capacity if self._is_film else capacity * WAITING_THERE
        return _Seat(actor, node, actor.open.remote(self._opening, cores), in_hand)

    def _hand_out(self) -> None:
        """Give every worker what it has room for."""
        if self._cancel.is_set():
            return
        for seat in self._seats:
            if seat.opened is None or seat.alone:
                continue
            while self._waiting and len(seat.jobs) < seat.capacity:
                self._give(seat, self._waiting.popleft())
            if not seat.jobs and self._suspects:
                seat.alone = True
                self._give(seat, self._suspects.popleft())

    def _give(self, seat: _Seat, job: Job) -> None:
        is_again = bool(self._lost[job.index])
        if self._is_film:
            events = seat.actor.do.options(num_returns="streaming").remote(job, is_again)
        else:
            events = seat.actor.do_whole.remote(job, is_again)
        seat.jobs[events] = job

    def _arrived(self) -> list[Any]:  # Any: references of Ray's
        """Wait for the next things that workers say, and return who has them to say."""
        things = [seat.opening for seat in self._seats if seat.opened is None]
        things += [events for seat in self._seats for events in seat.jobs]
        if not things:
            self._cancel.wait(0.2)
            return []
        first, rest = self._ray.wait(things, num_returns=1, timeout=0.5)
        more = self._ray.wait(rest, num_returns=len(rest), timeout=0)[0] if first and rest else []
        return [*first, *more]

    def _take_in(self, thing: Any) -> Iterator[Event]:  # Any: a reference of Ray's
        seat = next((seat for seat in self._seats if thing is seat.opening or thing in seat.jobs), None)
        if seat is None:
            return  # of a worker that was lost a moment ago
        try:
            if thing is seat.opening:
                yield from self._opened(seat, self._ray.get(thing))
                return
            if not self._is_film:
                told = self._ray.get(thing)
                del seat.jobs[thing]
                seat.alone = False
                yield from told
                return
            event = self._ray.get(next(thing))
        except StopIteration:
            del seat.jobs[thing]
            seat.alone = False
            return
        except self._ray.exceptions.RayTaskError as error:
            seat.alone = False
            job = seat.jobs.pop(thing, None)
            if job is not None:
                yield JobFailed(job.index, job.input, reason_of(error.cause))
            return
        except self._ray.exceptions.RayError as error:
            yield from self._lose(seat, error)
            return
        if isinstance(event, JobFinished | JobFailed):
            self._ended.add(event.index)
        yield event

    def _opened(self, seat: _Seat, opened: Opened) -> Iterator[Event]:
        mine = version("cgconv")
        if not opened.problem and opened.version != mine:
            opened = replace(opened, problem=f"cgconv {opened.version} is there, and {mine} here", exit_code=3)
        if opened.problem:
            self._remove(seat)
            self._bad_nodes[seat.node] = opened
            yield WorkersChanged(self._ready(), f"{opened.host} takes no part: {opened.problem}")
            return
        seat.opened = opened
        if opened.backend is not None and not self._has_said_backend:
            self._has_said_backend = True
            yield opened.backend
        yield WorkersChanged(self._ready(), f"{counted(self._ready(), 'worker')}: one more on {opened.host}")

    def _lose(self, seat: _Seat, error: Exception) -> Iterator[Event]:
        """Note that a worker has ended; what it had is done again."""
        logging.getLogger(__name__).debug("a worker was lost: %s", error)
        self._remove(seat)
        self._nodes_seen_s = float("-inf")
        if seat.opened is None:
            self._failed_starts[seat.node] += 1
            if self._failed_starts[seat.node] >= MOST_TRIES:
                why = f"its workers end before they have opened the model ({' '.join(str(error).split())[:200]})"
                self._bad_nodes[seat.node] = Opened(seat.node[:8], "", None, why, 1)
                yield WorkersChanged(self._ready(), f"machine {seat.node[:8]} takes no part: {why}")
            return
        again = 0
        for job in seat.jobs.values():
            if job.index in self._ended:
                continue
            self._lost[job.index] += 1
            if self._lost[job.index] >= MOST_TRIES:
                tries = counted(MOST_TRIES, "worker")
                yield JobFailed(job.index, job.input, f"{tries} ended while they translated this file")
            else:
                self._suspects.append(job)
                again += 1
        what = f"{counted(again, 'file')} begun there done again" if again else "nothing was begun there"
        yield WorkersChanged(self._ready(), f"lost a worker on {seat.opened.host}: {what}")

    def _remove(self, seat: _Seat) -> None:
        self._seats.remove(seat)
        with suppress(Exception):  # it may be gone
            self._ray.kill(seat.actor)

    def _ready(self) -> int:
        return sum(seat.opened is not None for seat in self._seats)
