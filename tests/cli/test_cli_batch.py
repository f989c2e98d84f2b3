"""cgconv images and cgconv video, as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnx
import pytest
from PIL import Image

from cgconv.cli.main import main
from cgconv.cli.report import Report
from cgconv.runtime.doctor import unchanging_model


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model that changes nothing, called same."""
    path = tmp_path / "models" / "same.onnx"
    path.parent.mkdir()
    onnx.save(unchanging_model()[0], path)
    return str(path)


def paint(path: Path, size_wh: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def film(path: Path, frames: int = 12, size_wh: tuple[int, int] = (64, 48)) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        for number in range(frames):
            pixels = np.full((size_wh[1], size_wh[0], 3), number % 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def frames_of(path: Path) -> int:
    with av.open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_hdr_pictures_are_taken_where_they_are_allowed(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = paint(tmp_path / "a.png").read_bytes()
    body = b"cICP" + bytes([9, 16, 0, 1])
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert main(["images", str(tmp_path / "a.png"), "--model", model]) == 1
    assert "HDR picture (PQ)" in capfd.readouterr().err
    assert main(["images", str(tmp_path / "a.png"), "--model", model, "--allow-hdr"]) == 0
    assert "come out dull" in capfd.readouterr().err
    assert chunk in (tmp_path / "a.same.png").read_bytes()


def test_a_folder_is_translated_and_a_second_run_skips_it(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = paint(tmp_path / "photos" / "deep" / "a b ü.png")
    assert main(["images", str(tmp_path / "photos"), "--model", model]) == 0
    shown = capfd.readouterr()
    assert shown.out == "", "progress belongs on standard error"
    assert "running on" in shown.err
    assert "1 picture done" in shown.err
    result = tmp_path / "photos-same" / "deep" / "a b ü.png"
    assert f"results: {result}" in shown.err
    assert np.array_equal(np.asarray(Image.open(result)), np.asarray(Image.open(source)))

    assert main(["images", str(tmp_path / "photos"), "--model", model]) == 0
    shown = capfd.readouterr()
    assert "1 skipped (result exists" in shown.err
    assert "running on" not in shown.err, "nothing to do needs no backend"


def test_failures_are_listed_with_reasons_and_end_with_1(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    code = main(["images", str(tmp_path / "a.png"), str(tmp_path / "b.png"), str(tmp_path / "c.png"), "--model", model])
    assert code == 1
    end = capfd.readouterr().err.splitlines()[-4:]
    assert end[0].startswith("failed: ")
    assert "b.png" in end[0] + end[1]
    assert "c.png: no such file or folder" in end[0] + end[1]
    assert end[2].startswith("1 picture done, 2 failed")


def test_a_device_that_is_not_there_ends_with_3(tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    paint(tmp_path / "a.png")
    code = main(["images", str(tmp_path / "a.png"), "--model", model, "--device", "gpu:9"])
    assert code == 3
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("cgconv: ")
    assert not (tmp_path / "a.same.png").exists()


def test_dry_run_shows_the_plan_and_does_nothing(tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    paint(tmp_path / "photos" / "a.png")
    assert main(["images", str(tmp_path / "photos"), "--model", model, "--format", "webp", "--dry-run"]) == 0
    planned = capfd.readouterr().out
    assert planned == f"{tmp_path / 'photos' / 'a.png'} → {tmp_path / 'photos-same' / 'a.webp'}\n"
    assert not (tmp_path / "photos-same").exists()


def test_dry_run_keeps_a_line_for_each_input_whatever_its_name(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "photos" / "two\nlines\x1b[2J.png")
    assert main(["images", str(tmp_path / "photos"), "--model", model, "--dry-run"]) == 0
    planned = capfd.readouterr().out
    assert planned.count("\n") == 1
    assert r"two\nlines\x1b[2J.png → " in planned


def test_json_lines_tell_the_whole_story_on_standard_output(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "photos" / "a.png")
    assert main(["images", str(tmp_path / "photos"), "--model", model, "--json"]) == 0
    events = events_of(capfd.readouterr().out)
    assert [event["event"] for event in events] == [
        "BatchPlanned",
        "BackendOpened",
        "JobStarted",
        "JobFinished",
        "BatchFinished",
    ]
    assert events[1]["backend"] in ("openvino", "onnxruntime")
    assert events[1]["why"]


def test_json_tells_errors_too(tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["images", str(tmp_path / "gone.png"), "--model", model, "--json"]) == 2
    shown = capfd.readouterr()
    assert [event["event"] for event in events_of(shown.out)] == ["CommandFailed"]
    assert len(shown.err.splitlines()) == 1


def test_the_report_says_what_really_ran(tmp_path: Path, model: str) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    report = tmp_path / "reports" / "r.json"
    inputs = [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    options = ["--model", model, "--backend", "onnxruntime", "--strength", "0.5", "--report", str(report)]
    assert main(["images", *inputs, *options]) == 1
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["options"]["strength"] == 0.5
    assert told["backend"]["provider"] == "CPUExecutionProvider"
    assert told["backend"]["precision"] == "fp32"
    done, failed = told["jobs"]
    assert (done["state"], failed["state"]) == ("done", "failed")
    assert done["output"] == str(tmp_path / "a.same.png")
    assert set(done["stage_seconds"]) == {"decode", "translate", "encode"}
    assert failed["reason"]
    assert told["totals"]["failed"] == 1
    assert [path.name for path in report.parent.iterdir()] == ["r.json"]


def test_the_report_is_written_when_the_command_fails(tmp_path: Path, model: str) -> None:
    paint(tmp_path / "a.png")
    report = tmp_path / "r.json"
    options = ["--model", model, "--device", "gpu:9", "--report", str(report)]
    assert main(["images", str(tmp_path / "a.png"), *options]) == 3
    assert json.loads(report.read_text(encoding="utf-8"))["error"]["exit_code"] == 3


def test_the_report_of_a_run_that_was_stopped_at_once_says_so(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Report(tmp_path / "report.json", {}):
        raise KeyboardInterrupt
    assert json.loads((tmp_path / "report.json").read_text())["error"] == {
        "reason": "stopped at once",
        "exit_code": 130,
    }


def test_a_report_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "a.png")
    assert main(["images", str(tmp_path / "a.png"), "--model", model, "--report", str(tmp_path)]) == 1
    assert "the report cannot be written there" in capfd.readouterr().err
    assert not (tmp_path / "a.same.png").exists()


def test_the_page_shows_results_of_this_run_and_of_earlier_ones(tmp_path: Path, model: str) -> None:
    paint(tmp_path / "photos" / "a.png")
    page = tmp_path / "page.html"
    for _ in range(2):
        assert main(["images", str(tmp_path / "photos"), "--model", model, "--page", str(page)]) == 0
        assert "photos-same/a.png" in page.read_text(encoding="utf-8")
        paint(tmp_path / "photos" / "b.png")
    assert "photos-same/b.png" in page.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_a_name_that_is_no_unicode_goes_through_everything(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "photos" / "a.png").rename(os.fsdecode(os.fsencode(tmp_path / "photos") + b"/\xff\xfe [1].png"))
    report, page = tmp_path / "r.json", tmp_path / "p.html"
    folder = str(tmp_path / "photos")
    assert main(["images", folder, "--model", model, "--dry-run"]) == 0
    assert main(["images", folder, "--model", model, "--json", "--report", str(report), "--page", str(page)]) == 0
    assert len(list((tmp_path / "photos-same").iterdir())) == 1
    (line,) = [line for line in capfd.readouterr().out.splitlines() if "JobFinished" in line]
    assert Path(json.loads(line)["output"]).exists(), "the escaped name leads back to the file"
    assert json.loads(report.read_text(encoding="utf-8"))["jobs"][0]["state"] == "done"
    assert "photos-same/%FF%FE%20%5B1%5D.png" in page.read_text(encoding="utf-8")
    assert main(["images", folder, "--model", model, "--exists", "overwrite"]) == 0


def test_resize_and_quality_reach_the_picture(tmp_path: Path, model: str) -> None:
    paint(tmp_path / "a.jpg", (64, 32))
    for quality in ("10", "95"):
        options = ["--resize", "16", "--quality", quality, "--out", str(tmp_path / quality)]
        assert main(["images", str(tmp_path / "a.jpg"), "--model", model, *options]) == 0
    low, high = (tmp_path / quality / "a.jpg" for quality in ("10", "95"))
    assert Image.open(low).size == (32, 16)
    assert low.stat().st_size < high.stat().st_size


def test_pictures_over_the_limit_are_refused(tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    paint(tmp_path / "a.png")
    assert main(["images", str(tmp_path / "a.png"), "--model", model, "--max-pixels", "100"]) == 1
    assert "--max-pixels" in capfd.readouterr().err


def test_a_film_is_translated_with_a_report_of_its_streams(tmp_path: Path, model: str) -> None:
    film(tmp_path / "clip.mp4")
    report, page = tmp_path / "r.json", tmp_path / "p.html"
    options = ["--model", model, "--report", str(report), "--page", str(page)]
    assert main(["video", str(tmp_path / "clip.mp4"), *options]) == 0
    assert frames_of(tmp_path / "clip.same.mp4") == 12
    (job,) = json.loads(report.read_text(encoding="utf-8"))["jobs"]
    assert job["facts"]["frames"] == 12
    assert {"streams_kept", "streams_dropped"} <= set(job["facts"])
    assert set(job["stage_seconds"]) == {"decode", "translate", "encode"}
    assert "<video" in page.read_text(encoding="utf-8")


def test_a_part_of_a_film_can_be_taken(tmp_path: Path, model: str) -> None:
    film(tmp_path / "clip.mp4", frames=30)
    options = ["--start", "0:01", "--end", "1.5", "--codec", "ffv1"]
    assert main(["video", str(tmp_path / "clip.mp4"), "--model", model, *options]) == 0
    assert frames_of(tmp_path / "clip.same_0m01-0m01.5.mkv") == 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_ctrl_c_on_pictures_leaves_whole_results_only_and_exits_with_130(tmp_path: Path, model: str) -> None:
    first = paint(tmp_path / "photos" / "first.jpg", (640, 400))
    for number in range(120):
        shutil.copy(first, first.with_name(f"{number}.jpg"))
    report = tmp_path / "r.json"
    code, events = interrupted("images", tmp_path / "photos", model, report, after="JobFinished")
    assert code == 130
    assert events[-1]["cancelled"] is True
    results = list((tmp_path / "photos-same").iterdir())
    assert 1 <= len(results) < 121
    for result in results:
        assert Image.open(result).convert("RGB").size == (640, 400)
    assert json.loads(report.read_text(encoding="utf-8"))["totals"]["cancelled"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_ctrl_c_on_a_film_leaves_no_result_and_the_next_run_goes_on(tmp_path: Path, model: str) -> None:
    film(tmp_path / "clip.mp4", frames=400, size_wh=(320, 240))
    code, events = interrupted("video", tmp_path / "clip.mp4", model, tmp_path / "r.json", after="JobProgressed")
    assert code == 130
    assert events[-1]["cancelled"] is True
    assert not (tmp_path / "clip.same.mp4").exists()
    assert main(["video", str(tmp_path / "clip.mp4"), "--model", model]) == 0
    assert frames_of(tmp_path / "clip.same.mp4") == 400
    assert not list(tmp_path.glob(".cgconv*")), "the parts are gone once the film is whole"


def is_on_its_way(number: int, pid: int) -> bool:
    """Say whether a process has been sent a signal that it has not taken yet."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return any(int(lines[name], 16) >> (number - 1) & 1 for name in ("SigPnd", "ShdPnd"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc whether a signal has come")
def test_a_second_ctrl_c_ends_what_python_cannot_interrupt() -> None:
    code = (
        "import hashlib\n"
        "from cgconv.cli.batch import cancel_on_interrupt\n"
        "with cancel_on_interrupt():\n"
        "    print('computing', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 2 * 10**9)\n"  # an hour in one call, as a huge picture's
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "computing\n"
        for _ in range(2):
            while is_on_its_way(signal.SIGINT, process.pid):  # else the two become one
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=250)
        assert process.returncode == 130
        assert errors.endswith("stopped\n")
    finally:
        process.kill()


def interrupted(
    command: str, source: Path, model: str, report: Path, *, after: str
) -> tuple[int, list[dict[str, Any]]]:
    """Run a command, send Ctrl-C after the first event of a kind, return its exit code and events."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cgconv.cli", command, source, "--model", model, "--json", "--report", report],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if json.loads(line)["event"] == after:
            os.kill(process.pid, signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=250)
    assert "stopping after what is being done now" in errors
    assert "Traceback" not in errors
    return process.returncode, events_of("".join(lines) + rest)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_a_watched_folder_is_reported_batch_by_batch_and_left_in_peace_with_ctrl_c(tmp_path: Path, model: str) -> None:
    paint(tmp_path / "in" / "a.png")
    command = ["images", tmp_path / "in", "--watch", "--model", model, "--json", "--report", tmp_path / "r.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cgconv.cli", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        kinds = []
        for line in process.stdout:
            kinds.append(json.loads(line)["event"])
            if kinds[-1] == "BatchFinished":
                break
        assert kinds == ["Watching", "BatchPlanned", "BackendOpened", "JobStarted", "JobFinished", "BatchFinished"]
        os.kill(process.pid, signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
        assert (process.returncode, rest) == (0, ""), errors
    finally:
        process.kill()
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["totals"]["done"] == 1


def test_watching_a_file_is_misuse(tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    source = paint(tmp_path / "a.png")
    assert main(["images", str(source), "--watch", "--model", model]) == 2
    assert "this is a file, expected a folder (--watch)" in capfd.readouterr().err
