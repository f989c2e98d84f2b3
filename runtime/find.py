"""Find the pictures or films that files, folders and patterns name."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from .images import SUFFIXES as READABLE_SUFFIXES


class Kind(StrEnum):
    """What a batch is made of."""

    PICTURE = "picture"
    FILM = "film"


PICTURE_SUFFIXES = frozenset(READABLE_SUFFIXES)
FILM_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv"}
    | {".3gp", ".ogv", ".mxf", ".vob", ".y4m"}
)
SUFFIXES = {Kind.PICTURE: PICTURE_SUFFIXES, Kind.FILM: FILM_SUFFIXES}
PLURALS = {Kind.PICTURE: "pictures", Kind.FILM: "films"}
COMMANDS = {Kind.PICTURE: "cgconv images", Kind.FILM: "cgconv video"}


@dataclass(frozen=True)
class FoundFile:
    """A file to work on. `folder` is the folder input it was found in, None where it was named itself."""

    path: Path
    folder: Path | None


@dataclass
class Findings:
    """What the inputs came to. Paths keep the form they were given in; nothing was opened."""

    files: list[FoundFile] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)  # named files that cannot be used, and why
    ignored: int = 0  # files in folders that are of another kind
    other_kind: int = 0  # of those, films where pictures were wanted, or pictures where films were
    own_results: int = 0  # results of an earlier run, left alone


LONGEST_NAME_BYTES = 255  # what the common file systems take
CUT_FROM_BYTES = 220  # a result's name so long may be one that was cut to fit
SPECIAL = "this is not a regular file, so it is not opened"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def find_files(
    inputs: Sequence[str | Path],
    kind: Kind,
    *,
    model_names: frozenset[str] = frozenset(),
    leave_out: Path | None = None,
) -> Findings:
    """Return the files of `kind` that `inputs` name, each once, in the order of the inputs, folders sorted by name.

    Folders are walked with their sub-folders; hidden files and folders and everything under `leave_out` (the folder
    that results go to) are passed over, links are followed but no folder is entered twice. A pattern (`*`, `?`, `[`,
    `**`) that the shell left alone is expanded here. Results of an earlier run with one of `model_names` are told by
    their names and by what stands beside them: `a.monet.jpg` next to an `a` of any picture type, a folder
    `photos-monet` next to `photos`. A file that was named itself is only taken for a result where its source was
    named too, as a shell's `*.jpg` does; named alone it is translated again.
    """
    real_folder.cache_clear()
    found = Findings()
    results = _ResultNames(model_names)
    expanded = list(_expand(inputs, found))
    named_files = defaultdict[str, set[str]](set)
    for path, _ in expanded:
        named_files[real_folder(path.parent)] |= {path.name.lower(), path.stem.lower()}
    named_folders = {real_folder(path) for path, _ in expanded if why_not_seen(path) is None and path.is_dir()}
    seen: set[str] = set()
    for path, by_pattern in expanded:
        problem = why_not_seen(path)
        if problem is not None:
            found.refused.append((path, problem))
        elif path.is_dir():
            source = results.source_folder(path)
            if source is not None and real_folder(source) in named_folders:
                found.own_results += 1
                continue
            for file in _walk(path, kind, results, leave_out, found):
                _take(FoundFile(file, path), seen, found)
        elif _is_special(path):
            found.refused.append((path, SPECIAL))
        elif results.has_source(path, named_files):
            found.own_results += 1
        elif path.suffix.lower() in SUFFIXES[kind]:
            _take(FoundFile(path, None), seen, found)
        elif by_pattern:
            found.ignored += 1
            found.other_kind += _is_other_kind(path, kind)
        elif sniff_suffix(path) in SUFFIXES[kind]:  # whatever its name says
            _take(FoundFile(path, None), seen, found)
        elif _is_other_kind(path, kind):
            other = Kind.FILM if kind is Kind.PICTURE else Kind.PICTURE
            found.refused.append((path, f"this is a {other}, not a {kind}: use {COMMANDS[other]} for it"))
        elif kind is Kind.FILM:  # containers are told apart by who reads them, streams without any (.h264) too
            _take(FoundFile(path, None), seen, found)
        else:
            found.refused.append((path, f"not a {kind} that cgconv knows"))
    return found


def why_not_seen(path: str | Path | os.DirEntry[str]) -> str | None:
    """Return why nothing can be said of what is there, None where something can: it is a file, a folder, or special."""
    try:
        os.stat(path)  # noqa: PTH116  # an entry of a folder, too
    except FileNotFoundError:
        return "this link points to nothing" if os.path.islink(path) else "no such file or folder"  # noqa: PTH114
    except ValueError:
        return "no file can have this name"  # it holds a zero
    except OSError as error:  # a folder that may not be entered, a name too long, a link to itself
        is_loop = error.errno == errno.ELOOP
        return "this link leads to itself" if is_loop else f"cannot be looked at: {error.strerror or error}"
    return None


def looks_like(path: Path) -> Kind | None:
    """Return what the first bytes of a file say it is, None where they say nothing or it cannot be read."""
    suffix = sniff_suffix(path)
    if suffix is None:
        return None
    return Kind.PICTURE if suffix in PICTURE_SUFFIXES else Kind.FILM


def sniff_suffix(path: Path) -> str | None:
    """Return the suffix that a file's first bytes call for, None where they say nothing or it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return None
    if head[4:8] == b"ftyp" and b"avif" in head[8 : int.from_bytes(head[:4], "big")]:
        return ".avif"  # also where the first brand is the general one, mif1
    for offset, magic, suffix in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return suffix
    return None


