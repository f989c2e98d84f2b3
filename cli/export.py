"""cgconv export: turn a run or a checkpoint into verified ONNX files, any model into 16 or 8 bits and engines."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgconv.runtime.errors import UsageError
from cgconv.trainer.choices import Direction

from .extras import needs_extra
from .options import CommandWithMore, PathType, choice_of, debug_option, grouped_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.exporter.half import ExportedHalf

CARD, ENGINE = "For the model's card", "For --engine"  # groups of options
MADE_UP = "made-up pictures (--pictures FOLDER names real ones)"
NOT_HALF = 0.6  # of the float32 file; more needs a word

EXAMPLE = """\b
Try:
  cgconv export runs/monet --direction b2a --out monet.onnx
  cgconv export monet --fp16 --int8 --pictures photos
  cgconv export monet --engine --sizes 1280x720,1920x1080 --batch 1-8"""


@click.command(cls=CommandWithMore, epilog=EXAMPLE, short_help="Turn a trained run into ONNX models.")
@click.argument("source", type=PathType, required=False, metavar="[RUN_OR_CHECKPOINT_OR_MODEL]")
@click.option("--direction", type=choice_of(Direction), help="Export only this way.  [default: both, in two files]")
@click.option(
    "-o", "--out", type=PathType, metavar="FILE", help="File to write, or a folder.  [default: beside the source]"
)
@click.option("--name", metavar="NAME", help="Name for the model.  [default: the source's]")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--fp16", is_flag=True, help="Also write NAME.fp16.onnx, which is half as large.")
@click.option("--int8", is_flag=True, help="Also write NAME.int8.onnx, which processors compute faster.")
@click.option(
    "--pictures",
    type=PathType,
    metavar="FOLDER",
    help="Pictures that --fp16, --int8 and --engine are checked on.  [default: the run's, or artificial ones]",
)
@click.option(
    "--calibrate",
    type=PathType,
    metavar="FOLDER",
    help="Pictures that --int8 takes the ranges of layers from.  [default: artificial ones]",
)
@click.option("--engine", is_flag=True, help="Also build TensorRT engines for this computer's GPU.")
@grouped_option(ENGINE, "--sizes", metavar="WxH,…", help="Picture sizes for --engine.  [default: 1280x720,1920x1080]")
@grouped_option(ENGINE, "--batch", metavar="N|N-M", help="Images at once for --engine.  [default: 1]")
@grouped_option(
    ENGINE,
    "--level",
    type=click.IntRange(0, 5),
    metavar="0-5",
    help="How long to search for faster engines: 0 shortest, 5 longest.  [default: 3]",
)
@grouped_option(CARD, "--title", default="", metavar="TEXT", help="One line about the model, for its card.")
@grouped_option(CARD, "--licence", default="", metavar="TEXT", help="The model's licence, for its card.")
@grouped_option(
    CARD, "--data", default="", metavar="TEXT", help="What it was trained on, and under which licences, for its card."
)
@grouped_option(
    CARD,
    "--working-size",
    type=click.IntRange(1, 65536),
    metavar="PX",
    help="Shorter side at which the model works best, for its card.  [default: the picture's own]",
)
@debug_option
def export(
    source: Path | None,
    direction: str | None,
    out: Path | None,
    name: str | None,
    overwrite: bool,
    fp16: bool,
    int8: bool,
    pictures: Path | None,
    calibrate: Path | None,
    engine: bool,
    sizes: str | None,
    batch: str | None,
    level: int | None,
    title: str,
    licence: str,
    data: str,
    working_size: int | None,
) -> int:
    """Turn a trained run into ONNX models, and compare each with torch on real and random pictures.

    Without an argument, the newest run in runs/ is exported. With --fp16, --int8 or --engine, the argument may also
    be a model's name or an ONNX file; that needs no torch.
    """
    from cgconv.exporter.sources import model_file

    if pictures is not None and not (fp16 or int8 or engine):
        raise UsageError("--pictures: no effect without --fp16, --int8 or --engine")
    if calibrate is not None and not int8:
        raise UsageError("--calibrate: no effect without --int8")
    engines = _EngineOptions.parsed(engine, sizes, batch, level)
    model = model_file(source) if source is not None else None
    if model is not None:
        if not (fp16 or int8 or engine):
            raise UsageError(
                f"{model}: this is an ONNX file already; add --fp16 for half precision, --int8 for 8 bits, or --engine "
                "to compile it"
            )
        if fp16 and int8 and out is not None and out.suffix == ".onnx":
            raise UsageError("--out: name a folder, because --fp16 and --int8 write a file each")
        if direction or title or licence or data or working_size:
            raise UsageError(
                "--direction, --title, --licence, --data and --working-size are for runs only; a model keeps its card"
            )
        if int8:
            _write_int8(model, out, name, calibrate, pictures, overwrite)
        if fp16:
            model = _write_half(model, out, name, pictures, overwrite)
        if engines:
            engines.build(model, pictures)
        return 0

    with needs_extra("train", "exporting a run"):
        from cgconv.exporter.export import CardText, newest_run
        from cgconv.exporter.export import export as run_export

    if source is None:
        source = newest_run()
        click.echo(printable(f"exporting the newest run: {source}"), err=True)
    for suffix in [".fp16.onnx"] * fp16 + [".int8.onnx"] * int8:
        if out is not None and out.name.endswith(suffix):
            raise UsageError(f"--out: name the float32 file; the smaller file is written beside it as NAME{suffix}")
    written = run_export(
        source,
        direction=Direction(direction) if direction else None,
        out=out,
        name=name,
        text=CardText(title, licence, data, working_size),
        exists_ok=overwrite,
    )
    for exported in written:
        differs = exported.verification
        click.echo(printable(f"{exported.path} ({exported.card.direction or exported.card.name})"))
        on_pictures = f"{differs.real:.1e} on pictures, " if differs.real is not None else ""
        click.echo(f"  differs from torch by {on_pictures}{differs.random:.1e} on noise", err=True)
    for exported in written:
        path, shown = exported.path, pictures or exported.pictures
        if int8:
            _write_int8(path, None, None, calibrate, shown, overwrite)
        if fp16:
            path = _write_half(path, None, None, shown, overwrite)
        if engines:
            engines.build(path, shown)
    return 0


@dataclass(frozen=True)
class _EngineOptions:
    """What --engine is to build."""

    sizes_hw: list[tuple[int, int]]
    batch: tuple[int, int]
    level: int | None

    @classmethod
    def parsed(cls, wanted: bool, sizes: str | None, batch: str | None, level: int | None) -> _EngineOptions | None:
        """Return the options, None without --engine. Raises UsageError, and MissingError before any work is done."""
        if not wanted:
            if sizes or batch or level is not None:
                raise UsageError("--sizes, --batch and --level: no effect without --engine")
            return None
        from cgconv.exporter.engine import require_tensorrt
        from cgconv.runtime.backends.engines.shapes import parse_batch, parse_sizes

        options = cls(parse_sizes(sizes) if sizes else [], parse_batch(batch) if batch else (1, 1), level)
        require_tensorrt()
        return options

    def build(self, model: Path, pictures: Path | None) -> None:
        """Build the engines of one file, and show how."""
        from cgconv.exporter.engine import build_engines

        from .batch import cancel_on_interrupt
        from .progress import open_show

        with cancel_on_interrupt() as cancel, open_show(as_json=False, kind="picture") as show:
            built = build_engines(
                model,
                sizes_hw=self.sizes_hw,
                batch=self.batch,
                level=self.level,
                pictures=pictures,
                report=show.show,
                is_cancelled=cancel.is_set,
            )
        for one in built:
            entry, state = one.entry, "there already" if one.was_there else f"built in {one.entry.build_s:.0f} s"
            click.echo(printable(f"{entry.path} ({entry.model}, {entry.size}, {one.precision})"))
            click.echo(
                f"  {entry.engine_bytes / 1e6:.1f} MB, {state}, {entry.decibels:.1f} dB from the ONNX file", err=True
            )


def _write_half(model: Path, out: Path | None, name: str | None, pictures: Path | None, overwrite: bool) -> Path:
    from cgconv.exporter.half import export_half

    if sys.stderr.isatty():  # it takes a while, but an error is to be the only line of a log
        click.echo("checking half precision against float32, picture by picture …", err=True)
    exported = export_half(model, out=out, name=name, pictures=pictures, exists_ok=overwrite)
    click.echo(printable(f"{exported.path} ({exported.card.direction or exported.card.name}, half precision)"))
    for line in _half_lines(exported):
        click.echo(f"  {line}", err=True)
    return exported.path


def _write_int8(
    model: Path, out: Path | None, name: str | None, calibrate: Path | None, pictures: Path | None, overwrite: bool
) -> None:
    from cgconv.exporter.int8 import export_int8
    from cgconv.runtime.downloads.download import bytes_text

    from .batch import cancel_on_interrupt

    if sys.stderr.isatty():
        click.echo("measuring how much quality 8 bits lose, picture by picture …", err=True)
    with cancel_on_interrupt() as cancel:
        exported = export_int8(
            model,
            out=out,
            name=name,
            calibrate=calibrate,
            pictures=pictures,
            exists_ok=overwrite,
            is_cancelled=cancel.is_set,
        )
    click.echo(printable(f"{exported.path} ({exported.card.direction or exported.card.name}, int8)"))
    size, facts = exported.path.stat().st_size, exported.facts
    kind = "pictures" if facts["pictures"] == "real" else MADE_UP
    sums = ", ".join(facts["instruction_sets"]) or "no 8-bit dot products"
    for line in (
        f"{bytes_text(size)}, {size / exported.full_bytes:.0%} of the float32 file",
        f"{facts['median_db']:.1f} dB from float32 on the median, {facts['worst_db']:.1f} at worst of "
        f"{len(facts['psnr_db'])} {kind}, with {sums}, by {facts['against']}",
        f"{facts['convolutions_in_int8']} of {facts['convolutions']} convolutions in 8 bits, their weights in "
        f"{facts['weight_bits']}",
    ):
        click.echo(f"  {line}", err=True)


def _half_lines(exported: ExportedHalf) -> list[str]:
    """Say how the file in half precision was checked."""
    from cgconv.runtime.downloads.download import bytes_text

    check = exported.check
    size, full_size = exported.path.stat().st_size, exported.full_bytes
    number = len(check.decibels)
    kind = "pictures" if check.are_real else MADE_UP
    lines = [
        f"{bytes_text(size)}, {size / full_size:.0%} of the float32 file",
        f"{check.worst_db:.1f} dB from float32 at worst, {check.mean_db:.1f} on average of {number} {kind}",
        f"{check.in_half} of {check.convolutions} convolutions in half precision; {check.ran_in_half} ran so here, "
        f"on {check.ran_on}",
    ]
    if size > NOT_HALF * full_size:
        lines.insert(
            1, "not half as large: only the weights of convolutions shrink, and this file is mostly something else"
        )
    if check.ran_in_half < check.in_half:
        lines.append("ONNX Runtime turns the others back to float32 here: the check rounded every layer as a GPU does")
    return lines
