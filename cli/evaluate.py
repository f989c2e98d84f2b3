"""cgconv evaluate: measure a model or a run on test pictures, beside what does not translate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .extras import needs_extra
from .options import PathType, debug_option
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
        click.option("--features-range", type=click.Choice(["-1..1", "0..1", "0..255", "imagenet"]), default="-1..1",
                     show_default=True, help="The values that --features wants for black to white."),
        click.option("--features", type=click.Path(path_type=Path), metavar="FILE.onnx",
                     help="KID and FID by this network, not EfficientNet-lite1; 'inception' with torch-fidelity."),
    ):  # fmt: skip
        command = option(command)
    return command


def open_chosen_features(features: Path | None, features_range: str) -> Features | None:
    """Return the features that the options above name."""
    if features is None:
        return None
    from cgconv.trainer.choices import FeatureRange
    from cgconv.trainer.judging.features import open_features

    return open_features(None if str(features) == "inception" else features, values=FeatureRange(features_range))


@click.command(epilog=EXAMPLE, short_help="Measure a model or a run on test pictures.")
@click.argument("model_or_run", metavar="MODEL_OR_RUN")
@click.option("--data", type=PathType, required=True, metavar="DIR",
              help="The folder that holds testA and testB, or test/A and test/B.")  # fmt: skip
@click.option(
    "--direction", type=click.Choice(["a2b", "b2a"]), help="Of a run: only this one. Of a model: what it does."
)
@click.option("--paired", is_flag=True, help="Pictures of one name belong together: L1, PSNR and SSIM, too.")
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="Take N pictures of each kind, 4 or more; default: all."
)
@features_options
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print the measures as JSON on standard output.")
@debug_option
def evaluate(
    model_or_run: str, data: Path, direction: str | None, paired: bool, count: int | None, features: Path | None,
    features_range: str, device: str, as_json: bool,
) -> int:  # fmt: skip
    """Print how near translations come to real pictures: a table, under a line that says what it holds for.

    MODEL_OR_RUN is a model's name or file, a run's folder, or a checkpoint. Measured are the middle squares of the
    test pictures; beside the translations stand the pictures as they are, and with only their colours moved.
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
