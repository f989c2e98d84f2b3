"""Fetch one file over HTTP(S): resumed where it broke, bounded, checked by hash, put in place whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.error import URLError
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, UnknownHandler

from cgconv.runtime.errors import Cancelled, DownloadError, OutputError, UsageError
from cgconv.runtime.events import DownloadFinished, DownloadProgressed, DownloadRetried, DownloadStarted
from cgconv.runtime.protocol import read_json

DownloadEvent = DownloadStarted | DownloadProgressed | DownloadRetried | DownloadFinished

CHUNK = 256 * 1024
REPORT_EVERY_S = 0.2
MAX_REDIRECTS = 5
WORTH_A_TRY = 64 * 1024  # bytes: a connection that brings less counts as a failed one
DISK_MARGIN = 16 * 1024**2  # bytes left free
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # a later try may go well
NETWORK_ERRORS = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET})
SAFE_IN_PATHS = "/%:=&?~+!$,;'@()*"
USER_AGENT = "cgconv (python-urllib)"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server may ask of us."""

    max_bytes: int = 1024**3
    timeout_s: float = 30.0  # without a single byte
    slowest_bytes_per_s: float = 1024.0
    slow_after_s: float = 60.0  # the pace is judged over this time
    tries: int = 5  # in a row, each with less than 64 KiB
    first_wait_s: float = 1.0  # before the second try; doubles each time
    longest_wait_s: float = 60.0


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    sha256_from: str = "--sha256",
    limits: Limits = Limits(),
    cancel: threading.Event | None = None,
) -> Generator[DownloadEvent, None, DownloadFinished]:
    """Fetch `url` to the file `target`, and return the last event.

    What has come so far lies beside `target` (`.NAME.part`, and `.NAME.part.json` with the server's ETag), so that the
    same call goes on after a break, an error or the end of the process: the server is asked for the rest on the
    condition that its file is still the same (RFC 9110, If-Range). A server that cannot do that is asked for all of
    it. `target` is replaced only by a whole file, whose SHA-256 is `sha256` where that is given; `sha256_from` says in
    the error who wants it. A file that fits `sha256` already is not fetched again. A whole file of another hash stays
    aside: a second call that wants that hash takes it.

    Raises DownloadError (unreachable, refused, too large, too slow, not what was promised), UsageError (no address of
    a file), OutputError (disk full, no permission), Cancelled.
    """
    url = checked_url(url)
    wanted = checked_sha256(sha256) if sha256 else None
    begun = time.monotonic()
    if wanted and target.is_file() and file_sha256(target) == wanted:
        size = target.stat().st_size
        yield (last := DownloadFinished(shown_url(url), target, size, wanted, 0.0, size))
        return last
    hidden = f".{target.name.removeprefix('.')}"
    part, note = target.with_name(f"{hidden}.part"), target.with_name(f"{hidden}.part.json")
    with _errors_of_the_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _locked(note, url) as note_file:
                fetching = _Fetching(url, part, note_file, limits, cancel, checkable=wanted is not None)
                kept = fetching.bytes_done
                yield DownloadStarted(shown_url(url), target, kept)
                if not (wanted and fetching.state.sha256 == wanted):
                    yield from fetching.to_the_end()
                digest = file_sha256(part)
                if wanted and digest != wanted and fetching.is_joined:  # of two files, perhaps: all of it, again
                    yield DownloadRetried(
                        "the resumed download is damaged (wrong hash); all of it is fetched again", 0.0, 0
                    )
                    fetching.begin_anew()
                    kept = 0
                    yield from fetching.to_the_end()
                    digest = file_sha256(part)
                if wanted and digest != wanted:
                    fetching.note_hash(digest)
                    raise DownloadError(_wrong_hash(url, digest, wanted, sha256_from, part))
                size = part.stat().st_size
                part.replace(target)
        except DownloadError:
            if not (part.is_file() and part.stat().st_size):  # nothing came that is worth going on from
                part.unlink(missing_ok=True)
                note.unlink(missing_ok=True)
            raise
        note.unlink(missing_ok=True)
    yield (last := DownloadFinished(shown_url(url), target, size, digest, time.monotonic() - begun, kept))
    return last


