"""The networks have the published shapes, sizes, weights and fields of view."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from foreign_checkpoints import Downsample, Upsample, seeded  # noqa: E402

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
from cgconv.trainer.networks.build import (  # noqa: E402
    Discriminator,
    Generators,
    build_generator,
    generator_config,
    receptive_field_px,
    size_multiple,
    smallest_size,
)
from cgconv.trainer.networks.layers import BlurDown, Grain, Pad, Reflect, ResizeConv, initialize, norm  # noqa: E402

RESNET, MOBILE, UNET = GeneratorKind.RESNET, GeneratorKind.MOBILE, GeneratorKind.UNET_128
PUBLISHED = [kind for kind in DiscriminatorKind if kind is not DiscriminatorKind.PROJECTED]


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
    assert sum(
        p.numel() for p in build_generator(GeneratorConfig(kind=GeneratorKind.UNET_256, norm=Norm.BATCH)).parameters()
    ) == pytest.approx(54_414_000, abs=1000)  # "Total number of parameters : 54.414 M"
    block = 2 * (256 * 9 + 256 * 256)
    mobile = resnet - 18 * 256 * 256 * 9 + 9 * block
    assert weights_of(build_generator(GeneratorConfig(kind=MOBILE))) == mobile

    patch = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert weights_of(Discriminator(DiscriminatorConfig(), 3)) == patch == 2_763_776
    assert weights_of(Discriminator(DiscriminatorConfig(kind=DiscriminatorKind.PATCH_94), 3)) == patch
    assert weights_of(Discriminator(DiscriminatorConfig(kind=DiscriminatorKind.PIXEL), 3)) == 3 * 64 + 64 * 128 + 128


class ByHand:
    """What published listings are made of, as formulas; each convolution and norm takes a network's next weights."""

    def __init__(self, parts: Iterable[torch.nn.Module], norm: str, padding: Padding) -> None:
        kinds = torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.BatchNorm2d
        self.left = [layer for part in parts for layer in part.modules() if isinstance(layer, kinds)]
        self.norm_kind = norm
        self.mode = "constant" if padding is Padding.ZERO else str(padding)

    def conv(self, x: torch.Tensor, pad_px: int = 0, *, stride: int = 1, mode: str = "") -> torch.Tensor:
        layer = self.left.pop(0)
        weight = layer.weight
        if self.norm_kind == "spectral":  # arXiv 1802.05957, equation 8
            weight = layer.parametrizations.weight.original
            weight = weight / torch.linalg.matrix_norm(weight.flatten(1), 2)
        groups = x.shape[1] // weight.shape[1]  # depthwise weights have one channel
        return F.conv2d(F.pad(x, (pad_px,) * 4, mode=mode or self.mode), weight, layer.bias, stride, groups=groups)

    def norm(self, x: torch.Tensor) -> torch.Tensor:
        over = {"instance": (2, 3), "batch": (0, 2, 3)}.get(self.norm_kind)
        if over is None:
            return x
        variance = x.var(over, unbiased=False, keepdim=True)
        x = (x - x.mean(over, keepdim=True)) / (variance + 1e-5).sqrt()
        if self.norm_kind == "instance":
            return x
        learned = self.left.pop(0)
        return x * learned.weight.view(-1, 1, 1) + learned.bias.view(-1, 1, 1)

    def double(self, x: torch.Tensor, upsampling: Upsampling) -> torch.Tensor:
        if upsampling is Upsampling.TRANSPOSED:
            layer = self.left.pop(0)
            return F.conv_transpose2d(x, layer.weight, layer.bias, 2, 1, output_padding=layer.kernel_size[0] % 2)
        repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return self.conv(repeated if upsampling is Upsampling.RESIZE else blur(Upsample, x), 1)


def blur(kind: Callable[[int], torch.nn.Module], x: torch.Tensor) -> torch.Tensor:
    return kind(x.shape[1]).to(x)(x)


def resnet_by_hand(network: torch.nn.Module, x: torch.Tensor, config: GeneratorConfig) -> torch.Tensor:
    """pytorch-CycleGAN-and-pix2pix's ResNet, with CUT's blurs and gan-compression's separable convolutions."""
    net = ByHand([network], config.norm, config.padding)
    blurred = config.downsampling is Downsampling.BLURRED

    def conv3(x: torch.Tensor) -> torch.Tensor:
        return net.conv(net.norm(net.conv(x, 1))) if config.kind is MOBILE else net.conv(x, 1)

    x = F.relu(net.norm(net.conv(x, 3)))
    for _ in range(2):
        x = F.relu(net.norm(net.conv(x, 1, stride=1 if blurred else 2, mode="constant")))
        x = blur(Downsample, x) if blurred else x
    for _ in range(config.blocks):
        x = x + net.norm(conv3(F.relu(net.norm(conv3(x)))))
    for _ in range(2):
        x = F.relu(net.norm(net.double(x, config.upsampling)))
    x = torch.tanh(net.conv(x, 3))
    assert not net.left
    return x


