"""What --on ray refuses, where there is no Ray."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from cgconv.cli.main import main


def test_without_ray_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert main(["images", str(tmp_path / "a.png"), "--model", "monet", "--on", "ray"]) == 3
    assert "pip install 'cgconv[ray]'" in capfd.readouterr().err


def test_what_does_not_go_with_a_cluster_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["images", str(tmp_path), "--model", "monet", "--on", "ray", "--watch"]) == 2
    assert "--watch works on one machine" in capfd.readouterr().err
    assert main(["images", str(tmp_path), "--model", "monet", "--cores-per-worker", "2"]) == 2
    assert "is for --on ray" in capfd.readouterr().err