def checked_url(url: str) -> str:
    """Return an address that can be sent as it is. Raises UsageError where it is none of a file on the web."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a web address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{url!r} is not a web address: expected http://… or https://…")
    if parts.username is not None or parts.password is not None:
        raise UsageError("addresses with a user name or password are refused, because they would end up in logs")
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError as error:
        raise UsageError(f"{url!r} is not a web address: its host's name is not one") from error
    where = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    path, query = (quote(text, safe=SAFE_IN_PATHS) for text in (parts.path, parts.query))
    return urlunsplit((parts.scheme, where, path or "/", query, ""))


def checked_sha256(text: str) -> str:
    """Return 64 lower-case hexadecimal digits. Raises UsageError."""
    digits = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise UsageError(f"{text!r} is not a SHA-256: expected 64 hexadecimal digits")
    return digits


def shown_url(url: str) -> str:
    """Return an address without its query, which may hold a key: fit for logs, cards and records."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_text(count: float) -> str:
    """Return a size as people say it: 512 bytes, 1.5 kB, 45.6 MB, 1.48 GB."""
    for unit, factor, digits in (("GB", 1e9, 2), ("MB", 1e6, 1), ("kB", 1e3, 1)):
        if count >= factor:
            return f"{count / factor:.{digits}f} {unit}"
    return f"{count:.0f} bytes"


def _wrong_hash(url: str, digest: str, wanted: str, wanted_by: str, part: Path) -> str:
    sentence = f"{shown_url(url)}: its SHA-256 is {digest}, but {wanted_by} says {wanted}; it is not used"
    if wanted_by == "--sha256":
        return sentence
    return f"{sentence} (kept as {part}); if you know that the new one is right, add --sha256 {digest}"


