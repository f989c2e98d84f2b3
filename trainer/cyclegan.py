"""One step of CycleGAN: both generators first, then both discriminators (arXiv 1703.10593)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .config import Focus, GeneratorConfig, LossConfig, TrainConfig
from .history import History
from .losses import cycle_loss, discriminator_loss, generator_loss, grid_loss, identity_loss
from .networks import PatchDiscriminator, ResNetGenerator, initialize


@dataclass
class Translations:
    """What both generators make of a batch of each domain; N×3×H×W in [-1, 1]; `same` where identity is on."""

    fake_b: Tensor
    cycled_a: Tensor
    fake_a: Tensor
    cycled_b: Tensor
    same_b: Tensor | None
    same_a: Tensor | None


class Generators(nn.Module):
    """Both generators, so that one forward holds all passes of a step (several processes then synchronize once)."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.ab = ResNetGenerator(generator_config(config.generator, Focus.A2B))
        self.ba = ResNetGenerator(generator_config(config.generator, Focus.B2A))

    def forward(self, real_a: Tensor, real_b: Tensor, with_identity: bool) -> Translations:
        fake_b = self.ab(real_a)
        fake_a = self.ba(real_b)
        return Translations(
            fake_b=fake_b,
            cycled_a=self.ba(fake_b),
            fake_a=fake_a,
            cycled_b=self.ab(fake_a),
            same_b=self.ab(real_b) if with_identity else None,
            same_a=self.ba(real_a) if with_identity else None,
        )


def generator_config(config: GeneratorConfig, direction: Focus) -> GeneratorConfig:
    """Return what builds the generator of `direction` (a2b or b2a): half as wide where the run is for the other."""
    if config.focus in (Focus.BOTH, direction):
        return config
    return replace(config, width=config.width // 2)


class Discriminators(nn.Module):
    """Discriminator `a` tells real from fake pictures of a, `b` those of b."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.a = PatchDiscriminator(config.discriminator)
        self.b = PatchDiscriminator(config.discriminator)

    def forward(self, of_a: Tensor, of_b: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        return self.a(of_a), self.b(of_b)


def build_networks(config: TrainConfig) -> tuple[Generators, Discriminators]:
    """Return freshly initialized networks; the random state of torch decides the weights."""
    generators, discriminators = Generators(config), Discriminators(config)
    initialize(generators)
    initialize(discriminators)
    return generators, discriminators


class CycleGanStep:
    """Run one optimization step after another.

    `generators` and `discriminators` are called, never reached into, so that they may be wrapped by Fabric;
    `backward` is Fabric's.
    """

    def __init__(
        self,
        generators: nn.Module,
        discriminators: nn.Module,
        generator_optimizer: torch.optim.Optimizer,
        discriminator_optimizer: torch.optim.Optimizer,
        config: LossConfig,
        *,
        backward: Callable[[Tensor], object],
        random: torch.Generator,
    ) -> None:
        self.generators = generators
        self.discriminators = discriminators
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.config = config
        self.backward = backward
        self.random = random
        self.history_a = History(config.history)
        self.history_b = History(config.history)

    def run(self, real_a: Tensor, real_b: Tensor, *, step: int) -> dict[str, Tensor]:
        """Update all four networks on N×3×H×W pictures in [-1, 1]; return the loss terms, unweighted, detached."""
        config = self.config
        with_identity = config.identity > 0 and step % config.identity_every == 0

        self.discriminators.requires_grad_(False)
        out: Translations = self.generators(real_a, real_b, with_identity)
        scores_a, scores_b = self.discriminators(out.fake_a, out.fake_b)
        losses = {
            "gan_ab": generator_loss(scores_b, config.gan),
            "gan_ba": generator_loss(scores_a, config.gan),
            "cycle_a": cycle_loss(out.cycled_a, real_a),
            "cycle_b": cycle_loss(out.cycled_b, real_b),
        }
        total = losses["gan_ab"] + losses["gan_ba"] + config.cycle * (losses["cycle_a"] + losses["cycle_b"])
        if out.same_a is not None and out.same_b is not None:
            losses["identity_a"] = identity_loss(out.same_a, real_a)
            losses["identity_b"] = identity_loss(out.same_b, real_b)
            total = total + config.identity * (losses["identity_a"] + losses["identity_b"])
        if config.grid:
            losses["grid"] = grid_loss(out.fake_a) + grid_loss(out.fake_b)
            total = total + config.grid * losses["grid"]
        self.generator_optimizer.zero_grad()
        self.backward(total)
        self.generator_optimizer.step()

        self.discriminators.requires_grad_(True)
        real_scores_a, real_scores_b = self.discriminators(real_a, real_b)
        old_a = self.history_a.exchange(out.fake_a.detach(), self.random)
        old_b = self.history_b.exchange(out.fake_b.detach(), self.random)
        fake_scores_a, fake_scores_b = self.discriminators(old_a, old_b)
        losses["discriminator_a"] = discriminator_loss(real_scores_a, fake_scores_a, config.gan)
        losses["discriminator_b"] = discriminator_loss(real_scores_b, fake_scores_b, config.gan)
        self.discriminator_optimizer.zero_grad()
        self.backward(losses["discriminator_a"] + losses["discriminator_b"])
        self.discriminator_optimizer.step()
        return {name: loss.detach() for name, loss in losses.items()}
