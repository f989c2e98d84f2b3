"""Take a file from outside: count its bytes, have a worker say what it is, and keep all of it or nothing."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

from cgconv.runtime import requests
from cgconv.runtime.events import FileExamined, FilesFound

from .problems import Problem
from .records import Upload
from .store import Store
from .worker_process import Worker, WorkerDied, WorkerRefused

BEFORE_EDGE_PX = 1024  # of the picture that stands for an upload or a result
BEFORE = "before.jpg"
LONGEST_NAME = 200


class Uploads:
    """Takes files in. The worker is asked one thing at a time, so it dies of the file that it looks at."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self._store, self._worker = store, worker
        self._on_their_way = 0

    async def receive(self, name: str, length: int | None, chunks: AsyncIterator[bytes]) -> Upload:
        """Return the file as an upload. Raises Problem; nothing of it is left then."""
        limits = self._store.limits
        if len(self._store.uploads) + self._on_their_way >= limits.uploads:
            raise Problem(429, "too_many_uploads", f"{limits.uploads} uploads are kept already; remove some")
        most = limits.upload_bytes
        if length is not None and length > most:
            raise Problem(413, "too_large", f"the file is larger than {most / 1e6:.0f} MB, which is the limit")
        reserved = most if length is None else length
        self._store.check_room(reserved)
        self._on_their_way += 1
        self._store.reserved_bytes += reserved
        folder = self._store.new_upload_folder()
        try:
            file = folder / f"source{safe_suffix(name)}"
            size = await self._write(file, chunks, most if length is None else min(most, length))
            upload = await self._look_at(shown_name(name), file, size)
            self._store.add_upload(upload, folder)
            return upload
        finally:
            self._on_their_way -= 1
            self._store.reserved_bytes -= reserved
            if folder.exists():
                self._store.discard(folder)

    async def _write(self, file: Path, chunks: AsyncIterator[bytes], most: int) -> int:
        """Write the file and return its size. Raises Problem."""
        size, stall_s = 0, self._store.limits.stall_s
        with file.open("xb") as opened:
            while True:
                try:
                    chunk = await asyncio.wait_for(anext(chunks, None), stall_s)
                except TimeoutError:
                    raise Problem(408, "stalled", f"nothing more of the file came for {stall_s:g} s") from None
                if chunk is None:
                    break
                size += len(chunk)
                if size > most:
                    limit = self._store.limits.upload_bytes / 1e6
                    raise Problem(413, "too_large", f"the file is larger than {limit:.0f} MB, or than was announced")
                opened.write(chunk)
        if not size:
            raise Problem(400, "empty", "the file is empty")
        return size

    async def _look_at(self, name: str, file: Path, size: int) -> Upload:
        """Return what the worker finds the file to be. Raises Problem."""
        limits = self._store.limits
        kind = await self._kind(file, name)
        seen = await examine(self._worker, file, kind, name)
        if seen.problem or seen.width is None or seen.height is None or seen.thumbnail is None:
            raise Problem(422, "unreadable", without_paths(seen.problem, {file: name}))
        megapixels = seen.width * seen.height / 1e6
        if megapixels > limits.megapixels:
            raise Problem(
                422, "too_many_pixels", f"{megapixels:.1f} megapixels are more than {limits.megapixels:g}, the limit"
            )
        if (seen.seconds or 0) > limits.film_s:
            raise Problem(422, "too_long", f"the film is longer than {limits.film_s:g} s, which is the limit")
        take(seen.thumbnail, file.with_name(BEFORE))
        return Upload(
            id=secrets.token_hex(16),
            name=name,
            file=file.name,
            kind=kind,
            bytes=size,
            width=seen.width,
            height=seen.height,
            seconds=seen.seconds,
            frames=seen.frames,
            created_s=self._store.now(),
        )

    async def _kind(self, file: Path, name: str) -> str:
        try:
            async with aclosing(self._worker.answers(requests.Scan((file,)))) as answers:
                async for event in answers:
                    if isinstance(event, FilesFound) and event.files:
                        return event.files[0].kind
        except (WorkerDied, WorkerRefused) as error:
            raise Problem(422, "unreadable", f"{name}: {error}") from error
        raise Problem(415, "unknown_kind", f"{name}: not a picture or film that cgconv knows")


async def examine(worker: Worker, file: Path, kind: str, name: str) -> FileExamined:
    """Return what a file is, with a picture of it; its `problem` says what went wrong, the worker's death too."""
    try:
        async with aclosing(worker.answers(requests.Examine(file, kind, BEFORE_EDGE_PX))) as answers:
            async for event in answers:
                if isinstance(event, FileExamined):
                    return event
    except WorkerDied:
        return FileExamined(file, problem=f"{name}: the program that reads it ended on it; it may be damaged")
    except WorkerRefused as error:
        return FileExamined(file, problem=str(error))
    return FileExamined(file, problem=f"{name}: nothing was found out about it")


def take(made: Path, place: Path) -> None:
    """Move what a worker made out of its cache, where nobody would delete it by its age."""
    try:
        made.replace(place)
    except OSError:  # another file system
        partial = place.with_name(f".{place.name}")
        shutil.copyfile(made, partial)
        partial.replace(place)
        made.unlink(missing_ok=True)


def safe_suffix(name: str) -> str:
    """Return the suffix of a name from outside where it is a plain one: nothing else of a name enters a path."""
    found = re.search(r"\.[A-Za-z0-9]{1,5}\Z", name)
    return found[0].lower() if found else ""


def shown_name(name: str) -> str:
    """Return a name as it is shown: without folders and what cannot be printed, and not too long."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(character if character.isprintable() else "�" for character in last).strip(" .")
    if len(printable) <= LONGEST_NAME:
        return printable or "file"
    suffix = safe_suffix(printable)
    return printable[: LONGEST_NAME - len(suffix)] + suffix


def without_paths(sentence: str, names: dict[Path, str]) -> str:
    """Return a worker's sentence with what files are called in place of where they lie on the server."""
    for path, name in names.items():
        sentence = sentence.replace(str(path), name)
    return sentence
