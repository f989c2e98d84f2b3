"""Write down what a run does: metrics.jsonl, TensorBoard where it is installed, and report.html."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cgconv.runtime.errors import CgconvError, UsageError
from cgconv.runtime.events import Evaluated, SamplesSaved, TrainProgressed, TrainWarned, event_as_json
from cgconv.runtime.files import keep_aside, set_aside
from cgconv.runtime.images import write_atomically
from cgconv.runtime.lock import Lock
from cgconv.runtime.protocol import read_json
from cgconv.trainer.config import TrainConfig, config_as_dict
from cgconv.trainer.judging.evaluation import BEST, is_best_state

from .board import Board, open_board
from .run_report import CONFIG, ENVIRONMENT, METRICS, SAMPLES, read_line, write_environment, write_report

log = logging.getLogger(__name__)

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
        raise UsageError(f"{out}: this is a file; name another folder with --out")
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out / LOCK)
    if not lock.take():
        raise UsageError(f"{out}: another process is training into this folder; stop it first, or name another --out")
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # policy: that it is not empty is the usual thing
            if is_new:
                out.rmdir()


def _write_settings(out: Path, config: TrainConfig, images_seen: int) -> None:
    """Write config and environment, and leave of metrics and samples what came before the checkpoint."""
    if images_seen:
        for name in (CONFIG, ENVIRONMENT, BEST):
            _set_damaged_aside(out / name)
        _cut_best(out / BEST)
    write_atomically(out / CONFIG, (json.dumps(config_as_dict(config), indent=2) + "\n").encode())
    write_environment(out, sys.argv)
    _cut_metrics(out / METRICS, images_seen)
    for sample in (out / SAMPLES).glob("*.jpg"):
        if sample.stem.isdecimal() and int(sample.stem) > images_seen:
            sample.unlink()


def _cut_metrics(path: Path, images_seen: int) -> None:
    """Leave the lines of metrics that came before the checkpoint; what cannot be read is kept beside them, and said.

    Of the last line a part may be missing, where the run was killed while it wrote: nobody misses that.
    """
    if not path.exists():
        return
    kept, damaged = [], []
    for text in path.read_bytes().splitlines(keepends=True) if images_seen else []:
        line = read_line(text)
        if line is None and text.endswith(b"\n"):
            damaged.append(text)
        elif line is not None and line["images_seen"] <= images_seen:
            kept.append(text if text.endswith(b"\n") else text + b"\n")
    if damaged:
        aside = keep_aside(path, b"".join(damaged))
        log.warning("%s could not be read in places; the unreadable parts are kept in %s", path, aside)
    write_atomically(path, b"".join(kept))


def _cut_best(path: Path) -> None:
    """Leave the entries of best.json that can be used; where there are others, the file as it was is kept beside it."""
    if not path.exists():
        return
    data = path.read_bytes()
    listing = read_json(data)  # a JSON object, or it was set aside
    entries = listing.get("kept")
    good = [one for one in entries if is_best_state(one)] if isinstance(entries, list) else []
    if good != entries:
        log.warning("%s could not be read in places; the original is kept as %s", path, keep_aside(path, data))
        write_atomically(path, (json.dumps({**listing, "kept": good}, indent=1) + "\n").encode())


def _set_damaged_aside(path: Path) -> None:
    """Give a file of the run that holds no JSON object another name, and say so."""
    try:
        is_good = isinstance(read_json(path.read_bytes()), dict)
    except ValueError:
        is_good = False
    except OSError:  # not there, or it will be said when it is written
        return
    if not is_good:
        log.warning("%s could not be read, and was renamed to %s", path, set_aside(path).name)
