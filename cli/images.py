"""cgconv images: translate pictures and folders of pictures."""

from __future__ import annotations

from typing import Any

import click

from .options import look_options, machine_options, model_option, output_options, report_options

EXAMPLE = """\b
Try:
  cgconv images photos --model monet
  cgconv images 'holiday/*.jpg' --model monet --out painted --page painted.html"""


@click.command(epilog=EXAMPLE, short_help="Translate pictures and folders of pictures.")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@model_option
@output_options
@click.option("--format", "file_format", type=click.Choice(["same", "png", "jpg", "webp", "tiff", "avif"]),
              default="same", show_default=True, help="Format of the results; HEIC becomes JPEG.")  # fmt: skip
@click.option(
    "--quality", type=click.IntRange(1, 100), metavar="1-100", help="Quality of JPEG, WebP and AVIF; default: high."
)
@look_options
@click.option(
    "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Refuse pictures with more pixels than this."
)
@click.option("--allow-hdr", is_flag=True, help="Take HDR pictures (PQ, HLG) too; their colours come out dull.")
@machine_options
@report_options
def images(inputs: tuple[str, ...], **given: Any) -> int:  # Any: the options above
    """Translate pictures, folders with all their sub-folders, and patterns.

    A picture's result lies beside it as NAME.MODEL.EXT, a folder's in FOLDER-MODEL. Sizes, 16 bits, transparency and
    metadata are kept. Pictures that have a result already are skipped.
    """
    from cgconv.runtime.find import Kind
    from cgconv.runtime.jobs import BatchOptions, Exists
    from cgconv.runtime.pictures.job import PictureOptions

    from .batch import Reporting, model_names, run_batch, settings_of

    picture = PictureOptions(
        file_format=given["file_format"],
        strength=given["strength"],
        keep_colors=given["keep_colors"],
        resize_short_side=given["resize"],
        brush=given["brush"],
        detail=given["detail"],
        quality=given["quality"],
        allow_hdr=given["allow_hdr"],
        **({"max_pixels": given["max_pixels"]} if given["max_pixels"] else {}),
    )
    model, names = model_names(given["model"])
    options = BatchOptions(
        kind=Kind.PICTURE, model_name=model.stem, model_names=names, out=given["out"], exists=Exists(given["exists"]),
        file_format=given["file_format"], picture=picture, batch=given["batch"], workers=given["threads"],
    )  # fmt: skip
    machine = {name: given[name] for name in ("backend", "device", "precision", "threads")}
    reporting = Reporting(**{name: given[name] for name in ("report", "page", "as_json", "dry_run")})
    return run_batch(inputs, options, model=model, machine=machine, reporting=reporting, settings=settings_of(given))
