"""Show how a training goes: a live bar on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cgconv.runtime.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    SamplesSaved,
    StudentCompared,
    TeacherAsked,
    TrainFinished,
    TrainProgressed,
    TrainStarted,
    TrainWarned,
    counted,
)

from .progress import LineShow, Show, duration, open_json_show

LINE_EVERY_S = 5.0


@contextmanager
def open_train_show(*, as_json: bool) -> Iterator[Show]:
    """Give the display that suits where the output goes."""
    if as_json:
        with open_json_show() as show:
            yield show
        return
    train_show = TrainShow(live=sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    try:
        yield train_show
    finally:
        train_show.close()


class TrainShow(LineShow):
    """A training in lines; with `live`, the last line is a bar that moves."""

    def __init__(self, *, live: bool) -> None:
        super().__init__(live=live)
        self._last_line = float("-inf")

    def show(self, event: Event) -> None:
        match event:
            case TrainStarted():
                self.note(
                    f"training on {event.pictures_a} and {counted(event.pictures_b, 'picture')}, {event.device},"
                    f" {event.precision} → {event.out}"
                )
                if event.images_seen > event.images_total:
                    seen, wanted = (
                        f"{counted(event.images_seen, 'image has', 'images have')} been seen",
                        f"the {event.images_total:,} asked for",
                    )
                    self.note(
                        f"{seen}, more than {wanted}: nothing is left to do; a larger --images continues the training"
                    )
                elif event.images_seen == event.images_total:
                    seen = f"all of its {event.images_total:,} images have been seen"
                    self.note(f"{seen}; a larger --images continues the training")
                elif event.images_seen:
                    self.note(f"continuing after {counted(event.images_seen, 'image')}")
                self._begin_bar(event.images_total)
            case TeacherAsked():
                if self._task is None:
                    self._begin_bar(event.pictures_total)
                self._move(event.pictures_done, teacher_line(event), is_last=event.seconds_left <= 0)
            case TrainProgressed():
                line, is_last = train_line(event), event.images_seen >= event.images_total
                self._move(event.images_seen, line, is_last=is_last, more=f" · {losses_line(event)}")
            case Evaluated():
                self.note(evaluated_line(event))
            case TrainWarned():
                self.note(f"warning: {event.message}")
            case SamplesSaved():
                self.note(f"samples: {event.path}")
            case CheckpointSaved():
                if self._progress is None:
                    self.note(f"checkpoint after {counted(event.images_seen, 'image')}: {event.path}")
            case TrainFinished():
                self.close()
                folder = shlex.quote(str(event.out))
                self.note(f"trained on {counted(event.images_seen, 'image')}; export it: cgconv export {folder}")
            case StudentCompared():
                self.close()
                self.note(event.protocol)
                self.note(f"exported: {event.path}")
            case _:
                pass

    def _begin_bar(self, total: int) -> None:
        """Show a bar of so many, in place of one before; on a terminal only."""
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._progress.start()
        self._task = self._progress.add_task("", total=total, numbers="starting")

    def _move(self, done: int, line: str, *, is_last: bool, more: str = "") -> None:
        """Move the bar; without a terminal say the line, and `more`, now and then and at the end."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, numbers=line)
        elif time.monotonic() - self._last_line >= LINE_EVERY_S or is_last:
            self._last_line = time.monotonic()
            self.note(line + more)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._progress is not None:
            self._progress.stop()


def teacher_line(event: TeacherAsked) -> str:
    """Return how far a teacher has come with its pictures."""
    done = f"the teacher translates {event.pictures_done:,}/{event.pictures_total:,} pictures"
    return f"{done} · {duration(event.seconds_left)} left"


def train_line(event: TrainProgressed) -> str:
    """Return how far a training is."""
    parts = [
        f"{event.images_seen:,}/{event.images_total:,} images",
        f"{event.images_per_second:.1f} per second",
        f"{duration(event.seconds_left)} left",
    ]
    if event.data_wait > 0.2:
        parts.append(f"waiting for pictures {event.data_wait:.0%} of the time")
    return " · ".join(parts)


def evaluated_line(event: Evaluated) -> str:
    """Return an evaluation's score, and what it came from."""
    from cgconv.trainer.reports.chart import number

    weights = "average" if any(name.startswith("average.") for name in event.metrics) else "raw"
    parts = [f"evaluated after {counted(event.images_seen, 'image')}: score {number(event.metrics['score'])}"]
    for direction, side in (("ab", "a → b"), ("ba", "b → a")):
        if (distance := event.metrics.get(f"{weights}.{direction}.kid")) is not None:
            inputs = event.metrics[f"inputs.{direction}.kid"]
            kept = event.metrics[f"{weights}.{direction}.content"]
            parts.append(f"{side} KID {distance:.1f} (not translated {inputs:.1f}), content {kept:.2f}")
    if event.is_best:
        parts.append("one of the best so far; kept")
    return " · ".join(parts)


def losses_line(event: TrainProgressed) -> str:
    """Return the mean losses since the last report."""
    return " ".join(f"{name} {value:.3f}" for name, value in event.losses.items())
