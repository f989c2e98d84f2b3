"""cgconv test: translate a run's test pictures, both ways, into a page with the measures."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .evaluate import features_options, open_chosen_features
from .extras import needs_extra
from .options import PathType, debug_option, device_option
from .progress import printable

EXAMPLE = """\b
Try:
  cgconv test runs/monet --data data/monet2photo"""


@click.command(epilog=EXAMPLE, short_help="Write a page of a run's translated test pictures.")
@click.argument("run", type=PathType)
@click.option(
    "--data",
    type=PathType,
    required=True,
    metavar="DIR",
    help="Folder that holds testA and testB, or test/A and test/B.",
)
@click.option("-o", "--out", type=PathType, metavar="DIR", help="Folder for the page.  [default: in the run's folder]")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Use N pictures of each kind.  [default: all]")
@features_options
@device_option
@debug_option
def test(
    run: Path, data: Path, out: Path | None, count: int | None, features: Path | None, features_range: str, device: str
) -> int:
    """Translate a run's test pictures there and back, and show them on a page with measures.

    RUN is a run's folder or a checkpoint. The page is index.html; the measures are printed, too.
    """
    with needs_extra("train", "testing a run"):
        from cgconv.trainer.reports.translated_page import run_test

    since = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal since
        if done == total or time.monotonic() - since >= 5:
            since = time.monotonic()
            click.echo(f"{done}/{total} pictures", err=True)

    chosen = open_chosen_features(features, features_range)
    tested = run_test(run, data, out=out, count=count, features=chosen, device=device, progress=tell)
    click.echo(printable(tested.protocol))
    for direction, text in tested.tables.items():
        click.echo(f"\n{direction[0]} → {direction[1]}\n\n{text}")
    click.echo(printable(f"page: {tested.page}"), err=True)
    return 0
