"""cgconv models: list, describe, import and remove models."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cgconv.runtime.models.store import is_checkpoint

from .bring_in import bring_in
from .download import download
from .options import PathType, complete_model, debug_option, json_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.models.card import ModelCard


@click.group(epilog="Try: cgconv models list", short_help="List, describe, download, import and remove models.")
def models() -> None:
    """List, describe, download, import and remove models."""


@models.command("list", epilog="Try: cgconv models list")
@json_option
@debug_option
def list_(as_json: bool) -> int:
    """List the models that --model accepts by name."""
    from cgconv.runtime.models.store import list_models, models_folder

    stored = list_models()
    if as_json:
        click.echo(json.dumps([{**asdict(model), "path": str(model.path)} for model in stored], indent=1))
        return 0
    if not stored:
        click.echo(printable(f"no models in {models_folder()} yet; add one with cgconv models import FILE"))
        return 0
    rows = [("NAME", "WHAT IT DOES", "SIZE", "WHERE")]
    for model in stored:
        what = model.problem or (_direction(model.card) if model.card else "no card; cgconv models import writes one")
        where = "shipped with cgconv" if model.bundled else str(model.path)
        rows.append((model.name, what, _megabytes(model.bytes), where))
    print_table(rows)
    return 0


@models.command(epilog="Try: cgconv models info monet", short_help="Show what a model does and takes.")
@click.argument("model", shell_complete=complete_model)
@json_option
@debug_option
def info(model: str, as_json: bool) -> int:
    """Show a model's card: what it does, which pictures it takes, where it comes from, how it was verified."""
    from cgconv.runtime.models.card import read_card
    from cgconv.runtime.models.store import resolve_model

    path = resolve_model(model)
    card = read_card(path)
    if as_json:
        click.echo(json.dumps({"path": str(path), "card": asdict(card) if card else None}, indent=1))
        return 0
    click.echo(printable(f"{path} ({_megabytes(path.stat().st_size)})"))
    if card is None:
        from cgconv.runtime.translate.foreign import inspect_foreign

        click.echo("no card in the file; trying it out gave this (cgconv models import saves it):")
        card = inspect_foreign(path)
    print_table([(label, value) for label, value in card_rows(card) if value])
    return 0


@models.command(
    "import", epilog="Try: cgconv models import latest_net_G_A.pth --name zebra", short_help="Add a model from a file."
)
@click.argument("file", type=PathType)
@click.option("--name", metavar="NAME", help="Name to use for it with --model.  [default: the file's name]")
@click.option(
    "--range",
    "value_range",
    metavar="RANGE",
    help="Values from black to white: -1..1, 0..1 or 0..255.  [default: detected]",
)
@click.option("--bgr", is_flag=True, help="The model takes channels in the order blue, green, red.")
@click.option("--part", metavar="NAME", help="Network to take from a checkpoint that holds several generators.")
@click.option(
    "--norm-mode",
    type=click.Choice(["running", "batch"]),
    help="Statistics for a checkpoint's batch norms: running (the default), or batch: each picture's own.",
)
@debug_option
def import_(
    file: Path, name: str | None, value_range: str | None, bgr: bool, part: str | None, norm_mode: str | None
) -> int:
    """Check an ONNX file or another project's checkpoint, and add it to your models.

    The layout, value range and sizes of an ONNX file are detected by running it. Checkpoints of
    pytorch-CycleGAN-and-pix2pix, CUT and others need torch: pip install 'cgconv[train]'.
    """
    if sys.stderr.isatty() and file.exists() and is_checkpoint(file):  # an error is to be the only line of a log
        click.echo("rebuilding the network and comparing it with torch …", err=True)
    path = bring_in(file, name, value_range, bgr, part=part, norm_mode=norm_mode)
    click.echo(f"{path.stem} is ready to use: cgconv images photos --model {path.stem}")
    click.echo(printable(f"file: {path}"), err=True)
    return 0


models.add_command(download)


@models.command(epilog="Try: cgconv models remove zebra", short_help="Delete one of your models.")
@click.argument("name", shell_complete=complete_model)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@debug_option
def remove(name: str, yes: bool) -> int:
    """Delete one of your models. Those that come with cgconv cannot be removed."""
    from cgconv.runtime.models.store import remove_model, resolve_model

    resolve_model(name)  # an unknown name is said before the question
    if not yes and sys.stdin.isatty():
        click.confirm(f"delete the model {name}?", abort=True, err=True)
    click.echo(printable(f"removed {remove_model(name)}"))
    return 0


def _direction(card: ModelCard) -> str:
    words = [card.direction] if card.direction else []
    if card.title and card.title.casefold() not in (card.name.casefold(), card.direction.casefold()):
        words.append(card.title)
    return ": ".join(words) or "not said"


def card_rows(card: ModelCard) -> list[tuple[str, str]]:
    checks = {key: value for key, value in card.verification.items() if key not in ("fp16", "int8")}
    size = f"multiples of {card.size_multiple}, at least {card.smallest_size} px"
    if card.fixed_size_hw is not None:
        size = f"{card.fixed_size_hw[1]}×{card.fixed_size_hw[0]} px only"
    return [
        ("name", card.name),
        ("title", card.title),
        ("direction", card.direction),
        ("architecture", _pairs(card.architecture)),
        (
            "input",
            f"{card.input_name}: {card.dtype} {card.layout_in} {card.channel_order} in {_range(card.value_range_in)}",
        ),
        ("output", f"{card.output_name}: {card.layout_out} in {_range(card.value_range_out)}, {card.scale}× the size"),
        ("sizes", f"{size}; other sizes are padded and cropped"),
        ("receptive field", f"{card.receptive_field_px} px" if card.receptive_field_px else ""),
        ("trained at", f"{card.training_size_px} px" if card.training_size_px else ""),
        ("works at", f"{card.working_size_px} px of the shorter side (--brush)" if card.working_size_px else ""),
        ("normalization", card.normalization),
        ("licence", card.licence),
        ("data", card.data),
        ("source", _pairs(card.source)),
        ("verified", _pairs(checks)),
        ("half precision", _flat_pairs(card.verification.get("fp16"))),
        ("8 bits", _flat_pairs(card.verification.get("int8"))),
    ]


def _flat_pairs(values: Any) -> str:  # Any: JSON values
    return (
        _pairs({key: value for key, value in values.items() if not isinstance(value, dict)})
        if isinstance(values, dict)
        else ""
    )


def _pairs(values: dict[str, Any]) -> str:  # Any: JSON values
    unset = (None, "None")  # cards of 0.1 have text for every loss setting
    shown = {key.replace("_", " "): value for key, value in values.items() if value not in unset}
    return ", ".join(f"{key} {_value(value)}" for key, value in shown.items())


def _value(value: Any) -> str:  # Any: a JSON value
    if isinstance(value, dict):
        return f"({_pairs(value)})"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _range(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:g}, {ends[1]:g}]"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns; the last one is as long as it is. What stands in files cannot move the cursor."""
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    columns = len(rows[0])
    widths = [max(len(row[column]) for row in rows) for column in range(columns - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())
