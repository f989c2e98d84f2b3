"""A film job can be stopped at any moment and goes on; it leaves nothing half-written and keeps memory bounded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, run_film

from cgconv.runtime.errors import Cancelled, OutputError, ResourceError
from cgconv.runtime.films import job as film_job
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.films.reader import FilmReader

UNEVEN = [number * 20 + (number * 7) % 13 for number in range(33)]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_job, "SEGMENT_FRAMES", 10)


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
    with pytest.raises(Cancelled, match="the same command goes on from frame 30"):
        run_film(source, tmp_path / "b.mp4", stop_after(29, cancel, tmp_path, 2), cancel=cancel)
    assert names(tmp_path) == [".b.mp4.cgconv-part", "a.mp4", "whole.mp4"]
    assert names(tmp_path / ".b.mp4.cgconv-part") == [
        "00000.json", "00000.mkv", "00001.json", "00001.mkv", "00002.json", "00002.mkv", "manifest.json",
    ]  # fmt: skip
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
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from cgconv.runtime.films import job as film_job
        from film_clips import FakeTranslator, run_film
        film_job.SEGMENT_FRAMES = 10
        def slow(batch):
            time.sleep(0.03)
            return batch
        run_film(Path({str(source)!r}), Path({str(tmp_path / "b.mp4")!r}), FakeTranslator(slow))
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
def test_segments_of_another_job_are_not_used(tmp_path: Path, change: str) -> None:
    source = make_film(tmp_path / "a.mp4", frames=25)
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        run_film(source, tmp_path / "b.mp4", stop_after(15, cancel, tmp_path, 1), cancel=cancel)
    options, translator = FilmOptions(), FakeTranslator()
    if change == "options":
        options = FilmOptions(strength=0.5)
    elif change == "source":
        os.utime(source, (1, 1))
    else:
        translator = FakeTranslator(name="another")
    run = run_film(source, tmp_path / "b.mp4", translator, options)
    assert len(translator.seen) == 25
    assert run.facts["resumed_frames"] == 0


def test_two_processes_never_write_one_film(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "a.mp4", times=range(0, 400, 40)), tmp_path / "out.mp4"
    held = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            from pathlib import Path
            from cgconv.runtime.lock import Lock
            assert Lock(Path({str(target.with_name(".out.mp4.cgconv-lock"))!r})).take()
            print("taken", flush=True)
            input()
        """)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert held.stdout is not None
    assert held.stdout.readline() == "taken\n"
    with pytest.raises(OutputError, match="another cgconv is writing it now"):
        run_film(source, target)
    held.kill()
    held.wait()
    run_film(source, target)
    assert names(tmp_path) == ["a.mp4", "out.mp4"]


def test_a_short_film_goes_on_too_and_one_that_was_not_begun_leaves_nothing(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=9)
    cancel = threading.Event()
    with pytest.raises(Cancelled, match=r"a\.mp4: stopped; the same command goes on from frame 5$"):
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
        sys.path.insert(0, {str(Path(__file__).parent)!r})
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
    with pytest.raises(OutputError, match=r"b\.mp4: cannot be written"):
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

    def slow(batch: Any) -> Any:
        time.sleep(0.01)
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
