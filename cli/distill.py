"""cgconv distill: have a model teach a small one, export that, and compare the two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .extras import needs_extra
from .options import CommandWithMore, PathType, debug_option, events_option
from .progress import printable
from .train import resumed_config
from .train_options import distill_options, settings_as_options, with_settings

if TYPE_CHECKING:
    from cgconv.runtime.translator import Translator
    from cgconv.trainer.config import TrainConfig

EXAMPLE = """\b
Try:
  cgconv distill monet --data photos
  cgconv distill runs/monet --images 30000
  cgconv distill --resume runs/monet-small"""


@click.command(cls=CommandWithMore, epilog=EXAMPLE, short_help="Make a small model of a large one.")
@click.argument("model_or_run", metavar="[MODEL_OR_RUN]", required=False)
@click.option("--data", type=PathType, metavar="PICTURES", help="Pictures to learn from. [default: the run's own]")
@click.option(
    "--targets",
    type=PathType,
    metavar="FOLDER",
    help="Pictures of the wanted kind, for the discriminator and for KID; of a run: its own.",
)
@click.option("-o", "--out", type=PathType, metavar="DIR", help="The run's folder; default: runs/NAME-small.")
@click.option("--resume", type=PathType, metavar="RUN", help="Go on; length, rates and weights may change.")
@click.option(
    "--direction", type=click.Choice(["a2b", "b2a"]), help="Which direction teaches, if the run learned both."
)
@distill_options
@events_option
@debug_option
def distill(**given: Any) -> int:  # Any: the options above
    """Have MODEL_OR_RUN teach a small generator, export that, and print how near it came, and how fast it is.

    MODEL_OR_RUN is a model's name or file (with a card or without), a run's folder, or a checkpoint. It translates all
    pictures once, which is kept in the run's folder; then the student learns. Ctrl-C saves a checkpoint.
    """
    if (given["model_or_run"] is None) == (given["resume"] is None):
        raise click.UsageError("name the model or run that teaches, or --resume with a run to go on with")
    with settings_as_options(given), needs_extra("train", "distilling"):
        config, teacher = _begin(given) if given["resume"] is None else _go_on(given)
    with teacher:
        _run(config, teacher, given)
    return 0


def _begin(given: dict[str, Any]) -> tuple[TrainConfig, Translator]:  # Any: option values
    """Return the settings of a new run, and its teacher."""
    from cgconv.exporter.distilling import begin
    from cgconv.trainer.choices import Direction
    from cgconv.trainer.presets import DISTILL

    source = Path(given["model_or_run"])
    out = given["out"] or Path("runs") / f"{source.stem if source.is_file() else source.name}-small"
    config = with_settings(DISTILL, given | {"direction": None})  # that is the teacher's
    return begin(
        replace(config, run=replace(config.run, out=out)),
        source,
        pictures=given["data"],
        targets=given["targets"],
        direction=Direction(given["direction"]) if given["direction"] else None,
        chooses_width=given["width"] is None,
    )


def _go_on(given: dict[str, Any]) -> tuple[TrainConfig, Translator]:  # Any: option values
    """Return the settings of a run that goes on, and its teacher."""
    from cgconv.exporter.distilling import open_teacher
    from cgconv.trainer.choices import RecipeName

    config = resumed_config(given)
    if config.recipe is not RecipeName.DISTILL:
        raise click.UsageError(
            f"--resume {given['resume']}: a run of {config.recipe}; continue it with cgconv train --resume"
        )
    folders = {"a": given["data"], "b": given["targets"]}
    config = replace(config, data=replace(config.data, **{name: path for name, path in folders.items() if path}))
    return config, open_teacher(config)


def _run(config: TrainConfig, teacher: Translator, given: dict[str, Any]) -> None:  # Any: option values
    from cgconv.exporter.distilling import finish
    from cgconv.runtime.events import TrainFinished
    from cgconv.trainer.judging.evaluation import table
    from cgconv.trainer.train import train

    from .batch import cancel_on_interrupt
    from .train_progress import open_train_show

    is_resumed, as_json = given["resume"] is not None, given["as_json"]
    with open_train_show(as_json=as_json) as show, settings_as_options(given), cancel_on_interrupt() as cancel:
        for event in train(config, cancel, resume=is_resumed, teacher=lambda image: teacher.translate(image[None])[0]):
            if as_json or not isinstance(event, TrainFinished):  # which tells how to export it
                show.show(event)
        compared = finish(config, teacher)
        show.show(compared)
    if not as_json:
        click.echo("\n".join(printable(line) for line in table(compared.measures).split("\n")))
