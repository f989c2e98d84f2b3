"""Options that would do nothing are refused, and so is what a run would refuse later."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.cli.main import main  # noqa: E402
from cgconv.trainer.presets import PRESETS  # noqa: E402


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("trainA", "trainB"):
        (tmp_path / "data" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / name / "0.png"), np.zeros((40, 40, 3), np.uint8))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--r1-every 3", "--r1-every: no effect with --r1 0"),
        ("--crop-over 0.3", "--crop-over: no effect with --crop-from 0"),
        ("--identity-over 0.3", "--identity-over: no effect without --identity-to"),
        ("--identity 0 --identity-every 2", "--identity-every: no effect with --identity 0"),
        ("--features-range 0..1", "--features-range: no effect without --features"),
        ("--evaluate-every 0 --keep-best 3 --held-out 4", "--held-out, --keep-best: no effect with --evaluate-every 0"),
        ("--recipe cut --gan-ba 2", "--gan-ba: no effect with --direction a2b"),
        ("--recipe pix2pix --gan-ab 2 --direction b2a", "--gan-ab: no effect with --direction b2a"),
        ("--cycle 5 --cycle-a 1 --cycle-b 2", "--cycle: no effect with --cycle-a and --cycle-b"),
        ("--identity 5 --identity-a 1 --identity-b 2", "--identity: no effect with --identity-a and --identity-b"),
        ("--channels-a 1 --identity 3", "--identity: no effect with --channels-a other than --channels-b"),
        ("--recipe cut --contrast 0 --contrast-patches 3", "--contrast-patches: no effect with --contrast 0"),
        ("--preprocess crop --load 300", "--load: no effect with --preprocess crop or none"),
        ("--blocks 3 --generator unet-128 --crop 128", "--blocks: no effect with --generator unet-128, only with"),
        ("--generator compact --upsampling resize", "--upsampling: no effect with --generator compact, only with"),
        ("--generator compact --no-dropout", "--dropout: no effect with --generator compact, only with"),
        ("--generator compact --skip", "--skip: no effect with --generator compact, only with"),
        ("--soften", "--soften: no effect with --generator resnet, only with compact"),
        ("--discriminator projected --discriminator-width 8", "--discriminator-width: no effect with --discriminator"),
        ("--discriminator projected --r1-every 8", "--r1-every: no effect with --discriminator projected"),
        ("--contrast-network frozen", "--contrast-network: no effect with --recipe cyclegan, only with cut"),
        ("--recipe cut --brightness 1", "--brightness: no effect with --contrast-network generator, only with frozen"),
        ("--preset quick --contrast-features 8", "--contrast-features: no effect with --contrast-network frozen"),
        ("--preset quick --contrast-flip", "--contrast-flip: no effect with --contrast-network frozen"),
        ("--preset quick --contrast 0 --contrast-patches 8", "--contrast-patches: no effect with --contrast 0"),
        ("--preset quick --cycle 3", "--cycle: no effect with --recipe cut, only with cyclegan"),
        ("--preset quick --gan-ba 3", "--gan-ba: no effect with --direction a2b"),
        ("--recipe cut --identity 3", "--identity: no effect with --recipe cut, only with --contrast-network frozen"),
        ("--recipe pix2pix --identity 3", "--identity: no effect with --recipe pix2pix"),
    ],
)
def test_options_without_effect_are_refused(options: str, sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *options.split(), "--dry-run"]) == 2
    assert sentence in capfd.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        "--r1 1 --r1-every 3",
        "--crop-from 128 --crop-over 0.3",
        "--identity-to 0.1 --identity-over 0.3",
        "--identity-every 2",
        "--identity 0",
        "--recipe cut --gan-ab 2",
        "--cycle 5 --cycle-a 1",
        "--channels-a 1 --channels-b 1 --identity 3",
        "--contrast 2 --recipe cut --contrast-patches 3",
        "--evaluate-every 0",
        "--preprocess crop --crop 300",
        "--preset quick --identity 3 --identity-every 2",
        "--preset photo --soften --brightness 2 --uneven-color 0 --contrast-patches 8 --jitter 0 --history 5",
        "--generator compact --width 32 --blocks 3 --norm batch --padding zero",
        "--discriminator projected",
    ],
)
def test_options_with_an_effect_are_taken(options: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *options.split(), "--dry-run"]) == 0


def test_a_dry_run_refuses_folders_as_the_run_would(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    a, b = str(data / "trainA"), str(data / "trainB")
    assert main(["train", a, a, "--out", str(data / "run"), "--dry-run"]) == 2
    assert "one is inside the other" in capfd.readouterr().err
    assert main(["train", a, b, "--out", f"{a}/run", "--dry-run"]) == 2
    assert "is inside" in capfd.readouterr().err


def test_a_run_is_a_folder_with_names(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["train", str(data), "--out", str(tmp_path / "file"), "--images", "1"]) == 2
    assert "file: this is a file; name another folder" in capfd.readouterr().err
    assert main(["train", str(data), "--name-a", " ", "--dry-run"]) == 2
    assert "--name-a: found ' ', expected a word or two" in capfd.readouterr().err


def test_the_presets_are_listed_for_programs_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--preset", "list", "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    assert {one["name"]: one["recipe"] for one in listed} == {name: one.config.recipe for name, one in PRESETS.items()}


def test_why_a_training_ended_is_an_event_too(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (data / "trainA" / "0.png").write_bytes(b"")
    assert main(["train", str(data), "--out", str(tmp_path / "run"), "--json"]) == 2
    event = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (event["event"], event["exit_code"]) == ("CommandFailed", 2)
    assert "found no readable picture in it" in event["reason"]