_MAGIC = (
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"\x89PNG\r\n\x1a\n", ".png"),
    (0, b"GIF8", ".gif"),
    (0, b"II*\0", ".tiff"),
    (0, b"MM\0*", ".tiff"),
    (0, b"II+\0", ".tiff"),
    (0, b"MM\0+", ".tiff"),
    (0, b"\x76\x2f\x31\x01", ".exr"),
    (0, b"SDPX", ".dpx"),
    (0, b"XPDS", ".dpx"),
    (0, b"BM", ".bmp"),
    (0, b"\0\0\0\x0cjP", ".jp2"),
    (0, b"\xff\x4f\xff\x51", ".jp2"),
    (8, b"WEBP", ".webp"),
    (8, b"AVI ", ".avi"),
    (4, b"ftypavis", ".avif"),
    (4, b"ftyphei", ".heic"),
    (4, b"ftyphev", ".heic"),
    (4, b"ftypmif1", ".heic"),
    (4, b"ftypmsf1", ".heic"),
    (4, b"ftypqt", ".mov"),
    (4, b"ftyp", ".mp4"),
    (0, b"\x1aE\xdf\xa3", ".mkv"),
)


def _is_other_kind(path: Path, kind: Kind) -> bool:
    suffix = path.suffix.lower()
    return suffix not in SUFFIXES[kind] and any(suffix in suffixes for suffixes in SUFFIXES.values())


def _expand(inputs: Sequence[str | Path], found: Findings) -> Iterator[tuple[Path, bool]]:
    """Yield each existing path with whether a pattern brought it; note the inputs that name nothing."""
    for given in inputs:
        if not str(given):  # Path("") is the current folder: an unset variable of a script must not mean all of it
            found.refused.append((Path('""'), "this name is empty; perhaps a variable of your script is not set"))
            continue
        path = Path(os.path.expanduser(given))  # noqa: PTH111  # Path's own raises for ~nobody
        problem = why_not_seen(path)
        if problem is not None and _ADDRESS.match(str(given)):
            found.refused.append((path, "this is an address, and cgconv opens files only: download it first"))
            continue
        if problem is None or not glob.has_magic(str(path)):
            yield path, False
            continue
        matches = sorted(glob.glob(str(path), recursive=True), key=_sort_key)  # noqa: PTH207  # one call for ** too
        if not matches:
            found.refused.append((path, "no file matches this pattern"))
        for match in matches:
            if not ("**" in str(path) and os.path.isdir(match)):  # noqa: PTH112  # ** already brought what is inside
                yield Path(match), True


def _walk(folder: Path, kind: Kind, results: _ResultNames, leave_out: Path | None, found: Findings) -> Iterator[Path]:
    """Yield the folder's files of `kind`, sub-folders after files, each folder once however links turn."""
    suffixes = SUFFIXES[kind]
    left_out = real_folder(leave_out) if leave_out is not None else None
    entered: set[str] = set()
    waiting = [folder]
    while waiting:
        folder_now = waiting.pop()
        real = real_folder(folder_now)
        if real in entered or (real == left_out and folder_now != folder):
            continue
        entered.add(real)
        try:
            with os.scandir(folder_now) as listing:
                entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: _sort_key(e.name))
        except OSError as error:
            found.refused.append((folder_now, f"this folder cannot be read: {error.strerror or error}"))
            continue
        folders, names, special = _sorted_out(entries, found)
        around = {name.lower() for name in names} | {Path(name).stem.lower() for name in names}
        for name in names:
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  # ten thousand names a second
            if suffix not in suffixes:
                found.ignored += 1
                found.other_kind += any(suffix in others for others in SUFFIXES.values())
            elif name in special:
                found.refused.append((folder_now / name, SPECIAL))
            elif _is_among(results.source_name(name), around, name):
                found.own_results += 1
            else:
                yield folder_now / name
        folders_lower = {name.lower() for name in folders}
        for name in reversed(folders):
            source = results.source_folder_name(name)
            if _is_among(source and source.lower(), folders_lower, name):
                found.own_results += 1
            else:
                waiting.append(folder_now / name)


