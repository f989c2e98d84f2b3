"""cgconv evaluate: measure a model or a run on test pictures, beside what does not translate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cgconv.trainer.choices import Direction, FeatureRange

from .extras import needs_extra
from .options import PathType, choice_of, debug_option, device_option, json_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.trainer.judging.features import Features

F = TypeVar("F", bound=Callable[..., Any])  # Any: commands take what their options give

EXAMPLE = """\b
Try:
  cgconv evaluate runs/monet --data data/monet2photo
  cgconv evaluate monet --data data/monet2photo --direction b2a"""


def features_options(command: F) -> F:
    """Add --features and --features-range to a command."""
    for option in (
        click.option("--features-range", type=choice_of(FeatureRange), default="-1..1",
                     show_default=True, help="Values from black to white that the network of --features expects."),
        click.option("--features", type=click.Path(path_type=Path), metavar="FILE.onnx",
                     help="Network for KID and FID in place of EfficientNet-lite1; inception needs torch-fidelity."),
    ):  # fmt: skip
        command = option(command)
    return command


def open_chosen_features(features: Path | None, features_range: str) -> Features | None:
    """Return the features that the options above name."""
    if features is None:
        return None
    from cgconv.trainer.judging.features import open_features

    return open_features(None if str(features) == "inception" else features, values=FeatureRange(features_range))


@click.command(epilog=EXAMPLE, short_help="Measure a model or a run on test pictures.")
@click.argument("model_or_run", metavar="MODEL_OR_RUN")
@click.option("--data", type=PathType, required=True, metavar="DIR",
              help="Folder that holds testA and testB, or test/A and test/B.")  # fmt: skip
@click.option(
    "--direction", type=choice_of(Direction), help="Measure only this way; for a model, the way that it translates."
)
@click.option("--paired", is_flag=True, help="Pictures of equal names are pairs; adds L1, PSNR and SSIM.")
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="Use N pictures of each kind, at least 4.  [default: all]"
)
@features_options
@device_option
@json_option
@debug_option
def evaluate(
    model_or_run: str, data: Path, direction: str | None, paired: bool, count: int | None, features: Path | None,
    features_range: str, device: str, as_json: bool,
) -> int:  # fmt: skip
    """Measure how close translated test pictures come to real ones.

    MODEL_OR_RUN is a model's name or file, a run's folder, or a checkpoint. For comparison, the table also has the
    pictures without translation, and with only their colors adjusted. Measured are the middle squares.
    """
    with needs_extra("train", "evaluating"):
        from cgconv.trainer.reports.comparison import compare_model, compare_run, comparison_as_json

    chosen = open_chosen_features(features, features_range)
    path = Path(model_or_run)
    if path.is_dir() or path.suffix == ".pt":
        found = compare_run(path, data, direction=direction, paired=paired, count=count, features=chosen, device=device)
    else:
        from cgconv.runtime.models.store import resolve_model
        from cgconv.runtime.translator import open_translator

        with open_translator(resolve_model(model_or_run), device=device) as translator:
            found = compare_model(
                translator.translate, translator.card.name, data, paired=paired, count=count, features=chosen,
                direction=direction or translator.card.source.get("direction"),
            )  # fmt: skip
    if as_json:
        click.echo(comparison_as_json(found))
    else:
        click.echo("\n".join(printable(line) for line in found.text().split("\n")))
    return 0
