"""What any recipe may ask of its fakes beside fooling a discriminator: no grid, the right patches; shifted crops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .choices import Focus
from .config import LossConfig
from .history import PATCH_LEVELS, PatchHistory
from .losses import grid_loss


class Looks:
    """The grid loss and the patch loss of a run, with what the latter remembers of each domain.

    Where the run is for one direction, only its fakes are held to the finer levels: the others are a means.
    """

    def __init__(self, config: LossConfig, focus: Focus = Focus.BOTH) -> None:
        self.grid, self.patches = config.grid, config.patches
        every, coarsest = tuple(range(PATCH_LEVELS)), (PATCH_LEVELS - 1,)
        self.histories = {
            "a": PatchHistory(coarsest if focus is Focus.A2B else every),
            "b": PatchHistory(coarsest if focus is Focus.B2A else every),
        }

    @property
    def wanted(self) -> bool:
        """Whether either loss has a weight."""
        return self.grid > 0 or self.patches > 0

    def losses(self, domain: str, fakes: Tensor, reals: Tensor, random: torch.Generator) -> dict[str, Tensor]:
        """Return the terms that have a weight, by the name that `weights` knows; `domain` is a or b."""
        terms: dict[str, Tensor] = {}
        if self.grid:
            terms[f"grid_{domain}"] = grid_loss(fakes)
        if self.patches:
            terms[f"patches_{domain}"] = self.histories[domain].loss(fakes, reals, random)
        return terms

    def weights(self) -> dict[str, float]:
        """Return every term's weight."""
        return {"grid_a": self.grid, "grid_b": self.grid, "patches_a": self.patches, "patches_b": self.patches}

    def state(self) -> dict[str, Any]:  # Any: tensors by name
        """Return what a checkpoint must hold."""
        return {domain: history.state() for domain, history in self.histories.items()} if self.patches else {}

    def load_state(self, state: dict[str, Any], device: torch.device) -> None:  # Any: as above
        """Go on where `state` was taken."""
        for domain, kept in state.items():
            self.histories[domain].load_state(kept, device)


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
