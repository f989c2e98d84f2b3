"""cgconv engines: show and delete the TensorRT engines that were built on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cgconv.runtime.events import counted

from .options import debug_option, json_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.backends.engines.cache import StoredEngine


@click.group(epilog="Try: cgconv engines list", short_help="Show and delete TensorRT engines.")
def engines() -> None:
    """Show and delete the TensorRT engines that were built on this machine.

    An engine is a model compiled for one picture size, precision, GPU, driver and TensorRT version. It is built when it
    is first needed.
    """


@engines.command("list", epilog="Try: cgconv engines list", short_help="List all engines.")
@json_option
@debug_option
def list_(as_json: bool) -> int:
    """List all engines, with their purpose, size and accuracy."""
    from cgconv.runtime.backends.engines.cache import EngineCache

    cache = EngineCache()
    found, total = cache.engines(), cache.total_bytes()
    if as_json:
        entries = [{**asdict(entry), "path": str(entry.path), "size": entry.size} for entry in found]
        click.echo(json.dumps({"folder": str(cache.folder), "bytes": total, "engines": entries}, indent=1))
        return 0
    for entry in found:
        click.echo(printable(_line(entry)))
    if not found:
        click.echo(
            "no engines yet; they are built when a model first runs on TensorRT, or by cgconv export MODEL --engine"
        )
    count = sum(1 for entry in found if entry.engine_bytes)
    click.echo(f"{counted(count, 'engine')}, {total / 1e6:.1f} MB in all, in {cache.folder}", err=True)
    return 0


@engines.command(epilog="Try: cgconv engines clear", short_help="Delete all engines.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@debug_option
def clear(yes: bool) -> int:
    """Delete all engines. They are rebuilt when needed."""
    from cgconv.runtime.backends.engines.cache import EngineCache

    cache = EngineCache()
    found, total = cache.engines(), cache.total_bytes()
    if found and not yes and sys.stdin.isatty():
        click.confirm(f"delete {counted(len(found), 'engine')} ({total / 1e6:.1f} MB)?", abort=True, err=True)
    count, freed = cache.clear()
    click.echo(f"deleted {counted(count, 'engine')}, {freed / 1e6:.1f} MB freed")
    return 0


def _line(entry: StoredEngine) -> str:
    if entry.problem is not None or entry.key is None:
        return f"{entry.path.name[:12]}…  {entry.engine_bytes / 1e6:.1f} MB  {entry.problem}"
    parts = [entry.model, entry.size, entry.key.precision]
    if entry.engine_bytes:
        parts.append(f"{entry.engine_bytes / 1e6:.1f} MB")
    parts.append(
        f"{entry.decibels:.1f} dB" + ("" if entry.engine_bytes else ": too far from the model, so it is refused")
    )
    parts += [f"TensorRT {entry.key.tensorrt}", entry.key.gpu, f"driver {entry.key.driver}", entry.made[:10]]
    return "  ".join(parts)
