"""cgconv models: names, cards, foreign files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cgconv.cli.main import main
from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.models.card import write_card


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model folder of the test's own."""
    monkeypatch.setenv("CGCONV_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def same(folder: Path) -> Path:
    folder.mkdir()
    onnx.save(unchanging_model()[0], folder / "same.onnx")
    return folder / "same.onnx"


def foreign(path: Path) -> Path:
    """Write a model as other projects do: no card, a fixed size, values 0..255."""
    doors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in ("x", "y")]
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    for channel in range(3):
        kernel[channel, channel, 1, 1] = 1
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "g", doors[:1], doors[1:], [numpy_helper.from_array(kernel, "w")])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    return path


def test_list_shows_names_and_says_what_is_damaged(same: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (same.parent / "broken.onnx").write_bytes(b"no model")
    assert main(["models", "list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split()[:1] == ["NAME"]
    assert any(line.startswith("same ") for line in lines)
    assert any(line.startswith("broken ") and "damaged" in line for line in lines)
    assert main(["models", "list", "--json"]) == 0
    assert "same" in {model["name"] for model in json.loads(capfd.readouterr().out)}


def test_info_shows_the_card(same: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "info", "same"]) == 0
    text = capfd.readouterr().out
    assert str(same) in text
    assert "float32 NCHW RGB in [-1, 1]" in text
    assert main(["models", "info", "same", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["card"]["size_multiple"] == 1


def test_an_unknown_name_says_what_there_is_and_the_nearest(same: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "info", "sane"]) == 2
    error = capfd.readouterr().err
    assert "did you mean same?" in error
    assert len(error.splitlines()) == 1


def test_a_foreign_file_is_imported_under_a_name_and_used(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = foreign(tmp_path / "net.onnx")
    assert main(["models", "import", str(file), "--name", "other", "--range", "-1..1"]) == 0
    assert "cgconv images photos --model other" in capfd.readouterr().out
    assert main(["models", "info", "other", "--json"]) == 0
    card = json.loads(capfd.readouterr().out)["card"]
    assert card["value_range_in"] == [-1, 1]
    assert card["fixed_size_hw"] is None, "the size was freed"
    assert main(["models", "import", str(file), "--name", "other"]) == 2
    assert "already a model named other" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["net.onnx", "net.pth", "gone.onnx", "gone.pth"])
def test_what_is_no_model_is_one_line(
    folder: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("net"):
        (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert main(["models", "import", str(tmp_path / name)]) == (1 if name.startswith("net") else 2)
    (line,) = capfd.readouterr().err.splitlines()
    assert name in line
    assert not list(folder.glob("*"))


def test_remove_deletes_only_what_is_the_users(same: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "remove", "same", "--yes"]) == 0
    assert not same.exists()
    assert main(["models", "remove", "same", "--yes"]) == 2


def test_no_name_at_all_is_not_taken_for_none_given(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "import", str(foreign(tmp_path / "net.onnx")), "--name", ""]) == 2
    assert "'' cannot be a model's name" in capfd.readouterr().err
    assert not list(folder.glob("*"))


# A card's title reached the terminal raw: it cleared the screen and renamed the window.
NASTY = "\x1b[2J\x1b]0;owned\x07<script>\u2026\nline2"
SPELT_OUT = r"\x1b[2J\x1b]0;owned\x07<script>\u2026\nline2".replace(r"\u2026", "\u2026")


def test_what_a_card_says_cannot_steer_the_terminal(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, card = unchanging_model()
    write_card(model, replace(card, title=NASTY, licence=NASTY, source={"file": NASTY}))
    folder.mkdir()
    onnx.save(model, folder / "nasty.onnx")
    for command in (["models", "list"], ["models", "info", "nasty"]):
        assert main(command) == 0
        out = capfd.readouterr().out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert SPELT_OUT in out
        assert not any(line.startswith("line2") for line in out.splitlines())


def test_an_error_about_a_file_cannot_steer_the_terminal(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "\x1b[2Jnet.onnx"
    file.write_bytes(b"no model")
    assert main(["models", "import", str(file), "--name", "net"]) == 1
    error = capfd.readouterr().err
    assert r"\x1b[2Jnet.onnx: damaged" in error
    assert "\x1b" not in error
