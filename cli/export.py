"""cgconv export: turn a run or a checkpoint into verified ONNX files, and any model into half precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgconv.runtime.errors import UsageError

from .extras import needs_extra
from .options import PathType, debug_option

if TYPE_CHECKING:
    from cgconv.exporter.half import ExportedHalf

EXAMPLE = """\b
Try:
  cgconv export runs/monet --direction b2a --out monet.onnx
  cgconv export monet --fp16 --pictures photos"""


@click.command(epilog=EXAMPLE, short_help="Turn a run into verified ONNX files, or a model into half precision.")
@click.argument("source", type=PathType, required=False, metavar="[RUN_OR_CHECKPOINT_OR_MODEL]")
@click.option("--direction", type=click.Choice(["a2b", "b2a"]), help="Which generator; default: both, in two files.")
@click.option(
    "-o", "--out", type=PathType, metavar="FILE", help="An .onnx file, or a folder; default: where the source is."
)
@click.option("--name", metavar="NAME", help="The model's name; default: the source's.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@click.option("--fp16", is_flag=True, help="Write NAME.fp16.onnx in half precision, checked on pictures.")
@click.option(
    "--pictures", type=PathType, metavar="FOLDER", help="What --fp16 is checked on; default: the run's, or made up."
)
@click.option("--title", default="", metavar="TEXT", help="One line for the model's card.")
@click.option("--licence", default="", metavar="TEXT", help="The model's licence, for its card.")
@click.option("--data", default="", metavar="TEXT", help="What it was trained on, and the licences of that.")
@debug_option
def export(
    source: Path | None, direction: str | None, out: Path | None, name: str | None, overwrite: bool, fp16: bool,
    pictures: Path | None, title: str, licence: str, data: str,
) -> int:  # fmt: skip
    """Write a run's generators as ONNX files, each checked against torch on real and random pictures.

    Without RUN_OR_CHECKPOINT_OR_MODEL the newest run under runs/ is taken. --fp16 adds a file in half precision beside
    each; an ONNX file or a model's name is enough for that, and needs no torch.
    """
    from cgconv.exporter.sources import model_file

    if pictures is not None and not fp16:
        raise UsageError("--pictures says what --fp16 is checked on; add --fp16")
    model = model_file(source) if source is not None else None
    if model is not None:
        if not fp16:
            raise UsageError(f"{model} is an ONNX file already; --fp16 writes it in half precision")
        if direction or title or licence or data:
            raise UsageError("--direction, --title, --licence and --data are for runs; a model keeps its own card")
        _write_half(model, out, name, pictures, overwrite)
        return 0

    with needs_extra("train", "exporting a run"):
        from cgconv.exporter.export import CardText, Direction, newest_run
        from cgconv.exporter.export import export as run_export

    if source is None:
        source = newest_run()
        click.echo(f"exporting the newest run: {source}", err=True)
    if fp16 and out is not None and out.name.endswith(".fp16.onnx"):
        raise UsageError("--out names the float32 file; the one in half precision lands beside it as NAME.fp16.onnx")
    written = run_export(
        source, direction=Direction(direction) if direction else None, out=out, name=name,
        text=CardText(title=title, licence=licence, data=data), exists_ok=overwrite,
    )  # fmt: skip
    for exported in written:
        differs = exported.verification
        click.echo(f"{exported.path} ({exported.card.direction or exported.card.name})")
        on_pictures = f"{differs.real:.1e} on pictures, " if differs.real is not None else ""
        click.echo(f"  differs from torch by {on_pictures}{differs.random:.1e} on noise", err=True)
    for exported in written if fp16 else []:
        _write_half(exported.path, None, None, pictures or exported.pictures, overwrite)
    return 0


def _write_half(model: Path, out: Path | None, name: str | None, pictures: Path | None, overwrite: bool) -> None:
    from cgconv.exporter.half import export_half

    exported = export_half(model, out=out, name=name, pictures=pictures, exists_ok=overwrite)
    click.echo(f"{exported.path} ({exported.card.direction or exported.card.name}, half precision)")
    for line in _half_lines(exported):
        click.echo(f"  {line}", err=True)


def _half_lines(exported: ExportedHalf) -> list[str]:
    """Say how the file in half precision was checked."""
    check = exported.check
    size, full_size = exported.path.stat().st_size, exported.full_bytes
    number = len(check.decibels)
    kind = "pictures" if check.are_real else "made-up pictures (--pictures FOLDER names real ones)"
    lines = [
        f"{size / 1e6:.1f} MB, {size / full_size:.0%} of the float32 file",
        f"{check.worst_db:.1f} dB from float32 at worst, {check.mean_db:.1f} on average of {number} {kind}",
        f"{check.in_half} of {check.convolutions} convolutions in half precision; {check.ran_in_half} ran so here, "
        f"on {check.ran_on}",
    ]
    if check.ran_in_half < check.in_half:
        lines.append("ONNX Runtime turns the others back to float32 here: the check rounded every layer as a GPU does")
    return lines
