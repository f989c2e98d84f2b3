"""cgconv video: translate films and folders of films."""

from __future__ import annotations

from typing import Any

import click

from .options import TimeType, look_options, machine_options, model_option, output_options, report_options

EXAMPLE = """\b
Try:
  cgconv video holiday.mp4 --model monet
  cgconv video holiday.mp4 --model monet --start 1:30 --end 1:45 --out trial"""


@click.command(epilog=EXAMPLE, short_help="Translate films, with their sound.")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@model_option
@output_options
@click.option("--format", "file_format", type=click.Choice(["same", "mp4", "mov", "mkv", "webm", "gif"]),
              default="same", show_default=True,
              help="Container of the results; AVI and the rest become MKV.")  # fmt: skip
@click.option("--codec", type=click.Choice(["auto", "h264", "hevc", "av1", "vp9", "prores", "ffv1"]), default="auto",
              show_default=True, help="What the pictures are stored as.")  # fmt: skip
@click.option(
    "--crf", type=click.IntRange(0, 63), metavar="N", help="Quality: lower is better and larger; default: by codec."
)
@click.option("--start", type=TimeType(), metavar="TIME", help="Begin here: 90.5, 1:30 or 0:01:30.5.")
@click.option("--end", type=TimeType(), metavar="TIME", help="End before this time.")
@click.option(
    "--audio", type=click.Choice(["copy", "none"]), default="copy", show_default=True, help="What to do with sound."
)
@click.option(
    "--deinterlace",
    type=click.Choice(["auto", "off", "bwdif"]),
    default="auto",
    show_default=True,
    help="Make whole frames of interlaced and telecined ones; auto: where a film is found to be so.",
)
@click.option("--field-rate", type=click.Choice(["half", "full"]), default="half", show_default=True,
              help="One frame for two fields, or one for each: twice as many, and smoother.")  # fmt: skip
@click.option("--allow-hdr", is_flag=True, help="Take HDR films (PQ, HLG) too; their colours come out dull.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse films whose frames have more pixels than this.",
)
@click.option("--fresh", is_flag=True, help="Throw away what an earlier run that was stopped has done.")
@look_options
@machine_options
@report_options
def video(inputs: tuple[str, ...], **given: Any) -> int:  # Any: the options above
    """Translate films, folders with all their sub-folders, and patterns.

    A film's result lies beside it as NAME.MODEL.EXT, a folder's in FOLDER-MODEL. Every frame keeps its time; sound,
    subtitles and chapters are copied. A film that was stopped goes on where it was with the same command.
    """
    from cgconv.runtime.films.encoding import VideoCodec
    from cgconv.runtime.films.fields import Deinterlace, FieldRate
    from cgconv.runtime.films.job import FilmOptions
    from cgconv.runtime.find import Kind
    from cgconv.runtime.jobs import BatchOptions, Exists

    from .batch import Reporting, model_names, run_batch, settings_of

    film = FilmOptions(
        codec=VideoCodec(given["codec"]),
        crf=given["crf"],
        start_s=None if given["start"] is None else float(given["start"]),
        end_s=None if given["end"] is None else float(given["end"]),
        keep_audio=given["audio"] == "copy",
        strength=given["strength"],
        keep_colors=given["keep_colors"],
        short_side=given["resize"],
        brush=given["brush"],
        detail=given["detail"],
        batch=given["batch"],
        threads=given["threads"],
        allow_hdr=given["allow_hdr"],
        deinterlace=Deinterlace(given["deinterlace"]),
        field_rate=FieldRate(given["field_rate"]),
        fresh=given["fresh"],
        **({"max_pixels": given["max_pixels"]} if given["max_pixels"] else {}),
    )
    model, names = model_names(given["model"])
    options = BatchOptions(
        kind=Kind.FILM, model_name=model.stem, model_names=names, out=given["out"], exists=Exists(given["exists"]),
        file_format=given["file_format"], film=film, batch=given["batch"],
    )  # fmt: skip
    machine = {name: given[name] for name in ("backend", "device", "precision", "threads")}
    reporting = Reporting(**{name: given[name] for name in ("report", "page", "as_json", "dry_run")})
    return run_batch(inputs, options, model=model, machine=machine, reporting=reporting, settings=settings_of(given))
