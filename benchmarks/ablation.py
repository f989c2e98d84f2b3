"""Train the five rows of the CycleGAN paper's ablation (arXiv 1703.10593, tables 4 and 5), small, and print the table.

    python benchmarks/ablation.py --data horse2zebra --images 3000

Everything but the weights is equal: networks, pictures, seed. Judged on the test folders where there are some, else on
pictures that every row holds out of its training, in both cases on middle squares at the scale that the rows learn
from. Distances are KID × 1000 to the target kind: compare rows, not protocols.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cgconv.runtime.errors import CgconvError
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
from cgconv.trainer.data.folders import find_domains, find_test_domains, pictures_in
from cgconv.trainer.data.pairs import Image, open_pairs, read_image, resized
from cgconv.trainer.judging.evaluation import Evaluation, spread
from cgconv.trainer.judging.judge import squares_of, translators_of
from cgconv.trainer.networks.build import Generators
from cgconv.trainer.train import train

ROWS = {  # forward: a → b → a
    "cycle alone": {"gan_ab": 0.0, "gan_ba": 0.0},
    "GAN alone": {"cycle": 0.0},
    "GAN + forward cycle": {"cycle_b": 0.0},
    "GAN + backward cycle": {"cycle_a": 0.0},
    "CycleGAN": {},
}
MEASURES = ("kid", "content", "change", "cycle")


def main(argv: Sequence[str] | None = None) -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True, help="a folder with trainA and trainB")
    arguments.add_argument("--images", type=int, default=3000, help="pictures of each kind that a row sees")
    arguments.add_argument("--width", type=int, default=24)
    arguments.add_argument("--crop", type=int, default=128)
    arguments.add_argument("--test", type=int, default=40, help="pictures of each kind to judge by, at most")
    given = arguments.parse_args(argv)
    config = common_config(given)
    images, split = pictures_to_judge_by(config, given)
    real_a, real_b = (squares_of(of_kind, given.crop) for of_kind in images)
    evaluation = Evaluation(real_a, real_b, split=f"{split}, short side {config.data.load} as in training")
    print(f"{given.images} pictures of each kind a row, width {given.width}, {given.crop} pixels")
    print(f"{evaluation.protocol()}\n")
    print("| losses | " + " | ".join(f"{way} {name}" for way in ("a→b", "b→a") for name in MEASURES) + " |")
    print("|---|" + "---|" * (2 * len(MEASURES)), flush=True)
    inputs = evaluation.inputs()
    print(
        "| (not translated) | "
        + " | ".join(f"{inputs[f'inputs.{way}.kid']:.1f} | 1.00 | 0.0 | 0.0" for way in ("ab", "ba"))
        + " |",
        flush=True,
    )
    for row, weights in ROWS.items():
        loss = replace(config.loss, **weights)  # type: ignore[arg-type]  # weights alone, all of them floats
        print(f"| {row} | " + " | ".join(measured(replace(config, loss=loss), evaluation)) + " |", flush=True)


def common_config(given: argparse.Namespace) -> TrainConfig:
    """Return what all rows have in common. Pictures are held out where there are no test folders."""
    a, b = find_domains(given.data, None)
    holds_out = test_folders(given.data) is None
    return TrainConfig(
        generator=GeneratorConfig(blocks=6, width=given.width, upsampling=Upsampling.RESIZE),
        discriminator=DiscriminatorConfig(width=given.width),
        loss=LossConfig(identity=0.0),  # the paper's rows have none
        data=DataConfig(
            a=a,
            b=b,
            preprocess=Preprocess.SHORT_SIDE_AND_CROP,
            load=given.crop * 9 // 8,
            crop=given.crop,
        ),
        optimizer=OptimizerConfig(images=given.images, decay=0.4),
        evaluation=EvaluationConfig(every=10**9 if holds_out else 0, held_out=given.test, keep_best=0),
        run=RunConfig(sample_every=0, checkpoint_every=10**9),
    )


def test_folders(data: Path) -> tuple[Path, Path] | None:
    """Return the folders of the test pictures where there are some."""
    try:
        return find_test_domains(data)
    except CgconvError:  # policy: pictures are held out then
        return None


def pictures_to_judge_by(config: TrainConfig, given: argparse.Namespace) -> tuple[list[list[Image]], str]:
    """Return pictures of each kind that no row learns from, scaled as those that it does, and where they are from."""
    if folders := test_folders(given.data):
        paths_of = [pictures_in(folder) for folder in folders]
        chosen = [[paths[index] for index in spread(len(paths), given.test)] for paths in paths_of]
        return [[resized(read_image(path), config.data) for path in paths] for paths in chosen], "the test folders"
    held = open_pairs(config).held
    assert held is not None  # open_pairs always gives both, if empty
    images = [[domain.image(index) for index in range(len(domain))] for domain in held]
    return images, "held out of the training folders"


def measured(config: TrainConfig, evaluation: Evaluation) -> Iterator[str]:
    """Train one row and yield its measures, both ways."""
    with tempfile.TemporaryDirectory() as out:
        config = replace(config, run=replace(config.run, out=Path(out) / "run"))
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
            yield f"{found[f'{way}.{name}']:.2f}" if name == "content" else f"{found[f'{way}.{name}']:.1f}"


if __name__ == "__main__":
    main()
