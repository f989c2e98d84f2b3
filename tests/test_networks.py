"""The networks have the published shapes, sizes, weights and fields of view."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from cgconv.trainer.choices import (  # noqa: E402
    Direction,
    DiscriminatorKind,
    DiscriminatorNorm,
    Downsampling,
    Focus,
    GeneratorKind,
    Init,
    Norm,
    Padding,
    Upsampling,
)
from cgconv.trainer.config import DiscriminatorConfig, GeneratorConfig, TrainConfig  # noqa: E402
from cgconv.trainer.layers import BlurDown, Grain, Pad, ResizeConv, initialize, norm  # noqa: E402
from cgconv.trainer.networks import (  # noqa: E402
    Discriminator,
    Generators,
    build_generator,
    generator_config,
    receptive_field_px,
    size_multiple,
    smallest_size,
)

RESNET, MOBILE, UNET = GeneratorKind.RESNET, GeneratorKind.MOBILE, GeneratorKind.UNET_128


def weights_of(network: torch.nn.Module) -> int:
    return sum(p.numel() for name, p in network.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("upsampling", list(Upsampling))
@pytest.mark.parametrize("kind", [RESNET, MOBILE, UNET])
def test_a_generator_keeps_the_size_and_the_range(kind: GeneratorKind, upsampling: Upsampling) -> None:
    config = GeneratorConfig(kind=kind, blocks=2, width=4, upsampling=upsampling, channels_in=1)
    generator = build_generator(config).eval()
    multiple, smallest = size_multiple(config), smallest_size(config)
    for size_hw in ((smallest, smallest), (smallest + multiple, smallest + 2 * multiple)):
        out = generator(torch.rand(2, 1, *size_hw) * 2 - 1)
        assert out.shape == (2, 3, *size_hw)
        assert out.abs().max() <= 1


def test_the_published_networks_have_their_published_weights() -> None:
    resnet = 3 * 64 * 49 + (64 * 128 + 128 * 256) * 9 * 2 + 18 * 256 * 256 * 9 + 64 * 3 * 49
    assert weights_of(build_generator(GeneratorConfig())) == resnet == 11_372_928
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    down = sum(16 * before * after for before, after in zip([3, *widths], widths, strict=False))
    up = 16 * (1024 * 512 * 3 + 512 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3)
    unet = build_generator(GeneratorConfig(kind=GeneratorKind.UNET_256, norm=Norm.NONE))
    assert weights_of(unet) == down + up
    assert sum(p.numel() for p in build_generator(
        GeneratorConfig(kind=GeneratorKind.UNET_256, norm=Norm.BATCH)
    ).parameters()) == pytest.approx(54_414_000, abs=1000)  # "Total number of parameters : 54.414 M"  # fmt: skip
    block = 2 * (256 * 9 + 256 * 256)
    mobile = resnet - 18 * 256 * 256 * 9 + 9 * block
    assert weights_of(build_generator(GeneratorConfig(kind=MOBILE))) == mobile

    patch = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert weights_of(Discriminator(DiscriminatorConfig(), 3)) == patch == 2_763_776
    assert weights_of(Discriminator(DiscriminatorConfig(kind=DiscriminatorKind.PATCH_94), 3)) == patch
    assert weights_of(Discriminator(DiscriminatorConfig(kind=DiscriminatorKind.PIXEL), 3)) == 3 * 64 + 64 * 128 + 128


@pytest.mark.parametrize("downsampling", list(Downsampling))
@pytest.mark.parametrize("upsampling", list(Upsampling))
def test_a_resnets_receptive_field_is_what_gradients_reach(upsampling: Upsampling, downsampling: Downsampling) -> None:
    config = GeneratorConfig(blocks=1, width=4, upsampling=upsampling, downsampling=downsampling, norm=Norm.NONE)
    assert receptive_field_px(config) == reach(build_generator(config), 3, side=128, places=range(4))


@pytest.mark.parametrize("upsampling", list(Upsampling))
def test_a_u_nets_receptive_field_is_what_gradients_reach(upsampling: Upsampling) -> None:
    config = GeneratorConfig(kind=UNET, width=4, upsampling=upsampling, norm=Norm.NONE)
    assert receptive_field_px(config) == reach(build_generator(config), 3, side=1280, places=(0, 43, 64, 127))


@pytest.mark.parametrize(
    ("config", "field_px", "map_side"),
    [
        (DiscriminatorConfig(), 70, 30),
        (DiscriminatorConfig(layers=1), 16, 126),
        (DiscriminatorConfig(layers=2), 34, 62),
        (DiscriminatorConfig(layers=4), 142, 14),
        (DiscriminatorConfig(kind=DiscriminatorKind.PIXEL), 1, 256),
        (DiscriminatorConfig(kind=DiscriminatorKind.PATCH_94), 94, 16),
    ],
)
def test_a_score_sees_as_many_pixels_as_published(config: DiscriminatorConfig, field_px: int, map_side: int) -> None:
    discriminator = Discriminator(replace(config, width=4, norm=DiscriminatorNorm.NONE), 3)
    assert discriminator(torch.zeros(1, 3, 256, 256)).shape == (1, 1, map_side, map_side)
    assert reach(discriminator, 3, side=256, places=[0]) == field_px


def reach(network: torch.nn.Module, channels: int, *, side: int, places: Iterable[int]) -> int:
    """Return the widest span of input columns that one output pixel's gradient reaches, all activations linear."""
    network = network.double()  # small weights to a high power
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU | torch.nn.LeakyReLU):
            module.forward = lambda x: x  # type: ignore[method-assign]
    with torch.no_grad():
        for name, parameter in network.named_parameters():  # so that nothing cancels, and tanh stays at its middle
            parameter.copy_(torch.zeros_like(parameter) if name.endswith("bias") else parameter.abs() + 0.01)
    widest = 0
    for offset in places:  # the reach depends on where in a stride the pixel lies
        x = torch.zeros(1, channels, min(side, 128), side, dtype=torch.float64, requires_grad=True)
        out = network(x)
        row, column = out.shape[2] // 2, out.shape[3] // 2 + offset
        (gradient,) = torch.autograd.grad(out[0, :, row, column].sum(), x)
        columns = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
        widest = max(widest, int(columns.max() - columns.min()) + 1)
    return widest


