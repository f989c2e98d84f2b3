"""What a server knows of an upload and of a job, as they are kept on disk and told to clients."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class State(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


@dataclass
class Record:
    """An entry that lies as JSON in a folder of its own, which bears its `id`."""

    id: str

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return what JSON says. Raises ValueError where it is no such record."""
        if not isinstance(values, dict):
            raise ValueError("not an object")
        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        try:
            return cls(**known)
        except TypeError as error:
            raise ValueError(str(error)) from error

    def to_json(self) -> dict[str, Any]:  # Any: JSON values
        """Return all of it."""
        return asdict(self)


@dataclass
class Upload(Record):
    """A file from outside. `name` is what its owner calls it, and goes into no path; `file` is our own name for it."""

    name: str
    file: str
    kind: str  # picture or film
    bytes: int
    width: int
    height: int
    seconds: float | None
    frames: int | None
    created_s: float  # since 1970

    def shown(self) -> dict[str, Any]:  # Any: JSON values
        """Return what clients are told."""
        return {name: value for name, value in self.to_json().items() if name != "file"}


@dataclass
class Job(Record):
    """A translation of an upload. `result` is the file's name in the job's folder, once it is there."""

    upload: str
    name: str
    kind: str
    model: str
    options: dict[str, Any]  # Any: those of ConvertOptions that clients may choose
    created_s: float
    state: State = State.WAITING
    ended_s: float | None = None
    attempts: int = 0
    fraction: float = 0.0
    seconds_left: float | None = None
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    result: str = ""
    result_bytes: int = 0
    has_after: bool = False

    def __post_init__(self) -> None:
        self.state = State(self.state)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ENDED

    @property
    def result_name(self) -> str:
        """What the result is called when it is fetched: holiday.monet.jpg."""
        stem = self.name.rpartition(".")[0] or self.name
        return f"{stem}.{self.model}.{self.result.rpartition('.')[2]}"

    def shown(self) -> dict[str, Any]:  # Any: JSON values
        """Return what clients are told."""
        values = {name: value for name, value in self.to_json().items() if name not in ("attempts", "result_bytes")}
        return values | {"result": {"name": self.result_name, "bytes": self.result_bytes} if self.result else None}
