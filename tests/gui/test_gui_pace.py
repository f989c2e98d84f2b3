"""The time left and the progress, with a clock that the test turns: no file is translated, nothing is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
from gui_window import os  # noqa: F401  # Qt without a screen
from PySide6.QtWidgets import QApplication

from cgconv.gui.conversion import Conversion, Phase
from cgconv.gui.pace import Kind, Pace
from cgconv.gui.queue_item import FILM, PICTURE, QueueItem, State
from cgconv.gui.queue_model import QueueModel
from cgconv.runtime import events, requests
from cgconv.runtime.requests import ConvertOptions


class Clock:
    """What the conversion takes for the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """Stands where the worker is asked: says in turn what a real one would. `cost` is in seconds a megapixel."""

    def __init__(self, clock: Clock, cost: dict[tuple[str, str], float], broken: set[str]) -> None:
        self.clock, self.cost, self.broken = clock, cost, broken
        self.number = 0
        self.asked: list[tuple[int, requests.Request]] = []

    def ask(self, request: requests.Request) -> int:
        self.number += 1
        self.asked.append((self.number, request))
        return self.number

    def cancel(self, number: int) -> None:
        pass


def entry(name: str, kind: str, size_wh: tuple[int, int], frames: int | None = None) -> QueueItem:
    item = QueueItem(Path("/nowhere") / name, kind, name, size_wh=size_wh, frames=frames, is_examined=True)
    item.seconds = frames / 25 if frames else None
    return item


def run(conversion: Conversion, worker: Worker, clock: Clock, at_every_step: object) -> None:
    """Answer every request until all is through."""
    while worker.asked:
        number, request = worker.asked.pop(0)
        if isinstance(request, requests.Plan):
            for file in request.files:
                conversion.show_answer(number, events.JobPlanned(file.key, file.path, file.path, "translate"))
        elif isinstance(request, requests.Convert):
            for job in request.jobs:
                do_job(conversion, worker, clock, number, request, job, at_every_step)
        conversion.show_answer(number, events.RequestFinished())


def do_job(
    conversion: Conversion,
    worker: Worker,
    clock: Clock,
    number: int,
    request: requests.Convert,
    job: requests.JobToDo,
    at_every_step: object,
) -> None:
    conversion.show_answer(number, events.JobStarted(job.key, job.path, job.output))
    if job.path.name in worker.broken:
        conversion.show_answer(number, events.JobFailed(job.key, job.path, "broken"))
        at_every_step()
        return
    item = conversion._queue.item(job.key)
    width, height = item.size_wh
    seconds = worker.cost[request.kind, request.model] * width * height / 1e6
    for frame in range(1, (item.frames or 1) + 1):
        clock.now += seconds
        if item.kind == FILM and frame % 10 == 0:
            progress = events.JobProgressed(job.key, frame, item.frames, 1 / seconds, 0.0, "translate")
            conversion.show_answer(number, progress)
        at_every_step()
    conversion.show_answer(number, events.JobFinished(job.key, job.path, job.output, seconds))


COSTS = {(PICTURE, "alpha"): 0.4, (FILM, "alpha"): 0.25, (PICTURE, "beta"): 1.2, (FILM, "beta"): 0.6}
QUEUES = {
    "pictures of all sizes": [(f"p{n}", PICTURE, (400 * (1 + n % 7), 300 * (1 + n % 7)), None) for n in range(40)],
    "a long film after short ones": [("a", FILM, (320, 180), 200), ("b", FILM, (1920, 1080), 900)],
    "a short film after a long one": [("a", FILM, (1280, 720), 900), ("b", FILM, (320, 180), 100)],
    "pictures, then a film": [
        *[(f"p{n}", PICTURE, (4000, 3000), None) for n in range(6)],
        ("film", FILM, (640, 360), 600),
    ],
    "a film, then pictures": [
        ("film", FILM, (640, 360), 600),
        *[(f"p{n}", PICTURE, (4000, 3000), None) for n in range(6)],
    ],
}


