"""What any recipe may ask of its fakes beside fooling a discriminator: no grid, right colours; and shifted crops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .config import LossConfig
from .history import ColorHistory
from .losses import grid_loss


class Looks:
    """The grid loss and the colour loss of a run, with what the latter remembers of each domain."""

    def __init__(self, config: LossConfig) -> None:
        self.grid, self.color = config.grid, config.color
        self.colors = {"a": ColorHistory(), "b": ColorHistory()}

    @property
    def wanted(self) -> bool:
        """Whether either loss has a weight."""
        return self.grid > 0 or self.color > 0

    def losses(self, domain: str, fakes: Tensor, reals: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Return the terms that have a weight, by the name that `weights` knows; `domain` is a or b."""
        terms: dict[str, Tensor] = {}
        if self.grid:
            terms[f"grid_{domain}"] = grid_loss(fakes)
        if self.color:
            terms[f"color_{domain}"] = self.colors[domain].loss(fakes, reals, random)
        return terms

    def weights(self) -> dict[str, float]:
        """Return every term's weight."""
        return {"grid_a": self.grid, "grid_b": self.grid, "color_a": self.color, "color_b": self.color}

    def state(self) -> dict[str, Any]:  # Any: tensors by name
        """Return what a checkpoint must hold."""
        return {domain: history.state() for domain, history in self.colors.items()} if self.color else {}

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:  # Any: as above
        """Go on where `state` was taken."""
        for domain, kept in state.items():
            self.colors[domain].load_state(kept, device)


def shifted(images: Tensor, jitter_px: int, random: torch.Generator) -> Tensor:
    """Return N×C×(H - jitter)×(W - jitter) crops of N×C×H×W images, from a random place, one for the whole batch.

    A discriminator that sees these cannot learn where in a cell of its own strides a pixel lies, so neither grids
    that come with the generator's strides nor the picture's edges give a fake away by their place.
    """
    if not jitter_px:
        return images
    top, left = (int(value) for value in torch.randint(jitter_px + 1, (2,), generator=random))
    height, width = images.shape[2] - jitter_px, images.shape[3] - jitter_px
    return images[:, :, top : top + height, left : left + width]


def weighted_sum(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Return the objective: the sum of all terms, each with its weight."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()
