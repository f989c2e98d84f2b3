"""cgconv serve: a page and an HTTP API on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .extras import needs_extra
from .options import CommandWithMore, PathType, any_device_option, debug_option, grouped_option
from .progress import printable

LIMITS = "Limits"


@click.command(cls=CommandWithMore, epilog="Try: cgconv serve --port 8420", short_help="Serve a page and an HTTP API.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="Port to listen on; 0: a free one."
)
@click.option("--folder", type=PathType, metavar="DIR", help="Where uploads and results are kept.")
@any_device_option
@grouped_option(
    LIMITS, "--max-mb", type=click.FloatRange(0.001), default=500, show_default=True, help="Largest file, in MB."
)
@grouped_option(
    LIMITS,
    "--max-megapixels",
    type=click.FloatRange(0.001),
    default=50,
    show_default=True,
    help="Largest picture or film frame, in megapixels.",
)
@grouped_option(
    LIMITS, "--max-seconds", type=click.FloatRange(0), default=600, show_default=True, help="Longest film, in seconds."
)
@grouped_option(
    LIMITS, "--max-jobs", type=click.IntRange(1), default=100, show_default=True, help="Most jobs waiting or running."
)
@grouped_option(
    LIMITS,
    "--max-gb",
    type=click.FloatRange(0.0001),
    default=10,
    show_default=True,
    help="Most uploads and results, in GB.",
)
@grouped_option(
    LIMITS,
    "--keep-hours",
    type=click.FloatRange(0),
    default=24,
    show_default=True,
    help="Hours until uploads and results are deleted.",
)
@debug_option
def serve(host: str, port: int, folder: Path | None, device: str, **given: Any) -> int:  # Any: the limits above
    """Serve a page where pictures and films are dropped and translated, and an HTTP API for programs.

    Only this computer can reach it unless --host says otherwise; everybody else needs the token that is shown then.
    """
    with needs_extra("serve", "the server"):
        from cgconv.serve.limits import Limits
        from cgconv.serve.start import run
    from cgconv.runtime.backends.machine import checked_device

    checked_device(device)
    limits = Limits(
        upload_bytes=int(given["max_mb"] * 1e6),
        megapixels=given["max_megapixels"],
        film_s=given["max_seconds"],
        jobs=given["max_jobs"],
        disk_bytes=int(given["max_gb"] * 1e9),
        keep_s=given["keep_hours"] * 3600,
    )

    def say(lines: list[str]) -> None:
        for line in lines:
            click.echo(printable(line))

    run(host, port, folder=folder, limits=limits, device=device, say=say)
    return 0
