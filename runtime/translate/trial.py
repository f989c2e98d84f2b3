"""Run a model that is new here for the first time in a process of its own, with limits on time and memory.

A graph may loop for ever, ask for all memory, or end a native library and with it the process. What a child survives is
remembered by the file's hash, so that this costs two seconds once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from cgconv.runtime.errors import Cancelled, ModelError, OutputError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import cache_folder
from cgconv.runtime.models.store import bundled_folder

VARIABLE = "CGCONV_TRIAL"  # "no": models are run at once, by who made them himself
NETWORK = "network"  # the child's word for what is no translator
CHILD = "cgconv.runtime.translate.trial_child"

# A step is what the child does between two lines of its output: opening the graph, or one run of it. Waiting for a busy
# machine is not counted where the system tells processor time.
STEP_S = 10.0
S_A_VALUE = 2e-5  # 60 s for a picture of a megapixel
S_A_BYTE = 1e-7  # of the file: 10 s for 100 MB
STEP_BYTES = 1 << 30
BYTES_A_VALUE = 1500  # the widest generators take 4 GB for a megapixel
BYTES_A_BYTE = 6  # of the file: read, rewritten, and optimized by two libraries
POLL_S = 0.02


def first_run(path: Path, cancel: threading.Event | None = None, *, is_translator: bool = True) -> None:
    """Return where `path` may be run in this process: it is one of ours, was tried, or passes its trial now.

    A model that is no translator is run as it is, on pictures of zeros.

    Raises:
        ModelError: it did not come to an end, took too much memory, or ended its process. Cancelled: `cancel` was set.
    """
    if os.environ.get(VARIABLE) == "no" or path.parent == bundled_folder() or not path.is_file():
        return
    if _mark_of(path, is_translator).exists():
        return
    problem = _try(path, cancel, is_translator)
    if problem is not None:
        raise ModelError(f"{path}: {problem}; it was not run")
    remember(path, is_translator=is_translator)


def remember(path: Path, *, is_translator: bool = True) -> None:
    """Take note that `path` may be run in this process: it was, or it was made of a model that was."""
    with contextlib.suppress(OutputError):  # policy: it is tried again the next time
        write_atomically(_mark_of(path, is_translator), b"")


def _mark_of(path: Path, is_translator: bool) -> Path:
    with path.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()
    return cache_folder() / "tried" / (name if is_translator else f"{name}.network")


def _try(path: Path, cancel: threading.Event | None, is_translator: bool) -> str | None:
    """Return what a child that runs the model came to; None where all is well."""
    child = subprocess.Popen(
        [sys.executable, "-m", CHILD, str(path), *([] if is_translator else [NETWORK])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is this process's, which ends the child
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows the same, and no console beside a window
        env=os.environ | {VARIABLE: "no"},
    )
    try:
        return _watch(child, path.stat().st_size, cancel)
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def _watch(child: subprocess.Popen[str], file_bytes: int, cancel: threading.Event | None) -> str | None:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    stream = child.stdout
    assert stream is not None

    def listen() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    values = 0
    began, began_s = time.monotonic(), _processor_s(child.pid)
    while True:
        line: str | None
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            line = None
        if line == "":
            code = child.wait()
            return None if code == 0 else f"running it ended the process ({_words(code)})"
        if line is not None:
            values = int(line)
            began, began_s = time.monotonic(), _processor_s(child.pid)
        if cancel is not None and cancel.is_set():
            raise Cancelled("stopped while the model was being checked")
        limit_s = STEP_S + values * S_A_VALUE + file_bytes * S_A_BYTE
        used_s = _processor_s(child.pid) - began_s
        passed_s = time.monotonic() - began
        if used_s > limit_s or passed_s > (10 if used_s else 3) * limit_s:
            return f"running it on a small picture did not come to an end within {max(used_s, limit_s):.0f} s"
        resident = _resident_bytes(child.pid)
        if resident > STEP_BYTES + values * BYTES_A_VALUE + file_bytes * BYTES_A_BYTE:
            return f"running it on a small picture took more than {resident / 1e9:.1f} GB of memory"


def _words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _processor_s(pid: int) -> float:
    """Return the processor time that a process has used; 0 where the system does not say, or it has ended."""
    fields = _stat(pid)
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _resident_bytes(pid: int) -> int:
    """Return the memory that a process holds; 0 where the system does not say, or it has ended."""
    fields = _stat(pid)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
