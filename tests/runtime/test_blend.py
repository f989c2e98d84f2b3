"""A translation can be mixed with its original and can take its colors."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cgconv.runtime.blend import keep_colors, mix


def images(seed: int, kind: type = np.uint8, shape: tuple[int, ...] = (2, 33, 47, 3)) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape)
    return np.rint(values * 255).astype(np.uint8) if kind is np.uint8 else values.astype(np.float32)


def luma(batch: np.ndarray) -> np.ndarray:
    return np.asarray(batch, np.float64) @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(2, 33, 47, 3), (33, 47, 3), (1, 1, 1, 3)])
def test_strength_goes_from_the_original_to_the_translation(kind: type, shape: tuple[int, ...]) -> None:
    original, translated = images(0, kind, shape), images(1, kind, shape)
    assert np.array_equal(mix(original, translated, 1), translated)
    assert np.array_equal(mix(original, translated, 0), original)
    mixed = mix(original, translated, 0.3)
    assert mixed.dtype == kind
    wanted = original.astype(np.float64) * 0.7 + translated.astype(np.float64) * 0.3
    assert np.abs(mixed - wanted).max() <= (0.51 if kind is np.uint8 else 1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(2, 300, 47, 3), (33, 47, 3)])
def test_brightness_is_the_translations_and_nothing_leaves_the_range(kind: type, shape: tuple[int, ...]) -> None:
    original, translated = images(0, kind, shape), images(1, kind, shape)
    result = keep_colors(original, translated)
    assert result.dtype == kind
    assert result.shape == translated.shape
    assert np.abs(luma(result) - luma(translated)).max() < (0.6 if kind is np.uint8 else 1e-5)
    assert result.min() >= 0
    assert result.max() <= (255 if kind is np.uint8 else 1)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_colors_are_the_originals(kind: type) -> None:
    whole = 255 if kind is np.uint8 else 1
    original, translated = images(0, kind) // 4 + whole * 0.4, images(1, kind) // 4 + whole * 0.4  # far from the ends
    original, translated = original.astype(kind), translated.astype(kind)
    result = keep_colors(original, translated)
    as_ycc = [cv2.cvtColor(batch[0].astype(np.float32) / whole, cv2.COLOR_RGB2YCrCb) for batch in (original, result)]
    assert np.abs(as_ycc[0][:, :, 1:] - as_ycc[1][:, :, 1:]).max() < 0.005


def test_keeping_ones_own_colors_changes_nothing() -> None:
    original = images(0)
    assert np.array_equal(keep_colors(original, original), original)


def test_where_a_color_does_not_fit_its_hue_stays() -> None:
    red = np.full((4, 4, 3), (230, 20, 20), np.uint8)
    pale = np.full((4, 4, 3), 240, np.uint8)
    result = keep_colors(red, pale).astype(int)
    assert np.abs(luma(result) - 240).max() < 1
    assert (result[:, :, 0] > result[:, :, 1]).all()
    assert np.abs(result[:, :, 1] - result[:, :, 2]).max() <= 1, "still red, neither orange nor pink"


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_gray_original_makes_the_result_gray(kind: type) -> None:
    gray = np.repeat(images(0, kind)[..., :1], 3, axis=-1)
    result = keep_colors(gray, images(1, kind))
    assert np.abs(result - luma(images(1, kind))[..., None]).max() <= (0.51 if kind is np.uint8 else 1e-5)


def test_black_and_white_stay_black_and_white() -> None:
    original = images(0)[0]
    for level in (0, 255):
        assert (keep_colors(original, np.full_like(original, level)) == level).all()


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("scale", [0.5, 2])
def test_the_original_follows_the_size_of_the_translation(kind: type, scale: float) -> None:
    down, across = np.mgrid[0:32, 0:48] / 48
    original = np.stack([across, down, across * down], axis=2).astype(np.float32)
    if kind is np.uint8:
        original = np.rint(original * 255).astype(np.uint8)
    whole = 255 if kind is np.uint8 else 1
    translated = np.zeros((3, int(32 * scale), int(48 * scale), 3), kind)
    batch = np.stack([original] * 3)
    result = mix(batch, translated, 0)
    assert result.shape == translated.shape
    assert result.min() >= 0
    assert result.max() <= whole
    there_and_back = cv2.resize(result[1], (48, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(there_and_back.astype(float) - original)[2:-2, 2:-2].max() < 0.03 * whole
    assert mix(batch, translated, 0.5).shape == keep_colors(batch, translated).shape == translated.shape
