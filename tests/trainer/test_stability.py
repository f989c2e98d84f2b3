"""The stability term: a picture that is moved, lit a little otherwise, or grainy, has the result that it had."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from test_projected import tiny as tiny_frozen  # noqa: E402
from test_recipes import CLOSE, arithmetic, build, close, gradients, gradients_of, pictures, tiny  # noqa: E402, F401

from cgconv.trainer.arithmetic import Arithmetic  # noqa: E402
from cgconv.trainer.choices import RecipeName  # noqa: E402
from cgconv.trainer.config import ContrastConfig, GeneratorConfig, TrainConfig  # noqa: E402
from cgconv.trainer.recipes.recipe import Moment  # noqa: E402
from cgconv.trainer.recipes.stability import Change, draw_change, stability_loss, zoomed  # noqa: E402


def still(count: int, size: int = 32) -> Change:
    """A change that changes nothing."""
    ones = torch.ones(count)
    return Change([(0, 0)] * count, ones, ones, 0 * ones, torch.zeros(count, 3, size, size))


def test_each_part_of_a_change_does_to_pictures_and_results_what_it_says() -> None:
    (images,) = pictures(32, channels=(3,), count=2)  # type: ignore[arg-type]
    images = images * 0.5
    assert torch.equal(still(2).of_source(images), images)
    moved = replace(still(2), shifts=[(2, -1), (0, 3)]).of_source(images)
    assert torch.equal(moved[0, :, 10, 10], images[0, :, 8, 11])
    assert torch.equal(moved[1, :, 10, 10], images[1, :, 10, 7])
    lit = replace(still(2), gains=torch.tensor([1.1, 1.0]), offsets=torch.tensor([0.0, -0.2]))
    for made in (lit.of_source(images), lit.of_result(images)):
        assert torch.allclose(made[0], 1.1 * images[0])
        assert torch.allclose(made[1], images[1] - 0.2)
    grain = torch.full((2, 3, 32, 32), 0.25)
    assert torch.allclose(replace(still(2), noise=grain).of_source(images), images + 0.25)
    assert torch.equal(replace(still(2), noise=grain).of_result(images), images), "grain is not to be translated"
    far = replace(still(2), offsets=torch.full((2,), 0.9))
    assert far.of_source(images).max() <= 1 >= far.of_result(images).max()


def test_a_zoom_enlarges_around_the_middle() -> None:
    row = torch.linspace(-1, 1, 64).expand(1, 1, 64, 64)
    larger = zoomed(row, torch.tensor([1.25]))
    assert torch.allclose(larger[..., 16:48], row[..., 16:48] / 1.25, atol=5e-3)
    assert zoomed(row, torch.tensor([1.0])) is row


def test_changes_are_small_half_of_them_moves_and_half_zooms() -> None:
    images = torch.zeros(400, 1, 4, 4)
    change = draw_change(images, torch.Generator().manual_seed(0))
    zooms = change.zooms != 1
    assert 150 < int(zooms.sum()) < 250
    assert all(shift == (0, 0) for shift, is_zoomed in zip(change.shifts, zooms.tolist(), strict=True) if is_zoomed)
    assert {step for shift in change.shifts for step in shift} == set(range(-3, 4))
    for values, middle, largest in ((change.zooms, 1, 0.02), (change.gains, 1, 0.06), (change.offsets, 0, 0.06)):
        reached = (values - middle).abs().max().item()
        assert 0.9 * largest < reached <= largest + 1e-6
    assert 0.01 < change.noise.std().item() < 0.04
    assert torch.equal(draw_change(images, torch.Generator().manual_seed(0)).noise, change.noise)


def test_what_treats_every_place_alike_is_steady_and_what_depends_on_it_is_not() -> None:
    (images,) = pictures(64, channels=(3,), count=8)  # type: ignore[arg-type]
    smooth = F.avg_pool2d(images, 9, 1, 4) * 0.5

    def found(translate: object) -> float:
        random = torch.Generator().manual_seed(1)
        return float(stability_loss(translate, smooth, translate(smooth), random))  # type: ignore[operator, arg-type]

    grid = torch.zeros(64, 64)
    grid[::4, ::4] = 1.0
    assert found(lambda x: x) < found(lambda x: x + 0.5 * grid) / 2
    assert found(lambda x: F.avg_pool2d(x, 3, 1, 1)) < found(lambda x: x), "it takes grain away"


def cyclegan_without(*terms: str) -> TrainConfig:
    config = tiny()
    return replace(config, loss=replace(config.loss, **dict.fromkeys(terms, 0.0)))


CONFIGS = {
    "pix2pix": tiny(RecipeName.PIX2PIX),
    "cut": tiny(RecipeName.CUT, contrast=ContrastConfig(patches=8, features=4)),
    "mirrored cut": tiny(
        RecipeName.CUT,
        contrast=ContrastConfig(patches=8, features=4, identity=False, flip=True),
        generator=GeneratorConfig(blocks=1, width=4),
    ),
    "frozen cut": tiny_frozen(),
    "cyclegan": tiny(),
    "cyclegan of no other term of a": cyclegan_without("gan_ab", "cycle_a"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_recipe_adds_the_term_with_its_weight(arithmetic: Arithmetic, name: str) -> None:  # noqa: F811
    plain = CONFIGS[name]
    side = plain.data.crop
    found = []
    for weight in (0.0, 3.0):
        recipe = build(replace(plain, loss=replace(plain.loss, stability=weight)), arithmetic)
        found.append((recipe, recipe.step(*pictures(side), Moment(0, 0.0))))
    (_, without), (recipe, losses) = found
    added = sorted(losses.keys() - without.keys())
    both = plain.recipe is RecipeName.CYCLEGAN
    assert added == (["stability_ab", "stability_ba"] if both else ["stability"])
    objective = float(without["objective"]) + 3.0 * sum(float(losses[one]) for one in added)
    assert float(losses["objective"]) == pytest.approx(objective, rel=1e-5)
    assert all(float(losses[one]) > 0 for one in added)
    assert not close(gradients(found[0][0].generators), gradients(recipe.generators))


def test_the_term_is_its_formula_and_both_sides_learn_by_it(arithmetic: Arithmetic) -> None:  # noqa: F811
    """mean |G(T(x)) - T(G(x))| without the 8 pixels along the edges, T from the recipe's own random numbers."""
    plain = tiny(RecipeName.PIX2PIX)
    loss = replace(plain.loss, gan_ab=0.0, l1=1.0, stability=4.0)
    recipe = build(replace(plain, loss=loss), arithmetic)
    a, b = pictures()
    losses = recipe.step(a, b, Moment(0, 0.0))
    generator = recipe.generators.ab
    change = draw_change(a, torch.Generator().manual_seed(0))
    made = generator(a)
    apart = (generator(change.of_source(a)) - change.of_result(made))[:, :, 8:-8, 8:-8].abs().mean()
    assert float(losses["stability"]) == pytest.approx(float(apart.detach()), **CLOSE)
    objective = (made - b).abs().mean() + 4 * apart
    assert close(gradients(recipe.generators), gradients_of(objective, recipe.generators))
