"""Remember earlier fakes, so that a discriminator does not forget them (arXiv 1703.10593, section 4; 1612.07828)."""

from __future__ import annotations

import torch
from torch import Tensor


class History:
    """Up to `size` fakes of earlier steps; 0 hands every batch straight through."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fakes: list[Tensor] = []  # each C×H×W

    def exchange(self, fakes: Tensor, random: torch.Generator) -> Tensor:
        """Return N×C×H×W fakes for the discriminator: each new one, or with even odds an old one that it replaces."""
        if self.size == 0:
            return fakes
        out: list[Tensor] = []
        for fake in fakes.detach():
            if len(self.fakes) < self.size:
                self.fakes.append(fake.clone())
                out.append(fake)
            elif torch.rand((), generator=random).item() < 0.5:
                index = int(torch.randint(self.size, (), generator=random).item())
                out.append(self.fakes[index])
                self.fakes[index] = fake.clone()
            else:
                out.append(fake)
        return torch.stack(out)
