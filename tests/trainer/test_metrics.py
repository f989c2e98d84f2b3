"""The measures say what their formulas say."""

import numpy as np
import pytest

from cgconv.trainer.judging.metrics import (
    color_agreement,
    diversity,
    mean_change,
    psnr,
    reinhard,
    ssim,
    stride_peak,
)


def textures(count: int, *, seed: int, smooth: int = 1, shift: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    images = random.integers(0, 200, (count, 128, 128, 3)).astype(np.float64)
    for axis in (1, 2):
        images = sum(np.roll(images, step, axis=axis) for step in range(smooth)) / smooth
    return (images + shift).astype(np.uint8)


def test_the_change_of_a_copy_is_0() -> None:
    images = textures(2, seed=0, smooth=3)
    assert mean_change(images, images) == 0
    assert mean_change(images + np.uint8(7), images) == 7


@pytest.mark.parametrize("stride", [2, 4])
def test_the_checkerboard_measure_is_its_formula(stride: int) -> None:
    """The peak over the median of the 17×17 powers around each frequency of the grid, by Fourier's sum itself."""
    board = (np.indices((64, 48)).sum(0) % stride == 0)[..., None] * np.uint8(6)
    images = textures(2, seed=0, smooth=3)[:, :65, :49]
    images[:, :64, :48] += board
    (height, width), power = (64, 48), 0.0
    waves = [np.exp(-2j * np.pi * np.outer(np.arange(side), np.arange(side)) / side) for side in (height, width)]
    bells = [0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / (side - 1)) for side in (height, width)]
    window = np.outer(*bells)
    for image in images:
        gray = image[:height, :width].mean(-1)
        power += np.abs(waves[0] @ ((gray - gray.mean()) * window) @ waves[1]) ** 2 / len(images)
    floor, ratios = 1e-4 * (window**2).sum(), []
    for row, column in [divmod(number, stride) for number in range(1, stride**2)]:
        y, x = row * height // stride, column * width // stride
        around = np.array([[power[(y + i) % height, (x + j) % width] for j in range(-8, 9)] for i in range(-8, 9)])
        ratios.append((around[7:10, 7:10].max() + floor) / (np.median(around) + floor))
    assert stride_peak(images, stride) == pytest.approx(np.mean(ratios), rel=1e-5)


@pytest.mark.parametrize("stride", [2, 4])
def test_a_checkerboard_stands_out_and_noise_does_not(stride: int) -> None:
    plain = textures(8, seed=0, smooth=3, shift=20)
    board = (np.indices((128, 128)).sum(0) % stride == 0)[..., None] * np.uint8(12)
    assert stride_peak(plain) < 5
    assert stride_peak(plain + board) > 3 * stride_peak(plain)


def test_flat_pictures_have_no_checkerboard() -> None:
    """Nothing over nothing: the score of a run whose outputs had become flat was no number."""
    assert stride_peak(np.full((2, 64, 64, 3), 128, np.uint8)) == 1


def test_reinhard_gives_a_picture_the_reference_colors() -> None:
    images, reference = textures(2, seed=0, smooth=3), textures(4, seed=1, smooth=2, shift=30)
    moved = reinhard(images, reference)
    assert moved.mean((0, 1, 2)) == pytest.approx(reference.mean((0, 1, 2)), abs=4)
    assert moved.std((0, 1, 2)) == pytest.approx(reference.std((0, 1, 2)), rel=0.15)


def test_psnr_is_its_formula_and_equal_pictures_have_100() -> None:
    images = textures(3, seed=0)
    assert psnr(images, images) == 100
    by_hand = [20 * np.log10(255 / np.sqrt(np.mean((float(4 * i)) ** 2))) for i in (1, 2, 3)]
    shifted = images + np.array([4, 8, 12], np.uint8)[:, None, None, None]
    assert psnr(shifted, images) == pytest.approx(np.mean(by_hand))


def test_ssim_is_its_formula_in_every_window() -> None:
    images, others = textures(1, seed=0, smooth=3)[:, :16, :14], textures(1, seed=1, smooth=3)[:, :16, :14]
    mixed = ((images.astype(int) + others) // 2).astype(np.uint8)
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell)[..., None] / bell.sum() ** 2
    values = []
    for top in range(6):
        for left in range(4):
            x, y = (image[0, top : top + 11, left : left + 11].astype(float) for image in (mixed, images))
            mean_x, mean_y = (weights * x).sum((0, 1)), (weights * y).sum((0, 1))
            variances = (weights * (x - mean_x) ** 2).sum((0, 1)) + (weights * (y - mean_y) ** 2).sum((0, 1))
            covariance = (weights * (x - mean_x) * (y - mean_y)).sum((0, 1))
            c1, c2 = 2.55**2, 7.65**2
            likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
            values.append(likeness / ((mean_x**2 + mean_y**2 + c1) * (variances + c2)))
    assert ssim(mixed, images) == pytest.approx(np.mean(values))
    assert ssim(images, images) == pytest.approx(1)


def test_colors_of_a_negative_disagree() -> None:
    images = textures(3, seed=0, smooth=9)
    assert color_agreement(images, images) == pytest.approx(1)
    assert color_agreement(255 - images, images) == pytest.approx(-1, abs=1e-3)  # shrinking rounds
    assert color_agreement(np.full_like(images, 7), images) == 0


def test_diversity_is_the_mean_difference_of_any_two_pictures() -> None:
    flat = np.stack([np.full((32, 32, 3), level, np.uint8) for level in (0, 10, 40)])
    assert diversity(flat) == pytest.approx((10 + 40 + 30) / 3)
    assert diversity(flat[[1, 1]]) == 0
