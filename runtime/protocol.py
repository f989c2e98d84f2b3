"""Speak events as JSON lines on a standard output that nothing else can write to, and read them and requests back."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO, get_args, get_origin, get_type_hints

from . import events, requests
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


def request_line(number: int, request: object) -> str:
    """Return the line that asks for `request`, a dataclass of requests.py."""
    values = {"request": type(request).__name__, "id": number, **asdict(request)}  # type: ignore[call-overload]
    text = json.dumps(finite(values), ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def read_request(line: str) -> tuple[int, requests.Request]:
    """Return a request and its number. Raises ValueError where the line is none."""
    values = json.loads(line)
    kind = _KINDS.get(values.get("request"))
    if kind is None or not isinstance(values.get("id"), int):
        raise ValueError(f"not a request: {line[:80]}")
    return values["id"], _from_json(kind, values)


def read_event(line: str) -> tuple[int, events.Event | events.WorkerEvent]:
    """Return an event and the number of the request it answers (0: none). Raises ValueError where the line is none."""
    values = json.loads(line)
    kind = _KINDS.get(values.get("event"))
    if kind is None:
        raise ValueError(f"not an event: {line[:80]}")
    return int(values.get("request") or 0), _from_json(kind, values)


def _from_json(kind: Any, value: Any) -> Any:  # Any: a type of the annotations in events.py and requests.py
    """Return a JSON value as what an annotation says: a dataclass, a tuple, a Path, or as it is."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{field.name: _from_json(hints[field.name], value[field.name])
                       for field in fields(kind) if field.name in value})  # fmt: skip
    if value is None:
        return None
    if kind is Path:
        return Path(value)
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return tuple(_from_json(arguments[0], part) for part in value)  # all of one type
    return Path(value) if Path in arguments else value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:  # Any: types
    return get_type_hints(kind)


_KINDS: dict[str, type] = {
    kind.__name__: kind for union in (events.Event, events.WorkerEvent, requests.Request) for kind in get_args(union)
}
