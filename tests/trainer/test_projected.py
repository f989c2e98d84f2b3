"""The projected discriminator is the published one, and a step on its frozen features has the promised losses."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from test_recipes import CLOSE, arithmetic, build, close, gradients, gradients_of, pictures  # noqa: E402, F401

from cgconv.runtime.errors import SettingError  # noqa: E402
from cgconv.trainer.arithmetic import Arithmetic  # noqa: E402
from cgconv.trainer.choices import (  # noqa: E402
    ContrastNetwork,
    Direction,
    DiscriminatorKind,
    GanLoss,
    GeneratorKind,
    RecipeName,
)
from cgconv.trainer.config import (  # noqa: E402
    ContrastConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from cgconv.trainer.networks.efficientnet import CHANNELS, EfficientNetLite, Lite, open_efficientnet  # noqa: E402
from cgconv.trainer.networks.projected import Mixing, ProjectedDiscriminator  # noqa: E402
from cgconv.trainer.presets import PUBLISHED  # noqa: E402
from cgconv.trainer.recipes.content import broad_color_losses, frozen_contrast_loss  # noqa: E402
from cgconv.trainer.recipes.recipe import Moment, Recipe  # noqa: E402


@pytest.fixture(scope="module")
def frozen() -> EfficientNetLite:
    return open_efficientnet(Lite.LITE0)


def tiny(recipe: RecipeName = RecipeName.CUT, **sections: object) -> TrainConfig:
    config = TrainConfig(
        recipe=recipe,
        generator=GeneratorConfig(kind=GeneratorKind.COMPACT, blocks=1, width=8),
        discriminator=DiscriminatorConfig(kind=DiscriminatorKind.PROJECTED),
        loss=LossConfig(gan=GanLoss.HINGE, identity=2.0, brightness=0.6, uneven_color=0.4, history=0),
        contrast=ContrastConfig(network=ContrastNetwork.FROZEN, weight=0.7, patches=10, temperature=0.2),
        data=DataConfig(crop=64, load=0),
        optimizer=OptimizerConfig(init_gain=0.2),
    )
    return replace(config, **sections)  # type: ignore[arg-type]


def judge_of(recipe: Recipe) -> ProjectedDiscriminator:
    """Return the discriminator as it is now: each pass of one that trains turns its spectral norms further."""
    judge = copy.deepcopy(recipe.networks["discriminator"])
    assert isinstance(judge, ProjectedDiscriminator)
    return judge.requires_grad_(True)


# --- the discriminator


def scores_by_hand(judge: ProjectedDiscriminator, pictures: list[torch.Tensor]) -> list[torch.Tensor]:
    """arXiv 2111.01007, section 3.2: mixed across channels and, from coarse to fine, across scales, then judged."""

    def conv(x: torch.Tensor, layer: torch.nn.Module, stride: int, pad_px: int) -> torch.Tensor:
        weight, norm = layer.parametrizations.weight.original, layer.parametrizations.weight[0]
        weight = weight / (
            norm._u @ weight.flatten(1) @ norm._v
        )  # arXiv 1802.05957, equation 8 and its power iteration
        return F.conv2d(x, weight, layer.bias, stride, pad_px)

    def convs(x: torch.Tensor, network: torch.nn.Module, strides: list[tuple[int, int]]) -> torch.Tensor:
        layers = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
        assert len(layers) == len(strides)
        for number, (layer, (stride, pad_px)) in enumerate(zip(layers, strides, strict=True)):
            x = conv(x, layer, stride, pad_px)
            x = torch.where(x > 0, x, 0.2 * x) if number < len(layers) - 1 else x
        return x

    mixed: list[list[torch.Tensor]] = [[] for _ in CHANNELS]
    for picture in pictures:
        features = judge.frozen(picture)
        coarser = None
        for index in (3, 2, 1, 0):
            across, down = judge.mixing.get_buffer(f"across_{index}"), judge.mixing.get_buffer(f"down_{index}")
            x = torch.einsum("oc,nchw->nohw", across[:, :, 0, 0], features[index])
            if coarser is not None:
                rows, columns = (
                    torch.arange(side) * coarse // side
                    for side, coarse in zip(x.shape[2:], coarser.shape[2:], strict=True)
                )
                x = x + coarser[:, :, rows][:, :, :, columns]
            coarser = F.conv2d(x, down, padding=1)
            mixed[index].append(coarser)
    halvings = 3, 2, 1, 1
    scores = [
        convs(torch.cat(x, 1), network, [(2, 1)] * count + [(1, 1), (1, 0)])
        for x, network, count in zip(mixed, judge.scales, halvings, strict=True)
    ]
    return [*scores, convs(torch.cat(pictures, 1), judge.pixels, [(2, 1), (2, 1), (1, 1), (1, 1)])]


@pytest.mark.parametrize("channels", [(3,), (1,), (1, 3)], ids=["colors", "gray", "a pair"])
def test_it_computes_what_its_description_says(frozen: EfficientNetLite, channels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    judge = ProjectedDiscriminator(frozen, channels).eval()
    x = torch.rand(2, sum(channels), 72, 64) * 2 - 1
    wanted = scores_by_hand(judge, [part.repeat(1, 3 // part.shape[1], 1, 1) for part in x.split(channels, 1)])
    found = judge(x)
    assert [tuple(scores.shape) for scores in found] == [tuple(scores.shape) for scores in wanted]
    assert [scores.shape[2:] for scores in found][:4] == [(2, 2), (2, 2), (2, 2), (1, 1)]
    for mine, by_hand in zip(found, wanted, strict=True):
        assert torch.allclose(mine, by_hand, atol=1e-5, rtol=1e-4)
    count = len(channels)
    square, wider = 64 * 64 * 16 + 64, 64 * 64 * count * 16 + 64
    three = 64 * 64 * 9 + 64
    scales = (wider + 2 * square) + (wider + square) + wider + wider + 4 * (three + 64 + 1)
    pixels = 3 * count * 48 * 16 + 48 + 48 * 96 * 16 + 96 + 96 * 96 * 16 + 96 + 96 * 16 + 1
    assert sum(weight.numel() for weight in judge.parameters()) == scales + pixels
    assert {name.split(".")[0] for name in judge.state_dict()} == {"scales", "pixels"}


def test_gradients_reach_the_picture_through_every_score(frozen: EfficientNetLite) -> None:
    judge = ProjectedDiscriminator(frozen)
    x = (torch.rand(1, 3, 64, 64) * 2 - 1).requires_grad_()
    for scores in judge(x):
        (gradient,) = torch.autograd.grad(scores.sum(), x, retain_graph=True)
        assert gradient.abs().max() > 0
    seen = judge.look(x).detached()
    assert not any(part.requires_grad for part in (seen.pixels, *seen.features, *seen.mixed))


def test_the_projections_are_the_same_in_every_run_and_in_no_checkpoint() -> None:
    torch.manual_seed(1)
    first, state = Mixing(), torch.get_rng_state()
    torch.manual_seed(2)
    second = Mixing()
    for (name, one), (_, two) in zip(first.named_buffers(), second.named_buffers(), strict=True):
        assert torch.equal(one, two), name
        assert one.std().item() == pytest.approx(one[0].numel() ** -0.5, rel=0.05), name
    assert not first.state_dict()
    assert not list(first.parameters())
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state), "they draw from numbers of their own"
    known = torch.randn(64, CHANNELS[0], 1, 1, generator=torch.Generator().manual_seed(2111_01007))
    assert torch.equal(first.get_buffer("across_0"), known / CHANNELS[0] ** 0.5)


def test_crops_that_are_too_small_for_it_are_refused() -> None:
    loss = LossConfig(jitter=4)
    with pytest.raises(SettingError) as refused:
        tiny(loss=loss)
    assert (refused.value.name, refused.value.wanted[:10]) == ("data.crop", "68 or more")
    tiny(loss=loss, data=DataConfig(crop=68, load=0))


@pytest.mark.parametrize(
    ("sections", "name"),
    [
        ({"loss": LossConfig(gan=GanLoss.WGAN_GP)}, "loss.gan"),
        ({"loss": LossConfig(r1=1.0)}, "loss.r1"),
        (
            {"loss": LossConfig(), "discriminator": DiscriminatorConfig(DiscriminatorKind.PROJECTED, sigmoid=True)},
            "discriminator.sigmoid",
        ),
        ({"generator": GeneratorConfig(kind=GeneratorKind.COMPACT, width=12)}, "generator.width"),
        ({"discriminator": DiscriminatorConfig()}, "discriminator.kind"),
    ],
)
def test_what_does_not_go_with_it_is_refused(sections: dict[str, object], name: str) -> None:
    with pytest.raises(SettingError) as refused:
        tiny(**sections)
    assert refused.value.name == name


# --- its step


def contrast_by_hand(
    sources: list[torch.Tensor], fakes: list[torch.Tensor], draws: torch.Generator, places: int, temperature: float
) -> float:
    """arXiv 2007.15651, equation 3, in numpy: on features without heads, each picture's mean taken off."""
    losses = []
    for source, fake in zip(sources, fakes, strict=True):
        chosen = torch.randperm(source[0, 0].numel(), generator=draws)[:places].numpy()
        terms = []
        for keys, queries in zip(source, fake, strict=True):
            directions = []
            for features in (queries, keys):
                flat = features.flatten(1).detach().double().numpy()
                flat = (flat - flat.mean(1, keepdims=True))[:, chosen].T
                directions.append(flat / np.linalg.norm(flat, axis=1, keepdims=True))
            alike = directions[0] @ directions[1].T / temperature
            terms += list(np.log(np.exp(alike).sum(1)) - alike.diagonal())
        losses.append(np.mean(terms))
    return float(np.mean(losses))


