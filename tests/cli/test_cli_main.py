"""The cgconv command itself: quick help, one line for every error, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from cgconv.cli import main as main_module
from cgconv.cli.extras import needs_extra
from cgconv.cli.main import COMMANDS, cgconv, main
from cgconv.runtime.errors import CgconvError, MissingError

HEAVY = ("torch", "onnx", "onnxruntime", "openvino", "cv2", "av", "PIL", "numpy", "rich", "PySide6")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cgconv.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["images", "--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        f"import sys; from cgconv.cli.main import main; code = main({arguments!r});"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "HEAVY [] 0"


def test_help_is_there_at_once() -> None:
    """Counted in modules read, of which hardly any takes a millisecond: a busy machine takes its time over anything."""
    script = "import sys; from cgconv.cli.main import main; main(['--help']); print(len(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(shown.stdout.splitlines()[-1]) < 230


def test_every_command_is_listed_and_its_help_ends_with_a_line_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listing = capsys.readouterr().out
    for name in COMMANDS:
        if name == "worker":  # the window's, and hidden
            assert f"  {name} " not in listing
            continue
        assert f"  {name} " in listing
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert "..." not in listing.split(f"  {name} ")[1].splitlines()[0], "the short help is cut off"
        assert "Try" in text
        assert "cgconv" in text.rstrip().splitlines()[-1]


def test_version_is_the_packages() -> None:
    assert run("--version").stdout == f"cgconv {version('cgconv')}\n"


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["imagse"], "there is no command 'imagse' (did you mean images?)", 2),
        (["images", "x.jpg"], "Missing option", 2),
        (["images", "--modle", "monet"], "Did you mean '--model'?", 2),
        (["images", "x.jpg", "--model", "no-such-model"], "no model is named 'no-such-model'", 2),
        (["images", "x.jpg", "--model", "m", "--strength", "2"], "--strength", 2),
        (["video", "x.mp4", "--model", "m", "--start", "soon"], "'soon' is not a time", 2),
        (["video", "x.mp4", "--model", "m", "--start", "1:99"], "'1:99' is not a time", 2),
        (["video", "x.mp4", "--model", "m", "--codec", "h264", "--crf", "60"], "expected 0 to 51 for h264", 2),
        (["models", "info", "gone.onnx"], "gone.onnx: no such file", 2),
        (["train", "--out", "x"], "name the two folders", 2),
    ],
)
def test_misuse_is_one_line_on_standard_error(
    capfd: pytest.CaptureFixture[str], arguments: list[str], words: str, code: int
) -> None:
    assert main(arguments) == code
    shown = capfd.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("cgconv: ")
    assert words in line


def test_without_arguments_the_help_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (CgconvError("first\nsecond"), "cgconv: first second", 1),
        (MissingError("no such device"), "cgconv: no such device", 3),
        (MemoryError(), "cgconv: memory ran out: close other programs, or work on smaller pictures", 1),
        (KeyboardInterrupt(), "cgconv: stopped", 130),
        (ValueError("odd"), "cgconv: unexpected ValueError: odd (run it again with --debug to see where)", 1),
    ],
)
def test_every_error_is_one_line_and_an_exit_code(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    line: str,
    code: int,
) -> None:
    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setattr(main_module.LazyGroup, "get_command", lambda *_: broken)
    assert main(["broken"]) == code
    assert capfd.readouterr().err.strip("\n").splitlines() == [line]  # Click ends the line that ^C stands on


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no model")
    shown = run("models", "info", str(tmp_path / "a.onnx"), "--debug")
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr
    assert shown.stderr.splitlines()[-1].startswith("cgconv: ")


def test_a_missing_extra_is_a_sentence_with_the_pip_command() -> None:
    with (
        pytest.raises(MissingError, match=r"training needs surely_not_there.*pip install 'cgconv\[train\]'"),
        needs_extra("train", "training"),
    ):
        import surely_not_there  # type: ignore[import-not-found]  # noqa: F401


def test_training_without_torch_exits_with_3(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            picture = np.full((40, 40, 3), 80 + number, np.uint8)
            (tmp_path / folder / f"{number}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    script = "import sys; sys.modules['torch'] = None; from cgconv.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [
        sys.executable,
        "-c",
        script,
        "train",
        str(tmp_path / "a"),
        str(tmp_path / "b"),
        "--out",
        str(tmp_path / "c"),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 3
    assert shown.stderr.splitlines() == [
        "cgconv: training needs torch, which is not installed: pip install 'cgconv[train]'"
    ]


def test_a_reader_that_goes_away_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cgconv.cli", "models", "list"]
    shown = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert shown.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_cgconv(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_CGCONV_COMPLETE" in capsys.readouterr().out


def test_completion_knows_commands_options_and_models(tmp_path: Path) -> None:
    (tmp_path / "zebra.onnx").touch()
    environment = {"_CGCONV_COMPLETE": "bash_complete", "CGCONV_MODELS": str(tmp_path)}
    assert "images" in run(COMP_WORDS="cgconv im", COMP_CWORD="1", **environment).stdout
    assert "--keep-colors" in run(COMP_WORDS="cgconv images --keep", COMP_CWORD="2", **environment).stdout
    assert "zebra" in run(COMP_WORDS="cgconv images --model z", COMP_CWORD="3", **environment).stdout


def test_the_command_group_has_the_name_that_is_installed() -> None:
    assert cgconv.name == "cgconv"
