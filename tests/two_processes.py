"""Train a few steps in as many processes as torchrun starts, and write what each has after every step."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from cgconv.trainer.arithmetic import open_arithmetic
from cgconv.trainer.choices import ContrastNetwork, DiscriminatorKind, GanLoss, GeneratorKind, Precision, RecipeName
from cgconv.trainer.config import (
    ContrastConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from cgconv.trainer.data.pairs import open_pairs
from cgconv.trainer.run import Run

Gradients = dict[str, torch.Tensor]  # of each network


def steps(config: TrainConfig, count: int = 3) -> list[tuple[dict[str, float], torch.Tensor, Gradients]]:
    """Return each step's losses, their means over processes, all weights after it, and the gradients it took."""
    arithmetic = open_arithmetic("cpu", Precision.FP32)
    pairs = open_pairs(config, rank=arithmetic.rank, processes=arithmetic.processes)
    run = Run(config, arithmetic, pairs)
    found = []
    for number in range(count):
        losses = run.step(*pairs.batch(number * pairs.images_a_step))
        means = arithmetic.mean(torch.stack(list(losses.values()))).tolist()
        networks = run.recipe.networks
        weights = torch.cat([p.detach().flatten() for network in networks.values() for p in network.parameters()])
        gradients = {name: torch.cat([p.grad.flatten() for p in one.parameters()]) for name, one in networks.items()}
        found.append((dict(zip(losses, means, strict=True)), weights, gradients))
    return found


FROZEN = "cut on frozen features"
CASES = [
    *(recipe for recipe in RecipeName if recipe is not RecipeName.DISTILL),
    FROZEN,
]  # distill is cut on frozen features


def config_for(recipe: str, folder: Path, batch: int) -> TrainConfig:
    """Return what makes several processes comparable: no history, no dropout, instance norm."""
    config = TrainConfig(
        recipe=RecipeName.CUT if recipe == FROZEN else RecipeName(recipe),
        generator=GeneratorConfig(blocks=1, width=4),
        discriminator=DiscriminatorConfig(layers=2, width=4),
        loss=LossConfig(history=0, identity_every=2, r1=1.0, r1_every=2),
        data=DataConfig(a=folder / "trainA", b=folder / "trainB", crop=32, load=36, batch=batch),
        optimizer=OptimizerConfig(epochs=2.0, init_gain=0.1),
    )
    if recipe == FROZEN:
        return replace(
            config,
            generator=GeneratorConfig(kind=GeneratorKind.COMPACT, blocks=1, width=8),
            discriminator=DiscriminatorConfig(kind=DiscriminatorKind.PROJECTED),
            loss=LossConfig(gan=GanLoss.HINGE, history=0, identity_every=2, brightness=1.0, uneven_color=1.0),
            contrast=ContrastConfig(network=ContrastNetwork.FROZEN, patches=100_000),
            data=replace(config.data, crop=64, load=72),
        )
    if recipe == RecipeName.CUT:  # every process draws its own patches; all of them are everybody's
        # with a handful of features some vectors have a length of next to 0, and their gradients are rounding
        config = replace(config, contrast=ContrastConfig(patches=100_000, features=32))
    return config


if __name__ == "__main__":
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in CASES:
        results = steps(config_for(name, data, batch=1))
        rank = torch.distributed.get_rank()
        torch.save(results, out / f"{name}-{rank}.pt")
