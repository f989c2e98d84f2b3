"""Build the networks: the ResNet generator and the PatchGAN discriminator.

After appendix 7.2 of arXiv 1703.10593 and github.com/junyanz/pytorch-CycleGAN-and-pix2pix (models/networks.py).
Convolutions that InstanceNorm follows have no bias: the norm subtracts it again.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .config import DiscriminatorConfig, DiscriminatorNorm, GeneratorConfig, Upsampling


class ResNetGenerator(nn.Module):
    """Translate N×C×H×W pictures in [-1, 1] into pictures of the same size and range.

    H and W are multiples of 4 and at least 8. Features: width at full size, 2 × width at half, 4 × width at a quarter.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.Sequential(ReflectPad(3), conv(config.channels_in, width, 7), norm(width), nn.ReLU(True))
        self.down = nn.Sequential(
            conv(width, 2 * width, 3, stride=2, padding=1), norm(2 * width), nn.ReLU(True),
            conv(2 * width, 4 * width, 3, stride=2, padding=1), norm(4 * width), nn.ReLU(True),
        )  # fmt: skip
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width, dropout=config.dropout) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            double(4 * width, 2 * width, config.upsampling), norm(2 * width), nn.ReLU(True),
            double(2 * width, width, config.upsampling), norm(width), nn.ReLU(True),
        )  # fmt: skip
        self.head = nn.Sequential(ReflectPad(3), nn.Conv2d(width, config.channels_out, 7))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # N, width, H, W
        x = self.blocks(self.down(x))  # N, 4 width, H/4, W/4
        return torch.tanh(self.head(self.up(x)))  # N, channels_out, H, W


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut; N×C×H×W in and out."""

    def __init__(self, channels: int, *, dropout: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReflectPad(1), conv(channels, channels, 3), norm(channels), nn.ReLU(True),
            nn.Dropout(0.5) if dropout else nn.Identity(),
            ReflectPad(1), conv(channels, channels, 3), norm(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class PatchDiscriminator(nn.Module):
    """Judge overlapping patches of N×C×H×W pictures in [-1, 1]: score maps N×1×h×w, high for real.

    With 3 layers each score of the first map sees 70×70 pixels, and h = H / 8 - 2. With `color` there is a second map,
    of the picture shrunk to a quarter and judged without instance norm. The last layers are linear: the losses that
    want a probability apply the sigmoid themselves.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv4(config.channels_in, config.width, 2, config.norm, first=True)]
        layers.append(nn.LeakyReLU(0.2, True))
        channels = config.width
        for index in range(1, config.layers + 1):
            wider = config.width * min(2**index, 8)
            stride = 2 if index < config.layers else 1
            layers.append(_conv4(channels, wider, stride, config.norm))
            if config.norm is DiscriminatorNorm.INSTANCE:
                layers.append(norm(wider))
            layers.append(nn.LeakyReLU(0.2, True))
            channels = wider
        layers.append(_conv4(channels, 1, 1, config.norm, first=True))
        self.body = nn.Sequential(*layers)
        self.color = _color_judge(config.channels_in) if config.color else None

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = [self.body(x)]
        if self.color is not None:
            scores.append(self.color(x))
        return scores


class ReflectPad(nn.Module):
    """Pad by reflection, in the precision that comes in: autocast would make it float32, at the cost of a copy."""

    def __init__(self, pad_px: int) -> None:
        super().__init__()
        self.pad_px = pad_px

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return F.pad(x, (self.pad_px,) * 4, mode="reflect")


class ResizeConv(nn.Module):
    """Double H and W: nearest neighbour, then a 3×3 convolution. Bilinear left paintings without their finest grain."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.pad = ReflectPad(1)
        self.conv = conv(channels_in, channels_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # as in ReflectPad
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        out: Tensor = self.conv(self.pad(x))
        return out


def double(channels_in: int, channels_out: int, upsampling: Upsampling) -> nn.Module:
    """Return the layer that doubles H and W."""
    if upsampling is Upsampling.RESIZE:
        return ResizeConv(channels_in, channels_out)
    return nn.ConvTranspose2d(channels_in, channels_out, 3, stride=2, padding=1, output_padding=1, bias=False)


def conv(channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """Return a convolution without bias."""
    return nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=padding, bias=False)


def norm(channels: int) -> nn.InstanceNorm2d:
    """Return the published InstanceNorm: no affine, no running statistics, ε = 1e-5."""
    return nn.InstanceNorm2d(channels)


def initialize(module: nn.Module) -> None:
    """Draw every convolution's weights from N(0, 0.02) and set its bias to 0, as published."""
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, 0.0, 0.02)


def receptive_field_px(config: GeneratorConfig) -> int:
    """Return the side of the square of input pixels that one output pixel sees at most, normalization aside."""
    side = 7  # what the head sees of the features at full size; from here back to the picture
    for _ in range(2):
        # a 3×3 convolution on doubled features, or a transposed 3×3 convolution
        side = (side + 2) // 2 + 1 if config.upsampling is Upsampling.RESIZE else (side + 1) // 2 + 1
    side += 4 * config.blocks  # two 3×3 convolutions each, at a quarter of the size
    for _ in range(2):
        side = 2 * side + 1  # a 3×3 convolution of stride 2
    return side + 6


def _conv4(
    channels_in: int, channels_out: int, stride: int, kind: DiscriminatorNorm, *, first: bool = False
) -> nn.Module:
    """Return a 4×4 convolution; `first` marks those that no InstanceNorm follows (the first and the last)."""
    layer = nn.Conv2d(channels_in, channels_out, 4, stride=stride, padding=1,
                      bias=first or kind is not DiscriminatorNorm.INSTANCE)  # fmt: skip
    return spectral_norm(layer) if kind is DiscriminatorNorm.SPECTRAL else layer


def _color_judge(channels: int) -> nn.Module:
    """Return a small network that scores a picture's colours, blurred: spectral norm, so that it sees their level."""
    spectral = DiscriminatorNorm.SPECTRAL
    return nn.Sequential(
        nn.AvgPool2d(4), _conv4(channels, 32, 2, spectral), nn.LeakyReLU(0.2, True),
        _conv4(32, 64, 2, spectral), nn.LeakyReLU(0.2, True), _conv4(64, 1, 1, spectral),
    )  # fmt: skip
