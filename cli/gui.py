"""cgconv gui: open the window."""

from __future__ import annotations

import sys

import click

from .extras import needs_extra
from .options import PathType, debug_option


@click.command(epilog="Try: cgconv gui holiday.jpg", short_help="Open the window.")
@click.argument("inputs", nargs=-1, type=PathType, metavar="[INPUT...]")
@debug_option
def gui(inputs: tuple[object, ...]) -> int:
    """Open the window, where pictures and films are dropped, compared before and after, and translated.

    Any INPUT files and folders are put into its queue.
    """
    with needs_extra("gui", "the window"):
        from cgconv.gui.start import run

    return run([str(path) for path in inputs])


def main() -> int:
    """Run `cgconv gui`: what the desktop's menu and the script cgconv-gui call."""
    from .main import main as cgconv

    return cgconv(["gui", *sys.argv[1:]])