@pytest.mark.parametrize(
    "config",
    [
        *(DiscriminatorConfig(layers=layers, width=4) for layers in (1, 2, 3, 4)),
        DiscriminatorConfig(layers=3, width=4, padding=Padding.REFLECT),
        DiscriminatorConfig(layers=3, width=4, downsampling=Downsampling.BLURRED),
        DiscriminatorConfig(layers=3, width=4, norm=DiscriminatorNorm.SPECTRAL),
        DiscriminatorConfig(kind=DiscriminatorKind.PATCH_94, width=4),
        DiscriminatorConfig(kind=DiscriminatorKind.PIXEL, width=4),
    ],
)
def test_a_discriminator_judges_its_smallest_picture_and_none_smaller(config: DiscriminatorConfig) -> None:
    judge = Discriminator(config, 3)
    side_px = config.smallest_px
    assert judge(torch.zeros(1, 3, side_px, side_px)).numel() >= 1
    with pytest.raises((ValueError, RuntimeError)):
        judge(torch.zeros(1, 3, side_px - 1, side_px - 1))


@pytest.mark.parametrize(("padding", "mode"), [
    (Padding.REFLECT, "reflect"), (Padding.REPLICATE, "edge"), (Padding.ZERO, "constant"),
])  # fmt: skip
def test_paddings_are_numpys(padding: Padding, mode: str) -> None:
    x = torch.rand(1, 2, 5, 6)
    wanted = np.pad(x.numpy(), ((0, 0), (0, 0), (3, 3), (3, 3)), mode=mode)  # type: ignore[call-overload]
    assert np.array_equal(Pad(3, padding)(x).numpy(), wanted)


