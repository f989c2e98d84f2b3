"""cgconv train and cgconv export: options in, events and files out."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cgconv.cli.main import main
from cgconv.runtime.doctor import unchanging_model

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")


def paint_domain(folder: Path, color: tuple[int, int, int]) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(3):
        values = random.integers(0, 60, (40, 40, 3)) + np.array(color)
        Image.fromarray(values.astype(np.uint8)).save(folder / f"{number}.png")


SMALL = (
    "--blocks 1 --width 4 --discriminator-width 4 --crop 32 --load 32"
    " --precision fp32 --device cpu --threads 1"  # a thread more would only wait on a busy machine
)


def test_a_run_is_trained_kept_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    paint_domain(tmp_path / "data" / "trainA", (150, 20, 20))
    paint_domain(tmp_path / "data" / "trainB", (20, 20, 150))
    assert main(["train", "data", "--out", "runs/tiny", "--epochs", "1", *SMALL.split()]) == 0
    assert "cgconv export runs" in capfd.readouterr().err

    assert main(["train", "data", "--out", "runs/tiny", "--epochs", "2", *SMALL.split()]) == 2
    assert "--resume" in capfd.readouterr().err, "a run is not overwritten by mistake"
    assert main(["train", "--out", "runs/tiny", "--resume", "--width", "8"]) == 2
    assert "--width cannot be changed" in capfd.readouterr().err
    assert main(["train", "--out", "runs/tiny", "--resume", "--epochs", "2", "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert events[0]["event"] == "TrainStarted"
    assert events[0]["images_seen"] == 3
    assert events[-1] == {"event": "TrainFinished", "out": str(Path("runs/tiny")), "images_seen": 6}


def test_export_hands_its_options_on_and_says_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The export itself takes half a minute on a busy machine and has its own tests."""
    from cgconv.exporter import export as exporter
    from cgconv.exporter.onnx_graph import Verification

    called: dict[str, Any] = {}

    def export(source: Path, **options: Any) -> list[exporter.Exported]:
        called.update(options, source=source)
        card = replace(unchanging_model()[1], name="blue", direction="red → blue")
        return [exporter.Exported(options["out"], card, Verification(None, 2e-6, ((64, 64),)))]

    monkeypatch.setattr(exporter, "export", export)
    monkeypatch.chdir(tmp_path)
    assert main(["export"]) == 2
    assert "holds no run" in capfd.readouterr().err
    for name in ("old", "new"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "checkpoint.pt").touch()
    os.utime(tmp_path / "runs" / "old" / "checkpoint.pt", (1, 1))
    options = ["--direction", "a2b", "--out", "blue.onnx", "--name", "blue", "--overwrite", "--licence", "CC0"]
    assert main(["export", *options]) == 0
    shown = capfd.readouterr()
    assert f"exporting the newest run: {Path('runs/new')}" in shown.err
    assert shown.out == "blue.onnx (red → blue)\n"
    assert called["source"] == Path("runs/new")
    assert called["direction"] is exporter.Direction.A2B
    assert called["exists_ok"] is True
    assert called["text"].licence == "CC0"


def test_folders_that_are_not_there_are_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "run")]) == 1
    assert len(capfd.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "run").exists()
