"""One step of CUT on frozen features: a generator, a projected discriminator, and content that no head has to learn."""

from __future__ import annotations

import torch
from torch import Tensor

from cgconv.trainer.choices import Direction
from cgconv.trainer.networks.discriminators import cut_out, draw_shift
from cgconv.trainer.networks.efficientnet import Lite, open_efficientnet
from cgconv.trainer.networks.projected import ProjectedDiscriminator, Seen

from .content import SCALES, broad_color_losses, frozen_contrast_loss
from .losses import discriminator_loss, generator_loss, identity_loss
from .one_sided import OneSided
from .recipe import Moment
from .stability import stability_loss


class FrozenCut(OneSided):
    """One generator and one projected discriminator, whose frozen network holds the content, too.

    A step looks at its fakes once: discriminator, generator and contrast all use what was seen. A term of weight 0
    costs no pass.
    """

    memory_format = torch.channels_last
    discriminator: ProjectedDiscriminator

    def make_discriminator(self) -> ProjectedDiscriminator:
        return ProjectedDiscriminator(open_efficientnet(Lite.LITE0), (self.config.generator.channels_in,))

    def step(self, real_a: Tensor, real_b: Tensor, moment: Moment) -> dict[str, Tensor]:
        config, loss = self.config, self.config.loss
        source, target, adversarial, weight = self.ends(real_a, real_b)
        source = source.contiguous(memory_format=torch.channels_last)  # a fifth faster on a processor
        identity = loss.identity_weights(moment.progress)[1 if config.direction is Direction.A2B else 0]
        if moment.step % loss.identity_every:
            identity = 0.0

        with self.arithmetic.autocast():
            fake = self.generator(source)
            same = self.generator(target) if identity else None
            place = draw_shift(loss.jitter, self.random)
            shown = cut_out(fake, place, loss.jitter)
            seen = self.discriminator.look(shown) if weight or config.contrast.weight else None
        judged = self._step_discriminator(target, fake, seen, place) if weight and seen is not None else {}

        self.learn(discriminator=False)
        wanted: dict[str, Tensor] = {}
        if weight and seen is not None:
            with self.arithmetic.autocast():
                scores = self.discriminator.judge(seen)
            wanted[adversarial] = generator_loss(scores, loss.gan)
        if config.contrast.weight and seen is not None:
            with self.arithmetic.autocast(), torch.no_grad():
                of_source = self.discriminator.features(cut_out(source, place, loss.jitter))
            wanted["nce"] = frozen_contrast_loss(
                of_source[SCALES],
                seen.features[SCALES],
                places=config.contrast.patches,
                temperature=config.contrast.temperature,
                random=self.random,
            )
        weights = {
            adversarial: weight,
            "nce": config.contrast.weight,
            "identity": identity,
            "brightness": loss.brightness,
            "uneven_color": loss.uneven_color,
            "stability": loss.stability,
        }
        if loss.brightness or loss.uneven_color:
            broad = zip(("brightness", "uneven_color"), broad_color_losses(fake, source), strict=True)
            wanted |= {name: term for name, term in broad if weights[name]}
        if same is not None:
            wanted["identity"] = identity_loss(same, target)
        if loss.stability:
            with self.arithmetic.autocast():
                wanted["stability"] = stability_loss(self.generator, source, fake, self.random)
        terms = self.update_generator(wanted, weights) | judged
        return {name: term.detach() for name, term in terms.items()}

    def _step_discriminator(
        self, target: Tensor, fake: Tensor, seen: Seen, place: tuple[int, int]
    ) -> dict[str, Tensor]:
        jitter = self.config.loss.jitter
        self.learn(discriminator=True)
        with self.arithmetic.autocast():
            with torch.no_grad():
                old = self.history.exchange(fake.detach(), self.random)
                seen_target = self.discriminator.look(cut_out(target, place, jitter))
                seen_old = seen.detached()
                if self.history.size:
                    seen_old = self.discriminator.look(cut_out(old, place, jitter))
            real_scores, fake_scores = self.discriminator.judge(seen_target), self.discriminator.judge(seen_old)
        loss = discriminator_loss(real_scores, fake_scores, self.config.loss.gan)
        self.arithmetic.update([self.discriminator_optimizer], loss)
        return {"discriminator": loss}
