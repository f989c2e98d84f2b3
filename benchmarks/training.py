"""Time a training step: a plain eager float32 one, as published, and ours, on the same networks and pictures.

    python benchmarks/training.py                       # width 64, 256 pixels: needs 3 GB and some minutes
    python benchmarks/training.py --width 32 --crop 128 --steps 20 --data horse2zebra

The steps of both alternate in one process, so that whatever else the computer does slows both. Identity losses are
reckoned on every step; a step of ours without them is listed apart. Waiting for pictures is timed in steps of ours
alone. Without --data pictures of noise are made. Ends with 1 where objectives of the first five steps differ by over
1 %: then the two do not train alike, and their times say nothing.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cgconv.trainer.arithmetic import Arithmetic, open_arithmetic
from cgconv.trainer.choices import Padding, Precision
from cgconv.trainer.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.cyclegan import CycleGan
from cgconv.trainer.data import Pairs, open_pairs
from cgconv.trainer.folders import find_domains
from cgconv.trainer.history import History
from cgconv.trainer.layers import InstanceNorm, Pad
from cgconv.trainer.recipe import Moment

FARTHEST = 0.01  # that the objectives of the same step may be apart …
COMPARED = 5  # … in the first steps: what bf16 rounds grows to 1 % within a dozen, and to 4 % within 30


class PlainStep:
    """CycleGAN's step as github.com/junyanz/pytorch-CycleGAN-and-pix2pix takes it: eager, float32, unfused Adam."""

    def __init__(self, recipe: CycleGan) -> None:
        self.generators: Any = published_layers(copy.deepcopy(recipe.generators))  # Any: modules by attribute
        self.judges: Any = published_layers(copy.deepcopy(recipe.discriminators))
        self.optimizers = [
            torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999)) for n in (self.generators, self.judges)
        ]
        self.histories = History(50), History(50)
        self.random = torch.Generator().manual_seed(0)
        self.mse, self.l1 = nn.MSELoss(), nn.L1Loss()

    def step(self, real_a: Tensor, real_b: Tensor) -> float:
        """Train on one batch; return the generators' objective."""
        g, f, d_a, d_b = self.generators.ab, self.generators.ba, self.judges.a, self.judges.b
        fake_b, fake_a = g(real_a), f(real_b)
        cycled_a, cycled_b = f(fake_b), g(fake_a)
        self.judges.requires_grad_(False)
        self.optimizers[0].zero_grad()
        identity = self.l1(f(real_a), real_a) + self.l1(g(real_b), real_b)
        scores_b, scores_a = d_b(fake_b), d_a(fake_a)
        gan = self.mse(scores_b, torch.ones_like(scores_b)) + self.mse(scores_a, torch.ones_like(scores_a))
        cycle = self.l1(cycled_a, real_a) + self.l1(cycled_b, real_b)
        objective = gan + 10 * cycle + 5 * identity
        objective.backward()
        self.optimizers[0].step()
        self.judges.requires_grad_(True)
        self.optimizers[1].zero_grad()
        for judge, real, fake, history in (
            (d_a, real_a, fake_a, self.histories[0]), (d_b, real_b, fake_b, self.histories[1]),
        ):  # fmt: skip
            of_real, of_fake = judge(real), judge(history.exchange(fake.detach(), self.random))
            loss = 0.5 * (self.mse(of_real, torch.ones_like(of_real)) + self.mse(of_fake, torch.zeros_like(of_fake)))
            loss.backward()
        self.optimizers[1].step()
        return float(objective.detach())


def published_layers(network: nn.Module) -> nn.Module:
    """Put torch's own padding and InstanceNorm in the place of ours; weights stay."""
    for name, part in network.named_children():
        if isinstance(part, Pad) and part.padding is Padding.REFLECT:
            setattr(network, name, nn.ReflectionPad2d(part.pad_px))
        elif isinstance(part, InstanceNorm):
            setattr(network, name, nn.InstanceNorm2d(len(part.ones)))
        else:
            published_layers(part)
    return network


