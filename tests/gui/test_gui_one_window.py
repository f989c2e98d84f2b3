"""One window: a later start hands its files to the one that is open, whatever that is doing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gui_window import PATIENCE_S, make_pictures, models  # noqa: F401  # a fixture
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from cgconv.gui import one_window, start
from cgconv.gui.main_window import MainWindow
from cgconv.gui.one_window import OneWindow

pytestmark = pytest.mark.timeout(240)


def wait(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        QTest.qWait(20)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> Path:
    """Where the window's settings lie, for programs that are started, too."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "cgconv"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the program as a shell or a desktop does; ends what is left of it."""
    programs: list[subprocess.Popen[str]] = []

    def begin(*files: Path, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cgconv.cli", "gui", *map(str, files)]
        programs.append(subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True))
        return programs[-1]

    yield begin
    for program in programs:
        program.kill()
        program.wait()


def queued(home: Path) -> list[str]:
    file = home / "queue.jsonl"
    return [Path(json.loads(line)["path"]).name for line in file.read_text().splitlines()] if file.exists() else []


def test_a_second_start_brings_its_files_to_the_open_window_and_the_window_to_the_front(
    qapp: QApplication,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    started: Callable[..., subprocess.Popen[str]],
) -> None:
    first, second = make_pictures(tmp_path / "photos", 2)
    title = []

    def use(application: QApplication) -> int:
        (window,) = [one for one in application.topLevelWidgets() if isinstance(one, MainWindow) and one.isVisible()]
        title.append(window.windowTitle())
        wait(lambda: queued(home) == ["photo0.png"], "the file of the first start")
        window.showMinimized()
        # A shell without a display will do: it is the other program that shows them.
        later = started(second, QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY="")
        wait(lambda: later.poll() is not None, "the second start to end")
        assert (later.returncode, later.stderr and later.stderr.read()) == (0, "")
        wait(lambda: queued(home) == ["photo0.png", "photo1.png"], "the second file")
        assert not window.windowState() & Qt.WindowState.WindowMinimized
        wait(window.isActiveWindow, "the window to come to the front")
        window.showMinimized()
        without_files = started()
        wait(lambda: without_files.poll() is not None, "the third start to end")
        wait(lambda: not window.windowState() & Qt.WindowState.WindowMinimized, "the window")
        assert not list((home / "handed").iterdir())
        window.close()
        return 0

    monkeypatch.setattr(QApplication, "exec", use)
    assert start.run([str(first)]) == 0
    assert title == ["cgconv"]


def test_a_start_while_the_window_closes_waits_and_opens_one_of_its_own(
    home: Path, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    closing = OneWindow(home)
    assert closing.take([])
    later = started(*make_pictures(tmp_path / "photos", 1))
    wait(lambda: list((home / "handed").glob("*.json")), "the second start to wait")
    assert later.poll() is None
    del closing
    wait(lambda: queued(home) == ["photo0.png"], "the second window")
    assert later.poll() is None
    assert not list((home / "handed").iterdir())


def test_a_window_that_does_not_answer_is_said_and_no_second_one_is_opened(
    qapp: QApplication, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_window, "PATIENCE_S", 0.0)
    said = []
    monkeypatch.setattr(QMessageBox, "information", lambda *about: said.append(about[-1]))
    silent = OneWindow(home)
    assert silent.take([])
    assert start.run([str(tmp_path / "photo.png")]) == 0
    assert said == ["cgconv is open already, but does not answer."]
    assert not list((home / "handed").iterdir())
    assert not any(isinstance(one, MainWindow) and one.isVisible() for one in qapp.topLevelWidgets())


def test_what_nobody_handed_over_does_no_harm(qapp: QApplication, home: Path) -> None:
    window = OneWindow(home)
    assert window.take([])
    brought: list[list[Path]] = []
    window.paths_handed.connect(brought.append)
    window.listen()
    for number, text in enumerate(("", "[]", '{"paths": 3, "token": ""}', '{"paths": ["/a.png"], "token": ""}')):
        (home / "handed" / "next.part").write_text(text)
        (home / "handed" / "next.part").replace(home / "handed" / f"{number}.json")
    wait(lambda: [Path("/a.png")] in brought, "the last one, which is whole")
    assert [paths for paths in brought if paths] == [[Path("/a.png")]]
    assert not list((home / "handed").iterdir())
