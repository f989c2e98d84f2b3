"""Remember earlier fakes for the discriminators."""

from __future__ import annotations

import torch
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
