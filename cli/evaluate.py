"""cgconv evaluate: measure a model or a run on test pictures, beside what does not translate."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cgconv.trainer.choices import Direction, FeatureRange

from .extras import needs_extra
from .options import PathType, choice_of, debug_option, device_option, json_option, steady_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.translate.shared_translator import Translates
    from cgconv.trainer.judging.features import Features

F = TypeVar("F", bound=Callable[..., Any])  # Any: commands take what their options give

EXAMPLE = """\b
Try:
  cgconv evaluate runs/monet --data data/monet2photo
  cgconv evaluate monet --data data/monet2photo --direction b2a
  cgconv evaluate monet --temporal holiday.mp4 --page steady.html"""


def features_options(command: F) -> F:
    """Add --features and --features-range to a command."""
    for option in (
        click.option(
            "--features-range",
            type=choice_of(FeatureRange),
            default="-1..1",
            show_default=True,
            help="Values from black to white that the network of --features expects.",
        ),
        click.option(
            "--features",
            type=click.Path(path_type=Path),
            metavar="FILE.onnx",
            help="Network for KID and FID in place of EfficientNet-lite1; inception needs torch-fidelity.",
        ),
    ):
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
@click.option("--data", type=PathType, metavar="DIR", help="Folder that holds testA and testB, or test/A and test/B.")
@click.option(
    "--direction", type=choice_of(Direction), help="Measure only this way; for a model, the way that it translates."
)
@click.option("--paired", is_flag=True, help="Pictures of equal names are pairs; adds L1, PSNR and SSIM.")
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="Use N pictures of each kind, at least 4.  [default: all]"
)
@click.option(
    "--temporal",
    type=PathType,
    metavar="FILM",
    help="Measure instead how steady the model's translation of a film is (its first 60 frames, or --count).",
)
@steady_option
@click.option(
    "--resize",
    type=click.IntRange(min=8),
    metavar="PIXELS",
    help="With --temporal: resize to this length of the shorter side first.",
)
@click.option(
    "--page",
    type=PathType,
    metavar="FILE.html",
    help="With --temporal: write both films, frame by frame and held steady, and a page that plays them.",
)
@features_options
@device_option
@json_option
@debug_option
def evaluate(
    model_or_run: str,
    data: Path | None,
    direction: str | None,
    paired: bool,
    count: int | None,
    temporal: Path | None,
    steady: float,
    resize: int | None,
    page: Path | None,
    features: Path | None,
    features_range: str,
    device: str,
    as_json: bool,
) -> int:
    """Measure how close translated test pictures come to real ones.

    MODEL_OR_RUN is a model's name or file, a run's folder, or a checkpoint. For comparison, the table also has the
    pictures without translation, and with only their colors adjusted. Measured are the middle squares.
    """
    if (data is None) == (temporal is None):
        raise click.UsageError("give --data DIR for pictures, or --temporal FILM for steadiness")
    if data is None:
        assert temporal is not None
        return _evaluate_film(
            model_or_run,
            temporal,
            steady=steady,
            frames=max(2, count or 60),
            short_side=resize,
            page=page,
            device=device,
            as_json=as_json,
        )
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
                translator.translate,
                translator.card.name,
                data,
                paired=paired,
                count=count,
                features=chosen,
                direction=direction or translator.card.source.get("direction"),
            )
    if as_json:
        click.echo(comparison_as_json(found))
    else:
        click.echo("\n".join(printable(line) for line in found.text().split("\n")))
    return 0


def _evaluate_film(
    model: str,
    film: Path,
    *,
    steady: float,
    frames: int,
    short_side: int | None,
    page: Path | None,
    device: str,
    as_json: bool,
) -> int:
    from cgconv.runtime.films.temporal import measure_steadiness
    from cgconv.runtime.models.store import resolve_model
    from cgconv.runtime.translator import open_translator

    with open_translator(resolve_model(model), device=device) as translator:
        found = measure_steadiness(film, translator, steady=steady, frames=frames, short_side=short_side)
        click.echo(json.dumps(found.as_json()) if as_json else found.text())
        if page is not None:
            _write_film_page(page, film, translator, steady=steady, frames=frames, short_side=short_side)
    return 0


def _write_film_page(
    page: Path, film: Path, translator: Translates, *, steady: float, frames: int, short_side: int | None
) -> None:
    from cgconv.runtime.films.job import FilmOptions, translate_film
    from cgconv.runtime.films.reader import FilmReader
    from cgconv.runtime.page import write_page

    with FilmReader(film) as reader:
        end_s = float(reader.info.first_time_s + frames / reader.info.rate)
    films = []
    for amount, name in ((0.0, "frame-by-frame"), (steady, "steady")):
        films.append(page.with_name(f"{film.stem}.{name}.mp4"))
        options = FilmOptions(steady=amount, end_s=end_s, short_side=short_side, keep_audio=False)
        for _ in translate_film(film, films[-1], translator, options, cancel=threading.Event()):
            pass
    write_page([(films[0], films[1])], page, f"cgconv · {translator.card.name}, frame by frame and held steady")
