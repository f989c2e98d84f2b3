"""Tell every listener what has changed, as server-sent events; one that reads slowly misses steps, never the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

STAYING_S = 15.0  # after which a comment keeps the connection open
MOST_LISTENERS = 400

Look = Callable[[str], dict[str, Any] | None]  # Any: JSON values


class Feed:
    """Which jobs have changed since each listener was last told. `look` returns a job as clients see it, or None."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._listeners: set[_Listener] = set()
        self._is_closed = False

    @property
    def listeners(self) -> int:
        """How many there are."""
        return len(self._listeners)

    def tell(self, job: str) -> None:
        """A job has changed, or is gone."""
        for listener in self._listeners:
            listener.hear(job)

    def close(self) -> None:
        """Let all listeners go."""
        self._is_closed = True
        for listener in self._listeners:
            listener.news.set()

    async def events(self, first: list[str], only: str | None = None) -> AsyncIterator[str]:
        """Yield the jobs in `first` as they are, then each change; with `only`, of one job and until it has ended."""
        listener = _Listener(only)
        self._listeners.add(listener)
        try:
            listener.changed = dict.fromkeys(first)
            yield _event("hello", {"jobs": len(first)})
            while not self._is_closed:
                changed, listener.changed = listener.changed, {}
                listener.news.clear()
                for name in changed:
                    job = self._look(name)
                    is_last = only is not None and (job is None or job["ended_s"] is not None)
                    yield _event("gone", {"id": name}) if job is None else _event("job", job)
                    if is_last:
                        return
                if not listener.changed:
                    try:
                        await asyncio.wait_for(listener.news.wait(), STAYING_S)
                    except TimeoutError:
                        yield ": still here\n\n"
        finally:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self, only: str | None) -> None:
        self.only = only
        self.changed: dict[str, None] = {}
        self.news = asyncio.Event()

    def hear(self, job: str) -> None:
        if self.only in (None, job):
            self.changed[job] = None
            self.news.set()


def _event(name: str, values: dict[str, Any]) -> str:  # Any: JSON values
    return f"event: {name}\ndata: {json.dumps(values, ensure_ascii=True)}\n\n"
