"""cgconv train and cgconv export: options in, events and files out."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
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
    assert main(["train", "--resume", "runs/tiny", "--width", "8"]) == 2
    assert "--width: cannot be changed" in capfd.readouterr().err
    assert main(["train", "--resume", "runs/tiny", "--epochs", "2", "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert events[0]["event"] == "TrainStarted"
    assert events[0]["images_seen"] == 3
    assert events[-1] == {"event": "TrainFinished", "out": str(Path("runs/tiny")), "images_seen": 6}

    best = tmp_path / "runs" / "tiny" / "best-00000006.pt"
    best.write_bytes((tmp_path / "runs" / "tiny" / "checkpoint.pt").read_bytes())
    assert main(["train", "--resume", str(best), "--epochs", "3"]) == 2
    assert "name the run's folder" in capfd.readouterr().err
    assert main(["train", "--resume", "runs/tiny/checkpoint.pt"]) == 0, "meant the run"
    assert "all of its 6 images have been seen; a larger --images continues the training" in capfd.readouterr().err


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
    assert main(["train", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "run")]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_every_setting_is_an_option_and_help_shows_the_published_value() -> None:
    from cgconv.cli.train import train
    from cgconv.cli.train_options import SETTINGS
    from cgconv.trainer.config import TrainConfig, config_as_dict

    values = config_as_dict(TrainConfig())
    there = {f"{section}.{name}" for section, fields in values.items() if isinstance(fields, dict) for name in fields}
    named_otherwise = {"data.a", "data.b", "run.out"}  # the arguments and --out
    there = {path for path in there if not path.startswith("teacher.")}  # of cgconv distill
    assert {setting.path for setting in SETTINGS} - {"direction"} == there - named_otherwise
    helps = {option.opts[0]: option.help for option in train.params if isinstance(option, click.Option)}
    for option, shown in {
        "--seed": "0",
        "--batch": "1",
        "--r1": "0",
        "--gan-ab": "1",
        "--beta2": "0.999",
        "--learning-rate": "0.0002",
        "--flip": "yes",
        "--serial": "no",
        "--gan-loss": "least-squares",
        "--device": "auto",
    }.items():
        assert f"[default: {shown}]" in (helps[option] or ""), option
    assert "[default" not in (helps["--cycle-a"] or "")
    choices = {option.opts[0]: option.type for option in train.params}
    assert list(choices["--schedule"].choices) == ["linear", "step", "cosine", "plateau", "constant"]  # type: ignore[attr-defined]


def test_the_first_help_page_is_short_and_help_all_has_the_rest(capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "images", "video", "export"):
        assert main([command, "--help"]) == 0
        short = capfd.readouterr().out
        assert main([command, "--help-all"]) == 0
        long = capfd.readouterr().out
        assert "--debug" not in short
        assert "--debug" in long
        assert "--help-all" in short
        assert len(short.splitlines()) < 80
    assert main(["train", "--help-all"]) == 0
    assert "\nOptimizer:\n" in capfd.readouterr().out


# Options that are not named as their settings are.
NAMED_OTHERWISE = {
    "--generator": "generator.kind",
    "--channels-a": "generator.channels_in",
    "--channels-b": "generator.channels_out",
    "--discriminator": "discriminator.kind",
    "--discriminator-learning-rate": "optimizer.discriminator_learning_rate",
    "--gan-loss": "loss.gan",
    "--contrast": "contrast.weight",
    "--ema": "optimizer.ema_half_life",
    "--evaluate-every": "evaluation.every",
    "--features-range": "evaluation.feature_range",
}
WITH_PREFIX = ("discriminator", "contrast")  # sections whose options begin with their name
OTHER_VALUES = {
    "--crop": "128",
    "--shrink": "1.5",
    "--device": "cpu",
    "--channels-a": "1",
    "--channels-b": "1",
}  # that fit beside the defaults


def setting_of(option: str, sections: dict[str, Any]) -> str:
    """Return the path of the setting that an option's name promises."""
    name = option.removeprefix("--").replace("-", "_")
    prefix, _, rest = name.partition("_")
    if option in NAMED_OTHERWISE or option == "--direction":
        return NAMED_OTHERWISE.get(option, "direction")
    if prefix in WITH_PREFIX:
        return f"{prefix}.{rest}"
    (section,) = (one for one, fields in sections.items() if one not in WITH_PREFIX and name in fields)
    return f"{section}.{name}"


def other_value(option: str, kind: type, default: Any) -> list[str]:  # Any: what the setting holds
    """Return what to type to have anything but the default."""
    if option in OTHER_VALUES:
        return [option, OTHER_VALUES[option]]
    if kind is bool:
        return [f"--no-{option.removeprefix('--')}" if default else option]
    if issubclass(kind, StrEnum):
        return [option, next(str(choice) for choice in kind if choice != default)]
    if kind is int:
        return [option, str(2 * int(default or 0) or 64)]
    return [option, str(float(default or 0) / 2 or 0.5) if kind is float else "other"]


