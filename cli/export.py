"""cgconv export: turn a run or a checkpoint into verified ONNX files."""

from __future__ import annotations

from pathlib import Path

import click

from .extras import needs_extra
from .options import PathType, debug_option

EXAMPLE = """\b
Try:
  cgconv export runs/monet --direction b2a --out monet.onnx"""


@click.command(epilog=EXAMPLE, short_help="Turn a run into verified ONNX files.")
@click.argument("source", type=PathType, required=False, metavar="[RUN_OR_CHECKPOINT]")
@click.option("--direction", type=click.Choice(["a2b", "b2a"]), help="Which generator; default: both, in two files.")
@click.option(
    "-o", "--out", type=PathType, metavar="FILE", help="An .onnx file, or a folder; default: the run's folder."
)
@click.option("--name", metavar="NAME", help="The model's name; default: the run's.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@click.option("--title", default="", metavar="TEXT", help="One line for the model's card.")
@click.option("--licence", default="", metavar="TEXT", help="The model's licence, for its card.")
@click.option("--data", default="", metavar="TEXT", help="What it was trained on, and the licences of that.")
@debug_option
def export(
    source: Path | None, direction: str | None, out: Path | None, name: str | None, overwrite: bool, title: str,
    licence: str, data: str,
) -> int:  # fmt: skip
    """Write a run's generators as ONNX files, each checked against torch on real and random pictures.

    Without RUN_OR_CHECKPOINT the newest run under runs/ is taken.
    """
    with needs_extra("train", "exporting"):
        from cgconv.exporter.export import CardText, Direction, newest_run
        from cgconv.exporter.export import export as run_export

    if source is None:
        source = newest_run()
        click.echo(f"exporting the newest run: {source}", err=True)
    written = run_export(
        source, direction=Direction(direction) if direction else None, out=out, name=name,
        text=CardText(title=title, licence=licence, data=data), exists_ok=overwrite,
    )  # fmt: skip
    for exported in written:
        differs = exported.verification
        click.echo(f"{exported.path} ({exported.card.direction or exported.card.name})")
        on_pictures = f"{differs.real:.1e} on pictures, " if differs.real is not None else ""
        click.echo(f"  differs from torch by {on_pictures}{differs.random:.1e} on noise", err=True)
    return 0
