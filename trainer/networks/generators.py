"""The ResNet generator, plain and mobile, and the U-Net generator.

After appendix 7.2 of arXiv 1703.10593, arXiv 1611.07004 and github.com/junyanz/pytorch-CycleGAN-and-pix2pix
(models/networks.py). Convolutions that a norm follows have no bias: the norm subtracts it again.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cgconv.trainer.choices import Downsampling, GeneratorKind, Norm, Padding, Upsampling
from cgconv.trainer.config import GeneratorConfig

from .layers import BlurDown, Grain, Pad, ResizeConv, Separable, Tone, double, norm

RELU_MEAN = 0.4  # of what a norm and a ReLU leave; without it a step of the head moves detail, not a whole picture
DEPTH = {GeneratorKind.UNET_128: 7, GeneratorKind.UNET_256: 8}  # halvings of a U-Net: down to 1×1 at its own size


class ResNetGenerator(nn.Module):
    """Translate N×C×H×W pictures in [-1, 1] into pictures of the same size and range.

    H and W are multiples of 4 and at least 8. Features: width at full size, 2 × width at half, 4 × width at a quarter.

    With `skip` (ours) the picture's tone goes past the norms, through a convolution of its own: an instance norm takes
    the brightness and tint of a picture away, and a generator that has to guess them learns slowly and sways. The head
    sees the stem's features too, and the stem the picture's grain, for detail and texture of full size.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        width, kind, padding = config.width, config.norm, config.padding
        bias = kind is Norm.NONE
        self.stem = nn.Sequential(
            Pad(3, padding),
            nn.Conv2d((2 if config.skip else 1) * config.channels_in, width, 7, bias=bias),
            norm(width, kind),
            nn.ReLU(True),
        )
        self.down = nn.Sequential(*_halve(width, config), *_halve(2 * width, config))
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width, config) for _ in range(config.blocks)))
        self.up = nn.Sequential(
            double(4 * width, 2 * width, config.upsampling, padding=padding, kind=kind),
            norm(2 * width, kind),
            nn.ReLU(True),
            double(2 * width, width, config.upsampling, padding=padding, kind=kind),
            norm(width, kind),
            nn.ReLU(True),
        )
        self.skip = config.skip
        self.head = nn.Sequential(
            Pad(3, padding), nn.Conv2d(2 * width if config.skip else width, config.channels_out, 7)
        )
        if config.skip:
            self.grain = Grain(padding)
            self.tone = Tone(config.channels_in, config.channels_out, padding)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.stem(self._seen(x))  # N, width, H, W
        features = self.up(self.blocks(self.down(fine)))  # blocks: N, 4 width, H/4, W/4
        if not self.skip:
            return torch.tanh(self.head(features))  # N, channels_out, H, W
        return torch.tanh(self.head(torch.cat([features, fine], 1) - RELU_MEAN) + self.tone(x))

    def _seen(self, x: Tensor) -> Tensor:
        """Return what the stem sees."""
        return torch.cat([x, self.grain(x)], 1) if self.skip else x

    def features(self, x: Tensor) -> list[Tensor]:
        """Return what CUT compares: the padded picture, both halvings' convolutions, the first and middle block.

        With 9 blocks these are the published layers 0, 4, 8, 12 and 16. Nothing behind the middle block is run.
        """
        found = [self.stem[0](x)]
        x = self.stem(self._seen(x))
        for layer in self.down:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                found.append(x)
        middle = len(self.blocks) // 2
        for index in range(middle + 1):
            x = self.blocks[index](x)
            if index in (0, middle):
                found.append(x)
        return found


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut; N×C×H×W in and out."""

    def __init__(self, channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        kind, padding = config.norm, config.padding
        self.body = nn.Sequential(
            Pad(1, padding),
            _conv3(channels, config),
            norm(channels, kind),
            nn.ReLU(True),
            nn.Dropout(0.5) if config.dropout else nn.Identity(),
            Pad(1, padding),
            _conv3(channels, config),
            norm(channels, kind),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class UNetGenerator(nn.Module):
    """Translate N×C×H×W pictures in [-1, 1] into pictures of the same size and range.

    H and W are multiples of 128 (7 halvings) or 256 (8). Each halving's features go on to the doubling of their size.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        depth, kind = DEPTH[config.kind], config.norm
        bias, bias_without_norm = kind is Norm.NONE, kind is not Norm.BATCH  # as published
        channels = [config.width * min(2**index, 8) for index in range(depth)]  # after each halving
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()  # up[i] makes of halving i's features (and what came up) those of halving i - 1
        for index in range(depth):
            first, last = index == 0, index == depth - 1
            before = config.channels_in if first else channels[index - 1]
            unnormed = first or last
            conv = nn.Conv2d(
                before, channels[index], 4, stride=2, padding=1, bias=bias_without_norm if unnormed else bias
            )
            normed = nn.Identity() if unnormed else norm(channels[index], kind)
            self.down.append(nn.Sequential(nn.Identity() if first else nn.LeakyReLU(0.2), conv, normed))

            below = channels[index] if last else 2 * channels[index]
            out = config.channels_out if first else before
            layers = [nn.ReLU(), _double4(below, out, config.upsampling, bias=bias or first)]
            if not first:
                layers.append(norm(out, kind))
            if config.dropout and 4 <= index < depth - 1:
                layers.append(nn.Dropout(0.5))
            self.up.append(nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for down in self.down:
            x = down(x)
            kept.append(x)  # N, channels[i], H / 2^(i + 1), W / 2^(i + 1)
        for index in range(len(self.up) - 1, -1, -1):
            x = self.up[index](x)
            if index:
                x = torch.cat([kept[index - 1], x], 1)
        return torch.tanh(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return what CUT compares: the picture and its first four halvings. Ours: none is published for U-Nets."""
        found = [x]
        for down in list(self.down)[:4]:
            found.append(down(found[-1]))
        return found


def _conv3(channels: int, config: GeneratorConfig) -> nn.Module:
    if config.kind is GeneratorKind.MOBILE:
        return Separable(channels, config.norm)
    return nn.Conv2d(channels, channels, 3, bias=config.norm is Norm.NONE)


def _halve(channels: int, config: GeneratorConfig) -> list[nn.Module]:
    """Return the layers that make 2 × channels at half the size."""
    bias = config.norm is Norm.NONE
    strided, wraps = config.downsampling is Downsampling.STRIDED, config.padding is Padding.WRAP
    layers: list[nn.Module] = [Pad(1, config.padding)] if wraps else []  # zeros as published are an edge
    layers.append(nn.Conv2d(channels, 2 * channels, 3, 2 if strided else 1, padding=0 if wraps else 1, bias=bias))
    layers += [norm(2 * channels, config.norm), nn.ReLU(inplace=not bias)]  # without a norm it would change `features`
    return layers if strided else [*layers, BlurDown(2 * channels)]


def _double4(channels_in: int, channels_out: int, upsampling: Upsampling, *, bias: bool) -> nn.Module:
    """Return the layer of a U-Net that doubles H and W."""
    if upsampling is Upsampling.TRANSPOSED:
        return nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=bias)
    blurred = upsampling is Upsampling.BLURRED
    return ResizeConv(channels_in, channels_out, blurred=blurred, padding=Padding.REPLICATE, bias=bias)
