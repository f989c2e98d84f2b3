"""A request on its way through a worker, and how it is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cgconv.runtime import requests
from cgconv.runtime.events import Event, WorkerEvent

Say = Callable[[Event | WorkerEvent], None]
Answer = Callable[["Task", Say], None]


@dataclass
class Task:
    """A request on its way. `going` is cleared while translations are held."""

    number: int
    request: requests.Request
    going: threading.Event
    cancel: threading.Event = field(default_factory=threading.Event)
