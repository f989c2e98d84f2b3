"""Say what a window asks of its worker: frozen requests, which travel as JSON lines on the worker's standard input.

A line holds the request's class name under `request`, its number under `id`, and its fields. What the worker answers
are events (events.py) with that number under `request`; the last one is RequestFinished or CommandFailed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_STEADY = 0.7  # see docs/steady.md


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """What is wanted of results, pictures and films alike; the values are those of the command line's options.

    `name` says how a result is called, from {name} and {model}; empty: as the command line does. Empty formats, zero
    `quality`, `short_side`, `threads` and `max_pixels`, and a `crf` of -1 mean the default.
    """

    out: Path | None = None
    name: str = ""
    exists: str = "skip"
    strength: float = 1.0
    keep_colors: bool = False
    short_side: int = 0  # px
    brush: float = 0.0  # 1 to 8; 0: as the model's card says
    detail: float = 1.0
    mask: str = ""  # a file, a folder, or "alpha"; empty: none
    feather_px: float = 0.0
    invert_mask: bool = False
    steady: float = DEFAULT_STEADY
    every: int = 1  # n-th frame of films is translated
    picture_format: str = "same"
    quality: int = 0  # 1 to 100
    max_pixels: int = 0
    film_format: str = "same"
    codec: str = "auto"
    crf: int = -1
    keep_audio: bool = True
    deinterlace: str = "auto"
    field_rate: str = "half"
    allow_hdr: bool = False
    start_s: float = 0.0
    end_s: float = 0.0  # 0: the film's end
    fps: str = ""  # of a numbered sequence, as 24 or 24000/1001; empty: not known
    batch: int = 1
    threads: int = 0
    device: str = "auto"
    backend: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class Scan:
    """Find the pictures and films that paths name. Answers: FilesFound, then ScanFinished."""

    paths: tuple[Path, ...]
    leave_out: Path | None = None


@dataclass(frozen=True)
class Examine:
    """Look at one file. Answer: FileExamined."""

    path: Path
    kind: str
    thumbnail_px: int = 160


@dataclass(frozen=True)
class FileToPlan:
    """A file of the queue: what it is to be translated with."""

    key: int
    path: Path
    folder: Path | None
    kind: str
    model: str
    options: int  # which of Plan.options


@dataclass(frozen=True)
class Plan:
    """Settle output names and collisions. Files come in several requests; the one with `last` gets the answers.

    Answers: JobPlanned, whose index is the file's key.
    """

    files: tuple[FileToPlan, ...]
    options: tuple[ConvertOptions, ...]
    is_first: bool = True
    is_last: bool = True


@dataclass(frozen=True)
class JobToDo:
    """A planned job; `key` comes back as the events' index."""

    key: int
    path: Path
    output: Path


@dataclass(frozen=True)
class Convert:
    """Do planned jobs of one kind with one model. Answers: the events of run_jobs."""

    jobs: tuple[JobToDo, ...]
    kind: str
    model: str
    options: ConvertOptions


@dataclass(frozen=True)
class Preview:
    """Show a picture, or a film's frame at `time_s`, before and after. A newer one takes an older one's place.

    Without a model only the original is shown. `result` is a file made of it, which is shown in place of a
    translation. Answers: PreviewReady, first a small one, then the full size.
    """

    path: Path
    kind: str
    model: str
    options: ConvertOptions
    time_s: float = 0.0
    full: bool = True
    result: Path | None = None


@dataclass(frozen=True)
class PreviewLoop:
    """Translate a few seconds of a film, small. Answers: LoopFrameReady."""

    path: Path
    model: str
    options: ConvertOptions
    start_s: float = 0.0
    seconds: float = 3.0
    frames_per_second: float = 12.0
    short_side: int = 270


@dataclass(frozen=True)
class ListModels:
    """Answer: ModelsListed."""


@dataclass(frozen=True)
class SampleModel:
    """Translate a small sample picture, or a film's frame at `time_s`, and take the time. Answer: ModelSampled.

    A user's own picture does not become the model's sample in lists.
    """

    model: str
    picture: Path | None = None
    is_users: bool = False
    kind: str = "picture"
    time_s: float = 0.0


