"""Say what happened while jobs run: frozen events, the same for terminal, JSON lines and window.

Event is what `--json` prints; WorkerEvent is what a window's worker says besides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .choices import Action


@dataclass(frozen=True)
class BatchPlanned:
    """All output names are settled; nothing has been done yet. `notes` say what was left alone."""

    jobs: int
    skipped: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watching:
    """Folders are looked at from now on; what comes into them is a batch each time."""

    folders: tuple[Path, ...]


@dataclass(frozen=True)
class WorkersChanged:
    """A worker of a cluster has come or gone; `ready` of them work now."""

    ready: int
    message: str


@dataclass(frozen=True)
class JobPlanned:
    """What a job would do, where only that was asked for."""

    index: int
    input: Path
    output: Path
    action: Action
    reason: str = ""


@dataclass(frozen=True)
class BackendOpened:
    """What really runs. `why` says in words how it was chosen."""

    backend: str  # onnxruntime, openvino, tensorrt
    provider: str  # e.g. CPUExecutionProvider, CPU, CUDAExecutionProvider
    device: str  # e.g. cpu, cuda:0
    precision: str  # fp32, fp16, bf16, int8
    why: str


EIGHT_BITS = "8 bits"  # in place of a size, where a model is measured in them


@dataclass(frozen=True)
class EngineBuilding:
    """A model is being compiled for a size, or measured in 8 bits, for a minute or so. `phase`: what is being done."""

    model: str
    size: str  # e.g. 1280×720, batch 1–8; or EIGHT_BITS
    phase: str
    step: int
    steps: int  # of this phase; 0 where it has none
    seconds: float


@dataclass(frozen=True)
class EngineBuilt:
    """A compiled model was compared with the ONNX model and is used from now on. `decibels` is how close it is."""

    model: str
    size: str
    seconds: float
    bytes: int
    decibels: float


@dataclass(frozen=True)
class JobStarted:
    """A picture or film is being worked on."""

    index: int
    input: Path
    output: Path


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
    directions: tuple[str, ...] = ("a2b", "b2a")  # what it learns


@dataclass(frozen=True)
class TeacherAsked:
    """So many pictures of a training that learns from a model have that model's results."""

    pictures_done: int
    pictures_total: int
    seconds_left: float


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
class Evaluated:
    """A training was judged on pictures it does not learn from; `metrics` are named as in docs/formats.md.

    `protocol` says in a line what the numbers hold for; `is_best` that the state is among those of the lowest score,
    which are kept.
    """

    images_seen: int
    metrics: dict[str, float]
    protocol: str
    is_best: bool
    seconds: float


@dataclass(frozen=True)
class TrainWarned:
    """A training seems to go wrong; it goes on."""

    images_seen: int
    message: str


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
    """The training is finished."""

    out: Path
    images_seen: int


@dataclass(frozen=True)
class StudentCompared:
    """A model learned from another lies at `path`; `measures` are those of either, by row, as `protocol` says."""

    path: Path
    protocol: str
    measures: dict[str, dict[str, float]]


@dataclass(frozen=True)
class DownloadStarted:
    """A file is about to be fetched; `bytes_kept` of it lie here from an earlier try. `url` is without its query."""

    url: str
    path: Path
    bytes_kept: int


@dataclass(frozen=True)
class DownloadProgressed:
    """Bytes of the file that are here. `bytes_total` and `seconds_left` are None where the server does not say."""

    bytes_done: int
    bytes_total: int | None
    bytes_per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class DownloadRetried:
    """A connection failed; after `wait_s` the next one goes on behind the `bytes_done` that are kept."""

    reason: str
    wait_s: float
    bytes_done: int


@dataclass(frozen=True)
class DownloadFinished:
    """The whole file is in its place. `bytes_kept` of it were here before."""

    url: str
    path: Path
    bytes: int
    sha256: str
    seconds: float
    bytes_kept: int


@dataclass(frozen=True)
class FilesProgressed:
    """Files of a longer task that are through. `task` is unpack or check."""

    task: str
    done: int
    total: int


@dataclass(frozen=True)
class DataSetChecked:
    """What is to be known of a data set before training. `ready` is False where a finding needs attention."""

    ready: bool
    folders: tuple[dict[str, Any], ...]  # Any: JSON values, one object a folder
    findings: tuple[dict[str, Any], ...]  # Any: JSON values, one object a finding
    color_gap: dict[str, Any]  # Any: JSON values
    preset: str
    preset_reason: str


Event = (
    BatchPlanned
    | Watching
    | WorkersChanged
    | JobPlanned
    | BackendOpened
    | EngineBuilding
    | EngineBuilt
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
    | Evaluated
    | TeacherAsked
    | TrainWarned
    | SamplesSaved
    | CheckpointSaved
    | TrainFinished
    | StudentCompared
    | DownloadStarted
    | DownloadProgressed
    | DownloadRetried
    | DownloadFinished
    | FilesProgressed
    | DataSetChecked
)