def broad_by_hand(fake: np.ndarray, source: np.ndarray) -> tuple[float, float]:
    """Squares of 16 pixels, brightness by ITU-R BT.601, color as what is left."""
    brightness, uneven = [], []
    for picture in fake.astype(float) - source:
        height, width = (side // 16 for side in picture.shape[1:])
        squares = picture[:, : 16 * height, : 16 * width].reshape(3, height, 16, width, 16).mean((2, 4))
        luma = 0.299 * squares[0] + 0.587 * squares[1] + 0.114 * squares[2]
        color = squares - luma
        brightness.append(np.abs(luma))
        uneven.append(np.abs(color - color.mean((1, 2), keepdims=True)))
    return float(np.mean(brightness)), float(np.mean(uneven))


def test_contrast_on_frozen_features_is_its_formula() -> None:
    random = torch.Generator().manual_seed(0)
    sources = [torch.randn(2, channels, side, side, generator=random) for channels, side in ((5, 6), (7, 3))]
    fakes = [x + 0.5 * torch.randn(x.shape, generator=random) + 3 for x in sources]
    fakes[0].requires_grad_()
    draws = torch.Generator().manual_seed(3)
    found = frozen_contrast_loss(sources, fakes, places=8, temperature=0.2, random=draws)
    wanted = contrast_by_hand(sources, fakes, torch.Generator().manual_seed(3), 8, 0.2)
    assert found.item() == pytest.approx(wanted, rel=1e-5)
    found.backward()
    assert fakes[0].grad.abs().sum() > 0
    draws = torch.Generator().manual_seed(3)
    tinted = frozen_contrast_loss(sources, [x.detach() + 9 for x in fakes], places=8, temperature=0.2, random=draws)
    assert tinted.item() == pytest.approx(wanted, rel=1e-3), "what all places share says nothing"


def test_broad_changes_of_brightness_and_color_are_their_formulas() -> None:
    source, fake = torch.rand(2, 2, 3, 40, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = [value.item() for value in broad_color_losses(fake, source)]
    assert found == pytest.approx(broad_by_hand(fake.numpy(), source.numpy()), rel=1e-5)
    tint = torch.tensor([0.2, -0.1, 0.3]).view(1, 3, 1, 1)
    brightness, uneven = broad_color_losses(source + tint, source)
    assert brightness.item() == pytest.approx(abs(0.2 * 0.299 - 0.1 * 0.587 + 0.3 * 0.114), rel=1e-4)
    assert uneven.item() == pytest.approx(0, abs=1e-6), "a palette may change as a whole"
    gray = source[:, :1]
    assert [x.item() for x in broad_color_losses(gray + 0.25, gray)] == pytest.approx([0.25, 0], abs=1e-6)


@pytest.mark.parametrize("direction", list(Direction))
def test_the_step_has_the_losses_and_gradients_of_its_formulas(arithmetic: Arithmetic, direction: Direction) -> None:  # noqa: F811
    loss = LossConfig(
        gan=GanLoss.HINGE, gan_ab=1.5, gan_ba=1.5, identity=2.0, brightness=0.6, uneven_color=0.4, history=0, jitter=4
    )
    config = tiny(loss=loss, data=DataConfig(crop=68, load=0), direction=direction)
    recipe = build(config, arithmetic)
    with torch.no_grad():
        recipe.generators.of(direction).last[1].weight.mul_(30)
    judge, draws = judge_of(recipe), torch.Generator().manual_seed(0)
    a, b = pictures(68, count=2)
    losses = recipe.step(a, b, Moment(0, 0.0))

    source, target = (a, b) if direction is Direction.A2B else (b, a)
    generator = recipe.generators.of(direction)
    fake, same = generator(source), generator(target)
    top, left = torch.randint(5, (2,), generator=draws).tolist()
    shown_source, shown_target, shown = (x[:, :, top : top + 64, left : left + 64] for x in (source, target, fake))
    reals, fakes = judge(shown_target), judge(shown.detach())
    hinges = [0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for r, f in zip(reals, fakes, strict=True)]
    of_judge = sum(hinges)  # arXiv 1705.02894, summed over scales as in arXiv 2111.01007, equation 3
    gan = -sum(scores.mean() for scores in judge(shown))
    features = [judge.frozen(x)[1:3] for x in (shown_source, shown)]
    assert [x.shape[2] for x in features[0]] == [8, 4], "strides of 8 and 16"
    repeated = torch.Generator()
    repeated.set_state(draws.get_state())
    nce = frozen_contrast_loss(*features, places=10, temperature=0.2, random=draws)
    assert nce.item() == pytest.approx(contrast_by_hand(*features, repeated, 10, 0.2), rel=1e-5)
    brightness, uneven = broad_color_losses(fake, source)
    identity = (same - target).abs().mean()
    objective = 1.5 * gan + 0.7 * nce + 0.6 * brightness + 0.4 * uneven + 2 * identity
    name = "gan_ab" if direction is Direction.A2B else "gan_ba"
    terms = {
        name: gan,
        "nce": nce,
        "brightness": brightness,
        "uneven_color": uneven,
        "identity": identity,
        "objective": objective,
        "discriminator": of_judge,
    }
    assert {name: float(loss) for name, loss in losses.items()} == {
        name: pytest.approx(float(value.detach()), **CLOSE) for name, value in terms.items()
    }
    assert close(gradients(recipe.generators), gradients_of(objective, recipe.generators))
    assert close(gradients(recipe.networks["discriminator"]), gradients_of(of_judge, judge))
    assert gradients(recipe.networks["discriminator"]).abs().max() > 1e-4 < gradients(recipe.generators).abs().max()


ROWS = {  # weights, contrast's own, passes of the generator and of the frozen network, and the step they are counted in
    "all": ({}, 0.7, 2, 3, 0),
    "without adversary": ({"gan_ab": 0.0}, 0.7, 2, 2, 0),
    "without contrast": ({}, 0.0, 2, 2, 0),
    "colors alone": ({"gan_ab": 0.0, "identity": 0.0}, 0.0, 1, 0, 0),
    "brightness alone": ({"gan_ab": 0.0, "identity": 0.0, "uneven_color": 0.0}, 0.0, 1, 0, 0),
    "no broad colors": ({"brightness": 0.0, "uneven_color": 0.0}, 0.7, 2, 3, 0),
    "without identity": ({"identity": 0.0}, 0.7, 1, 3, 0),
    "between identities": ({"identity_every": 2}, 0.7, 1, 3, 1),
    "none in this step": ({"gan_ab": 0.0, "brightness": 0.0, "uneven_color": 0.0, "identity_every": 2}, 0.0, 1, 0, 1),
    "with old fakes": ({"history": 2}, 0.7, 2, 4, 0),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_term_without_weight_costs_no_pass(arithmetic: Arithmetic, row: str) -> None:  # noqa: F811
    weights, contrast, generator_passes, frozen_passes, step = ROWS[row]
    config = tiny()
    loss = replace(config.loss, **weights)
    recipe = build(tiny(loss=loss, contrast=replace(config.contrast, weight=contrast)), arithmetic)
    passes: Counter[str] = Counter()
    recipe.generators.ab.register_forward_hook(lambda *_: passes.update(["generator"]))
    recipe.networks["discriminator"].frozen.register_forward_hook(lambda *_: passes.update(["frozen"]))
    losses = recipe.step(*pictures(64), Moment(step, 0.0))
    assert (passes["generator"], passes["frozen"]) == (generator_passes, frozen_passes)
    expected = {
        "gan_ab": loss.gan_ab,
        "discriminator": loss.gan_ab,
        "nce": contrast,
        "brightness": loss.brightness,
        "uneven_color": loss.uneven_color,
        "identity": 0.0 if step % loss.identity_every else loss.identity,
    }
    assert losses.keys() - {"objective"} == {name for name, weight in expected.items() if weight}
    learned = [weight * float(losses[name]) for name, weight in expected.items() if weight and name != "discriminator"]
    assert ("objective" in losses) == bool(learned)
    assert float(losses.get("objective", 0)) == pytest.approx(sum(learned), rel=1e-5)


def test_a_step_shows_source_target_and_fake_from_one_place(arithmetic: Arithmetic) -> None:  # noqa: F811
    loss = LossConfig(gan=GanLoss.HINGE, history=0, jitter=8)
    recipe = build(tiny(loss=loss, data=DataConfig(crop=72, load=0)), arithmetic)
    seen: list[torch.Tensor] = []
    recipe.networks["discriminator"].frozen.register_forward_hook(lambda _, x, out: seen.append(x[0].detach()))
    a, b = pictures(72)
    with torch.no_grad():
        fake = recipe.generators.ab(a)
    places = set()
    for number in range(6):
        seen.clear()
        recipe.step(a, b, Moment(number, 0.0))
        found = [
            (top, left)
            for top in range(9)
            for left in range(9)
            if torch.equal(seen[-1], a[:, :, top : top + 64, left : left + 64])
        ]
        ((top, left),) = found
        places.add((top, left))
        assert len(seen) == 3
        for shown, whole in zip(seen, (fake, b, a), strict=True):
            assert torch.allclose(shown, whole[:, :, top : top + 64, left : left + 64], atol=1e-6)
    assert len(places) > 3, "another in every step"


def test_the_discriminator_is_shown_an_old_fake_where_a_full_history_gives_one(arithmetic: Arithmetic) -> None:  # noqa: F811
    recipe = build(tiny(loss=LossConfig(gan=GanLoss.HINGE, history=1)), arithmetic)
    batches = list(zip(*(images.split(1) for images in pictures(64, count=2)), strict=True))
    recipe.step(*batches[0], Moment(0, 0.0))
    for seed in range(4):
        judge, kept = judge_of(recipe), recipe.history.fakes[0].clone()
        recipe.random.manual_seed(seed)
        losses = recipe.step(*batches[1], Moment(1, 0.0))
        draws = torch.Generator().manual_seed(seed)
        is_old = torch.rand((), generator=draws).item() < 0.5
        old = kept[None] if is_old else recipe.generators.ab(batches[1][0]).detach()
        reals, fakes = judge(batches[1][1]), judge(old)
        wanted = sum(0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for r, f in zip(reals, fakes, strict=True))
        assert float(losses["discriminator"]) == pytest.approx(float(wanted.detach()), **CLOSE)
        if is_old:
            return
    pytest.fail("no seed drew an old one")


@pytest.mark.parametrize("recipe_name", list(PUBLISHED))
def test_every_recipe_can_be_judged_by_it(arithmetic: Arithmetic, recipe_name: RecipeName) -> None:  # noqa: F811
    contrast = ContrastConfig(patches=8, features=4)
    recipe = build(tiny(recipe_name, contrast=contrast, generator=GeneratorConfig(blocks=1, width=4)), arithmetic)
    one_sided = recipe_name is not RecipeName.CYCLEGAN
    both = recipe.networks["discriminator" if one_sided else "discriminators"]
    judge = copy.deepcopy(both if one_sided else both.b).requires_grad_(True)
    assert isinstance(judge, ProjectedDiscriminator)
    a, b = pictures(64)
    losses = recipe.step(a, b, Moment(0, 0.0))
    fake = recipe.generators.ab(a)
    beside = [a] if recipe_name is RecipeName.PIX2PIX else []
    real, made = torch.cat([*beside, b], 1), torch.cat([*beside, fake], 1)
    if one_sided:  # the order of their passes, each of which turns the spectral norms further
        fakes, reals = judge(made.detach()), judge(real)
        gan = -sum(scores.mean() for scores in judge(made))
    else:
        gan = -sum(scores.mean() for scores in judge(made))
        reals, fakes = judge(real), judge(made.detach())
    of_judge = sum(0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for r, f in zip(reals, fakes, strict=True))
    assert float(losses["gan_ab"]) == pytest.approx(float(gan.detach()), **CLOSE)
    name = "discriminator" if one_sided else "discriminator_b"
    assert float(losses[name]) == pytest.approx(float(of_judge.detach()), **CLOSE)
    assert close(gradients(both if one_sided else both.b), gradients_of(of_judge, judge))
    assert gradients(recipe.generators).abs().max() > 1e-4
