"""cgconv jobs: show films that were begun and not finished, and throw their work away where it is not wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgconv.runtime.errors import UsageError
from cgconv.runtime.events import counted

from .options import PathType, debug_option, json_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.films.kept_segments import Leftover


@click.command(epilog="Try: cgconv jobs films --remove", short_help="Show unfinished films.")
@click.argument("folders", nargs=-1, type=PathType, metavar="[FOLDER]...")
@click.option(
    "--remove", is_flag=True, help="Delete the partial work of films that are not being translated right now."
)
@json_option
@debug_option
def jobs(folders: tuple[Path, ...], remove: bool, as_json: bool) -> int:
    """List unfinished films in FOLDER and its subfolders. Without FOLDER, look in the current one.

    The partial work lies where the result will be. To continue a film, give the command that began it again.
    """
    from cgconv.runtime.films.kept_segments import leftovers, sweep

    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
    found = 0
    for folder in folders or (Path(),):
        for leftover in leftovers(folder):
            if remove and not leftover.is_running:
                sweep(leftover.result, all_work=True)
            _show(leftover, as_json, removed=remove and not leftover.path.exists())
            found += 1
    if not found and not as_json:
        click.echo("no unfinished films found")
    return 0


def _show(leftover: Leftover, as_json: bool, *, removed: bool) -> None:
    if as_json:
        import json

        click.echo(
            json.dumps(
                {
                    "result": str(leftover.result),
                    "folder": str(leftover.path),
                    "frames": leftover.frames,
                    "bytes": leftover.bytes,
                    "running": leftover.is_running,
                    "removed": removed,
                }
            )
        )
        return
    what = "removed" if removed else "being translated now" if leftover.is_running else "stopped"
    click.echo(
        printable(f"{leftover.result}: {what}, {counted(leftover.frames, 'frame')} done, {leftover.bytes / 1e6:.1f} MB")
    )
