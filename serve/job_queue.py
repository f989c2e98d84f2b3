"""Do jobs one after the other through a worker; one that dies takes no other job with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from cgconv.runtime import events, requests
from cgconv.runtime.choices import Action

from .feed import Feed
from .limits import Limits
from .problems import Problem
from .records import Job, State, Upload
from .store import Store
from .uploads import examine, take, without_paths
from .worker_process import Worker, WorkerDied, WorkerRefused

log = logging.getLogger(__name__)
AFTER = "after.jpg"
MOST_NOTES = 20


class JobQueue:
    """The jobs of all clients, first come, first served. `maker` translates; `looker` looks at results."""

    def __init__(self, store: Store, feed: Feed, *, maker: Worker, looker: Worker, device: str = "auto") -> None:
        self._store, self._feed, self._maker, self._looker = store, feed, maker, looker
        self._device = device
        self._news = asyncio.Event()
        self._running: Job | None = None
        self._is_cancelled = False

    @property
    def limits(self) -> Limits:
        """What nobody may go beyond."""
        return self._store.limits

    def waiting(self) -> list[Job]:
        """Return the jobs that are not done, in the order in which they will be."""
        going = [job for job in self._store.jobs.values() if not job.has_ended]
        return sorted(going, key=lambda job: (job.state is not State.RUNNING, job.attempts, job.created_s))

    async def add(self, upload: Upload, model: str, model_path: Path, options: dict[str, Any]) -> Job:  # Any: JSON
        """Return a new job, which waits. Raises Problem."""
        self._check_room()
        job = Job(
            id=secrets.token_hex(16),
            upload=upload.id,
            name=upload.name,
            kind=upload.kind,
            model=model,
            options=options,
            created_s=self._store.now(),
        )
        try:
            planned = await self._plan(job, upload, model_path, self._looker)
        except (WorkerDied, WorkerRefused) as error:
            raise Problem(503, "no_worker", f"the job cannot be planned: {error}") from error
        if planned.action == Action.FAIL:
            raise Problem(400, "bad_options", self._plain(job, planned.reason))
        self._check_room()
        self._store.upload(upload.id)  # it may have been removed meanwhile
        self._store.add_job(job)
        self._feed.tell(job.id)
        self._news.set()
        return job

    async def cancel(self, job: Job) -> None:
        """Stop a job that has not ended."""
        if job.state is State.RUNNING and job is self._running:
            self._is_cancelled = True
            await self._maker.cancel()
        elif not job.has_ended:
            self._end(job, State.CANCELLED)

    def remove(self, job: Job) -> None:
        """Delete an ended job. Raises Problem."""
        if not job.has_ended:
            raise Problem(409, "not_ended", "this job has not ended; cancel it first")
        self._store.remove_job(job)
        self._feed.tell(job.id)

    async def work(self, model: Callable[[str], Awaitable[events.ModelInfo]]) -> None:
        """Do jobs for ever; `model` finds a model by its name."""
        while True:
            self._news.clear()
            waiting = self.waiting()
            if not waiting:
                await self._news.wait()
                continue
            self._running, self._is_cancelled = waiting[0], False
            try:
                await self._do(waiting[0], (await model(waiting[0].model)).path)
            except Problem as problem:
                self._end(waiting[0], State.FAILED, problem.message)
            except Exception as error:  # of one job, and not of those after it
                log.exception("a job failed unexpectedly")
                self._end(waiting[0], State.FAILED, f"the server failed unexpectedly ({type(error).__name__})")
            finally:
                self._running = None

    def put_back(self) -> None:
        """Have what is being done begin anew, or go on, when a server runs here again."""
        for job in self._store.jobs.values():
            if job.state is State.RUNNING:
                job.state, job.attempts = State.WAITING, max(0, job.attempts - 1)
                with contextlib.suppress(Exception):  # the server ends: what cannot be written stays as it was
                    self._store.keep(job)

    async def _do(self, job: Job, model_path: Path) -> None:
        upload = self._store.upload(job.upload)
        if job.attempts >= self.limits.attempts:
            self._end(job, State.FAILED, f"the program that translates ended {job.attempts} times on this file")
            return
        job.state, job.attempts = State.RUNNING, job.attempts + 1
        self._store.keep(job)
        self._feed.tell(job.id)
        try:
            planned = await self._plan(job, upload, model_path, self._maker)
            if self._is_cancelled:
                self._end(job, State.CANCELLED)
            elif planned.action == Action.TRANSLATE:
                await self._convert(job, upload, model_path, planned.output)
            elif planned.action == Action.SKIP:  # it was finished, and the server was killed before it knew
                await self._finish(job, planned.output)
            else:
                self._end(job, State.FAILED, self._plain(job, planned.reason))
        except WorkerRefused as error:
            self._end(job, State.FAILED, self._plain(job, str(error)))
        except WorkerDied as error:
            if self._is_cancelled:
                self._end(job, State.CANCELLED)
            else:
                log.warning("job %s is tried again, after others: %s", job.id, error)
                job.state = State.WAITING
                self._store.keep(job)
                self._feed.tell(job.id)

    async def _convert(self, job: Job, upload: Upload, model_path: Path, output: Path) -> None:
        request = requests.Convert(
            (requests.JobToDo(0, self._store.source(upload), output),), job.kind, str(model_path), self._options(job)
        )
        async with aclosing(self._maker.answers(request)) as answers:
            async for event in answers:
                await self._show(job, event)
                if self._is_cancelled:  # it may have been too early for the worker
                    await self._maker.cancel()
        if not job.has_ended:
            if self._is_cancelled:
                self._end(job, State.CANCELLED)
            else:
                self._end(job, State.FAILED, "the worker did not finish it")

    async def _show(self, job: Job, event: object) -> None:
        match event:
            case events.JobProgressed():
                fraction = min(1.0, event.frames_done / event.frames) if event.frames else 0.0
                if fraction > job.fraction and job.attempts > 1:  # it goes on: what ended its worker was not the film
                    job.attempts = 1
                    self._store.keep(job)
                job.fraction = max(job.fraction, fraction)
                job.seconds_left = event.seconds_left
                self._feed.tell(job.id)
            case events.JobWarned() if len(job.notes) < MOST_NOTES:
                job.notes.append(self._plain(job, event.message))
                self._feed.tell(job.id)
            case events.JobFinished() | events.JobSkipped():
                await self._finish(job, event.output)
            case events.JobFailed():
                if event.output is not None:  # a film that breaks off: what there was of it is translated
                    await self._finish(job, event.output, self._plain(job, event.reason))
                else:
                    self._end(job, State.FAILED, self._plain(job, event.reason))

    async def _finish(self, job: Job, output: Path, reason: str = "") -> None:
        """Keep the result, with a picture of it where that can be had."""
        seen = await examine(self._looker, output, job.kind, job.result_name)
        if seen.thumbnail is not None:
            take(seen.thumbnail, self._store.folder_of(job) / AFTER)
        job.result, job.result_bytes, job.has_after = output.name, output.stat().st_size, seen.thumbnail is not None
        job.fraction = 1.0
        self._end(job, State.DONE, reason)

    def _end(self, job: Job, state: State, reason: str = "") -> None:
        job.state, job.reason, job.ended_s, job.seconds_left = state, reason, self._store.now(), None
        if job.id in self._store.jobs:
            self._store.keep(job)
        self._feed.tell(job.id)

    async def _plan(self, job: Job, upload: Upload, model_path: Path, worker: Worker) -> events.JobPlanned:
        file = requests.FileToPlan(0, self._store.source(upload), None, job.kind, str(model_path), 0)
        async with aclosing(worker.answers(requests.Plan((file,), (self._options(job),)))) as answers:
            async for event in answers:
                if isinstance(event, events.JobPlanned):
                    return event
        raise WorkerDied("the worker has no plan")

    def _options(self, job: Job) -> requests.ConvertOptions:
        return requests.ConvertOptions(
            **job.options,
            out=self._store.folder_of(job) / "result",
            device=self._device,
            max_pixels=self.limits.max_pixels if job.kind == "picture" else 0,
        )

    def _plain(self, job: Job, sentence: str) -> str:
        """Return a worker's sentence without the server's folders in it."""
        upload = self._store.upload(job.upload)
        result = self._store.folder_of(job) / "result"
        names = {self._store.source(upload): job.name, result / Path(upload.file).name: job.name, result: ""}
        return without_paths(sentence, names)

    def _check_room(self) -> None:
        if len(self.waiting()) >= self.limits.jobs:
            raise Problem(429, "too_many_jobs", f"{self.limits.jobs} jobs are waiting already; try again later")
        self._store.check_room(0)
