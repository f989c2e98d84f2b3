"""Keep the finished segments of a film beside its output, so that a stopped job goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgconv.runtime.errors import OutputError
from cgconv.runtime.lock import is_held

from .segment_writer import Segment, writing

FORMAT = 3  # of what lies in the folder
PART, LOCK = ".cgconv-part", ".cgconv-lock"
LONGEST_NAME_BYTES = 255  # on every usual file system
_ENDS_BYTES = 1 << 20  # so much of a file's head and tail is hashed: all of it would take minutes
# What a fingerprint's entries are called when one of them has changed.
_CALLED = {
    "source": "the film itself",
    "model": "the model",
    "mask": "the mask",
    "encoding": "how pictures are stored",
    "coded_hw": "the size",
    "backend": "what computes the model",
    "pyav": "the version of FFmpeg's libraries",
    "format": "the version of cgconv",
}

# And the options that they follow from.
_CAUSES = {"encoding": ("codec", "crf"), "coded_hw": ("short_side",)}


def hidden_path(target: Path, ending: str) -> Path:
    """Return the hidden file or folder beside `target` with its name and `ending`; a name too long becomes its hash."""
    name = f".{target.name}{ending}"
    if len(os.fsencode(name)) > LONGEST_NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]}{ending}"
    return target.with_name(name)


def ends_hash(path: Path) -> str:
    """Return a hash of a file's length, its first megabyte and its last one. Raises OSError."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_ENDS_BYTES))
        file.seek(max(file.tell(), path.stat().st_size - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    return digest.hexdigest()


class PartFolder:
    """The hidden folder `.NAME.cgconv-part` beside `target`: a manifest, and two or three files a finished segment.

    `fingerprint` is everything the pictures depend on. Segments made with another one are kept, and the job is
    refused with what has changed, unless `fresh` says to throw them away. A segment counts once its `.json` stands
    beside it, which is written last and holds the hash of the segment, of itself and of the one before: from the
    first one that does not fit, all are thrown away. What the next segment starts from, where that is more than the
    film, lies in the `.npz` beside it, exactly. `threads` may change; that and damage are in `notes`.

    Raises:
        OutputError: the folder cannot be written, or holds work of other settings.
    """

    def __init__(
        self,
        target: Path,
        fingerprint: Mapping[str, Any],  # Any: JSON values, here and below
        *,
        threads: int | None = None,
        fresh: bool = False,
    ) -> None:
        self.path = hidden_path(target, PART)
        self.segments: list[Segment] = []
        self.notes: list[str] = []
        self.broken_at_s: float | None = None  # where the source was found damaged so far
        self._made_with = _hash_of({**fingerprint, "format": FORMAT})
        self._sums: list[str] = []  # of the segments' descriptions
        manifest = self.path / "manifest.json"
        made_with = {**fingerprint, "format": FORMAT}
        wanted = {"result": target.name, "made_with": made_with, "threads": threads}
        with writing(manifest):
            if fresh:
                self.delete()
            found = _read_json(manifest)
            self._find_segments()
            if not self.segments and not fresh:
                self._refuse_other_work(target, found, made_with)
            if not self.segments:
                self.delete()
                self.path.mkdir(parents=True)
            self.tidy()
            if self.segments and found and found.get("threads") != threads:
                before, now = (count or "automatic" for count in (found.get("threads"), threads))
                self.notes.append(f"threads have changed ({before}, now {now}); what is done is kept")
            if not self.segments or found != wanted:
                self.path.mkdir(exist_ok=True)
                _write(manifest, json.dumps(wanted, indent=1, sort_keys=True))

    @property
    def frames(self) -> int:
        """How many frames the finished segments hold."""
        return sum(len(segment.pts) for segment in self.segments)

    def next_path(self) -> Path:
        """Return where the next segment is to be written."""
        return self.path / f"{len(self.segments):05d}.mkv"

    def add(
        self,
        pts: list[int],
        durations: list[int],
        order: NDArray[np.int64],
        *,
        broken_at_s: float | None = None,
        state: Mapping[str, NDArray[Any]] | None = None,  # Any: of whatever dtype
    ) -> None:
        """Count the segment at `next_path()`, which is closed, as finished; the next one starts from `state`."""
        path = self.next_path()
        with writing(path):
            _settle(path)
            if state is not None:
                packed = io.BytesIO()
                np.savez_compressed(packed, **state)  # type: ignore[arg-type]  # the stubs take names for options
                path.with_suffix(".npz").write_bytes(packed.getvalue())
                _settle(path.with_suffix(".npz"))
            facts = {
                "number": len(self.segments),
                "made_with": self._made_with,
                "before": self._sums[-1] if self._sums else "",
                "sha256": _file_hash(path),
                "pts": pts,
                "durations": durations,
                "order": order.tolist(),
                "broken_at_s": broken_at_s,
                "state": _file_hash(path.with_suffix(".npz")) if state is not None else None,
            }
            facts["sum"] = _hash_of(facts)
            _write(path.with_suffix(".json"), json.dumps(facts))
            settle_folder(self.path)
        self._sums.append(str(facts["sum"]))
        self.segments.append(_segment(path, pts, durations, order.tolist()))

    def state(self) -> dict[str, NDArray[Any]] | None:
        """Return what the next segment starts from; None where there is no segment, or it was given nothing."""
        if not self.segments or not (path := self.segments[-1].path.with_suffix(".npz")).exists():
            return None
        with writing(path), np.load(path) as packed:
            return dict(packed)

    def discard(self, number: int) -> None:
        """Throw away the segments from `number` on."""
        del self.segments[number:], self._sums[number:]
        self.tidy()

    def settle(self, whole: Path) -> None:
        """Wait until the joined film is really on the disk: its segments are deleted after that."""
        _settle(whole)

    def mark_delivered(self, whole: Path) -> None:
        """Write down what the finished film is, so that this folder is known for a leftover once that is in place."""
        _write(self.path / "delivered.json", json.dumps({"ends": ends_hash(whole)}))

    def delete(self) -> None:
        """Remove the folder and all in it, the mark of delivery last."""
        _delete(self.path)

    def tidy(self) -> None:
        """Remove what is not a finished segment; without any, the folder goes too."""
        if not self.segments:
            self.delete()
            return
        finished = {segment.path.stem for segment in self.segments} | {"manifest", "delivered"}
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if path.stem not in finished or path.suffix not in (".json", ".mkv", ".npz"):
                    with contextlib.suppress(OSError):
                        path.unlink()

    def _find_segments(self) -> None:
        """Take up the segments that are what they were when they were finished."""
        while (described := (path := self.next_path()).with_suffix(".json")).exists():
            number = len(self.segments)
            known = _read_json(described)
            if known is None or not self._fits(known, path):
                if self.segments or _made_with(known) == self._made_with:
                    self.notes.append(
                        f"part {number + 1} of what an earlier run finished is damaged; it is translated anew"
                    )
                break
            self._sums.append(known["sum"])
            self.segments.append(_segment(path, known["pts"], known["durations"], known["order"]))
            self.broken_at_s = known["broken_at_s"]

    def _fits(self, known: dict[str, Any], path: Path) -> bool:
        """Say whether a segment and its description belong together, and here."""
        said = known.pop("sum", None)
        if said != _hash_of(known):
            return False
        known["sum"] = said
        last = int(self.segments[-1].pts[-1]) if self.segments else None
        try:
            return bool(
                known["number"] == len(self.segments)
                and known["made_with"] == self._made_with
                and known["before"] == (self._sums[-1] if self._sums else "")
                and (last is None or known["pts"][0] > last)
                and known["sha256"] == _file_hash(path)
                and (known["state"] is None or known["state"] == _file_hash(path.with_suffix(".npz")))
            )
        except (OSError, KeyError, IndexError, TypeError):
            return False

    def _refuse_other_work(self, target: Path, found: dict[str, Any] | None, wanted: Mapping[str, Any]) -> None:
        """Raise OutputError where there are finished segments of another job."""
        first = _read_json(self.path / "00000.json")
        if (
            first is None
            or "pts" not in first
            or _made_with(first) == self._made_with
            or not (self.path / "00000.mkv").exists()
        ):
            return  # nothing there, or damaged from the start
        if "sum" in first and first.pop("sum") != _hash_of(first):
            return  # damaged, likewise; earlier versions of cgconv wrote no sums
        before = found.get("made_with") if found else None
        now = json.loads(json.dumps(wanted))  # as what was done before says it: with lists for tuples
        changed = _changes(before, now) if isinstance(before, dict) else []
        raise OutputError(
            "an interrupted run has begun this film with other settings "
            f"({', '.join(changed) or 'of another version of cgconv'}); its work is kept: use those settings to "
            "continue, or --fresh to discard it (in the window, remove the film from the list and add it again)",
            path=target,
        )


@dataclass(frozen=True)
class Leftover:
    """The work of a job that did not end: where, what it was to become, how far it came."""

    path: Path
    result: Path
    frames: int
    bytes: int
    is_running: bool


def leftovers(folder: Path) -> list[Leftover]:
    """Return the unfinished films of a folder and of those in it."""
    found = []
    for path, folders, _ in os.walk(folder):
        for name in sorted(folders):
            if name.endswith(PART):
                found.append(_leftover(Path(path) / name))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
    return found


def _leftover(path: Path) -> Leftover:
    manifest = _read_json(path / "manifest.json") or {}
    name = manifest.get("result")
    result = path.with_name(name if isinstance(name, str) else path.name.removesuffix(PART)[1:])
    frames = size = 0
    for file in sorted(path.glob("*")):
        with contextlib.suppress(OSError):
            size += file.stat().st_size
        if file.suffix == ".json" and file.stem.isdecimal():
            pts = (_read_json(file) or {}).get("pts")
            frames += len(pts) if isinstance(pts, list) else 0
    return Leftover(path, result, frames, size, _is_held(hidden_path(result, LOCK)))


def sweep(target: Path, *, all_work: bool = False) -> None:
    """Remove what a killed job left beside `target`: what is of no use, or `all_work`; none of a running job."""
    lock, folder = hidden_path(target, LOCK), hidden_path(target, PART)
    if _is_held(lock):
        return
    if folder.is_dir():
        delivered = _read_json(folder / "delivered.json")
        is_useless = not any(folder.glob("[0-9]*.json"))
        with contextlib.suppress(OSError):
            is_useless = is_useless or (delivered is not None and delivered.get("ends") == ends_hash(target))
        if all_work or is_useless:
            _delete(folder)
    with contextlib.suppress(OSError):
        lock.unlink(missing_ok=True)


def is_being_written(target: Path) -> bool:
    """Say whether a process is making the film `target` right now."""
    return _is_held(hidden_path(target, LOCK))


def _is_held(lock: Path) -> bool:
    try:
        return lock.exists() and is_held(lock)
    except OSError:
        return False


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs between two fingerprints, in words; without what only follows from a changed option."""
    old, new = before.get("options"), now["options"]
    old = old if isinstance(old, dict) else {}
    options = {name for name in {*old} & {*new} if old[name] != new[name]}
    changed = [f"{_option(name)} was {_shown(old[name])}, is {_shown(new[name])}" for name in sorted(options)]
    if unknown := sorted({*old} ^ {*new}):
        changed.append(f"another version of cgconv began it, without {' and '.join(map(_option, unknown))}")
    for name in sorted({*before, *now} - {"options"}):
        if before.get(name) != now.get(name) and options.isdisjoint(_CAUSES.get(name, ())):
            changed.append(f"{_CALLED.get(name, name.replace('_', ' '))} has changed")
    return changed


def _option(name: str) -> str:
    return "--" + {"short_side": "resize"}.get(name, name.removesuffix("_s")).replace("_", "-")


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "given" if value else "not given"
    return str(value)


def _made_with(known: dict[str, Any] | None) -> object:
    return None if known is None else known.get("made_with")


def _segment(path: Path, pts: list[int], durations: list[int], order: list[int]) -> Segment:
    return Segment(path, np.array(pts, np.int64), np.array(durations, np.int64), np.array(order, np.int64))


def _hash_of(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file says, None where it is not there or makes no sense."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
    _settle(beside)
    beside.replace(path)


def _delete(folder: Path) -> None:
    if not folder.is_dir():
        return
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name != "delivered.json":
                path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _settle(path: Path) -> None:
    """Wait until a file is really on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def settle_folder(folder: Path) -> None:
    """Wait until a folder's names are really on the disk, where the system has that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