def unet_by_hand(network: torch.nn.Module, x: torch.Tensor, config: GeneratorConfig) -> torch.Tensor:
    """pytorch-CycleGAN-and-pix2pix's U-Net."""
    net = ByHand([*network.down, *reversed(network.up)], config.norm, Padding.REPLICATE)
    depth = 8 if config.kind is GeneratorKind.UNET_256 else 7
    kept = [net.conv(x, 1, stride=2, mode="constant")]
    for _ in range(depth - 2):
        kept.append(net.norm(net.conv(F.leaky_relu(kept[-1], 0.2), 1, stride=2, mode="constant")))
    x = net.conv(F.leaky_relu(kept[-1], 0.2), 1, stride=2, mode="constant")  # no norm: one pixel is left
    for features in reversed(kept):
        x = torch.cat([features, net.norm(net.double(F.relu(x), config.upsampling))], 1)
    x = torch.tanh(net.double(F.relu(x), config.upsampling))
    assert not net.left
    return x


def discriminator_by_hand(network: torch.nn.Module, x: torch.Tensor, config: DiscriminatorConfig) -> torch.Tensor:
    """pytorch-CycleGAN-and-pix2pix's N-layer (with CUT's blurs) and pixel discriminators, PyTorch-GAN's 94 pixels."""
    net = ByHand([network], config.norm, config.padding)
    blurred = config.downsampling is Downsampling.BLURRED
    pad_px, halvings, stays = {
        DiscriminatorKind.PATCH: (1, config.layers, 1),
        DiscriminatorKind.PIXEL: (0, 0, 2),
        DiscriminatorKind.PATCH_94: (1, 4, 0),
    }[config.kind]
    for index in range(halvings + stays):
        halves = index < halvings
        x = net.conv(x, pad_px, stride=2 if halves and not blurred else 1)
        assert x.shape[1] == config.width * min(2**index, 8)
        x = F.leaky_relu(net.norm(x) if index else x, 0.2)
        x = blur(Downsample, x) if halves and blurred else x
    if config.kind is DiscriminatorKind.PATCH_94:
        x = F.pad(x, (1, 0, 1, 0))
    x = net.conv(x, pad_px)
    assert not net.left
    return x


@pytest.mark.parametrize(
    "config",
    [
        *(GeneratorConfig(kind=kind, norm=norm) for kind in (RESNET, MOBILE) for norm in Norm),
        *(GeneratorConfig(padding=padding) for padding in (Padding.REPLICATE, Padding.ZERO)),
        *(GeneratorConfig(downsampling=down, upsampling=up) for down in Downsampling for up in Upsampling),
        *(GeneratorConfig(padding=Padding.ZERO, upsampling=up) for up in (Upsampling.RESIZE, Upsampling.BLURRED)),
    ],
)
def test_a_resnet_computes_what_its_published_listing_does(config: GeneratorConfig) -> None:
    config = replace(config, blocks=2, width=4)
    network = seeded(lambda: build_generator(config)).train().double()
    x = torch.rand(2, 3, 16, 24).double() * 2 - 1
    assert torch.allclose(network(x), resnet_by_hand(network, x, config), atol=1e-7)


@pytest.mark.parametrize(
    "config",
    [
        *(GeneratorConfig(kind=UNET, norm=norm) for norm in Norm),
        *(GeneratorConfig(kind=UNET, upsampling=upsampling) for upsampling in (Upsampling.RESIZE, Upsampling.BLURRED)),
        *(GeneratorConfig(kind=GeneratorKind.UNET_256, norm=norm) for norm in Norm),
    ],
)
def test_a_u_net_computes_what_its_published_listing_does(config: GeneratorConfig) -> None:
    config = replace(config, width=4)
    network = seeded(lambda: build_generator(config)).train().double()
    x = torch.rand(2, 3, *[smallest_size(config)] * 2).double() * 2 - 1
    assert torch.allclose(network(x), unet_by_hand(network, x, config), atol=1e-7)


@pytest.mark.parametrize(
    "config",
    [
        *(DiscriminatorConfig(kind=kind, norm=norm) for kind in PUBLISHED for norm in DiscriminatorNorm),
        *(DiscriminatorConfig(layers=layers, norm=DiscriminatorNorm.BATCH) for layers in (1, 2, 4)),
        *(DiscriminatorConfig(layers=layers, downsampling=Downsampling.BLURRED) for layers in (1, 2, 3)),
        *(DiscriminatorConfig(padding=padding) for padding in (Padding.REFLECT, Padding.REPLICATE)),
    ],
)
def test_a_discriminator_computes_what_its_published_listing_does(config: DiscriminatorConfig) -> None:
    config = replace(config, width=4)
    judge = seeded(lambda: Discriminator(config, 3)).train().double()
    x = torch.rand(2, 3, 48, 64).double() * 2 - 1
    with torch.no_grad():
        for _ in range(60 if config.norm is DiscriminatorNorm.SPECTRAL else 0):  # a step of power iteration each
            judge(x[:1, :, :32, :32])
    assert torch.allclose(judge(x), discriminator_by_hand(judge, x, config), atol=1e-7)


