"""cgconv models download: fetch a model by name or address, and import it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cgconv.runtime.errors import Cancelled, ModelError

from .bring_in import bring_in
from .download_progress import open_file_show, show_all
from .extras import needs_extra
from .options import debug_option, events_option
from .progress import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cgconv.runtime.downloads.catalogue import Entry, Kind
    from cgconv.runtime.events import DownloadFinished

    from .progress import Show


def complete_entry(kind: str) -> Any:  # Any: what click takes as a completion
    """Return a completion for names of the list."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
        from cgconv.runtime.downloads.catalogue import Kind, list_entries

        return [entry.name for entry in list_entries(Kind(kind)) if entry.name.startswith(incomplete)]

    return complete


@click.command(epilog="Try: cgconv models download style_monet", short_help="Download a model and import it.")
@click.argument("model", required=False, metavar="[NAME_OR_URL]", shell_complete=complete_entry("models"))
@click.option("--sha256", metavar="HEX", help="Refuse the file unless it has this SHA-256; ask the author for it.")
@click.option("--name", metavar="NAME", help="Name to use for it with --model.  [default: its own]")
@click.option("--part", metavar="NAME", help="Network to take from a checkpoint with several, as for models import.")
@click.option("--norm-mode", type=click.Choice(["running", "batch"]), help="As for models import.")
@click.option("--base-url", metavar="URL", help="Download from a mirror; also set by CGCONV_MODELS_URL.")
@events_option
@debug_option
def download(
    model: str | None,
    sha256: str | None,
    name: str | None,
    part: str | None,
    norm_mode: str | None,
    base_url: str | None,
    as_json: bool,
) -> int:
    """Download a model by its name or web address, check it and import it.

    Without a name, list the models that have one. An interrupted download continues where it stopped.
    """
    from cgconv.runtime.downloads.catalogue import Kind, accept, download_folder, file_name, find_entry

    if model is None:
        return show_list(Kind.MODEL, base_url, as_json=as_json)
    from cgconv.runtime.models.store import free_path

    entry = find_entry(Kind.MODEL, model, base_url=base_url)
    name = entry.name if name is None else name
    free_path(name)  # a name that is taken is said before anything is fetched
    if _is_checkpoint_name(file_name(entry.url)):
        with needs_extra("train", "importing a checkpoint"):
            import cgconv.exporter.import_checkpoint  # noqa: F401  # said before 46 MB are fetched
    with open_file_show(as_json=as_json) as show:
        for sentence in entry.terms:
            show.note(sentence)
        file, finished = fetch_entry(entry, download_folder() / (file_name(entry.url) or "model"), sha256, show)
        show.wait("importing and checking it …")
        try:
            path = bring_in(file, name, None, False, part=part, norm_mode=norm_mode)
        except ModelError:
            file.unlink(missing_ok=True)  # it will not become one by lying here
            raise
        file.unlink(missing_ok=True)
        accept(entry, finished)
        _note_origin(path, entry, finished)
    click.echo(f"{path.stem} is ready to use: cgconv images photos --model {path.stem}", err=as_json)
    click.echo(printable(f"file: {path}"), err=True)
    return 0


def show_list(kind: Kind, base_url: str | None, *, as_json: bool) -> int:
    """Print what can be fetched by name."""
    from cgconv.runtime.downloads.catalogue import list_entries
    from cgconv.runtime.downloads.download import bytes_text

    entries = list_entries(kind, base_url=base_url)
    if as_json:
        click.echo(json.dumps([{**asdict(entry), "terms": entry.terms} for entry in entries], indent=1))
        return 0
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        size = f" ({bytes_text(entry.bytes)})" if entry.bytes else ""
        click.echo(printable(f"{entry.name.ljust(width)}  {entry.title}{size}"))
    click.echo(printable(entries[0].licence), err=True)
    return 0


def fetch_entry(entry: Entry, target: Path, sha256: str | None, show: Show) -> tuple[Path, DownloadFinished]:
    """Fetch `entry` to `target`, showing how it goes and who vouches for the hash."""
    from cgconv.runtime.downloads.catalogue import expected_sha256, fetch

    expected = expected_sha256(entry, sha256)
    with _stopped_in_words():
        finished = show_all(fetch(entry, target, sha256=sha256), show)
    if expected.sha256 is None:
        show.note("not verified: no hash is published for this file; later downloads are compared with this one")
    else:
        show.note(f"verified: this is the hash that {expected.said_by.rstrip(',')} gives")
    return target, finished


@contextmanager
def _stopped_in_words() -> Iterator[None]:
    """Let Ctrl-C through a waiting connection at once; what has come is kept by then."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Cancelled("stopped; the same command continues from there") from error


def _note_origin(path: Path, entry: Entry, finished: DownloadFinished) -> None:
    """Put into a model's card where it came from, and the terms that are known."""
    from cgconv.runtime.models.card import read_card, write_card
    from cgconv.runtime.models.model_file import load_model, write_model

    card = read_card(path)
    assert card is not None, "an import writes one"
    model = load_model(path)
    card = replace(
        card,
        title=entry.title or card.title,
        licence=entry.licence or card.licence,
        data=entry.data or card.data,
        direction=card.direction or entry.title,
        source={**card.source, "url": finished.url, "sha256": finished.sha256},
    )
    write_card(model, card)
    write_model(model, path)


def _is_checkpoint_name(name: str) -> bool:
    from cgconv.runtime.models.store import CHECKPOINT_SUFFIXES

    return Path(name).suffix.lower() in CHECKPOINT_SUFFIXES
