"""Keep the finished segments of a film beside its output, so that a stopped job goes on where it was."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .writer import Segment, writing


class PartFolder:
    """The hidden folder `.NAME.cgconv-part` beside `target`: a manifest, and two files a finished segment.

    `fingerprint` is everything the pictures depend on: segments made with another one are thrown away. A segment
    counts once its `.json` stands beside it, which is written last.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, target: Path, fingerprint: dict[str, Any]) -> None:  # Any: JSON values
        self.path = target.with_name(f".{target.name}.cgconv-part")
        self.segments: list[Segment] = []
        self.broken_at_s: float | None = None  # where the source was found damaged so far
        manifest = self.path / "manifest.json"
        wanted = json.dumps(fingerprint, indent=1, sort_keys=True)
        with writing(manifest):
            if _read(manifest) == wanted:
                self._find_segments()
                self.tidy()
            if not self.segments:
                self.delete()
                self.path.mkdir(parents=True)
                _write(manifest, wanted)

    @property
    def frames(self) -> int:
        """How many frames the finished segments hold."""
        return sum(len(segment.pts) for segment in self.segments)

    def next_path(self) -> Path:
        """Return where the next segment is to be written."""
        return self.path / f"{len(self.segments):05d}.mkv"

    def add(
        self, pts: list[int], durations: list[int], order: NDArray[np.int64], *, broken_at_s: float | None = None
    ) -> None:
        """Count the segment at `next_path()`, which is closed, as finished."""
        facts = {"pts": pts, "durations": durations, "order": order.tolist(), "broken_at_s": broken_at_s}
        path = self.next_path()
        with writing(path):
            _settle(path)
            _write(path.with_suffix(".json"), json.dumps(facts))
        self.segments.append(_segment(path, pts, durations, order.tolist()))

    def delete(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what is not a finished segment; without any, the folder goes too."""
        if not self.segments:
            self.delete()
            return
        finished = {segment.path.stem for segment in self.segments} | {"manifest"}
        for path in self.path.iterdir():
            if path.stem not in finished:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _find_segments(self) -> None:
        while (facts := _read((path := self.next_path()).with_suffix(".json"))) is not None and path.is_file():
            try:
                known = json.loads(facts)
                self.segments.append(_segment(path, known["pts"], known["durations"], known["order"]))
                self.broken_at_s = known["broken_at_s"]
            except (ValueError, KeyError):
                break


def _segment(path: Path, pts: list[int], durations: list[int], order: list[int]) -> Segment:
    return Segment(path, np.array(pts, np.int64), np.array(durations, np.int64), np.array(order, np.int64))


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
    _settle(beside)
    beside.replace(path)


def _settle(path: Path) -> None:
    """Wait until a file is really on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
