"""What of a run changes while it trains: recipe, averaged weights, rates, counters; kept and brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from cgconv.runtime.errors import MissingError
from cgconv.trainer.data.pairs import Pairs
from cgconv.trainer.networks.compact import CompactGenerator
from cgconv.trainer.networks.discriminators import Discriminator
from cgconv.trainer.networks.generators import ResNetGenerator, UNetGenerator
from cgconv.trainer.recipes.cut import Cut
from cgconv.trainer.recipes.cyclegan import CycleGan
from cgconv.trainer.recipes.distill import Distill
from cgconv.trainer.recipes.frozen_cut import FrozenCut
from cgconv.trainer.recipes.pix2pix import Pix2Pix
from cgconv.trainer.recipes.recipe import Moment, Recipe

from .arithmetic import Arithmetic
from .choices import ContrastNetwork, RecipeName, Schedule
from .config import TrainConfig, config_as_dict
from .schedule import Plateau, rate_factor


class Run:
    """A run between two steps."""

    def __init__(self, config: TrainConfig, arithmetic: Arithmetic, pairs: Pairs) -> None:
        self.config = config
        self.arithmetic = arithmetic
        self.pairs = pairs
        self.images_seen = 0
        self.steps = 0
        torch.manual_seed(config.run.seed)  # every process draws the same first weights …
        self.recipe = build_recipe(config, arithmetic)
        torch.manual_seed(config.run.seed + arithmetic.rank)  # … and then its own dropout
        self.recipe.random.manual_seed(config.run.seed + arithmetic.rank)
        self.average_of = {name: p.detach().clone() for name, p in self.recipe.generators.named_parameters()}
        self.plateau = Plateau(config.optimizer)
        self._objectives = 0.0  # sum over the steps of this epoch
        self._epoch_steps = 0
        if config.run.compile:
            for network in self.recipe.networks.values():
                for part in network.modules():
                    if isinstance(part, CompactGenerator | ResNetGenerator | UNetGenerator | Discriminator):
                        part.compile()

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        return min(1.0, self.images_seen / self.pairs.images_total)

    @property
    def epochs(self) -> float:
        """Epochs that are done."""
        return self.images_seen / self.pairs.epoch_images

    @property
    def rate(self) -> float:
        """The generators' learning rate now."""
        return float(self.recipe.optimizers[0].param_groups[0]["lr"])

    def step(self, real_a: Tensor, real_b: Tensor, targets: Tensor | None = None) -> dict[str, Tensor]:
        """Train on one batch; return its loss terms."""
        self._set_rates()
        with _compiling() if self.config.run.compile else nullcontext():
            losses = self.recipe.step(real_a, real_b, Moment(self.steps, self.progress, targets))
        epoch = int(self.epochs)
        self.steps += 1
        self.images_seen += self.pairs.images_a_step
        self._average()
        if self.config.optimizer.schedule is Schedule.PLATEAU and "objective" in losses:
            self._objectives += float(self.arithmetic.mean(losses["objective"].clone()))
            self._epoch_steps += 1
            if int(self.epochs) > epoch:
                self.plateau.end_epoch(self._objectives / self._epoch_steps)
                self._objectives, self._epoch_steps = 0.0, 0
        return losses

    def _set_rates(self) -> None:
        factor = rate_factor(self.config.optimizer, progress=self.progress, epochs=self.epochs) * self.plateau.factor
        for optimizer in self.recipe.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights (EMA) towards the generators'; faster at first, when those change most."""
        half_life = self.config.optimizer.ema_half_life
        keep = 0.5 ** (self.pairs.images_a_step / half_life) if half_life else 0.0
        keep = min(keep, (1 + self.steps) / (10 + self.steps))
        names = dict(self.recipe.generators.named_parameters())
        torch._foreach_lerp_(list(self.average_of.values()), [names[name] for name in self.average_of], 1 - keep)

    def not_finite(self) -> list[str]:
        """Return the networks that hold a weight that is not finite."""
        bad = []
        for name, network in self.recipe.networks.items():
            worst = torch.stack([parameter.detach().abs().max() for parameter in network.parameters()]).max()
            if not torch.isfinite(worst):
                bad.append(name)
        return bad

    def state(self) -> dict[str, Any]:  # Any: tensors and plain Python values
        """Return everything that a checkpoint holds, in process 0; the others give their part to it."""
        recipe, device = self.recipe, self.arithmetic.device
        mine = {
            "memories": {name: memory.state() for name, memory in recipe.memories.items()},
            "random": {
                "torch": torch.get_rng_state(),
                "cuda": [torch.cuda.get_rng_state(device)] if device.type == "cuda" else [],
                "recipe": recipe.random.get_state(),
            },
        }
        return {
            "config": config_as_dict(self.config),
            **{name: network.state_dict() for name, network in recipe.networks.items()},
            "average": self.average_of,
            "optimizers": [optimizer.state_dict() for optimizer in recipe.optimizers],
            "scaler": self.arithmetic.scaler.state_dict(),
            "schedule": {
                **self.plateau.state(),
                "objectives": self._objectives,
                "epoch_steps": self._epoch_steps,
            },
            "processes": self.arithmetic.gather(mine),
            "images_seen": self.images_seen,
            "steps": self.steps,
        }

    def load_state(self, state: dict[str, Any]) -> None:  # Any: as above
        """Go on where `state` was taken. With more processes than then, the new ones begin with empty memories."""
        recipe, device = self.recipe, self.arithmetic.device
        for name, network in recipe.networks.items():
            network.load_state_dict(state[name])
        for name, average in self.average_of.items():
            average.copy_(state["average"][name])
        for optimizer, kept in zip(recipe.optimizers, state["optimizers"], strict=True):
            rates = [group["initial_lr"] for group in optimizer.param_groups]  # of the config, which may have changed
            optimizer.load_state_dict(kept)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["initial_lr"] = rate
        if state["scaler"]:  # of fp16 alone
            self.arithmetic.scaler.load_state_dict(state["scaler"])
        schedule = state["schedule"]
        self.plateau.load_state(schedule)
        self._objectives, self._epoch_steps = schedule["objectives"], schedule["epoch_steps"]
        self.images_seen, self.steps = state["images_seen"], state["steps"]
        if self.arithmetic.rank < len(state["processes"]):
            mine = state["processes"][self.arithmetic.rank]
            for name, memory in recipe.memories.items():
                if name in mine["memories"]:
                    memory.load_state(mine["memories"][name], device)
            torch.set_rng_state(mine["random"]["torch"])
            if device.type == "cuda" and mine["random"]["cuda"]:
                torch.cuda.set_rng_state(mine["random"]["cuda"][0], device)
            recipe.random.set_state(mine["random"]["recipe"])


@contextmanager
def _compiling() -> Iterator[None]:
    """Turn what torch.compile says, in the first step or where pictures change their size, into a sentence."""
    from torch._dynamo.exc import TorchDynamoException  # takes seconds to import

    try:
        yield
    except TorchDynamoException as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        needs = "a C++ compiler (g++, or what CXX names) and Python's headers on a processor, Triton on a GPU"
        raise MissingError(
            f"--compile: PyTorch could not compile the networks ({said[:160]}); it needs {needs};"
            " --no-compile trains without"
        ) from error


def build_recipe(config: TrainConfig, arithmetic: Arithmetic) -> Recipe:
    """Return the run's recipe, its weights freshly drawn."""
    recipes: dict[RecipeName, Callable[[TrainConfig, Arithmetic], Recipe]] = {
        RecipeName.CYCLEGAN: CycleGan,
        RecipeName.PIX2PIX: Pix2Pix,
        RecipeName.DISTILL: Distill,
        RecipeName.CUT: FrozenCut if config.contrast.network is ContrastNetwork.FROZEN else Cut,
    }
    return recipes[config.recipe](config, arithmetic)
