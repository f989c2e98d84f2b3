"""README.zh-CN.md says what README.md says: as many sections, the same commands, links and pictures."""

from __future__ import annotations

import re

import pytest
from places import ROOT

ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """Return the indented lines without their comments."""
    lines = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    return [re.split(r"  +#", line)[0].rstrip() for line in lines]


@pytest.mark.parametrize("level", ["#", "##", "###"])
def test_there_are_as_many_headings(level: str) -> None:
    heading = re.compile(rf"^{level} ", re.MULTILINE)
    assert len(heading.findall(ENGLISH)) == len(heading.findall(CHINESE))


def test_the_commands_are_the_same() -> None:
    assert commands(ENGLISH)
    assert commands(CHINESE) == commands(ENGLISH)


def test_files_linked_to_and_pictures_are_the_same() -> None:
    targets = re.compile(r"\]\(([^)]+)\)")
    other_language = {"README.md", "README.zh-CN.md"}
    assert set(targets.findall(CHINESE)) - other_language == set(targets.findall(ENGLISH)) - other_language


def test_it_leads_to_the_english_one() -> None:
    assert "(README.md)" in CHINESE
