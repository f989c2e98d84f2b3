"""cgconv video: translate films and folders of films."""

from __future__ import annotations

from typing import Any

import click

from cgconv.runtime.choices import Deinterlace, FieldRate, FilmFormat, VideoCodec

from .options import (
    MORE,
    CommandWithMore,
    RateType,
    TimeType,
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
  cgconv video holiday.mp4 --model monet
  cgconv video holiday.mp4 --model monet --start 1:30 --end 1:45 --out trial
  cgconv video frames/%05d.exr --model monet --fps 24 --out out/%05d.exr"""


@click.command(cls=CommandWithMore, epilog=EXAMPLE, short_help="Translate films, with their sound.")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@model_option
@output_options
@click.option(
    "--format",
    "file_format",
    type=choice_of(FilmFormat),
    default="same",
    show_default=True,
    help="Container of the results. same: the input's own, and MKV for AVI and other rare ones.",
)
@grouped_option(
    MORE,
    "--codec",
    type=choice_of(VideoCodec),
    default="auto",
    show_default=True,
    help="Video codec of the results.",
)
@click.option(
    "--crf", type=click.IntRange(0, 63), metavar="N", help="Quality; lower is better and larger.  [default: by codec]"
)
@click.option("--start", type=TimeType(), metavar="TIME", help="Begin at this time: 90.5, 1:30 or 0:01:30.5.")
@click.option("--end", type=TimeType(), metavar="TIME", help="End before this time.")
@click.option("--fps", type=RateType(), metavar="RATE", help="Of a numbered sequence: frames a second, as 24.")
@click.option(
    "--audio", type=click.Choice(["copy", "none"]), default="copy", show_default=True, help="Keep the sound, or not."
)
@grouped_option(
    MORE,
    "--deinterlace",
    type=choice_of(Deinterlace),
    default="auto",
    show_default=True,
    help="Make whole frames of interlaced and telecined films. auto: only if a film turns out to be one.",
)
@grouped_option(
    MORE,
    "--field-rate",
    type=choice_of(FieldRate),
    default="half",
    show_default=True,
    help="half: one frame for two fields. full: one frame for each field, which is smoother.",
)
@click.option("--fresh", is_flag=True, help="Begin anew, even if an interrupted run could be continued.")
@look_options
@steady_option
@grouped_option(
    MORE,
    "--every",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    metavar="N",
    help="For films only: translate every N-th frame and fill in the others along the motion, for speed. Where the "
    "motion cannot be followed, frames are translated as well.",
)
@grouped_option(MORE, "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Refuse films with larger frames.")
@grouped_option(MORE, "--allow-hdr", is_flag=True, help="Translate HDR films (PQ, HLG) too, with dull colors.")
@watch_option
@cluster_options
@machine_options
@report_options
def video(inputs: tuple[str, ...], **given: Any) -> int:  # Any: the options above
    """Translate films, and all films in folders.

    INPUT is a film, a folder with all its subfolders, or a pattern such as 'holiday/*.mp4'. The result of NAME.EXT is
    NAME.MODEL.EXT beside it, that of a folder is FOLDER-MODEL. Sound, subtitles and chapters are copied. To continue an
    interrupted film, give the same command again.
    """
    from cgconv.runtime.find import Kind
    from cgconv.runtime.sequences import is_sequence

    from .batch import run_command

    if any(is_sequence(one) for one in inputs):
        for name, usual in (("codec", "auto"), ("crf", None), ("file_format", "same")):
            if given[name] != usual:
                raise click.UsageError(
                    "the results of a sequence are pictures, named by --out; leave out --codec, --crf and --format"
                )
        if given["every"] > 1:
            raise click.UsageError("--every is for films; each frame of a sequence is translated")
        return run_command(Kind.PICTURE, inputs, given)
    if given["fps"] is not None:
        raise click.UsageError("--fps is for numbered sequences such as frames/%05d.png; a film has times of its own")
    if given["out"] is not None and is_sequence(given["out"]):
        raise click.UsageError(f"{given['out']}: the result of a film is a film; name a film or a folder (--out)")
    if given["end"] is not None and not given["end"]:
        raise click.UsageError("--end 0: nothing is left to translate; give a later time")
    return run_command(Kind.FILM, inputs, given)
