"""What a killed process leaves is cleaned up by the next run, shown by `cgconv jobs`, and goes with a queue's entry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import pytest
from film_clips import FakeTranslator, make_film, run_film
from places import ROOT

from cgconv.cli.batch import cancel_on_interrupt
from cgconv.cli.main import main
from cgconv.cli.worker import convert
from cgconv.cli.worker.task import Task
from cgconv.runtime.errors import Cancelled
from cgconv.runtime.files import partial_path, sweep_partials
from cgconv.runtime.requests import ForgetFilms

sys.path.insert(0, str(ROOT / "scripts"))

import fault_films


def stopped_film(folder: Path) -> Path:
    """Leave a film of which 9 frames are done."""
    source, cancel = make_film(folder / "a.mp4", frames=20), threading.Event()

    def stop(batch: object) -> object:
        if len(translator.seen) == 9:
            cancel.set()
        return batch

    translator = FakeTranslator(stop)
    with pytest.raises(Cancelled):
        run_film(source, folder / "b.mp4", translator, cancel=cancel)
    return folder / ".b.mp4.cgconv-part"


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can be asked there whether he lives")
def test_what_a_killed_process_was_writing_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = partial_path(tmp_path)
    parts = mine.name.split("-")
    left = tmp_path / "-".join([*parts[:2], str(dead.pid), parts[3]])
    elsewhere = tmp_path / "-".join([parts[0], "0" * 8, str(dead.pid), parts[3]])
    for path in (mine, left, elsewhere):
        path.write_bytes(b"half")
    sweep_partials(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere])


def test_jobs_shows_what_is_unfinished_and_removes_it_when_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    part = stopped_film(tmp_path)
    assert main(["jobs", str(tmp_path)]) == 0
    assert "b.mp4: stopped, 9 frames done" in capfd.readouterr().out
    assert part.is_dir()
    assert main(["jobs", str(tmp_path), "--remove", "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["result"], said["frames"], said["removed"]) == (str(tmp_path / "b.mp4"), 9, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]
    assert main(["jobs", str(tmp_path)]) == 0
    assert "no unfinished films" in capfd.readouterr().out
    assert main(["jobs", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no such folder" in capfd.readouterr().err


def test_a_film_taken_from_the_queue_leaves_nothing(tmp_path: Path) -> None:
    part = stopped_film(tmp_path)
    convert.forget_films(Task(1, ForgetFilms((tmp_path / "b.mp4",)), threading.Event()), lambda event: None)
    assert not part.exists()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_closed_terminal_stops_in_good_order_and_nohup_does_not_stop() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup themselves
    try:
        with cancel_on_interrupt() as cancel:
            os.kill(os.getpid(), signal.SIGHUP)
            assert cancel.wait(200)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with cancel_on_interrupt() as cancel:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not cancel.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
@pytest.mark.parametrize("seed", range(3))
def test_a_film_killed_anywhere_comes_out_equal_with_nothing_beside_it(tmp_path: Path, seed: int) -> None:
    fault_films.kill(Random(seed), tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_a_films_work_that_is_harmed_anyhow_costs_nothing_but_time(tmp_path: Path, seed: int) -> None:
    fault_films.damage(Random(seed), tmp_path)
