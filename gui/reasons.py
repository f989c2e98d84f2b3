"""Say the commonest reasons of failures in the window's language; the runtime gives them in English.

What is not among them stays as it is. A template's fixed words are the runtime's own, which a test holds.
"""

from __future__ import annotations

import functools
import re

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

REASONS = (
    QT_TRANSLATE_NOOP("reasons", "{path} is not a picture that can be read, or it is damaged"),
    QT_TRANSLATE_NOOP("reasons", "{path} is empty"),
    QT_TRANSLATE_NOOP("reasons", "{path} is damaged or cut off: {detail}"),
    QT_TRANSLATE_NOOP(
        "reasons",
        "{path} is an HDR picture ({name}), and its colors would come out dull; convert it to SDR first,"
        " or take it as it is",
    ),
    QT_TRANSLATE_NOOP("reasons", "{path} exists already"),
    QT_TRANSLATE_NOOP("reasons", "{path}: this file is no longer there"),
    QT_TRANSLATE_NOOP("reasons", "{path}: this is not a film that can be read"),
    QT_TRANSLATE_NOOP("reasons", "{path}: there is no film in this file"),
    QT_TRANSLATE_NOOP("reasons", "{path}: this holds only sound, no film"),
    QT_TRANSLATE_NOOP("reasons", "{path}: no frame of this film can be decoded"),
    QT_TRANSLATE_NOOP("reasons", "{path}: damaged at {seconds} s; what could be decoded is kept ({frames})"),
    QT_TRANSLATE_NOOP("reasons", "{path}: there is no frame between the given start and end"),
    QT_TRANSLATE_NOOP("reasons", "{path}: the disk is full, or the file may not grow further"),
    QT_TRANSLATE_NOOP("reasons", "{path}: no permission to write here"),
    QT_TRANSLATE_NOOP("reasons", "{path} cannot be written: {detail}"),
    QT_TRANSLATE_NOOP("reasons", "{path}: cannot be written ({detail})"),
    QT_TRANSLATE_NOOP("reasons", "{path} does not fit into memory"),
    QT_TRANSLATE_NOOP("reasons", "{path}: a web page saved under a model's name (download the file itself)"),
    QT_TRANSLATE_NOOP("reasons", "there is already a model named {name}; remove it first or choose another name"),
)


def in_words(reason: str) -> str:
    """Return a reason in the window's language, where it is a known one."""
    for template in map(str, REASONS):
        if found := _pattern(template).fullmatch(reason):
            return QCoreApplication.translate("reasons", template).format(**found.groupdict())
    return reason


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    """Return what a template's sentences look like; the command line's hint of an option at their end goes unsaid."""
    parts = re.split(r"\{(\w+)\}", template)
    words = (re.escape(part) if number % 2 == 0 else f"(?P<{part}>.+?)" for number, part in enumerate(parts))
    return re.compile("".join(words) + r"(?: \(--[\w-]+\))?", re.DOTALL)