def test_every_option_changes_the_setting_of_its_name_and_no_other() -> None:
    """Two options of one default, --cycle-a and --cycle-b say, could be exchanged unseen."""
    from cgconv.cli.train import train
    from cgconv.cli.train_options import SETTINGS, with_settings
    from cgconv.trainer.config import TrainConfig, config_as_dict

    def flat(config: TrainConfig) -> dict[str, Any]:
        values = config_as_dict(config)
        sections = {name: fields for name, fields in values.items() if isinstance(fields, dict)}
        inner = {f"{section}.{name}": value for section, fields in sections.items() for name, value in fields.items()}
        return {name: value for name, value in values.items() if name not in sections} | inner

    defaults = flat(TrainConfig())
    sections = {name: fields for name, fields in config_as_dict(TrainConfig()).items() if isinstance(fields, dict)}
    for setting in SETTINGS:
        typed = other_value(setting.option, setting.kind, setting.default)
        given = train.make_context("train", typed.copy()).params
        after = flat(with_settings(TrainConfig(), given))
        changed = {path: value for path, value in after.items() if value != defaults[path]}
        if setting.option == "--learning-rate":  # of both unless one is named
            assert changed.pop("optimizer.discriminator_learning_rate") == float(typed[1])
        (value,) = changed.values()
        assert list(changed) == [setting_of(setting.option, sections)], setting.option
        if len(typed) == 2:
            assert str(value) == typed[1] or value == float(typed[1]), setting.option
        else:
            assert value == (not typed[0].startswith("--no-")), setting.option


def shown(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["train", *arguments, "--dry-run"]) == 0
    return json.loads(capfd.readouterr().out)


def test_presets_are_shown_in_full_and_options_go_before_them(capfd: pytest.CaptureFixture[str]) -> None:
    classic = shown(capfd)
    assert classic == shown(capfd, "--preset", "classic") == shown(capfd, "--recipe", "cyclegan")
    assert (classic["generator"]["blocks"], classic["data"]["load"], classic["loss"]["history"]) == (9, 286, 50)
    aladdinpersson = shown(capfd, "--preset", "aladdinpersson")
    assert aladdinpersson["discriminator"]["sigmoid"] is True
    assert aladdinpersson["discriminator"]["padding"] == "reflect"
    assert (aladdinpersson["loss"]["gan"], aladdinpersson["optimizer"]["schedule"]) == ("least-squares", "constant")
    assert aladdinpersson["run"]["precision"] == "auto"
    eriklindernoren = shown(capfd, "--preset", "eriklindernoren", "--cycle-a", "3")
    assert eriklindernoren["generator"]["upsampling"] == "resize"
    assert eriklindernoren["discriminator"]["kind"] == "patch-94"
    halves = {name: 2 * eriklindernoren["loss"][name] for name in ("gan_ab", "gan_ba", "cycle", "identity")}
    assert halves == {"gan_ab": 1, "gan_ba": 1, "cycle": 10, "identity": 5}
    assert eriklindernoren["loss"]["cycle_a"] == 3
    pix2pix = shown(capfd, "--recipe", "pix2pix", "--no-dropout", "--learning-rate", "0.001")
    assert (pix2pix["generator"]["kind"], pix2pix["generator"]["norm"], pix2pix["loss"]["l1"]) == (
        "unet-256",
        "batch",
        100,
    )
    assert pix2pix["generator"]["dropout"] is False
    assert pix2pix["optimizer"]["discriminator_learning_rate"] == 0.001
    fastcut = shown(capfd, "--preset", "fastcut")
    assert fastcut["contrast"] | {"weight": 10, "identity": False, "flip": True} == fastcut["contrast"]
    assert (fastcut["optimizer"]["epochs"], fastcut["optimizer"]["decay"]) == (200, 0.25)  # 150 + 50
    cut = shown(capfd, "--recipe", "cut")
    assert (cut["contrast"]["weight"], cut["contrast"]["identity"], cut["optimizer"]["init"]) == (1, True, "xavier")
    assert shown(capfd, "--preset", "quick", "--epochs", "5")["optimizer"]["images"] == 0, "or epochs would not count"
    for name, ours in {  # what sets them apart, and nothing else
        "small-data": {
            "generator": {"blocks": 6, "width": 32, "upsampling": "resize"},
            "discriminator": {"width": 32},
            "loss": {"jitter": 16},
            "data": {"preprocess": "short-side-and-crop", "load": 0, "shrink": 1.5},
            "optimizer": {"discriminator_learning_rate": 1e-4, "images": 20_000},
        },
        "mobile": {"generator": {"kind": "mobile", "width": 32, "upsampling": "resize"}},
    }.items():
        wanted = {section: {**classic[section], **values} for section, values in ours.items()}
        assert shown(capfd, "--preset", name) == {**classic, **wanted}
    paint = shown(capfd, "--preset", "paint")
    assert (paint["recipe"], paint["generator"]["kind"], paint["generator"]["soften"]) == ("cut", "compact", True)
    assert (paint["discriminator"]["kind"], paint["contrast"]["network"]) == ("projected", "frozen")
    assert paint["loss"]["gan"] == "hinge"
    quick, photo = shown(capfd, "--preset", "quick"), shown(capfd, "--preset", "photo")
    assert quick["optimizer"]["images"] < paint["optimizer"]["images"]
    quick["optimizer"]["images"], photo["generator"]["soften"] = paint["optimizer"]["images"], True
    assert quick == photo == paint, "apart in that alone"
    assert main(["train", "--preset", "list"]) == 0
    assert capfd.readouterr().out.count("\n") == 11


