"""Time a training step: a plain eager float32 one, as published, and ours, on the same networks and pictures.

    python benchmarks/training.py                       # width 64, 256 pixels: needs 3 GB and some minutes
    python benchmarks/training.py --width 32 --crop 128 --steps 20 --data horse2zebra
    python benchmarks/training.py --preset paint        # its step by part: generator, frozen network, discriminator …

The steps of both alternate in one process, so that whatever else the computer does slows both. Identity losses are
reckoned on every step; a step of ours without them is listed apart. Waiting for pictures is timed in steps of ours
alone. Without --data pictures of noise are made. Ends with 1 where objectives of the first five steps differ by over
1 %: then the two do not train alike, and their times say nothing.

With --preset (quick, paint or photo) the step of one direction on frozen features is timed instead, whole, and each of
its parts by itself on the same pictures: forward and backward passes as often as a step has them, but those of the
identity loss, which come on some steps only.
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
    ContrastNetwork,
    DiscriminatorConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.data.folders import find_domains
from cgconv.trainer.data.pairs import Pairs, open_pairs
from cgconv.trainer.networks.discriminators import cut_out
from cgconv.trainer.networks.layers import InstanceNorm, Pad
from cgconv.trainer.networks.projected import Seen
from cgconv.trainer.presets import PRESETS
from cgconv.trainer.recipes.content import SCALES, frozen_contrast_loss
from cgconv.trainer.recipes.cyclegan import CycleGan
from cgconv.trainer.recipes.frozen_cut import FrozenCut
from cgconv.trainer.recipes.history import History
from cgconv.trainer.recipes.losses import discriminator_loss, generator_loss
from cgconv.trainer.recipes.recipe import Moment, Recipe

FARTHEST = 0.01  # that the objectives of the same step may be apart …
ON_FROZEN_FEATURES = [name for name, one in PRESETS.items() if one.config.contrast.network is ContrastNetwork.FROZEN]
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
            (d_a, real_a, fake_a, self.histories[0]),
            (d_b, real_b, fake_b, self.histories[1]),
        ):
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
    arguments.add_argument("--width", type=int, help="64, or the preset's")
    arguments.add_argument("--blocks", type=int, help="9, or the preset's")
    arguments.add_argument("--crop", type=int, help="256, or the preset's")
    arguments.add_argument("--preset", choices=ON_FROZEN_FEATURES, help="time its step, by part")
    arguments.add_argument("--steps", type=int, default=6, help="timed steps of each kind, after a first one")
    arguments.add_argument("--device", default="auto")
    arguments.add_argument("--precision", type=Precision, choices=list(Precision), default=Precision.AUTO)
    arguments.add_argument("--compile", action="store_true", help="compile our networks")
    arguments.add_argument("--data", type=Path, help="a folder with trainA and trainB")
    given = arguments.parse_args(argv)
    base = PRESETS[given.preset].config if given.preset else TrainConfig()
    width, blocks = given.width or base.generator.width, given.blocks or base.generator.blocks
    crop = given.crop or base.data.crop
    run = RunConfig(device=given.device, precision=given.precision, compile=given.compile)
    with tempfile.TemporaryDirectory() as made:
        a, b = find_domains(given.data or make_noise(Path(made), crop), None)
        data = replace(base.data, a=a, b=b, crop=crop, load=crop * base.data.load // base.data.crop, largest=50)
        generator = replace(base.generator, blocks=blocks, width=width)
        if given.preset:
            time_parts(replace(base, generator=generator, data=data, run=run), given.steps)
            return 0
        config = TrainConfig(
            generator=generator,
            discriminator=DiscriminatorConfig(width=width),
            loss=LossConfig(),
            data=data,
            optimizer=OptimizerConfig(),
            run=run,
        )
        apart = compare(config, given.steps)
    if all(one <= FARTHEST for one in apart[:COMPARED]):  # nan is not
        return 0
    print(
        f"objectives of the first {COMPARED} steps are apart by over {FARTHEST:.0%}: the two kinds of step do not train"
        " alike",
        file=sys.stderr,
    )
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


def objective(recipe: Recipe, real_a: Tensor, real_b: Tensor, moment: Moment) -> float:
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
    config: TrainConfig,
    arithmetic: Arithmetic,
    pairs: Pairs,
    seconds: dict[str, list[float]],
    objectives: dict[str, list[float]],
    waits: list[float],
) -> list[float]:
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


def time_parts(config: TrainConfig, steps: int) -> None:
    """Print what a step on frozen features takes, whole and by part; first steps are left out."""
    arithmetic = open_arithmetic(config.run.device, config.run.precision)
    pairs = open_pairs(config)
    torch.manual_seed(0)
    recipe = FrozenCut(config, arithmetic)
    recipe.random.manual_seed(0)
    if config.run.compile:
        recipe.generator.compile()
    whole: list[float] = []
    seconds: dict[str, list[float]] = {}
    with closing(pairs.batches(0)) as batches:
        for number in range(steps + 1):
            real_a, real_b = (batch.to(arithmetic.device) for batch in next(batches))
            moment = Moment(1 if config.loss.identity_every > 1 else number, 0.0)  # one without identity
            whole.append(timed(arithmetic, partial(objective, recipe, real_a, real_b, moment))[0])
            for name, part in parts_of(recipe, real_a, real_b).items():
                seconds.setdefault(name, []).append(timed(arithmetic, part)[0])
    middle = statistics.median(whole[1:])
    print(
        f"torch {torch.__version__}, {arithmetic.device} ({torch.get_num_threads()} threads), {arithmetic.precision},"
        f" {config.generator.kind} generator of {config.generator.blocks} blocks and width {config.generator.width},"
        f" {config.data.crop} pixels, batch {config.data.batch}, {steps} steps"
    )
    print(
        f"\n{config.data.batch / middle:.2f} images a second\n\n| part | seconds, median | of the step |\n|---|---|---|"
    )
    rows = {"a step without identity": middle} | {name: statistics.median(took[1:]) for name, took in seconds.items()}
    for name, took in rows.items():
        print(f"| {name} | {took:.3f} | {took / middle:.0%} |")


def parts_of(recipe: FrozenCut, source: Tensor, target: Tensor) -> dict[str, Callable[[], float]]:
    """Return a step's parts, each ready to be computed by itself."""
    judge, config, arithmetic = recipe.discriminator, recipe.config, recipe.arithmetic
    source = source.contiguous(memory_format=torch.channels_last)
    with arithmetic.autocast(), torch.no_grad():
        fake = recipe.generator(source)
        shown_fake, shown_source, shown_target = (
            cut_out(x, (0, 0), config.loss.jitter).clone() for x in (fake, source, target)
        )
        seen, of_target = judge.look(shown_fake), judge.look(shown_target)
        of_source = judge.features(shown_source)

    def generator() -> float:
        with arithmetic.autocast():
            out = recipe.generator(source)
        out.float().mean().backward()
        return 0.0

    def frozen_network() -> float:
        x = shown_fake.clone().requires_grad_()
        with arithmetic.autocast():
            maps = judge.features(x)
            with torch.no_grad():
                judge.features(shown_source), judge.features(shown_target)
        torch.autograd.grad([one.float().mean() for one in maps], x)
        return 0.0

    def discriminator() -> float:
        judge.requires_grad_(True)
        with arithmetic.autocast():
            scores = judge.judge(of_target), judge.judge(seen)
        discriminator_loss(*scores, config.loss.gan).backward()  # type: ignore[no-untyped-call]  # torch's
        judge.requires_grad_(False)
        features = [one.detach().requires_grad_() for one in seen.features]
        pixels = seen.pixels.detach().requires_grad_()
        with arithmetic.autocast():
            with torch.no_grad():
                judge.mixing(of_target.features)
            fooled = judge.judge(Seen(pixels, features, judge.mixing(features)))
        torch.autograd.grad(generator_loss(fooled, config.loss.gan), [pixels, *features])
        return 0.0

    def contrast() -> float:
        fakes = [one.detach().requires_grad_() for one in seen.features[SCALES]]
        loss = frozen_contrast_loss(
            of_source[SCALES],
            fakes,
            places=config.contrast.patches,
            temperature=config.contrast.temperature,
            random=recipe.random,
        )
        torch.autograd.grad(loss, fakes)
        return 0.0

    return {
        "generator": generator,
        "frozen network": frozen_network,
        "discriminator": discriminator,
        "contrast": contrast,
    }


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
