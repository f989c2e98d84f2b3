"""Remember earlier pictures: fakes for the discriminators, small patches for the colour loss."""

from __future__ import annotations

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

        Where crops have grown, fakes of the old size leave unseen.
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
                old = self.fakes[index]
                out.append(old if old.shape == fake.shape or len(fakes) == 1 else fake)
                self.fakes[index] = fake.clone()
            else:
                out.append(fake)
        return torch.stack(out)

    def state(self) -> dict[str, list[Tensor]]:
        """Return what a checkpoint must hold."""
        return {"fakes": self.fakes}

    def load_state(self, state: dict[str, list[Tensor]], device: torch.device) -> None:
        """Go on where `state` was taken."""
        self.fakes = [fake.to(device) for fake in state["fakes"]]


class ColorHistory:
    """Small blurred patches of the last pictures, real and fake, and how far apart their colours are.

    Ours: the sliced Wasserstein distance (Rabin et al. 2011) between patches of 7×7 cells of 8×8 pixels. A step's
    fakes are put among the remembered ones, so that the whole set has to match and not every picture.
    """

    def __init__(self, pictures: int = 100, patches: int = 20, projections: int = 32) -> None:
        self.pictures, self.patches, self.projections = pictures, patches, projections
        self.reals: list[Tensor] = []  # each patches × (C × 49), of one batch
        self.fakes: list[Tensor] = []

    def loss(self, fakes: Tensor, reals: Tensor, random: torch.Generator) -> Tensor:
        """Remember both N×C×H×W batches; return the distance, 0 until half of the memory is full.

        H and W at least 56. The gradient reaches `fakes` through this step's patches alone.
        """
        new = self._patches(fakes.float(), random)
        self.reals = [*self.reals, self._patches(reals.float(), random)][-self.pictures :]
        before = self.fakes
        self.fakes = [*self.fakes, new.detach()][-self.pictures :]
        if len(self.reals) < self.pictures // 2:
            return fakes.new_zeros((), dtype=torch.float32)
        of_fakes = torch.cat([*before[-len(self.reals) + 1 :], new])
        of_reals = torch.cat(self.reals)
        directions = torch.randn(of_fakes.shape[1], self.projections, generator=random).to(fakes.device)
        directions = directions / directions.norm(dim=0)
        ordered, order = torch.sort(of_fakes @ directions, dim=0)
        wanted = torch.sort(of_reals @ directions, dim=0).values
        mine = order >= len(of_fakes) - len(new)
        return ((ordered - wanted).abs() * mine).sum() / mine.sum()

    def state(self) -> dict[str, list[Tensor]]:
        """Return what a checkpoint must hold."""
        return {"reals": self.reals, "fakes": self.fakes}

    def load_state(self, state: dict[str, list[Tensor]], device: torch.device) -> None:
        """Go on where `state` was taken."""
        self.reals = [patches.to(device) for patches in state["reals"]]
        self.fakes = [patches.to(device) for patches in state["fakes"]]

    def _patches(self, images: Tensor, random: torch.Generator) -> Tensor:
        small = F.avg_pool2d(images, 8)
        patches = F.unfold(small, 7).transpose(1, 2).flatten(0, 1)  # M, C × 49
        chosen = torch.randperm(len(patches), generator=random)
        chosen = chosen.repeat(-(-self.patches // len(chosen)))[: self.patches]  # a small picture's patches count more
        return patches[chosen.to(patches.device)]
