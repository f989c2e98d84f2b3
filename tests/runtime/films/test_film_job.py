"""A film job can be stopped at any moment and goes on; it leaves nothing half-written and keeps memory bounded."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, picture, run_film
from places import TESTS

from cgconv.runtime.errors import Cancelled, FilmError, OutputError, ResourceError
from cgconv.runtime.films import every as grouping
from cgconv.runtime.films import job as film_job
from cgconv.runtime.films import kept_segments
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.films.kept_segments import leftovers, sweep
from cgconv.runtime.films.reader import FilmReader

UNEVEN = [number * 20 + (number * 7) % 13 for number in range(33)]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_job, "SEGMENT_FRAMES", 10)
    monkeypatch.setattr(film_job, "SEGMENT_S", float("inf"))  # else a busy machine closes them earlier


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stop_after(frames: int, cancel: threading.Event, folder: Path, segments: int) -> FakeTranslator:
    """Return a translator that sets `cancel` at a frame, once so many segments are finished."""

    def change(batch: Any) -> Any:
        if len(translator.seen) == frames:
            while len(list(folder.glob(".*/*.mkv"))) - 1 < segments and len(list(folder.glob(".*/0*.json"))) < segments:
                time.sleep(0.01)
            cancel.set()
        return batch

    translator = FakeTranslator(change)
    return translator


def assert_same_film(one: Path, other: Path, *, levels: float = 0) -> None:
    """`levels`: how far pictures may be apart on average, where a key frame lies elsewhere."""
    first, second = look_at(one), look_at(other)
    assert first.times == second.times
    assert first.durations == second.durations
    assert first.sounds == second.sounds
    for a, b in zip(first.images, second.images, strict=True):
        assert np.abs(a.astype(float) - b).mean() <= levels


def test_a_stopped_film_goes_on_and_comes_out_the_same(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", times=UNEVEN, sounds=["eng"])
    run_film(source, tmp_path / "whole.mp4")
    assert len(look_at(tmp_path / "whole.mp4").times) == 33
    cancel = threading.Event()
    with pytest.raises(Cancelled, match="the same command continues from frame 30"):
        run_film(source, tmp_path / "b.mp4", stop_after(29, cancel, tmp_path, 2), cancel=cancel)
    assert names(tmp_path) == [".b.mp4.cgconv-part", "a.mp4", "whole.mp4"]
    assert names(tmp_path / ".b.mp4.cgconv-part") == [
        "00000.json",
        "00000.mkv",
        "00001.json",
        "00001.mkv",
        "00002.json",
        "00002.mkv",
        "manifest.json",
    ]
    translator = FakeTranslator()
    run = run_film(source, tmp_path / "b.mp4", translator)
    assert len(translator.seen) == 4
    assert run.facts["resumed_frames"] == 29
    assert any("29 frames" in warning for warning in run.warnings)
    assert_same_film(tmp_path / "whole.mp4", tmp_path / "b.mp4", levels=2)
    assert names(tmp_path) == ["a.mp4", "b.mp4", "whole.mp4"]


def test_a_killed_process_loses_only_its_last_segment(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", times=UNEVEN, sounds=["eng"])
    run_film(source, tmp_path / "whole.mp4")
    script = textwrap.dedent(f"""
        import sys, threading
        from pathlib import Path
        sys.path.insert(0, {str(TESTS)!r})
        from cgconv.runtime.films import job as film_job
        from film_clips import FakeTranslator, run_film
        film_job.SEGMENT_FRAMES, film_job.SEGMENT_S = 10, float("inf")
        def stop_in_the_third_segment(batch):
            if len(translator.seen) == 25:
                threading.Event().wait()
            return batch
        translator = FakeTranslator(stop_in_the_third_segment)
        run_film(Path({str(source)!r}), Path({str(tmp_path / "b.mp4")!r}), translator)
    """)
    process = subprocess.Popen([sys.executable, "-c", script])
    finished = tmp_path / ".b.mp4.cgconv-part" / "00001.json"
    while not finished.exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    assert not (tmp_path / "b.mp4").exists()
    translator = FakeTranslator()
    run_film(source, tmp_path / "b.mp4", translator)
    assert len(translator.seen) == 13
    assert_same_film(tmp_path / "whole.mp4", tmp_path / "b.mp4")
    assert names(tmp_path) == ["a.mp4", "b.mp4", "whole.mp4"]


def test_avi_goes_on_too_though_it_cannot_be_sought(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.avi", frames=33, options={"bf": "2"})
    run_film(source, tmp_path / "whole.mkv")
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mkv", stop_after(15, cancel, tmp_path, 1), cancel=cancel)
    run_film(source, tmp_path / "b.mkv")
    assert_same_film(tmp_path / "whole.mkv", tmp_path / "b.mkv", levels=2)


def test_a_slow_model_closes_segments_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "a.mp4", times=UNEVEN, sounds=["eng"])
    run_film(source, tmp_path / "whole.mp4")
    monkeypatch.setattr(film_job, "SEGMENT_S", 0.0)
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mp4", stop_after(7, cancel, tmp_path, 5), cancel=cancel)
    assert len(list((tmp_path / ".b.mp4.cgconv-part").glob("0*.json"))) == 7
    run_film(source, tmp_path / "b.mp4")
    assert_same_film(tmp_path / "whole.mp4", tmp_path / "b.mp4", levels=2)


@pytest.mark.parametrize("change", ["options", "source", "model"])
def test_segments_of_another_job_are_kept_until_told_otherwise(tmp_path: Path, change: str) -> None:
    source = make_film(tmp_path / "a.mp4", frames=25)
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mp4", stop_after(15, cancel, tmp_path, 1), cancel=cancel)
    options, translator = FilmOptions(), FakeTranslator()
    if change == "options":
        options = FilmOptions(strength=0.5)
    elif change == "source":
        make_film(source, frames=25, draw=lambda number, size_wh: 255 - picture(number, size_wh))
    else:
        translator = FakeTranslator(name="another")
    said = {
        "options": r"\(--strength was 1.0, is 0.5\)",
        "source": "the film itself has",
        "model": "the model has changed",
    }
    with pytest.raises(OutputError, match=said[change]):
        run_film(source, tmp_path / "b.mp4", translator, options)
    assert names(tmp_path) == [".b.mp4.cgconv-part", "a.mp4"], "its work is kept"
    run = run_film(source, tmp_path / "b.mp4", translator, replace(options, fresh=True))
    assert len(translator.seen) == 25
    assert run.facts["resumed_frames"] == 0
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


def test_other_settings_are_named_as_options_and_once() -> None:
    """Another --crf was called "how pictures are stored has changed, brush was None"."""
    options = {"crf": None, "start_s": 1.5, "short_side": None}
    made_with = {"options": options, "encoding": 1, "coded_hw": 1, "format": 2}
    wanted = {
        "options": {"crf": 20, "start_s": None, "short_side": 90, "brush": None, "detail": 1.0},
        "encoding": 2,
        "coded_hw": 2,
        "format": 2,
    }
    assert kept_segments._changes(made_with, wanted) == [
        "--crf was not given, is 20",
        "--resize was not given, is 90",
        "--start was 1.5, is not given",
        "another version of cgconv began it, without --brush and --detail",
    ]
    assert kept_segments._changes(made_with | {"options": wanted["options"]}, wanted) == [
        "the size has changed",
        "how pictures are stored has changed",
    ]


def test_a_film_that_was_merely_touched_goes_on_with_other_threads_too(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=25)
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mp4", stop_after(15, cancel, tmp_path, 1), cancel=cancel)
    os.utime(source, (1, 1))
    run = run_film(source, tmp_path / "b.mp4", options=FilmOptions(threads=1))
    assert run.facts["resumed_frames"] == 15
    assert "threads have changed (automatic, now 1); what is done is kept" in run.warnings


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)


def _swap(one: Path, other: Path, between: Path) -> None:
    one.rename(between)
    other.rename(one)
    between.rename(other)


DAMAGES: dict[str, tuple[int, Callable[[Path], object]]] = {  # what happens, and how many segments survive it
    "manifest gone": (4, lambda parts: (parts / "manifest.json").unlink()),
    "manifest empty": (4, lambda parts: (parts / "manifest.json").write_bytes(b"")),
    "manifest no text": (4, lambda parts: (parts / "manifest.json").write_bytes(b"\xff\xfe{")),
    "description cut off": (1, lambda parts: (parts / "00001.json").write_text('{"pts": [1')),
    "description flipped": (1, lambda parts: _flip(parts / "00001.json")),
    "description of another kind": (0, lambda parts: (parts / "00000.json").write_text("[]")),
    "segment gone": (1, lambda parts: (parts / "00001.mkv").unlink()),
    "segment cut off": (1, lambda parts: (parts / "00001.mkv").write_bytes(b"\x1aE\xdf\xa3")),
    "segment flipped": (2, lambda parts: _flip(parts / "00002.mkv")),
    "segments swapped": (0, lambda parts: _swap(parts / "00000.mkv", parts / "00001.mkv", parts / "x")),
    "manifest and description swapped": (
        0,
        lambda parts: _swap(parts / "manifest.json", parts / "00000.json", parts / "x"),
    ),
    "both swapped": (
        0,
        lambda parts: [_swap(parts / f"00000{end}", parts / f"00001{end}", parts / "x") for end in (".mkv", ".json")],
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_work_costs_what_comes_after_it_and_no_more(tmp_path: Path, damage: str) -> None:
    source = make_film(tmp_path / "a.mp4", frames=36)
    run_film(source, tmp_path / "whole.mp4")
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mp4", stop_after(33, cancel, tmp_path, 3), cancel=cancel)
    survive, happen = DAMAGES[damage]
    happen(tmp_path / ".b.mp4.cgconv-part")
    run = run_film(source, tmp_path / "b.mp4")
    assert run.facts["resumed_frames"] == min(10 * survive, 33)
    assert_same_film(tmp_path / "whole.mp4", tmp_path / "b.mp4", levels=2)
    assert names(tmp_path) == ["a.mp4", "b.mp4", "whole.mp4"]


def test_a_segment_that_is_damaged_before_the_film_is_joined_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_film(tmp_path / "a.mp4", frames=25)
    join = film_job.join_film

    def harm_and_join(*given: Any, **named: Any) -> Any:
        (tmp_path / ".b.mp4.cgconv-part" / "00001.mkv").write_bytes(b"")
        return join(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(film_job, "join_film", harm_and_join)
        with pytest.raises(OutputError, match="continue from frame 11"):
            run_film(source, tmp_path / "b.mp4")
    assert run_film(source, tmp_path / "b.mp4").facts["resumed_frames"] == 10
    assert len(look_at(tmp_path / "b.mp4").times) == 25


def test_a_film_killed_once_it_is_in_place_leaves_nothing_to_the_next_run(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "a.mp4", frames=25), tmp_path / "b.mp4"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film_job.PartFolder, "delete", lambda parts: None)
        patch.setattr(film_job.Lock, "release", lambda lock: os.close(lock._descriptor))
        run_film(source, target)
    assert ".b.mp4.cgconv-part" in names(tmp_path)
    (tmp_path / ".c.mp4.cgconv-part").mkdir()
    sweep(target)
    assert names(tmp_path) == [".c.mp4.cgconv-part", "a.mp4", "b.mp4"]


def test_a_film_of_huge_frames_is_refused_before_any_is_decoded(tmp_path: Path) -> None:
    """89 bytes that claimed 65,535×65,535 pixels once took 8 GB."""
    resource = pytest.importorskip("resource")  # POSIX's
    hostile = b"GIF89a" + b"\xff\xff\xff\xff\x80\0\0" + b"\0\0\0\xff\xff\xff"
    hostile += (b"\x2c" + bytes(4) + b"\1\0\1\0\0" + b"\2\2\x44\1\0") * 2 + b";"
    (tmp_path / "a.gif").write_bytes(hostile)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FilmError, match="65535×65535 pixels, more than the limit of 250,000,000; see --max-pixels"):
        run_film(tmp_path / "a.gif", tmp_path / "b.gif")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 300_000
    source = make_film(tmp_path / "c.mp4", frames=2)
    with pytest.raises(FilmError, match="96×64 pixels, more than the limit of 6,143"):
        run_film(source, tmp_path / "d.mp4", options=FilmOptions(max_pixels=96 * 64 - 1))


def test_frames_that_do_not_fit_into_memory_are_refused_before_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_job, "available_bytes", lambda: 100_000)
    with pytest.raises(FilmError, match=r"need 0\.0 GB of memory, and 0\.0 GB are free"):
        run_film(make_film(tmp_path / "a.mp4", frames=2), tmp_path / "b.mp4")


def test_work_that_is_not_delivered_is_not_swept_away(tmp_path: Path) -> None:
    source, cancel = make_film(tmp_path / "a.mp4", frames=25), threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mp4", stop_after(15, cancel, tmp_path, 1), cancel=cancel)
    (tmp_path / "b.mp4").write_bytes(b"an older result")
    sweep(tmp_path / "b.mp4")
    assert [(found.result, found.frames) for found in leftovers(tmp_path)] == [(tmp_path / "b.mp4", 15)]
    sweep(tmp_path / "b.mp4", all_work=True)
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_a_folder_that_vanishes_in_the_middle_is_a_failure_that_names_it(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=25)
    (tmp_path / "out").mkdir()

    def vanish(batch: Any) -> Any:
        if len(translator.seen) == 15:
            while not (tmp_path / "out" / ".b.mp4.cgconv-part" / "00000.json").exists():
                time.sleep(0.01)
            shutil.rmtree(tmp_path / "out")
        return batch

    translator = FakeTranslator(vanish)
    with pytest.raises(OutputError, match=r"out: this folder has vanished"):
        run_film(source, tmp_path / "out" / "b.mp4", translator)
    assert names(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("name", ["2024-01-01T12:30:45.mp4", "http:x.mp4", "é" * 120 + ".mp4", "n" * 251 + ".mp4"])
@pytest.mark.skipif(sys.platform == "win32", reason="colons are no part of names there")
def test_names_with_colons_and_long_ones_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    make_film(tmp_path / "a.mp4", frames=3)
    Path("a.mp4").rename(name)
    Path("out:1").mkdir()
    run_film(Path(name), Path("out:1") / name)
    assert len(look_at(tmp_path / "out:1" / name).times) == 3
    assert names(tmp_path / "out:1") == [name]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3)
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"out: no permission to write here$"):
        run_film(source, tmp_path / "out" / "b.mp4")


def test_two_processes_never_write_one_film(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "a.mp4", times=range(0, 400, 40)), tmp_path / "out.mp4"
    held = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
            from pathlib import Path
            from cgconv.runtime.lock import Lock
            assert Lock(Path({str(target.with_name(".out.mp4.cgconv-lock"))!r})).take()
            print("taken", flush=True)
            input()
        """),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == "taken\n"
    with pytest.raises(OutputError, match="another cgconv is writing this file right now"):
        run_film(source, target)
    held.kill()
    held.wait()
    run_film(source, target)
    assert names(tmp_path) == ["a.mp4", "out.mp4"]