def test_blurred_upsampling_is_the_filter_1_3_3_1() -> None:
    layer = ResizeConv(2, 2, blurred=True, padding=Padding.ZERO, bias=False)
    with torch.no_grad():
        layer.conv.weight.copy_(torch.eye(2)[:, :, None, None] * F.pad(torch.ones(1, 1, 1, 1), (1, 1, 1, 1)))
    x = torch.rand(1, 2, 8, 8)
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    kernel = torch.outer(row, row).expand(2, 1, 4, 4)
    wanted = F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=2)  # edges are another matter
    assert torch.allclose(layer(x)[..., 2:-2, 2:-2], wanted[..., 2:-2, 2:-2], atol=1e-6)


def test_resize_upsampling_repeats_pixels_before_it_convolves() -> None:
    layer = ResizeConv(1, 1, blurred=False, padding=Padding.REFLECT, bias=False)
    x = torch.rand(1, 1, 4, 4)
    doubled = np.pad(x.numpy().repeat(2, 2).repeat(2, 3), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    assert torch.allclose(layer(x), F.conv2d(torch.from_numpy(doubled), layer.conv.weight), atol=1e-6)


def test_blurred_downsampling_is_the_filter_1_2_1() -> None:
    x = torch.rand(1, 1, 6, 6)
    padded = np.pad(x[0, 0].numpy(), 1, mode="reflect")
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    wanted = [[(padded[y : y + 3, x : x + 3] * kernel).sum() for x in range(0, 6, 2)] for y in range(0, 6, 2)]
    assert np.allclose(BlurDown(1)(x)[0, 0].numpy(), wanted, atol=1e-6)


def test_norms_normalize_each_picture_the_batch_or_nothing() -> None:
    x = torch.randn(3, 4, 8, 8) * 5 + torch.arange(3).view(3, 1, 1, 1)
    instance, batch = norm(4, Norm.INSTANCE)(x), norm(4, Norm.BATCH)(x)
    wanted = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(instance, wanted, atol=1e-5)
    wanted = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(batch, wanted, atol=1e-5)
    assert norm(4, Norm.NONE)(x) is x


def test_an_instance_norm_under_autocast_keeps_its_statistics_in_float32() -> None:
    """Torch's own InstanceNorm2d rounds mean and variance to bf16: with a mean of 3, an error of 0.01 everywhere."""
    x = (torch.randn(1, 2, 128, 128, generator=torch.Generator().manual_seed(0)) * 0.5 + 3).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = norm(2, Norm.INSTANCE)(x)
    exact = x.double()
    wanted = (exact - exact.mean((2, 3), keepdim=True)) / exact.var((2, 3), unbiased=False, keepdim=True).sqrt()
    wrong_by = found.double() - wanted
    assert wrong_by.abs().max() < 0.009 * wanted.abs().max() / 2  # half a bf16 step
    assert wrong_by.mean((2, 3)).abs().max() < 1e-3  # theirs: 0.007


@pytest.mark.parametrize(("init", "wanted"), [
    (Init.NORMAL, 0.02),
    (Init.XAVIER, 0.02 * math.sqrt(2 / (128 * 9 + 128 * 9))),
    (Init.KAIMING, math.sqrt(2 / (128 * 9))),
    (Init.ORTHOGONAL, 0.02 / math.sqrt(128 * 9)),  # rows of length 0.02
])  # fmt: skip
def test_weights_start_with_the_deviation_of_their_initialisation(init: Init, wanted: float) -> None:
    torch.manual_seed(0)
    generator = build_generator(GeneratorConfig(blocks=2, width=32))
    initialize(generator, init, 0.02)
    weight = generator.blocks[0].body[1].weight
    assert weight.std().item() == pytest.approx(wanted, rel=0.03)
    assert generator.head[1].bias.abs().max().item() == 0
    if init is Init.ORTHOGONAL:
        rows = weight.flatten(1)
        assert torch.allclose(rows @ rows.T, 0.02**2 * torch.eye(128), atol=1e-7)


def test_batch_norms_start_at_1_and_spectral_weights_are_drawn_too() -> None:
    torch.manual_seed(0)
    unet = build_generator(GeneratorConfig(kind=UNET, width=32, norm=Norm.BATCH))
    initialize(unet)
    scale = unet.down[3][2].weight
    assert (scale.mean().item(), scale.std().item()) == pytest.approx((1.0, 0.02), abs=0.005)
    spectral = Discriminator(DiscriminatorConfig(width=32, norm=DiscriminatorNorm.SPECTRAL), 3)
    initialize(spectral)
    assert spectral.body[2].parametrizations.weight.original.std().item() == pytest.approx(0.02, rel=0.05)


def test_spectral_norm_brings_the_largest_singular_value_to_1() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(DiscriminatorConfig(width=8, norm=DiscriminatorNorm.SPECTRAL), 3)
    with torch.no_grad():
        for _ in range(30):  # one step of power iteration a pass
            discriminator(torch.rand(1, 3, 32, 32))
    for layer in (0, 2, 4):
        weight = discriminator.eval().body[layer].weight.flatten(1)
        assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, rel=0.02)
    assert not any(isinstance(part, torch.nn.InstanceNorm2d) for part in discriminator.modules())


