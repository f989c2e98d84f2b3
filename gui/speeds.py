"""Remember how fast models were in real runs on this computer."""

from __future__ import annotations

import json

from PySide6.QtCore import QSettings

from cgconv.runtime.protocol import read_json

from .pace import Kind

_KEY = "convert/speeds"


def read_speeds(settings: QSettings) -> dict[Kind, float]:
    """Return megapixels a second; what cannot be read is not known."""
    try:
        found = read_json(str(settings.value(_KEY, "")))
    except ValueError:
        return {}
    entries = found if isinstance(found, list) else []
    return {
        Kind(str(entry[0]), str(entry[1])): float(entry[2]) for entry in entries
        if isinstance(entry, list) and len(entry) == 3 and isinstance(entry[2], int | float) and entry[2] > 0
    }  # fmt: skip


def keep_speeds(settings: QSettings, speeds: dict[Kind, float]) -> None:
    """Remember these, in place of those of the same kind."""
    known = read_speeds(settings) | speeds
    settings.setValue(_KEY, json.dumps([[*kind, round(speed, 4)] for kind, speed in known.items()]))
