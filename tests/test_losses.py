"""Every term of the objectives equals its published formula, written out in numpy or by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.trainer.choices import Focus, GanLoss  # noqa: E402
from cgconv.trainer.config import LossConfig  # noqa: E402
from cgconv.trainer.history import History, PatchHistory, pyramid  # noqa: E402
from cgconv.trainer.looks import Looks, shifted  # noqa: E402
from cgconv.trainer.losses import (  # noqa: E402
    cycle_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    grid_loss,
    identity_loss,
    patch_nce_loss,
    r1_penalty,
)

REAL, FAKE = [0.9, 0.2, 1.4, -0.3], [0.1, -0.6, 0.5, 0.8]


def mean(values: object) -> float:
    return float(np.mean(list(values)))  # type: ignore[call-overload]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("kind", "generator", "discriminator"),
    [
        (  # arXiv 1703.10593, section 4
            GanLoss.LEAST_SQUARES,
            mean((d - 1) ** 2 for d in FAKE),
            0.5 * (mean((d - 1) ** 2 for d in REAL) + mean(d**2 for d in FAKE)),
        ),
        (  # its equation 1
            GanLoss.CROSS_ENTROPY,
            -mean(math.log(sigmoid(d)) for d in FAKE),
            -0.5 * (mean(math.log(sigmoid(d)) for d in REAL) + mean(math.log(1 - sigmoid(d)) for d in FAKE)),
        ),
        (  # arXiv 1705.02894
            GanLoss.HINGE,
            -mean(FAKE),
            0.5 * (mean(max(0.0, 1 - d) for d in REAL) + mean(max(0.0, 1 + d) for d in FAKE)),
        ),
        (  # arXiv 1704.00028, equation 2
            GanLoss.WGAN_GP,
            -mean(FAKE),
            0.5 * (mean(FAKE) - mean(REAL)),
        ),
    ],
)
def test_adversarial_losses_are_the_published_ones(kind: GanLoss, generator: float, discriminator: float) -> None:
    real, fake = (torch.tensor(scores).view(1, 1, 2, 2) for scores in (REAL, FAKE))
    assert generator_loss(fake, kind).item() == pytest.approx(generator, abs=1e-6)
    assert discriminator_loss(real, fake, kind).item() == pytest.approx(discriminator, abs=1e-6)


def test_cycle_and_identity_losses_are_mean_absolute_differences() -> None:
    x, y = torch.tensor([[0.5, -1.0, 0.25]]), torch.tensor([[0.0, 1.0, 0.5]])
    wanted = (0.5 + 2.0 + 0.25) / 3  # arXiv 1703.10593, equation 2 and section 5.2
    assert cycle_loss(x, y).item() == pytest.approx(wanted, abs=1e-7)
    assert identity_loss(x, y).item() == pytest.approx(wanted, abs=1e-7)


def test_gradient_penalties_of_a_quadratic_score_are_what_calculus_says() -> None:
    """For D(x) = ½ Σ k x² the gradient is k x: both penalties follow from the pictures alone."""
    k = torch.tensor(0.3, requires_grad=True)
    reals, fakes = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))

    def discriminator(x: torch.Tensor) -> torch.Tensor:
        return 0.5 * k * x.square()

    r1 = r1_penalty(discriminator, reals)
    squares = (reals**2).sum((1, 2, 3))
    assert r1.item() == pytest.approx(0.5 * 0.09 * squares.mean().item(), rel=1e-5)
    r1.backward()
    assert k.grad.item() == pytest.approx(0.3 * squares.mean().item(), rel=1e-5)  # it teaches the discriminator

    share = torch.rand(2, 1, 1, 1, generator=torch.Generator().manual_seed(5))
    between = share * reals + (1 - share) * fakes
    norms = 0.3 * between.square().sum((1, 2, 3)).sqrt()
    found = gradient_penalty(discriminator, reals, fakes, torch.Generator().manual_seed(5))
    assert found.item() == pytest.approx(((norms - 1) ** 2).mean().item(), rel=1e-5)


def test_penalties_are_reckoned_in_float32_under_autocast() -> None:
    conv = torch.nn.Conv2d(3, 4, 3)
    x = torch.rand(1, 3, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = r1_penalty(conv, x)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(r1_penalty(conv, x).item(), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("autocasts", [False, True])
def test_the_contrastive_loss_is_equation_3_of_cut_in_float32(autocasts: bool, temperature: float) -> None:
    """Under autocast its products were bf16, and divided by 0.07 wrong by hundredths."""
    random = torch.Generator().manual_seed(0)
    queries, keys = torch.nn.functional.normalize(torch.randn(2, 2, 5, 8, generator=random), dim=3)
    wanted = []
    for query, key in zip(queries.numpy(), keys.numpy(), strict=True):  # negatives come from the same picture
        for s in range(5):
            alike = np.exp(key @ query[s] / temperature)
            wanted.append(-math.log(alike[s] / alike.sum()))
    keys.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocasts):
        found = patch_nce_loss(queries.requires_grad_(), keys, temperature)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(np.mean(wanted), rel=1e-5)
    found.backward()
    assert keys.grad is None


def picture_with_grid(period: int, strength: float) -> torch.Tensor:
    noise = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 0.1
    noise[:, :, ::period, ::period] += strength
    return noise


def test_the_grid_loss_is_the_log_of_a_peaks_power_over_its_ring() -> None:
    image = picture_with_grid(8, 0.5)
    gray, hann = image[0].mean(0).double().numpy(), np.hanning(65)[:64]
    ratios = []
    for top in range(0, 65, 32):
        for left in range(0, 65, 32):
            window = gray[top : top + 64, left : left + 64]
            power = np.abs(np.fft.fft2((window - window.mean()) * np.outer(hann, hann))) ** 2
            floor = (0.25 / 127.5) ** 2 * (hann**2).sum() ** 2
            for u in range(8):
                for v in range(8):
                    if u == v == 0:
                        continue
                    near, ring = [], []
                    for dy in range(-3, 4):
                        for dx in range(-3, 4):
                            value = power[(8 * u + dy) % 64, (8 * v + dx) % 64]
                            (near if max(abs(dy), abs(dx)) <= 1 else ring).append(value)
                    ratios.append(max(0.0, math.log(np.mean(near) + floor) - math.log(np.mean(ring) + floor)))
    assert grid_loss(image).item() == pytest.approx(np.mean(ratios) - 0.15, rel=1e-4)


def test_the_grid_loss_sees_grids_and_not_grain() -> None:
    grain, louder = picture_with_grid(8, 0.0), picture_with_grid(8, 0.0) * 3
    assert grid_loss(torch.full((1, 3, 64, 64), 0.3)).item() == 0
    assert grid_loss(grain).item() < 0.02, "natural"
    grain_with_chance = grid_loss(grain, natural=0).item()
    assert grid_loss(louder, natural=0).item() == pytest.approx(grain_with_chance, rel=0.02), "louder grain is free"
    for period in (2, 4, 8):
        gridded = grid_loss(picture_with_grid(period, 0.5), natural=0).item()
        assert gridded > 3 * grain_with_chance * (period / 8) ** 2


def test_the_patch_loss_is_the_distance_of_sorted_projections() -> None:
    """With one patch a picture and every picture remembered: this step's and older fakes against the reals."""
    history = PatchHistory((3,), pictures=4, patches=1, projections=8)
    random = torch.Generator().manual_seed(0)
    fakes, reals = torch.rand(2, 4, 1, 3, 56, 56, generator=torch.Generator().manual_seed(1))  # 7×7 cells: one patch
    assert history.loss(fakes[0], reals[0], random).item() == 0  # not half full
    for number in (1, 2):
        history.loss(fakes[number], reals[number], random)
    newest = fakes[3].clone().requires_grad_()
    state = random.get_state()
    found = history.loss(newest, reals[3], random)

    def cells(images: torch.Tensor) -> np.ndarray:
        return images.reshape(4, 3, 7, 8, 7, 8).mean((3, 5)).reshape(4, 3 * 49).numpy().astype(np.float64)

    random.set_state(state)
    for _ in range(2):
        torch.randint(1, (1,), generator=random)
    directions = torch.randn(3 * 49, 8, generator=random).numpy().astype(np.float64)
    directions /= np.linalg.norm(directions, axis=0) * cells(reals).std(ddof=1)
    projected, wanted = cells(fakes) @ directions, np.sort(cells(reals) @ directions, axis=0)
    places = np.argsort(np.argsort(projected, axis=0), axis=0)[3]  # the newest's own
    total = sum(abs(projected[3, column] - wanted[places[column], column]) for column in range(8))
    assert found.item() == pytest.approx(total / 8, rel=1e-4)
    found.backward()
    assert newest.grad.abs().sum() > 0


