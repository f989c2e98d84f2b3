"""Keep compiled engines between runs, in a folder that only the user can read and write.

An engine is executable code. What is handed out was put there by this user's cgconv, on this GPU, driver and TensorRT,
and is whole: beside `KEY.engine` lies `KEY.json` with every fact that the engine depends on and its SHA-256, sealed by
an HMAC with a secret that is made once for each user and lies in another folder. So a damaged engine, one that was
changed, and one that was brought from elsewhere with a sidecar that fits are all refused before TensorRT sees them.
Somebody who can read and write as the user can make seals too: against that nothing here helps.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cgconv.runtime.errors import Cancelled, OutputError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import cache_folder, data_folder
from cgconv.runtime.lock import Lock, is_held

from .shapes import Profiles, Shape, as_json, described, from_json

_log = logging.getLogger(__name__)

FORMAT = 1  # of the sidecar, and of what is built into an engine: a new number makes all old engines strangers
LARGEST_ENGINE_BYTES = 4 << 30
_LARGEST_SIDECAR_BYTES = 1 << 16
_LOCK_POLL_S = 0.1
_HAS_OWNERS = hasattr(os, "geteuid")  # on Windows the profile's access list keeps others out


@dataclass(frozen=True)
class EngineKey:
    """What an engine depends on besides the shapes. `graph` is the SHA-256 of the specialized graph."""

    graph: str
    precision: str
    tensorrt: str  # full version
    gpu: str  # name and compute capability
    driver: str

    def name(self, profiles: Profiles) -> str:
        """Return the key in full: the SHA-256 of all this and the shapes."""
        return hashlib.sha256(_canonical({"format": FORMAT, **asdict(self), "profiles": as_json(profiles)})).hexdigest()


@dataclass(frozen=True)
class StoredEngine:
    """An engine in the cache, or the note that one was refused (`engine_bytes` 0). `problem`: why it is not used."""

    name: str
    path: Path
    key: EngineKey | None = None
    profiles: Profiles = ()
    model: str = ""
    engine_bytes: int = 0
    engine_sha256: str = ""
    decibels: float = 0.0
    level: int = 0
    build_s: float = 0.0
    made: str = ""
    problem: str | None = None

    @property
    def size(self) -> str:
        """The pictures it is for, in words."""
        return described(self.profiles) if self.profiles else ""


def engines_folder() -> Path:
    """Return where engines lie (it need not exist)."""
    return cache_folder() / "engines"


class EngineCache:
    """The engines of this user. Whatever cannot be used is passed over, so that it is built again."""

    def __init__(self, folder: Path | None = None, secret_file: Path | None = None) -> None:
        self.folder = folder or engines_folder()
        data = data_folder()
        self._secret_file = secret_file or data / "engine-seal.secret"
        self._secret_bytes: bytes | None = None

    def find(self, key: EngineKey, shape: Shape) -> list[StoredEngine]:
        """Return what can run a batch of this shape, the best first: for one size before for many, the newest first."""
        fitting = [
            entry
            for entry in self._entries()
            if entry.key == key and entry.engine_bytes and any(one.covers(shape) for one in entry.profiles)
        ]
        fitting.sort(key=lambda entry: entry.made, reverse=True)
        return sorted(fitting, key=lambda entry: (not entry.profiles[0].is_one_size, entry.profiles[-1].largest))

    def read(self, entry: StoredEngine) -> bytes | None:
        """Return an engine, or None where the file is not what its sidecar says: then it has to be built again."""
        data = self._read_private(entry.path, LARGEST_ENGINE_BYTES)
        if data is None or len(data) != entry.engine_bytes:
            return None
        if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), entry.engine_sha256):
            _log.warning("%s was changed; the engine is built again", entry.path)
            return None
        return data

    def get(self, key: EngineKey, profiles: Profiles) -> StoredEngine | None:
        """Return the entry of exactly these shapes: an engine, or the note that one was refused."""
        entry = self._entry(key.name(profiles))
        return entry if entry is not None and entry.problem is None and entry.key == key else None

    def store(
        self,
        key: EngineKey,
        profiles: Profiles,
        engine: bytes,
        *,
        model: str,
        decibels: float,
        level: int,
        build_s: float,
    ) -> StoredEngine:
        """Put an engine in its place; an empty one notes that it was refused, with how far off it was.

        Raises:
            OutputError: the folder is not the user's alone, or cannot be written.
        """
        self._prepare_folder()
        name = key.name(profiles)
        path = self.folder / f"{name}.engine"
        values: dict[str, Any] = {  # Any: JSON values
            "format": FORMAT,
            "key": asdict(key),
            "profiles": as_json(profiles),
            "model": model,
            "engine_bytes": len(engine),
            "engine_sha256": hashlib.sha256(engine).hexdigest(),
            "decibels": round(decibels, 2),
            "level": level,
            "build_s": round(build_s, 1),
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        # The engine before its sidecar: between the two, the old sidecar does not fit and the engine is not used.
        if engine:
            _write(path, engine)
        else:
            path.unlink(missing_ok=True)
        self._write_sidecar(name, values)
        entry = self._entry(name)
        if entry is None or entry.problem is not None:
            raise OutputError(f"{path}: was stored, but cannot be read back")
        return entry

    def read_timing(self, key: EngineKey) -> bytes:
        """Return the kernel timings that earlier builds on this GPU left, b"" without any that can be trusted."""
        name = _timing_name(key)
        values = self._sealed(name)
        data = self._read_private(self.folder / f"{name}.timing", LARGEST_ENGINE_BYTES)
        if values is None or data is None or values.get("timing_sha256") != hashlib.sha256(data).hexdigest():
            return b""
        return data

    def store_timing(self, key: EngineKey, timings: bytes) -> None:
        """Keep kernel timings for the next build. Raises OutputError as store does."""
        self._prepare_folder()
        name = _timing_name(key)
        _write(self.folder / f"{name}.timing", timings)
        self._write_sidecar(name, {"format": FORMAT, "timing_sha256": hashlib.sha256(timings).hexdigest()})

    def engines(self) -> list[StoredEngine]:
        """Return everything that lies there, what cannot be used with the reason, by model and size."""
        return sorted(self._entries(with_problems=True), key=lambda entry: (entry.model, entry.size, entry.name))

    def total_bytes(self) -> int:
        """Return what all files together take."""
        return sum(path.stat().st_size for path in self._files())

    def clear(self) -> tuple[int, int]:
        """Delete everything and return how many engines and bytes that was. Raises OutputError."""
        engines = freed = 0
        for path in self._files():
            try:
                size = path.lstat().st_size
                if path.suffix == ".lock" and is_held(path):
                    continue  # an engine is being built
                path.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"{path}: could not be deleted ({error.strerror or error})") from error
            freed += size
            engines += path.suffix == ".engine"
        return engines, freed

    @contextmanager
    def lock(
        self, key: EngineKey, profiles: Profiles, *, is_cancelled: Callable[[], bool], waiting: Callable[[float], None]
    ) -> Iterator[None]:
        """Hold the right to build one engine; `waiting` is told the seconds while another process has it.

        The system takes the lock from a process that ends, however it ends: no lock outlives its owner.

        Raises:
            Cancelled: while waiting. OutputError: as store.
        """
        self._prepare_folder()
        lock = Lock(self.folder / f"{key.name(profiles)}.lock")
        began = time.monotonic()
        while not lock.take():
            if is_cancelled():
                raise Cancelled("stopped while another process was building the engine")
            waiting(time.monotonic() - began)
            time.sleep(_LOCK_POLL_S)
        try:
            yield
        finally:
            lock.release()

    # --- sidecars

    def _entries(self, *, with_problems: bool = False) -> list[StoredEngine]:
        if self._folder_problem() is not None:
            return []
        names = {path.stem for path in self._files() if path.suffix in (".engine", ".json")}
        entries = [self._entry(name) for name in sorted(names) if not name.startswith("timing-")]
        return [entry for entry in entries if entry is not None and (with_problems or entry.problem is None)]

    def _entry(self, name: str) -> StoredEngine | None:
        path = self.folder / f"{name}.engine"
        values = self._sealed(name)
        if values is None:
            is_there = path.is_file()
            problem = "not made here, damaged or changed; it is built again when it is needed"
            found = path.stat().st_size if is_there else 0
            return StoredEngine(name, path, engine_bytes=found, problem=problem) if is_there else None
        try:
            key = EngineKey(**values["key"])
            profiles = from_json(values["profiles"])
            entry = StoredEngine(
                name,
                path,
                key,
                profiles,
                str(values["model"]),
                int(values["engine_bytes"]),
                str(values["engine_sha256"]),
                float(values["decibels"]),
                int(values["level"]),
                float(values["build_s"]),
                str(values["made"]),
            )
        except (KeyError, TypeError, ValueError):
            return StoredEngine(name, path, problem="made by another version of cgconv")
        if values.get("format") != FORMAT or key.name(profiles) != name:
            return StoredEngine(name, path, problem="made by another version of cgconv")
        return entry

    def _sealed(self, name: str) -> dict[str, Any] | None:  # Any: JSON values
        """Return a sidecar's values where its seal is ours."""
        data = self._read_private(self.folder / f"{name}.json", _LARGEST_SIDECAR_BYTES)
        try:
            values = json.loads(data or b"")
            seal = str(values.pop("seal"))
        except (ValueError, KeyError, AttributeError, TypeError):
            return None
        secret = self._secret(create=False)
        if secret is None or not hmac.compare_digest(self._seal(secret, name, values), seal):
            return None
        return dict(values)

    def _write_sidecar(self, name: str, values: dict[str, Any]) -> None:  # Any: JSON values
        secret = self._secret(create=True)
        assert secret is not None  # it was just made, or OutputError raised
        sealed = {**values, "seal": self._seal(secret, name, values)}
        _write(self.folder / f"{name}.json", json.dumps(sealed, indent=1).encode())

    @staticmethod
    def _seal(secret: bytes, name: str, values: dict[str, Any]) -> str:  # Any: JSON values
        return hmac.new(secret, name.encode() + b"\0" + _canonical(values), hashlib.sha256).hexdigest()

    def _secret(self, *, create: bool) -> bytes | None:
        if self._secret_bytes is None:
            self._secret_bytes = self._read_secret()
        if self._secret_bytes is None and create:
            _make_secret(self._secret_file)
            self._secret_bytes = self._read_secret()
            if self._secret_bytes is None:
                raise OutputError(f"{self._secret_file}: other users can read it, or it is damaged; delete it")
        return self._secret_bytes

    def _read_secret(self) -> bytes | None:
        data = self._read_private(self._secret_file, 64, private=True)
        return data if data is not None and len(data) == 32 else None

    # --- files

    def _files(self) -> list[Path]:
        """Return the cache's files; nothing that somebody else put there by another name."""
        try:
            found = sorted(self.folder.iterdir())
        except OSError:
            return []
        own = (".engine", ".json", ".timing", ".lock")
        return [path for path in found if path.suffix in own or path.name.startswith(".cgconv-")]

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            state = self.folder.stat()
            if _HAS_OWNERS and state.st_uid == os.geteuid() and stat.S_IMODE(state.st_mode) & 0o077:
                _log.info("%s was open to other users; it is closed to them now", self.folder)
                self.folder.chmod(0o700)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be made ({error.strerror or error})") from error
        problem = self._folder_problem()
        if problem is not None:
            raise OutputError(problem)

    def _folder_problem(self) -> str | None:
        """Return why nothing may be read from the folder: another user's, or open to others."""
        try:
            state = self.folder.stat()
        except OSError:
            return f"{self.folder}: is not there"
        if not stat.S_ISDIR(state.st_mode):
            return f"{self.folder}: this is not a folder; remove it"
        if _HAS_OWNERS and state.st_uid != os.geteuid():
            return f"{self.folder}: belongs to another user; engines are kept in a folder of your own only"
        if _HAS_OWNERS and stat.S_IMODE(state.st_mode) & 0o077:
            return f"{self.folder}: other users can open it; close it to them with chmod 700"
        return None

    @staticmethod
    def _read_private(path: Path, limit: int, *, private: bool = False) -> bytes | None:
        """Return a file that is ours and that nobody else can write (`private`: nor read), or None."""
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
                return None
            others = 0o077 if private else 0o022
            if _HAS_OWNERS and (state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & others):
                return None
            try:
                return file.read()
            except OSError:
                return None


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, data)
    try:
        path.chmod(0o600)  # many systems let a user's group write new files
    except OSError as error:
        raise OutputError(f"{path} cannot be closed to others: {error.strerror or error}") from error


def _canonical(values: dict[str, Any]) -> bytes:  # Any: JSON values
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def _timing_name(key: EngineKey) -> str:
    facts = {"format": FORMAT, "tensorrt": key.tensorrt, "gpu": key.gpu, "driver": key.driver}
    return f"timing-{hashlib.sha256(_canonical(facts)).hexdigest()}"


def _make_secret(path: Path) -> None:
    """Make the secret whole and readable by the user alone, or leave the one that another process has just made."""
    partial = path.with_name(f".cgconv-{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)  # unlike a rename, never replaces the one that is there
        except FileExistsError:
            if path.stat().st_size == 32 and (not _HAS_OWNERS or not stat.S_IMODE(path.stat().st_mode) & 0o077):
                return
            partial.replace(path)  # damaged, or read by others: all seals are void
        except OSError:  # a file system without links
            partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
