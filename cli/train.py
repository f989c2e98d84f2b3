"""cgconv train: learn to turn one folder's pictures into the other's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .extras import needs_extra
from .options import PathType, debug_option

if TYPE_CHECKING:
    from cgconv.trainer.config import TrainConfig

EXAMPLE = """\b
Try:
  cgconv train paintings photos --out runs/monet
  cgconv train --out runs/monet --resume"""

MAY_CHANGE = frozenset({"a", "b", "out", "resume", "epochs", "device", "precision", "threads", "as_json", "debug"})


@click.command(epilog=EXAMPLE, short_help="Learn from two folders of pictures.")
@click.argument("a", type=PathType, required=False)
@click.argument("b", type=PathType, required=False)
@click.option("-o", "--out", type=PathType, required=True, metavar="DIR", help="The run's folder, e.g. runs/monet.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, with its own settings.")
@click.option("--name-a", default="a", show_default=True, help="What A's pictures are, for the model's card.")
@click.option("--name-b", default="b", show_default=True, help="What B's pictures are.")
@click.option(
    "--blocks",
    type=click.IntRange(1, 32),
    default=9,
    show_default=True,
    metavar="N",
    help="Residual blocks of a generator: 9 for 256 pixels, 6 for 128.",
)
@click.option(
    "--width",
    type=click.IntRange(4, 512),
    default=64,
    show_default=True,
    metavar="N",
    help="Channels after a generator's first convolution; 32 is a quarter of the work.",
)
@click.option(
    "--upsampling",
    type=click.Choice(["transposed", "resize"]),
    default="transposed",
    show_default=True,
    help="As published, or without checkerboards.",
)
@click.option(
    "--focus",
    type=click.Choice(["both", "a2b", "b2a"]),
    default="both",
    show_default=True,
    help="Make the other direction's generator half as wide, for speed.",
)
@click.option(
    "--discriminator-width",
    type=click.IntRange(4, 512),
    default=64,
    show_default=True,
    metavar="N",
    help="Channels after a discriminator's first convolution.",
)
@click.option(
    "--discriminator-norm",
    type=click.Choice(["instance", "spectral"]),
    default="instance",
    show_default=True,
    help="As published, or spectral: sees overall colour, learns texture more slowly.",
)
@click.option(
    "--color-judge",
    is_flag=True,
    help="Add a small discriminator of overall colour and brightness, to which the published one is blind.",
)
@click.option(
    "--gan-loss",
    type=click.Choice(["least-squares", "cross-entropy"]),
    default="least-squares",
    show_default=True,
    help="The adversarial loss.",
)
@click.option(
    "--cycle",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="X",
    help="Weight of the cycle loss.",
)
@click.option(
    "--identity",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    metavar="X",
    help="Weight of the identity loss; keeps colours. 0 leaves it out.",
)
@click.option(
    "--identity-every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Reckon the identity loss on every N-th step only.",
)
@click.option(
    "--grid",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="X",
    help="Weight of the grid loss: wipes a regular pattern out of flat parts; 30 is a good start.",
)
@click.option(
    "--crop",
    type=click.IntRange(min=32),
    default=256,
    show_default=True,
    metavar="PIXELS",
    help="Side of the squares that the networks see.",
)
@click.option(
    "--load",
    type=click.IntRange(min=0),
    default=286,
    show_default=True,
    metavar="PIXELS",
    help="Short side that pictures are brought to before cropping; 0 leaves them.",
)
@click.option(
    "--shrink",
    type=click.FloatRange(min=1),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Cut squares up to X times larger and shrink them.",
)
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Pictures a step.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    default=2e-4,
    show_default=True,
    metavar="X",
    help="Adam's rate.",
)
@click.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True),
    default=200.0,
    show_default=True,
    metavar="N",
    help="Times through the larger folder.",
)
@click.option(
    "--decay",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    metavar="0..1",
    help="The last part of the run, in which the rate falls to 0.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of all that is random.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Number type of the networks.",
)
@click.option("--threads", type=click.IntRange(1, 256), metavar="N", help="Processor threads; default: all.")
@click.option(
    "--sample-every",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    metavar="STEPS",
    help="Save a grid of pictures and translations.",
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    metavar="STEPS",
    help="Save everything needed to go on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON on standard output.")
@debug_option
@click.pass_context
def train(context: click.Context, /, **given: Any) -> int:  # Any: the options above  # fmt: skip
    """Train CycleGAN on two folders of pictures, A and B, that need not show the same things.

    A alone may hold trainA and trainB, or train/A and train/B. Ctrl-C saves a checkpoint; --resume goes on from it.
    """
    if given["a"] is None and not given["resume"]:
        raise click.UsageError("name the two folders of pictures, or one that holds trainA and trainB")
    with needs_extra("train", "training"):
        from cgconv.trainer.train import train as run_training

    from .batch import cancel_on_interrupt
    from .train_progress import open_train_show

    config = _resumed_config(context, given) if given["resume"] else _config(given)
    with open_train_show(as_json=given["as_json"]) as show, cancel_on_interrupt() as cancel:
        for event in run_training(config, cancel, resume=given["resume"]):
            show.show(event)
    return 0


def _config(given: dict[str, Any]) -> TrainConfig:  # Any: option values
    from cgconv.trainer.config import (
        DataConfig,
        DiscriminatorConfig,
        DiscriminatorNorm,
        Focus,
        GanLoss,
        GeneratorConfig,
        LossConfig,
        OptimizerConfig,
        Precision,
        RunConfig,
        TrainConfig,
        Upsampling,
    )
    from cgconv.trainer.data import find_domains

    a, b = find_domains(given["a"], given["b"])
    return TrainConfig(
        generator=GeneratorConfig(
            blocks=given["blocks"], width=given["width"], upsampling=Upsampling(given["upsampling"]),
            focus=Focus(given["focus"]),
        ),
        discriminator=DiscriminatorConfig(
            width=given["discriminator_width"],
            norm=DiscriminatorNorm(given["discriminator_norm"]),
            color=given["color_judge"],
        ),
        loss=LossConfig(
            gan=GanLoss(given["gan_loss"]), cycle=given["cycle"], identity=given["identity"],
            identity_every=given["identity_every"], grid=given["grid"],
        ),
        data=DataConfig(
            a=a, b=b, crop=given["crop"], load=given["load"], shrink=given["shrink"], batch=given["batch"]
        ),
        optimizer=OptimizerConfig(
            learning_rate=given["learning_rate"], discriminator_learning_rate=given["learning_rate"],
            epochs=given["epochs"], decay=given["decay"],
        ),
        run=RunConfig(
            out=given["out"], name_a=given["name_a"], name_b=given["name_b"], seed=given["seed"],
            device=given["device"], precision=Precision(given["precision"]), threads=given["threads"] or 0,
            sample_every=given["sample_every"], checkpoint_every=given["checkpoint_every"],
        ),
    )  # fmt: skip


def _resumed_config(context: click.Context, given: dict[str, Any]) -> TrainConfig:  # Any: option values
    """Return the config of the run in --out, with what may change in a run as it is given now."""
    from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint
    from cgconv.trainer.config import Precision
    from cgconv.trainer.data import find_domains

    set_now = {name for name in given if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if fixed := sorted(set_now - MAY_CHANGE):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in fixed)
        raise click.UsageError(f"a run keeps its settings: {options} cannot be changed by --resume")
    config = checkpoint_config(load_checkpoint(given["out"]))
    run = replace(config.run, out=Path(given["out"]))
    if "device" in set_now:
        run = replace(run, device=given["device"])
    if "precision" in set_now:
        run = replace(run, precision=Precision(given["precision"]))
    if "threads" in set_now:
        run = replace(run, threads=given["threads"])
    if "epochs" in set_now:
        config = replace(config, optimizer=replace(config.optimizer, epochs=given["epochs"]))
    if given["a"] is not None:
        a, b = find_domains(given["a"], given["b"])
        config = replace(config, data=replace(config.data, a=a, b=b))
    return replace(config, run=run)
