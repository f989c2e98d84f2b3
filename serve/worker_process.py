"""Run a worker as a child process and ask it one thing at a time, so that it is known what a worker died of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator

from cgconv.runtime import requests
from cgconv.runtime.events import CommandFailed, RequestFinished
from cgconv.runtime.protocol import read_event, request_line

log = logging.getLogger(__name__)
LONGEST_LINE_BYTES = 64 << 20
LAST_WORDS_S = 9.0  # a little more than the worker gives what it is doing
KEPT_FROM_WORKERS = ("CGCONV_SERVE_TOKEN",)


class WorkerDied(Exception):
    """The worker ended, or was ended because it was stuck, before it had answered."""


class WorkerRefused(Exception):
    """The worker says in a sentence why it does not do what was asked."""


class Worker:
    """A child process that is started when it is first asked something, and again after it has died."""

    def __init__(self, name: str, *, silence_s: float) -> None:
        self.name, self._silence_s = name, silence_s
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0
        self._complaints: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def pid(self) -> int:
        """The child's process id, 0 where there is none."""
        return self._process.pid if self._process is not None else 0

    async def answers(self, request: requests.Request) -> AsyncGenerator[object, None]:
        """Yield the events that answer a request, once those before it are answered. Wrap it in `aclosing`.

        Raises:
            WorkerDied: the worker ended meanwhile, or said nothing for too long. WorkerRefused: it said why not.
        """
        async with self._turn:
            process = await self._started()
            self._number += 1
            number = self._number
            try:
                await self._write(process, number, request)
                while True:
                    event = await self._next(process, number)
                    if isinstance(event, RequestFinished):
                        number = 0
                        return
                    if isinstance(event, CommandFailed):
                        number = 0
                        raise WorkerRefused(event.reason)
                    yield event
            finally:
                if number and process is self._process and not self._is_closed:  # nobody wants the rest
                    await asyncio.shield(self._break_off(process, number))

    async def cancel(self) -> None:
        """Ask to stop what is being done."""
        if self._process is not None and self._turn.locked():
            with contextlib.suppress(WorkerDied):
                await self._write(self._process, self._number + 1_000_000_000, requests.Cancel(self._number))

    def close(self) -> None:
        """Tell the child to finish what cannot be left half done, and to end; nothing more can be asked."""
        self._is_closed = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def ended(self) -> None:
        """Wait until a child that was closed has ended, but not for ever."""
        process = self._process
        if process is None:
            return
        try:
            await asyncio.wait_for(process.wait(), LAST_WORDS_S)
        except TimeoutError:
            await self._end(process)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._is_closed:
            raise WorkerDied(f"the {self.name} worker is closed")
        if self._process is not None and self._process.returncode is None:
            return self._process
        environment = {name: value for name, value in os.environ.items() if name not in KEPT_FROM_WORKERS}
        environment |= {"PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cgconv.cli", "worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                limit=LONGEST_LINE_BYTES,
                start_new_session=True,  # Ctrl-C is the server's: it tells its workers itself
            )
        except OSError as error:
            raise WorkerDied(f"the {self.name} worker cannot be started: {error.strerror or error}") from error
        self._complaints = asyncio.create_task(self._read_complaints(self._process))
        return self._process

    async def _write(self, process: asyncio.subprocess.Process, number: int, request: requests.Request) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(request_line(number, request).encode())
            await process.stdin.drain()
        except (OSError, RuntimeError) as error:
            await self._end(process)
            raise WorkerDied(f"the {self.name} worker has ended") from error

    async def _next(self, process: asyncio.subprocess.Process, number: int) -> object:
        """Return the next event that answers request `number`."""
        assert process.stdout is not None
        while True:
            try:
                line = await asyncio.wait_for(process.stdout.readline(), self._silence_s)
            except (TimeoutError, ValueError):
                await self._end(process)
                raise WorkerDied(f"the {self.name} worker was stuck for {self._silence_s:g} s, and was ended") from None
            if not line.endswith(b"\n"):
                await self._end(process)
                raise WorkerDied(f"the {self.name} worker ended unexpectedly")
            try:
                answered, event = read_event(line.decode("utf-8", "replace"))
            except (ValueError, TypeError, KeyError):
                log.warning("the %s worker says what nobody understands: %r", self.name, line[:200])
                continue
            if answered == number:
                return event

    async def _break_off(self, process: asyncio.subprocess.Process, number: int) -> None:
        try:
            await self._write(process, number + 1_000_000_000, requests.Cancel(number))
            while not isinstance(await self._next(process, number), RequestFinished | CommandFailed):
                pass
        except WorkerDied:
            pass

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process is self._process:
            self._process = None
        try:  # it may have ended by itself: what asyncio waits for must not be taken by a signal's poll
            await asyncio.wait_for(process.wait(), 1.0)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _read_complaints(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await process.stderr.readline():
                log.info("%s worker: %s", self.name, ascii(line.decode("utf-8", "replace").rstrip())[1:-1])
