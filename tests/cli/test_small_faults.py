"""What a cold reader stumbled over: sentences that were wrong or no help, and options that did harm when mistaken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from film_clips import make_film
from PIL import Image

from cgconv.cli.main import main
from cgconv.runtime.doctor import unchanging_model


@pytest.fixture
def model(tmp_path: Path) -> str:
    onnx.save(unchanging_model()[0], tmp_path / "same.onnx")
    return str(tmp_path / "same.onnx")


def paint(path: Path) -> Path:
    Image.new("RGB", (20, 10), (10, 90, 200)).save(path)
    return path


def said_by(capfd: pytest.CaptureFixture[str], code: int, *command: object) -> str:
    """Return what a command that ends with `code` said on standard error."""
    assert main([str(word) for word in command]) == code
    return capfd.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", 'cgconv: "": this name is empty'),
        ("https://example.org/a.jpg", "this is an address, and cgconv opens files only: download it first"),
    ],
)
def test_what_is_no_file_at_all_is_called_what_it_is(
    given: str, said: str, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in ("images", "video"):
        assert said in said_by(capfd, 2, command, given, "--model", model)


def test_a_result_of_an_unknown_kind_makes_no_folder(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png")
    make_film(tmp_path / "f.mp4", frames=2)
    for inputs, out, said in (
        (["images", "a.png"], "h.xyz", "no picture is written as .xyz, expected .png"),
        (["images", "a.png"], "h.heic", "no picture is written as .heic"),
        (["video", "f.mp4"], "h.ts", "no film is written as .ts, expected .mp4"),
        (["images", "a.png", "b.png"], "h.png", "this names one picture, expected a folder"),
    ):
        command, *names = inputs
        files = [tmp_path / name for name in names]
        assert said in said_by(capfd, 2, command, *files, "--model", model, "--out", tmp_path / out)
        assert not (tmp_path / out).exists()
    (tmp_path / "h.xyz").mkdir()
    said_by(capfd, 0, "images", tmp_path / "a.png", "--model", model, "--out", tmp_path / "h.xyz")
    said_by(capfd, 0, "images", tmp_path / "a.png", "--model", model, "--out", tmp_path / "new.v2")
    assert (tmp_path / "h.xyz" / "a.png").exists()
    assert (tmp_path / "new.v2" / "a.png").exists()


def test_a_page_or_report_never_takes_the_place_of_something_else(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--page holiday.jpg`, mistyped for .html, wrote the page over the photograph."""
    source = paint(tmp_path / "a.png")
    before = source.read_bytes()
    for option, what in (("--page", "page"), ("--report", "report")):
        for place, said in ((source, f"is not a {what} that cgconv wrote"), (tmp_path, "cannot be written there")):
            assert said in said_by(capfd, 1, "images", source, "--model", model, option, place)
            assert source.read_bytes() == before
    assert not (tmp_path / "a.same.png").exists(), "that is said before the work"


def test_a_device_that_is_not_there_is_an_error_though_nothing_is_to_be_done(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paint(tmp_path / "a.png")
    paint(tmp_path / "a.same.png")
    assert "gpu:9" in said_by(capfd, 3, "images", tmp_path / "a.png", "--model", model, "--device", "gpu:9")
    assert "1 skipped" in said_by(capfd, 0, "images", tmp_path / "a.png", "--model", model, "--device", "cpu")


@pytest.mark.parametrize(
    ("command", "option", "said"),
    [
        ("video", "--quality", "here it is --crf"),
        ("images", "--crf", "here it is --quality"),
        ("images", "--start", "only cgconv video has it"),
        ("video", "--overwrite", "here it is --exists overwrite"),
    ],
)
def test_an_option_of_the_sister_command_is_known(
    command: str, option: str, said: str, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said in said_by(capfd, 2, command, "a", "--model", model, option, "5")


def test_a_part_has_a_name_of_its_own_and_is_known_for_a_result(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A trial cut had the whole film's name, which was skipped afterwards."""
    source = make_film(tmp_path / "f.mkv", frames=60, codec="mpeg4")
    said_by(capfd, 0, "video", source, "--model", model, "--start", "0.5", "--end", "1")
    said_by(capfd, 0, "video", source, "--model", model, "--start", "1.9")
    said_by(capfd, 0, "video", source, "--model", model)
    names = {"f.same.mkv", "f.same_0m00.5-0m01.mkv", "f.same_0m01.9-end.mkv"}
    assert {path.name for path in tmp_path.glob("f.*")} == {"f.mkv", *names}
    assert main(["video", str(tmp_path), "--model", model, "--dry-run"]) == 0
    assert capfd.readouterr().out.splitlines() == [f"{source} → {tmp_path}-same/f.mkv"]


def test_a_start_past_the_end_is_said_once(tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    source = make_film(tmp_path / "f.mp4", frames=30, sounds=["eng"])
    said = said_by(capfd, 1, "video", source, "--model", model, "--start", "99")
    assert "there is no frame between the given start and end" in said
    assert "left out" not in said


def test_doctor_says_what_8_bits_are_computed_with(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "\nint8: with " in capfd.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
def test_ctrl_c_twice_ends_a_command_that_has_no_order_of_its_own() -> None:
    """The second one ended in a traceback, or in a segmentation fault where a library computed."""
    script = (
        "import os, signal, sys\n"
        "from cgconv.cli import main, start\n"
        "def busy():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        [None for _ in range(10**6)]\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        [None for _ in range(10**6)]\n"
        "main.main = busy\n"
        "start.start()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("command", [["models", "list"], ["models", "list", "--json"]])
def test_output_into_a_full_disk_is_one_sentence(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "cgconv.cli", *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, "cgconv: what is printed cannot be written: the disk is full\n")
