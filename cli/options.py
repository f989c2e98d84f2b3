"""The options that several commands share, as decorators."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])  # Any: commands take what their options give
PathType = click.Path(path_type=Path)


def complete_model(_: click.Context, __: click.Parameter, incomplete: str) -> list[Any]:  # Any: click's items
    from click.shell_completion import CompletionItem

    from cgconv.runtime.models.store import known_names

    found = [CompletionItem(name) for name in sorted(known_names()) if name.startswith(incomplete)]
    return [*found, CompletionItem(incomplete, type="file")]


def _start_debugging(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if (wanted or os.environ.get("CGCONV_DEBUG")) and not ctx.resilient_parsing:
        logging.getLogger("cgconv").setLevel(logging.DEBUG)


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class TimeType(click.ParamType[Fraction]):
    """A time in a film: 90, 90.5, 1:30 or 0:01:30.5; exact seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        if isinstance(value, Fraction):
            return value
        parts = str(value).split(":")
        try:
            if not 1 <= len(parts) <= 3 or any(not part or part.strip("0123456789.") for part in parts):
                raise ValueError
            seconds = Fraction(0)
            for place, part in enumerate(parts):
                if place and Fraction(part) >= 60:
                    raise ValueError
                seconds = seconds * 60 + Fraction(part)
        except ValueError:
            self.fail(f"{value!r} is no time: expected seconds (90.5) or 1:30 or 0:01:30.5", param, ctx)
        return seconds


class BrushType(click.ParamType[float]):
    """How broad strokes are: auto (None), or how many times smaller a picture is translated."""

    name = "brush"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:  # type: ignore[override]
        if value == "auto" or value is None:
            return None
        try:
            brush = float(value)
        except ValueError:
            brush = 0.0
        if not 1 <= brush <= 8:
            self.fail(f"{value!r} is no brush: expected auto or 1 to 8", param, ctx)
        return brush


class SizeType(click.ParamType[tuple[int, int]]):
    """A width and a height: 1280x720."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, cross, height = str(value).lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is no size: expected WxH, as in 1280x720", param, ctx)
        return int(width), int(height)


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_start_debugging, help="Show tracebacks and a log."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")

model_option = click.option(
    "-m", "--model", required=True, metavar="MODEL", shell_complete=complete_model,
    help="A name that 'cgconv models list' shows, or an .onnx file.",
)  # fmt: skip

output_options = _together(
    click.option("-o", "--out", type=PathType, metavar="PATH",
                 help="Where results go, or the name of the only one; default: NAME.MODEL.EXT beside a file, "
                 "FOLDER-MODEL beside a folder."),
    click.option("--exists", type=click.Choice(["skip", "overwrite", "rename", "fail"]), default="skip",
                 show_default=True, help="What to do where a result is there already."),
)  # fmt: skip

paint_options = _together(
    click.option("--brush", type=BrushType(), default="auto", show_default=True, metavar="auto|1..8",
                 help="Translate at 1/N of the size and bring the change back to the full one: broader strokes, "
                 "sharp edges, less time; auto: as the model's card says."),
    click.option("--detail", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="0..1",
                 help="How much of the strokes --brush keeps: 0 is a change of colours alone."),
    click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="0..1",
                 help="Mix with the original: 0 is the original, 1 the translation."),
    click.option("--keep-colors", is_flag=True,
                 help="Take brightness from the translation and colour from the original."),
)  # fmt: skip

look_options = _together(
    click.option("--resize", type=click.IntRange(min=1), metavar="SHORT_SIDE",
                 help="Bring the shorter side to this many pixels first; default: keep the size."),
    paint_options,
)  # fmt: skip

machine_options = _together(
    click.option("--batch", type=click.IntRange(1, 256), default=1, show_default=True, metavar="N",
                 help="Images of one size to translate at once; helps GPUs with small pictures."),
    click.option("--threads", type=click.IntRange(1, 256), metavar="N", help="Processor threads; default: all."),
    click.option("--device", default="auto", show_default=True, metavar="DEVICE",
                 help="auto, cpu, cuda, cuda:N, gpu (Intel), directml or coreml."),
    click.option("--backend", type=click.Choice(["auto", "onnxruntime", "openvino", "tensorrt"]), default="auto",
                 show_default=True, help="What computes the model."),
    click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16", "int8"]), default="auto",
                 show_default=True, help="Number type of the computation. int8 and auto measure a model once."),
)  # fmt: skip

report_options = _together(
    click.option("--report", type=PathType, metavar="FILE", help="Write what really ran and what failed, as JSON."),
    click.option("--page", type=PathType, metavar="FILE.html", help="Write a before/after page that opens from disk."),
    click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON on standard output."),
    click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing."),
    debug_option,
)  # fmt: skip
