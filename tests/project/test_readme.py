"""Keep the documents true: every command they show is one the program takes, every file they name is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from places import ROOT

from cgconv.cli.main import cgconv

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def shown_commands(program: str) -> list[str]:
    """Return the command lines of `program` in indented or fenced blocks and in `back quotes`, comments cut off."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        lines = re.findall(rf"^ *(?:\$ )?({program} .*)$", text, re.MULTILINE)
        quoted = re.findall(rf"`(?:\.venv/bin/)?({program} [^`\n]+)`", text)
        for line in (re.split(r"  #| [>|] ", line)[0].strip() for line in [*lines, *quoted]):
            if not re.search(r"[…\[|]|INPUT|`", line):  # a synopsis or a sentence, not a command to paste
                found[line] = None
    return list(found)


@pytest.mark.parametrize("line", shown_commands("cgconv"))
def test_a_command_in_the_documents_is_one_that_the_program_takes(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda self, ctx: None)  # groups have their own: options are parsed
    arguments = shlex.split(line)[1:]
    if all(argument.isalpha() for argument in arguments):  # words alone may be a mention: there is such a command
        arguments.append("--help")
    try:
        cgconv.main(arguments, prog_name="cgconv", standalone_mode=False)
    except click.ClickException as error:
        pytest.fail(f"{line}: {error.format_message()}")


def test_the_documents_show_commands_at_all() -> None:
    shown = " ".join(shown_commands("cgconv"))
    assert all(command in shown for command in ("cgconv images", "cgconv video", "cgconv train", "cgconv export"))


@pytest.mark.parametrize("line", shown_commands("make"))
def test_a_make_target_in_the_documents_exists(line: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {word for word in shlex.split(line, comments=True)[1:] if "=" not in word}
    assert asked <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_file_that_a_document_links_to_is_there(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
