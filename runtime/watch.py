"""Watch folders: translate each picture or film that comes into them, for as long as nobody stops it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .choices import Exists
from .errors import UsageError
from .events import BatchFinished, Event, JobFailed, JobFinished, Watching
from .find import FoundFile, find_files, real_folder, real_key, why_not_seen
from .jobs import BatchOptions, Job, JobList, plan_files, results_folders, run_jobs

if TYPE_CHECKING:
    from .translate.shared_translator import Translates

SETTLED_S = 2.0  # a file whose size and time of change stood still for so long is taken to be whole
LOOK_EVERY_S = 1.0

Stamp = tuple[int, int]  # bytes, time of change in ns


@dataclass
class _Taken:
    """A file that was planned as it was then. `has_result`: what lies at `output` was made of it by this watch."""

    stamp: Stamp
    output: Path
    has_result: bool = False


class Watched:
    """What is in folders, looked at again and again; network shares send no word of what changes."""

    def __init__(self, folders: Sequence[str | Path], options: BatchOptions) -> None:
        """Raises UsageError: something is no folder, or the results would lie among the inputs."""
        self.folders = [Path(folder).expanduser() for folder in folders]
        self._options = options
        self._standing: dict[str, tuple[Stamp, float]] = {}  # real path → as it was seen first, and when
        self._taken: dict[str, _Taken] = {}  # real path → what became of it
        self._said: set[tuple[Path, str]] = set()
        self._jobs = 0
        self._of_job: dict[int, str] = {}
        for folder in self.folders:
            if not folder.is_dir():
                raise UsageError(f"{folder}: {why_not_seen(folder) or 'this is a file'}, expected a folder (--watch)")
        watched = {real_folder(folder) for folder in self.folders}
        if any(real_folder(home) in watched for home in results_folders(self.folders, options).values()):
            raise UsageError(
                f"{options.out}: results here would be taken for new inputs; name a subfolder, or a folder elsewhere "
                "(--out)"
            )

    def look(self, now_s: float) -> JobList:
        """Return the jobs for what has come, or changed, and has stood still since; `now_s` is any steady clock."""
        options = self._options
        names = options.model_names | {options.model_name}
        found = find_files(self.folders, options.kind, model_names=names, leave_out=options.out)
        fresh: list[FoundFile] = []
        jobs, bad = JobList(), list(found.refused)
        present = {}
        for file in found.files:
            if options.shard is not None and not options.shard.takes(file):
                continue
            try:
                seen = file.path.stat()
            except OSError:
                if os.path.lexists(file.path):  # else it has gone meanwhile
                    bad.append((file.path, why_not_seen(file.path) or "cannot be looked at"))
                continue
            key, stamp = real_key(file.path), (seen.st_size, seen.st_mtime_ns)
            present[key] = file
            taken = self._taken.get(key)
            if taken is not None and taken.stamp == stamp:
                continue
            before, since_s = self._standing.setdefault(key, (stamp, now_s))
            if before != stamp:
                self._standing[key] = (stamp, now_s)
            elif now_s - since_s >= SETTLED_S:
                if taken is not None and taken.has_result and options.exists in (Exists.SKIP, Exists.OVERWRITE):
                    jobs.append(Job(0, file.path, taken.output, options))  # what it made of the older file is its own
                else:
                    fresh.append(file)
        if not found.refused:  # else a folder may be away for a while, and what is in it with it
            self._taken = {key: taken for key, taken in self._taken.items() if key in present}
            self._standing = {key: standing for key, standing in self._standing.items() if key in present}
        jobs += self._planned(fresh, list(present.values()))
        for path, reason in bad:
            if (path, reason) not in self._said:
                jobs.append(Job(0, path, path, options, problem=reason))
        self._said = set(bad)
        return self._numbered(jobs)

    def note(self, event: Event) -> None:
        """Take note of what became of a job."""
        if isinstance(event, JobFinished) or (isinstance(event, JobFailed) and event.output is not None):
            taken = self._taken.get(self._of_job.get(event.index, ""))
            if taken is not None:
                taken.has_result = True
        elif isinstance(event, BatchFinished):
            self._of_job.clear()

    def _planned(self, fresh: Sequence[FoundFile], present: Sequence[FoundFile]) -> JobList:
        if not fresh:
            return JobList()
        again = {real_key(file.path) for file in fresh}
        taken = [taken.output for key, taken in self._taken.items() if key not in again]
        inputs = [file.path for file in present]
        return plan_files(fresh, self._options, inputs=inputs, taken=taken, folders=self.folders)

    def _numbered(self, jobs: JobList) -> JobList:
        numbered = JobList()
        for job in jobs:
            key = real_key(job.input)
            if key in self._standing:
                self._of_job[self._jobs] = key
                self._taken[key] = _Taken(self._standing.pop(key)[0], job.output)
            numbered.append(replace(job, index=self._jobs))
            self._jobs += 1
        return numbered


def watch_jobs(
    watched: Watched, translator: Translates, cancel: threading.Event, *, look_every_s: float = LOOK_EVERY_S
) -> Iterator[Event]:
    """Do what comes into the folders, in batches, until `cancel` is set. Each batch is told as run_jobs tells it."""
    yield Watching(tuple(watched.folders))
    while not cancel.is_set():
        begun_s = time.monotonic()
        jobs = watched.look(begun_s)
        if not jobs:
            cancel.wait(max(look_every_s, time.monotonic() - begun_s))  # a slow share is not asked all the time
            continue
        for event in run_jobs(jobs, translator, cancel):
            watched.note(event)
            yield event
