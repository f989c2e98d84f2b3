"""Try faults one after the other in child processes with limits, and count what went wrong.

What is tried is described in rows: `Mutations` change the bytes of small valid files, `Trials` do something harmful of
their own (kills, a full disk). A try follows from the seed, the row's name and its number, so each can be had again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

LIMIT_S = 20.0  # of a try: of processor time, or of waiting for nothing. Waiting for a processor does not count.
LIMIT_BYTES = 1_500_000_000  # resident, of the child and all below it
SHORT_LIVES = 150  # tries that a child does before another takes its place, so that leaks do not add up
POLL_S = 0.02
LOOK_S = 0.2  # between two looks at whether anything of it runs
SLOWEST_START_S = 120.0


class Wrong(Exception):
    """What was tried did not end as promised; the text says how."""


class Lost(Wrong):
    """Something of the user's that was there, or was paid for with time, is gone."""


@dataclass(frozen=True)
class Edit:
    """A change to a file's bytes: those from `at` to `until` become `data`. Ends past the file mean its end."""

    at: int
    until: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.at}:{self.until}={self.data[:24].hex() or 'nothing'}"


Change = Callable[[bytes, Random], list[Edit]]


@dataclass(frozen=True, kw_only=True)
class Mutations:
    """Small valid files, their bytes changed at random, given to what reads them.

    `make` writes the valid files into a folder and returns them. `attempt` is called in a child process with a changed
    file and a folder that is for its results: it uses the file as a user would. What raises CgconvError is refused,
    which is as it should be; any other exception is wrong, and so is a hidden or partial file among the results.
    `change` chooses the edits. Both functions stand at the top of a module that the child can import.
    """

    name: str
    tries: int
    make: Callable[[Path], Sequence[Path]]
    attempt: Callable[[Path, Path], None]
    change: Change
    limit_s: float = LIMIT_S


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Something harmful: `attempt` does it in a child process, in an empty folder, and raises Wrong or Lost.

    It draws from the given random numbers alone, and says in the exception what it drew.
    """

    name: str
    tries: int
    attempt: Callable[[Random, Path], None]
    limit_s: float = LIMIT_S


Row = Mutations | Trials


@dataclass
class Count:
    """What came of a row. `findings` are sentences, each with what is needed to see it again."""

    tries: int = 0
    refused: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


def byte_edits(data: bytes, random: Random) -> list[Edit]:
    """Return one to four changes of the kinds that damage and malice make: bits, bytes, numbers, cuts, repeats."""
    return [_byte_edit(data, random) for _ in range(random.choice((1, 1, 1, 2, 3, 4)))]


def _byte_edit(data: bytes, random: Random) -> Edit:
    size = max(len(data), 1)
    # The beginning of a file says most about the rest of it.
    at = random.randrange(min(size, 256)) if random.random() < 0.5 else random.randrange(size)
    match random.randrange(8):
        case 0:
            return Edit(at, at + 1, bytes([data[at] ^ (1 << random.randrange(8))]) if data else b"\0")
        case 1:
            return Edit(at, at + 1, bytes([random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, random.randrange(256)))]))
        case 2:
            width = random.choice((2, 4, 8))
            number = random.choice((0, 1, 2, -1, 1 << 15, (1 << 31) - 1, 1 << 31, 0xFFFFFFF0, 10**10))
            order = random.choice(("little", "big"))
            return Edit(at, at + width, (number % (1 << 8 * width)).to_bytes(width, order))  # type: ignore[arg-type]
        case 3:
            return Edit(at, at + random.randrange(1, 65), b"")
        case 4:
            return Edit(at, size, b"")
        case 5:
            return Edit(at, at, random.randbytes(random.randrange(1, 65)))
        case 6:
            length = random.randrange(1, 257)
            return Edit(at, at, data[at : at + length] * random.choice((1, 2, 16)))
        case _:
            length = random.randrange(1, 65)
            other = random.randrange(size)
            return Edit(at, at + length, data[other : other + length])


def applied(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return the bytes after the edits, one after the other."""
    for edit in edits:
        data = data[: edit.at] + edit.data + data[edit.until :]
    return data


