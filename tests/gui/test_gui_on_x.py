"""The program on a real X server, with another program's drag and a real mouse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from gui_window import make_pictures, models  # noqa: F401  # a fixture
from places import TESTS

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        not (shutil.which("Xvfb") and shutil.which("xdotool")),
        reason="needs Xvfb and xdotool: `apt-get install xvfb xdotool libxcb-cursor0` (make test does where it may)",
    ),
]
PATIENCE_S = 120
WINDOW_WH = (1280, 800)


@pytest.fixture
def display() -> Iterator[str]:
    """An X server of its own, as large as the two windows side by side."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        name = number.readline().strip()
    assert name, "Xvfb did not start"
    yield f":{name}"
    server.terminate()
    server.wait(10)


def test_files_dragged_from_another_program_are_put_in_order_and_come_out_translated(
    display: str, tmp_path: Path, models: Path
) -> None:
    pictures = make_pictures(tmp_path / "photos", 2)
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "LC_ALL": "C.UTF-8",
        "QT_SCALE_FACTOR": "1",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "CGCONV_MODELS": str(models),
    }
    environment.pop("WAYLAND_DISPLAY", None)

    def xdotool(*arguments: object) -> str:
        ran = subprocess.run(
            ["xdotool", *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
        )
        return ran.stdout.strip()

    def drag(start: tuple[int, int], *way: tuple[int, int]) -> None:
        """Press the button, move step by step, as a hand does, and let go."""
        xdotool("mousemove", *start)
        xdotool("mousedown", 1)
        for place in way:
            xdotool("mousemove", *place)
            time.sleep(0.1)
        time.sleep(0.5)
        xdotool("mouseup", 1)

    log = (tmp_path / "log").open("w")
    source = [sys.executable, str(TESTS / "drag_source.py"), *map(str, pictures)]
    programs = [
        subprocess.Popen([sys.executable, "-m", "cgconv.cli", "gui"], env=environment, stderr=log),
        subprocess.Popen(source, env=environment, stderr=log),
    ]
    try:
        _wait(lambda: xdotool("search", "--onlyvisible", "--name", "^cgconv$"), "the program's window")
        _wait(lambda: xdotool("search", "--onlyvisible", "--name", "files to drag"), "the other window")
        time.sleep(1)  # until both have drawn themselves and listen
        drag((1400, 180), *((x, 300) for x in (1395, 1380, 1340, 1200, 900, 600, 500, 495, 490)))
        queue = tmp_path / "config" / "cgconv" / "queue.jsonl"

        def queued() -> list[str]:
            return [Path(json.loads(line)["path"]).name for line in queue.read_text().splitlines()]

        _wait(lambda: queue.exists() and queued() == ["photo0.png", "photo1.png"], "the files in the queue")
        drag((208, 142), *((208, y) for y in (139, 133, 123, 103, 83, 73, 68)))  # the second row above the first
        _wait(lambda: queued() == ["photo1.png", "photo0.png"], "the rows in the other order")
        results = [path.with_name(f"{path.stem}.alpha.png") for path in pictures]
        start = (WINDOW_WH[0] - 264, WINDOW_WH[1] - 32)  # the first of three buttons in the lower right corner
        xdotool("mousemove", *start)
        xdotool("click", 1)
        _wait(lambda: all(path.exists() for path in results), "the results")
        for path, result in zip(pictures, results, strict=True):
            before, after = cv2.imread(str(path)), cv2.imread(str(result))
            assert before.shape == after.shape
            assert np.abs(before.astype(int) - after).mean() > 5
    except AssertionError as error:
        log.flush()
        raise AssertionError(f"{error}; the programs said: {(tmp_path / 'log').read_text()[-2000:]}") from error
    finally:
        for program in programs:
            program.terminate()
            program.wait(20)
        log.close()


def _wait(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.2)