@pytest.mark.parametrize("downsampling", list(Downsampling))
@pytest.mark.parametrize("upsampling", list(Upsampling))
def test_a_resnets_receptive_field_is_what_gradients_reach(upsampling: Upsampling, downsampling: Downsampling) -> None:
    config = GeneratorConfig(blocks=1, width=4, upsampling=upsampling, downsampling=downsampling, norm=Norm.NONE)
    assert receptive_field_px(config) == reach(build_generator(config), 3, side=128, places=range(4))


@pytest.mark.parametrize("upsampling", list(Upsampling))
def test_a_u_nets_receptive_field_is_what_gradients_reach(upsampling: Upsampling) -> None:
    config = GeneratorConfig(kind=UNET, width=4, upsampling=upsampling, norm=Norm.NONE)
    assert receptive_field_px(config) == reach(build_generator(config), 3, side=1280, places=(0, 43, 64, 127))


@pytest.mark.parametrize("soften", [False, True])
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_compact_ones_receptive_field_is_what_gradients_reach(blocks: int, soften: bool) -> None:
    config = GeneratorConfig(kind=GeneratorKind.COMPACT, blocks=blocks, width=8, norm=Norm.NONE, soften=soften)
    assert receptive_field_px(config) == reach(build_generator(config), 3, side=128, places=range(4))


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


@pytest.mark.parametrize(
    ("padding", "mode"),
    [
        (Padding.REFLECT, "reflect"),
        (Padding.REPLICATE, "edge"),
        (Padding.ZERO, "constant"),
    ],
)
def test_paddings_are_numpys(padding: Padding, mode: str) -> None:
    x = torch.rand(1, 2, 5, 6)
    wanted = np.pad(x.numpy(), ((0, 0), (0, 0), (3, 3), (3, 3)), mode=mode)  # type: ignore[call-overload]
    assert np.array_equal(Pad(3, padding)(x).numpy(), wanted)


@pytest.mark.parametrize("pad_px", [1, 2, 4])
def test_the_gradient_of_reflected_edges_is_pytorchs_also_twice_derived(pad_px: int) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, generator=random).requires_grad_()
    weights = torch.randn(2, 3, 5 + 2 * pad_px, 8 + 2 * pad_px, dtype=torch.float64, generator=random)
    found = []
    for padded in (Reflect.apply(x, pad_px), F.pad(x, (pad_px,) * 4, mode="reflect")):
        (once,) = torch.autograd.grad((weights * padded**3).sum(), x, create_graph=True)
        (twice,) = torch.autograd.grad((once**2).sum(), x)
        found.append((padded, once, twice))
    for mine, theirs in zip(*found, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-12)


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
    learned = norm(4, Norm.INSTANCE, learned=True)
    assert torch.allclose(learned(x), instance, atol=1e-5), "at first"
    scale, shift = learned.parameters()
    with torch.no_grad():
        scale.copy_(torch.arange(4.0))
        shift.fill_(0.5)
    assert torch.allclose(learned(x), instance * torch.arange(4.0).view(4, 1, 1) + 0.5, atol=1e-5)


@pytest.mark.parametrize("kind", [Norm.INSTANCE, Norm.BATCH])
@pytest.mark.parametrize("count", [1, 2])
def test_gradients_of_a_norm_are_right_in_any_order_of_memory(kind: Norm, count: int) -> None:
    """Of one picture whose gradient came with its channels last they were off by more than their length."""
    random = torch.Generator().manual_seed(0)
    x, gradient = torch.randn(2, count, 4, 8, 8, generator=random)
    layer = norm(4, kind, learned=True)

    def derived(x: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
        x = x.detach().requires_grad_()
        return list(torch.autograd.grad(layer.to(x)(x), [x, *layer.parameters()], gradient))

    wanted = derived(x.double(), gradient.double())
    for order in (torch.contiguous_format, torch.channels_last):
        for other in (torch.contiguous_format, torch.channels_last):
            layer.float()
            found = derived(x.contiguous(memory_format=order), gradient.contiguous(memory_format=other))
            for mine, exact in zip(found, wanted, strict=True):
                assert torch.allclose(mine.double(), exact, atol=1e-5)


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


@pytest.mark.parametrize(
    ("init", "wanted"),
    [
        (Init.NORMAL, 0.02),
        (Init.XAVIER, 0.02 * math.sqrt(2 / (128 * 9 + 128 * 9))),
        (Init.KAIMING, math.sqrt(2 / (128 * 9))),
        (Init.ORTHOGONAL, 0.02 / math.sqrt(128 * 9)),  # rows of length 0.02
    ],
)
def test_weights_start_with_the_deviation_of_their_initialization(init: Init, wanted: float) -> None:
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
    wanted = F.conv2d(
        torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")),
        first.weight,
        first.bias,
        stride=2,
    )
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
        (3, 38, 38),
        (8, 32, 32),
        (16, 16, 16),
        (16, 8, 8),
        (16, 8, 8),
    ]
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
