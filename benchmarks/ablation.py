"""Train the five rows of the CycleGAN paper's ablation (arXiv 1703.10593, tables 4 and 5), small, and print the table.

    python benchmarks/ablation.py --data horse2zebra --images 3000

Everything but the weights is equal: networks, pictures, seed. Judged on the test folders where there are some, else on
held-out pictures. Distances are sliced Wasserstein × 1000 to the target kind: compare rows, not protocols.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cgconv.runtime.events import TrainProgressed
from cgconv.trainer.checkpoint import load_checkpoint
from cgconv.trainer.choices import Preprocess, Upsampling
from cgconv.trainer.config import (
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.data import read_image
from cgconv.trainer.evaluate import Evaluation, middle_squares
from cgconv.trainer.folders import find_domains, pictures_in
from cgconv.trainer.judge import translators_of
from cgconv.trainer.networks import Generators
from cgconv.trainer.train import train

ROWS = {  # forward: a → b → a
    "cycle alone": {"gan_ab": 0.0, "gan_ba": 0.0},
    "GAN alone": {"cycle": 0.0},
    "GAN + forward cycle": {"cycle_b": 0.0},
    "GAN + backward cycle": {"cycle_a": 0.0},
    "CycleGAN": {},
}
MEASURES = ("swd", "structure", "change", "cycle")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="a folder with trainA and trainB")
    arguments.add_argument("--images", type=int, default=3000, help="pictures of each kind that a row sees")
    arguments.add_argument("--width", type=int, default=24)
    arguments.add_argument("--crop", type=int, default=128)
    arguments.add_argument("--test", type=int, default=40, help="pictures of each kind to judge by")
    given = arguments.parse_args()
    folders = find_domains(given.data, None)
    tests = given.data / "testA", given.data / "testB"
    held = [pictures_in(folder)[: given.test] for folder in (tests if all(t.is_dir() for t in tests) else folders)]
    squares = [middle_squares((read_image(path) for path in paths), given.crop) for paths in held]
    evaluation = Evaluation(squares[0], squares[1], split="the test folders", draws=3)
    print(f"{given.images} pictures of each kind a row, width {given.width}, {given.crop} pixels")
    print(f"{evaluation.protocol()}\n")
    print("| losses | " + " | ".join(f"{way} {name}" for way in ("a→b", "b→a") for name in MEASURES) + " |")
    print("|---|" + "---|" * (2 * len(MEASURES)), flush=True)
    inputs = evaluation.inputs()
    print("| (not translated) | " + " | ".join(
        f"{inputs[f'inputs.{way}.swd']:.0f} | 1.00 | 0.0 | 0.0" for way in ("ab", "ba")
    ) + " |", flush=True)  # fmt: skip
    for row, weights in ROWS.items():
        print(f"| {row} | " + " | ".join(measured(given, folders, evaluation, weights)) + " |", flush=True)


def measured(
    given: argparse.Namespace, folders: tuple[Path, Path], evaluation: Evaluation, weights: dict[str, float]
) -> Iterator[str]:
    """Train one row and yield its measures, both ways."""
    with tempfile.TemporaryDirectory() as out:
        config = TrainConfig(
            generator=GeneratorConfig(blocks=6, width=given.width, upsampling=Upsampling.RESIZE),
            discriminator=DiscriminatorConfig(width=given.width),
            loss=replace(LossConfig(identity=0.0), **weights),  # type: ignore[arg-type]  # the paper's rows have none
            data=DataConfig(
                a=folders[0], b=folders[1], preprocess=Preprocess.SHORT_SIDE_AND_CROP, load=given.crop * 9 // 8,
                crop=given.crop,
            ),
            optimizer=OptimizerConfig(images=given.images, decay=0.4),
            evaluation=EvaluationConfig(every=0),
            run=RunConfig(out=Path(out) / "run", sample_every=10**9, checkpoint_every=10**9),
        )  # fmt: skip
        for event in train(config, threading.Event()):
            if isinstance(event, TrainProgressed):
                left = f"{event.images_seen}/{event.images_total}, {event.seconds_left / 60:.0f} min left"
                print(f"\r{left}   ", end="", file=sys.stderr, flush=True)
        print("\r", end="", file=sys.stderr)
        state = load_checkpoint(config.run.out)
    generators = Generators(config)
    generators.load_state_dict(state["generators"])
    found = evaluation.measure(translators_of(generators, config, average_of=state["average"]))
    for way in ("ab", "ba"):
        for name in MEASURES:
            yield f"{found[f'{way}.{name}']:.2f}" if name == "structure" else f"{found[f'{way}.{name}']:.1f}"


if __name__ == "__main__":
    main()