def run_rows(
    rows: Sequence[Row],
    *,
    module: str,
    seed: int,
    keep: Path,
    processes: int = 2,
    until: float | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Count]:
    """Do all tries of the rows and return their counts.

    `module` is what the child imports to find the rows again (`rows()` in it). Inputs that went wrong are kept in
    `keep`, with as few changes as show it. No try begins after `until`, on the clock of time.monotonic.
    """
    counts = {row.name: Count() for row in rows}
    lock = threading.Lock()
    with tempfile.TemporaryDirectory(prefix="cgconv-faults-") as name:
        home = Path(name)
        seeds = {row.name: _valid_files(row, home) for row in rows if isinstance(row, Mutations)}
        waiting: queue.SimpleQueue[tuple[Row, int]] = queue.SimpleQueue()
        for row in rows:
            for number in range(row.tries):
                waiting.put((row, number))

        def work(worker: int) -> None:
            child = _Child(module, home / f"child-{worker}")
            try:
                while until is None or time.monotonic() < until:
                    try:
                        row, number = waiting.get_nowait()
                    except queue.Empty:
                        return
                    began = time.monotonic()
                    tried = _Try(row, seed, number, seeds.get(row.name, ()), child, keep)
                    kind, finding = tried.judge()
                    with lock:
                        count = counts[row.name]
                        count.tries += 1
                        count.seconds += time.monotonic() - began
                        count.refused += kind == "refused"
                        count.lost += kind == "lost"
                        count.wrong += kind == "wrong"
                        if finding:
                            count.findings.append(finding)
                            tell(finding)
            finally:
                child.end()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return counts


def table(counts: dict[str, Count]) -> str:
    """Return the counts as the table that is printed."""
    lines = [f"{'fault':<44} {'tries':>6} {'refused':>8} {'lost':>5} {'wrong':>6} {'time':>8}"]
    total = Count()
    for name, count in counts.items():
        lines.append(_line(name, count))
        for part in ("tries", "refused", "lost", "wrong", "seconds"):
            setattr(total, part, getattr(total, part) + getattr(count, part))
    return "\n".join([*lines, _line("all", total)])


def _line(name: str, count: Count) -> str:
    return f"{name:<44} {count.tries:>6} {count.refused:>8} {count.lost:>5} {count.wrong:>6} {count.seconds:>6.0f} s"


def _valid_files(row: Mutations, home: Path) -> list[Path]:
    folder = home / "valid" / _plain(row.name)
    folder.mkdir(parents=True)
    return sorted(row.make(folder))


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


@dataclass(frozen=True)
class _Try:
    """One try of a row."""

    row: Row
    seed: int
    number: int
    seeds: Sequence[Path]
    child: _Child
    keep: Path

    def judge(self) -> tuple[str, str]:
        """Return fine, refused, lost or wrong, and for the last two what was found."""
        random = Random(f"{self.seed}/{self.row.name}/{self.number}")
        if isinstance(self.row, Trials):
            kind, text = self.child.attempt(self.row, random_seed=f"{self.seed}/{self.row.name}/{self.number}")
            return kind, f"{self._name()}: {text}" if kind in ("lost", "wrong") else ""
        source = self.seeds[self.number % len(self.seeds)]
        data = source.read_bytes()
        if self.child.is_first_of(self.row):
            kind, text = self.child.attempt(self.row, name=source.name, data=data, patience=SLOWEST_START_S / LIMIT_S)
            if kind != "fine":
                return "wrong", f"{self.row.name}: {source.name} is whole, and yet: {text}"
        edits = self.row.change(data, random)
        kind, text = self._attempt(source, applied(data, edits))
        if kind not in ("lost", "wrong"):
            return kind, ""
        fewer = self._fewer(source, data, edits)
        self.keep.mkdir(parents=True, exist_ok=True)
        kept = self.keep / f"{_plain(self.row.name)}-{self.seed}-{self.number}{source.suffix}"
        kept.write_bytes(applied(data, fewer))
        changes = ", ".join(str(edit) for edit in fewer)
        return kind, f"{self._name()}: {text} [{source.name} with {changes}; kept as {kept}]"

    def _name(self) -> str:
        return f"{self.row.name}, seed {self.seed}, try {self.number}"

    def _attempt(self, source: Path, data: bytes) -> tuple[str, str]:
        assert isinstance(self.row, Mutations)
        return self.child.attempt(self.row, name=source.name, data=data)

    def _fewer(self, source: Path, data: bytes, edits: list[Edit]) -> list[Edit]:
        """Leave out edits that are not needed for it to go wrong."""
        for edit in list(edits):
            rest = [other for other in edits if other is not edit]
            if not rest:
                break
            if self._attempt(source, applied(data, rest))[0] in ("lost", "wrong"):
                edits = rest
        return edits


