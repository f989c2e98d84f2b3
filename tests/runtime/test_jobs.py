"""Plan batches without surprises, and run them so that one bad file does not stop the rest."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cgconv.runtime.choices import Exists
from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.errors import ModelError, ResourceError, UsageError
from cgconv.runtime.events import (
    BackendOpened,
    BatchFinished,
    BatchPlanned,
    JobFailed,
    JobFinished,
    JobSkipped,
    JobStarted,
    JobWarned,
)
from cgconv.runtime.find import PICTURE_SUFFIXES, Kind
from cgconv.runtime.jobs import BatchOptions, JobList, plan_jobs, run_jobs
from cgconv.runtime.models.card import ModelCard

PICTURES = BatchOptions(kind=Kind.PICTURE, model_name="monet")
FILMS = BatchOptions(kind=Kind.FILM, model_name="monet")


class Negative:
    """A translator that inverts colors, and notes the batches it was given."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.seconds = seconds
        self.sha256 = "negative"

    @property
    def card(self) -> ModelCard:
        return unchanging_model()[1]

    def describe(self) -> BackendOpened:
        return BackendOpened("fake", "fake", "cpu", "fp32", "a test")

    def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.batches.append(batch.shape)
        time.sleep(self.seconds)
        return np.asarray((255 if batch.dtype == np.uint8 else 1) - batch, dtype=batch.dtype)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def paint(path: Path, gray: int = 10, size_wh: tuple[int, int] = (12, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_wh, (gray, gray, gray)).save(path)
    return path


def outputs(jobs: JobList, folder: Path) -> list[str]:
    return [job.output.relative_to(folder).as_posix() for job in jobs]


def run(jobs: Sequence[Any], translator: Any = None, cancel: threading.Event | None = None) -> list[Any]:
    return list(run_jobs(jobs, translator or Negative(), cancel or threading.Event()))


# Planning: names


def test_a_file_goes_beside_itself_and_a_folder_beside_the_folder_with_its_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "photos/b.PNG", "photos/deep/er/c.jpeg")
    jobs = plan_jobs([tmp_path / "a.jpg", tmp_path / "photos"], PICTURES)
    assert outputs(jobs, tmp_path) == ["a.monet.jpg", "photos-monet/b.PNG", "photos-monet/deep/er/c.jpeg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "photos"], "planning must write nothing"


def test_with_out_results_keep_their_names_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "photos/b.png")
    options = replace(PICTURES, out=tmp_path / "new")
    assert outputs(plan_jobs([tmp_path / "a.jpg", tmp_path / "photos"], options), tmp_path) == [
        "new/a.jpg",
        "new/b.png",
    ]