def test_a_sigmoid_and_reflected_edges_are_where_they_were_asked_for() -> None:
    torch.manual_seed(0)
    config = DiscriminatorConfig(width=4, layers=1, norm=DiscriminatorNorm.NONE)
    x = torch.rand(1, 3, 16, 16)
    plain = Discriminator(config, 3)
    squashed = Discriminator(replace(config, sigmoid=True), 3)
    squashed.load_state_dict(plain.state_dict())
    assert torch.allclose(squashed(x), 1 / (1 + torch.exp(-plain(x))))
    reflecting = Discriminator(replace(config, padding=Padding.REFLECT), 3)
    first = reflecting.body[1]
    wanted = F.conv2d(torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")),
                      first.weight, first.bias, stride=2)  # fmt: skip
    assert torch.allclose(reflecting.body[:2](x), wanted, atol=1e-6)


@pytest.mark.parametrize(("kind", "layers"), [(RESNET, 2), (UNET, 2), (GeneratorKind.UNET_256, 3)])
def test_dropout_acts_in_training_only_and_halves(kind: GeneratorKind, layers: int) -> None:
    generator = build_generator(GeneratorConfig(kind=kind, blocks=2, width=4, dropout=True))
    drops = [part for part in generator.modules() if isinstance(part, torch.nn.Dropout)]
    assert [part.p for part in drops] == [0.5] * layers  # published: each block; 2 and 3 inner levels
    side = smallest_size(GeneratorConfig(kind=kind)) * 2
    x = torch.rand(1, 3, side, side)
    seen: list[float] = []
    drops[0].register_forward_hook(lambda _, x, out: seen.append(float((out == 0).sum() - (x[0] == 0).sum())))
    generator.train()(x)
    generator.eval()(x)
    assert seen[0] > 0
    assert seen[1] == 0


def test_a_skip_leads_tone_grain_and_the_stems_features_past_the_norms() -> None:
    torch.manual_seed(0)
    generator = build_generator(GeneratorConfig(blocks=1, width=4, skip=True))
    x = torch.rand(1, 3, 16, 16)
    padded = F.pad(x, (2,) * 4, mode="reflect")
    mean = F.unfold(padded, 5).view(1, 3, 25, 16, 16).mean(2)
    squares = F.pad((x - mean) ** 2, (2,) * 4, mode="reflect")
    deviation = (F.unfold(squares, 5).view(1, 3, 25, 16, 16).mean(2) + (0.5 / 127.5) ** 2).sqrt()
    fine = generator.stem(torch.cat([x, (x - mean) / deviation], 1))
    coarse = generator.up(generator.blocks(generator.down(fine)))
    padded = F.pad(torch.cat([coarse, fine], 1) - 0.4, (3,) * 4, mode="reflect")
    wanted = torch.tanh(F.conv2d(padded, generator.head[1].weight, generator.head[1].bias) + x)
    assert torch.allclose(generator(x), wanted, atol=1e-5)