def _sorted_out(entries: list[os.DirEntry[str]], found: Findings) -> tuple[list[str], list[str], set[str]]:
    """Return the names of folders, of all other entries, and of those of the latter that are no regular files."""
    folders, names, special = [], [], set()
    for entry in entries:
        try:  # the listing says what most entries are, without another look at the disk
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link to itself, or to where nobody may look
            found.refused.append((Path(entry.path), why_not_seen(entry) or "cannot be looked at"))
            continue
        if is_folder:
            folders.append(entry.name)
            continue
        names.append(entry.name)
        if not is_file and _is_special(entry):
            special.add(entry.name)
    return folders, names, special


def _is_special(file: Path | os.DirEntry[str]) -> bool:
    """Say whether what is there is a pipe, a socket or a device, which could keep a reader waiting for ever."""
    return not file.is_file() and Path(file).exists()


def _take(file: FoundFile, seen: set[str], found: Findings) -> None:
    key = real_key(file.path)
    if key not in seen:
        seen.add(key)
        found.files.append(file)


def real_key(path: Path) -> str:
    """Return one string per file on disk, whatever links and spellings lead to it."""
    if path.is_symlink():
        return os.path.normcase(os.path.realpath(path))
    return os.path.normcase(os.path.join(real_folder(path.parent), path.name))  # noqa: PTH118  # 10,000 names a second


@lru_cache(maxsize=4096)  # resolving the folder of each of 10,000 files takes seconds: a plan starts by clearing it
def real_folder(folder: Path) -> str:
    """Return a folder's absolute path without links."""
    return os.path.realpath(folder)


def _sort_key(name: str) -> list[tuple[int, int, str]]:
    """Sort as people count: img2 before img10, without regard to case, and the same on every machine."""
    parts = re.split(r"(\d+)", name.lower())
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts] + [(0, 0, name)]


def _is_among(source: str | None, names: Collection[str], result: str) -> bool:
    """Say whether a result's source is one of `names`; of a result whose name had to be cut, its beginning is."""
    if source is None or source in names:
        return source is not None
    return len(os.fsencode(result)) >= CUT_FROM_BYTES and any(name.startswith(source) for name in names)


class _ResultNames:
    """Tell results of earlier runs by their names."""

    def __init__(self, model_names: frozenset[str]) -> None:
        names = "|".join(re.escape(name) for name in sorted(model_names)) or r"(?!)"
        part = r"(_[\dhm.]+-([\dhm.]+|end))?"  # of a film
        self._file = re.compile(rf"(?P<source>.+)\.({names}){part}(-\d+)?\.[^.]+", re.IGNORECASE)
        self._folder = re.compile(rf"(?P<source>.+)-({names})", re.IGNORECASE)

    def source_name(self, name: str) -> str | None:
        """Return `a` (lower case) for `a.monet.jpg` and `a.monet-2.jpg`, `a.jpg` for `a.jpg.monet.png`, else None."""
        match = self._file.fullmatch(name)
        return match["source"].lower() if match else None

    def source_folder_name(self, name: str) -> str | None:
        """Return `photos` for `photos-monet`, else None."""
        match = self._folder.fullmatch(name)
        return match["source"] if match else None

    def source_folder(self, folder: Path) -> Path | None:
        """Return `x/photos` for `x/photos-monet`, else None."""
        folder = Path(os.path.abspath(folder)) if folder.name in ("", "..") else folder  # noqa: PTH100  # keeps links
        name = self.source_folder_name(folder.name)
        return folder.with_name(name) if name else None

    def has_source(self, path: Path, named: Mapping[str, Collection[str]]) -> bool:
        """Say whether the source of this result is among the named files: real folder → names and stems."""
        beside = named.get(real_folder(path.parent), ())
        if _is_among(self.source_name(path.name), beside, path.name):
            return True
        for parent in path.parents:
            source_folder = self.source_folder(parent) if parent.name else None
            if source_folder is not None and source_folder.is_dir():
                mirrored = named.get(real_folder(source_folder / path.relative_to(parent).parent), ())
                if path.name.lower() in mirrored or path.stem.lower() in mirrored:
                    return True
        return False
