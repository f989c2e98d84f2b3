"""The discriminators: PatchGAN, 1×1 pixel, and eriklindernoren's with four convolutions of stride 2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from cgconv.trainer.choices import DiscriminatorKind, DiscriminatorNorm, Downsampling, Norm, Padding
from cgconv.trainer.config import DiscriminatorConfig

from .layers import BlurDown, Pad, norm


class Discriminator(nn.Module):
    """Judge N×C×H×W pictures in [-1, 1] patch by patch: a score map N×1×h×w, high for real.

    A PatchGAN with 3 layers sees 70×70 pixels, and h = H / 8 - 2. The last layer is linear (unless `sigmoid`): the
    losses that want a probability apply the sigmoid themselves.
    """

    def __init__(self, config: DiscriminatorConfig, channels_in: int) -> None:
        super().__init__()
        build = {
            DiscriminatorKind.PATCH: _patch,
            DiscriminatorKind.PIXEL: _pixel,
            DiscriminatorKind.PATCH_94: _patch_94,
        }[config.kind]
        layers = build(config, channels_in)
        if config.sigmoid:
            layers.append(nn.Sigmoid())
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


def shifted(images: Tensor, jitter_px: int, random: torch.Generator) -> Tensor:
    """Return N×C×(H - jitter)×(W - jitter) crops of N×C×H×W images, from a random place, one for the whole batch.

    A discriminator that sees these cannot learn where in a cell of its own strides a pixel lies, so neither grids
    that come with the generator's strides nor the picture's edges give a fake away by their place.
    """
    return cut_out(images, draw_shift(jitter_px, random), jitter_px)


def draw_shift(jitter_px: int, random: torch.Generator) -> tuple[int, int]:
    """Return a random place, top and left, for `cut_out`; nothing is drawn without jitter."""
    if not jitter_px:
        return 0, 0
    top, left = (int(value) for value in torch.randint(jitter_px + 1, (2,), generator=random))
    return top, left


def cut_out(images: Tensor, place: tuple[int, int], jitter_px: int) -> Tensor:
    """Return N×C×(H - jitter)×(W - jitter) of N×C×H×W images, from that place on."""
    if not jitter_px:
        return images
    top, left = place
    height, width = images.shape[2] - jitter_px, images.shape[3] - jitter_px
    return images[:, :, top : top + height, left : left + width]


def _patch(config: DiscriminatorConfig, channels: int) -> list[nn.Module]:
    """github.com/junyanz/pytorch-CycleGAN-and-pix2pix, NLayerDiscriminator; with blurs, CUT's."""
    layers: list[nn.Module] = []
    for index in range(config.layers + 1):
        wider = config.width * min(2**index, 8)
        halves = index < config.layers
        blurred = halves and config.downsampling is Downsampling.BLURRED
        layers += _conv(channels, wider, 4, 2 if halves and not blurred else 1, config, normed=index > 0)
        layers.append(nn.LeakyReLU(0.2, True))
        if blurred:
            layers.append(BlurDown(wider))
        channels = wider
    return layers + _conv(channels, 1, 4, 1, config, normed=False)


def _pixel(config: DiscriminatorConfig, channels: int) -> list[nn.Module]:
    """The same project's PixelDiscriminator: sees single pixels."""
    width = config.width
    return [
        *_conv(channels, width, 1, 1, config, normed=False),
        nn.LeakyReLU(0.2, True),
        *_conv(width, 2 * width, 1, 1, config, normed=True),
        nn.LeakyReLU(0.2, True),
        *_conv(2 * width, 1, 1, 1, config, normed=False),
    ]


def _patch_94(config: DiscriminatorConfig, channels: int) -> list[nn.Module]:
    """github.com/eriklindernoren/PyTorch-GAN, implementations/cyclegan/models.py."""
    layers: list[nn.Module] = []
    for index in range(4):
        wider = config.width * 2**index
        layers += _conv(channels, wider, 4, 2, config, normed=index > 0)
        layers.append(nn.LeakyReLU(0.2, True))
        channels = wider
    layers.append(nn.ZeroPad2d((1, 0, 1, 0)))
    return layers + _conv(channels, 1, 4, 1, config, normed=False)


def _conv(
    channels_in: int, channels_out: int, kernel: int, stride: int, config: DiscriminatorConfig, *, normed: bool
) -> list[nn.Module]:
    """Return a convolution with its padding and, where `normed`, its norm."""
    kind, pad_px = config.norm, 1 if kernel == 4 else 0
    kinds = {DiscriminatorNorm.INSTANCE: Norm.INSTANCE, DiscriminatorNorm.BATCH: Norm.BATCH}
    after = kinds.get(kind) if normed else None
    zero = config.padding is Padding.ZERO
    conv: nn.Module = nn.Conv2d(channels_in, channels_out, kernel, stride, pad_px if zero else 0, bias=after is None)
    if kind is DiscriminatorNorm.SPECTRAL:
        conv = spectral_norm(conv)
    layers: list[nn.Module] = [] if zero or not pad_px else [Pad(pad_px, config.padding)]
    layers.append(conv)
    if after is not None:
        layers.append(norm(channels_out, after))
    return layers