@dataclass(frozen=True)
class MakeSheet:
    """Put what all models make of pictures on one sheet. Answers: StepProgressed, whose step is a model; SheetMade."""

    pictures: tuple[Path, ...]
    out: Path
    device: str = "auto"


@dataclass(frozen=True)
class ImportModel:
    """Bring a model file or a checkpoint into the model folder.

    Where a model has the name already, `if_taken` says what to do: replace, rename, or empty: ask (NameTaken).
    Answers: StepProgressed when its turn comes, then NameTaken, or ModelExported and ModelsListed.
    """

    path: Path
    name: str = ""
    value_range: str = ""
    bgr: bool = False
    part: str = ""  # which generator of a checkpoint
    if_taken: str = ""


@dataclass(frozen=True)
class RemoveModel:
    """Delete a model of the user's."""

    model: str


@dataclass(frozen=True)
class DescribeModel:
    """Give a model of the user's another name and other texts in its card. Answer: ModelsListed."""

    model: str
    name: str
    title: str
    direction: str


@dataclass(frozen=True)
class CheckData:
    """Look at two folders of pictures before a training. Answers: FilesProgressed, then DataSetChecked."""

    a: Path
    b: Path


@dataclass(frozen=True)
class ListPresets:
    """Answer: PresetsListed."""


@dataclass(frozen=True)
class EstimateTraining:
    """Say how long a training would take, `pictures` in the larger folder. Answer: TrainingEstimated.

    Where `images_per_second` is not known yet (0), a few steps are taken on noise.
    """

    preset: str
    settings: tuple[tuple[str, str], ...] = ()
    pictures: int = 0
    images_per_second: float = 0.0


@dataclass(frozen=True)
class Train:
    """Train on two folders, or go on with the run in `out`. Answers: the events of `train`.

    `settings` change the preset's: fields of the trainer's config by dotted names, e.g. optimizer.epochs.
    """

    a: Path
    b: Path
    out: Path
    name_a: str = "a"
    name_b: str = "b"
    preset: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    resume: bool = False


@dataclass(frozen=True)
class ExportRun:
    """Export a run into the model folder. Answers: StepProgressed, ModelExported."""

    run: Path
    direction: str
    name: str
    title: str = ""


@dataclass(frozen=True)
class HalveModel:
    """Write a model in half precision beside it, checked. Answers: StepProgressed, ModelExported."""

    model: str


@dataclass(frozen=True)
class BuildEngines:
    """Compile a model for this computer's GPU ahead of time. Answers: EngineBuilding, EngineBuilt."""

    model: str
    sizes_wh: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Diagnose:
    """Say what is installed here and what runs. Answer: Diagnosed."""


@dataclass(frozen=True)
class FindDevices:
    """Say what of --device and --backend this computer has. Answer: DevicesFound."""


@dataclass(frozen=True)
class ForgetFilms:
    """Throw away what was done of films that are not wanted any more; `outputs` is what they were to become."""

    outputs: tuple[Path, ...]


@dataclass(frozen=True)
class MeasureCaches:
    """Answer: CachesMeasured."""


@dataclass(frozen=True)
class ClearCaches:
    """Delete what can be made again. Answer: CachesMeasured."""


@dataclass(frozen=True)
class Pause:
    """Hold all translations after the frame being computed."""


@dataclass(frozen=True)
class Resume:
    """Go on after Pause."""


@dataclass(frozen=True)
class Cancel:
    """Stop the request of this number."""

    number: int


Request = (
    Scan
    | Examine
    | Plan
    | Convert
    | Preview
    | PreviewLoop
    | ListModels
    | SampleModel
    | MakeSheet
    | ImportModel
    | RemoveModel
    | DescribeModel
    | CheckData
    | ListPresets
    | EstimateTraining
    | Train
    | ExportRun
    | HalveModel
    | BuildEngines
    | Diagnose
    | FindDevices
    | ForgetFilms
    | MeasureCaches
    | ClearCaches
    | Pause
    | Resume
    | Cancel
)
