"""Remember earlier pictures: fakes for the discriminators, small patches for the patch loss."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class History:
    """Up to `size` fakes of earlier steps, so that a discriminator does not forget them; 0 hands batches through.

    After arXiv 1703.10593, section 4, and arXiv 1612.07828.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.fakes: list[Tensor] = []  # each C×H×W

    def exchange(self, fakes: Tensor, random: torch.Generator) -> Tensor:
        """Return N×C×H×W fakes for the discriminator: each new one, or with even odds an old one that it replaces.

        All come in the number type of the new ones: a run may go on in another. Where crops have grown, a batch of one
        may be an old fake of the old size; in larger batches, which have one size, such fakes leave unseen.
        """
        if self.size == 0:
            return fakes
        out: list[Tensor] = []
        for fake in fakes.detach():
            if len(self.fakes) < self.size:
                self.fakes.append(fake.clone())
                out.append(fake)
            elif torch.rand((), generator=random).item() < 0.5:
                index = int(torch.randint(self.size, (), generator=random).item())
                old = self.fakes[index].to(fake.dtype)
                out.append(old if old.shape == fake.shape or len(fakes) == 1 else fake)
                self.fakes[index] = fake.clone()
            else:
                out.append(fake)
        return torch.stack(out)

    def state(self) -> dict[str, list[Tensor]]:
        """Return what a checkpoint must hold, on the CPU: every process sends it to the first."""
        return {"fakes": [fake.cpu() for fake in self.fakes]}

    def load_state(self, state: dict[str, list[Tensor]], device: torch.device) -> None:
        """Go on where `state` was taken."""
        self.fakes = [fake.to(device) for fake in state["fakes"]]


PATCH_LEVELS = 4  # of the pyramid: three differences between a size and its half, and what remains at an eighth
PATCH_PX = 7
PATCHED_MULTIPLE = 2 ** (PATCH_LEVELS - 1)  # of the sides of pictures that patches are cut from …
SMALLEST_PATCHED_PX = PATCH_PX * PATCHED_MULTIPLE  # … and the least that they are


class PatchHistory:
    """Small patches of the last pictures, real and fake, and how far apart the two sets are at each level of a pyramid.

    The sliced Wasserstein distance of 7×7 patches (arXiv 2203.11862, there within one picture), in deviations of the
    reals. The coarsest level is colours and brightness, the finer ones are texture. A step's fakes are put among the
    remembered ones, so that the whole set has to match and not every picture.
    """

    def __init__(
        self, levels: tuple[int, ...] = (0, 1, 2, 3), *, pictures: int = 50, patches: int = 40, projections: int = 32
    ) -> None:
        self.levels = levels  # finest 0
        self.pictures, self.patches, self.projections = pictures, patches, projections
        self.reals: dict[int, list[Tensor]] = {level: [] for level in levels}  # each patches × (C × 49), of one batch
        self.fakes: dict[int, list[Tensor]] = {level: [] for level in levels}

    def loss(self, fakes: Tensor, reals: Tensor, random: torch.Generator) -> Tensor:
        """Remember both N×C×H×W batches; return the levels' distances' sum, 0 until half of the memory is full.

        H and W are multiples of 8, at least 56. The gradient reaches `fakes` through this step's patches alone.
        """
        of_fakes, of_reals = pyramid(fakes.float()), pyramid(reals.float())
        distances = [self._distance(level, of_fakes[level], of_reals[level], random) for level in self.levels]
        return torch.stack(distances).sum()

    def state(self) -> dict[str, list[list[Tensor]]]:
        """Return what a checkpoint must hold, on the CPU."""
        return {
            name: [[patches.cpu() for patches in batches] for batches in kept.values()]
            for name, kept in (("reals", self.reals), ("fakes", self.fakes))
        }

    def load_state(self, state: dict[str, list[list[Tensor]]], device: torch.device) -> None:
        """Go on where `state` was taken."""
        for kept, name in ((self.reals, "reals"), (self.fakes, "fakes")):
            for level, batches in zip(self.levels, state[name], strict=True):
                kept[level] = [patches.to(device) for patches in batches]

    def _distance(self, level: int, fakes: Tensor, reals: Tensor, random: torch.Generator) -> Tensor:
        new, before = self._patches(fakes, random), self.fakes[level]
        self.reals[level] = [*self.reals[level], self._patches(reals, random)][-self.pictures :]
        self.fakes[level] = [*before, new.detach()][-self.pictures :]
        count = len(self.reals[level])
        if count < max(2, self.pictures // 2):
            return (new * 0).sum()  # a constant could not be derived where it is the only term
        of_reals, older = torch.cat(self.reals[level]), torch.cat(before[1 - count :])
        directions = torch.randn(new.shape[1], self.projections, generator=random).to(new.device)
        directions = directions / directions.norm(dim=0) / of_reals.std()
        mine = torch.sort(directions.T @ new.T, dim=1).values  # projections × patches of this step
        ranks = torch.searchsorted(_sorted(directions.T @ older.T), mine.detach())  # among the older ones
        ranks = ranks + torch.arange(len(new), device=new.device)  # among all
        wanted = _sorted(directions.T @ of_reals.T).gather(1, ranks)
        return (mine - wanted).abs().mean()

    def _patches(self, images: Tensor, random: torch.Generator) -> Tensor:
        height, width = images.shape[2:]
        down, across = height - PATCH_PX + 1, width - PATCH_PX + 1
        places = torch.randint(down * across, (self.patches,), generator=random)
        within = torch.arange(PATCH_PX)[:, None] * width + torch.arange(PATCH_PX)
        pixels = (places // across * width + places % across)[:, None] + within.flatten()  # patches × 49
        cut = images.flatten(2)[:, :, pixels.to(images.device)]  # N, C, patches, 49
        return cut.permute(2, 0, 1, 3).flatten(0, 1).flatten(1)  # patches × N, C × 49


def _sorted(values: Tensor) -> Tensor:
    """Return the rows in rising order; NumPy's sort takes a seventh of the time of PyTorch's on a CPU."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.sort(values.numpy(), axis=1))
    return torch.sort(values, dim=1).values


def pyramid(images: Tensor) -> list[Tensor]:
    """Return the differences of N×C×H×W images from their halved selves, finest first, and the eighth that remains."""
    levels = []
    for _ in range(PATCH_LEVELS - 1):
        half = F.avg_pool2d(images, 2)
        levels.append(images - F.interpolate(half, scale_factor=2.0, mode="bilinear"))
        images = half
    return [*levels, images]