@dataclass(frozen=True)
class WorkerReady:
    """A worker listens. `extras` says which of cgconv's extras are installed: train, tensorrt."""

    version: str
    extras: dict[str, bool]


@dataclass(frozen=True)
class RequestFinished:
    """The request that this line's `request` names is done."""


@dataclass(frozen=True)
class FoundItem:
    """A file for the queue. `key` is the same for all paths that lead to one file."""

    path: Path
    folder: Path | None  # the folder that was named and in which it was found
    kind: str  # picture, film
    key: str


@dataclass(frozen=True)
class FilesFound:
    """Some of the files that were looked for."""

    files: tuple[FoundItem, ...]


@dataclass(frozen=True)
class ScanFinished:
    """All files are found. `ignored` are files of other kinds, `own_results` those of earlier runs (counts)."""

    found: int
    ignored: int
    own_results: int
    refused: tuple[tuple[str, str], ...] = ()  # path, reason


@dataclass(frozen=True)
class FileExamined:
    """What a file is. `thumbnail` and sizes are None where it cannot be read: `problem` says why."""

    path: Path
    thumbnail: Path | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None  # of a film
    frames: int | None = None  # of a film
    problem: str = ""


@dataclass(frozen=True)
class PreviewReady:
    """A picture before and after, in files that are the reader's to delete. `scale` is their size / the full size.

    `strength` is not applied: mixing is the window's. `is_last`: nothing larger comes.
    """

    original: Path
    translated: Path | None
    scale: float
    is_last: bool
    note: str = ""


@dataclass(frozen=True)
class LoopFrameReady:
    """One frame of a film's preview, in files that are the reader's to delete; `count` frames will come, about."""

    index: int
    count: int
    time_s: float
    original: Path
    translated: Path


@dataclass(frozen=True)
class ModelInfo:
    """A model for the gallery. `facts` are label and value, for people; `sample` and `speed` may not be known yet."""

    name: str
    path: Path
    title: str
    direction: str
    licence: str
    bytes: int
    is_bundled: bool
    problem: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    sample: Path | None = None
    megapixels_per_second: float | None = None


@dataclass(frozen=True)
class ModelsListed:
    """The models that have a name."""

    models: tuple[ModelInfo, ...]


@dataclass(frozen=True)
class ModelSampled:
    """What a model makes of the sample picture, and how fast it is on this computer."""

    name: str
    sample: Path
    megapixels_per_second: float
    running: str  # what computed it, e.g. openvino, CPU, bf16


@dataclass(frozen=True)
class StepProgressed:
    """How far an export or an engine is: `step` in words, `fraction` 0 to 1 or None where it cannot be said."""

    step: str
    fraction: float | None = None


@dataclass(frozen=True)
class SheetMade:
    """A sheet of what all models make of pictures is at `path`."""

    path: Path


@dataclass(frozen=True)
class ModelExported:
    """A run's generator, or a file that was brought in, is a model now."""

    name: str
    path: Path


@dataclass(frozen=True)
class NameTaken:
    """A model was not brought in: another has its name. `free_name` is one that none has."""

    name: str
    free_name: str


@dataclass(frozen=True)
class PresetsListed:
    """The settings that a training can begin with: name, recipe and purpose of each."""

    presets: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class TrainingEstimated:
    """How much a training with a preset is to do, and how fast that goes here (measured, or as the request said)."""

    preset: str
    images_total: int
    images_per_second: float
    device: str = ""


@dataclass(frozen=True)
class Diagnosed:
    """What `cgconv doctor` prints."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class DevicesFound:
    """What of the options --device and --backend this computer has, by their names; `auto` goes without saying."""

    devices: tuple[str, ...]
    backends: tuple[str, ...]


@dataclass(frozen=True)
class CachesMeasured:
    """What lies in the caches: folder → bytes."""

    folder: Path
    bytes: dict[str, int]


WorkerEvent = (
    WorkerReady
    | RequestFinished
    | FilesFound
    | ScanFinished
    | FileExamined
    | PreviewReady
    | LoopFrameReady
    | ModelsListed
    | ModelSampled
    | StepProgressed
    | SheetMade
    | ModelExported
    | NameTaken
    | PresetsListed
    | TrainingEstimated
    | Diagnosed
    | DevicesFound
    | CachesMeasured
)


def event_as_json(event: object) -> dict[str, Any]:
    """Return an event as JSON values; the key `event` holds its class name, paths become strings."""
    values = {"event": type(event).__name__}
    for name, value in asdict(event).items():  # type: ignore[call-overload]  # every event is a dataclass
        values[name] = str(value) if isinstance(value, Path) else value
    return values


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 frame, 2,000 frames."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
