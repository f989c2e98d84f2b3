"""Judge a run while it trains: measures on held-out pictures, warnings, the best states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cgconv.runtime.errors import DataError
from cgconv.runtime.events import Evaluated, TrainWarned
from cgconv.trainer.choices import DiscriminatorKind, GanLoss
from cgconv.trainer.config import TrainConfig
from cgconv.trainer.data.held_out import FEWEST, HELD_OUT_SHARE
from cgconv.trainer.data.pairs import Image, Pairs, images_to_tensor, tensor_to_images
from cgconv.trainer.networks.build import Generators, averaged, size_multiple, smallest_size
from cgconv.trainer.networks.projected import SCORES
from cgconv.trainer.run import Run

from .evaluation import (
    SMALLEST_SIDE_PX,
    BestStates,
    Evaluation,
    Translate,
    Translators,
    middle_squares,
)
from .features import open_features
from .metrics import Images
from .watch import Watch

# What a discriminator pays that cannot tell real from fake (see losses.py); that of WGAN has no such level.
GUESSING_LOSS = {GanLoss.LEAST_SQUARES: 0.25, GanLoss.CROSS_ENTROPY: float(np.log(2)), GanLoss.HINGE: 1.0}

FIRST_WARNING_IMAGES = 500  # fresh weights invert colors and make all pictures alike: that means nothing

LARGEST_BATCH_PIXELS = 2_000_000  # translated together on a GPU; a processor takes one picture at a time


class Judge:
    """What a run is judged by. Every process has one, and process 0 asks it.

    Where too few pictures are held out, no evaluation is ever due: then only the losses are watched.
    """

    def __init__(self, config: TrainConfig, pairs: Pairs) -> None:
        self.config = config
        self.watch = Watch(guessing_loss=guessing_loss(config))
        self.best = BestStates(config.run.out, config.evaluation.keep_best)
        self.evaluation = _open_evaluation(config, pairs) if config.evaluation.every else None

    def is_due(self, run: Run, *, at_end: bool) -> bool:
        """Return whether a step has just come past a multiple of `evaluation.every`; or is the run's last."""
        every = self.config.evaluation.every
        before = run.images_seen - run.pairs.images_a_step
        return self.evaluation is not None and (at_end or run.images_seen // every > before // every)

    def evaluate(self, run: Run) -> Evaluated:
        """Return the measures of the run as it is."""
        assert self.evaluation is not None  # is_due says so
        began = time.monotonic()
        generators = run.recipe.generators
        average = None
        if self.config.optimizer.ema_half_life:
            average = translators_of(generators, self.config, average_of=run.average_of)
        metrics = self.evaluation.run(translators_of(generators, self.config), average)
        return Evaluated(
            images_seen=run.images_seen,
            metrics=metrics,
            protocol=self.evaluation.protocol(),
            is_best=self.best.wants(metrics["score"], run.images_seen) and not run.not_finite(),
            seconds=time.monotonic() - began,
        )

    def warnings(
        self, images_seen: int, *, losses: Mapping[str, float] | None = None, metrics: Mapping[str, float] | None = None
    ) -> list[TrainWarned]:
        """Return new warnings about losses or measures, none at the very start of a run."""
        if images_seen < FIRST_WARNING_IMAGES:
            return []
        return [TrainWarned(images_seen, message) for message in self.watch.look(losses or {}, metrics or {})]

    def warnings_at_start(self, pairs: Pairs) -> list[TrainWarned]:
        """Return what is to be said before the first step: that the run is not judged, where it was to be."""
        if not self.config.evaluation.every or self.evaluation is not None:
            return []
        a, b = (len(domain) for domain in pairs.held) if pairs.held is not None else (0, 0)
        count = FEWEST * HELD_OUT_SHARE
        said = (
            f"this run is not judged while it trains: {a} and {b} pictures could be held out, and {FEWEST} of each kind"
            f" are needed. Use folders of {count} pictures or more, and --held-out {FEWEST} or more."
        )
        return [TrainWarned(0, said)]

    def keep(self, evaluated: Evaluated, write: Callable[[Path], None]) -> None:
        """Have `write` keep a state that is among the best."""
        self.best.keep(evaluated.metrics["score"], evaluated.images_seen, write)

    def state(self) -> dict[str, Any]:  # Any: plain values
        """Return what a checkpoint must hold."""
        return {**self.watch.state(), "scored_by": self._scored_by}

    def load_state(self, state: Mapping[str, Any]) -> None:  # Any: as above
        """Go on where `state` was taken. With other features the best states are chosen anew: scores differ in kind."""
        self.watch.load_state(state)
        if state.get("scored_by", self._scored_by) != self._scored_by:
            self.best.kept = []

    @property
    def _scored_by(self) -> str:
        """What decides the score, as far as it may change in a run: the features."""
        settings = self.config.evaluation
        return f"{Path(settings.features).name} {settings.feature_range}" if settings.features else "EfficientNet-lite1"


def guessing_loss(config: TrainConfig) -> float | None:
    """Return what a discriminator pays that cannot tell real from fake: a projected one for each of its score maps."""
    loss = GUESSING_LOSS.get(config.loss.gan)
    if loss is None:
        return None
    return loss * SCORES if config.discriminator.kind is DiscriminatorKind.PROJECTED else loss


def translators_of(
    generators: Generators, config: TrainConfig, *, average_of: dict[str, Tensor] | None = None
) -> Translators:
    """Return what a run's generators do to uint8 N×H×W×3 pictures of any size, in float32 and in eval mode.

    With `average_of` the averaged weights are put in for the time of each call. Sizes that the networks cannot take
    are padded by reflection and cropped back. Pictures of one channel are read as luma and given back in gray.
    """

    def weights() -> AbstractContextManager[None]:
        return averaged(generators, average_of) if average_of is not None else evaluating(generators)

    multiple, smallest = size_multiple(config.generator), smallest_size(config.generator)
    of_a, of_b = config.generator.channels_in, config.generator.channels_out
    ways = (
        None if network is None else _translate(network, channels, multiple, smallest, weights)
        for network, channels in ((generators.ab, of_a), (generators.ba, of_b))
    )
    return Translators(*ways)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into eval mode until the end of the block."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def _open_evaluation(config: TrainConfig, pairs: Pairs) -> Evaluation | None:
    """Return the evaluation on the pictures that were held out of a run; None where there are too few of a kind."""
    features, wanted = None, config.evaluation.features
    if wanted:  # opened first: what is wrong with it should be said even where nothing is held out
        path = None if wanted == "inception" else Path(wanted)
        features = open_features(path, values=config.evaluation.feature_range)
    if pairs.held is None or min(len(domain) for domain in pairs.held) < FEWEST:
        return None
    images = [[domain.image(index) for index in range(len(domain))] for domain in pairs.held]
    side_px = judged_side_px([image for domain in images for image in domain], config)
    real_a, real_b = (
        squares_of(domain, side_px, channels=count) for domain, count in zip(images, pairs.channels, strict=True)
    )
    return Evaluation(real_a, real_b, paired=pairs.paired, features=features)


def judged_side_px(images: Sequence[Image], config: TrainConfig) -> int:
    """Return the side of the squares that a run is judged by: what all pictures have, at most twice its crop."""
    multiple = size_multiple(config.generator)
    shortest = min(int(min(image.shape[:2])) for image in images)
    wanted = max(min(shortest, 2 * config.data.crop), config.data.crop, SMALLEST_SIDE_PX)
    return max(multiple, wanted // multiple * multiple)


def squares_of(images: Sequence[Image], side_px: int, *, channels: int = 3) -> Images:
    """Return the middle squares of pictures: uint8 N×side×side×3, gray where the networks see one channel."""
    if not images:
        raise DataError("pictures to evaluate on: found none")
    squares = middle_squares(images, side_px)
    if channels == 1:
        grays = [cv2.cvtColor(np.ascontiguousarray(square), cv2.COLOR_RGB2GRAY) for square in squares]
        return np.repeat(np.stack(grays)[..., None], 3, axis=-1)
    return squares


def _translate(
    network: nn.Module, channels: int, multiple: int, smallest: int, weights: Callable[[], AbstractContextManager[None]]
) -> Translate:
    device = next(network.parameters()).device

    @torch.no_grad()
    def translate(images: Images) -> Images:
        height, width = images.shape[1:3]
        padded = _padded(images, multiple, smallest)
        at_once = 1
        if device.type != "cpu":
            at_once = max(1, LARGEST_BATCH_PIXELS // (padded.shape[1] * padded.shape[2]))
        out = []
        with weights():
            for at in range(0, len(padded), at_once):
                # forward: to compile for this size takes longer than to do without
                batch = images_to_tensor(padded[at : at + at_once], channels=channels).to(device)
                out.append(tensor_to_images(network.forward(batch))[:, :height, :width])
        return np.concatenate(out)

    return translate


def _padded(images: Images, multiple: int, smallest: int) -> Images:
    """Return N×H×W×3 with H and W brought up to what the networks take, at the lower and right edges."""
    more = [max(smallest, -(-side // multiple) * multiple) - side for side in images.shape[1:3]]
    if not any(more):
        return images
    mode = "reflect" if min(images.shape[1:3]) > 1 else "edge"
    return np.pad(images, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)), mode=mode)  # type: ignore[call-overload, no-any-return]  # numpy wants a literal
