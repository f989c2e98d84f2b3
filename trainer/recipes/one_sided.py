"""What recipes of one direction share: one generator, one discriminator, and how each of them is updated."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cgconv.trainer.arithmetic import Arithmetic
from cgconv.trainer.choices import Direction, GanLoss
from cgconv.trainer.config import TrainConfig
from cgconv.trainer.networks.build import Generators, build_discriminator
from cgconv.trainer.networks.discriminators import shifted
from cgconv.trainer.networks.layers import initialize

from .history import History
from .losses import discriminator_loss, gradient_penalty, r1_penalty, weighted_sum
from .recipe import Memory, Moment, adam


class OneSided:
    """A recipe's networks and optimizers; a subclass adds the step, and other networks where it needs them."""

    memory_format = torch.preserve_format
    discriminator: nn.Module

    def __init__(self, config: TrainConfig, arithmetic: Arithmetic) -> None:
        self.config = config
        self.arithmetic = arithmetic
        options = config.optimizer
        self.generators = Generators(config)
        self.generator = self.generators.of(config.direction)
        self.discriminator = self.make_discriminator()
        more = self.make_more()
        self.networks: dict[str, nn.Module] = {"generators": self.generators, "discriminator": self.discriminator}
        self.networks |= more
        for network in self.networks.values():
            initialize(network, options.init, options.init_gain)
            network.to(arithmetic.device, memory_format=self.memory_format)  # type: ignore[call-overload]
        self.discriminator_optimizer = adam(self.discriminator, options.discriminator_learning_rate, options)
        first, *others = [
            adam(network, options.learning_rate, options) for network in (self.generators, *more.values())
        ]
        self.generator_optimizers = [first, *others]
        self.optimizers: list[torch.optim.Optimizer] = [first, self.discriminator_optimizer, *others]
        self.random = torch.Generator()
        self.history = History(config.loss.history)
        self.memories: dict[str, Memory] = {"history": self.history}

    def make_discriminator(self) -> nn.Module:
        """Return the network that tells real from translated pictures."""
        return build_discriminator(self.config.discriminator, self.config.generator.channels_in)

    def make_more(self) -> dict[str, nn.Module]:
        """Return further networks that learn with the generator, by their names in the checkpoint."""
        return {}

    def ends(self, real_a: Tensor, real_b: Tensor) -> tuple[Tensor, Tensor, str, float]:
        """Return the pictures to translate, those to resemble, and the adversarial term's name and weight."""
        if self.config.direction is Direction.A2B:
            return real_a, real_b, "gan_ab", self.config.loss.gan_ab
        return real_b, real_a, "gan_ba", self.config.loss.gan_ba

    def learn(self, *, discriminator: bool) -> None:
        """Let the discriminator's weights have gradients, or not."""
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(discriminator)

    def update_generator(self, terms: dict[str, Tensor], weights: dict[str, float]) -> dict[str, Tensor]:
        """Step the generator, and what learns with it, by the weighted sum; return the terms with that "objective"."""
        if not terms:
            return {}
        objective = weighted_sum(terms, weights)
        self.arithmetic.update(self.generator_optimizers, objective)
        return {**terms, "objective": objective}

    def update_discriminator(self, real: Tensor, fake: Tensor, moment: Moment) -> dict[str, Tensor]:
        """Step the discriminator on real pictures and on translated ones, old ones among them; return its terms."""
        loss = self.config.loss
        self.learn(discriminator=True)
        old = self.history.exchange(fake, self.random)
        with self.arithmetic.autocast():
            fake_scores = self.discriminator(shifted(old, loss.jitter, self.random))
            real_scores = self.discriminator(shifted(real, loss.jitter, self.random))
        terms = {"discriminator": discriminator_loss(real_scores, fake_scores, loss.gan)}
        if loss.gan is GanLoss.WGAN_GP:
            terms["penalty"] = gradient_penalty(self.discriminator.forward, real, old, self.random)
        if loss.r1 and moment.step % loss.r1_every == 0:
            terms["r1"] = r1_penalty(self.discriminator.forward, real)
        weights = {"discriminator": 1.0, "penalty": loss.penalty, "r1": loss.r1 * loss.r1_every}
        self.arithmetic.update([self.discriminator_optimizer], weighted_sum(terms, weights))
        return terms
