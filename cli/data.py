"""cgconv data: fetch data sets, and check folders of pictures before training on them."""

from __future__ import annotations

import glob
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgconv.runtime.events import counted

from .download import complete_entry, fetch_entry, show_list
from .download_progress import open_file_show, show_all
from .options import PathType, debug_option, events_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.events import DataSetChecked

FILES_SHOWN = 5  # of a finding


@click.group(epilog="Try: cgconv data check paintings photos", short_help="Download data sets and check pictures.")
def data() -> None:
    """Download data sets, and check pictures before training on them."""


@data.command(epilog="Try: cgconv data download horse2zebra", short_help="Download a data set and unpack it.")
@click.argument("dataset", required=False, metavar="[NAME_OR_URL]", shell_complete=complete_entry("data"))
@click.option("-o", "--out", type=PathType, metavar="DIR", help="New folder for it.  [default: the data set's name]")
@click.option("--sha256", metavar="HEX", help="Refuse the zip file unless it has this SHA-256.")
@click.option("--base-url", metavar="URL", help="Download from a mirror; also set by CGCONV_DATA_URL.")
@events_option
@debug_option
def download(dataset: str | None, out: Path | None, sha256: str | None, base_url: str | None, as_json: bool) -> int:
    """Download a data set by its name, or a zip file from a web address, and unpack its pictures.

    Without a name, list the data sets that have one. An interrupted download continues where it stopped.
    """
    from cgconv.runtime.downloads.catalogue import Kind, accept, find_entry
    from cgconv.runtime.downloads.unzip import unzip_pictures
    from cgconv.runtime.errors import DataError, UsageError

    if dataset is None:
        return show_list(Kind.DATA, base_url, as_json=as_json)
    entry = find_entry(Kind.DATA, dataset, base_url=base_url)
    folder = out or Path(entry.name)
    archive_path = folder.absolute().with_name(f".cgconv-{folder.absolute().name}.zip")  # nobody else's
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        for rest in archive_path.parent.glob(glob.escape(archive_path.name) + "*"):
            rest.unlink(missing_ok=True)  # of a download that was killed once the folder was there
        raise UsageError(f"{folder}: this folder exists already and is not empty; name another with --out")
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


@data.command(epilog="Try: cgconv data check paintings photos", short_help="Check pictures before training on them.")
@click.argument("a", type=PathType)
@click.argument("b", type=PathType, required=False)
@click.option("--paired", is_flag=True, help="Expect pairs for pix2pix: equal names, or pictures side by side.")
@click.option(
    "--threads", type=click.IntRange(1, 256), metavar="N", help="Pictures to read at once.  [default: one a core]"
)
@events_option
@debug_option
def check(a: Path, b: Path | None, paired: bool, threads: int | None, as_json: bool) -> int:
    """Check the pictures of folders A and B for anything that would spoil a training.

    Instead of both, name one folder that holds trainA and trainB, or train/A and train/B; its test and val folders are
    checked, too. The exit code is 1 if something needs attention.
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
    """Print what was found: folders, findings with a few of their files, colors, preset."""
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
        click.echo(f"colors: {checked.color_gap['sentence']} (distance {checked.color_gap['distance']} in CIELAB)")
    click.echo(f"preset: {checked.preset}, because {checked.preset_reason}")
    click.echo("ready for training" if checked.ready else "before you train, see to the lines that begin with !")