def test_out_may_name_the_one_result_itself(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    assert outputs(plan_jobs([tmp_path / "a.jpg"], replace(PICTURES, out=tmp_path / "b.jpg")), tmp_path) == ["b.jpg"]


def test_out_may_not_name_the_input(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    with pytest.raises(UsageError, match="this is the input itself"):
        plan_jobs([tmp_path / "a.jpg"], replace(PICTURES, out=tmp_path / "a.jpg"))


def test_two_folders_into_one_out_do_not_mix(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.jpg", "y/a.jpg")
    options = replace(PICTURES, out=tmp_path / "new")
    planned = outputs(plan_jobs([tmp_path / "x", tmp_path / "y"], options), tmp_path)
    assert planned == ["new/x/a.jpg", "new/y/a.jpg"]


def test_heic_becomes_jpeg_and_avi_becomes_mkv(tmp_path: Path) -> None:
    touch(tmp_path, "a.HEIC", "b.avi", "c.mov")
    assert outputs(plan_jobs([tmp_path / "a.HEIC"], PICTURES), tmp_path) == ["a.monet.jpg"]
    assert outputs(plan_jobs([tmp_path / "b.avi", tmp_path / "c.mov"], FILMS), tmp_path) == [
        "b.monet.mkv",
        "c.monet.mov",
    ]


def test_a_format_keeps_suffixes_that_mean_it_already(tmp_path: Path) -> None:
    touch(tmp_path, "a.JPEG", "b.png")
    options = replace(PICTURES, file_format="jpg")
    assert outputs(plan_jobs([tmp_path], options), tmp_path.parent) == [
        f"{tmp_path.name}-monet/a.JPEG",
        f"{tmp_path.name}-monet/b.jpg",
    ]


def test_a_codec_that_the_container_cannot_hold_is_refused(tmp_path: Path) -> None:
    from cgconv.runtime.choices import VideoCodec
    from cgconv.runtime.films.job import FilmOptions

    touch(tmp_path, "a.mp4")
    options = replace(FILMS, film=FilmOptions(codec=VideoCodec.FFV1), file_format="mp4")
    with pytest.raises(UsageError, match="--format mp4 cannot hold --codec ffv1"):
        plan_jobs([tmp_path / "a.mp4"], options)
    assert plan_jobs([tmp_path / "a.mp4"], replace(options, file_format="same"))[0].output.suffix == ".mkv"


# Planning: collisions


@pytest.mark.parametrize("order", [("a.jpg", "a.png", "a.webp"), ("a.webp", "a.png", "a.jpg")])
def test_pictures_that_differ_in_type_only_do_not_land_on_one_name(tmp_path: Path, order: tuple[str, ...]) -> None:
    touch(tmp_path, *order)
    jobs = plan_jobs([tmp_path / name for name in order], replace(PICTURES, file_format="png"))
    assert {job.input.name: job.output.name for job in jobs} == {
        "a.png": "a.monet.png",
        "a.jpg": "a.jpg.monet.png",
        "a.webp": "a.webp.monet.png",
    }


def test_names_that_differ_in_case_or_accents_spelling_only_get_different_results(tmp_path: Path) -> None:
    touch(tmp_path, "x/A.jpg", "y/a.jpg", "x/caf\u00e9.jpg", "y/cafe\u0301.jpg")
    inputs = sorted(tmp_path.glob("*/*.jpg"))
    jobs = plan_jobs(inputs, replace(PICTURES, out=tmp_path / "new"))
    names = [job.output.name for job in jobs]
    assert sorted(names) == sorted(["A.jpg", "a-2.jpg", "caf\u00e9.jpg", "cafe\u0301-2.jpg"])


def test_no_result_is_ever_an_input(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    jobs = plan_jobs([tmp_path], replace(PICTURES, out=tmp_path))
    assert outputs(jobs, tmp_path) == ["a.monet.jpg", "b.monet.jpg"]
    (tmp_path / "here").symlink_to(tmp_path)
    jobs = plan_jobs([tmp_path / "a.jpg"], replace(PICTURES, out=tmp_path / "here"))
    assert jobs[0].output.name == "a.monet.jpg", "the same folder by another name"


def test_the_same_file_named_in_several_ways_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "photos/a.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "photos" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    jobs = plan_jobs(["photos", "photos/a.jpg", tmp_path / "photos" / "a.jpg", "link.jpg", "./photos"], PICTURES)
    assert [str(job.input) for job in jobs] == [str(Path("photos/a.jpg"))]


def test_links_that_go_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a.jpg")
    (tmp_path / "photos" / "again").symlink_to(tmp_path / "photos")
    assert len(plan_jobs([tmp_path / "photos"], PICTURES)) == 1


# Planning: a second run


def test_a_second_run_does_not_eat_the_first_ones_results(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "trip/b.png", "trip/deep/c.jpg")
    every_run = []
    for _ in range(3):
        jobs = plan_jobs([tmp_path / "trip", *sorted(tmp_path.glob("*.jpg"))], PICTURES)
        every_run.append(outputs(jobs, tmp_path))
        touch(tmp_path, *every_run[-1])
    assert every_run[0] == every_run[1] == every_run[2]
    assert all(job.skip for job in plan_jobs([tmp_path / "trip", tmp_path / "a.jpg"], PICTURES))
    whole = plan_jobs([tmp_path], PICTURES)
    assert sorted(job.input.name for job in whole) == ["a.jpg", "b.png", "c.jpg"]
    assert whole.notes == ["skipped 2 results of earlier runs"]


def test_results_of_other_models_and_other_formats_are_known_too(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.zebra.jpg", "a.monet-2.png", "a.jpg.monet.png", "trip/b.jpg", "trip-zebra/b.jpg")
    options = replace(PICTURES, model_names=frozenset({"zebra"}))
    assert sorted(job.input.name for job in plan_jobs([tmp_path], options)) == ["a.jpg", "b.jpg"]


def test_a_picture_that_only_looks_like_a_result_is_translated(tmp_path: Path) -> None:
    touch(tmp_path, "claude.monet.jpg", "garden-monet/a.jpg")
    assert len(plan_jobs([tmp_path], PICTURES)) == 2, "there is no claude.jpg and no folder garden"


def test_a_result_that_is_named_alone_is_translated_again(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.monet.jpg")
    assert outputs(plan_jobs([tmp_path / "a.monet.jpg"], PICTURES), tmp_path) == ["a.monet.monet.jpg"]


def test_results_inside_the_input_folder_are_left_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "painted/a.jpg")
    options = replace(PICTURES, out=tmp_path / "painted")
    assert [job.input for job in plan_jobs([tmp_path], options)] == [tmp_path / "a.jpg"]


@pytest.mark.parametrize(
    ("exists", "expected"),
    [
        (Exists.SKIP, ("a.monet.jpg", "skip")),
        (Exists.OVERWRITE, ("a.monet.jpg", "do")),
        (Exists.RENAME, ("a.monet-3.jpg", "do")),
        (Exists.FAIL, ("a.monet.jpg", "fail")),
    ],
)
def test_what_happens_to_results_that_exist_is_the_users_choice(
    tmp_path: Path, exists: Exists, expected: tuple[str, str]
) -> None:
    touch(tmp_path, "a.jpg", "a.monet.jpg", "a.monet-2.jpg")
    (job,) = plan_jobs([tmp_path / "a.jpg"], replace(PICTURES, exists=exists))
    assert (job.output.name, "skip" if job.skip else "fail" if job.problem else "do") == expected


# Planning: what is found


def test_patterns_are_expanded_where_the_shell_did_not(tmp_path: Path) -> None:
    touch(tmp_path, "img10.jpg", "img2.jpg", "x.txt", "deep/c.jpg", ".hidden.jpg")
    jobs = plan_jobs([f"{tmp_path}/*.jpg"], PICTURES)
    assert [job.input.name for job in jobs] == ["img2.jpg", "img10.jpg"]
    assert len(plan_jobs([f"{tmp_path}/**/*.jpg"], PICTURES)) == 3


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].jpg", "a1.jpg")
    assert [job.input.name for job in plan_jobs([tmp_path / "a[1].jpg"], PICTURES)] == ["a[1].jpg"]


def test_hidden_and_foreign_files_in_folders_are_ignored_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "notes.txt", "clip.mp4", ".cache/b.jpg", "._a.jpg")
    jobs = plan_jobs([tmp_path], PICTURES)
    assert len(jobs) == 1
    assert jobs.notes == ["ignored 2 files that are not pictures, 1 film among them: use cgconv video"]


def test_a_film_beside_pictures_is_left_to_its_command(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "clip.mp4")
    assert plan_jobs([tmp_path], PICTURES).notes == ["skipped 1 film; use cgconv video"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_named_and_never_opened(tmp_path: Path) -> None:
    touch(tmp_path, "photos/a.jpg")
    for name in ("photos/pipe.jpg", "pipe"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "photos" / "link.jpg").symlink_to(tmp_path / "pipe")
    jobs = plan_jobs([tmp_path / "photos", tmp_path / "pipe"], PICTURES)
    assert [(job.input.name, job.problem) for job in jobs] == [
        ("a.jpg", None),
        *((name, "this is not a regular file, so it is not opened") for name in ("link.jpg", "pipe.jpg", "pipe")),
    ]


def test_a_folder_of_films_says_which_command_to_use(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mkv")
    with pytest.raises(UsageError, match=r"no pictures found in .*, but 2 films: use cgconv video"):
        plan_jobs([tmp_path], PICTURES)


def test_inputs_that_name_nothing_are_refused_in_one_sentence(tmp_path: Path) -> None:
    for given, words in [("gone.jpg", "no such file"), ("*.jpg", "no file matches"), ("", "no pictures found")]:
        with pytest.raises(UsageError, match=words):
            plan_jobs([f"{tmp_path}/{given}"], PICTURES)


def test_a_missing_file_among_others_fails_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.mp4")
    jobs = plan_jobs([tmp_path / "a.jpg", tmp_path / "gone.jpg", tmp_path / "b.mp4"], PICTURES)
    assert [job.problem for job in jobs] == [
        None,
        "no such file or folder",
        "this is a film, not a picture: use cgconv video for it",
    ]


def test_a_named_picture_with_a_strange_suffix_is_tried(tmp_path: Path) -> None:
    paint(tmp_path / "a.png").rename(tmp_path / "scan.001")
    (tmp_path / "b.001").write_bytes(b"nothing of use")
    jobs = plan_jobs([tmp_path / "scan.001", tmp_path / "b.001"], PICTURES)
    assert [(job.output.name, job.problem) for job in jobs] == [
        ("scan.monet.png", None),
        ("b.001", "not a picture that cgconv knows"),
    ]


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", ".avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", ".jpg"),
        (b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc", ".jpg"),
        (b"II+\0\x08\0\0\0", ".tiff"),
        (b"\xff\x4f\xff\x51\0\x2f", ".jp2"),
    ],
)
def test_a_named_picture_is_known_by_its_content_even_under_a_films_name(
    tmp_path: Path, head: bytes, suffix: str
) -> None:
    (tmp_path / "2024-01-01T12:30:45.mp4").write_bytes(head + bytes(64))
    (job,) = plan_jobs([tmp_path / "2024-01-01T12:30:45.mp4"], PICTURES)
    assert (job.output.name, job.problem) == (f"2024-01-01T12:30:45.monet{suffix}", None)


def test_ten_thousand_pictures_are_planned_in_seconds(tmp_path: Path) -> None:
    for number in range(10_000):
        path = tmp_path / f"{number // 1000}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    began = time.process_time()  # of the processor's time: the machine may be busy
    assert len(plan_jobs([tmp_path], PICTURES)) == 10_000
    assert time.process_time() - began < 5


def test_every_suffix_that_can_be_read_is_found_in_folders(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a{number}{suffix}" for number, suffix in enumerate(sorted(PICTURE_SUFFIXES))))
    assert len(plan_jobs([tmp_path], PICTURES)) == len(PICTURE_SUFFIXES)


# Running


def test_a_batch_tells_its_story_from_plan_to_end(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "a.png", gray=10)
    events = run(plan_jobs([tmp_path / "photos"], PICTURES))
    assert [type(event) for event in events] == [
        BatchPlanned,
        BackendOpened,
        JobStarted,
        JobFinished,
        BatchFinished,
    ]
    finished = events[3]
    assert set(finished.stage_seconds) == {"decode", "translate", "encode"}
    assert np.all(np.asarray(Image.open(tmp_path / "photos-monet" / "a.png")) == 245)


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    for number in range(6):
        paint(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    events = run(plan_jobs([tmp_path / "photos"], PICTURES))
    failed = [event for event in events if isinstance(event, JobFailed)]
    assert [event.input.name for event in failed] == ["3.png"]
    assert "\n" not in failed[0].reason
    assert events[-1] == replace(events[-1], done=5, failed=1, skipped=0, cancelled=False)
    assert len(list((tmp_path / "photos-monet").iterdir())) == 5


def test_what_nobody_foresaw_fails_one_job_with_its_type(tmp_path: Path) -> None:
    class Broken(Negative):
        def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            raise ZeroDivisionError("of\nall things")

    paint(tmp_path / "a.png")
    failed = run(plan_jobs([tmp_path / "a.png"], PICTURES), Broken())[3]
    assert failed.reason == "unexpected ZeroDivisionError: of all things (--debug shows where)"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "memory ran out: lower"),
        (ModelError("the model says no"), "the model says no"),
        (OSError(28, "No space left on device", "/disk/a.png"), "/disk/a.png: no space left on device"),
    ],
)
def test_reasons_are_sentences(tmp_path: Path, error: Exception, words: str) -> None:
    class Broken(Negative):
        def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            raise error

    paint(tmp_path / "a.png")
    failed = run(plan_jobs([tmp_path / "a.png"], PICTURES), Broken())[3]
    assert isinstance(failed, JobFailed)
    assert failed.reason.startswith(words)
    assert not (tmp_path / "a.monet.png").exists()


def test_skipped_and_refused_jobs_are_said_and_need_no_translator(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    paint(tmp_path / "a.monet.png")
    jobs = plan_jobs([tmp_path / "a.png", tmp_path / "gone.png"], PICTURES)
    events = list(run_jobs(jobs, None, threading.Event()))
    assert [type(event) for event in events] == [BatchPlanned, JobSkipped, JobFailed, BatchFinished]


def test_cancelling_finishes_what_is_translated_and_begins_nothing_new(tmp_path: Path) -> None:
    for number in range(20):
        paint(tmp_path / "photos" / f"{number}.png")
    cancel = threading.Event()
    translator = Negative(seconds=0.02)
    events = []
    for event in run_jobs(plan_jobs([tmp_path / "photos"], PICTURES), translator, cancel):
        events.append(event)
        if isinstance(event, JobFinished):
            cancel.set()
    last = events[-1]
    assert last.cancelled
    assert 1 <= last.done <= 3
    written = list((tmp_path / "photos-monet").iterdir())
    assert len(written) == last.done == len(translator.batches)
    assert all(path.suffix == ".png" for path in written), "nothing half-written stays"


def test_cancelling_before_the_start_does_nothing(tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    cancel = threading.Event()
    cancel.set()
    events = run(plan_jobs([tmp_path / "a.png"], PICTURES), cancel=cancel)
    assert events[-1].cancelled
    assert not (tmp_path / "a.monet.png").exists()


def test_small_pictures_of_one_size_are_translated_together(tmp_path: Path) -> None:
    for number in range(24):
        paint(tmp_path / "photos" / f"{number}.png", gray=number)
    translator = Negative(seconds=0.05)
    run(plan_jobs([tmp_path / "photos"], replace(PICTURES, batch=4)), translator)
    sizes = {shape[0] for shape in translator.batches}
    assert sizes <= {1, 4}, "a backend compiles for each batch size, so there are two only"
    assert 4 in sizes
    for number in range(24):
        result = np.asarray(Image.open(tmp_path / "photos-monet" / f"{number}.png"))
        assert np.all(result == 255 - number), "each picture gets its own result"


def test_a_batch_that_memory_cannot_hold_is_done_one_by_one(tmp_path: Path) -> None:
    class Small(Negative):
        def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            if len(batch) > 1:
                raise ResourceError("too much at once")
            return super().translate(batch)

    for number in range(12):
        paint(tmp_path / "photos" / f"{number}.png")
    events = run(plan_jobs([tmp_path / "photos"], replace(PICTURES, batch=3)), Small(seconds=0.02))
    assert events[-1].done == 12


def test_warnings_of_a_picture_become_events(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "green")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=80)
    events = run(plan_jobs([tmp_path / "a.gif"], replace(PICTURES, file_format="jpg")))
    assert any(isinstance(event, JobWarned) and "first of 2 frames" in event.message for event in events)


def test_an_empty_input_is_refused_and_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's unset variable once translated everything under the folder it ran in."""
    touch(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="empty"):
        plan_jobs([""], PICTURES)


# What cannot be looked at, and what goes away


def test_links_that_lead_nowhere_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A link to itself in a folder of photographs ended the whole batch with "Too many levels of symbolic links"."""
    touch(tmp_path, "photos/a.jpg", "photos/inner/b.jpg")
    for name in ("loop", "loop.jpg", "inner/loop"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "photos" / name)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    jobs = plan_jobs([tmp_path / "photos", tmp_path / "photos" / "loop.jpg", tmp_path / "gone.jpg"], PICTURES)
    loops = "this link leads to itself"
    assert sorted((job.input.name, job.problem or "") for job in jobs) == sorted(
        [
            ("a.jpg", ""),
            ("b.jpg", ""),
            ("gone.jpg", "this link points to nothing"),
            *[(name, loops) for name in ("loop", "loop", "loop.jpg", "loop.jpg")],
        ]
    )


def test_what_may_not_be_read_is_named_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "photos/a.jpg", "photos/closed/b.jpg", "photos/link/c.jpg")
    scandir, stat = os.scandir, os.stat

    def guarded(look: Any, closed: str) -> Any:  # tests may run as root, who may look everywhere
        def ask(path: Any, *arguments: Any, **options: Any) -> Any:
            if os.fspath(path).endswith(closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
            return look(path, *arguments, **options)

        return ask

    monkeypatch.setattr(os, "scandir", guarded(scandir, "closed"))
    monkeypatch.setattr(os, "stat", guarded(stat, "secret.jpg"))
    jobs = plan_jobs([tmp_path / "photos", tmp_path / "secret.jpg"], PICTURES)
    assert [(job.input.name, job.problem) for job in jobs] == [
        ("a.jpg", None),
        ("c.jpg", None),
        ("closed", "this folder cannot be read: Permission denied"),
        ("secret.jpg", "cannot be looked at: Permission denied"),
    ]


@pytest.mark.parametrize("stem", ["n" * 248, "ü" * 122, "海" * 83])
@pytest.mark.parametrize("options", [PICTURES, replace(PICTURES, name="{model} of {name}")])
def test_a_name_too_long_for_its_result_is_cut(tmp_path: Path, stem: str, options: BatchOptions) -> None:
    sources = [paint(tmp_path / f"{stem}{end}.png") for end in "ab"]
    jobs = plan_jobs(sources, options)
    assert [type(event) for event in run(jobs)].count(JobFinished) == 2
    assert len({job.output for job in jobs}) == 2
    assert all(job.output.is_file() and "monet" in job.output.name for job in jobs)
    assert all(job.output.name.replace("monet of ", "")[:70] == stem[:70] for job in jobs)
    again = plan_jobs(sorted(tmp_path.iterdir()) if options is PICTURES else sources, options)
    assert [job.skip is not None for job in again] == [True, True], "the cut names are known to be results"


def test_the_results_folder_that_vanishes_takes_its_results_along(tmp_path: Path) -> None:
    """A folder of results that was deleted half-way was made anew, and the batch said that all were done."""
    out = tmp_path / "out"
    sources = [paint(tmp_path / "in" / f"{number}.png", size_wh=(12 + number, 8)) for number in range(6)]

    class Deleting(Negative):
        def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            if batch.shape[2] == 14:  # the third of them
                shutil.rmtree(out)
            return super().translate(batch)

    events = run(plan_jobs(sources, replace(PICTURES, out=out, workers=1)), Deleting())

    assert events[-1].done == 0
    assert events[-1].failed == 6
    reasons = {event.index: event.reason for event in events if isinstance(event, JobFailed)}
    assert reasons[1] == f"{out / '1.png'} was written, and has vanished since with {out}"
    assert reasons[5] == f"{out / '5.png'} cannot be written: {out}, which held results already, has disappeared"


def test_a_result_that_is_gone_in_the_end_is_not_called_done(tmp_path: Path) -> None:
    """`rm -r` beside a batch that goes on empties the folder of results, and cannot remove it."""
    sources = [paint(tmp_path / "in" / f"{number}.png", size_wh=(12 + number, 8)) for number in range(3)]

    class Deleting(Negative):
        def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            if batch.shape[2] == 14:
                (tmp_path / "out" / "0.png").unlink()
            return super().translate(batch)

    events = run(plan_jobs(sources, replace(PICTURES, out=tmp_path / "out", workers=1)), Deleting())
    assert (events[-1].done, events[-1].failed) == (2, 1)
    gone = tmp_path / "out" / "0.png"
    assert [event.reason for event in events if isinstance(event, JobFailed)] == [
        f"{gone} was written, and has vanished since"
    ]
