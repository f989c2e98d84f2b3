"""Join what a server has: its store, its workers, its queue, those who listen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .feed import Feed
from .job_queue import JobQueue
from .limits import Limits
from .looks import Looks
from .store import Store
from .uploads import Uploads
from .worker_process import Worker

SWEEP_EVERY_S = 60.0


class Desk:
    """One server's parts. Three workers, so that neither an upload nor a sample waits for a film."""

    def __init__(self, folder: Path, limits: Limits, *, token: str, device: str = "auto") -> None:
        self.limits, self.token = limits, token
        self.store = Store(folder, limits)
        self.examiner, self.looker, self.maker = (
            Worker(name, silence_s=limits.silence_s) for name in ("examining", "showing", "translating")
        )
        self.feed = Feed(self._shown)
        self.uploads = Uploads(self.store, self.examiner)
        self.looks = Looks(self.store, self.looker, lister=self.examiner)
        self.queue = JobQueue(self.store, self.feed, maker=self.maker, looker=self.examiner, device=device)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Do jobs and delete old ones meanwhile; afterwards what was being done waits for the next server."""
        tasks = [asyncio.create_task(self.queue.work(self.looks.model)), asyncio.create_task(self._sweep())]
        try:
            yield
        finally:
            self.queue.put_back()
            workers = (self.examiner, self.looker, self.maker)
            for task in tasks:
                task.cancel()
            for worker in workers:
                worker.close()
            await asyncio.gather(*tasks, *(worker.ended() for worker in workers), return_exceptions=True)
            self.store.close()

    def _shown(self, job: str) -> dict[str, Any] | None:  # Any: JSON values
        return self.store.jobs[job].shown() if job in self.store.jobs else None

    async def _sweep(self) -> None:
        while True:
            for job in self.store.sweep():
                self.feed.tell(job.id)
            with contextlib.suppress(TimeoutError):
                await asyncio.sleep(SWEEP_EVERY_S)
