"""Warnings come when a training really goes wrong, once, and not before."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cgconv.runtime.events import TrainWarned
from cgconv.trainer.judging.watch import LOOKS, REPORTS, Watch

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.trainer.choices import DiscriminatorKind  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    DiscriminatorNorm,
    EvaluationConfig,
    GanLoss,
    GeneratorConfig,
    Init,
    LossConfig,
    Norm,
    OptimizerConfig,
    Precision,
    Preprocess,
    RecipeName,
    RunConfig,
    TrainConfig,
    Upsampling,
)
from cgconv.trainer.judging import judge  # noqa: E402
from cgconv.trainer.networks.build import build_discriminator  # noqa: E402
from cgconv.trainer.recipes.losses import discriminator_loss  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402

SOUND = {
    "inputs.ab.kid": 190.0,
    "raw.ab.kid": 110.0,
    "raw.ab.change": 30.0,
    "raw.ab.color_agreement": 0.85,
    "raw.ab.diversity": 0.8,
}


def looks(watch: Watch, times: int, losses: dict[str, float], metrics: dict[str, float]) -> list[str]:
    return [warning for _ in range(times) for warning in watch.look(losses, metrics)]


def test_a_sound_run_is_silent() -> None:
    watch = Watch(guessing_loss=0.25)
    assert looks(watch, 20, {"discriminator_a": 0.1, "discriminator_b": 0.3, "gan_ab": 0.5}, SOUND) == []


def test_a_fault_is_said_once_when_it_has_lasted_and_again_when_it_comes_back() -> None:
    watch = Watch(guessing_loss=0.25)
    inverted = SOUND | {"raw.ab.color_agreement": -0.9}
    assert looks(watch, LOOKS - 1, {}, inverted) == []
    (warning,) = looks(watch, 5, {}, inverted)
    assert "a → b inverts colors" in warning
    assert "--seed" in warning
    assert looks(watch, 1, {}, SOUND) == []
    assert len(looks(watch, 5, {}, inverted)) == 1


def test_reports_without_an_evaluation_do_not_hide_a_fault() -> None:
    watch = Watch(guessing_loss=0.25)
    alike = SOUND | {"raw.ab.diversity": 0.01}
    said = []
    for _ in range(LOOKS):
        said += watch.look({}, alike)
        said += watch.look({"discriminator_a": 0.2}, {})
    assert len(said) == 1
    assert "same picture" in said[0]


def test_a_winning_discriminator_is_named_after_some_reports_in_a_row() -> None:
    watch = Watch(guessing_loss=0.25)
    wins = {"discriminator_a": 0.2, "discriminator_b": 0.002}
    assert looks(watch, REPORTS - 1, wins, {}) == []
    assert watch.look({"discriminator_a": 0.2, "discriminator_b": 0.05}, {}) == []
    (warning,) = looks(watch, REPORTS, wins, {})
    assert "discriminator b is too strong" in warning
    assert looks(Watch(guessing_loss=None), 50, wins, {}) == []


@pytest.mark.parametrize("kind", [DiscriminatorKind.PATCH, DiscriminatorKind.PROJECTED])
@pytest.mark.parametrize(("gan", "undecided"), [(GanLoss.HINGE, 0.0), (GanLoss.LEAST_SQUARES, 0.5)])
def test_guessing_costs_what_the_loss_says_for_every_map_of_scores(
    kind: DiscriminatorKind, gan: GanLoss, undecided: float
) -> None:
    """A projected discriminator pays for five maps, and had won only where all of them together paid for one."""
    config = TrainConfig(discriminator=DiscriminatorConfig(kind=kind, layers=1, width=4), loss=LossConfig(gan=gan))
    scores = build_discriminator(config.discriminator, 3)(torch.zeros(1, 3, 64, 64))
    maps = scores if isinstance(scores, list) else [scores]
    guesses = [torch.full_like(one, undecided) for one in maps]
    assert judge.guessing_loss(config) == pytest.approx(float(discriminator_loss(guesses, guesses, gan)))
    assert len(maps) == (5 if kind is DiscriminatorKind.PROJECTED else 1)


def test_small_changes_that_help_are_no_identity() -> None:
    """A photograph may need little to look like one of the other kind."""
    little = SOUND | {"raw.ab.change": 2.0}
    assert looks(Watch(guessing_loss=None), 9, {}, little) == []
    (warning,) = looks(Watch(guessing_loss=None), 9, {}, little | {"raw.ab.kid": 189.0})
    assert "hardly changes its pictures" in warning


def test_averaged_weights_are_watched_where_there_are_some() -> None:
    metrics = {name.replace("raw.", "average."): value for name, value in SOUND.items()}
    assert looks(Watch(guessing_loss=None), 9, {}, SOUND | {"raw.ab.diversity": 0.0} | metrics) == []


def test_what_was_said_is_not_said_again_after_resuming() -> None:
    watch, metrics = Watch(guessing_loss=0.25), SOUND | {"raw.ab.diversity": 0.0}
    assert len(looks(watch, LOOKS, {}, metrics)) == 1
    resumed = Watch(guessing_loss=0.25)
    resumed.load_state(json.loads(json.dumps(watch.state())))
    assert looks(resumed, 5, {}, metrics) == []


# Short real runs, each with one fault: tiny networks, 32-pixel crops, a few hundred pictures.


def clouds(random: np.random.Generator, *, noise: float = 0.0) -> np.ndarray:
    """A smooth picture of 64×64 around a color of its own."""
    low = random.uniform(-60, 60, (4, 4, 3)).astype(np.float32)
    image = cv2.resize(low, (64, 64), interpolation=cv2.INTER_CUBIC) + random.uniform(-30, 30, 3) + 125
    return np.clip(image + random.normal(0, noise, image.shape), 0, 255).astype(np.uint8)


def faulty(folder: Path, a: list[np.ndarray], b: list[np.ndarray]) -> TrainConfig:
    """Write the pictures and return settings that learn fast; each test adds its fault."""
    for name, images in (("trainA", a), ("trainB", b)):
        (folder / name).mkdir()
        for number, image in enumerate(images):
            cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return TrainConfig(
        generator=GeneratorConfig(blocks=1, width=8, norm=Norm.NONE, upsampling=Upsampling.RESIZE),
        discriminator=DiscriminatorConfig(layers=1, width=8, norm=DiscriminatorNorm.NONE),
        data=DataConfig(a=folder / "trainA", b=folder / "trainB", preprocess=Preprocess.CROP, load=0, crop=32, batch=2),
        optimizer=OptimizerConfig(
            images=400, learning_rate=3e-3, beta1=0.9, init=Init.KAIMING, decay=0.7, ema_half_life=20
        ),
        evaluation=EvaluationConfig(every=100, held_out=4, keep_best=0),
        run=RunConfig(
            out=folder / "run",
            device="cpu",
            precision=Precision.FP32,
            threads=1,
            report_every=10,
            sample_every=9999,
            checkpoint_every=9999,
        ),
    )


def first_warning(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> str:
    """Train until something is said, and return it; empty where the run ends in silence."""
    monkeypatch.setattr(judge, "FIRST_WARNING_IMAGES", 100)  # tiny networks are past their first weights by then
    events = train(config, threading.Event())
    warning = next((event for event in events if isinstance(event, TrainWarned)), None)
    events.close()  # type: ignore[attr-defined]  # a generator
    if warning is not None:
        lines = [json.loads(line) for line in (config.run.out / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1] == {"event": "TrainWarned", "images_seen": warning.images_seen, "message": warning.message}
        assert warning.message in (config.run.out / "report.html").read_text(encoding="utf-8")
    return warning.message if warning is not None else ""


PAIRED = LossConfig(gan_ab=0, gan_ba=0, cycle=0, identity=0, history=0)


def test_pairs_whose_targets_are_negatives_invert_colors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    a = [clouds(random) for _ in range(40)]
    config = replace(faulty(tmp_path, a, [255 - image for image in a]), recipe=RecipeName.PIX2PIX, loss=PAIRED)
    assert "a → b inverts colors" in first_warning(config, monkeypatch)


def test_pairs_that_do_not_belong_together_give_the_same_picture_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    a, b = ([clouds(random) for _ in range(40)] for _ in range(2))
    config = replace(faulty(tmp_path, a, b), recipe=RecipeName.PIX2PIX, loss=PAIRED)
    assert "a → b makes much the same picture of everything" in first_warning(config, monkeypatch)


def test_without_the_adversarial_loss_pictures_are_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    a = [clouds(random) for _ in range(40)]
    stripes = 25 * np.sin(1.5 * np.arange(64))[:, None, None]
    b = [np.clip(clouds(random) + stripes, 0, 255).astype(np.uint8) for _ in range(40)]
    config = faulty(tmp_path, a, b)
    config = replace(
        config,
        generator=replace(config.generator, skip=True),
        loss=LossConfig(gan_ab=0, gan_ba=0, cycle=0),
        optimizer=replace(config.optimizer, images=700),
    )
    assert "hardly changes its pictures" in first_warning(config, monkeypatch)


def test_a_generator_that_hardly_learns_lets_the_discriminators_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    a, b = ([clouds(random, noise=40) for _ in range(40)] for _ in range(2))
    config = faulty(tmp_path, a, b)
    config = replace(
        config,
        loss=LossConfig(gan=GanLoss.CROSS_ENTROPY, history=0, identity=0),
        optimizer=replace(config.optimizer, learning_rate=1e-9, discriminator_learning_rate=2e-3, decay=0.0),
        evaluation=EvaluationConfig(every=0),
    )
    warning = first_warning(config, monkeypatch)
    assert re.search("discriminator [ab] is too strong", warning)
    assert "guessing would give 0.693" in warning