def test_a_short_film_goes_on_too_and_one_that_was_not_begun_leaves_nothing(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=9)
    cancel = threading.Event()
    with pytest.raises(Cancelled, match=r"a\.mp4: stopped; the same command continues from frame 5$"):
        run_film(source, tmp_path / "b.mp4", stop_after(4, cancel, tmp_path, 0), cancel=cancel)
    translator = FakeTranslator()
    run_film(source, tmp_path / "b.mp4", translator)
    assert len(translator.seen) == 5
    with pytest.raises(Cancelled, match=r"a\.mp4: stopped$"):
        run_film(source, tmp_path / "c.mp4", cancel=cancel)
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=9)
    (tmp_path / "b.mp4").write_bytes(b"precious")

    def fail(batch: Any) -> Any:
        raise ResourceError("memory ran out")

    with pytest.raises(ResourceError):
        run_film(source, tmp_path / "b.mp4", FakeTranslator(fail))
    assert names(tmp_path) == ["a.mp4", "b.mp4"]
    assert (tmp_path / "b.mp4").read_bytes() == b"precious"
    assert threading.active_count() == 1 or not any(t.name in ("decode", "encode") for t in threading.enumerate())


def test_closing_the_events_early_stops_the_threads(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=9)
    job = film_job.translate_film(source, tmp_path / "b.mp4", FakeTranslator(), FilmOptions(), cancel=threading.Event())
    next(job)
    job.close()
    assert not any(thread.name in ("decode", "encode") for thread in threading.enumerate())
    assert names(tmp_path) == [".b.mp4.cgconv-part", "a.mp4"], "what was translated is kept"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=30)
    script = textwrap.dedent(f"""
        import resource, signal, sys
        from pathlib import Path
        sys.path.insert(0, {str(TESTS)!r})
        from cgconv.runtime.errors import OutputError
        from film_clips import run_film
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        try:
            run_film(Path({str(source)!r}), Path({str(tmp_path / "b.mp4")!r}))
        except OutputError as error:
            print(error)
    """)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "the disk is full" in result.stdout
    assert result.stdout.count("\n") == 1
    assert names(tmp_path) == ["a.mp4"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"b\.mp4 cannot be written: .*file is a file, not a folder"):
        run_film(source, tmp_path / "file" / "b.mp4")


