"""Every term of the objectives equals its published formula, written out in numpy or by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from cgconv.trainer.choices import GanLoss  # noqa: E402
from cgconv.trainer.config import LossConfig  # noqa: E402
from cgconv.trainer.networks.discriminators import shifted  # noqa: E402
from cgconv.trainer.recipes.history import History  # noqa: E402
from cgconv.trainer.recipes.losses import (  # noqa: E402
    cycle_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
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


@pytest.mark.parametrize("kind", list(GanLoss))
def test_scores_of_several_scales_are_paid_for_in_sum(kind: GanLoss) -> None:
    """arXiv 2111.01007, equation 3."""
    real, fake = ([torch.tensor(scores[:n]).view(1, 1, 1, n) for n in (4, 2, 1)] for scores in (REAL, FAKE))
    wanted = sum(generator_loss(scores, kind).item() for scores in fake)
    assert generator_loss(fake, kind).item() == pytest.approx(wanted, abs=1e-6)
    wanted = sum(discriminator_loss(r, f, kind).item() for r, f in zip(real, fake, strict=True))
    assert discriminator_loss(real, fake, kind).item() == pytest.approx(wanted, abs=1e-6)


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
