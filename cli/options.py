"""The options that several commands share, as decorators."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import click

from cgconv.runtime.choices import BackendName, Exists, PrecisionChoice
from cgconv.runtime.requests import DEFAULT_STEADY

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


class GroupedOption(click.Option):
    """An option that --help does not show, only --help-all, under the heading `group`."""

    def __init__(self, *spellings: Any, group: str, **attributes: Any) -> None:  # Any: as of click
        super().__init__(*spellings, **attributes)
        self.group = group


def grouped_option(group: str, *spellings: str, **attributes: Any) -> Callable[[F], F]:  # Any: as of click
    """Declare an option: an ordinary one where `group` is empty."""
    return click.option(*spellings, cls=GroupedOption, group=group, **attributes)


class CommandWithMore(click.Command):
    """A command with many options: --help shows the common ones, --help-all all of them, by groups."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, with --help-all last."""
        show_all = click.Option(
            ["--help-all"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_all,
            help="Show all options.",
        )
        return [*super().get_params(ctx), show_all]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", ""), []).append(record)
        for group, records in groups.items():
            if not group or ctx.meta.get(_SHOWS_ALL):
                with formatter.section(group or "Options"):
                    formatter.write_dl(records)


_SHOWS_ALL = "cgconv.shows_all"


def _show_all(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        ctx.meta[_SHOWS_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def choice_of(kind: type[StrEnum], *, without: tuple[StrEnum, ...] = ()) -> click.Choice[str]:
    """Return the values of an enum as an option's choices."""
    return click.Choice([str(member) for member in kind if member not in without])


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
            self.fail(f"{value!r} is not a time; write seconds (90.5), 1:30 or 0:01:30.5", param, ctx)
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
            self.fail(f"{value!r} is not a brush size; write auto, or a number from 1 to 8", param, ctx)
        return brush


class RateType(click.ParamType[Fraction]):
    """Frames a second: 24, 23.976 or 24000/1001."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        try:
            rate = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not 0 < rate <= 1000:
            self.fail(f"{value!r} is not a frame rate; write frames per second, such as 24 or 24000/1001", param, ctx)
        return rate


class SizeType(click.ParamType[tuple[int, int]]):
    """A width and a height: 1280x720."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, cross, height = str(value).lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is not a size: expected WxH, as in 1280x720", param, ctx)
        return int(width), int(height)


MORE = "More options"  # those that few need

debug_option = grouped_option(
    MORE, "--debug", is_flag=True, expose_value=False, callback=_start_debugging, help="Show tracebacks and a log."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
events_option = grouped_option(MORE, "--json", "as_json", is_flag=True, help="Print events as lines of JSON.")
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="DEVICE", help="Where to compute: auto, cpu, cuda or cuda:N."
)

any_device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="Where to compute: auto, cpu, cuda, cuda:N, gpu (Intel), directml or coreml.",
)

model_option = click.option(
    "-m",
    "--model",
    required=True,
    metavar="MODEL",
    shell_complete=complete_model,
    help="A name from 'cgconv models list', or an .onnx file.",
)

output_options = _together(
    click.option(
        "-o",
        "--out",
        type=PathType,
        metavar="PATH",
        help="Where to write results: a folder, or a file name for a single input. Without it: NAME.MODEL.EXT beside "
        "a file, FOLDER-MODEL beside a folder.",
    ),
    click.option(
        "--exists",
        type=choice_of(Exists),
        default="skip",
        show_default=True,
        help="If a result exists already: skip it, overwrite it, write NAME-2 (rename), or count it as failed.",
    ),
)

paint_options = _together(
    click.option(
        "--brush",
        type=BrushType(),
        default="auto",
        show_default=True,
        metavar="auto|1..8",
        help="How broad brush strokes are: the picture is translated at 1/N of its size, and keeps its sharp edges. "
        "auto is what the model's card recommends.",
    ),
    grouped_option(
        MORE,
        "--detail",
        type=click.FloatRange(0, 1),
        default=1.0,
        show_default=True,
        metavar="0..1",
        help="How much of the strokes --brush keeps; 0 changes only colors.",
    ),
    click.option(
        "--strength",
        type=click.FloatRange(0, 1),
        default=1.0,
        show_default=True,
        metavar="0..1",
        help="Blend with the original: 0 is the original, 1 the translation.",
    ),
    click.option("--keep-colors", is_flag=True, help="Keep the original's colors; translate only its brightness."),
)

look_options = _together(
    click.option(
        "--resize",
        type=click.IntRange(min=1),
        metavar="PIXELS",
        help="Resize to this length of the shorter side first.",
    ),
    paint_options,
    click.option(
        "--mask",
        default="",
        metavar="FILE|FOLDER|alpha",
        help="Translate only what is white in this picture or film, in the file of the same name in this folder, or "
        "what is opaque in the input itself (alpha).",
    ),
    grouped_option(
        MORE,
        "--feather",
        type=click.FloatRange(0, 1000),
        default=0.0,
        show_default=True,
        metavar="PX",
        help="Soften the mask's edges by so many pixels.",
    ),
    grouped_option(MORE, "--invert", is_flag=True, help="Translate what is black in the mask instead."),
)

steady_option = click.option(
    "--steady",
    type=click.FloatRange(0, 1),
    default=DEFAULT_STEADY,
    show_default=True,
    metavar="0..1",
    help="Hold strokes still from frame to frame of films and animations; 0 paints each frame for itself.",
)

machine_options = _together(
    grouped_option(
        MORE,
        "--batch",
        type=click.IntRange(1, 256),
        default=1,
        show_default=True,
        metavar="N",
        help="Translate N images of one size at once; faster for small images on a GPU.",
    ),
    grouped_option(
        MORE, "--threads", type=click.IntRange(1, 256), metavar="N", help="Processor threads; all by default."
    ),
    any_device_option,
    grouped_option(
        MORE,
        "--backend",
        type=choice_of(BackendName),
        default="auto",
        show_default=True,
        help="Library that runs the model.",
    ),
    grouped_option(
        MORE,
        "--precision",
        type=choice_of(PrecisionChoice),
        default="auto",
        show_default=True,
        help="Number format to compute in. auto and int8 first measure, once per model, what they cost.",
    ),
)

watch_option = click.option(
    "--watch", is_flag=True, help="Go on for ever: translate what comes into the folders, until Ctrl-C."
)

cluster_options = _together(
    grouped_option(
        MORE,
        "--on",
        type=click.Choice(["ray"]),
        help="Spread the work over the machines of a Ray cluster that share the folders.",
    ),
    grouped_option(
        MORE,
        "--cores-per-worker",
        type=click.IntRange(1, 256),
        metavar="N",
        help="With --on ray: processor cores for each worker.  [default: 4, or one worker a GPU]",
    ),
    grouped_option(
        MORE,
        "--shard",
        metavar="K/N",
        help="Do the K-th of N parts, for several machines on one folder.  [default: as Slurm or Kubernetes says]",
    ),
)

report_options = _together(
    click.option("--page", type=PathType, metavar="FILE.html", help="Write a web page that compares before and after."),
    click.option("--dry-run", is_flag=True, help="Show what would be done, without doing it."),
    grouped_option(MORE, "--report", type=PathType, metavar="FILE", help="Write a JSON report of what ran and failed."),
    events_option,
    debug_option,
)
