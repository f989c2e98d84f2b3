"""Gather a batch's events into the JSON file that --report asks for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cgconv.runtime.errors import CgconvError, OutputError
from cgconv.runtime.events import (
    BackendOpened,
    BatchFinished,
    CommandFailed,
    Event,
    JobFailed,
    JobFinished,
    JobSkipped,
    JobStarted,
    JobWarned,
    event_as_json,
)
from cgconv.runtime.files import write_atomically
from cgconv.runtime.protocol import finite

REPORT_VERSION = 1


class Report:
    """What a batch did. On leaving, also by an error or Ctrl-C, it is written to `path` in one step."""

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:  # Any: JSON values
        self._path = path
        self._values: dict[str, Any] = {  # Any: JSON values
            "report_version": REPORT_VERSION,
            "options": dict(settings),
            "backend": None,
            "jobs": [],
            "totals": None,
            "error": None,
        }
        self._jobs: dict[int, dict[str, Any]] = {}  # Any: JSON values

    def show(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case BackendOpened():
                self._values["backend"] = _without_kind(event)
            case BatchFinished():
                self._values["totals"] = _added(self._values["totals"], _without_kind(event))
            case CommandFailed():
                self._values["error"] = _without_kind(event)
            case JobStarted():
                self._job(event.index).update(input=str(event.input), output=str(event.output), state="started")
            case JobWarned():
                self._job(event.index)["warnings"].append(event.message)
            case JobSkipped() | JobFinished() | JobFailed():
                state = {JobSkipped: "skipped", JobFinished: "done", JobFailed: "failed"}[type(event)]
                values = {key: value for key, value in _without_kind(event).items() if key != "index"}
                self._job(event.index).update(values, state=state)
            case _:
                pass

    def results(self) -> list[tuple[Path, Path]]:
        """Return the pairs of input and output of which there is a result, if only of a part, in the jobs' order."""
        pairs = []
        for _, job in sorted(self._jobs.items()):
            if job["state"] in ("done", "skipped", "failed") and job.get("output") and Path(job["output"]).is_file():
                pairs.append((Path(job["input"]), Path(job["output"])))
        return pairs

    def __enter__(self) -> Self:
        if self._path is not None:
            check_replaceable(self._path, "report", b"{")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self._values["error"] is None:
            if isinstance(error, KeyboardInterrupt):  # the second one; the first ends a batch in order
                self._values["error"] = {"reason": "stopped at once", "exit_code": 130}
            else:
                reason = str(error) if isinstance(error, CgconvError) else f"{type(error).__name__}: {error}"
                self._values["error"] = {"reason": reason, "exit_code": getattr(error, "exit_code", 1)}
        self.write()

    def write(self) -> None:
        """Put what is known so far in its place. Raises OutputError."""
        if self._path is not None:
            self._values["jobs"] = [job for _, job in sorted(self._jobs.items())]
            text = json.dumps(finite(self._values), indent=1, default=str) + "\n"
            write_atomically(self._path, text.encode("utf-8", "backslashreplace"))

    def _job(self, index: int) -> dict[str, Any]:  # Any: JSON values
        return self._jobs.setdefault(index, {"index": index, "state": "planned", "warnings": []})


def _added(totals: dict[str, Any] | None, batch: dict[str, Any]) -> dict[str, Any]:  # Any: JSON values
    """Return the totals of one batch more."""
    if totals is None:
        return batch
    return {name: value if name == "cancelled" else totals[name] + value for name, value in batch.items()}


def _without_kind(event: Event) -> dict[str, Any]:  # Any: JSON values
    values = event_as_json(event)
    del values["event"]
    return values


def check_replaceable(path: Path, what: str, begins: bytes) -> None:
    """Raise OutputError where a file cannot be written, or where one lies that is of another kind, as a picture is."""
    if path.is_dir() or not _can_write(path.absolute().parent):
        raise OutputError(f"{path}: the {what} cannot be written there")
    try:
        with path.open("rb") as file:
            head = file.read(64).lstrip()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: the {what} cannot be written there ({error.strerror})") from error
    if head and not head.startswith(begins):
        raise OutputError(
            f"{path}: this file is not a {what} that cgconv wrote, so it is not replaced; choose another name"
        )


def _can_write(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
