"""The terms of the objectives, each a scalar in float32, and where each was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from cgconv.trainer.choices import GanLoss

Scores = Tensor | Sequence[Tensor]  # a score map, or one a scale: then a loss is the sum over the scales


def generator_loss(scores_of_fakes: Scores, kind: GanLoss) -> Tensor:
    """What a generator pays for being seen through.

    least squares: E[(D(G(x)) - 1)²] (arXiv 1703.10593, section 4); cross-entropy: -E[log σ(D(G(x)))], equation 1 made
    non-saturating; hinge and WGAN-GP: -E[D(G(x))].
    """
    if not isinstance(scores_of_fakes, Tensor):
        return torch.stack([generator_loss(scores, kind) for scores in scores_of_fakes]).sum()
    scores = scores_of_fakes.float()
    if kind in (GanLoss.HINGE, GanLoss.WGAN_GP):
        return -scores.mean()
    return _distance_to(scores, 1.0, kind)


def discriminator_loss(scores_of_reals: Scores, scores_of_fakes: Scores, kind: GanLoss) -> Tensor:
    """What a discriminator pays, halved so that it learns at half the generators' pace (section 4).

    least squares: ½ (E[(D(y) - 1)²] + E[D(G(x))²]); cross-entropy: -½ (E[log σ(D(y))] + E[log(1 - σ(D(G(x))))]);
    hinge: ½ (E[max(0, 1 - D(y))] + E[max(0, 1 + D(G(x)))]); WGAN-GP: ½ (E[D(G(x))] - E[D(y)]), the penalty apart.
    """
    if not isinstance(scores_of_reals, Tensor) or not isinstance(scores_of_fakes, Tensor):
        scales = zip(scores_of_reals, scores_of_fakes, strict=True)
        return torch.stack([discriminator_loss(reals, fakes, kind) for reals, fakes in scales]).sum()
    reals, fakes = scores_of_reals.float(), scores_of_fakes.float()
    if kind is GanLoss.HINGE:
        return 0.5 * (F.relu(1 - reals).mean() + F.relu(1 + fakes).mean())
    if kind is GanLoss.WGAN_GP:
        return 0.5 * (fakes.mean() - reals.mean())
    return 0.5 * (_distance_to(reals, 1.0, kind) + _distance_to(fakes, 0.0, kind))


def gradient_penalty(
    discriminator: Callable[[Tensor], Scores], reals: Tensor, fakes: Tensor, random: torch.Generator
) -> Tensor:
    """E[(‖∇D(x̂)‖₂ - 1)²], x̂ at random between a real and a fake picture (arXiv 1704.00028, equation 3).

    D is the sum of a picture's patch scores, as in the published CycleGAN code. Everything in float32, outside
    autocast; of N×C×H×W pictures of two sizes the corners that both have are taken.
    """
    height, width = (min(sides) for sides in zip(reals.shape[2:], fakes.shape[2:], strict=True))
    reals, fakes = reals[:, :, :height, :width], fakes[:, :, :height, :width]
    share = torch.rand(len(reals), 1, 1, 1, generator=random).to(reals.device)
    between = share * reals.float() + (1 - share) * fakes.detach().float()
    gradient = _gradient(discriminator, between)
    lengths: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return (lengths - 1).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Scores], reals: Tensor) -> Tensor:
    """½ E[‖∇D(y)‖²] on real pictures (arXiv 1801.04406, equation 9), D the sum of a picture's patch scores."""
    gradient = _gradient(discriminator, reals.detach().float())
    return 0.5 * gradient.square().sum((1, 2, 3)).mean()


def cycle_loss(cycled: Tensor, real: Tensor) -> Tensor:
    """‖F(G(x)) - x‖₁, the mean over all values (arXiv 1703.10593, equation 2; one direction of it)."""
    return F.l1_loss(cycled.float(), real.float())


def identity_loss(same: Tensor, real: Tensor) -> Tensor:
    """‖G(y) - y‖₁, the mean over all values (section 5.2; one direction of it)."""
    return F.l1_loss(same.float(), real.float())


def patch_nce_loss(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """How hard it is to find each query's own key among the keys of its picture (arXiv 2007.15651, equation 3).

    `queries` and `keys` are N×S×C, S patches of each of N pictures, of length 1; the keys are constants. Everything
    in float32, outside autocast, which would round products before the temperature makes them 14 times as large.
    """
    with torch.autocast(queries.device.type, enabled=False):
        alike = torch.bmm(queries.float(), keys.detach().float().transpose(1, 2)) / temperature  # N, S, S
        own = torch.arange(queries.shape[1], device=queries.device).expand(len(queries), -1)
        return F.cross_entropy(alike.flatten(0, 1), own.flatten())


def structure_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """1 - SSIM (Wang et al. 2004): the mean over channels and all windows of 11×11 pixels that fit, Gaussian in them.

    Of N×C×H×W pictures in [-1, 1], H and W at least 11, in float32.
    """
    offsets = torch.arange(-5.0, 6.0, device=made.device)
    weights = torch.exp(-(offsets**2) / (2 * 1.5**2))
    weights = weights / weights.sum()
    x, y = ((images.float() + 1) / 2 for images in (made, wanted))
    stacked = torch.cat([x, y, x * x, y * y, x * y], 1)
    for shape in ((1, 1, 11, 1), (1, 1, 1, 11)):  # the Gaussian, down and across
        kernel = weights.view(shape).expand(stacked.shape[1], -1, -1, -1)
        stacked = F.conv2d(stacked, kernel, groups=stacked.shape[1])
    mean_x, mean_y, of_xx, of_yy, of_xy = torch.split(stacked, x.shape[1], 1)
    variance_x, variance_y = of_xx - mean_x**2, of_yy - mean_y**2
    low, high = 0.01**2, 0.03**2  # of values from 0 to 1
    alike = (2 * mean_x * mean_y + low) * (2 * (of_xy - mean_x * mean_y) + high)
    ssim: Tensor = alike / ((mean_x**2 + mean_y**2 + low) * (variance_x + variance_y + high))
    return 1 - ssim.mean()


def weighted_sum(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Return the objective: the sum of all terms, each with its weight."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def _gradient(discriminator: Callable[[Tensor], Scores], x: Tensor) -> Tensor:
    """Return the gradient of the sum of all scores, differentiable itself, in float32.

    `discriminator` is the module's forward, not the module: what torch.compile makes cannot be derived twice.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.detach().requires_grad_()
        scores = discriminator(x)
        maps = [scores] if isinstance(scores, Tensor) else list(scores)
        (gradient,) = torch.autograd.grad([one.sum() for one in maps], x, create_graph=True)
    return gradient


def _distance_to(scores: Tensor, label: float, kind: GanLoss) -> Tensor:
    if kind is GanLoss.LEAST_SQUARES:
        return ((scores - label) ** 2).mean()
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))
