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


def halves(image: np.ndarray, axis: int) -> np.ndarray:
    """Every other pixel along an axis, blurred by [1, 4, 6, 4, 1] / 16 with mirrored edges."""
    image = np.moveaxis(image, axis, 0)
    padded = np.pad(image, ((2, 2), (0, 0), (0, 0)), mode="reflect")
    blurred = sum(weight * padded[at : at + len(image)] for at, weight in enumerate((1, 4, 6, 4, 1))) / 16
    return np.moveaxis(blurred[::2], 0, axis)


def doubled(image: np.ndarray, axis: int) -> np.ndarray:
    """Zeros between the pixels along an axis, and twice that blur; OpenCV repeats the far edge."""
    image = np.moveaxis(image, axis, 0)
    padded = np.concatenate([image[1:2], image, image[-1:]])
    out = np.empty((2 * len(image), *image.shape[1:]))
    out[::2] = (padded[:-2] + 6 * padded[1:-1] + padded[2:]) / 8
    out[1::2] = (padded[1:-1] + padded[2:]) / 2
    return np.moveaxis(out, 0, axis)


def pyramid_by_hand(image: np.ndarray) -> list[np.ndarray]:
    """Burt and Adelson 1983, four levels, of a picture whose sides are multiples of 8."""
    levels, current = [], image.astype(np.float64)
    for _ in range(3):
        half = halves(halves(current, 0), 1)
        levels.append(current - doubled(doubled(half, 0), 1))
        current = half
    return [*levels, current]


def test_each_level_of_a_laplacian_pyramid_is_its_formula() -> None:
    image = textures(1, seed=0, smooth=2)[0, :64, :80]
    for level, wanted in zip(laplacian_pyramid(image, 4), pyramid_by_hand(image), strict=True):
        assert np.abs(level - wanted).max() < 1e-3


def test_the_sliced_wasserstein_distance_is_its_formula_with_the_same_draws() -> None:
    """Karras et al. 2018, section 5, in loops: as many patches of each set, both by the reference's statistics."""
    images, reference = textures(2, seed=1, smooth=2)[:, :56, :64], textures(3, seed=2, smooth=4)[:, :56, :64]
    random, wanted = np.random.default_rng(5), []
    pyramids = [[pyramid_by_hand(image) for image in images_of_set] for images_of_set in (images, reference)]
    for level in range(4):
        sets = []
        for pyramids_of_set in pyramids:
            sets.append([])
            for pyramid in pyramids_of_set:
                height, width = pyramid[level].shape[:2]
                tops, lefts = random.integers(0, height - 6, 10), random.integers(0, width - 6, 10)
                sets[-1] += [pyramid[level][y : y + 7, x : x + 7] for y, x in zip(tops, lefts, strict=True)]
        pixels = np.concatenate([patch.reshape(-1, 3) for patch in sets[1]])
        rows = []
        for patches in sets:
            brought = np.array([((patch - pixels.mean(0)) / pixels.std(0)).ravel() for patch in patches])
            rows.append(brought[random.permutation(len(brought))][:20])
        apart = []
        for direction in random.standard_normal((147, 16)).T:
            ends = [np.sort(of_set @ direction / np.sqrt((direction**2).sum())) for of_set in rows]
            apart.append(np.abs(ends[0] - ends[1]).mean())
        wanted.append(1000 * np.mean(apart))
    found = sliced_wasserstein(images, reference, patches=10, projections=16, seed=5)
    assert found == pytest.approx(wanted, rel=1e-5)


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


def test_structure_is_the_correlation_of_sobel_magnitudes() -> None:
    images, others = textures(3, seed=0, smooth=3)[:, :40, :52], textures(3, seed=1, smooth=2)[:, :40, :52]
    mixed = (0.7 * images + 0.3 * others).astype(np.uint8)

    def edges(image: np.ndarray) -> np.ndarray:
        luma = (image.astype(int) @ (9798, 19235, 3735) + 2**14) >> 15  # BT.601, in OpenCV's integers
        gray = np.pad(luma, 1, mode="reflect")
        across = sum(weight * (gray[y : y + 40, 2:] - gray[y : y + 40, :-2]) for y, weight in enumerate((1, 2, 1)))
        down = sum(weight * (gray[2:, x : x + 52] - gray[:-2, x : x + 52]) for x, weight in enumerate((1, 2, 1)))
        return np.hypot(across, down).ravel()

    wanted = [np.corrcoef(edges(one), edges(other))[0, 1] for one, other in zip(mixed, images, strict=True)]
    assert max(wanted) - min(wanted) > 1e-3, "a mean over pictures, not over all pixels"
    assert edge_correlation(mixed, images) == pytest.approx(np.mean(wanted), abs=1e-5)


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


def test_a_picture_without_edges_keeps_none() -> None:
    images = textures(2, seed=0, smooth=3)
    assert edge_correlation(np.full_like(images, 9), images) == 0