class _Child:
    """A process that does tries, one after the other; one that dies, hangs or grows is replaced."""

    def __init__(self, module: str, folder: Path) -> None:
        self._module, self._folder = module, folder
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._tries = 0
        self._rows: set[str] = set()  # of which it has done something

    def is_first_of(self, row: Row) -> bool:
        """Say whether the child has done nothing of this row yet: what it needs is imported first, on a whole file."""
        return self._process is None or row.name not in self._rows

    def attempt(
        self, row: Row, *, name: str = "", data: bytes = b"", random_seed: str = "", patience: float = 1.0
    ) -> tuple[str, str]:
        """Have the child do a try; return fine, refused, lost or wrong, and a sentence."""
        shutil.rmtree(self._folder, ignore_errors=True)
        given, results = self._folder / "given", self._folder / "results"
        given.mkdir(parents=True)
        results.mkdir()
        request = {"row": row.name, "results": str(results), "seed": random_seed}
        if name:
            (given / name).write_bytes(data)
            request["file"] = str(given / name)
        if self._process is None or self._tries >= SHORT_LIVES:
            self._begin()
        assert self._process is not None
        assert self._process.stdin is not None
        self._tries += 1
        self._rows.add(row.name)
        before_s, idle_s, looked = processor_s(self._process.pid), 0.0, time.monotonic()
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        while True:
            try:
                answer = json.loads(self._answers.get(timeout=POLL_S))
                break
            except queue.Empty:
                pass
            used_s = processor_s(self._process.pid) - before_s
            if time.monotonic() - looked > LOOK_S:
                idle_s = 0.0 if is_working(self._process.pid) else idle_s + time.monotonic() - looked
                looked = time.monotonic()
            resident = resident_bytes(self._process.pid)
            if self._process.poll() is not None:
                code = self._process.returncode
                self.end()
                return "wrong", f"the process died ({_death(code)})"
            if max(used_s, idle_s) > row.limit_s * patience:
                self.end()
                return "wrong", f"hangs: no end after {used_s:.0f} s of work and {idle_s:.0f} s of waiting"
            if resident > LIMIT_BYTES:
                self.end()
                return "wrong", f"takes {resident / 1e9:.1f} GB"
        left = [str(path.relative_to(results)) for path in sorted(results.rglob("*")) if is_partial(path)]
        if isinstance(row, Mutations) and left and answer["kind"] in ("fine", "refused"):
            return "wrong", f"left {', '.join(left)} behind"
        return answer["kind"], answer["text"]

    def _begin(self) -> None:
        self.end()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import fault_frame; fault_frame.serve({self._module!r})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._tries, self._rows = 0, set()
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answers = answers
        stdout = self._process.stdout
        assert stdout is not None

        def listen() -> None:
            for line in stdout:
                answers.put(line)

        threading.Thread(target=listen, daemon=True).start()
        if json.loads(answers.get(timeout=SLOWEST_START_S))["kind"] != "ready":
            raise RuntimeError("the child that does the tries did not begin")

    def end(self) -> None:
        """End the process and all below it."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):  # gone already
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # gone already
                    stream.close()
        self._process = None


def is_partial(path: Path) -> bool:
    """Say whether a name is one of those that hold what is not finished."""
    return path.name.startswith(".") or path.suffix in (".part", ".tmp") or path.name.endswith("cgconv-part")


def _death(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used with all below it; 0 where that is not known."""
    ticks = 0
    for number in [pid, *_below(pid)]:
        ticks += sum(int(value) for value in _stat(number)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def is_working(pid: int) -> bool:
    """Say whether any thread of a process, or below it, runs, would like to, or waits for a disk."""
    for number in [pid, *_below(pid)]:
        for thread in _threads(number):
            if (_stat(f"{number}/task/{thread}") or ["S"])[0] in "RD":
                return True
    return False


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds with all below it; 0 where that is not known."""
    pages = 0
    for number in [pid, *_below(pid)]:
        pages += int((_stat(number) or ["0"] * 22)[21])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int | str) -> list[str]:
    """Return the fields of a process's stat after its name; empty where it has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _threads(pid: int) -> list[str]:
    """Return the numbers of a process's threads; none where it has gone."""
    try:
        return [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def _below(pid: int) -> Iterator[int]:
    for thread in _threads(pid):
        try:
            children = Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            yield int(child)
            yield from _below(int(child))


# --- in the child


def serve(module: str) -> None:
    """Do the tries that standard input asks for, and answer each with a line of JSON."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what libraries print goes elsewhere
    os.dup2(2, 1)
    rows: dict[str, Row] = {row.name: row for row in importlib.import_module(module).rows()}

    def say(kind: str, text: str) -> None:
        stream.write(json.dumps({"kind": kind, "text": text}) + "\n")
        stream.flush()

    say("ready", "")
    for line in sys.stdin:
        say(*_outcome(json.loads(line), rows))


def _outcome(request: dict[str, Any], rows: dict[str, Row]) -> tuple[str, str]:  # Any: JSON values
    from cgconv.runtime.errors import CgconvError

    row = rows[request["row"]]
    try:
        if isinstance(row, Mutations):
            row.attempt(Path(request["file"]), Path(request["results"]))
        else:
            row.attempt(Random(request["seed"]), Path(request["results"]))
    except Exception as error:
        if isinstance(error, Wrong):
            return "lost" if isinstance(error, Lost) else "wrong", str(error)
        if isinstance(error, CgconvError) and len(str(error).splitlines()) == 1:
            return "refused", str(error)
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:200]
        return "wrong", f"{type(error).__name__}: {text} ({Path(last.filename).name}, line {last.lineno})"
    return "fine", ""
