"""Time a few steps of a training on this computer, before it is begun."""

from __future__ import annotations

import threading
import time

import torch

from cgconv.runtime.errors import Cancelled
from cgconv.trainer.recipes.recipe import Moment

from .arithmetic import open_arithmetic
from .config import TrainConfig
from .run import build_recipe

STEPS = 5  # some terms come on every fourth step
ENOUGH_S = 8.0


def images_a_second(config: TrainConfig, cancel: threading.Event) -> tuple[float, str]:
    """Return how many pictures a training sees in a second, and the device, from a few steps on noise.

    Reading pictures runs beside the steps and is left out, as are judging and samples. Raises Cancelled, and what
    `train` raises for a device that is not there.
    """
    arithmetic = open_arithmetic(config.run.device, config.run.precision)
    recipe = build_recipe(config, arithmetic)
    size = (config.data.batch, config.generator.channels_in, config.data.crop, config.data.crop)
    real_a = torch.rand(size, device=arithmetic.device) * 2 - 1
    size_b = (config.data.batch, config.generator.channels_out, config.data.crop, config.data.crop)
    real_b = torch.rand(size_b, device=arithmetic.device) * 2 - 1
    taken: list[float] = []
    while len(taken) <= STEPS and sum(taken) < ENOUGH_S:  # the first one, which warms up, is left out below
        if cancel.is_set():
            raise Cancelled("no estimate is wanted any more")
        started = time.perf_counter()
        recipe.step(real_a, real_b, Moment(step=len(taken), progress=0.0))
        if arithmetic.device.type == "cuda":
            torch.cuda.synchronize(arithmetic.device)
        taken.append(time.perf_counter() - started)
    counted = taken[1:] or taken
    return config.data.batch * len(counted) / max(sum(counted), 1e-9), str(arithmetic.device)


def images_wanted(config: TrainConfig, pictures: int) -> int:
    """Return how many pictures a training sees of each kind, where the larger folder has so many."""
    return config.optimizer.images or round(config.optimizer.epochs * pictures)
