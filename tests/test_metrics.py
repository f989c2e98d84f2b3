"""The measures say what their formulas say."""

import numpy as np
import pytest

from cgconv.trainer.metrics import (
    color_agreement,
    diversity,
    edge_correlation,
    laplacian_pyramid,
    mean_change,
    psnr,
    reinhard,
    sliced_wasserstein,
    ssim,
    stride_peak,
)


def textures(count: int, *, seed: int, smooth: int = 1, shift: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    images = random.integers(0, 200, (count, 128, 128, 3)).astype(np.float64)
    for axis in (1, 2):
        images = sum(np.roll(images, step, axis=axis) for step in range(smooth)) / smooth
    return (images + shift).astype(np.uint8)


def test_a_laplacian_pyramid_adds_up_to_its_picture() -> None:
    import cv2

    image = textures(1, seed=0, smooth=5)[0]
    pyramid = laplacian_pyramid(image, 4)
    assert [level.shape[0] for level in pyramid] == [128, 64, 32, 16]
    whole = pyramid[-1]
    for level in reversed(pyramid[:-1]):
        whole = cv2.pyrUp(whole, dstsize=level.shape[1::-1]) + level
    assert np.abs(whole - image).max() < 1e-3


def test_the_sliced_wasserstein_distance_of_a_shift_is_known() -> None:
    """A constant shift moves only the last level, by shift / deviation times the mean |sum of a direction|."""
    reference = textures(8, seed=1, smooth=9)
    shifted = reference + np.uint8(20)
    near = sliced_wasserstein(reference, textures(8, seed=2, smooth=9), projections=256)
    far = sliced_wasserstein(shifted, reference, projections=256)
    assert max(far[:3]) < 2 * max(near[:3])
    deviations = [laplacian_pyramid(image, 4)[3].reshape(-1, 3) for image in reference]
    deviation = np.concatenate(deviations).std(0).mean()
    directions = np.random.default_rng(0).standard_normal((147, 20000))
    directions /= np.linalg.norm(directions, axis=0)
    assert far[3] == pytest.approx(1000 * 20 / deviation * np.abs(directions.sum(0)).mean(), rel=0.15)


def test_nearer_textures_have_a_smaller_distance() -> None:
    reference = textures(8, seed=1, smooth=4)
    rough, alike = textures(8, seed=2, smooth=1), textures(8, seed=3, smooth=4)
    for closer, farther in zip(sliced_wasserstein(alike, reference), sliced_wasserstein(rough, reference), strict=True):
        assert closer < farther


def test_edges_and_change_of_a_copy_are_1_and_0() -> None:
    images = textures(2, seed=0, smooth=3)
    assert edge_correlation(images, images) == pytest.approx(1)
    assert mean_change(images, images) == 0
    assert mean_change(images + np.uint8(7), images) == 7
    assert abs(edge_correlation(textures(2, seed=9, smooth=3), images)) < 0.1


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


def test_a_picture_without_edges_keeps_none() -> None:
    images = textures(2, seed=0, smooth=3)
    assert edge_correlation(np.full_like(images, 9), images) == 0
