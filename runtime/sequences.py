"""Find the frames of a numbered sequence (frames/%05d.png), say which are missing, and name what they become."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .errors import UsageError
from .find import SUFFIXES, Kind

_NUMBER = re.compile(r"%0?(?P<width>[0-9]*)d")


@dataclass(frozen=True, kw_only=True)
class SequenceOptions:
    """What is wanted of sequences: frame n of them stands at n / `frames_per_second`, counted from their first."""

    frames_per_second: Fraction | None = None
    start_s: float = 0.0
    end_s: float = 0.0  # 0: to the last

    def __post_init__(self) -> None:
        if self.frames_per_second is not None and not 0 < self.frames_per_second <= 1000:
            raise UsageError(f"--fps is {self.frames_per_second}, expected more than 0 and at most 1000")


@dataclass(frozen=True)
class Sequence:
    """Frames in order, each with its number; `notes` are sentences about those that are not there."""

    frames: list[tuple[int, Path]]
    notes: list[str]


def is_sequence(given: str | Path) -> bool:
    """Say whether a name stands for numbered files, as frames/%05d.png does, and is not a file itself."""
    return _NUMBER.search(Path(given).name) is not None and not Path(given).exists()


def find_sequence(pattern: Path, options: SequenceOptions) -> Sequence:
    """Return the frames that a pattern names, by number. Raises UsageError: there are none, or no such folder."""
    match = _NUMBER.search(pattern.name)
    assert match is not None
    if options.frames_per_second is None and (options.start_s or options.end_s):
        raise UsageError(f"{pattern}: --start and --end of a sequence need its frame rate (--fps)")
    digits = rf"(\d{{{int(match['width'] or 1)},}})"
    name = re.compile(re.escape(pattern.name[: match.start()]) + digits + re.escape(pattern.name[match.end() :]))
    if not pattern.parent.is_dir():
        raise UsageError(f"{pattern}: there is no folder {pattern.parent}")
    found = {int(fits[1]): path for path in pattern.parent.iterdir() if (fits := name.fullmatch(path.name))}
    if not found:
        raise UsageError(f"{pattern}: no file in {pattern.parent} has such a name")
    first, last = min(found), max(found)
    if (rate := options.frames_per_second) is not None:
        first, start = first + math.ceil(Fraction(str(options.start_s)) * rate), first
        last = min(last, start + math.ceil(Fraction(str(options.end_s)) * rate) - 1) if options.end_s else last
    wanted = [number for number in sorted(found) if first <= number <= last]
    if not wanted:
        raise UsageError(f"{pattern}: no frame lies between --start and --end")
    missing = [
        f"{one + 1}" if other == one + 2 else f"{one + 1} to {other - 1}"
        for one, other in itertools.pairwise(wanted)
        if other > one + 1
    ]
    more = f" and {len(missing) - 20} more gaps" if len(missing) > 20 else ""
    notes = [f"missing in {pattern}: frames {', '.join(missing[:20])}{more}; the others are done"] if missing else []
    return Sequence([(number, found[number]) for number in wanted], notes)


def outputs_of(pattern: Path, sequence: Sequence, *, out: Path | None, model_name: str) -> list[Path]:
    """Return what the frames become: `out` with their numbers, or their own names in the folder `out`.

    Without `out` that folder is called as the frames' own, and as the model. Raises UsageError.
    """
    if out is not None and (match := _NUMBER.search(out.name)) is not None:
        if out.suffix.lower() not in SUFFIXES[Kind.PICTURE]:
            raise UsageError(
                f"{out}: the results of a sequence are pictures: name them like out/%05d.png or out/%05d.exr (--out)"
            )
        width = int(match["width"] or 1)
        return [
            out.with_name(f"{out.name[: match.start()]}{number:0{width}d}{out.name[match.end() :]}")
            for number, _ in sequence.frames
        ]
    if out is not None and out.suffix.lower() in SUFFIXES[Kind.FILM] | SUFFIXES[Kind.PICTURE]:
        raise UsageError(
            f"{out}: the result of a sequence is a sequence: name it like out/%05d.png, or name a folder (--out)"
        )
    folder = (
        out if out is not None else pattern.parent.resolve().with_name(f"{pattern.parent.resolve().name}-{model_name}")
    )
    return [folder / path.name for _, path in sequence.frames]
