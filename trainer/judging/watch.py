"""Notice while it is young that a training goes wrong, and say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OUTRIGHT = 0.04  # a discriminator wins outright when its loss stays under this share of what guessing costs
INVERTED = -0.2  # mean correlation of a translation's coarse colors with its input's
UNCHANGED = 4.0  # mean change, of 255
NO_NEARER = 0.9  # distance to the targets over the inputs' own
ALIKE = 0.3  # how different translations are from each other, over how different real pictures are
REPORTS = 5  # reports in a row that show a discriminator winning, before it is said
LOOKS = 2  # the same for evaluations and the other three

SIDES = {"ab": "a → b", "ba": "b → a"}


class Watch:
    """Turn losses and measures into warnings: each once, and again only after the fault had gone.

    `guessing_loss` is what a discriminator that cannot tell real from fake pays (least squares 0.25 or 0.5, depending
    on whether it is halved); None leaves discriminators unwatched, where the loss has no such level (WGAN).
    """

    def __init__(self, *, guessing_loss: float | None) -> None:
        self.guessing_loss = guessing_loss
        self.seen: dict[str, int] = {}  # fault → times in a row
        self.said: set[str] = set()

    def look(self, losses: Mapping[str, float], metrics: Mapping[str, float]) -> list[str]:
        """Return new warnings, one sentence or two each. Give `losses` at every report, `metrics` after evaluations."""
        warnings = []
        for name, loss in losses.items():
            if name.startswith("discriminator") and self.guessing_loss is not None:
                wins = loss < OUTRIGHT * self.guessing_loss
                if self._is_new(f"wins.{name}", wins, patience=REPORTS):
                    warnings.append(_wins(name, loss, self.guessing_loss))
        weights = "average" if any(name.startswith("average.") for name in metrics) else "raw"
        for direction, side in SIDES.items():
            here = {
                name.removeprefix(f"{weights}.{direction}."): value
                for name, value in metrics.items()
                if name.startswith(f"{weights}.{direction}.")
            }
            if not here:
                continue
            own = metrics.get(f"inputs.{direction}.kid", 0.0)
            still = here["change"] < UNCHANGED and here["kid"] > NO_NEARER * own
            for fault, shown, sentence in (
                ("inverted", here["color_agreement"] < INVERTED, _inverted(side, here["color_agreement"])),
                ("unchanged", still, _unchanged(side, here["change"])),
                ("alike", here["diversity"] < ALIKE, _alike(side, here["diversity"])),
            ):
                if self._is_new(f"{fault}.{direction}", shown, patience=LOOKS):
                    warnings.append(sentence)
        return warnings

    def state(self) -> dict[str, Any]:  # Any: plain values
        """Return what a checkpoint must hold, so that a resumed run does not warn twice."""
        return {"seen": dict(self.seen), "said": sorted(self.said)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.seen, self.said = dict(state["seen"]), set(state["said"])

    def _is_new(self, fault: str, shown: bool, *, patience: int) -> bool:
        if not shown:
            self.seen.pop(fault, None)
            self.said.discard(fault)
            return False
        self.seen[fault] = self.seen.get(fault, 0) + 1
        if self.seen[fault] < patience or fault in self.said:
            return False
        self.said.add(fault)
        return True


def _wins(name: str, loss: float, guessing: float) -> str:
    return (
        f"{name.replace('_', ' ')} is too strong: its loss stays near {loss:.4f}, while guessing would give"
        f" {guessing:g}, so the generator learns little from it. Try a lower learning rate for the discriminators, a"
        " narrower discriminator, or more pictures; it memorizes few ones."
    )


def _inverted(side: str, agreement: float) -> str:
    return (
        f"{side} inverts colors: translations are like negatives of their pictures (agreement {agreement:.2f}; 1 is"
        " the same, -1 a negative). It seldom mends itself: start again with another --seed, or with a larger identity"
        " weight. If b really is a negative of a, all is well."
    )


def _unchanged(side: str, change: float) -> str:
    return (
        f"{side} hardly changes its pictures: they change by {change:.1f} of 255 and come no nearer to the other kind."
        " Lower the cycle, contrast and identity weights, or check that the adversarial loss is on."
    )


def _alike(side: str, diversity: float) -> str:
    return (
        f"{side} makes much the same picture of everything: translations differ from each other by {diversity:.0%} of"
        " what real pictures do. Raise the cycle or contrast weight, lower the learning rate, or go back to the best"
        " state kept."
    )
