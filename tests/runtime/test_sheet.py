"""All models on one labeled sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from small_models import GraphBuilder, with_card

from cgconv.cli.main import main
from cgconv.runtime.errors import ModelError, UsageError
from cgconv.runtime.sheet import draw_sheet, make_sheet


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with two models, one that leaves pictures alone and one that makes negatives."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("CGCONV_MODELS", str(folder))
    monkeypatch.setattr("cgconv.runtime.models.store.bundled_folder", lambda: tmp_path / "nothing shipped")
    for name, operator in (("same", "Identity"), ("negative", "Neg")):
        net = GraphBuilder()
        onnx.save(with_card(net.model(net.node(operator, "input")), name=name), folder / f"{name}.onnx")
    return folder


def photo(path: Path, width: int = 90, height: int = 60, color: tuple[int, int, int] = (200, 120, 40)) -> Path:
    Image.new("RGB", (width, height), color).save(path)
    return path


def count(sheet: np.ndarray, color: tuple[int, int, int]) -> int:
    """Return how many pixels have a color."""
    return int((np.abs(sheet.astype(int) - color).max(axis=2) <= 1).sum())


def test_one_picture_fills_a_grid_with_every_model_under_its_name(models: Path, tmp_path: Path) -> None:
    said: list[str] = []
    sheet = make_sheet([photo(tmp_path / "a.png")], report=lambda step, fraction: said.append(f"{step} {fraction}"))
    assert said == ["negative 0.0", "same 0.5"]
    assert count(sheet, (200, 120, 40)) == 2 * 90 * 60  # as it is, and by the model that changes nothing
    assert count(sheet, (55, 135, 215)) == 90 * 60
    assert count(sheet, (32, 32, 32)) > 30  # ink of the labels


def test_several_pictures_have_a_row_each_and_named_models_alone_are_shown(models: Path, tmp_path: Path) -> None:
    pictures = [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", 300, 600, (10, 90, 60))]
    sheet = make_sheet(pictures, ["negative"], edge_px=120)
    assert count(sheet, (200, 120, 40)) == count(sheet, (55, 135, 215)) == 90 * 60
    assert count(sheet, (10, 90, 60)) == count(sheet, (245, 165, 195)) == 60 * 120  # shrunk to 120, not cut
    rows = np.flatnonzero((np.abs(sheet.astype(int) - (10, 90, 60)).max(axis=2) <= 1).any(axis=1))
    assert len(rows) == 120
    assert rows[0] > 60  # below the first picture


@pytest.mark.parametrize("edge_px", [32, 120, 512, 1500])
def test_labels_can_be_read_in_any_size_and_end_where_their_picture_does(edge_px: int) -> None:
    cell = np.full((edge_px // 2, edge_px, 3), (250, 200, 200), np.uint8)
    longest = "a-name-that-goes-on-and-on-" * 12
    short, long_ = (draw_sheet([[(label, cell), ("", cell)]], edge_px=edge_px) for label in ("monet", longest))
    for sheet in (short, long_):
        ink = (sheet < 128).all(axis=2)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        assert rows[-1] - rows[0] >= 7  # pixels high
        cells = np.flatnonzero((np.abs(sheet.astype(int) - (250, 200, 200)).max(axis=2) == 0).any(axis=1))
        assert rows[-1] < cells[0]
        assert columns[-1] < max(edge_px, 160) + max(4, edge_px // 40)  # not over the next picture's label


def test_a_broken_model_is_left_out_of_all_but_is_an_error_by_name(models: Path, tmp_path: Path) -> None:
    (models / "broken.onnx").write_bytes(b"<html>")
    sheet = make_sheet([photo(tmp_path / "a.png")])
    assert count(sheet, (55, 135, 215)) == 90 * 60
    with pytest.raises(ModelError, match="broken"):
        make_sheet([tmp_path / "a.png"], ["broken"])
    with pytest.raises(UsageError, match="nobody"):
        make_sheet([tmp_path / "a.png"], ["nobody"])


def test_the_command_writes_a_sheet_and_replaces_none(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.png")
    assert main(["sheet", "a.png", "--size", "64"]) == 0
    with Image.open("sheet.jpg") as opened:
        assert opened.format == "JPEG"
        assert opened.width > 64
    assert capsys.readouterr().out == "sheet.jpg\n"
    assert main(["sheet", "a.png"]) == 1
    assert "sheet.jpg: this file exists already" in capsys.readouterr().err
    assert main(["sheet", "a.png", "--models", "same,negative", "--out", "b.png", "--overwrite"]) == 0
    with Image.open("b.png") as opened:
        sheet = np.asarray(opened.convert("RGB"))
    assert count(sheet, (55, 135, 215)) == 90 * 60
    assert main(["sheet", "a.png", "--out", "b.txt"]) == 2
    assert "name it .jpg or .png" in capsys.readouterr().err
    assert main(["sheet", "nothing-here.png", "--out", "c.png"]) == 2
    assert "nothing-here.png" in capsys.readouterr().err


def test_a_broken_picture_and_a_broken_model_are_named_and_left_out(
    models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad, out = photo(tmp_path / "a.png"), tmp_path / "b.png", tmp_path / "sheet.png"
    bad.write_bytes(good.read_bytes()[:60])
    (models / "junk.onnx").write_bytes(b"junk")
    assert main(["sheet", str(good), str(bad), "--out", str(out)]) == 1
    said = capfd.readouterr().err
    assert "left out: " in said
    assert "b.png" in said
    assert "junk.onnx" in said
    assert count(np.asarray(Image.open(out)), (55, 135, 215)) == 90 * 60
    assert main(["sheet", str(bad), "--out", str(tmp_path / "none.png")]) == 1
    assert not (tmp_path / "none.png").exists()
    assert main(["sheet", str(tmp_path / "nowhere.png"), "--out", str(out)]) == 2, "not that the sheet exists"
