"""One step of each recipe has the published losses and gradients, and leaves out what has no weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from cgconv.trainer.arithmetic import Arithmetic, open_arithmetic  # noqa: E402
from cgconv.trainer.choices import Direction, GanLoss, GeneratorKind, Norm, Precision, RecipeName  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    ContrastConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from cgconv.trainer.presets import PUBLISHED  # noqa: E402
from cgconv.trainer.recipes.recipe import Moment, Recipe  # noqa: E402
from cgconv.trainer.run import build_recipe  # noqa: E402

CLOSE = {"abs": 1e-5, "rel": 1e-5}


@pytest.fixture(scope="module")
def arithmetic() -> Arithmetic:
    return open_arithmetic("cpu", Precision.FP32)


def tiny(recipe: RecipeName = RecipeName.CYCLEGAN, **sections: object) -> TrainConfig:
    config = TrainConfig(
        recipe=recipe,
        generator=GeneratorConfig(blocks=2, width=4),
        discriminator=DiscriminatorConfig(layers=2, width=4),
        loss=LossConfig(history=0),
        data=DataConfig(crop=32, load=0),
        optimizer=OptimizerConfig(init_gain=0.2),  # with 0.02 so small a network has next to no gradients
    )
    return replace(config, **sections)  # type: ignore[arg-type]


def build(config: TrainConfig, arithmetic: Arithmetic) -> Recipe:
    """Return a recipe on fixed weights that no step changes, so that its gradients can be looked at."""
    torch.manual_seed(3)
    recipe = build_recipe(config, arithmetic)
    for optimizer in recipe.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 0.0
    recipe.random.manual_seed(0)
    return recipe


def pictures(side: int = 32, channels: tuple[int, int] = (3, 3), count: int = 1) -> Iterator[torch.Tensor]:
    for seed, depth in enumerate(channels):
        yield torch.rand(count, depth, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def gradients(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in network.parameters()])


def gradients_of(objective: torch.Tensor, network: torch.nn.Module) -> torch.Tensor:
    found = torch.autograd.grad(objective, list(network.parameters()), allow_unused=True, retain_graph=True)
    parts = zip(found, network.parameters(), strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in parts])


def close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return bool((found - wanted).abs().max() <= 1e-5 * max(1.0, float(wanted.abs().max())))


def l1(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).abs().mean()


def test_the_cyclegan_step_has_the_papers_losses_and_gradients(arithmetic: Arithmetic) -> None:
    recipe = build(tiny(), arithmetic)
    a, b = pictures()
    losses = recipe.step(a, b, Moment(0, 0.0))

    g, f = recipe.generators.ab, recipe.generators.ba
    judges = recipe.networks["discriminators"].requires_grad_(True)
    d_a, d_b = judges.a, judges.b
    fake_b, fake_a = g(a), f(b)
    terms = {  # arXiv 1703.10593: section 4, equations 2 and 3, section 5.2
        "gan_ab": ((d_b(fake_b) - 1) ** 2).mean(),
        "gan_ba": ((d_a(fake_a) - 1) ** 2).mean(),
        "cycle_a": l1(f(fake_b), a),
        "cycle_b": l1(g(fake_a), b),
        "identity_a": l1(f(a), a),
        "identity_b": l1(g(b), b),
    }
    of_generators = (
        terms["gan_ab"]
        + terms["gan_ba"]
        + 10 * (terms["cycle_a"] + terms["cycle_b"])
        + 5 * (terms["identity_a"] + terms["identity_b"])
    )
    terms["objective"] = of_generators
    terms["discriminator_a"] = 0.5 * (((d_a(a) - 1) ** 2).mean() + (d_a(fake_a.detach()) ** 2).mean())
    terms["discriminator_b"] = 0.5 * (((d_b(b) - 1) ** 2).mean() + (d_b(fake_b.detach()) ** 2).mean())
    assert {name: float(loss) for name, loss in losses.items()} == {
        name: pytest.approx(float(value.detach()), **CLOSE) for name, value in terms.items()
    }
    assert close(gradients(recipe.generators), gradients_of(of_generators, recipe.generators))
    of_judges = terms["discriminator_a"] + terms["discriminator_b"]
    assert close(gradients(judges), gradients_of(of_judges, judges))
    assert gradients(judges).abs().max() > 1e-4 < gradients(recipe.generators).abs().max()


def test_the_pix2pix_step_has_the_papers_losses_and_gradients(arithmetic: Arithmetic) -> None:
    config = tiny(
        RecipeName.PIX2PIX,
        loss=LossConfig(gan=GanLoss.CROSS_ENTROPY, history=0),
        direction=Direction.B2A,
        generator=GeneratorConfig(blocks=1, width=4, channels_in=1),
    )
    recipe = build(config, arithmetic)
    a, b = pictures(channels=(1, 3))
    losses = recipe.step(a, b, Moment(0, 0.0))

    assert recipe.generators.ab is None
    judge = recipe.networks["discriminator"].requires_grad_(True)
    fake = recipe.generators.ba(b)
    of_fake, of_real = judge(torch.cat([b, fake], 1)), judge(torch.cat([b, a], 1))
    of_detached = judge(torch.cat([b, fake.detach()], 1))
    gan, distance = -F.logsigmoid(of_fake).mean(), l1(fake, a)  # arXiv 1611.07004, section 3.1
    of_judge = -0.5 * (F.logsigmoid(of_real).mean() + F.logsigmoid(-of_detached).mean())
    objective = gan + 100 * distance
    terms = {"gan_ba": gan, "l1": distance, "objective": objective, "discriminator": of_judge}
    assert {name: float(loss) for name, loss in losses.items()} == {
        name: pytest.approx(float(value.detach()), **CLOSE) for name, value in terms.items()
    }
    assert close(gradients(recipe.generators), gradients_of(objective, recipe.generators))
    assert close(gradients(judge), gradients_of(of_judge, judge))


@pytest.mark.parametrize("fast", [False, True])
def test_the_cut_step_has_the_papers_losses_and_gradients(arithmetic: Arithmetic, fast: bool) -> None:
    """CUT, and FastCUT on a step whose pictures are mirrored (the seed's first draw is under one half)."""
    contrast = ContrastConfig(weight=10.0, identity=False, flip=True) if fast else ContrastConfig()
    config = tiny(RecipeName.CUT, contrast=replace(contrast, patches=16, features=8, temperature=0.2))
    recipe = build(config, arithmetic)
    draws = torch.Generator().manual_seed(0)
    if fast:
        assert torch.rand((), generator=draws).item() < 0.5
    a, b = pictures()
    losses = recipe.step(a, b, Moment(0, 0.0))

    generator, judge = recipe.generators.ab, recipe.networks["discriminator"].requires_grad_(True)
    heads = recipe.networks["heads"]

    def nce(source: torch.Tensor, translated: torch.Tensor) -> torch.Tensor:
        keys, queries = generator.features(source), generator.features(translated)
        queries = [layer.flip(3) if fast else layer for layer in queries]
        places = [torch.randperm(layer[0, 0].numel(), generator=draws)[:16] for layer in keys]
        total = torch.zeros(())
        for layer, (key, query, chosen) in enumerate(zip(keys, queries, places, strict=True)):
            vectors = []
            for features in (key, query):
                out = heads.layers[layer](features[0].flatten(1)[:, chosen].T)  # 16, 8
                vectors.append(out / (out.norm(dim=1, keepdim=True) + 1e-7))
            alike = vectors[1] @ vectors[0].detach().T / 0.2
            total = total - (alike.diag() - alike.logsumexp(1)).mean() / len(keys)  # arXiv 2007.15651, equation 3
        return total

    fake = generator(a.flip(3)) if fast else generator(a)
    of_judge = 0.5 * (((judge(b) - 1) ** 2).mean() + (judge(fake.detach()) ** 2).mean())
    terms = {"gan_ab": ((judge(fake) - 1) ** 2).mean(), "nce": nce(a, fake)}
    objective = terms["gan_ab"] + 10 * terms["nce"]
    if not fast:
        terms["nce_identity"] = nce(b, generator(b))
        objective = terms["gan_ab"] + 0.5 * (terms["nce"] + terms["nce_identity"])
    terms |= {"objective": objective, "discriminator": of_judge}
    assert {name: float(loss) for name, loss in losses.items()} == {
        name: pytest.approx(float(value.detach()), **CLOSE) for name, value in terms.items()
    }
    for network in (recipe.generators, heads):
        assert close(gradients(network), gradients_of(objective, network))
    assert close(gradients(judge), gradients_of(of_judge, judge))


ROWS = {  # the paper's ablation (table 4): weights, and passes through generators and discriminators in a step
    "cycle alone": ({"gan_ab": 0.0, "gan_ba": 0.0}, 4, 0),
    "GAN alone": ({"cycle": 0.0}, 2, 6),
    "GAN and forward cycle": ({"cycle_b": 0.0}, 3, 6),
    "GAN and backward cycle": ({"cycle_a": 0.0}, 3, 6),
    "CycleGAN": ({}, 4, 6),
    "one side alone": ({"gan_ba": 0.0, "cycle": 0.0}, 1, 3),
    "with identity": ({"identity": 5.0}, 6, 6),
    "with identity of a": ({"identity_a": 5.0}, 5, 6),
    "each side its own weights": (
        {"gan_ab": 3.0, "gan_ba": 0.5, "cycle_a": 7.0, "cycle_b": 2.0, "identity_a": 1.5, "identity_b": 4.0},
        6,
        6,
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_term_without_weight_costs_no_pass_and_leaves_no_gradient(arithmetic: Arithmetic, row: str) -> None:
    weights, generator_passes, discriminator_passes = ROWS[row]
    loss = replace(LossConfig(history=0, identity=0.0), **weights)
    recipe = build(tiny(loss=loss), arithmetic)
    passes: Counter[str] = Counter()
    for network, parts in recipe.networks.items():
        for part in parts.children():
            part.register_forward_hook(lambda *_, network=network: passes.update([network]))
    losses = recipe.step(*pictures(), Moment(0, 0.0))
    assert passes == Counter(
        {name: n for name, n in (("generators", generator_passes), ("discriminators", discriminator_passes)) if n}
    )
    expected = {
        "gan_ab": loss.gan_ab,
        "gan_ba": loss.gan_ba,
        "cycle_a": loss.cycle_weights[0],
        "cycle_b": loss.cycle_weights[1],
        "identity_a": loss.identity_weights(0)[0],
        "identity_b": loss.identity_weights(0)[1],
        "discriminator_a": loss.gan_ba,
        "discriminator_b": loss.gan_ab,
    }
    assert losses.keys() - {"objective"} == {name for name, weight in expected.items() if weight}
    objective = sum(
        weight * float(losses[name])
        for name, weight in expected.items()
        if weight and not name.startswith("discriminator")
    )
    assert float(losses["objective"]) == pytest.approx(objective, rel=1e-5)


def test_identity_and_r1_come_on_every_nth_step_only(arithmetic: Arithmetic) -> None:
    recipe = build(tiny(loss=LossConfig(history=0, identity_every=2, r1=2.0, r1_every=3)), arithmetic)
    a, b = pictures()
    steps = [recipe.step(a, b, Moment(number, 0.0)) for number in range(7)]
    assert ["identity_a" in losses for losses in steps] == [True, False, True, False, True, False, True]
    assert ["r1_b" in losses for losses in steps] == [True, False, False, True, False, False, True]
    x = b.clone().requires_grad_()
    judge = recipe.networks["discriminators"].b
    (slope,) = torch.autograd.grad(judge(x).sum(), x)
    assert float(steps[0]["r1_b"]) == pytest.approx(0.5 * float(slope.square().sum()), rel=1e-4)
    recipe.step(a, b, Moment(1, 0.0))
    without = gradients(recipe.networks["discriminators"])
    recipe.step(a, b, Moment(0, 0.0))
    added = gradients(recipe.networks["discriminators"]) - without
    x = [image.clone().requires_grad_() for image in (a, b)]
    penalty = torch.zeros(())
    for image, one in zip(x, (recipe.networks["discriminators"].a, judge), strict=True):
        (slope,) = torch.autograd.grad(one(image).sum(), image, create_graph=True)
        penalty = penalty + 0.5 * slope.square().sum()
    wanted = gradients_of(2.0 * 3 * penalty, recipe.networks["discriminators"])  # three times as strong
    assert close(added, wanted)


def test_the_identity_weight_falls_with_the_run(arithmetic: Arithmetic) -> None:
    recipe = build(tiny(loss=LossConfig(history=0, identity=4.0, identity_to=0.0, identity_over=0.5)), arithmetic)
    a, b = pictures()
    objectives = {}
    for progress in (0.0, 0.25, 0.5):
        losses = recipe.step(a, b, Moment(0, progress))
        identity = float(losses["identity_a"] + losses["identity_b"]) if progress < 0.5 else 0.0
        objectives[progress] = float(losses["objective"]) - 4.0 * (1 - 2 * progress) * identity
        assert ("identity_a" in losses) == (progress < 0.5)
    assert objectives[0.0] == pytest.approx(objectives[0.25], rel=1e-5) == pytest.approx(objectives[0.5], rel=1e-5)


def test_identity_is_off_where_channels_differ(arithmetic: Arithmetic) -> None:
    recipe = build(tiny(generator=GeneratorConfig(blocks=1, width=4, channels_in=1)), arithmetic)
    losses = recipe.step(*pictures(channels=(1, 3)), Moment(0, 0.0))
    assert "identity_a" not in losses
    assert "cycle_a" in losses


@pytest.mark.parametrize(("asked", "weight"), [({}, 10), ({"penalty": 3.0}, 3)])
def test_wgan_gp_adds_its_penalty_ten_times_or_as_often_as_asked(
    arithmetic: Arithmetic, asked: dict[str, float], weight: int
) -> None:
    recipe = build(tiny(loss=LossConfig(gan=GanLoss.WGAN_GP, history=0, **asked)), arithmetic)
    a, b = pictures()
    losses = recipe.step(a, b, Moment(0, 0.0))
    judges = recipe.networks["discriminators"]
    draws = torch.Generator().manual_seed(0)
    total = torch.zeros(())
    for side, judge, real, generator, source in (
        ("a", judges.a, a, recipe.generators.ba, b),
        ("b", judges.b, b, recipe.generators.ab, a),
    ):
        fake = generator(source).detach()
        share = torch.rand(1, 1, 1, 1, generator=draws)
        between = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
        penalty = (slope.norm() - 1) ** 2
        assert float(losses[f"penalty_{side}"]) == pytest.approx(float(penalty.detach()), rel=1e-4)
        total = total + 0.5 * (judge(fake).mean() - judge(real).mean()) + weight * penalty
    assert close(gradients(judges), gradients_of(total, judges))


@pytest.mark.parametrize("recipe_name", [RecipeName.PIX2PIX, RecipeName.CUT])
def test_penalties_of_one_sided_recipes_are_their_formulas(arithmetic: Arithmetic, recipe_name: RecipeName) -> None:
    loss = LossConfig(gan=GanLoss.WGAN_GP, history=0, penalty=3.0, r1=2.0, r1_every=4)
    recipe = build(tiny(recipe_name, loss=loss, contrast=ContrastConfig(patches=8, features=4)), arithmetic)
    a, b = pictures()
    losses = recipe.step(a, b, Moment(0, 0.0))
    judge = recipe.networks["discriminator"].requires_grad_(True)
    real, fake = b, recipe.generators.ab(a).detach()
    if recipe_name is RecipeName.PIX2PIX:  # a picture beside its translation
        real, fake = torch.cat([a, real], 1), torch.cat([a, fake], 1)

    def slope(x: torch.Tensor) -> torch.Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(judge(x).sum(), x, create_graph=True)[0]

    share = torch.rand(1, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    penalty = (slope(share * real + (1 - share) * fake).norm() - 1) ** 2
    r1 = 0.5 * slope(real).square().sum()
    assert float(losses["penalty"]) == pytest.approx(float(penalty.detach()), rel=1e-4)
    assert float(losses["r1"]) == pytest.approx(float(r1.detach()), rel=1e-4)
    total = 0.5 * (judge(fake).mean() - judge(real).mean()) + 3 * penalty + 2 * 4 * r1
    assert close(gradients(judge), gradients_of(total, judge))


@pytest.mark.parametrize("recipe_name", list(PUBLISHED))
def test_discriminators_are_shown_an_old_fake_where_a_full_history_gives_one(
    arithmetic: Arithmetic, recipe_name: RecipeName
) -> None:
    seed = 39  # its draws exchange both domains' fakes, for the second step's and for the first's
    loss = LossConfig(gan=GanLoss.WGAN_GP, penalty=3.0, history=2)
    recipe = build(tiny(recipe_name, loss=loss, contrast=ContrastConfig(patches=8, features=4)), arithmetic)
    batches = list(zip(*(images.split(1) for images in pictures(count=3)), strict=True))
    for a, b in batches[:2]:
        recipe.step(a, b, Moment(0, 0.0))
    recipe.random.manual_seed(seed)
    losses = recipe.step(*batches[2], Moment(2, 0.0))

    def fake_of(side: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        fake = recipe.generators.ba(b) if side == "_a" else recipe.generators.ab(a)
        return torch.cat([a, fake], 1) if recipe_name is RecipeName.PIX2PIX else fake

    one_sided = recipe_name is not RecipeName.CYCLEGAN
    judges = recipe.networks["discriminator" if one_sided else "discriminators"].requires_grad_(True)
    a, b = batches[2]
    draws, total = torch.Generator().manual_seed(seed), torch.zeros(())
    for side in [""] if one_sided else ["_a", "_b"]:
        judge = judges if one_sided else getattr(judges, side[1:])
        real = a if side == "_a" else torch.cat([a, b], 1) if recipe_name is RecipeName.PIX2PIX else b
        assert torch.rand((), generator=draws).item() < 0.5  # then one of the two old ones comes
        old = fake_of(side, *batches[int(torch.randint(2, (), generator=draws))]).detach()
        share = torch.rand(1, 1, 1, 1, generator=draws)
        between = (share * real + (1 - share) * old).requires_grad_()
        (slope,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
        critic, penalty = 0.5 * (judge(old).mean() - judge(real).mean()), (slope.norm() - 1) ** 2
        assert float(losses[f"discriminator{side}"]) == pytest.approx(float(critic.detach()), **CLOSE)
        assert float(losses[f"penalty{side}"]) == pytest.approx(float(penalty.detach()), rel=1e-4)
        fooled = -judge(fake_of(side, a, b)).mean()  # the generator is paid for the new one
        assert float(losses["gan_ba" if side == "_a" else "gan_ab"]) == pytest.approx(float(fooled.detach()), **CLOSE)
        total = total + critic + 3 * penalty
    assert close(gradients(judges), gradients_of(total, judges))


def test_cut_mirrors_half_of_the_batches_where_it_is_asked_to(arithmetic: Arithmetic) -> None:
    contrast = ContrastConfig(identity=False, flip=True, patches=8, features=4)
    generator, loss = GeneratorConfig(blocks=1, width=4), LossConfig(gan_ab=0.0)
    recipe = build(tiny(RecipeName.CUT, contrast=contrast, generator=generator, loss=loss), arithmetic)
    a, b = pictures(16)
    seen: list[torch.Tensor] = []
    recipe.generators.ab.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    for number in range(100):
        recipe.step(a, b, Moment(number, 0.0))
    mirrored, straight = (sum(torch.equal(x, y) for x in seen) for y in (a.flip(3), a))
    assert mirrored + straight == len(seen) == 100
    assert 35 <= mirrored <= 65  # 3 standard deviations


@pytest.mark.parametrize("features", [5, 8])
def test_cut_compares_by_as_many_features_as_asked(arithmetic: Arithmetic, features: int) -> None:
    heads = build(tiny(RecipeName.CUT, contrast=ContrastConfig(features=features)), arithmetic).networks["heads"]
    channels = (3, 8, 16, 16, 16)  # of the padded picture, both halvings and two blocks at a width of 4
    wanted = sum((before + 1) * features + (features + 1) * features for before in channels)
    assert sum(weight.numel() for weight in heads.parameters()) == wanted


def test_adam_is_its_formula_with_each_parts_rate_and_decays(arithmetic: Arithmetic) -> None:
    options = OptimizerConfig(learning_rate=0.01, discriminator_learning_rate=0.02, last_rate=0.1, beta1=0.6, beta2=0.9)
    torch.manual_seed(0)
    recipe = build_recipe(tiny(optimizer=options), arithmetic)
    parts = {
        recipe.generators.ab.stem[1].weight: 0.01,
        recipe.generators.ab.head[1].weight: 0.01 * 0.1,
        recipe.networks["discriminators"].b.body[0].weight: 0.02,
        recipe.networks["discriminators"].b.body[-1].bias: 0.02 * 0.1,
    }
    wanted = {weight: weight.detach().clone() for weight in parts}
    mean, square = dict.fromkeys(parts, 0.0), dict.fromkeys(parts, 0.0)
    for step in (1, 2, 3):
        for weight, rate in parts.items():
            weight.grad = torch.randn_like(weight)
            mean[weight] = 0.6 * mean[weight] + 0.4 * weight.grad
            square[weight] = 0.9 * square[weight] + 0.1 * weight.grad**2
            down = (mean[weight] / (1 - 0.6**step)) / ((square[weight] / (1 - 0.9**step)).sqrt() + 1e-8)
            wanted[weight] -= rate * down
        for optimizer in recipe.optimizers:
            optimizer.step()
    for weight, value in wanted.items():
        assert torch.allclose(weight, value, atol=1e-6)


def test_jitter_shows_discriminators_smaller_crops(arithmetic: Arithmetic) -> None:
    recipe = build(tiny(loss=LossConfig(history=0, jitter=4)), arithmetic)
    seen: list[tuple[int, ...]] = []
    recipe.networks["discriminators"].a.register_forward_hook(lambda _, x, out: seen.append(tuple(x[0].shape[2:])))
    recipe.step(*pictures(), Moment(0, 0.0))
    assert seen == [(28, 28)] * 3


@pytest.mark.parametrize("recipe_name", list(PUBLISHED))
def test_u_nets_with_batch_norm_and_several_pictures_train_in_every_recipe(
    arithmetic: Arithmetic, recipe_name: RecipeName
) -> None:
    generator = GeneratorConfig(kind=GeneratorKind.UNET_128, width=4, norm=Norm.BATCH, dropout=True)
    contrast = ContrastConfig(patches=8, features=4)
    recipe = build(tiny(recipe_name, generator=generator, contrast=contrast), arithmetic)
    for optimizer in recipe.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
    a, b = pictures(128, count=2)
    first = recipe.step(a, b, Moment(0, 0.0))
    for number in range(1, 6):
        last = recipe.step(a, b, Moment(number, 0.0))
    assert float(last["objective"]) < float(first["objective"])


@pytest.mark.parametrize("recipe_name", list(PUBLISHED))
@pytest.mark.parametrize(
    ("precision", "wanted"),
    [
        (Precision.FP32, torch.float32),
        (Precision.BF16, torch.bfloat16),
        (Precision.FP16, torch.float16),
    ],
)
def test_every_convolution_of_a_step_computes_in_the_precision_asked_for(
    recipe_name: RecipeName, precision: Precision, wanted: torch.dtype
) -> None:
    contrast = ContrastConfig(patches=8, features=4)
    recipe = build(tiny(recipe_name, contrast=contrast), open_arithmetic("cpu", precision))
    found: Counter[tuple[str, torch.dtype]] = Counter()
    for name, network in recipe.networks.items():
        for part in network.modules():
            if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                part.register_forward_hook(lambda _, x, out, name=name: found.update([(name, out.dtype)]))
    losses = recipe.step(*pictures(), Moment(0, 0.0))
    assert found.keys() == {(name, wanted) for name in recipe.networks if name != "heads"}
    assert {loss.dtype for loss in losses.values()} == {torch.float32}


def test_bf16_networks_give_float32_losses_near_those_of_float32() -> None:
    a, b = pictures()
    found = {}
    for precision in (Precision.FP32, Precision.BF16):
        published = tiny(optimizer=OptimizerConfig())
        losses = build(published, open_arithmetic("cpu", precision)).step(a, b, Moment(0, 0.0))
        assert {loss.dtype for loss in losses.values()} == {torch.float32}
        found[precision] = {name: float(loss) for name, loss in losses.items()}
    for name, value in found[Precision.FP32].items():
        assert found[Precision.BF16][name] == pytest.approx(value, rel=0.02)


def test_fp16_scales_gradients_and_skips_a_step_that_overflows() -> None:
    arithmetic = open_arithmetic("cpu", Precision.FP16)
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e4)
    before, x = layer.weight.detach().clone(), torch.full((1, 4), 0.01)
    with arithmetic.autocast():
        out = layer(x)
    assert out.dtype == torch.float16
    arithmetic.update([optimizer], 1e-6 * out.float().sum())  # a gradient of 1e-8 would be 0 in fp16
    assert torch.allclose(before - layer.weight, torch.full((1, 4), 1e-4), rtol=1e-2)
    scale = arithmetic.scaler.get_scale()
    before = layer.weight.detach().clone()
    with arithmetic.autocast():
        out = layer(x)
    arithmetic.update([optimizer], out.float().sum() * 1e38)
    assert torch.equal(before, layer.weight)
    assert arithmetic.scaler.get_scale() == scale / 2
