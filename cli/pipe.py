"""cgconv pipe: translate frames from standard input to standard output."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import click

from .options import SizeType, debug_option, machine_options, model_option, paint_options

EXAMPLE = """\b
Try:
  ffmpeg -i a.mp4 -f yuv4mpegpipe - | cgconv pipe --pixel-format y4m --model monet | ffplay -
  ffmpeg -i a.mp4 -f rawvideo -pix_fmt rgb24 - | cgconv pipe --size 1280x720 --model monet >frames.rgb"""


@click.command(epilog=EXAMPLE, short_help="Translate frames from standard input to standard output.")
@click.option("--size", type=SizeType(), metavar="WxH", help="Size of the frames; not needed for y4m.")
@click.option(
    "--pixel-format",
    type=click.Choice(["rgb24", "rgb48le", "y4m"]),
    default="rgb24",
    show_default=True,
    help="Format of the frames, in and out: raw RGB of 8 or 16 bits, or YUV4MPEG.",
)
@model_option
@paint_options
@machine_options
@debug_option
def pipe(**given: Any) -> int:  # Any: the options above
    """Translate frames from standard input to standard output, for ffmpeg and editors.

    Nothing but frames is written to standard output. The command ends when its input ends, or when nobody reads its
    output anymore. Sound and times do not go through the pipe; ffmpeg can take them from the film.
    """
    from cgconv.runtime.errors import UsageError
    from cgconv.runtime.films.pipe import PipeOptions, PixelFormat, translate_pipe
    from cgconv.runtime.protocol import reserved_stdout
    from cgconv.runtime.translator import open_translator

    from .batch import cancel_on_interrupt, model_names
    from .progress import open_show

    options = PipeOptions(
        pixel_format=PixelFormat(given["pixel_format"]),
        size_wh=given["size"],
        strength=given["strength"],
        keep_colors=given["keep_colors"],
        brush=given["brush"],
        detail=given["detail"],
        batch=given["batch"],
    )
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream.isatty():
            raise UsageError(f"standard {name} is a terminal, and frames go through pipes; see cgconv pipe --help")
    machine = {name: given[name] for name in ("backend", "device", "precision", "threads")}
    with ExitStack() as stack:
        frames_out = stack.enter_context(reserved_stdout())
        show = stack.enter_context(open_show(as_json=False, kind="film"))
        cancel = stack.enter_context(cancel_on_interrupt())
        translator = stack.enter_context(
            open_translator(model_names(given["model"])[0], **machine, report=show.show, cancel=cancel)
        )
        show.show(translator.describe())
        end = translate_pipe(sys.stdin.fileno(), frames_out.fileno(), translator, options, cancel)
    return 130 if end.cancelled else 0
