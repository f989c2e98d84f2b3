"""Speak events as JSON lines on a standard output that nothing else can write to."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from .events import event_as_json


@contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Give the real standard output as a text stream, and send everything else that is printed to standard error.

    Native libraries print through the file descriptor, past `sys.stdout`, so the descriptor itself is moved aside.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    stream = open(kept, "w", encoding="utf-8", newline="\n")  # noqa: PTH123, SIM115  # a descriptor, closed below
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:  # the reader has gone: what is still buffered goes nowhere, without a second complaint
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device
            os.dup2(nowhere.fileno(), kept)
        raise
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        stream.close()


def write_event(stream: TextIO, event: object) -> None:
    """Write one event as a line of JSON; the key `event` names its kind."""
    write_line(stream, event_as_json(event))


def write_line(stream: TextIO, values: dict[str, Any]) -> None:  # Any: JSON values
    """Write one JSON object as a line and flush it, so that a reader sees it at once.

    JSON has no infinity and no NaN: they become null. Names that are not valid Unicode come out escaped.
    """
    text = json.dumps(finite(values), ensure_ascii=False, allow_nan=False, default=str)
    stream.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    stream.flush()


def finite(value: Any) -> Any:  # Any: JSON values
    """Return `value` with None in place of numbers that JSON cannot say."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return value
