"""A picture that is unlike what a model learned from gets one line; a picture like those gets none."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_models import card_for, identity_model

from cgconv.runtime.events import BackendOpened, JobFinished, JobWarned
from cgconv.runtime.find import Kind
from cgconv.runtime.jobs import BatchOptions, plan_jobs, run_jobs
from cgconv.runtime.models.card import ModelCard
from cgconv.runtime.models.familiar import FEWEST, LENGTH, describe, learn_familiar, unfamiliar


def landscape(seed: int, side: int = 96) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A bright blue sky over a dark green, rough meadow."""
    random = np.random.default_rng(seed)
    horizon = int(side * random.uniform(0.35, 0.65))
    image = np.empty((side, side, 3), np.float64)
    image[:horizon] = np.array((150, 190, 235)) + random.normal(0, 15, 3) + random.normal(0, 3, (horizon, side, 3))
    rough = random.normal(0, 25, (side - horizon, side, 1))
    image[horizon:] = np.array((70, 100, 45)) + random.normal(0, 15, 3) + rough
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def familiar() -> dict[str, Any]:
    return learn_familiar(landscape(seed) for seed in range(120))


def card(**changes: Any) -> ModelCard:
    return card_for(identity_model(), name="monet", **changes)


def test_pictures_like_those_of_the_training_pass(familiar: dict[str, Any]) -> None:
    warned = [unfamiliar(landscape(seed), card(familiar=familiar)) for seed in range(1000, 1060)]
    assert sum(sentence is not None for sentence in warned) <= 3
    large = cv2.resize(landscape(7), (640, 480), interpolation=cv2.INTER_NEAREST)
    assert unfamiliar(large, card(familiar=familiar)) is None


def test_negatives_drawings_and_flat_pictures_are_flagged(familiar: dict[str, Any]) -> None:
    known = card(familiar=familiar)
    drawing = np.full((96, 96, 3), 255, np.uint8)
    cv2.circle(drawing, (48, 48), 30, (0, 0, 0), 2)
    strange = [255 - landscape(seed) for seed in range(1000, 1020)]
    strange += [drawing, np.full((50, 70, 3), 128, np.uint8), np.zeros((8, 8, 3), np.uint8)]
    for image in strange:
        assert "unlike the pictures that monet learned from" in (unfamiliar(image, known) or "")


def test_roughness_flatness_and_the_rougher_side_are_what_their_formulas_say() -> None:
    """Bytes and histograms are quicker than floats and sorting, and must say the same of cards that exist."""
    for seed in range(6):
        image = landscape(seed, 256)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
        steps = np.abs(np.diff(gray, axis=1))
        rough = np.sqrt(np.maximum(cv2.blur(gray * gray, (9, 9)) - cv2.blur(gray, (9, 9)) ** 2, 0))
        dark, bright = np.quantile(gray, (1 / 3, 2 / 3))
        sides = np.log1p(rough[gray <= dark].mean()) - np.log1p(rough[gray >= bright].mean())
        numbers = describe(image)
        assert numbers[[14, 15, -1]] == pytest.approx(
            [np.log1p(steps.mean()), np.log1p(20 * (steps < 1).mean()), sides], abs=1e-3
        )


def test_negatives_that_differ_in_one_respect_are_flagged_too() -> None:
    """Pictures of all colors, told from their negatives by their bright upper halves alone."""

    def halves(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        random = np.random.default_rng(seed)
        image = np.clip(random.normal(128, 40, 3) + random.normal(0, 30, (64, 64, 3)), 0, 255)
        image[:32] += 30
        return np.clip(image, 0, 255).astype(np.uint8)

    known = card(familiar=learn_familiar(halves(seed) for seed in range(150)))
    assert all(unfamiliar(255 - halves(seed), known) for seed in range(1000, 1020))
    assert not any(unfamiliar(halves(seed), known) for seed in range(1000, 1020))


def test_a_card_with_colors_alone_still_knows_what_is_flat_or_white() -> None:
    known = card(color_mean=(106.0, 106.0, 102.0), color_std=(69.0, 64.0, 72.0))
    assert unfamiliar(landscape(1), known) is None
    assert "hardly any contrast" in (unfamiliar(np.full((40, 40, 3), 120, np.uint8), known) or "")
    page = np.full((200, 200, 3), 255, np.uint8)
    cv2.putText(page, "drawing", (10, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 6)
    assert "much brighter" in (unfamiliar(page, known) or "")
    assert unfamiliar(page, card()) is None, "nothing is known"


def test_a_card_that_makes_no_sense_is_ignored(familiar: dict[str, Any]) -> None:
    flat = np.full((40, 40, 3), 120, np.uint8)
    for broken in ({"version": 99}, familiar | {"mean": [1.0]}, familiar | {"far": "x"}, {"version": 1, "std": None}):
        assert unfamiliar(flat, card(familiar=broken)) is None


def test_statistics_survive_the_card_and_need_enough_pictures(familiar: dict[str, Any]) -> None:
    assert json.loads(json.dumps(familiar)) == familiar
    assert len(familiar["mean"]) == LENGTH == len(describe(landscape(0)))
    assert np.isfinite(describe(np.zeros((1, 1, 3), np.uint8))).all()
    assert learn_familiar(landscape(seed) for seed in range(FEWEST - 1)) == {}


class Unchanging:
    """A translator whose model learned from landscapes."""

    def __init__(self, familiar: dict[str, Any]) -> None:
        self.card = card(familiar=familiar)
        self.sha256 = "unchanging"

    def describe(self) -> BackendOpened:
        return BackendOpened("none", "none", "cpu", "fp32", "a test")

    def translate(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return batch


def test_a_job_says_it_once_and_is_done_all_the_same(familiar: dict[str, Any], tmp_path: Path) -> None:
    for name, image in (("sound", landscape(5)), ("negative", 255 - landscape(6))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    jobs = plan_jobs([str(tmp_path)], BatchOptions(kind=Kind.PICTURE, model_name="monet"))
    events = list(run_jobs(jobs, Unchanging(familiar), threading.Event()))
    (warned,) = (event for event in events if isinstance(event, JobWarned))
    assert "unlike the pictures" in warned.message
    assert jobs[warned.index].input.name == "negative.png"
    assert sum(isinstance(event, JobFinished) for event in events) == 2