def test_decoding_does_not_run_far_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory is bounded by the queues, not by the film's length."""
    source = make_film(tmp_path / "a.mp4", frames=60)
    decoded = 0
    original = FilmReader.frames

    def counted(self: FilmReader, **named: Any) -> Any:
        nonlocal decoded
        for frame in original(self, **named):
            decoded += 1
            yield frame

    monkeypatch.setattr(FilmReader, "frames", counted)
    ahead: list[int] = []
    clocks: Counter[str] = Counter()  # each stage's own, and only translation takes time
    clock = SimpleNamespace(perf_counter=lambda: float(clocks[threading.current_thread().name]))
    monkeypatch.setattr(film_job, "time", clock)

    def slow(batch: Any) -> Any:
        time.sleep(0.01)  # for decoding to run ahead, if it did
        clocks[threading.current_thread().name] += 1
        ahead.append(decoded - len(translator.seen))
        return batch

    translator = FakeTranslator(slow)
    run = run_film(source, tmp_path / "b.mp4", translator)
    assert decoded == 60
    assert max(ahead) <= 8
    assert run.progress[-1].slow_stage == "translate"
    assert (run.progress[-1].frames_done, run.progress[-1].frames) == (60, 60)


def test_batches_are_filled_and_the_last_one_is_short(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=14)
    translator = FakeTranslator()
    run_film(source, tmp_path / "b.mp4", translator, FilmOptions(batch=4))
    assert [len(batch) for batch in translator.seen] == [4, 4, 4, 2]
    assert len(look_at(tmp_path / "b.mp4").times) == 14


