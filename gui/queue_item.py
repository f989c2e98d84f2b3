"""Hold one entry of the queue, and turn it into a line of the queue's file and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cgconv.runtime.protocol import read_json
from cgconv.runtime.requests import ConvertOptions

PICTURE, FILM = "picture", "film"
_FRAMES_A_SECOND = 25  # of films that have not said theirs: only weighs them against pictures
_UNKNOWN_FILM_FRAMES = 500
_LONGEST_S = 1e9  # thirty years: what is longer is no film's length


class State(StrEnum):
    """Where an entry of the queue is."""

    WAITING = "waiting"  # for Start
    PLANNED = "planned"  # its output is settled, its turn comes
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    STOPPED = "stopped"


ENDED = frozenset({State.DONE, State.SKIPPED, State.FAILED, State.STOPPED})


_NO_OPTIONS = ConvertOptions()


@dataclass(eq=False, slots=True)  # an entry is itself only; there may be ten thousand
class QueueItem:
    """A picture or film. Empty `model` and None `options` mean: those chosen on the page when Start is pressed."""

    path: Path
    kind: str
    file_key: str  # one for all paths that lead to the file
    folder: Path | None = None
    model: str = ""
    options: ConvertOptions | None = None
    part_s: tuple[float, float] = (0.0, 0.0)  # of a film: from and to; both 0: as the options say, an end of 0: its own
    state: State = State.WAITING
    output: Path | None = None
    reason: str = ""
    warnings: list[str] = field(default_factory=list)
    size_wh: tuple[int, int] | None = None
    seconds: float | None = None  # a film's length
    frames: int | None = None  # of a film
    thumbnail: Path | None = None
    key: int = 0  # given by the queue
    settled_model: str = ""
    settled_options: ConvertOptions = _NO_OPTIONS
    progress: float = 0.0  # 0 to 1
    frames_per_second: float | None = None
    seconds_left: float | None = None
    slow_stage: str = ""
    is_partial: bool = False  # it failed, but what is before the damage was translated
    is_suspect: bool = False  # it was being worked on, among others, when a worker died
    is_examined: bool = False
    work: float = 0.0  # megapixels to translate
    usual_megapixels: float = 1.0  # where its size is not known

    def weigh(self) -> None:
        """Reckon how much work it is, in megapixels: of all frames of a film, in the size they are translated in."""
        width, height = self.size_wh or (0, 0)
        megapixels = width * height / 1e6 or self.usual_megapixels
        if (short_side := self.settled_options.short_side) and width and height:
            megapixels *= (short_side / min(width, height)) ** 2
        self.work = megapixels * (1.0 if self.kind == PICTURE else self._frames_wanted())

    def _frames_wanted(self) -> float:
        if not self.seconds:
            return float(self.frames or _UNKNOWN_FILM_FRAMES)
        frames = self.frames or self.seconds * _FRAMES_A_SECOND
        options = self.settled_options
        kept_s = min(options.end_s or self.seconds, self.seconds) - options.start_s
        return max(1.0, frames * kept_s / self.seconds)

    @property
    def place(self) -> str:
        """The folder that it was found in, as far as the user named it: holiday/beach; "" where the file was named."""
        if self.folder is None:
            return ""
        parent = self.path.parent
        inside = parent.relative_to(self.folder) if parent.is_relative_to(self.folder) else Path()
        return str(Path(self.folder.name) / inside)

    @property
    def is_bad(self) -> bool:
        """Whether it failed, or will."""
        return self.state is State.FAILED or (self.state is State.WAITING and bool(self.reason))

    @property
    def has_result(self) -> bool:
        """Whether there is something to open: of a film that failed in the middle, what is before that."""
        if self.output is None or self.state not in (State.DONE, State.SKIPPED, State.FAILED):
            return False
        return self.state is not State.FAILED or self.output.exists()

    def copy(self, model: str) -> QueueItem:
        """Return a new entry of the same file, with the same options, for a model (empty: the page's)."""
        return QueueItem(self.path, self.kind, self.file_key, self.folder, model, self.options, self.part_s,
                         size_wh=self.size_wh, seconds=self.seconds, frames=self.frames, thumbnail=self.thumbnail,
                         is_examined=self.is_examined)  # fmt: skip

    @property
    def has_own_options(self) -> bool:
        """Whether it is translated otherwise than the page says."""
        return bool(self.model) or self.options is not None or any(self.part_s)

    def options_with(self, shared: ConvertOptions) -> ConvertOptions:
        """Return what it is translated with; without options of its own with the shared ones."""
        options = self.options or shared
        return replace(options, start_s=self.part_s[0], end_s=self.part_s[1]) if any(self.part_s) else options

    def reset(self) -> None:
        """Make it wait for Start again."""
        self.state, self.reason, self.output = State.WAITING, "", None
        self.progress, self.frames_per_second, self.seconds_left, self.slow_stage = 0.0, None, None, ""
        self.warnings, self.is_partial = [], False


_KEPT = ("path", "kind", "file_key", "folder", "model", "state", "output", "reason", "size_wh", "seconds",
         "settled_model", "part_s", "is_partial")  # fmt: skip


def line_of(item: QueueItem) -> str:
    """Return the entry as a line of JSON."""
    values: dict[str, Any] = {name: getattr(item, name) for name in _KEPT}  # Any: JSON values
    values["options"] = asdict(item.options) if item.options is not None else None
    return json.dumps(values, default=str)


def item_of(line: str) -> QueueItem:
    """Return the entry that a line holds; what was under way waits again. Raises ValueError where it holds none."""
    values = read_json(line)
    if not isinstance(values, dict):
        raise ValueError("not an entry of a queue")
    path, kind, key = (_text(values, name) for name in ("path", "kind", "file_key"))
    if not path or not key or kind not in (PICTURE, FILM):
        raise ValueError("not an entry of a queue")
    item = QueueItem(Path(path), kind, key)
    item.folder = Path(folder) if (folder := _text(values, "folder")) else None
    item.model = _text(values, "model")
    item.options = options_of(values["options"]) if isinstance(values.get("options"), dict) else None
    item.state = State(_text(values, "state") or State.WAITING)
    item.output = Path(output) if (output := _text(values, "output")) else None
    item.reason = _text(values, "reason")
    item.settled_model = _text(values, "settled_model")
    item.is_partial = values.get("is_partial") is True
    item.size_wh = _size_of(values.get("size_wh"))
    item.seconds = _seconds_of(values.get("seconds"))
    part = values.get("part_s")
    start_s, end_s = map(_seconds_of, part) if isinstance(part, list) and len(part) == 2 else (None, None)
    item.part_s = (start_s or 0.0, end_s or 0.0)
    if item.state in (State.PLANNED, State.RUNNING, State.STOPPED):
        item.reset()
    item.progress = 1.0 if item.state in (State.DONE, State.SKIPPED) else 0.0
    return item


def _text(values: dict[str, Any], name: str) -> str:  # Any: JSON values
    """Return a text of an entry, empty where there is none. Raises ValueError where something else stands there."""
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"an entry of a queue whose {name} is no text")
    return value


def _seconds_of(value: Any) -> float | None:  # Any: a JSON value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= _LONGEST_S else None


def _size_of(value: Any) -> tuple[int, int] | None:  # Any: a JSON value
    edges = value if isinstance(value, list) and len(value) == 2 else []
    width, height = (edge if type(edge) is int and 0 < edge < 1 << 31 else 0 for edge in edges or (0, 0))
    return (width, height) if width and height else None


def options_of(values: dict[str, Any]) -> ConvertOptions:  # Any: JSON values
    """Return options from JSON; what is unknown or of another type is left at its default."""
    defaults = ConvertOptions()
    known: dict[str, Any] = {}  # Any: a field's own type
    for wanted in fields(ConvertOptions):
        value, default = values.get(wanted.name), getattr(defaults, wanted.name)
        if wanted.name == "out":
            known["out"] = Path(value) if isinstance(value, str) and value and "\0" not in value else None
        elif isinstance(default, float):
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LONGEST_S:
                known[wanted.name] = float(value)
        elif type(value) is type(default) and not (isinstance(value, int) and abs(value) >= 1 << 31):
            known[wanted.name] = value
    return ConvertOptions(**known)
