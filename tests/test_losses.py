"""The objective's terms equal the formulas of arXiv 1703.10593, written out in numpy."""

import math

import numpy as np
import pytest
import torch

from cgconv.trainer.config import (
    DiscriminatorConfig,
    DiscriminatorNorm,
    Focus,
    GanLoss,
    GeneratorConfig,
    LossConfig,
    TrainConfig,
)
from cgconv.trainer.cyclegan import CycleGanStep, build_networks
from cgconv.trainer.history import History
from cgconv.trainer.losses import cycle_loss, discriminator_loss, generator_loss, grid_loss, identity_loss

SCORES_REAL = [torch.tensor([[[[0.9, 0.2], [1.4, -0.3]]]])]
SCORES_FAKE = [torch.tensor([[[[0.1, -0.6], [0.5, 0.8]]]])]
TINY = TrainConfig(
    generator=GeneratorConfig(blocks=1, width=4),
    discriminator=DiscriminatorConfig(layers=2, width=4),
    loss=LossConfig(history=0),
)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_least_squares_losses_follow_section_4() -> None:
    real, fake = [0.9, 0.2, 1.4, -0.3], [0.1, -0.6, 0.5, 0.8]
    generator = sum((d - 1) ** 2 for d in fake) / 4
    discriminator = 0.5 * (sum((d - 1) ** 2 for d in real) / 4 + sum(d**2 for d in fake) / 4)
    assert generator_loss(SCORES_FAKE, GanLoss.LEAST_SQUARES).item() == pytest.approx(generator, abs=1e-6)
    found = discriminator_loss(SCORES_REAL, SCORES_FAKE, GanLoss.LEAST_SQUARES).item()
    assert found == pytest.approx(discriminator, abs=1e-6)


def test_cross_entropy_losses_follow_equation_1() -> None:
    real, fake = [0.9, 0.2, 1.4, -0.3], [0.1, -0.6, 0.5, 0.8]
    generator = -sum(math.log(sigmoid(d)) for d in fake) / 4
    discriminator = -0.5 * (
        sum(math.log(sigmoid(d)) for d in real) / 4 + sum(math.log(1 - sigmoid(d)) for d in fake) / 4
    )
    assert generator_loss(SCORES_FAKE, GanLoss.CROSS_ENTROPY).item() == pytest.approx(generator, abs=1e-6)
    found = discriminator_loss(SCORES_REAL, SCORES_FAKE, GanLoss.CROSS_ENTROPY).item()
    assert found == pytest.approx(discriminator, abs=1e-6)


def test_cycle_and_identity_losses_are_mean_absolute_differences() -> None:
    x, y = torch.tensor([[0.5, -1.0, 0.25]]), torch.tensor([[0.0, 1.0, 0.5]])
    wanted = (0.5 + 2.0 + 0.25) / 3  # equation 2 and section 5.2
    assert cycle_loss(x, y).item() == pytest.approx(wanted, abs=1e-7)
    assert identity_loss(x, y).item() == pytest.approx(wanted, abs=1e-7)


def step_on_fixed_weights(config: TrainConfig) -> tuple[dict[str, float], list[str]]:
    torch.manual_seed(3)
    generators, discriminators = build_networks(config)
    order: list[str] = []

    class Recording(torch.optim.SGD):
        def __init__(self, name: str, parameters: object) -> None:
            super().__init__(parameters, lr=0.0)  # type: ignore[arg-type]
            self.name = name

        def step(self, closure: object = None) -> None:  # type: ignore[override]
            order.append(self.name)
            gradients = [p.grad for group in self.param_groups for p in group["params"]]
            assert all(g is not None and torch.isfinite(g).all() for g in gradients)

    step = CycleGanStep(
        generators, discriminators, Recording("generators", generators.parameters()),
        Recording("discriminators", discriminators.parameters()), config.loss,
        backward=lambda loss: loss.backward(), random=torch.Generator().manual_seed(0),
    )  # fmt: skip
    a, b = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    losses = {name: float(value) for name, value in step.run(a, b, step=0).items()}

    with torch.no_grad():  # the same terms again, from the networks and the paper alone
        g, f, d_a, d_b = generators.ab, generators.ba, discriminators.a.body, discriminators.b.body
        fake_b, fake_a = g(a), f(b)
        wanted = {
            "gan_ab": ((d_b(fake_b) - 1) ** 2).mean(),
            "gan_ba": ((d_a(fake_a) - 1) ** 2).mean(),
            "cycle_a": (f(fake_b) - a).abs().mean(),
            "cycle_b": (g(fake_a) - b).abs().mean(),
            "identity_a": (f(a) - a).abs().mean(),
            "identity_b": (g(b) - b).abs().mean(),
            "discriminator_a": 0.5 * (((d_a(a) - 1) ** 2).mean() + (d_a(fake_a) ** 2).mean()),
            "discriminator_b": 0.5 * (((d_b(b) - 1) ** 2).mean() + (d_b(fake_b) ** 2).mean()),
        }
    assert losses.keys() == wanted.keys()
    for name, value in wanted.items():
        assert losses[name] == pytest.approx(float(value), abs=1e-5), name
    return losses, order


def test_one_step_has_the_published_terms_and_updates_generators_first() -> None:
    _, order = step_on_fixed_weights(TINY)
    assert order == ["generators", "discriminators"]


