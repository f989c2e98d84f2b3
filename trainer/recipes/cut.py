"""One step of CUT: the discriminator, then the generator, each patch like the one it was made of (arXiv 2007.15651).

After github.com/taesungp/contrastive-unpaired-translation (models/cut_model.py, patchnce.py and networks.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cgconv.trainer.networks.discriminators import shifted

from .losses import generator_loss, patch_nce_loss
from .one_sided import OneSided
from .recipe import Moment
from .stability import stability_loss


class Heads(nn.Module):
    """Two linear layers for each layer of features; what comes out has length 1."""

    def __init__(self, channels: Sequence[int], features: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(before, features), nn.ReLU(), nn.Linear(features, features)) for before in channels
        )

    def forward(self, found: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """Turn N×C×h×w features at `places` (indices into h × w) into N×S×features, one tensor a layer."""
        out = []
        for layer, features, chosen in zip(self.layers, found, places, strict=True):
            patches = features.flatten(2)[:, :, chosen].transpose(1, 2)  # N, S, C
            projected = layer(patches).float()
            out.append(projected / (projected.norm(dim=2, keepdim=True) + 1e-7))
        return out


class Cut(OneSided):
    """One generator, one discriminator, and the heads that compare patches."""

    def make_more(self) -> dict[str, nn.Module]:
        with torch.no_grad():
            seen = self.generator.features(torch.zeros(1, self.config.generator.channels_in, 256, 256))
        self.heads = Heads([layer.shape[1] for layer in seen], self.config.contrast.features)
        return {"heads": self.heads}

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        loss, contrast = self.config.loss, self.config.contrast
        source, target, adversarial, weight = self.ends(real_a, real_b)
        mirrored = contrast.flip and torch.rand((), generator=self.random).item() < 0.5
        with_identity = contrast.weight > 0 and contrast.identity

        with self.arithmetic.autocast():
            seen = source.flip(3) if mirrored else source
            fake = self.generator(seen)
            same = self.generator(target.flip(3) if mirrored else target) if with_identity else None
        judged = self.update_discriminator(target, fake.detach(), moment) if weight else {}

        self.learn(discriminator=False)
        wanted: dict[str, Tensor] = {}
        with self.arithmetic.autocast():
            if weight:
                scores = self.discriminator(shifted(fake, loss.jitter, self.random))
                wanted[adversarial] = generator_loss(scores, loss.gan)
            if contrast.weight:
                wanted["nce"] = self._nce(source, fake, mirrored=mirrored)
            if same is not None:
                wanted["nce_identity"] = self._nce(target, same, mirrored=mirrored)
            if loss.stability:
                wanted["stability"] = stability_loss(self.generator, seen, fake, self.random)
        nce = contrast.weight * (0.5 if with_identity else 1.0)
        weights = {adversarial: weight, "nce": nce, "nce_identity": nce, "stability": loss.stability}
        terms = self.update_generator(wanted, weights) | judged
        return {name: term.detach() for name, term in terms.items()}

    def _nce(self, source: Tensor, translated: Tensor, *, mirrored: bool) -> Tensor:
        """Return the contrastive loss, the mean over layers; `mirrored`: `source` was flipped before translating it."""
        keys = self.generator.features(source)
        queries = self.generator.features(translated)
        if mirrored:
            queries = [layer.flip(3) for layer in queries]
        places = []
        for layer in keys:
            chosen = torch.randperm(layer.shape[2] * layer.shape[3], generator=self.random)
            places.append(chosen[: self.config.contrast.patches].to(layer.device))
        pairs = zip(self.heads(queries, places), self.heads(keys, places), strict=True)
        losses = [patch_nce_loss(query, key, self.config.contrast.temperature) for query, key in pairs]
        return torch.stack(losses).mean()
