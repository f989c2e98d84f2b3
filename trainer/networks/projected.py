"""The projected discriminator: small networks judge what a frozen network sees (arXiv 2111.01007)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .efficientnet import CHANNELS, EfficientNetLite

MIXED = 64  # channels of each scale after the projections
HALVINGS = (3, 2, 1, 1)  # of the network that judges each scale
SCORES = len(HALVINGS) + 1  # maps of them: of the scales, and of the pixels
MIXING_SEED = 2111_01007  # the projections are the same in every run, and in no checkpoint


@dataclass(frozen=True)
class Seen:
    """What the frozen part makes of pictures: of them nothing is learned, so a step looks once and judges twice."""

    pixels: Tensor  # N×3×H×W; of a pair, here and below, twice the channels
    features: list[Tensor]  # N×C×H/s×W/s, s = 4, 8, 16, 32
    mixed: list[Tensor]  # the same sizes, `MIXED` channels

    def detached(self) -> Seen:
        """Return the same without a way back to what made the pictures."""
        return Seen(self.pixels.detach(), [x.detach() for x in self.features], [x.detach() for x in self.mixed])


class Mixing(nn.Module):
    """Fixed random projections of features, mixed across channels (1×1) and, from coarse to fine, across scales (3×3).

    Equation 4 and section 3.2 of the paper: without them a discriminator looks at few features only.
    """

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(MIXING_SEED)
        for index, channels in enumerate(CHANNELS):
            for name, shape in ("across", (MIXED, channels, 1, 1)), ("down", (MIXED, MIXED, 3, 3)):
                fan_in = shape[1] * shape[2] * shape[3]
                weight = torch.randn(shape, generator=random) / fan_in**0.5
                self.register_buffer(f"{name}_{index}", weight, persistent=False)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        for index in reversed(range(len(CHANNELS))):
            x = F.conv2d(features[index], self.get_buffer(f"across_{index}"))
            if mixed:
                x = x + F.interpolate(mixed[0], size=x.shape[2:], mode="nearest")
            mixed.insert(0, F.conv2d(x, self.get_buffer(f"down_{index}"), padding=1))
        return mixed


class ProjectedDiscriminator(nn.Module):
    """Judge N×C×H×W pictures in [-1, 1] (H, W at least 64): a score map a scale, high for real.

    `channels` are those of the pictures that C holds behind each other: one of 1 or 3 channels, or a pair, each of
    which the frozen network sees by itself. Four scales of a frozen EfficientNet-lite0, and a fifth network that sees
    the pixels themselves: what the frozen one is blind to, as weaves of few pixels, would stay otherwise. In
    `state_dict` are the learned weights alone.
    """

    def __init__(self, frozen: EfficientNetLite, channels: tuple[int, ...] = (3,), *, pixel_width: int = 48) -> None:
        super().__init__()
        self.frozen = frozen
        self.channels = channels
        self.mixing = Mixing()
        self.scales = nn.ModuleList(_scale(MIXED * len(channels), halvings) for halvings in HALVINGS)
        self.pixels = _pixels(3 * len(channels), pixel_width)

    def look(self, images: Tensor) -> Seen:
        """Return what the frozen part sees of pictures; gradients go through it to them."""
        pictures = [_colored(picture) for picture in torch.split(images, list(self.channels), 1)]
        features = self.frozen(torch.cat(pictures))
        mixed = self.mixing(features)
        features, mixed = ([_beside(x, len(pictures)) for x in maps] for maps in (features, mixed))
        return Seen(torch.cat(pictures, 1), features, mixed)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the frozen network's own features of N×C×H×W pictures, C 1 or 3."""
        found: list[Tensor] = self.frozen(_colored(images))
        return found

    def judge(self, seen: Seen) -> list[Tensor]:
        """Return N×1×h×w scores: of the four scales, finest first, and of the pixels."""
        return [*(network(x) for network, x in zip(self.scales, seen.mixed, strict=True)), self.pixels(seen.pixels)]

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.judge(self.look(images))


def _colored(picture: Tensor) -> Tensor:
    return picture.expand(-1, 3, -1, -1)  # gray in every channel; colors as they are


def _beside(x: Tensor, count: int) -> Tensor:
    """Put `count` pictures that lie behind each other in the batch beside each other in the channels."""
    return x if count == 1 else torch.cat(x.chunk(count), 1)


def _scale(channels: int, halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(halvings):
        layers += [spectral_norm(nn.Conv2d(channels, MIXED, 4, 2, 1)), nn.LeakyReLU(0.2)]
        channels = MIXED
    layers += [spectral_norm(nn.Conv2d(channels, MIXED, 3, 1, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(MIXED, 1, 1)))


def _pixels(channels: int, width: int) -> nn.Sequential:
    """A PatchGAN of two halvings, without a norm that would hide overall color: sees 22×22 pixels."""
    layers: list[nn.Module] = []
    for before, after, stride in (channels, width, 2), (width, 2 * width, 2), (2 * width, 2 * width, 1):
        layers += [spectral_norm(nn.Conv2d(before, after, 4, stride, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(2 * width, 1, 4, 1, 1)))
