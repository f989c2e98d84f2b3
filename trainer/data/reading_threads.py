"""Read many files at once, and stop at once where nobody waits for them any more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def open_readers(count: int | None) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of `count` threads for work that only reads (None: a few more than there are cores).

    What has not begun at the end of the block never does, and what has is not waited for: after Ctrl-C that would be
    every file of a folder.
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
