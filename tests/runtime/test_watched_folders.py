"""Watched folders: what is taken, when, and what never is."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from cgconv.runtime.choices import Exists
from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.errors import UsageError
from cgconv.runtime.events import BatchFinished, JobFailed, JobFinished, JobSkipped, Watching
from cgconv.runtime.find import Kind
from cgconv.runtime.jobs import BatchOptions, Job, run_jobs
from cgconv.runtime.translator import Translator, open_translator
from cgconv.runtime.watch import SETTLED_S, Watched, watch_jobs

OPTIONS = BatchOptions(kind=Kind.PICTURE, model_name="same")


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Translator]:
    path = tmp_path_factory.mktemp("model") / "same.onnx"
    onnx.save(unchanging_model()[0], path)
    with open_translator(path) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def paint(path: Path, gray: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 5, 3), gray, np.uint8)).save(path)
    return path


def taken(jobs: list[Job]) -> list[str]:
    return [job.input.name for job in jobs if job.to_do]


def settled(watched: Watched, now_s: float) -> list[Job]:
    """Look twice, as far apart as files have to stand still."""
    first, second = watched.look(now_s), watched.look(now_s + SETTLED_S)
    return [*first, *second]


def do(watched: Watched, jobs: list[Job], translator: Translator) -> None:
    for event in run_jobs(jobs, translator, threading.Event()):
        watched.note(event)


def test_a_file_is_taken_once_it_has_stood_still(folder: Path) -> None:
    watched = Watched([folder], OPTIONS)
    copied = paint(folder / "a.png")
    assert taken(watched.look(0.0)) == []
    with copied.open("ab") as file:  # the copy goes on
        file.write(b"more")
    assert taken(watched.look(SETTLED_S)) == []
    os.utime(copied, ns=(0, 12345))  # its size stands still, but something was written over
    assert taken(watched.look(2 * SETTLED_S)) == []
    assert taken(watched.look(3 * SETTLED_S - 0.1)) == []
    assert taken(watched.look(3 * SETTLED_S)) == ["a.png"]
    assert taken(watched.look(9 * SETTLED_S)) == [], "once is enough"


def test_numbers_of_jobs_go_on_from_batch_to_batch(folder: Path) -> None:
    watched = Watched([folder], OPTIONS)
    paint(folder / "a.png")
    paint(folder / "b.png")
    assert [job.index for job in settled(watched, 0)] == [0, 1]
    paint(folder / "c.png")
    assert [job.index for job in settled(watched, 9)] == [2]


def test_what_has_a_result_from_earlier_is_skipped_as_in_a_batch(folder: Path) -> None:
    paint(folder / "a.png")
    paint(folder.with_name("in-same") / "a.png")
    (job,) = settled(Watched([folder], OPTIONS), 0)
    assert job.skip is not None
    (job,) = settled(Watched([folder], replace(OPTIONS, exists=Exists.RENAME)), 0)
    assert job.output.name == "a-2.png"


def test_a_file_that_changes_replaces_the_result_that_the_watch_made(folder: Path, translator: Translator) -> None:
    watched = Watched([folder], OPTIONS)
    paint(folder / "a.png", 9)
    do(watched, settled(watched, 0), translator)
    paint(folder / "a.png", 200)
    jobs = settled(watched, 9)
    assert taken(jobs) == ["a.png"]
    do(watched, jobs, translator)
    assert np.asarray(Image.open(folder.with_name("in-same") / "a.png"))[0, 0, 0] == 200


def test_a_bad_file_is_said_once_and_tried_again_when_it_changes(folder: Path, translator: Translator) -> None:
    watched = Watched([folder], OPTIONS)
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n, half of it")
    (folder / "nowhere.png").symlink_to(folder / "gone")
    jobs = settled(watched, 0)
    assert sorted(job.input.name for job in jobs) == ["a.png", "nowhere.png"]
    failed = [event for event in run_jobs(jobs, translator, threading.Event()) if isinstance(event, JobFailed)]
    assert len(failed) == 2
    assert settled(watched, 9) == []
    paint(folder / "a.png")
    assert taken(settled(watched, 19)) == ["a.png"]


def test_a_folder_that_is_away_for_a_while_is_said_once_and_not_begun_anew(folder: Path) -> None:
    watched = Watched([folder], OPTIONS)
    paint(folder / "a.png")
    assert taken(settled(watched, 0)) == ["a.png"]
    for _ in range(2):
        folder.rename(folder.with_name("away"))
        (job,) = settled(watched, 9)
        assert job.problem == "no such file or folder"
        folder.with_name("away").rename(folder)
        assert settled(watched, 19) == []


def test_results_within_a_watched_folder_are_never_taken(folder: Path, translator: Translator) -> None:
    out = folder / "done"
    watched = Watched([folder], replace(OPTIONS, out=out))
    source = paint(folder / "a.png")
    do(watched, settled(watched, 0), translator)
    assert (out / "a.png").is_file()
    source.unlink()  # moved away: now nothing stands beside the result that would tell what it is
    assert settled(watched, 9) == []


def test_the_watched_folder_is_no_place_for_its_results(folder: Path) -> None:
    for inputs, out in (([folder], folder), ([folder, folder.parent / "b"], folder.parent)):
        (folder.parent / "b").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match="would be taken for new inputs"):
            Watched(inputs, replace(OPTIONS, out=out))


def test_two_files_that_are_called_the_same_keep_apart_whenever_they_come(folder: Path, translator: Translator) -> None:
    watched = Watched([folder], replace(OPTIONS, file_format="png"))
    paint(folder / "a.jpg", 9)
    do(watched, settled(watched, 0), translator)
    paint(folder / "a.png", 200)
    do(watched, settled(watched, 9), translator)
    grays = sorted(int(np.asarray(Image.open(path))[0, 0, 0]) for path in folder.with_name("in-same").iterdir())
    assert grays == [9, 200]


def test_results_of_several_folders_go_where_they_always_go_whichever_has_files_first(folder: Path) -> None:
    (folder.parent / "b").mkdir()
    out = folder.parent / "out"
    watched = Watched([folder, folder.parent / "b"], replace(OPTIONS, out=out))
    paint(folder / "a.png")
    (job,) = settled(watched, 0)
    assert job.output == out / "in" / "a.png"


def test_only_folders_are_watched(folder: Path) -> None:
    for path, reason in ((paint(folder / "a.png"), "this is a file"), (folder / "b", "no such file")):
        with pytest.raises(UsageError, match=reason):
            Watched([path], OPTIONS)


def test_watching_goes_on_from_batch_to_batch_until_it_is_stopped(folder: Path, translator: Translator) -> None:
    watched, cancel = Watched([folder], OPTIONS), threading.Event()
    paint(folder / "a.png")
    done = []
    for event in watch_jobs(watched, translator, cancel, look_every_s=0.01):
        if isinstance(event, Watching):
            assert event.folders == (folder,)
        elif isinstance(event, JobFinished):
            done.append(event.input.name)
        elif isinstance(event, BatchFinished):
            if len(done) == 2:
                cancel.set()
            paint(folder / "b.png")
        assert not isinstance(event, JobSkipped)
    assert done == ["a.png", "b.png"]
