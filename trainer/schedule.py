"""Say how the learning rate goes over a run."""

from __future__ import annotations

import math
from typing import Any

from .choices import Schedule
from .config import OptimizerConfig

BETTER = 0.01  # an objective counts as better where it is lower by this share


def rate_factor(options: OptimizerConfig, *, progress: float, epochs: float) -> float:
    """Return what full rates are multiplied with at `progress` (0 to 1) of a run, after `epochs`; plateau apart.

    linear: 1, then from 1 to 0 over the last `decay` of the run (arXiv 1703.10593, section 4, image by image).
    """
    match options.schedule:
        case Schedule.LINEAR:
            left = 1 - progress
            return 1.0 if left >= options.decay else max(0.0, left / options.decay)
        case Schedule.STEP:
            return options.step_factor ** math.floor(epochs / options.step_epochs)
        case Schedule.COSINE:
            return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        case Schedule.PLATEAU | Schedule.CONSTANT:
            return 1.0


class Plateau:
    """Lower the rate where the generators' objective, its mean over an epoch, has not fallen for some epochs."""

    def __init__(self, options: OptimizerConfig) -> None:
        self.patience, self.by = options.plateau_patience, options.plateau_factor
        self.factor = 1.0
        self.best = math.inf
        self.epochs_without = 0

    def end_epoch(self, objective: float) -> None:
        """Take note of an epoch's mean objective."""
        if objective < self.best - BETTER * abs(self.best) or math.isinf(self.best):
            self.best, self.epochs_without = objective, 0
            return
        self.epochs_without += 1
        if self.epochs_without > self.patience:
            self.factor, self.epochs_without = self.factor * self.by, 0

    def state(self) -> dict[str, Any]:  # Any: numbers
        """Return what a checkpoint must hold."""
        return {"factor": self.factor, "best": self.best, "epochs_without": self.epochs_without}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.factor, self.best, self.epochs_without = state["factor"], state["best"], state["epochs_without"]
