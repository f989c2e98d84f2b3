"""Keep uploads and jobs in folders, each whole or not at all, and delete them by age.

    FOLDER/uploads/ID/  upload.json  source.jpg  before.jpg  sample-….jpg
    FOLDER/jobs/ID/     job.json  result/source.jpg  after.jpg

What is being written bears a name with a point in front, and what lies there under such a name at the start is removed.
An ID is made here; one from outside is only looked up among those that are known.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cgconv.runtime.errors import OutputError, UsageError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.lock import Lock
from cgconv.runtime.protocol import read_json

from .limits import Limits
from .problems import Problem
from .records import Job, Record, State, Upload

log = logging.getLogger(__name__)
FREE_BYTES = 500_000_000  # of the disk, which stay free whatever the limits say
SomeRecord = TypeVar("SomeRecord", bound=Record)


class Store:
    """The uploads and jobs of one server, oldest first. Nobody else may use its folder meanwhile.

    Raises:
        OutputError: the folder cannot be used. UsageError: another server uses it.
    """

    def __init__(self, folder: Path, limits: Limits, now: Callable[[], float] = time.time) -> None:
        self.folder, self.limits, self.now = folder.absolute(), limits, now
        self.reserved_bytes = 0  # of uploads that are on their way
        self._bytes: dict[str, int] = {}
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            for one in (self.folder, self.uploads_folder, self.jobs_folder):
                one.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise OutputError(f"{folder}: this folder cannot be used ({error.strerror or error})") from error
        self._lock = Lock(self.folder / "lock")
        if not self._lock.take():
            raise UsageError(f"{folder}: another cgconv serve uses this folder; give another one with --folder")
        self.uploads = {one.id: one for one in self._load(self.uploads_folder, "upload.json", Upload)}
        self.jobs = {one.id: one for one in self._load(self.jobs_folder, "job.json", Job)}
        for job in [job for job in self.jobs.values() if job.upload not in self.uploads]:
            self._forget(self.jobs_folder / job.id)
            del self.jobs[job.id]
        for job in self.jobs.values():
            if job.state is State.RUNNING:  # the server was killed meanwhile
                job.state = State.WAITING

    @property
    def uploads_folder(self) -> Path:
        """Where uploads lie."""
        return self.folder / "uploads"

    @property
    def jobs_folder(self) -> Path:
        """Where jobs lie."""
        return self.folder / "jobs"

    @property
    def used_bytes(self) -> int:
        """What uploads and results take, those on their way too."""
        return sum(self._bytes.values()) + self.reserved_bytes

    def close(self) -> None:
        """Let others use the folder."""
        self._lock.release()

    def upload(self, name: str) -> Upload:
        """Return an upload. Raises Problem."""
        if name not in self.uploads:
            raise Problem(404, "no_upload", "there is no such upload; it may have been deleted by its age")
        return self.uploads[name]

    def job(self, name: str) -> Job:
        """Return a job. Raises Problem."""
        if name not in self.jobs:
            raise Problem(404, "no_job", "there is no such job; it may have been deleted by its age")
        return self.jobs[name]

    def source(self, upload: Upload) -> Path:
        """Return the uploaded file."""
        return self.uploads_folder / upload.id / upload.file

    def folder_of(self, job: Job) -> Path:
        """Return a job's folder."""
        return self.jobs_folder / job.id

    def result(self, job: Job) -> Path:
        """Return a job's result. Raises Problem where it has none."""
        if not job.result:
            raise Problem(404, "no_result", "this job has no result")
        return self.folder_of(job) / "result" / job.result

    def check_room(self, more_bytes: int) -> None:
        """Raise Problem where so much more does not fit."""
        if (
            self.used_bytes + more_bytes > self.limits.disk_bytes
            or shutil.disk_usage(self.folder).free < more_bytes + FREE_BYTES
        ):
            raise Problem(507, "disk_full", "the server's disk space is used up; try again later")

    def new_upload_folder(self) -> Path:
        """Make a folder that is no upload yet, but for `add_upload`."""
        folder = self.uploads_folder / f".{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        return folder

    def add_upload(self, upload: Upload, folder: Path) -> None:
        """Make an upload of a folder in which everything lies."""
        self._write(folder / "upload.json", upload)
        folder.rename(self.uploads_folder / upload.id)
        self.uploads[upload.id] = upload
        self.weigh(self.uploads_folder / upload.id)

    def add_job(self, job: Job) -> None:
        """Keep a new job."""
        folder = self.jobs_folder / f".{job.id}"
        folder.mkdir(mode=0o700)
        self._write(folder / "job.json", job)
        folder.rename(self.folder_of(job))
        self.jobs[job.id] = job

    def keep(self, job: Job) -> None:
        """Write down what has become of a job."""
        self._write(self.folder_of(job) / "job.json", job)
        self.weigh(self.folder_of(job))

    def weigh(self, folder: Path) -> None:
        """Count what lies in a folder."""
        total = 0
        for inside, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    total += (Path(inside) / name).lstat().st_size
        self._bytes[folder.name] = total

    def remove_job(self, job: Job) -> None:
        """Delete a job and its result."""
        del self.jobs[job.id]
        self._forget(self.folder_of(job))

    def remove_upload(self, upload: Upload) -> None:
        """Delete an upload that no job needs. Raises Problem."""
        if any(job.upload == upload.id for job in self.jobs.values()):
            raise Problem(409, "in_use", "jobs need this upload; remove them first")
        del self.uploads[upload.id]
        self._forget(self.uploads_folder / upload.id)

    def sweep(self) -> list[Job]:
        """Delete what has been kept long enough, and return the jobs among it."""
        before = self.now() - self.limits.keep_s
        old = [job for job in self.jobs.values() if job.has_ended and (job.ended_s or 0) < before]
        for job in old:
            self.remove_job(job)
        needed = {job.upload for job in self.jobs.values()}
        for upload in list(self.uploads.values()):
            if upload.created_s < before and upload.id not in needed:
                self.remove_upload(upload)
        return old

    def discard(self, folder: Path) -> None:
        """Delete a folder; under a name that does not count first, because deleting takes a while."""
        gone = folder.with_name(f".gone-{secrets.token_hex(8)}")
        with contextlib.suppress(FileNotFoundError):
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _forget(self, folder: Path) -> None:
        self._bytes.pop(folder.name, None)
        self.discard(folder)

    def _write(self, path: Path, record: Record) -> None:
        write_atomically(path, json.dumps(record.to_json(), ensure_ascii=False).encode("utf-8", "backslashreplace"))

    def _load(self, folder: Path, name: str, kind: type[SomeRecord]) -> list[SomeRecord]:
        found = []
        for path in folder.iterdir():
            if path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
                continue
            try:
                record = kind.from_json(read_json((path / name).read_bytes()))
                if record.id != path.name:
                    raise ValueError("another name than its folder's")
            except (OSError, ValueError) as error:
                log.warning("%s is left alone: its %s cannot be read (%s)", path, name, error)
                continue
            found.append(record)
            self.weigh(path)
        return sorted(found, key=lambda record: getattr(record, "created_s", 0.0))
