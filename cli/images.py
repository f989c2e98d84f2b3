"""cgconv images: translate pictures and folders of pictures."""

from __future__ import annotations

from typing import Any

import click

from cgconv.runtime.choices import PictureFormat

from .options import (
    MORE,
    CommandWithMore,
    choice_of,
    cluster_options,
    grouped_option,
    look_options,
    machine_options,
    model_option,
    output_options,
    report_options,
    steady_option,
    watch_option,
)

EXAMPLE = """\b
Try:
  cgconv images photos --model monet
  cgconv images 'holiday/*.jpg' --model monet --out painted --page painted.html"""


@click.command(cls=CommandWithMore, epilog=EXAMPLE, short_help="Translate pictures and folders of pictures.")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@model_option
@output_options
@click.option(
    "--format",
    "file_format",
    type=choice_of(PictureFormat),
    default="same",
    show_default=True,
    help="File format of the results. same: the input's own, and JPEG for HEIC.",
)
@click.option(
    "--quality", type=click.IntRange(1, 100), metavar="1-100", help="Quality of JPEG, WebP and AVIF.  [default: high]"
)
@look_options
@steady_option
@grouped_option(MORE, "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Refuse pictures with more pixels.")
@grouped_option(MORE, "--allow-hdr", is_flag=True, help="Translate HDR pictures (PQ, HLG) too, with dull colors.")
@watch_option
@cluster_options
@machine_options
@report_options
def images(inputs: tuple[str, ...], **given: Any) -> int:  # Any: the options above
    """Translate pictures, and all pictures in folders.

    INPUT is a picture, a folder with all its subfolders, or a pattern such as 'holiday/*.jpg'. The result of NAME.EXT
    is NAME.MODEL.EXT beside it, that of a folder is FOLDER-MODEL. Size, 16-bit color, transparency and metadata are
    kept. Pictures that already have a result are skipped.
    """
    from cgconv.runtime.find import Kind

    from .batch import run_command

    return run_command(Kind.PICTURE, inputs, given)
