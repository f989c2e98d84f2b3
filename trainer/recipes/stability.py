"""What makes a translation steady: a small change of the picture must change the translation in the same way.

Single-frame regularization by transform invariance (Eilertsen, Mantiuk and Unger 2019, arXiv 1902.10424): films come
out steadier though only pictures are learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_SHIFT_PX = 3  # whole pixels, each way, so that nothing is blurred by it
LARGEST_ZOOM = 0.02
LARGEST_GAIN = 0.06
LARGEST_OFFSET = 0.06  # of 2, from black to white
LARGEST_NOISE = 0.04  # deviation: 5 gray levels
MARGIN_PX = 8  # along the edges nothing is compared: there pixels come in that were not in the picture


@dataclass(frozen=True)
class Change:
    """What happens to each of N pictures; a shift and a zoom of the same picture exclude each other."""

    shifts: list[tuple[int, int]]  # down and to the right, pixels
    zooms: Tensor  # N; 1 leaves a picture as it is
    gains: Tensor  # N; contrast around middle gray …
    offsets: Tensor  # N; … and brightness
    noise: Tensor  # N×C×H×W

    def of_source(self, images: Tensor) -> Tensor:
        """Return N×C×H×W pictures in [-1, 1], moved, lit otherwise, and with noise."""
        return (self._moved_and_lit(images) + self.noise).clamp(-1, 1)

    def of_result(self, images: Tensor) -> Tensor:
        """Return their translations, moved and lit as they were; noise is what a translation shall not show."""
        return self._moved_and_lit(images).clamp(-1, 1)

    def _moved_and_lit(self, images: Tensor) -> Tensor:
        moved = [torch.roll(image, shift, (1, 2)) for image, shift in zip(images, self.shifts, strict=True)]
        lit = self.gains.view(-1, 1, 1, 1) * zoomed(torch.stack(moved), self.zooms)
        return lit + self.offsets.view(-1, 1, 1, 1)


def zoomed(images: Tensor, zooms: Tensor) -> Tensor:
    """Enlarge each of N×C×H×W pictures around its middle, `zooms` times (cubic)."""
    if bool((zooms == 1).all()):
        return images
    scale = torch.zeros(len(images), 2, 3, device=images.device)
    scale[:, 0, 0] = scale[:, 1, 1] = 1 / zooms
    grid = F.affine_grid(scale, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


def draw_change(images: Tensor, random: torch.Generator) -> Change:
    """Draw a change for each of N×C×H×W pictures: half of them move, half are zoomed."""
    count = len(images)
    uniform = torch.rand(count, 4, generator=random) * 2 - 1  # zoom, gain, offset, noise
    steps = torch.randint(-LARGEST_SHIFT_PX, LARGEST_SHIFT_PX + 1, (count, 2), generator=random).tolist()
    is_zoomed = torch.rand(count, generator=random) < 0.5
    shifts = [(0, 0) if zooms else (step[0], step[1]) for step, zooms in zip(steps, is_zoomed.tolist(), strict=True)]
    zooms = torch.where(is_zoomed, 1 + LARGEST_ZOOM * uniform[:, 0], torch.ones(count))
    grain = torch.randn(images.shape, generator=random) * (LARGEST_NOISE * uniform[:, 3].abs()).view(-1, 1, 1, 1)
    values = (zooms, 1 + LARGEST_GAIN * uniform[:, 1], LARGEST_OFFSET * uniform[:, 2], grain)
    return Change(shifts, *(value.to(images.device) for value in values))


def stability_loss(
    translate: Callable[[Tensor], Tensor], source: Tensor, result: Tensor, random: torch.Generator
) -> Tensor:
    """mean |G(T(x)) - T(G(x))|, T drawn anew for each picture (the paper's transform invariance, as a mean distance).

    `result` is G(x) of N×C×H×W `source` in [-1, 1]; both sides learn. In float32 but for what `translate` does itself.
    """
    change = draw_change(source, random)
    changed = translate(change.of_source(source.float())).float()
    inner = slice(MARGIN_PX, -MARGIN_PX)
    return F.l1_loss(changed[:, :, inner, inner], change.of_result(result.float())[:, :, inner, inner])