@pytest.mark.parametrize("name", QUEUES)
def test_the_time_left_is_never_more_than_half_wrong_in_the_last_half(qapp: QApplication, name: str) -> None:
    """A folder's films were weighed by their number, and failures counted as work done: 40 minutes stood at 2."""
    clock = Clock()
    worker = Worker(clock, COSTS, set())
    queue = QueueModel()
    queue.restore([entry(*one) for one in QUEUES[name]])
    queue.default_model = "alpha"
    for item in queue.items[len(queue.items) // 2 :]:
        item.model = "beta" if name == "pictures of all sizes" else ""
    conversion = Conversion(queue, worker, clock=clock)
    conversion.pace.known = {Kind(PICTURE, "beta"): 0.9}  # of an earlier run
    said: list[tuple[float, float | None, float]] = []

    def look() -> None:
        totals = conversion.totals()
        said.append((clock.now, totals.seconds_left, totals.fraction))

    began = clock.now
    conversion.start("alpha", ConvertOptions())
    run(conversion, worker, clock, look)
    assert conversion.phase is Phase.IDLE
    ended = clock.now
    half = [one for one in said if one[0] >= began + (ended - began) / 2]
    assert half
    for now, left, _ in half:
        assert left is not None
        slack = max(conversion_step(name), 0.5 * (ended - now))
        assert abs(left - (ended - now)) <= slack, f"{left:.1f} s were said, {ended - now:.1f} s it took"


def conversion_step(name: str) -> float:
    """Return how long one picture takes at most, in seconds: so exact can nobody be at the very end."""
    return max(
        COSTS[kind, "beta" if name == "pictures of all sizes" else "alpha"]
        * size[0]
        * size[1]
        / 1e6
        * (1 if kind == PICTURE else 10)
        for _, kind, size, _ in QUEUES[name]
    )


def test_what_failed_is_no_progress(qapp: QApplication) -> None:
    clock = Clock()
    worker = Worker(clock, COSTS, {f"p{n}" for n in range(9)})
    queue = QueueModel()
    queue.restore([entry(f"p{n}", PICTURE, (1000, 1000)) for n in range(10)])
    conversion = Conversion(queue, worker, clock=clock)
    seen: list[float] = []

    def look() -> None:
        if queue.items[9].state is not State.DONE:
            seen.append(conversion.totals().fraction)

    conversion.start("alpha", ConvertOptions())
    run(conversion, worker, clock, look)
    assert max(seen) == 0.0
    totals = conversion.totals()
    assert (totals.done, totals.failed, totals.fraction) == (1, 9, 1.0)


def test_films_that_nobody_looked_at_are_looked_at_when_it_starts(qapp: QApplication) -> None:
    queue = QueueModel()
    wanted: list[str] = []
    queue.looks_wanted.connect(lambda items: wanted.extend(item.path.name for item in items))
    queue.restore([QueueItem(Path("/nowhere/clip.mp4"), FILM, "clip"), QueueItem(Path("/nowhere/p.png"), PICTURE, "p")])
    conversion = Conversion(queue, Worker(Clock(), COSTS, set()), clock=Clock())
    conversion.start("alpha", ConvertOptions())
    assert wanted == ["clip.mp4"]
    queue.show_look(events.FileExamined(Path("/nowhere/clip.mp4"), None, 200, 100, 10.0, 250))
    assert queue.items[0].work == pytest.approx(0.02 * 250)


def test_time_spent_holding_does_not_count() -> None:
    clock = Clock()
    pace = Pace(clock)
    kind = Kind(FILM, "alpha")
    pace.begin(kind)
    clock.now += 10
    pace.advance(20.0)
    pace.hold()
    clock.now += 500
    pace.begin(kind)
    clock.now += 10
    pace.advance(20.0)
    assert pace.measured()[kind] == pytest.approx(2.0, rel=0.01)
    assert pace.seconds_left({kind: 30.0}) == pytest.approx(15.0, rel=0.01)