def test_facts_say_what_was_done(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=14, sounds=["eng"])
    run = run_film(source, tmp_path / "b.mp4")
    assert run.facts["codec"] == "h264"
    assert run.facts["streams_kept"] == ["stream 1 (audio, aac, eng)"]
    assert set(run.facts["stage_seconds"]) == {"decode", "translate", "encode"}
    assert run.facts["input_size"] == run.facts["output_size"] == [96, 64]


class Overlapping(FakeTranslator):
    """Starts a batch before the result of the last one is asked for."""

    overlaps = True

    def start(self, batch: Any) -> Callable[[], Any]:
        return lambda: self.translate(batch)


@pytest.mark.parametrize("kind", [FakeTranslator, Overlapping])
@pytest.mark.parametrize("batch", [1, 5])
def test_frames_like_the_one_before_are_not_computed_again(
    batch: int, kind: type[FakeTranslator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a cartoon: each drawing stands for three frames; the first comes back at the end
    drawings = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0]
    source = make_film(
        tmp_path / "a.mkv", frames=13, codec="ffv1", draw=lambda number, size: picture(5 * drawings[number], size)
    )
    translator = kind(lambda batch: 255 - batch)
    run = run_film(source, tmp_path / "b.mkv", translator, FilmOptions(batch=batch))
    assert sum(len(images) for images in translator.seen) == 5
    assert run.facts["frames_repeated"] == 8
    monkeypatch.setattr(grouping, "shows_the_same", lambda one, other: False)
    every = kind(lambda batch: 255 - batch)
    assert run_film(source, tmp_path / "c.mkv", every, FilmOptions(batch=batch)).facts["frames_repeated"] == 0
    assert sum(len(images) for images in every.seen) == 13
    assert_same_film(tmp_path / "b.mkv", tmp_path / "c.mkv")


def test_what_is_within_half_a_gray_level_everywhere_shows_the_same() -> None:
    deep = np.full((4, 5, 3), 0.5, np.float32)
    near, far = deep.copy(), deep.copy()
    near[1, 2, 0] += 0.49 / 255
    far[1, 2, 0] -= 0.51 / 255
    assert grouping.shows_the_same(deep, near)
    assert not grouping.shows_the_same(deep, far)
    assert not grouping.shows_the_same(deep, deep[:3])
    gray = np.full((4, 5, 3), 100, np.uint8)
    other = gray.copy()
    other[3, 4, 2] += 1
    assert grouping.shows_the_same(gray, gray.copy())
    assert not grouping.shows_the_same(gray, other)