def main(argv: Sequence[str] | None = None) -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--width", type=int, default=64)
    arguments.add_argument("--blocks", type=int, default=9)
    arguments.add_argument("--crop", type=int, default=256)
    arguments.add_argument("--steps", type=int, default=6, help="timed steps of each kind, after a first one")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--precision", type=Precision, choices=list(Precision), default=Precision.AUTO)
    arguments.add_argument("--compile", action="store_true", help="compile our networks")
    arguments.add_argument("--data", type=Path, help="a folder with trainA and trainB")
    given = arguments.parse_args(argv)
    with tempfile.TemporaryDirectory() as made:
        folder = given.data or make_noise(Path(made), given.crop)
        a, b = find_domains(folder, None)
        config = TrainConfig(
            generator=GeneratorConfig(blocks=given.blocks, width=given.width),
            discriminator=DiscriminatorConfig(width=given.width),
            loss=LossConfig(),
            data=DataConfig(a=a, b=b, crop=given.crop, load=given.crop * 286 // 256, largest=50),
            optimizer=OptimizerConfig(),
            run=RunConfig(device=given.device, precision=given.precision, compile=given.compile),
        )
        apart = compare(config, given.steps)
    if all(one <= FARTHEST for one in apart[:COMPARED]):  # nan is not
        return 0
    print(
        f"objectives of the first {COMPARED} steps are apart by over {FARTHEST:.0%}: the two kinds of step do not train"
        " alike", file=sys.stderr,
    )  # fmt: skip
    return 1


def compare(config: TrainConfig, steps: int) -> list[float]:
    """Print what each kind of step takes; return how far the objectives of both were apart, step by step."""
    arithmetic = open_arithmetic(config.run.device, config.run.precision)
    pairs = open_pairs(config)
    torch.manual_seed(0)
    recipe = CycleGan(config, arithmetic)
    recipe.random.manual_seed(0)
    plain = PlainStep(recipe)
    if config.run.compile:
        for network in (*recipe.generators.children(), *recipe.discriminators.children()):
            network.compile()
    seconds: dict[str, list[float]] = {"plain": [], "ours": [], "alone": [], "without identity": []}
    objectives: dict[str, list[float]] = {"plain": [], "ours": []}
    waits: list[float] = []
    with closing(pairs.batches(0)) as batches:
        for number in range(steps + 1):
            real_a, real_b = (batch.to(arithmetic.device) for batch in next(batches))
            took, value = timed(arithmetic, partial(plain.step, real_a, real_b))
            seconds["plain"].append(took)
            objectives["plain"].append(value)
            took, value = timed(arithmetic, partial(objective, recipe, real_a, real_b, Moment(number, 0.0)))
            seconds["ours"].append(took)
            objectives["ours"].append(value)
    with closing(pairs.batches(0)) as batches:  # a plain step beside ours would give pictures more time to come
        for number in range(steps + 1):
            asked = time.perf_counter()
            real_a, real_b = (batch.to(arithmetic.device) for batch in next(batches))
            waits.append(time.perf_counter() - asked)
            took, _ = timed(arithmetic, partial(objective, recipe, real_a, real_b, Moment(number, 0.0)))
            seconds["alone"].append(took)
    recipe.config = replace(config, loss=replace(config.loss, identity=0.0))
    for number in range(steps + 1):
        took, _ = timed(arithmetic, partial(objective, recipe, real_a, real_b, Moment(number, 0.0)))
        seconds["without identity"].append(took)
    return report(config, arithmetic, pairs, seconds, objectives, waits)


def objective(recipe: CycleGan, real_a: Tensor, real_b: Tensor, moment: Moment) -> float:
    """Take one of our steps; return the generators' objective."""
    return float(recipe.step(real_a, real_b, moment)["objective"])


def timed(arithmetic: Arithmetic, step: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds that a step takes, until the device is through with it, and what it returns."""
    if arithmetic.device.type == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    value = step()
    if arithmetic.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, value


def report(
    config: TrainConfig, arithmetic: Arithmetic, pairs: Pairs, seconds: dict[str, list[float]],
    objectives: dict[str, list[float]], waits: list[float],
) -> list[float]:  # fmt: skip
    """Print the table; first steps, in which memory is found and kernels are chosen, are left out.

    Return how far the objectives were apart, step by step, as shares.
    """
    name = torch.cuda.get_device_name() if arithmetic.device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(
        f"torch {torch.__version__}, {arithmetic.device} ({name}), {config.generator.blocks} blocks, width"
        f" {config.generator.width}, {config.data.crop} pixels, batch {config.data.batch}, {len(waits) - 1} steps"
    )
    middle = {kind: statistics.median(times[1:]) for kind, times in seconds.items()}
    print("\n| step | seconds, median | fastest | ratio |\n|---|---|---|---|")
    labels = {
        "plain": "plain eager float32",
        "ours": f"ours, {arithmetic.precision}",
        "without identity": f"ours, {arithmetic.precision}, without identity",
    }
    for kind, label in labels.items():
        print(f"| {label} | {middle[kind]:.3f} | {min(seconds[kind][1:]):.3f} | {middle['plain'] / middle[kind]:.2f} |")
    apart = [abs(ours / theirs - 1) for ours, theirs in zip(objectives["ours"], objectives["plain"], strict=True)]
    print(f"\nobjectives apart by at most {max(apart):.2%}, step by step " + ", ".join(f"{one:.2%}" for one in apart))
    waited = sum(waits[1:]) / (sum(waits[1:]) + sum(seconds["alone"][1:]))
    middle_wait = statistics.median(waits[1:]) * 1000
    print(f"waiting for pictures, in steps of ours alone: {middle_wait:.2f} ms a step, {waited:.1%} of the time")
    print(f"pictures: {len(pairs.domains[0])} and {len(pairs.domains[1])}, decoded once")
    return apart


def make_noise(folder: Path, side: int) -> Path:
    """Write a few pictures of each kind."""
    random = np.random.default_rng(0)
    for name in ("trainA", "trainB"):
        (folder / name).mkdir()
        for number in range(4):
            coarse = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            image = cv2.resize(coarse, (side * 9 // 8, side * 9 // 8), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / name / f"{number}.png"), image)
    return folder


if __name__ == "__main__":
    sys.exit(main())
