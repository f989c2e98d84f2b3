"""cgconv train: learn to turn one folder's pictures into the other's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cgconv.trainer.choices import RecipeName

from .extras import needs_extra
from .options import CommandWithMore, PathType, choice_of, debug_option, events_option
from .train_options import (
    SETTINGS,
    TEACHER,
    parameter,
    refuse_idle,
    settings_as_options,
    settings_options,
    with_folders,
    with_settings,
)

if TYPE_CHECKING:
    from cgconv.trainer.config import TrainConfig

EXAMPLE = """\b
Try:
  cgconv train paintings photos --out runs/monet
  cgconv train --preset quick --dry-run
  cgconv train --resume runs/monet"""

MAY_CHANGE = frozenset(  # in a run that goes on
    (
        *("epochs", "images", "device", "precision", "compile", "threads", "memory_gb", "report_every"),
        *("sample_every", "checkpoint_every", "evaluate_every", "keep_best", "features", "features_range"),
        *("learning_rate", "discriminator_learning_rate", "gan_ab", "gan_ba", "cycle", "cycle_a", "cycle_b"),
        *("identity", "identity_a", "identity_b", "l1", "contrast", "brightness", "uneven_color"),
        *("stability", "structure", "perceived"),
    )
)


@click.command(cls=CommandWithMore, epilog=EXAMPLE, short_help="Learn from two folders of pictures.")
@click.argument("a", type=PathType, required=False)
@click.argument("b", type=PathType, required=False)
@click.option(
    "--data", type=PathType, metavar="DIR", help="One folder that holds both kinds of pictures, instead of A and B."
)
@click.option(
    "-o", "--out", type=PathType, metavar="DIR", help="New folder for everything the training writes, e.g. runs/monet."
)
@click.option(
    "--resume",
    type=PathType,
    metavar="RUN",
    help="Continue a run, with its own settings; its length, learning rates and loss weights may change.",
)
@click.option(
    "--recipe",
    type=choice_of(RecipeName, without=(RecipeName.DISTILL,)),
    help="Method of training.  [default: cyclegan]",
)
@click.option("--preset", metavar="NAME", help="Settings to start from; --preset list names them and what each is for.")
@settings_options
@events_option
@click.option("--dry-run", is_flag=True, help="Print all settings as JSON, without training.")
@debug_option
def train(**given: Any) -> int:  # Any: the options above
    """Learn to turn the pictures of folder A into pictures like those of folder B, and back.

    The two folders need not show the same things. Instead of both, name one folder that holds trainA and trainB, or
    train/A and train/B; for pix2pix also one with pictures side by side. The defaults shown are those of CycleGAN as
    published; --recipe and --preset bring others. Ctrl-C saves the run, and --resume continues it.
    """
    if given["preset"] == "list":
        return _list_presets(as_json=given["as_json"])
    with settings_as_options(given):
        if given["resume"] is not None:
            config = with_folders(resumed_config(given), *_folders(given))
        else:
            config = _new_config(given)
    return _show_settings(config) if given["dry_run"] else _run(config, given)


def _run(config: TrainConfig, given: dict[str, Any]) -> int:  # Any: option values
    with needs_extra("train", "training"):
        from cgconv.trainer.train import leave_group
        from cgconv.trainer.train import train as run_training

    from .batch import cancel_on_interrupt
    from .train_progress import open_train_show

    show_of_run = open_train_show(as_json=given["as_json"])
    with show_of_run as show, settings_as_options(given), cancel_on_interrupt() as cancel:
        for event in run_training(config, cancel, resume=given["resume"] is not None):
            show.show(event)
    leave_group()
    return 0


def _show_settings(config: TrainConfig) -> int:
    """Print all settings, unless the file of features, the one that they name, is not there."""
    from cgconv.runtime.errors import UsageError
    from cgconv.trainer.config import config_as_dict

    features = config.evaluation.features
    if features not in ("", "inception") and not Path(features).is_file():
        raise UsageError(f"{features}: no such file; --features takes an ONNX file or inception")
    click.echo(json.dumps(config_as_dict(config), indent=2))
    return 0


def _list_presets(*, as_json: bool) -> int:
    from cgconv.trainer.presets import PRESETS

    if as_json:
        listed = [{"name": name, "recipe": one.config.recipe, "purpose": one.purpose} for name, one in PRESETS.items()]
        click.echo(json.dumps(listed, indent=1))
        return 0
    width = max(len(name) for name in PRESETS)
    for name, preset in PRESETS.items():
        click.echo(f"{name:{width}}  {preset.config.recipe}: {preset.purpose}")
    return 0


def _new_config(given: dict[str, Any]) -> TrainConfig:  # Any: option values
    """Return the preset's config with what was given."""
    from cgconv.trainer.choices import RecipeName
    from cgconv.trainer.data.folders import refuse_nested
    from cgconv.trainer.presets import PRESETS, PUBLISHED

    name = given["preset"] or PUBLISHED[RecipeName(given["recipe"] or "cyclegan")]
    if name not in PRESETS:
        raise click.UsageError(f"--preset {name}: no such preset; choose one of {', '.join(PRESETS)}")
    config = PRESETS[name].config
    if given["recipe"] and config.recipe != given["recipe"]:
        raise click.UsageError(f"--preset {name} is for {config.recipe}, not {given['recipe']}; leave out --recipe")
    config = with_settings(config, given)
    refuse_idle(config, given)
    a, b = _folders(given)
    if a is None and not given["dry_run"]:
        raise click.UsageError("name the two folders of pictures to learn from, or one that holds trainA and trainB")
    config = with_folders(config, a, b)
    if given["out"] is None:
        if not given["dry_run"]:
            raise click.UsageError("name a folder for the training's files, e.g. --out runs/monet")
        return config
    config = replace(config, run=replace(config.run, out=given["out"]))
    if a is not None:
        refuse_nested(config.run.out, config.data.a, config.data.b, paired=config.recipe is RecipeName.PIX2PIX)
    return config


def resumed_config(given: dict[str, Any]) -> TrainConfig:  # Any: option values
    """Return the config of the run that is to go on, with what may change in a run as it is given now.

    Raises click.UsageError where something else was given.
    """
    run: Path = given["resume"]
    if run.name == "checkpoint.pt" and run.is_file():
        run = run.parent
    if run.is_file():
        raise click.UsageError(
            f"--resume {run}: this is a file; name the run's folder. To continue from an earlier checkpoint, copy it"
            " over the folder's checkpoint.pt"
        )
    settings = (*SETTINGS, *TEACHER)
    fixed = [s.option for s in settings if given.get(parameter(s)) is not None and parameter(s) not in MAY_CHANGE]
    fixed += [f"--{name}" for name in ("recipe", "preset", "out") if given.get(name) is not None]
    if fixed:
        raise click.UsageError(f"{', '.join(fixed)}: cannot be changed with --resume; a run keeps these settings")
    with needs_extra("train", "training"):
        from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint
    config = with_settings(checkpoint_config(load_checkpoint(run)), given)
    refuse_idle(config, given)
    return replace(config, run=replace(config.run, out=run))


def _folders(given: dict[str, Any]) -> tuple[Path | None, Path | None]:  # Any: option values
    if given["data"] is None:
        return given["a"], given["b"]
    if given["a"] is not None:
        raise click.UsageError("name the folders either as A and B or by --data, not both")
    return given["data"], None
