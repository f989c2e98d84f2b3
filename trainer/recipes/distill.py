"""One step of distilling: a small generator comes near a teacher's results, and a discriminator asks for the rest."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cgconv.trainer.networks.discriminators import cut_out, draw_shift

from .content import perceived_distance
from .frozen_cut import FrozenCut
from .losses import generator_loss, structure_loss
from .recipe import Moment
from .stability import stability_loss

SCALES = slice(0, 3)  # of a frozen network's features: strides 4, 8 and 16


class Distill(FrozenCut):
    """FrozenCut's networks in another step: pictures of b are the teacher's results, each one's of its picture of a.

    The discriminator's reals are the targets, where the run has some, else those results: distances alone make blurred
    pictures. A term of weight 0 costs no pass.
    """

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        loss, teacher = self.config.loss, self.config.teacher
        source, taught = real_a.contiguous(memory_format=torch.channels_last), real_b
        weights = {
            "gan_ab": loss.gan_ab,
            "l1": loss.l1,
            "structure": teacher.structure,
            "perceived": teacher.perceived,
            "stability": loss.stability,
        }

        with self.arithmetic.autocast():
            fake = self.generator(source)
            place = draw_shift(loss.jitter, self.random)
            shown = cut_out(fake, place, loss.jitter)
            seen = self.discriminator.look(shown) if loss.gan_ab or teacher.perceived else None
        targets = taught if moment.targets is None else moment.targets
        judged = self._step_discriminator(targets, fake, seen, place) if loss.gan_ab and seen is not None else {}

        self.learn(discriminator=False)
        wanted: dict[str, Tensor] = {}
        if loss.gan_ab and seen is not None:
            with self.arithmetic.autocast():
                wanted["gan_ab"] = generator_loss(self.discriminator.judge(seen), loss.gan)
        if loss.l1:
            wanted["l1"] = F.l1_loss(fake.float(), taught)
        if teacher.structure:
            wanted["structure"] = structure_loss(fake, taught)
        if teacher.perceived and seen is not None:
            with self.arithmetic.autocast(), torch.no_grad():
                of_taught = self.discriminator.features(cut_out(taught, place, loss.jitter))
            wanted["perceived"] = perceived_distance(seen.features[SCALES], of_taught[SCALES])
        if loss.stability:
            with self.arithmetic.autocast():
                wanted["stability"] = stability_loss(self.generator, source, fake, self.random)
        terms = self.update_generator(wanted, weights) | judged
        return {name: term.detach() for name, term in terms.items()}