def test_the_pyramid_of_the_patch_loss_parts_scales_and_loses_nothing() -> None:
    image = torch.rand(1, 3, 64, 64)
    *differences, smallest = pyramid(image)
    assert [level.shape[2] for level in (*differences, smallest)] == [64, 32, 16, 8]
    for difference in reversed(differences):
        smallest = difference + torch.nn.functional.interpolate(smallest, scale_factor=2.0, mode="bilinear")
    assert torch.allclose(smallest, image, atol=1e-6)
    flat = pyramid(torch.full((1, 3, 64, 64), 0.3))
    assert all(level.abs().max() < 1e-6 for level in flat[:3])


def test_the_side_that_a_run_is_for_is_held_to_texture_and_the_other_to_colours() -> None:
    levels = {focus: [h.levels for h in Looks(LossConfig(patches=1), focus).histories.values()] for focus in Focus}
    assert levels == {
        Focus.BOTH: [(0, 1, 2, 3), (0, 1, 2, 3)], Focus.A2B: [(3,), (0, 1, 2, 3)], Focus.B2A: [(0, 1, 2, 3), (3,)],
    }  # fmt: skip


def test_a_patch_history_comes_back_as_it_was() -> None:
    one, other = PatchHistory(pictures=3, patches=2), PatchHistory(pictures=3, patches=2)
    images = torch.rand(6, 1, 3, 64, 64)
    for image in images[:4]:
        one.loss(image, image * 0.5, torch.Generator().manual_seed(0))
    other.load_state(one.state(), torch.device("cpu"))
    losses = [h.loss(images[4], images[5], torch.Generator().manual_seed(1)).item() for h in (one, other)]
    assert losses[0] == losses[1] != 0


