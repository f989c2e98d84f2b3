"""One step of pix2pix: the discriminator first, then the generator, on paired pictures (arXiv 1611.07004)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cgconv.trainer.arithmetic import Arithmetic
from cgconv.trainer.choices import Direction, GanLoss
from cgconv.trainer.config import TrainConfig
from cgconv.trainer.networks.build import Generators, build_discriminator
from cgconv.trainer.networks.discriminators import shifted
from cgconv.trainer.networks.layers import initialize

from .history import History
from .losses import discriminator_loss, generator_loss, gradient_penalty, r1_penalty, weighted_sum
from .recipe import Memory, Moment, adam


class Pix2Pix:
    """One generator, and a discriminator that sees a picture beside its translation or the paired one."""

    def __init__(self, config: TrainConfig, arithmetic: Arithmetic) -> None:
        self.config = config
        self.arithmetic = arithmetic
        options = config.optimizer
        self.generators = Generators(config)
        channels = config.generator.channels_in, config.generator.channels_out
        source_first = channels if config.direction is Direction.A2B else channels[::-1]
        self.discriminator = build_discriminator(config.discriminator, *source_first)
        self.networks: dict[str, nn.Module] = {"generators": self.generators, "discriminator": self.discriminator}
        for network in self.networks.values():
            initialize(network, options.init, options.init_gain)
            network.to(arithmetic.device)
        self.generator_optimizer = adam(self.generators, options.learning_rate, options)
        self.discriminator_optimizer = adam(self.discriminator, options.discriminator_learning_rate, options)
        self.optimizers: list[torch.optim.Optimizer] = [self.generator_optimizer, self.discriminator_optimizer]
        self.random = torch.Generator()
        self.history = History(config.loss.history)
        self.memories: dict[str, Memory] = {"history": self.history}

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        config, loss = self.config, self.config.loss
        forth = config.direction is Direction.A2B
        source, target = (real_a, real_b) if forth else (real_b, real_a)
        adversarial, weight = ("gan_ab", loss.gan_ab) if forth else ("gan_ba", loss.gan_ba)

        with self.arithmetic.autocast():
            fake = self.generators.of(config.direction)(source)
        terms = self._step_discriminator(source, target, fake.detach(), moment) if weight else {}

        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(False)
        weights = {adversarial: weight, "l1": loss.l1}
        wanted: dict[str, Tensor] = {}
        if weight:
            with self.arithmetic.autocast():
                pair = shifted(torch.cat([source, fake.float()], 1), loss.jitter, self.random)
                scores = self.discriminator(pair)
            wanted[adversarial] = generator_loss(scores, loss.gan)
        if loss.l1:
            wanted["l1"] = F.l1_loss(fake.float(), target)
        if wanted:
            objective = weighted_sum(wanted, weights)
            self.arithmetic.update([self.generator_optimizer], objective)
            wanted["objective"] = objective
        return {name: term.detach() for name, term in (wanted | terms).items()}

    def _step_discriminator(self, source: Tensor, target: Tensor, fake: Tensor, moment: Moment) -> dict[str, Tensor]:
        loss = self.config.loss
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(True)
        real_pair = torch.cat([source, target], 1)  # N, C of a + C of b, H, W
        fake_pair = self.history.exchange(torch.cat([source, fake.float()], 1), self.random)
        with self.arithmetic.autocast():
            fake_scores = self.discriminator(shifted(fake_pair, loss.jitter, self.random))
            real_scores = self.discriminator(shifted(real_pair, loss.jitter, self.random))
        terms = {"discriminator": discriminator_loss(real_scores, fake_scores, loss.gan)}
        if loss.gan is GanLoss.WGAN_GP:
            terms["penalty"] = gradient_penalty(self.discriminator.forward, real_pair, fake_pair, self.random)
        if loss.r1 and moment.step % loss.r1_every == 0:
            terms["r1"] = r1_penalty(self.discriminator.forward, real_pair)
        weights = {"discriminator": 1.0, "penalty": loss.penalty, "r1": loss.r1 * loss.r1_every}
        self.arithmetic.update([self.discriminator_optimizer], weighted_sum(terms, weights))
        return terms
