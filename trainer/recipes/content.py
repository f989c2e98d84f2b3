"""What keeps a translation like its picture without a way back: contrast on frozen features, and its broad colors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .losses import patch_nce_loss

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as everywhere in this program where colors become gray
SCALES = slice(1, 3)  # of a frozen network's features: strides 8 and 16


def frozen_contrast_loss(
    sources: Sequence[Tensor], fakes: Sequence[Tensor], *, places: int, temperature: float, random: torch.Generator
) -> Tensor:
    """How hard it is to find each place of a picture among its own places by its translation's features.

    As CUT's (arXiv 2007.15651, equation 3), on N×C×h×w features of a network that does not learn, without heads. Each
    picture's mean feature is taken off first: what all places share, as a painter's tone, says nothing of content.
    """
    losses = []
    for source, fake in zip(sources, fakes, strict=True):
        chosen = torch.randperm(source.shape[2] * source.shape[3], generator=random)[:places].to(source.device)
        keys, queries = (_directions(features, chosen) for features in (source, fake))
        losses.append(patch_nce_loss(queries, keys, temperature))
    return torch.stack(losses).mean()


def perceived_distance(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """How far N×C×h×w features of two sets of pictures are apart, each place's brought to length 1.

    The mean over places of the squared distance, summed over scales: LPIPS without learned weights (arXiv 1801.03924,
    equation 1).
    """
    directions = (
        (F.normalize(one.float(), dim=1, eps=1e-6) for one in pair) for pair in zip(made, wanted, strict=True)
    )
    return torch.stack([(x - y).square().sum(1).mean() for x, y in directions]).sum()


def broad_color_losses(fake: Tensor, source: Tensor, side_px: int = 16) -> tuple[Tensor, Tensor]:
    """Return how far brightness, and how unevenly color, has moved in squares of `side_px` pixels, mean values.

    N×3×H×W pictures in [-1, 1]. Color is what is left without brightness (ITU-R BT.601). A picture's tint may change
    as a whole, as a painter's palette wants it; what is penalized is that parts are tinted otherwise: blotches.
    """
    change = F.avg_pool2d(fake.float() - source.float(), side_px)  # N, 3, H / 16, W / 16
    luma = torch.tensor(LUMA, device=change.device).view(1, 3, 1, 1)
    brightness = (change * luma).sum(1, keepdim=True)
    color = change - brightness
    uneven = color - color.mean((2, 3), keepdim=True)
    return brightness.abs().mean(), uneven.abs().mean()


def _directions(features: Tensor, chosen: Tensor) -> Tensor:
    """Return N×S×C features of length 1 at the chosen places, each picture's mean taken off."""
    flat = features.flatten(2).float()
    centered = flat - flat.mean(2, keepdim=True)
    return F.normalize(centered[:, :, chosen].transpose(1, 2), dim=2)