class _BrokenOff(Exception):
    """A connection failed in a way that a later one may not. `wait_s` is what the server asks for."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass
class _State:
    """What is known of a file that has not come in whole, kept beside it. Empty: nothing, begin anew."""

    url: str = ""
    etag: str = ""  # strong ones only
    last_modified: str = ""
    total: int | None = None  # bytes
    sha256: str = ""  # of a whole file that was not the one wanted

    @property
    def validator(self) -> str:
        """What proves to a server that its file is the one that was begun, for If-Range."""
        return self.etag or self.last_modified


class _Fetching:
    """One file on its way: as many connections as it takes."""

    def __init__(
        self, url: str, part: Path, note: BinaryIO, limits: Limits, cancel: threading.Event | None, *, checkable: bool
    ) -> None:
        self.url, self.part, self.note, self.limits, self.cancel = url, part, note, limits, cancel
        self.checkable = checkable  # by a hash that is known: worth resuming without the server's ETag, too
        self.is_joined = True  # of what several connections brought
        self.state = self._kept_state()
        if self.state.url != url or not part.is_file() or part.stat().st_size > limits.max_bytes:
            self.begin_anew()

    @property
    def bytes_done(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def begin_anew(self) -> None:
        """Forget what has come so far."""
        self.part.unlink(missing_ok=True)
        self.is_joined = False
        self.state = _State(url=self.url)
        self._keep_state()

    def note_hash(self, digest: str) -> None:
        """Remember the hash of a whole file that was not the one wanted."""
        self.state.sha256 = digest
        self._keep_state()

    def to_the_end(self) -> Iterator[DownloadProgressed | DownloadRetried]:
        """Fetch until the file is whole."""
        if self.state.sha256:  # whole, and not the one wanted: the server's may have changed since
            self.begin_anew()
        if self.state.total and self.bytes_done == self.state.total:  # the last run ended before it could say so
            return
        failures = 0
        while True:
            before = self.bytes_done
            try:
                yield from self._one_connection()
                return
            except _BrokenOff as error:
                failures = 1 if self.bytes_done - before >= WORTH_A_TRY else failures + 1
                if failures >= self.limits.tries:
                    done = self.bytes_done
                    rest = f"; {bytes_text(done)} are kept; the same command continues from there" if done else ""
                    tried = f" ({failures} tries)" if failures > 1 else ""
                    raise DownloadError(f"{shown_url(self.url)}: {error}{tried}{rest}") from error
                wait_s = max(self.limits.first_wait_s * 2 ** (failures - 1), error.wait_s)
                wait_s = min(wait_s, self.limits.longest_wait_s)
                yield DownloadRetried(str(error), wait_s, self.bytes_done)
                self._wait(wait_s)

    def _one_connection(self) -> Iterator[DownloadProgressed]:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        done = self.bytes_done
        if done and (self.state.validator or self.checkable):
            headers["Range"] = f"bytes={done}-"
            if self.state.validator:
                headers["If-Range"] = self.state.validator
        with _errors_of_the_net(self.url), _open(self.url, headers, self.limits.timeout_s) as response:
            done = self._agree_where_to_begin(response, done, asked_for_rest="Range" in headers)
            yield from self._receive(response, done)

    def _agree_where_to_begin(self, response: http.client.HTTPResponse, done: int, *, asked_for_rest: bool) -> int:
        """Return the byte at which the body begins: `done` or 0. Checks all that the header promises."""
        name, status = shown_url(self.url), response.status
        if status in PASSING:
            raise _BrokenOff(f"the server answers {status} {response.reason}", _retry_after_s(response))
        if status == 416 and asked_for_rest:  # it has less than we hold: another file, or ours is whole and unmarked
            self.begin_anew()
            raise _BrokenOff("the server's file is shorter than what was here already; starting over")
        if status not in (200, 206) or (status == 206 and not asked_for_rest):
            what = {401: "it wants a password", 403: "it refuses access", 404: "it has no such file"}.get(status)
            raise DownloadError(f"{name}: the server answers {status} {response.reason}{f' ({what})' if what else ''}")
        if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise DownloadError(f"{name}: the server sends the file compressed, although it was asked not to")
        if response.headers.get_content_type() == "text/html":
            raise DownloadError(f"{name}: this is the address of a web page, not of a file; look for a direct link")
        etag = response.headers.get("ETag", "")
        etag = etag if etag.startswith('"') else ""  # weak ones (W/"…") do not promise the same bytes
        length = _content_length(response)
        if status == 206:
            total = _total_of_range(response, done)
            changed = (self.state.total not in (None, total)) or (etag and self.state.etag and etag != self.state.etag)
            if total is None or changed:
                self.begin_anew()
                raise _BrokenOff("the server's file has changed since the download began; starting over")
            self.is_joined = True
        else:
            self.begin_anew()
            done, total = 0, length
        self.state.etag = etag or self.state.etag
        self.state.last_modified = response.headers.get("Last-Modified", "") or self.state.last_modified
        self.state.total = total
        if total is not None:
            if total > self.limits.max_bytes:
                self.begin_anew()
                raise DownloadError(
                    f"{name}: {bytes_text(total)}, more than the limit of {bytes_text(self.limits.max_bytes)}"
                )
            free = shutil.disk_usage(self.part.parent).free
            if total - done + DISK_MARGIN > free:
                raise OutputError(
                    f"{self.part.parent}: {bytes_text(total - done)} are still to be downloaded, "
                    f"but only {bytes_text(free)} are free"
                )
        self._keep_state()
        return done

    def _receive(self, response: http.client.HTTPResponse, done: int) -> Iterator[DownloadProgressed]:
        limits, total = self.limits, self.state.total
        pace = _Pace(done)
        judged_at, judged_bytes = time.monotonic(), done
        with self.part.open("ab") as file:
            while chunk := response.read1(CHUNK):  # returns what is there: read() would wait for a slow server
                self._check_cancelled(done)
                done += len(chunk)
                if done > (limits.max_bytes if total is None else min(total, limits.max_bytes)):
                    file.close()
                    self.begin_anew()
                    raise DownloadError(
                        f"{shown_url(self.url)}: the server sends more than the {bytes_text(limits.max_bytes)}"
                        " that are taken"
                        if total is None or total > limits.max_bytes
                        else f"{shown_url(self.url)}: the server sends more than the {total} bytes that it announced"
                    )
                file.write(chunk)
                now = time.monotonic()
                if now - judged_at >= limits.slow_after_s:
                    if (done - judged_bytes) / (now - judged_at) < limits.slowest_bytes_per_s:
                        raise DownloadError(
                            f"{shown_url(self.url)}: the server sends only {bytes_text(done - judged_bytes)} in"
                            f" {now - judged_at:.0f} s; {bytes_text(done)} are kept; repeat the command to continue"
                        )
                    judged_at, judged_bytes = now, done
                if pace.is_time(now):
                    yield pace.event(done, total, now)
            file.flush()
            os.fsync(file.fileno())
        if total is not None and done < total:
            raise _BrokenOff(f"the connection ended after {bytes_text(done)} of {bytes_text(total)}")
        yield pace.event(done, total, time.monotonic())

    def _check_cancelled(self, done: int) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled(f"stopped; {bytes_text(done)} are kept; the same command continues from there")

    def _wait(self, seconds: float) -> None:
        if self.cancel is not None:
            self.cancel.wait(seconds)
        else:
            time.sleep(seconds)
        self._check_cancelled(self.bytes_done)

    def _kept_state(self) -> _State:
        try:
            self.note.seek(0)
            values = read_json(self.note.read() or b"{}")
            known = {key: value for key, value in values.items() if key in _State.__dataclass_fields__}
            if not all(isinstance(value, str) for key, value in known.items() if key != "total"):
                return _State()
            return _State(**known) if isinstance(known.get("total"), int | None) else _State()
        except (ValueError, AttributeError):  # cut off by a crash, or not ours: begin anew
            return _State()

    def _keep_state(self) -> None:
        self.note.seek(0)
        self.note.truncate()
        self.note.write(json.dumps(asdict(self.state)).encode())
        self.note.flush()


class _Pace:
    """Bytes a second over the last ten seconds."""

    def __init__(self, done: int) -> None:
        self._samples = deque([(time.monotonic(), done)], maxlen=50)

    def is_time(self, now: float) -> bool:
        return now - self._samples[-1][0] >= REPORT_EVERY_S

    def event(self, done: int, total: int | None, now: float) -> DownloadProgressed:
        began, bytes_then = self._samples[0]
        self._samples.append((now, done))
        rate = (done - bytes_then) / max(now - began, 1e-6)
        left = (total - done) / rate if total is not None and rate > 0 else None
        return DownloadProgressed(done, total, rate, left)


def _opener() -> OpenerDirector:
    """Return what speaks HTTP and HTTPS, through the proxies that the environment names, and nothing else."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(), UnknownHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener


