"""One step of pix2pix: the discriminator first, then the generator, on paired pictures (arXiv 1611.07004)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cgconv.trainer.choices import Direction
from cgconv.trainer.networks.build import build_discriminator
from cgconv.trainer.networks.discriminators import shifted

from .losses import generator_loss
from .one_sided import OneSided
from .recipe import Moment
from .stability import stability_loss


class Pix2Pix(OneSided):
    """One generator, and a discriminator that sees a picture beside its translation or the paired one."""

    def make_discriminator(self) -> nn.Module:
        channels = self.config.generator.channels_in, self.config.generator.channels_out
        source_first = channels if self.config.direction is Direction.A2B else channels[::-1]
        return build_discriminator(self.config.discriminator, *source_first)

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        loss = self.config.loss
        source, target, adversarial, weight = self.ends(real_a, real_b)

        with self.arithmetic.autocast():
            fake = self.generator(source)
        judged: dict[str, Tensor] = {}
        if weight:
            real_pair = torch.cat([source, target], 1)  # N, C of a + C of b, H, W
            judged = self.update_discriminator(real_pair, torch.cat([source, fake.detach().float()], 1), moment)

        self.learn(discriminator=False)
        weights = {adversarial: weight, "l1": loss.l1, "stability": loss.stability}
        wanted: dict[str, Tensor] = {}
        if weight:
            with self.arithmetic.autocast():
                pair = shifted(torch.cat([source, fake.float()], 1), loss.jitter, self.random)
                scores = self.discriminator(pair)
            wanted[adversarial] = generator_loss(scores, loss.gan)
        if loss.l1:
            wanted["l1"] = F.l1_loss(fake.float(), target)
        if loss.stability:
            with self.arithmetic.autocast():
                wanted["stability"] = stability_loss(self.generator, source, fake, self.random)
        terms = self.update_generator(wanted, weights) | judged
        return {name: term.detach() for name, term in terms.items()}