def test_what_does_not_fit_together_is_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for arguments, wanted in (
        (["--preset", "magic", "--dry-run"], "classic"),
        (["--preset", "cut", "--recipe", "pix2pix", "--dry-run"], "is for cut"),
        (["--crop", "30", "--dry-run"], "--crop: found 30, expected a multiple of 4, 32 to 8192"),
        (["--crop", "512", "--dry-run"], "--crop 512: --load is 286, expected 0, or at least --crop"),
        (["--evaluate-every", "-1", "--dry-run"], "--evaluate-every: found -1, expected 0 or more"),
        (
            ["--gan-loss", "wgan-gp", "--discriminator-sigmoid", "--dry-run"],
            "--gan-loss: found wgan-gp, expected least-squares with --discriminator-sigmoid",
        ),
        (["--preset", "aladdinpersson", "--gan-loss", "hinge", "--dry-run"], "--gan-loss: found hinge"),
        (["--recipe", "cut", "--channels-b", "1", "--dry-run"], "--channels-b: found 1, expected 3, as --channels-a"),
        (["--threads", "100000", "--dry-run"], "--threads: found 100000, expected 0 to 256"),
        (["--images", "9" * 20, "--dry-run"], "expected 0 to 1,000,000,000"),
        (["--batch", "100000000", "--dry-run"], "--batch: found 100000000, expected 1 to 4096"),
        (["--memory-gb", "1e308", "--dry-run"], "--memory-gb: found 1e+308"),
        (["--device", "foo", "--dry-run"], "--device: found foo, expected auto, cpu, cuda or cuda:N"),
        (["--out", str(tmp_path / "run")], "name the two folders"),
        ([str(tmp_path), "--data", str(tmp_path), "--dry-run"], "not both"),
        ([str(tmp_path), str(tmp_path)], "--out"),
        (["--l1", "5", "--dry-run"], "--l1: no effect with --recipe cyclegan, only with pix2pix"),
        (["--preset", "fastcut", "--identity", "0", "--dry-run"], "--identity: no effect with --recipe cut"),
        (
            ["--recipe", "pix2pix", "--downsampling", "blurred", "--no-skip", "--dry-run"],
            "--downsampling, --skip: no effect with --generator unet",
        ),
        (["--epochs", "3", "--images", "50", "--dry-run"], "--epochs: no effect beside --images"),
        (["--decay", "0.1", "--schedule", "step", "--dry-run"], "--decay: no effect with --schedule step"),
        (["--resume", str(tmp_path / "run"), "--preset", "quick"], "--preset: cannot be changed"),
        (["--resume", str(tmp_path / "run")], "no such checkpoint"),
    ):
        assert main(["train", *arguments]) == 2
        error = capfd.readouterr().err
        assert wanted in error
        assert "Traceback" not in error


def test_a_dry_run_misses_a_file_of_features_as_the_run_would(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--features", "no.onnx", "--dry-run"]) == 2
    assert "no.onnx: no such file" in capfd.readouterr().err


def test_commands_to_paste_keep_folders_with_spaces_in_one_piece(capfd: pytest.CaptureFixture[str]) -> None:
    from cgconv.cli.train_progress import open_train_show
    from cgconv.runtime.events import TrainFinished

    with open_train_show(as_json=False) as show:
        show.show(TrainFinished(out=Path("runs/a b"), images_seen=3))
    assert "cgconv export 'runs/a b'" in capfd.readouterr().err


def test_the_help_says_what_skip_does_and_how_to_have_no_samples(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help-all"]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "Lead tones and fine detail around the inner layers." in text
    assert "Steps between two sheets of sample pictures; 0: none." in text
    assert shown(capfd, "--sample-every", "0")["run"]["sample_every"] == 0
    assert main(["train", "--checkpoint-every", "0", "--dry-run"]) == 2
    assert "--checkpoint-every: found 0, expected 1 or more" in capfd.readouterr().err
