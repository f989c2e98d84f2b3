"""The sheet that a person judges by: sources, results, nearest targets; blind where that is wanted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import ROOT

SCRIPT = ROOT / "benchmarks" / "judge_sheet.py"
RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (40, 40, 220)


def folder(path: Path, **colors: tuple[int, int, int]) -> Path:
    path.mkdir()
    for name, color in colors.items():
        Image.new("RGB", (64, 64), color).save(path / f"{name.replace('_', '.')}.png")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *given: object) -> None:
    monkeypatch.setattr(sys, "argv", ["judge_sheet.py", *map(str, given)])
    spec = importlib.util.spec_from_file_location("judge_sheet", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()


def cells(sheet: Path, color: tuple[int, int, int]) -> int:
    pixels = np.asarray(Image.open(sheet).convert("RGB")).astype(int)
    return int((np.abs(pixels - color).max(axis=2) <= 2).sum()) // (64 * 64)


def test_each_row_has_source_results_and_the_targets_nearest_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray = (120, 120, 120)
    sources = folder(tmp_path / "sources", one=gray, two=gray, without_result=gray)
    ours = folder(tmp_path / "ours", one_monet=RED, two=RED)
    theirs = folder(tmp_path / "theirs", one=(190, 40, 40), two=(190, 40, 40))
    targets = folder(tmp_path / "targets", far=BLUE, near=(210, 20, 20), farther=GREEN)
    given = ["--sources", sources, "--targets", targets, "--results", f"ours={ours}", "--results", f"theirs={theirs}"]
    run(monkeypatch, tmp_path / "sheet.png", *given, "--nearest", "1", "--height", "64")
    sheet = tmp_path / "sheet.png"
    assert [cells(sheet, color) for color in (gray, RED, (190, 40, 40), (210, 20, 20))] == [2, 2, 2, 2]
    assert [cells(sheet, color) for color in (BLUE, GREEN)] == [0, 0]
    assert not (tmp_path / "sheet.key.txt").exists()

    run(monkeypatch, tmp_path / "blind.png", *given, "--blind", "3", "--height", "64")
    key = (tmp_path / "blind.key.txt").read_text()
    assert [line.split(":")[0] for line in key.splitlines()] == ["one.png", "two.png"]
    assert all({word.strip(",") for word in line.split()} >= {"A", "B", "ours", "theirs"} for line in key.splitlines())
