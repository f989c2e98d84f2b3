"""Take from a client the options that it may choose, of the right kinds; the worker says whether their values do."""

from __future__ import annotations

import math
from typing import Any, get_type_hints

from cgconv.runtime.requests import ConvertOptions

from .problems import Problem

# The others name files and folders, or are the server's own business.
OFFERED = (
    *("strength", "keep_colors", "brush", "detail", "steady", "picture_format", "quality"),
    *("film_format", "codec", "crf", "keep_audio", "deinterlace", "field_rate", "start_s", "end_s"),
)
_KINDS = get_type_hints(ConvertOptions)


def chosen_options(values: object) -> dict[str, Any]:  # Any: JSON values
    """Return options as a client gave them. Raises Problem."""
    if not isinstance(values, dict):
        raise Problem(400, "bad_options", "options: expected an object")
    for name, value in values.items():
        if name not in OFFERED:
            raise Problem(400, "bad_options", f"{str(name)[:40]!r} is no option; there are {', '.join(OFFERED)}")
        kind = _KINDS[name]
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and kind is not bool) or (kind is float and not math.isfinite(value)):
            raise Problem(400, "bad_options", f"{name}: found {str(value)[:40]!r}, expected {_WORDS[kind]}")
    return dict(values)


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
