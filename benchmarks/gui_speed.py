"""Measure the window: the time until it can be used, until 10,000 dropped files are listed, and its longest stall."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
RUNS = 5
FILES = 10_000


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="monet")
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as home:
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = home
        seconds = [start_s() for _ in range(RUNS)]
        print(
            f"usable after {statistics.median(seconds):.2f} s "
            f"(median of {RUNS}, from {min(seconds):.2f} to {max(seconds):.2f})"
        )
        listed_s, megabytes = list_files(Path(home))
        print(f"{FILES:,} dropped files listed after {listed_s:.2f} s; the window grew by {megabytes:.0f} MB")
        stall_s, frames = longest_stall_s(Path(home), model)
        print(f"longest stall {stall_s * 1000:.0f} ms while {frames} frames of 960×540 were translated by {model}")


def start_s() -> float:
    """Return how long a fresh process takes until its window has been painted and takes a click."""
    code = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication(["cgconv"])
from cgconv.gui.app import App
from cgconv.gui.appearance import show_appearance
from cgconv.gui.language import install_language
install_language(application, "en")
show_appearance("")
app = App(Path(sys.argv[1]))
app.open([])
app.window.repaint()
QTimer.singleShot(0, lambda: (print("usable", flush=True), app.close(), application.quit()))
application.exec()
"""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-c", code, home], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.communicate()
    return seconds


def list_files(home: Path) -> tuple[float, float]:
    """Return seconds from the drop to the last of many files in the table, and megabytes that the window grew by."""
    import psutil
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from cgconv.gui.app import App

    application = QApplication.instance() or QApplication(["cgconv"])
    app = App(home / "many")
    app.open([])
    folder = home / "files"
    for number in range(FILES):
        path = folder / str(number // 1000) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    while not app.convert.gallery.chosen:
        QTest.qWait(20)
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    app.take_dropped([folder])
    while len(app.queue.items) < FILES:
        QTest.qWait(5)
    seconds = time.perf_counter() - began
    view = app.convert.queue_view
    for row in range(0, FILES, 250):
        view.scrollTo(app.queue.index(row, 0))
        QTest.qWait(5)
    grown = (process.memory_info().rss - before) / 1e6
    app.close()
    assert application is not None
    return seconds, grown


def longest_stall_s(home: Path, model: str) -> tuple[float, int]:
    """Return the longest time between two turns of the event loop while a film is translated and previews are made."""
    import av
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtTest import QTest

    from cgconv.gui.app import App
    from cgconv.runtime.backends.probe import natural_picture

    path = home / "film.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        picture = natural_picture((540, 960))
        for number in range(40):
            film.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture[:, :: -1 if number % 2 else 1].copy(), format="rgb24"))
            )
        film.mux(stream.encode(None))
    app = App(home / "stall")
    app.memory.settings.setValue("convert/model", model)
    app.open([path])
    while not (app.convert.gallery.chosen and app.queue.items):
        QTest.qWait(20)
    app.convert.start.click()
    item = app.queue.items[0]
    while item.progress == 0:
        QTest.qWait(20)
    longest, last = 0.0, time.perf_counter()

    def tick() -> None:
        nonlocal longest, last
        now = time.perf_counter()
        longest, last = max(longest, now - last), now

    timer = QTimer(interval=2)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start()
    turns = 0
    while app.conversion.phase != "idle" and turns < 60:
        turns += 1
        app.convert.preview.film.scrubber.setValue(turns % 15)
        QTest.qWait(500)
    timer.stop()
    app.close()
    return longest, round(item.progress * 40)


if __name__ == "__main__":
    main()