def test_grain_sees_nine_pixels_and_a_generator_with_a_skip_as_much_more() -> None:
    x = torch.rand(1, 1, 24, 24, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(Grain(Padding.REFLECT)(x)[0, 0, 12, 12], x)
    assert gradient[0, 0].abs().sum(0).nonzero().flatten().tolist() == list(range(8, 17))
    assert receptive_field_px(GeneratorConfig(skip=True)) == receptive_field_px(GeneratorConfig()) + 8


def test_with_a_skip_brightness_and_tint_go_through_and_without_they_are_lost() -> None:
    tint = torch.tensor([0.3, -0.1, -0.2]).view(1, 3, 1, 1)
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.2
    for skip in (True, False):
        torch.manual_seed(0)
        generator = build_generator(GeneratorConfig(blocks=1, width=4, skip=skip)).eval()
        initialize(generator)
        moved = (torch.atanh(generator(x + tint)) - torch.atanh(generator(x))).mean((2, 3)).flatten()
        wanted = tint.flatten() if skip else torch.zeros(3)
        assert torch.allclose(moved, wanted, atol=0.02)


def test_a_wrapped_generator_has_no_edges_while_it_trains_and_reflects_afterwards() -> None:
    config = GeneratorConfig(blocks=1, width=4, padding=Padding.WRAP, upsampling=Upsampling.RESIZE, skip=True)
    generator, x = build_generator(config), torch.rand(1, 3, 32, 32)
    assert torch.allclose(generator(x.roll((8, 12), (2, 3))), generator(x).roll((8, 12), (2, 3)), atol=1e-5)
    assert np.array_equal(Pad(2, Padding.WRAP)(x).numpy(), np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), "wrap"))
    assert torch.equal(Pad(2, Padding.WRAP).eval()(x), F.pad(x, (2,) * 4, mode="reflect"))


def test_contrast_compares_the_published_layers() -> None:
    """Layers 0, 4, 8, 12 and 16 of CUT's 9-block generator: padded picture, both convolutions, blocks 1 and 5."""
    config = GeneratorConfig(blocks=9, width=4, downsampling=Downsampling.BLURRED, upsampling=Upsampling.BLURRED)
    generator = build_generator(config)
    x = torch.rand(1, 3, 32, 32)
    published = [*generator.stem, *generator.down, *generator.blocks]  # the layers of its one Sequential
    kept, out = [], x
    for index, layer in enumerate(published):
        out = layer(out)
        if index in (0, 4, 8, 12, 16):
            kept.append(out.clone())  # what follows works in place
    found = generator.features(x)
    assert [tuple(layer.shape[1:]) for layer in found] == [
        (3, 38, 38), (8, 32, 32), (16, 16, 16), (16, 8, 8), (16, 8, 8),
    ]  # fmt: skip
    for mine, theirs in zip(found, kept, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_a_focused_run_halves_the_generator_back_and_channels_swap_on_the_way_back() -> None:
    config = TrainConfig(generator=GeneratorConfig(blocks=1, width=8, focus=Focus.B2A, channels_in=1))
    generators = Generators(config)
    assert generators.of(Direction.B2A).stem[1].weight.shape[:2] == (8, 3)
    assert generators.of(Direction.A2B).stem[1].weight.shape[:2] == (4, 1)
    back = generator_config(config.generator, Direction.B2A)
    assert (back.channels_in, back.channels_out) == (3, 1)


def test_a_spectral_discriminator_notices_overall_brightness_and_a_normalized_one_barely() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 128, 128) - 0.5
    shifts = {}
    for kind in (DiscriminatorNorm.INSTANCE, DiscriminatorNorm.SPECTRAL):
        discriminator = Discriminator(DiscriminatorConfig(width=16, norm=kind), 3)
        initialize(discriminator)
        with torch.no_grad():
            for _ in range(20):  # until the power iteration knows the weights
                discriminator(picture)
            inside = [discriminator(picture + shift)[..., 4:-4, 4:-4] for shift in (0.0, 0.4)]
        shifts[kind] = float((inside[1] - inside[0]).mean().abs() / inside[0].std())
    assert shifts[DiscriminatorNorm.SPECTRAL] > 3 * shifts[DiscriminatorNorm.INSTANCE]
