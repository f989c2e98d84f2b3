"""Write down what a run does: metrics.jsonl, TensorBoard where it is installed, and report.html."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cgconv.runtime.errors import CgconvError, UsageError
from cgconv.runtime.events import Evaluated, SamplesSaved, TrainProgressed, TrainWarned, event_as_json
from cgconv.runtime.images import write_atomically
from cgconv.runtime.lock import Lock

from .board import Board, open_board
from .config import TrainConfig, config_as_dict
from .report import CONFIG, METRICS, SAMPLES, write_environment, write_report

LOCK = "training.lock"  # is there while a process trains into the folder
REPORT_EVERY_S = 60.0  # report.html is not written more often


class RunLog:
    """The files of a run that people and programs read while it goes on."""

    def __init__(self, out: Path, board: Board) -> None:
        self.out = out
        self.board = board
        self._images_seen = 0
        self._reported = -math.inf

    def add(self, event: TrainProgressed | Evaluated | TrainWarned | SamplesSaved) -> None:
        """Write an event down, where its files belong."""
        if isinstance(event, SamplesSaved):
            self.board.picture("samples", event.path, self._images_seen)
            self._refresh()
            return
        self._images_seen = event.images_seen
        with (self.out / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event_as_json(event)) + "\n")
        if isinstance(event, TrainProgressed):
            self.board.scalars("losses", event.losses, event.images_seen)
            speed = {"learning_rate": event.learning_rate, "images_per_second": event.images_per_second}
            self.board.scalars("run", {**speed, "data_wait": event.data_wait}, event.images_seen)
        elif isinstance(event, Evaluated):
            self.board.scalars("evaluation", event.metrics, event.images_seen)
        self._refresh()

    def _refresh(self) -> None:
        if time.monotonic() - self._reported > REPORT_EVERY_S:
            write_report(self.out)
            self._reported = time.monotonic()


@contextmanager
def open_run_log(out: Path, config: TrainConfig, *, images_seen: int) -> Iterator[RunLog]:
    """Begin or go on with a run's folder: config, environment, metrics; and write its page at the end, however it ends.

    Lines and samples that a run wrote after the checkpoint it goes on from are taken out. Raises OSError, OutputError.
    """
    _write_settings(out, config, images_seen)
    with open_board(out, images_seen=images_seen) as board:
        log = RunLog(out, board)
        try:
            yield log
        finally:
            with suppress(CgconvError):  # policy: a page that cannot be written hides no other error
                write_report(out)


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Keep other processes from training into the folder until the end of the block.

    A folder that is made here goes again where nothing was written into it. Raises OSError, OutputError; UsageError
    where another process trains into it.
    """
    if out.is_file():
        raise UsageError(f"{out}: is a file, wanted a folder for the run; name another --out")
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out / LOCK)
    if not lock.take():
        raise UsageError(f"{out}: another process trains into this folder; stop it first, or name another --out")
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # policy: that it is not empty is the usual thing
            if is_new:
                out.rmdir()


def _write_settings(out: Path, config: TrainConfig, images_seen: int) -> None:
    """Write config and environment, and leave of metrics and samples what came before the checkpoint."""
    write_atomically(out / CONFIG, (json.dumps(config_as_dict(config), indent=2) + "\n").encode())
    write_environment(out, sys.argv)
    metrics = out / METRICS
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if images_seen and _images_seen(line) <= images_seen]
        write_atomically(metrics, "".join(kept).encode())
    for sample in (out / SAMPLES).glob("*.jpg"):
        if sample.stem.isdecimal() and int(sample.stem) > images_seen:
            sample.unlink()


def _images_seen(line: str) -> float:
    """Return the images seen at a line of metrics; of one that was cut short, infinity."""
    try:
        return float(json.loads(line)["images_seen"])
    except (ValueError, KeyError, TypeError):
        return math.inf