def test_shifted_crops_come_from_every_place_within_the_jitter() -> None:
    image = torch.arange(36.0).view(1, 1, 6, 6)
    random = torch.Generator().manual_seed(0)
    corners = {shifted(image, 2, random)[0, 0, 0, 0].item() for _ in range(200)}
    assert corners == {6.0 * y + x for y in range(3) for x in range(3)}
    assert shifted(image, 2, random).shape == (1, 1, 4, 4)
    assert shifted(image, 0, random) is image


def test_history_returns_new_fakes_until_full_and_then_old_ones_half_the_time() -> None:
    history, random = History(50), torch.Generator().manual_seed(0)
    new = 0
    for number in range(1050):
        fake = torch.full((1, 3, 1, 1), float(number))
        out = history.exchange(fake, random)
        assert out.shape == fake.shape
        if number < 50:
            assert out[0, 0].item() == number
        else:
            new += out[0, 0].item() == number
    assert len(history.fakes) == 50
    assert 440 <= new <= 560  # of 1000; even odds, 4 standard deviations
    assert np.unique([float(fake.flatten()[0]) for fake in history.fakes]).size == 50


def test_a_history_of_0_hands_every_fake_through() -> None:
    fake = torch.rand(2, 3, 4, 4)
    assert History(0).exchange(fake, torch.Generator()) is fake


def test_a_history_survives_crops_that_grow() -> None:
    history, random = History(4), torch.Generator().manual_seed(0)
    history.exchange(torch.zeros(4, 3, 4, 4), random)
    for _ in range(20):
        assert history.exchange(torch.ones(2, 3, 8, 8), random).shape == (2, 3, 8, 8)
    assert all(fake.shape == (3, 8, 8) for fake in history.fakes)


def test_identity_weights_follow_their_schedule() -> None:
    loss = LossConfig(identity=4.0, identity_b=2.0, identity_to=0.5, identity_over=0.4)
    assert loss.identity_weights(0.0) == (4.0, 2.0)
    assert loss.identity_weights(0.2) == pytest.approx((3.0, 1.5))
    assert loss.identity_weights(0.4) == loss.identity_weights(1.0) == pytest.approx((2.0, 1.0))
    assert LossConfig(identity=4.0).identity_weights(0.7) == (4.0, 4.0)
    assert LossConfig(cycle=10.0, cycle_b=0.0).cycle_weights == (10.0, 0.0)
