"""One step of CUT: the discriminator, then the generator, each patch like the one it was made of (arXiv 2007.15651).

After github.com/taesungp/contrastive-unpaired-translation (models/cut_model.py, patchnce.py and networks.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cgconv.trainer.arithmetic import Arithmetic
from cgconv.trainer.choices import Direction, GanLoss
from cgconv.trainer.config import TrainConfig
from cgconv.trainer.networks.build import Generators, build_discriminator
from cgconv.trainer.networks.discriminators import shifted
from cgconv.trainer.networks.layers import initialize

from .history import History
from .losses import discriminator_loss, generator_loss, gradient_penalty, patch_nce_loss, r1_penalty, weighted_sum
from .recipe import Memory, Moment, adam


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


class Cut:
    """One generator, one discriminator, and the heads that compare patches."""

    def __init__(self, config: TrainConfig, arithmetic: Arithmetic) -> None:
        self.config = config
        self.arithmetic = arithmetic
        options, contrast = config.optimizer, config.contrast
        self.generators = Generators(config)
        self.generator = self.generators.of(config.direction)
        channels_in = config.generator.channels_in  # of both domains
        self.discriminator = build_discriminator(config.discriminator, channels_in)
        with torch.no_grad():
            seen = self.generator.features(torch.zeros(1, channels_in, 256, 256))
        channels = [layer.shape[1] for layer in seen]
        self.heads = Heads(channels, contrast.features)
        self.networks: dict[str, nn.Module] = {
            "generators": self.generators, "discriminator": self.discriminator, "heads": self.heads,
        }  # fmt: skip
        for network in self.networks.values():
            initialize(network, options.init, options.init_gain)
            network.to(arithmetic.device)
        self.generator_optimizer = adam(self.generators, options.learning_rate, options)
        self.discriminator_optimizer = adam(self.discriminator, options.discriminator_learning_rate, options)
        self.head_optimizer = adam(self.heads, options.learning_rate, options)
        self.optimizers: list[torch.optim.Optimizer] = [
            self.generator_optimizer, self.discriminator_optimizer, self.head_optimizer,
        ]  # fmt: skip
        self.random = torch.Generator()
        self.history = History(config.loss.history)
        self.memories: dict[str, Memory] = {"history": self.history}

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        config, loss, contrast = self.config, self.config.loss, self.config.contrast
        forth = config.direction is Direction.A2B
        source, target = (real_a, real_b) if forth else (real_b, real_a)
        adversarial, weight = ("gan_ab", loss.gan_ab) if forth else ("gan_ba", loss.gan_ba)
        mirrored = contrast.flip and torch.rand((), generator=self.random).item() < 0.5
        with_identity = contrast.weight > 0 and contrast.identity

        with self.arithmetic.autocast():
            fake = self.generator(source.flip(3) if mirrored else source)
            same = self.generator(target.flip(3) if mirrored else target) if with_identity else None
        terms = self._step_discriminator(target, fake.detach(), moment) if weight else {}

        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(False)
        wanted: dict[str, Tensor] = {}
        with self.arithmetic.autocast():
            if weight:
                scores = self.discriminator(shifted(fake, loss.jitter, self.random))
                wanted[adversarial] = generator_loss(scores, loss.gan)
            if contrast.weight:
                wanted["nce"] = self._nce(source, fake, mirrored=mirrored)
            if same is not None:
                wanted["nce_identity"] = self._nce(target, same, mirrored=mirrored)
        nce = contrast.weight * (0.5 if with_identity else 1.0)
        weights = {adversarial: weight, "nce": nce, "nce_identity": nce}
        if wanted:
            objective = weighted_sum(wanted, weights)
            self.arithmetic.update([self.generator_optimizer, self.head_optimizer], objective)
            wanted["objective"] = objective
        return {name: term.detach() for name, term in (wanted | terms).items()}

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

    def _step_discriminator(self, target: Tensor, fake: Tensor, moment: Moment) -> dict[str, Tensor]:
        loss = self.config.loss
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(True)
        old = self.history.exchange(fake, self.random)
        with self.arithmetic.autocast():
            fake_scores = self.discriminator(shifted(old, loss.jitter, self.random))
            real_scores = self.discriminator(shifted(target, loss.jitter, self.random))
        terms = {"discriminator": discriminator_loss(real_scores, fake_scores, loss.gan)}
        if loss.gan is GanLoss.WGAN_GP:
            terms["penalty"] = gradient_penalty(self.discriminator.forward, target, old, self.random)
        if loss.r1 and moment.step % loss.r1_every == 0:
            terms["r1"] = r1_penalty(self.discriminator.forward, target)
        weights = {"discriminator": 1.0, "penalty": loss.penalty, "r1": loss.r1 * loss.r1_every}
        self.arithmetic.update([self.discriminator_optimizer], weighted_sum(terms, weights))
        return terms
