"""Numbered sequences: gaps named, each frame whole, the rest continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from cgconv.cli.main import main
from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.images import Picture, encode_picture, read_picture


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model that changes nothing, called same."""
    monkeypatch.setenv("CGCONV_TRIAL", "no")
    path = tmp_path / "models" / "same.onnx"
    path.parent.mkdir()
    onnx.save(unchanging_model()[0], path)
    return str(path)


def frame(path: Path, number: int, *, deep: bool = False) -> None:
    path.parent.mkdir(exist_ok=True)
    dtype = np.uint16 if deep else np.uint8
    pixels = np.random.default_rng(number).integers(0, np.iinfo(dtype).max, (10, 20, 3), dtype, endpoint=True)
    path.write_bytes(encode_picture(Picture(pixels), file_format=path.suffix[1:]))


def pixels_of(path: Path) -> np.ndarray:
    picture = read_picture(path)
    assert isinstance(picture, Picture)
    return picture.pixels


def video(*arguments: str | Path) -> int:
    return main(["video", *map(str, arguments), "--precision", "fp32"])


def test_a_sequence_with_gaps_becomes_one_under_its_numbers(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (8, 9, 10, 13, 15, 16):
        frame(tmp_path / "frames" / f"{number:05d}.png", number, deep=number > 10)
    frame(tmp_path / "frames" / "other.png", 0)
    out = tmp_path / "out" / "a.%04d.tiff"
    assert video(tmp_path / "frames" / "%05d.png", "-m", model, "--fps", "24", "--out", out) == 0
    assert "frames 11 to 12, 14" in capsys.readouterr().err.replace("\n", " ")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"a.{number:04d}.tiff" for number in (8, 9, 10, 13, 15, 16)
    ]
    for number in (8, 13):
        result = pixels_of(tmp_path / "out" / f"a.{number:04d}.tiff")
        np.testing.assert_array_equal(result, pixels_of(tmp_path / "frames" / f"{number:05d}.png"))


def test_a_second_run_does_the_rest(tmp_path: Path, model: str) -> None:
    for number in range(4):
        frame(tmp_path / "frames" / f"{number}.png", number)
    done = tmp_path / "out" / "2.png"
    done.parent.mkdir()
    done.write_bytes(b"was done before")
    assert video(tmp_path / "frames" / "%d.png", "-m", model, "--fps", "24", "--out", tmp_path / "out") == 0
    assert done.read_bytes() == b"was done before"
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_light_and_rate_go_into_exr(tmp_path: Path, model: str) -> None:
    for number in range(3):
        frame(tmp_path / "frames" / f"{number:03d}.png", number, deep=True)
    out = tmp_path / "out" / "%05d.exr"
    assert video(tmp_path / "frames" / "%03d.png", "-m", model, "--fps", "24000/1001", "--out", out) == 0
    assert video(tmp_path / "out" / "%05d.exr", "-m", model, "--out", tmp_path / "again" / "%05d.exr") == 0
    for folder in ("out", "again"):
        picture = read_picture(tmp_path / folder / "00002.exr")
        assert isinstance(picture, Picture)
        assert picture.light is not None
        assert picture.light.frames_per_second is not None
        assert round(float(picture.light.frames_per_second), 3) == 23.976
    np.testing.assert_array_equal(
        pixels_of(tmp_path / "again" / "00001.exr"), pixels_of(tmp_path / "out" / "00001.exr")
    )


def test_start_and_end_count_by_the_rate(tmp_path: Path, model: str) -> None:
    for number in range(100, 130):
        frame(tmp_path / "frames" / f"{number}.png", number)
    out = tmp_path / "out"
    cut = ("--fps", "10", "--start", "0.5", "--end", "1.2")
    assert video(tmp_path / "frames" / "%d.png", "-m", model, *cut, "--out", out) == 0
    assert sorted(path.stem for path in out.iterdir()) == [str(number) for number in range(105, 112)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frames/%05d.png", "--out", "film.mp4"], "the result of a sequence is a sequence"),
        (["frames/%05d.png", "--out", "out/%05d.mp4"], "the results of a sequence are pictures"),
        (["frames/%05d.png", "--out", "frames/%05d.png"], "frames themselves"),
        (["frames/%05d.png", "--crf", "3"], "leave out --codec, --crf"),
        (["frames/%05d.png", "--start", "3"], "--fps"),
        (["frames/%05d.tiff"], "no file in"),
        (["nowhere/%05d.tiff"], "there is no folder"),
        (["frames/%05d.png", "frames/00001.png"], "alone"),
        (["film.mp4", "--fps", "24"], "--fps is for numbered sequences"),
        (["film.mp4", "--out", "out/%d.png"], "the result of a film is a film"),
        (["frames/%05d.png", "--fps", "0"], "not a frame rate"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_said(
    tmp_path: Path,
    model: str,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame(tmp_path / "frames" / "00001.png", 1)
    monkeypatch.chdir(tmp_path)
    assert video(*arguments, "-m", model) == 2
    assert said in capsys.readouterr().err
