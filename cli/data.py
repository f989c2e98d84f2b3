"""cgconv data: fetch data sets, and check folders of pictures before training on them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgconv.runtime.events import counted

from .download import complete_entry, fetch_entry, show_list
from .download_progress import open_file_show, show_all
from .options import PathType, debug_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.events import DataSetChecked

FILES_SHOWN = 5  # of a finding

json_events_option = click.option(
    "--json", "as_json", is_flag=True, help="Print each event as a line of JSON on standard output."
)


@click.group(epilog="Try: cgconv data check paintings photos")
def data() -> None:
    """Fetch data sets, and check pictures before training on them."""


@data.command(epilog="Try: cgconv data download horse2zebra", short_help="Fetch a data set and unpack it.")
@click.argument("dataset", required=False, metavar="[NAME_OR_URL]", shell_complete=complete_entry("data"))
@click.option("-o", "--out", type=PathType, metavar="DIR", help="The new folder; default: the data set's name.")
@click.option("--sha256", metavar="HEX", help="The hash that the zip file must have.")
@click.option("--base-url", metavar="URL", help="Another server with the same files; also CGCONV_DATA_URL.")
@json_events_option
@debug_option
def download(dataset: str | None, out: Path | None, sha256: str | None, base_url: str | None, as_json: bool) -> int:
    """Fetch a data set by its name, or a zip file from an address, and unpack the pictures in it.

    Without a name the list is shown. A download that broke off goes on where it was.
    """
    from cgconv.runtime.downloads.catalogue import Kind, accept, find_entry
    from cgconv.runtime.downloads.unzip import unzip_pictures
    from cgconv.runtime.errors import DataError, UsageError

    if dataset is None:
        return show_list(Kind.DATA, base_url, as_json=as_json)
    entry = find_entry(Kind.DATA, dataset, base_url=base_url)
    folder = out or Path(entry.name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already and not empty; name another --out")
    archive_path = folder.absolute().with_name(f".cgconv-{folder.absolute().name}.zip")  # nobody else's
    with open_file_show(as_json=as_json) as show:
        for sentence in entry.terms:
            show.note(sentence)
        archive, finished = fetch_entry(entry, archive_path, sha256, show)
        try:
            unzipped = show_all(unzip_pictures(archive, folder), show)
        except DataError:
            archive.unlink(missing_ok=True)  # it will not become better by lying here
            raise
        archive.unlink(missing_ok=True)
        accept(entry, finished)
    others = f", {unzipped.left_out} other files left out" if unzipped.left_out else ""
    count = counted(unzipped.pictures, "picture")
    click.echo(f"{count} in {folder}{others}: cgconv data check {shlex.quote(str(folder))}", err=as_json)
    return 0


@data.command(epilog="Try: cgconv data check paintings photos", short_help="Look for what would spoil a training.")
@click.argument("a", type=PathType)
@click.argument("b", type=PathType, required=False)
@click.option("--paired", is_flag=True, help="Pairs, as for pix2pix: of equal names, or side by side in A's pictures.")
@click.option("--threads", type=click.IntRange(1, 256), metavar="N", help="Pictures read at once; default: all cores.")
@json_events_option
@debug_option
def check(a: Path, b: Path | None, paired: bool, threads: int | None, as_json: bool) -> int:
    """Look at every picture of two folders, and say what would spoil a training on them.

    A alone may hold trainA and trainB, or train/A and train/B; test and val folders are looked at with them. Exit code
    1 where something needs attention.
    """
    from cgconv.runtime.events import DataSetChecked
    from cgconv.trainer.data.check import check_data

    checked: DataSetChecked | None = None
    with open_file_show(as_json=as_json) as show:
        for event in check_data(a, b, paired=paired, threads=threads):
            show.show(event)
            if isinstance(event, DataSetChecked):
                checked = event
    assert checked is not None, "the last event"
    if not as_json:
        _print(checked)
    return 0 if checked.ready else 1


def _print(checked: DataSetChecked) -> None:
    """Print what was found: folders, findings with a few of their files, colours, preset."""
    from .models import print_table

    rows = [("FOLDER", "PICTURES", "UNREADABLE", "SHORT SIDE (MIN, MEDIAN, MAX)", "OTHER FILES")]
    for folder in checked.folders:
        sides = ", ".join(f"{side} px" for side in folder["short_side_px"] or [])
        rows.append(
            (
                folder["name"],
                f"{folder['pictures']:,}",
                f"{folder['unreadable']:,}",
                sides,
                f"{folder['other_files']:,}",
            )
        )
    print_table(rows)
    for finding in checked.findings:
        mark = "!" if finding["needs_attention"] else "·"
        advice = f": {finding['advice']}" if finding["advice"] else ""
        click.echo(printable(f"{mark} {finding['sentence']}{advice}"))
        for group in finding["files"][:FILES_SHOWN]:
            click.echo(printable(f"    {' = '.join(group)}"))
        if len(finding["files"]) > FILES_SHOWN:
            click.echo(f"    … and {len(finding['files']) - FILES_SHOWN:,} more (--json lists them)")
    if checked.color_gap:
        click.echo(f"colours: {checked.color_gap['sentence']} (distance {checked.color_gap['distance']} in CIELAB)")
    click.echo(f"preset: {checked.preset}, because {checked.preset_reason}")
    click.echo("ready to train on" if checked.ready else "look at the lines that begin with ! before you train")
