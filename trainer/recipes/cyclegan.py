"""One step of CycleGAN: both generators first, then both discriminators (arXiv 1703.10593)."""

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
from .losses import (
    cycle_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    identity_loss,
    r1_penalty,
    weighted_sum,
)
from .recipe import Memory, Moment, adam
from .stability import stability_loss


class Discriminators(nn.Module):
    """Discriminator `a` tells real from fake pictures of a, `b` those of b."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.a = build_discriminator(config.discriminator, config.generator.channels_in)
        self.b = build_discriminator(config.discriminator, config.generator.channels_out)


class CycleGan:
    """Two generators and two discriminators; a term of weight 0 costs no pass."""

    def __init__(self, config: TrainConfig, arithmetic: Arithmetic) -> None:
        self.config = config
        self.arithmetic = arithmetic
        options = config.optimizer
        self.generators = Generators(config)
        self.discriminators = Discriminators(config)
        self.networks: dict[str, nn.Module] = {"generators": self.generators, "discriminators": self.discriminators}
        for network in self.networks.values():
            initialize(network, options.init, options.init_gain)
            network.to(arithmetic.device)
        self.generator_optimizer = adam(self.generators, options.learning_rate, options)
        self.discriminator_optimizer = adam(self.discriminators, options.discriminator_learning_rate, options)
        self.optimizers: list[torch.optim.Optimizer] = [self.generator_optimizer, self.discriminator_optimizer]
        self.random = torch.Generator()
        self.history_a, self.history_b = History(config.loss.history), History(config.loss.history)
        self.memories: dict[str, Memory] = {"history_a": self.history_a, "history_b": self.history_b}

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        losses, fake_a, fake_b = self._step_generators(real_a, real_b, moment)
        if self.config.loss.gan_ab or self.config.loss.gan_ba:
            losses |= self._step_discriminators(real_a, real_b, fake_a, fake_b, moment)
        return {name: loss.detach() for name, loss in losses.items()}

    def _step_generators(
        self, real_a: Tensor, real_b: Tensor, moment: Moment
    ) -> tuple[dict[str, Tensor], Tensor | None, Tensor | None]:
        """Update both generators; return the loss terms and the fakes, None where no term needs them."""
        loss = self.config.loss
        ab, ba = self.generators.of(Direction.A2B), self.generators.of(Direction.B2A)
        weights = self._weights(moment)
        for parameter in self.discriminators.parameters():
            parameter.requires_grad_(False)

        fake_a = fake_b = None
        terms: dict[str, Tensor] = {}
        with self.arithmetic.autocast():
            if weights["gan_ab"] or weights["cycle_a"] or weights["stability_ab"]:
                fake_b = ab(real_a)
            if weights["gan_ba"] or weights["cycle_b"] or weights["stability_ba"]:
                fake_a = ba(real_b)
            if fake_b is not None and weights["gan_ab"]:
                scores = self.discriminators.b(shifted(fake_b, loss.jitter, self.random))
                terms["gan_ab"] = generator_loss(scores, loss.gan)
            if fake_a is not None and weights["gan_ba"]:
                scores = self.discriminators.a(shifted(fake_a, loss.jitter, self.random))
                terms["gan_ba"] = generator_loss(scores, loss.gan)
            if fake_b is not None and weights["cycle_a"]:
                terms["cycle_a"] = cycle_loss(ba(fake_b), real_a)
            if fake_a is not None and weights["cycle_b"]:
                terms["cycle_b"] = cycle_loss(ab(fake_a), real_b)
            if weights["identity_a"]:
                terms["identity_a"] = identity_loss(ba(real_a), real_a)
            if weights["identity_b"]:
                terms["identity_b"] = identity_loss(ab(real_b), real_b)
            if fake_b is not None and weights["stability_ab"]:
                terms["stability_ab"] = stability_loss(ab, real_a, fake_b, self.random)
            if fake_a is not None and weights["stability_ba"]:
                terms["stability_ba"] = stability_loss(ba, real_b, fake_a, self.random)

        if terms:
            objective = weighted_sum(terms, weights)
            self.arithmetic.update([self.generator_optimizer], objective)
            terms["objective"] = objective
        return terms, fake_a, fake_b

    def _step_discriminators(
        self, real_a: Tensor, real_b: Tensor, fake_a: Tensor | None, fake_b: Tensor | None, moment: Moment
    ) -> dict[str, Tensor]:
        """Update the discriminators that a generator listens to; return their loss terms."""
        loss = self.config.loss
        for parameter in self.discriminators.parameters():
            parameter.requires_grad_(True)
        terms: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        sides = (
            ("a", loss.gan_ba, self.discriminators.a, real_a, fake_a, self.history_a),
            ("b", loss.gan_ab, self.discriminators.b, real_b, fake_b, self.history_b),
        )
        for domain, weight, judge, real, fake, history in sides:
            if not weight or fake is None:
                continue
            old = history.exchange(fake.detach(), self.random)
            with self.arithmetic.autocast():
                real_scores = judge(shifted(real, loss.jitter, self.random))
                fake_scores = judge(shifted(old, loss.jitter, self.random))
            terms[f"discriminator_{domain}"] = discriminator_loss(real_scores, fake_scores, loss.gan)
            weights[f"discriminator_{domain}"] = 1.0
            if loss.gan is GanLoss.WGAN_GP:
                terms[f"penalty_{domain}"] = gradient_penalty(judge.forward, real, old, self.random)
                weights[f"penalty_{domain}"] = loss.penalty
            if loss.r1 and moment.step % loss.r1_every == 0:
                terms[f"r1_{domain}"] = r1_penalty(judge.forward, real)
                weights[f"r1_{domain}"] = loss.r1 * loss.r1_every
        self.arithmetic.update([self.discriminator_optimizer], weighted_sum(terms, weights))
        return terms

    def _weights(self, moment: Moment) -> dict[str, float]:
        """Return the weight of each of the generators' terms at this moment."""
        loss, generator = self.config.loss, self.config.generator
        identity = (0.0, 0.0)
        if moment.step % loss.identity_every == 0 and generator.channels_in == generator.channels_out:
            identity = loss.identity_weights(moment.progress)
        return {
            "gan_ab": loss.gan_ab,
            "gan_ba": loss.gan_ba,
            "cycle_a": loss.cycle_weights[0],
            "cycle_b": loss.cycle_weights[1],
            "identity_a": identity[0],
            "identity_b": identity[1],
            "stability_ab": loss.stability,
            "stability_ba": loss.stability,
        }
