"""cgconv sheet: put what all models make of a picture on one labeled sheet."""

from __future__ import annotations

from pathlib import Path

import click

from cgconv.runtime.errors import OutputError, UsageError

from .options import PathType, any_device_option, debug_option
from .progress import printable

EXAMPLE = """\b
Try:
  cgconv sheet photo.jpg
  cgconv sheet photo.jpg holiday/*.jpg --models monet,zebra --out choice.png"""


@click.command(epilog=EXAMPLE, short_help="Compare all models on one sheet.")
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...")
@click.option(
    "--models", metavar="A,B,…", help="Names from 'cgconv models list', or .onnx files.  [default: all models]"
)
@click.option(
    "-o",
    "--out",
    type=PathType,
    default=Path("sheet.jpg"),
    show_default=True,
    metavar="FILE",
    help="File to write: PNG, JPEG, WebP, TIFF or AVIF.",
)
@click.option(
    "--size",
    type=click.IntRange(32, 4096),
    default=512,
    show_default=True,
    metavar="PX",
    help="Longer side of each picture on the sheet, in pixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing sheet.")
@any_device_option
@debug_option
def sheet(pictures: tuple[str, ...], models: str | None, out: Path, size: int, overwrite: bool, device: str) -> int:
    """Compare all models: write one labeled sheet with pictures and what each model makes of them.

    One picture gives a grid, several give a row each. PICTURE may also be a folder or a pattern.
    """
    from cgconv.runtime.backends.machine import checked_device
    from cgconv.runtime.find import Kind, find_files
    from cgconv.runtime.models.store import known_names
    from cgconv.runtime.sheet import LeftOut, make_sheet, sheet_format, write_sheet

    from .batch import cancel_on_interrupt

    checked_device(device)
    sheet_format(out)  # a name that no sheet can have is said before the work
    found = find_files(pictures, Kind.PICTURE, model_names=known_names(), leave_out=None)
    if found.refused:
        path, reason = found.refused[0]
        raise UsageError(f"{path}: {reason}")
    if not found.files:
        raise UsageError("no pictures found for the sheet")
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: this file exists already; name another with --out, or add --overwrite")
    named = [name.strip() for name in models.split(",") if name.strip()] if models is not None else []
    if models is not None and not named:
        raise UsageError("--models: found no name in it")
    left_out = LeftOut([], [])
    with cancel_on_interrupt() as cancel:
        image = make_sheet(
            [file.path for file in found.files],
            named,
            edge_px=size,
            device=device,
            cancel=cancel,
            left_out=left_out,
            report=lambda step, _: click.echo(printable(f"{step} …"), err=True),
        )
    write_sheet(out, image)
    click.echo(printable(str(out)))
    for reason in (*left_out.pictures, *left_out.models):
        click.echo(printable(f"left out: {reason}"), err=True)
    return 1 if left_out.pictures else 0
