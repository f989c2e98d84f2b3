"""Speak events as JSON lines on a standard output that nothing else can write to, and read them and requests back."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO, get_args, get_origin, get_type_hints

from . import events, requests
from .events import event_as_json

DEEPEST = 64  # objects and lists within each other in JSON that somebody else may have written


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
    values, kind = _read(line, "request")
    number = values.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(f"not a request: {line[:80]}")
    return number, _from_json(kind, values)


def read_event(line: str) -> tuple[int, events.Event | events.WorkerEvent]:
    """Return an event and the number of the request it answers (0: none). Raises ValueError where the line is none."""
    values, kind = _read(line, "event")
    number = values.get("request") or 0
    if not isinstance(number, int):
        raise ValueError(f"not an event: {line[:80]}")
    return number, _from_json(kind, values)


def _read(line: str, key: str) -> tuple[dict[str, Any], type]:  # Any: JSON values
    """Return a line's values and the class that `key` names. Raises ValueError."""
    values = read_json(line)
    name = values.get(key) if isinstance(values, dict) else None
    if not isinstance(values, dict) or not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"not of this protocol: {line[:80]}")
    return values, _KINDS[name]


def read_json(text: str | bytes) -> Any:  # Any: JSON values
    """Return what JSON says. Raises ValueError where it is none, is no UTF-8, or is nested more than DEEPEST deep.

    What is nested deeper can be read, but not printed or gone through by functions that call themselves.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError(f"nested more than {DEEPEST} deep") from None
    waiting = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if inner and depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
        waiting += [(part, depth + 1) for part in inner if isinstance(part, dict | list)]
    return found


def _from_json(kind: Any, value: Any) -> Any:  # Any: a type of the annotations in events.py and requests.py
    """Return a JSON value as what an annotation says: a dataclass, a tuple, a Path, or as it is. Raises ValueError."""
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"found {_shown(value)} in place of a {kind.__name__}")
        hints = _hints(kind)
        missing = [
            field.name
            for field in fields(kind)
            if field.name not in value and field.default is MISSING and field.default_factory is MISSING
        ]
        if missing:
            raise ValueError(f"a {kind.__name__} without {', '.join(missing)}")
        return kind(
            **{
                field.name: _from_json(hints[field.name], value[field.name])
                for field in fields(kind)
                if field.name in value
            }
        )
    arguments = get_args(kind)
    if value is None and (type(None) in arguments or kind is float):  # a number that JSON cannot say has become null
        return None
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise ValueError(f"found {_shown(value)} in place of an object")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"found {_shown(value)} in place of a list")
        of_each = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(of_each) != len(value):
            raise ValueError(f"found {len(value)} values in place of {len(of_each)}")
        return tuple(_from_json(inner, part) for inner, part in zip(of_each, value, strict=True))
    allowed = arguments or (kind,)
    if isinstance(value, str) and Path in allowed:
        if "\0" in value:
            raise ValueError("found a name with a zero byte in it")
        return Path(value)
    plain = tuple(one for one in allowed if one in (str, int, float, bool))
    fits = isinstance(value, plain) or (float in plain and isinstance(value, int))
    if (plain or Path in allowed) and (not fits or (isinstance(value, bool) and bool not in plain)):
        raise ValueError(f"found {_shown(value)} in place of {' or '.join(one.__name__ for one in allowed)}")
    return value


def _shown(value: Any) -> str:  # Any: JSON values
    return {list: "a list", dict: "an object", type(None): "null"}.get(type(value)) or repr(value)[:40]


@functools.cache
def _hints(kind: type) -> dict[str, Any]:  # Any: types
    return get_type_hints(kind)


_KINDS: dict[str, type] = {
    kind.__name__: kind for union in (events.Event, events.WorkerEvent, requests.Request) for kind in get_args(union)
}
