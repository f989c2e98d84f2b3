"""Know what can be downloaded by name: from where, under what terms, and what its hash should be."""

from __future__ import annotations

import datetime
import difflib
import json
import os
import re
import threading
from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from cgconv.runtime.errors import OutputError, UsageError
from cgconv.runtime.events import DownloadFinished
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import cache_folder, data_folder
from cgconv.runtime.protocol import read_json

from .download import DownloadEvent, Limits, checked_sha256, checked_url, download, shown_url


class Kind(StrEnum):
    """What is fetched."""

    MODEL = "models"
    DATA = "data"


# An official model has 46 MB and an ONNX file may have 1 GiB; the largest data set has 1.5 GB.
LIMITS = {Kind.MODEL: Limits(max_bytes=1024**3), Kind.DATA: Limits(max_bytes=4 * 1024**3)}
BASE_URL_VARIABLES = {Kind.MODEL: "CGCONV_MODELS_URL", Kind.DATA: "CGCONV_DATA_URL"}

FILE_SUFFIX = re.compile(r"\.(pth|pt|ckpt|pkl|model|tar|bin|safetensors|onnx|zip)$", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """Something to fetch. `title`, `licence` and `data` are empty where it was given by its address."""

    kind: Kind
    name: str
    url: str
    title: str = ""
    licence: str = ""  # what is known of it, in a sentence
    data: str = ""  # what it is made of, and the terms of that
    bytes: int | None = None
    sha256: str | None = None
    sha256_from: str = ""  # who says so

    @property
    def terms(self) -> list[str]:
        """Sentences to show before it is used."""
        if not self.licence:
            return [f"{shown_url(self.url)} is not on cgconv's list; check its license terms yourself."]
        return [self.licence, f"Made of {self.data}. Check yourself whether your use of it is allowed."]


@dataclass(frozen=True)
class Expected:
    """The SHA-256 that a file must have, and who says so; None where nobody does yet."""

    sha256: str | None
    said_by: str


def list_entries(kind: Kind, *, base_url: str | None = None) -> list[Entry]:
    """Return what can be fetched by name. `base_url` (or CGCONV_MODELS_URL, CGCONV_DATA_URL) names another server."""
    table = _table()
    group = table[kind.value]
    base = checked_url(base_url or os.environ.get(BASE_URL_VARIABLES[kind]) or group["base_url"]).rstrip("/")
    return [
        Entry(
            kind,
            name,
            f"{base}/{name}{group['suffix']}",
            item["title"],
            f"By {group['makers']}. {group['terms']}",
            table["made_of"][item["made_of"]],
            item.get("bytes"),
            item.get("sha256"),
            group.get("hashes_from", ""),
        )
        for name, item in group["items"].items()
    ]


def find_entry(kind: Kind, name_or_url: str, *, base_url: str | None = None) -> Entry:
    """Return what a name of the list, or an address, means. Raises UsageError with the nearest names."""
    if "://" in name_or_url:
        url = checked_url(name_or_url)
        return Entry(kind, FILE_SUFFIX.sub("", file_name(url)), url)
    entries = {entry.name: entry for entry in list_entries(kind, base_url=base_url)}
    if name_or_url in entries:
        return entries[name_or_url]
    near = difflib.get_close_matches(name_or_url.lower(), entries, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]}?)" if near else ""
    what = "model" if kind is Kind.MODEL else "data set"
    raise UsageError(
        f"cgconv's list has no {what} named {name_or_url!r}{hint}; there is: {', '.join(entries)};"
        " or give an address that begins with http:// or https://"
    )


def file_name(url: str) -> str:
    """Return the last part of an address as a file's name that is safe on every system; "" where it has none."""
    last = PurePosixPath(unquote(urlsplit(url).path)).name
    return re.sub(r"[^\w.+-]", "_", last).lstrip(".")[-100:]


def expected_sha256(entry: Entry, given: str | None) -> Expected:
    """Return the hash to insist on: the user's, else that of the last download accepted, else a published one."""
    if given:
        return Expected(checked_sha256(given), "--sha256")
    seen = _record().get(shown_url(entry.url))
    if seen is not None:
        return Expected(seen["sha256"], f"the last download from there, on {seen['date']},")
    return Expected(entry.sha256, entry.sha256_from)


def fetch(
    entry: Entry,
    target: Path,
    *,
    sha256: str | None = None,
    limits: Limits | None = None,
    cancel: threading.Event | None = None,
) -> Generator[DownloadEvent, None, DownloadFinished]:
    """Fetch `entry` to `target`, insisting on the hash that is known for it; `accept` it when it has proved good.

    Raises what `download` raises.
    """
    expected = expected_sha256(entry, sha256)
    return (
        yield from download(
            entry.url,
            target,
            sha256=expected.sha256,
            sha256_from=expected.said_by,
            limits=limits or LIMITS[entry.kind],
            cancel=cancel,
        )
    )


def download_folder() -> Path:
    """Return where files of models lie until they are imported (it need not exist)."""
    return cache_folder() / "downloads"


def record_path() -> Path:
    """Return the file that remembers what was downloaded from where, and its hash (it need not exist)."""
    return data_folder() / "downloads.json"


def _record() -> dict[str, dict[str, Any]]:  # Any: JSON values
    """Return address → sha256, bytes, date. A record that cannot be read counts as none that says otherwise."""
    try:
        values = read_json(record_path().read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # silence here would let a changed file pass
        raise OutputError(
            f"{record_path()}: cannot be read ({error}); repair it, or delete it to start over"
        ) from error
    return {
        url: seen
        for url, seen in (values.items() if isinstance(values, dict) else [])
        if isinstance(seen, dict) and {"sha256", "date"} <= seen.keys() and re.fullmatch("[0-9a-f]{64}", seen["sha256"])
    }


def accept(entry: Entry, finished: DownloadFinished) -> None:
    """Remember the hash of a file that was what it should be: later ones from there must have the same."""
    record, url = _record(), shown_url(entry.url)
    seen = record.get(url)
    if seen is not None and seen["sha256"] == finished.sha256:
        return
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    record[url] = {"sha256": finished.sha256, "bytes": finished.bytes, "date": today}
    write_atomically(record_path(), (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())


@cache
def _table() -> dict[str, Any]:  # Any: JSON values
    table: dict[str, Any] = json.loads((Path(__file__).parent / "downloads.json").read_text(encoding="utf-8"))
    return table
