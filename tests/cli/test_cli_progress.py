"""What the display says while jobs run, and at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cgconv.cli.progress import PlainShow, backend_line, duration, film_line, place, shortened
from cgconv.runtime.events import (
    BackendOpened,
    BatchFinished,
    BatchPlanned,
    JobFailed,
    JobFinished,
    JobProgressed,
    JobSkipped,
    JobStarted,
    JobWarned,
)


def shown(kind: str, *events: object) -> list[str]:
    lines: list[str] = []
    show = PlainShow(kind, lines.append)
    for event in events:
        show.show(event)  # type: ignore[arg-type]  # any event
    return lines


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.84, "0.8 s"), (12.3, "12 s"), (185, "3:05 min"), (3599.7, "1:00:00 h"), (7385, "2:03:05 h")],
)
def test_times_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_films_line_has_count_pace_time_left_and_the_slow_stage() -> None:
    line = film_line(JobProgressed(0, 120, 300, 24.0, 7.5, "translate"))
    assert line == "120/300 frames · 24.0 per second · 7.5 s left · slowest: translate"
    assert film_line(JobProgressed(0, 12, None, 24.0, None, "decode")).startswith("12 frames · ")


def test_the_backend_is_one_line_with_the_reason() -> None:
    line = backend_line(BackendOpened("openvino", "CPU", "cpu", "bf16", "no GPU found"))
    assert line == "running on OpenVINO, cpu, bf16: no GPU found"


def test_every_picture_that_is_finished_is_a_line() -> None:
    """At most one each half second left it to luck which results a log named."""
    jobs = [JobFinished(number, Path(f"{number}.png"), Path(f"out/{number}.png"), 0.01) for number in range(5000)]
    lines = shown("picture", BatchPlanned(5000, 0), *jobs, BatchFinished(5000, 0, 0, 50.0))
    assert [line for line in lines if line.startswith("[")] == [
        f"[{number + 1}/5000] {number}.png → out/{number}.png" for number in range(5000)
    ]
    assert lines[-2:] == ["5,000 pictures done in 50 s (100 per second)", "results: out"]


def test_every_film_that_is_finished_is_a_line() -> None:
    jobs = [JobFinished(number, Path(f"{number}.mp4"), Path(f"out/{number}.mp4"), 0.01) for number in range(4)]
    lines = shown("film", BatchPlanned(4, 0), *jobs, BatchFinished(4, 0, 0, 1.0))
    assert lines[:4] == [f"[{number + 1}/4] {number}.mp4 → out/{number}.mp4" for number in range(4)]


def test_a_batch_ends_with_failures_counts_and_places() -> None:
    lines = shown(
        "picture",
        BatchPlanned(4, 1, ("ignored 3 files that are not pictures",)),
        JobSkipped(0, Path("a.png"), Path("x/a.png"), "x/a.png exists already"),
        JobStarted(1, Path("b.png"), Path("x/b.png")),
        JobWarned(1, "colors were converted"),
        JobFinished(1, Path("b.png"), Path("x/b.png"), 1.0, {"decode": 0.1, "translate": 0.7}),
        JobFailed(2, Path("c.png"), "c.png is cut off"),
        JobFailed(3, Path("d.png"), "memory ran out"),
        BatchFinished(1, 1, 2, 2.0),
    )
    assert lines[0] == "ignored 3 files that are not pictures"
    assert "warning: b.png: colors were converted" in lines
    assert lines[-4:] == [
        "failed: c.png is cut off",
        "failed: d.png: memory ran out",
        "1 picture done, 1 skipped (result exists; --exists overwrite translates them again), 2 failed in 2.0 s,"
        " slowest stage: translate",
        "results: x/b.png",
    ]


def test_places_are_the_folder_that_holds_all(tmp_path: Path) -> None:
    assert place([Path("a/b/c.png"), Path("a/d/e.png")]) == "a"
    assert place([Path("x.png"), Path("y.png")]) == "."
    assert shortened("a very long name of a film that nobody can read.mp4") == "a very long name of …an read.mp4"


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal is made in another way there")
def test_on_a_terminal_there_is_a_bar_and_names_are_no_markup(tmp_path: Path) -> None:
    script = """
from pathlib import Path
from cgconv.cli.progress import open_show
from cgconv.runtime.events import *
with open_show(as_json=False, kind="film") as show:
    show.show(BatchPlanned(1, 0))
    show.show(BackendOpened("openvino", "CPU", "cpu", "bf16", "a test"))
    show.show(JobStarted(0, Path("[red]clip[bold].mp4"), Path("o.mp4")))
    show.show(JobProgressed(0, 50, 100, 25.0, 2.0, "encode"))
    show._progress.refresh()
    show.show(JobWarned(0, "[bold]careful"))
    show.show(JobFailed(0, Path("[red]clip[bold].mp4"), "broken [/b]"))
    show.show(BatchFinished(0, 0, 1, 4.0))
"""
    outer, inner = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([sys.executable, "-c", script], stderr=inner, env=environment)
    os.close(inner)
    seen = b""
    while True:
        try:
            chunk = os.read(outer, 65536)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(outer)
    assert process.wait() == 0
    text = seen.decode()
    assert "[red]clip[bold].mp4" in text
    assert "50/100 frames · 25.0 per second · 2.0 s left · slowest: encode" in text
    assert "[bold]careful" in text
    assert "broken [/b]" in text


def test_names_cannot_break_lines_or_move_the_cursor() -> None:
    name = Path("a\nb\x1b[2J.png")
    lines = shown(
        "picture", BatchPlanned(1, 0), JobStarted(0, name, name), JobFinished(0, name, Path("c.png"), 1.0, {})
    )
    assert lines[0] == r"[1/1] a\nb\x1b[2J.png → c.png"
