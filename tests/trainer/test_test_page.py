"""The page of a test lies where it harms nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.cli.main import main  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.train import train  # noqa: E402


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("trainA", "trainB", "testA", "testB"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            image = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "data" / name / f"{number}.png"), image)
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Path:
    config = TrainConfig(
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=1, width=4),
        data=DataConfig(a=data / "trainA", b=data / "trainB", crop=32, load=32),
        optimizer=OptimizerConfig(images=1),
        run=RunConfig(out=tmp_path / "run", threads=1),
    )
    list(train(config, threading.Event()))
    return config.run.out


@pytest.mark.parametrize("place", ["", "testA", "testB/page", "trainA"])
def test_a_page_among_the_pictures_is_refused(
    run: Path, data: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its translations were taken for test pictures by the next test."""
    assert main(["test", str(run), "--data", str(data), "--out", str(data / place)]) == 2
    assert "would be among the pictures" in capfd.readouterr().err
    assert sorted(path.name for path in (data / "testA").iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_page_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    run: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It was written over somebody's index.html, and kept the pictures of an earlier test of more of them."""
    command = ["test", str(run), "--data", str(data), "--device", "cpu", "--out"]
    for mine in ("index.html", "images/holiday.png"):
        (tmp_path / mine).parent.mkdir(exist_ok=True)
        (tmp_path / "site" / mine).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / mine).write_text("mine")
        assert main([*command, str(tmp_path / "site")]) == 2
        assert "holds other files" in capfd.readouterr().err
        assert (tmp_path / "site" / mine).read_text() == "mine"
        (tmp_path / "site" / mine).unlink()
    assert main([*command, str(tmp_path / "page")]) == 0
    assert len(list((tmp_path / "page" / "images").iterdir())) == 3 * 3 * 2
    assert main([*command, str(tmp_path / "page"), "--count", "1"]) == 0
    assert len(list((tmp_path / "page" / "images").iterdir())) == 1 * 3 * 2


def test_a_model_is_no_run(run: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.onnx").write_bytes(b"onnx")
    assert main(["test", str(tmp_path / "a.onnx"), "--data", str(data)]) == 2
    assert "this is a model; name a run's folder" in capfd.readouterr().err