def test_the_generators_gradient_is_that_of_the_full_objective() -> None:
    config = TINY
    torch.manual_seed(5)
    generators, discriminators = build_networks(config)
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.0) for module in (generators, discriminators)]
    a, b = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    seen: list[float] = []
    step = CycleGanStep(
        generators, discriminators, *optimizers, config.loss,
        backward=lambda loss: (seen.append(loss.item()), loss.backward()), random=torch.Generator(),
    )  # fmt: skip
    losses = {name: float(value) for name, value in step.run(a, b, step=0).items()}
    full = (
        losses["gan_ab"] + losses["gan_ba"]
        + 10 * (losses["cycle_a"] + losses["cycle_b"])
        + 5 * (losses["identity_a"] + losses["identity_b"])
    )  # fmt: skip  # equation 3, λ = 10, and the identity loss at 0.5 λ
    assert seen[0] == pytest.approx(full, rel=1e-5)
    gradient = generators.ab.head[1].bias.grad.clone()
    assert torch.isfinite(gradient).all()

    generators.zero_grad()
    g, f = generators.ab, generators.ba
    objective = (
        ((discriminators.b.body(g(a)) - 1) ** 2).mean()
        + 10 * ((f(g(a)) - a).abs().mean() + (g(f(b)) - b).abs().mean())
        + 5 * (g(b) - b).abs().mean()
    )  # every term that the generator of b has a part in
    objective.backward()
    assert torch.allclose(generators.ab.head[1].bias.grad, gradient, atol=1e-5)


def test_identity_passes_run_on_every_nth_step_only() -> None:
    config = LossConfig(identity_every=2, history=0)
    generators, discriminators = build_networks(TINY)
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.0) for module in (generators, discriminators)]
    step = CycleGanStep(
        generators, discriminators, *optimizers, config,
        backward=lambda loss: loss.backward(), random=torch.Generator(),
    )  # fmt: skip
    a = torch.zeros(1, 3, 32, 32)
    with_identity = ["identity_a" in step.run(a, a, step=number) for number in range(4)]
    assert with_identity == [True, False, True, False]


def test_a_focused_run_halves_the_width_of_the_generator_back() -> None:
    config = TrainConfig(generator=GeneratorConfig(blocks=1, width=8, focus=Focus.B2A))
    generators, _ = build_networks(config)
    assert generators.ba.stem[1].weight.shape[0] == 8
    assert generators.ab.stem[1].weight.shape[0] == 4


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


def test_a_spectral_discriminator_notices_overall_brightness_and_a_normalized_one_barely() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 128, 128) - 0.5
    shifts = {}
    for norm in DiscriminatorNorm:
        _, discriminators = build_networks(TrainConfig(discriminator=DiscriminatorConfig(width=16, norm=norm)))
        with torch.no_grad():
            inside = [discriminators.a(picture + shift)[0][..., 4:-4, 4:-4] for shift in (0.0, 0.4)]
        shifts[norm] = float((inside[1] - inside[0]).mean().abs() / inside[0].std())
    assert shifts[DiscriminatorNorm.SPECTRAL] > 3 * shifts[DiscriminatorNorm.INSTANCE]


def test_the_judge_of_color_notices_overall_brightness_and_ignores_fine_texture() -> None:
    torch.manual_seed(0)
    _, discriminators = build_networks(TrainConfig(discriminator=DiscriminatorConfig(width=16, color=True)))
    flat = torch.zeros(1, 3, 128, 128)
    board = flat + 0.4 * ((torch.arange(128)[:, None] + torch.arange(128)) % 2 * 2 - 1)
    with torch.no_grad():
        base, brighter, textured = (discriminators.a(x)[1] for x in (flat, flat + 0.4, board))
    assert torch.equal(base, textured)
    assert (brighter - base).abs().mean() > 0.01


def test_losses_of_several_score_maps_add_up() -> None:
    kind = GanLoss.LEAST_SQUARES
    both = generator_loss(SCORES_FAKE + SCORES_REAL, kind)
    assert both.item() == pytest.approx((generator_loss(SCORES_FAKE, kind) + generator_loss(SCORES_REAL, kind)).item())
    twice = discriminator_loss(SCORES_REAL * 2, SCORES_FAKE * 2, kind)
    assert twice.item() == pytest.approx(2 * discriminator_loss(SCORES_REAL, SCORES_FAKE, kind).item())


def test_the_grid_loss_is_the_deviation_of_the_means_of_a_cells_places() -> None:
    flat = torch.full((2, 3, 32, 64), 0.3)
    assert grid_loss(flat).item() == pytest.approx(0, abs=1e-7)
    board = flat.clone()
    board[:, :, ::4, ::4] += 0.16  # one place of sixteen: its mean is off by 15/16, the others by 1/16, of 0.16
    assert grid_loss(board).item() == pytest.approx((15 / 16 + 15 * 1 / 16) / 16 * 0.16, rel=1e-4)
    opposite = flat.clone()
    opposite[..., :32] += board[..., :32] - flat[..., :32]
    opposite[..., 32:] -= board[..., 32:] - flat[..., 32:]  # windows do not cancel each other
    assert grid_loss(opposite).item() == pytest.approx(grid_loss(board).item(), rel=1e-4)


def test_the_grid_loss_counts_with_its_weight() -> None:
    generators, discriminators = build_networks(TINY)
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.0) for module in (generators, discriminators)]
    totals = []
    a = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for weight in (0.0, 30.0):
        seen: list[float] = []
        step = CycleGanStep(
            generators, discriminators, *optimizers, LossConfig(history=0, grid=weight),
            backward=lambda loss, seen=seen: (seen.append(loss.item()), loss.backward()), random=torch.Generator(),
        )  # fmt: skip
        losses = step.run(a, a, step=0)
        totals.append(seen[0])
    with torch.no_grad():
        wanted = grid_loss(generators.ab(a)) + grid_loss(generators.ba(a))
    assert losses["grid"].item() == pytest.approx(wanted.item(), rel=1e-5)
    assert totals[1] - totals[0] == pytest.approx(30 * wanted.item(), rel=1e-3)
