"""The terms of CycleGAN's objective, after arXiv 1703.10593."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import GanLoss


def generator_loss(scores_of_fakes: list[Tensor], kind: GanLoss) -> Tensor:
    """What a generator pays for being seen through: a scalar, 0 at best; the sum over a discriminator's score maps.

    least squares: E[(D(G(x)) - 1)²] (section 4); cross-entropy: -E[log σ(D(G(x)))], equation 1 made non-saturating.
    """
    return torch.stack([_distance_to(scores.float(), 1.0, kind) for scores in scores_of_fakes]).sum()


def discriminator_loss(scores_of_reals: list[Tensor], scores_of_fakes: list[Tensor], kind: GanLoss) -> Tensor:
    """What a discriminator pays, halved so that it learns at half the generators' pace (section 4): a scalar.

    least squares: ½ (E[(D(y) - 1)²] + E[D(G(x))²]); cross-entropy: -½ (E[log σ(D(y))] + E[log(1 - σ(D(G(x))))]).
    """
    real = torch.stack([_distance_to(scores.float(), 1.0, kind) for scores in scores_of_reals]).sum()
    fake = torch.stack([_distance_to(scores.float(), 0.0, kind) for scores in scores_of_fakes]).sum()
    return 0.5 * (real + fake)


def cycle_loss(cycled: Tensor, real: Tensor) -> Tensor:
    """‖F(G(x)) - x‖₁, the mean over all values (equation 2; one direction of it)."""
    return F.l1_loss(cycled.float(), real.float())


def identity_loss(same: Tensor, real: Tensor) -> Tensor:
    """‖G(y) - y‖₁, the mean over all values (section 5.2; one direction of it)."""
    return F.l1_loss(same.float(), real.float())


def grid_loss(fake: Tensor, stride: int = 4, window_px: int = 32) -> Tensor:
    """How much a picture's values depend on the place within cells of `stride` pixels: 0 where they do not.

    Ours, not published: in every window, the mean absolute deviation of the stride × stride places' means from theirs.
    A generator that works at a quarter of the size leaves grids in flat parts; those average to nothing over a whole
    picture, so each window counts for itself. `fake` is N×C×H×W, H and W multiples of `stride`.
    """
    cells = F.pixel_unshuffle(fake.float(), stride)  # N, C × stride², H / stride, W / stride: a channel for each place
    window = min(window_px // stride, *cells.shape[2:])
    means = F.avg_pool2d(cells, window)  # N, C × stride², windows down, windows across
    places = means.view(fake.shape[0], fake.shape[1], stride * stride, *means.shape[2:])
    return (places - places.mean(2, keepdim=True)).abs().mean()


def _distance_to(scores: Tensor, label: float, kind: GanLoss) -> Tensor:
    if kind is GanLoss.LEAST_SQUARES:
        return ((scores - label) ** 2).mean()
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))
