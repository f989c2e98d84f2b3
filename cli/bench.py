"""cgconv bench: time a model here, beside the machine's peak speed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgconv.runtime.events import counted

from .options import PathType, debug_option, json_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.bench import Bench


@click.command(epilog="Try: cgconv bench --model monet --film holiday.mp4", short_help="Time a model on this machine.")
@click.option("-m", "--model", default="monet", show_default=True, metavar="NAME|FILE", help="The model to time.")
@click.option("--sizes", default="256x256,640x360", show_default=True, metavar="WxH,…", help="Picture sizes to time.")
@click.option("--film", type=PathType, metavar="FILE", help="Also time reading, translating and writing this film.")
@json_option
@debug_option
def bench(model: str, sizes: str, film: Path | None, as_json: bool) -> int:
    """Measure how fast a model runs here, with each backend and precision.

    Shows pictures per second, accuracy in dB against fp32, memory, the share of the processor's peak speed, and the
    time that each stage of a picture takes. Close other programs first.
    """
    from cgconv.runtime.bench import bench as measured
    from cgconv.runtime.models.store import resolve_model
    from cgconv.runtime.protocol import reserved_stdout, write_line

    path, sizes_wh = resolve_model(model), _sizes_wh(sizes)

    def say(sentence: str) -> None:
        click.echo(f"measuring {sentence} …", err=True)

    with reserved_stdout() as stream:
        found = measured(path, sizes_wh=sizes_wh, film=film, say=say)
        if as_json:
            write_line(stream, asdict(found))
    if not as_json:
        for line in described(found):
            click.echo(printable(line))
    return 0


def described(found: Bench) -> list[str]:
    """Return what was measured in lines of a Markdown table, for people and for docs/benchmarks.md."""
    features = ", ".join(found.processor_features) or "features not known"
    ceilings = ", ".join(f"{name} {value:.0f}" for name, value in found.ceilings.products.items())
    lines = [
        f"{found.model} on {found.processor}, {counted(found.cores, 'core')} ({features})",
        f"peak speed: {ceilings} · 10⁹ products per second; memory: {found.ceilings.bytes:.1f} GB/s copied",
        "",
        "| computed by | size | pictures per second | dB from fp32 | MB | share of peak speed |",
        "|---|---|---|---|---|---|",
    ]
    for one in found.timings:
        name = f"{one.backend} {one.device} {one.precision}"
        if one.size_wh is None:
            continue
        size = "×".join(str(edge) for edge in one.size_wh)
        memory = "?" if one.megabytes is None else f"{one.megabytes:.0f}"
        share = "?" if one.share is None else f"{one.share:.0%}"
        decibels = "same" if one.decibels >= 99 else f"{one.decibels:.1f}"
        lines.append(f"| {name} | {size} | {one.pictures_per_second:.2f} | {decibels} | {memory} | {share} |")
    lines += ["", "| stages, ms | computed in | " + " | ".join(found.stages[0].seconds) + " | all |"]
    lines.append("|---|---|" + "---|" * (len(found.stages[0].seconds) + 1))
    for stages in found.stages:
        cells = [f"{1000 * seconds:.1f}" for seconds in [*stages.seconds.values(), stages.whole_s]]
        lines.append(f"| {stages.what} | {stages.precision} | " + " | ".join(cells) + " |")
    missing = [
        f"not available: {one.backend} {one.device} {one.precision}: {one.problem}"
        for one in found.timings
        if one.problem
    ]
    return [*lines, "", *missing] if missing else lines


def _sizes_wh(text: str) -> tuple[tuple[int, int], ...]:
    """Return sizes such as 256x256,640x360. Raises UsageError."""
    from cgconv.runtime.errors import UsageError

    sizes = []
    for one in text.split(","):
        width, _, height = one.strip().lower().replace("×", "x").partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            raise UsageError(f"--sizes: found {text!r}, expected sizes such as 256x256,640x360")
        sizes.append((int(width), int(height)))
    return tuple(sizes)
