"""Say what happened while jobs run: frozen events, the same for terminal, JSON lines and window."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class BatchPlanned:
    """All output names are settled; nothing has been done yet. `notes` say what was left alone."""

    jobs: int
    skipped: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobPlanned:
    """What a job would do, where only that was asked for. `action` is translate, skip or fail."""

    index: int
    input: Path
    output: Path
    action: str
    reason: str = ""


@dataclass(frozen=True)
class BackendOpened:
    """What really runs. `why` says in words how it was chosen."""

    backend: str  # onnxruntime, openvino, tensorrt
    provider: str  # e.g. CPUExecutionProvider, CPU, CUDAExecutionProvider
    device: str  # e.g. cpu, cuda:0
    precision: str  # fp32, fp16, bf16
    why: str


@dataclass(frozen=True)
class JobStarted:
    """A picture or film is being worked on. `frames` is None where the film does not say."""

    index: int
    input: Path
    output: Path
    frames: int | None = None


@dataclass(frozen=True)
class JobProgressed:
    """Frames of a film that are finished. `slow_stage` is decode, translate or encode."""

    index: int
    frames_done: int
    frames: int | None
    frames_per_second: float
    seconds_left: float | None
    slow_stage: str


@dataclass(frozen=True)
class JobWarned:
    """Something the user should know; the job goes on."""

    index: int
    message: str


@dataclass(frozen=True)
class JobSkipped:
    """The output exists already and stays as it is."""

    index: int
    input: Path
    output: Path
    reason: str


@dataclass(frozen=True)
class JobFinished:
    """A result is in its place. `facts` holds sizes, streams kept and dropped, what really ran (JSON values only)."""

    index: int
    input: Path
    output: Path
    seconds: float
    stage_seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # Any: JSON values


@dataclass(frozen=True)
class JobFailed:
    """One input failed; the rest go on. `output` is set where a part of the result was kept."""

    index: int
    input: Path
    reason: str
    output: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # Any: JSON values


@dataclass(frozen=True)
class BatchFinished:
    """All jobs are through."""

    done: int
    skipped: int
    failed: int
    seconds: float
    cancelled: bool = False


@dataclass(frozen=True)
class CommandFailed:
    """A command ended before or outside its jobs."""

    reason: str
    exit_code: int


@dataclass(frozen=True)
class TrainStarted:
    """A training is set up. Images are counted per domain."""

    out: Path
    images_total: int
    images_seen: int
    pictures_a: int
    pictures_b: int
    device: str
    precision: str


@dataclass(frozen=True)
class TrainProgressed:
    """Means since the last report. `data_wait` is the share of time spent waiting for pictures, 0 to 1."""

    step: int
    images_seen: int
    images_total: int
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float
    data_wait: float
    learning_rate: float


@dataclass(frozen=True)
class SamplesSaved:
    """A grid of pictures, translations and reconstructions lies at `path`."""

    path: Path


@dataclass(frozen=True)
class CheckpointSaved:
    """Everything needed to go on lies at `path`."""

    path: Path
    images_seen: int


@dataclass(frozen=True)
class TrainFinished:
    """The training is through."""

    out: Path
    images_seen: int


Event = (
    BatchPlanned
    | JobPlanned
    | BackendOpened
    | JobStarted
    | JobProgressed
    | JobWarned
    | JobSkipped
    | JobFinished
    | JobFailed
    | BatchFinished
    | CommandFailed
    | TrainStarted
    | TrainProgressed
    | SamplesSaved
    | CheckpointSaved
    | TrainFinished
)


def event_as_json(event: object) -> dict[str, Any]:
    """Return an event as JSON values; the key `event` holds its class name, paths become strings."""
    values = {"event": type(event).__name__}
    for name, value in asdict(event).items():  # type: ignore[call-overload]  # every event is a dataclass
        values[name] = str(value) if isinstance(value, Path) else value
    return values