@contextmanager
def _open(url: str, headers: dict[str, str], timeout_s: float) -> Iterator[http.client.HTTPResponse]:
    """Give the response, after redirects that lead nowhere else than HTTP(S) and never from HTTPS back to HTTP."""
    opener, first = _opener(), url
    for _ in range(MAX_REDIRECTS + 1):
        response = opener.open(Request(url, headers=headers), timeout=timeout_s)
        assert isinstance(response, http.client.HTTPResponse)
        with response:
            if response.status not in REDIRECTS:
                yield response
                return
            location = response.headers.get("Location", "")
        if not location:
            raise DownloadError(f"{shown_url(first)}: the server redirects, but does not say where")
        following = urljoin(url, location)
        scheme = urlsplit(following).scheme.lower()
        if scheme not in ("http", "https"):
            raise DownloadError(f"{shown_url(first)}: redirects to {scheme or 'no'}://, which is not followed")
        if urlsplit(url).scheme == "https" and scheme == "http":
            raise DownloadError(f"{shown_url(first)}: redirects from https to http, which is not followed")
        try:
            url = checked_url(following)
        except UsageError as error:
            raise DownloadError(f"{shown_url(first)}: redirects to something that is not a web address") from error
    raise DownloadError(f"{shown_url(first)}: redirects more than {MAX_REDIRECTS} times")


def _content_length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() and response.headers.get("Transfer-Encoding") is None else None


def _total_of_range(response: http.client.HTTPResponse, begins_at: int) -> int | None:
    """Return the whole file's size where the body is the rest from `begins_at`, else None."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, total = (int(number) for number in match.groups())
    return total if first == begins_at and last == total - 1 else None


def _retry_after_s(response: http.client.HTTPResponse) -> float:
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isdecimal() else 0.0


@contextmanager
def _errors_of_the_net(url: str) -> Iterator[None]:
    """Translate what urllib, http.client, ssl and sockets raise: into _BrokenOff where another try may go well."""
    name = shown_url(url)
    try:
        yield
    except URLError as error:  # before there is a response
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DownloadError(f"{name}: the server's certificate is not trusted: {reason.verify_message}") from error
        if isinstance(reason, socket.gaierror):
            raise DownloadError(f"{name}: there is no server of that name, or no way to the network") from error
        if isinstance(reason, ConnectionRefusedError):
            raise DownloadError(f"{name}: the server refuses the connection") from error
        if isinstance(reason, OSError):
            raise _BrokenOff(_network_reason(reason)) from error
        raise DownloadError(f"{name}: cannot be reached ({reason})") from error
    except http.client.IncompleteRead as error:
        raise _BrokenOff("the connection ended in the middle") from error
    except http.client.InvalidURL as error:
        raise DownloadError(f"{name}: this is not a web address ({error})") from error
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError) or error.errno in NETWORK_ERRORS:
            raise _BrokenOff(_network_reason(error)) from error
        raise  # the disk's
    except (http.client.HTTPException, ValueError) as error:
        text = " ".join(str(error).split())[:100]
        raise _BrokenOff(f"the server does not answer as a web server does ({text or type(error).__name__})") from error


def _network_reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    if isinstance(error, ConnectionError):
        return "the server cut the connection"
    return f"the connection failed ({error.strerror or error})"


@contextmanager
def _errors_of_the_disk(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full; what has come so far is kept" if full else error.strerror or str(error)
        raise OutputError(f"{target} cannot be written: {what}") from error


@contextmanager
def _locked(note: Path, url: str) -> Iterator[BinaryIO]:
    """Open the file beside a part for this process alone; the system frees it however the process ends."""
    with note.open("a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(2**30)  # far behind its end, so that the lock is not in the way of reading
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise UsageError(f"{shown_url(url)}: another cgconv is fetching this right now") from error
        yield file
