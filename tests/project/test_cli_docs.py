"""docs/cli.md says what the commands really take."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from places import ROOT

from cgconv.cli.main import COMMANDS, cgconv
from cgconv.runtime import events

DOCS = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SHARED_WITH_IMAGES = "Inputs, results and all options of `images` but `--quality`"


def section(command: str) -> str:
    """Return what the docs say under a command's heading."""
    return DOCS.split(f"## cgconv {command}\n")[1].split("\n## ")[0]


def commands_of(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands_of(inner)


def options_of(name: str) -> set[str]:
    command = cgconv.get_command(click.Context(cgconv), name)
    assert command is not None
    options = (option for one in commands_of(command) for option in one.params if isinstance(option, click.Option))
    return {spelling for option in options for spelling in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "completion"])
def test_every_option_is_described_and_none_is_made_up(name: str) -> None:
    text = section(name)
    described = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", text)) - {"--page"}
    real = options_of(name)
    if name == "video":
        assert SHARED_WITH_IMAGES in text
        described |= options_of("images") - {"--quality"}
        assert "--quality" not in real
    missing = real - described - ({"--page"} if name in ("images", "evaluate") and "--page" in text else set())
    assert missing == set(), "not in docs/cli.md"
    elsewhere = {"--model", "--backend", "--quality", "--max-pixels", "--debug"}  # named in passing
    assert described - real - elsewhere - set(re.findall(r"-[a-z]\b", text)) == set(), "not an option"


def test_choices_are_listed_as_they_are() -> None:
    for name in COMMANDS:
        command = cgconv.get_command(click.Context(cgconv), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.type, click.Choice):
                choices = "\\|".join(str(choice) for choice in option.type.choices)
                where = section(name) + (section("images") if name == "video" else "")
                assert f"{option.opts[-1]} {choices}" in where, f"cgconv {name} {option.opts[-1]}"


def test_every_event_is_described() -> None:
    for kind in events.Event.__args__:
        assert f"`{kind.__name__}`" in DOCS


def test_the_docs_name_every_command() -> None:
    for name in COMMANDS:
        assert f"[`{name}`]" in DOCS
