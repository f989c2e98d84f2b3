"""Take the pictures out of a zip file of unknown makers: bounded, inside one folder, all or nothing."""

from __future__ import annotations

import re
import shutil
import stat
import threading
import unicodedata
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from cgconv.runtime.errors import Cancelled, DataError, OutputError, UsageError
from cgconv.runtime.events import FilesProgressed
from cgconv.runtime.files import partial_path, sweep_partials
from cgconv.runtime.find import Kind, looks_like
from cgconv.runtime.pictures.formats import SUFFIXES

CHUNK = 1024 * 1024
REPORT_EVERY = 50  # files
SPLITS = re.compile(r"(train|test|val)[AB]?$")  # folders that a data set needs
WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class UnzipLimits:
    """What an archive may come to."""

    files: int = 200_000
    bytes: int = 16 * 1024**3  # unpacked, all together
    file_bytes: int = 512 * 1024**2  # unpacked, one picture
    ratio: int = 100  # unpacked / packed, of what is larger than `ratio_from_bytes`: pictures are packed already
    ratio_from_bytes: int = 1024**2


@dataclass(frozen=True)
class Unzipped:
    """What became of an archive."""

    folder: Path
    pictures: int
    left_out: int  # files that are no pictures


def unzip_pictures(
    archive: Path, folder: Path, *, limits: UnzipLimits = UnzipLimits(), cancel: threading.Event | None = None
) -> Generator[FilesProgressed, None, Unzipped]:
    """Unpack the pictures of `archive` into the new folder `folder`, which appears whole or not at all.

    A single folder around everything is left away, unless it is called trainA or the like. Hidden files, macOS's
    `__MACOSX` and files that are no pictures, by name or by their first bytes, are left out. Refused whole, before
    anything is written: names that lead out of the folder (`..`, absolute, a drive), links and other special files,
    encryption, more files or bytes than `limits`, a file that unpacks to a hundred times its size, parts that overlap.

    Raises DataError, UsageError (the folder is there already), OutputError, Cancelled.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: this folder exists already and is not empty; name another with --out")
    partial = partial_path(folder.absolute().parent)
    sweep_partials(partial.parent)
    try:
        with _errors_of(archive, folder), ZipFile(archive) as opened:
            members = _checked_members(archive, opened, limits)
            wanted = [(info, parts) for info, parts in members if _is_wanted(parts)]
            if not wanted:
                raise DataError(f"{archive}: there are no pictures in it")
            tops = {parts[0] for _, parts in wanted}
            wrapped = len(tops) == 1 and all(len(parts) > 1 for _, parts in wanted) and not SPLITS.match(tops.pop())
            partial.mkdir(parents=True)
            pictures = 0
            for number, (info, parts) in enumerate(wanted):
                if cancel is not None and cancel.is_set():
                    raise Cancelled("stopped while unpacking; nothing of it was kept")
                if number % REPORT_EVERY == 0:
                    yield FilesProgressed("unpack", number, len(wanted))
                pictures += _unpack(archive, opened, info, partial.joinpath(*parts[wrapped:]))
            if not pictures:
                raise DataError(f"{archive}: its files have names of pictures, but none is a picture")
            if folder.exists():
                folder.rmdir()
            partial.rename(folder)
            yield FilesProgressed("unpack", len(wanted), len(wanted))
        return Unzipped(folder, pictures, len(members) - pictures)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _checked_members(archive: Path, opened: ZipFile, limits: UnzipLimits) -> list[tuple[ZipInfo, tuple[str, ...]]]:
    """Return the archive's files with the parts of their names, each name once. Raises DataError for any trick."""

    def refuse(what: str, info: ZipInfo | None = None) -> DataError:
        where = f" ({info.filename[:80]!r})" if info is not None else ""
        return DataError(f"{archive}: {what}{where}; nothing of it was unpacked")

    listed = opened.infolist()
    if len(listed) > limits.files:
        raise refuse(f"holds {len(listed):,} files, more than {limits.files:,}")
    if sum(info.compress_size for info in listed) > archive.stat().st_size:
        raise refuse("its parts overlap, as in a zip bomb")
    total, members, names = 0, [], set()
    for info in listed:
        parts = _safe_parts(info.filename)
        if parts is None:
            raise refuse("holds a name that leads out of its folder, or that not every system can write", info)
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refuse("holds a link or a special file", info)
        if info.is_dir():
            continue
        total += info.file_size
        if info.flag_bits & 0x1:
            raise refuse("is encrypted", info)
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise refuse("is compressed in a way that is not supported", info)
        if total > limits.bytes or info.file_size > limits.file_bytes:
            raise refuse(f"unpacks to {total / 1e9:.1f} GB or more, as a zip bomb does", info)
        if info.file_size > max(limits.ratio_from_bytes, limits.ratio * info.compress_size):
            raise refuse(f"unpacks to more than {limits.ratio} times its size, as a zip bomb does", info)
        key = unicodedata.normalize("NFC", "/".join(parts)).casefold()  # some disks do not tell A.jpg from a.jpg
        if key not in names:
            names.add(key)
            members.append((info, parts))
    return members


def _safe_parts(name: str) -> tuple[str, ...] | None:
    """Return the parts of a name inside the archive, None where it is not safe on every system."""
    if name.startswith(("/", "\\")) or "\0" in name:
        return None
    parts = tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))
    for part in parts:
        if part == ".." or re.search(r'[<>:"|?*\x00-\x1f]', part) or part[-1] in ". " or len(part.encode()) > 255:
            return None
        if WINDOWS_DEVICES.fullmatch(part):
            return None
    return parts


def _is_wanted(parts: tuple[str, ...]) -> bool:
    if not parts or any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return False
    return Path(parts[-1]).suffix.lower() in SUFFIXES


def _unpack(archive: Path, opened: ZipFile, info: ZipInfo, target: Path) -> bool:
    """Write one file and say whether it is a picture; what is none is removed again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(info) as source, target.open("xb") as file:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > info.file_size:
                raise DataError(f"{archive}: {info.filename!r} is larger than announced; nothing of it was unpacked")
            file.write(chunk)
    if looks_like(target) is Kind.PICTURE:
        return True
    target.unlink()
    return False


@contextmanager
def _errors_of(archive: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError) as error:
        text = " ".join(str(error).split())[:120]
        raise DataError(f"{archive}: not a zip file, or a damaged one ({text or type(error).__name__})") from error
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
