"""Warnings come when a training really goes wrong, once, and not before."""

from __future__ import annotations

import json

from cgconv.trainer.watch import LOOKS, REPORTS, Watch

SOUND = {
    "inputs.ab.swd": 190.0, "raw.ab.swd": 110.0, "raw.ab.change": 30.0, "raw.ab.color_agreement": 0.85,
    "raw.ab.diversity": 0.8,
}  # fmt: skip


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
    assert "a → b inverts colours" in warning
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
    assert "discriminator b wins outright" in warning
    assert looks(Watch(guessing_loss=None), 50, wins, {}) == []


def test_small_changes_that_help_are_no_identity() -> None:
    """A photograph may need little to look like one of the other kind."""
    little = SOUND | {"raw.ab.change": 2.0}
    assert looks(Watch(guessing_loss=None), 9, {}, little) == []
    (warning,) = looks(Watch(guessing_loss=None), 9, {}, little | {"raw.ab.swd": 189.0})
    assert "gives its pictures back" in warning


def test_averaged_weights_are_watched_where_there_are_some() -> None:
    metrics = {name.replace("raw.", "average."): value for name, value in SOUND.items()}
    assert looks(Watch(guessing_loss=None), 9, {}, SOUND | {"raw.ab.diversity": 0.0} | metrics) == []


def test_what_was_said_is_not_said_again_after_resuming() -> None:
    watch, metrics = Watch(guessing_loss=0.25), SOUND | {"raw.ab.diversity": 0.0}
    assert len(looks(watch, LOOKS, {}, metrics)) == 1
    resumed = Watch(guessing_loss=0.25)
    resumed.load_state(json.loads(json.dumps(watch.state())))
    assert looks(resumed, 5, {}, metrics) == []
