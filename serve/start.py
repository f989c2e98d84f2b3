"""Start the server: bind, make or read its token, serve until it is told to end."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from cgconv.runtime.errors import OutputError, UsageError
from cgconv.runtime.files import write_atomically
from cgconv.runtime.folders import data_folder

from . import api, page
from .desk import Desk
from .guard import Guard, is_loopback
from .limits import Limits
from .problems import Problem, answer_problem

TOKEN_VARIABLE = "CGCONV_SERVE_TOKEN"
SHORTEST_TOKEN = 16
MOST_CONNECTIONS = 600


def run(
    host: str,
    port: int,
    *,
    folder: Path | None,
    limits: Limits,
    device: str = "auto",
    say: Callable[[list[str]], None],
) -> None:
    """Serve until SIGINT or SIGTERM. `say` hears where, once the server answers.

    Raises:
        UsageError: the address cannot be used, or another server uses the folder. OutputError: the folder cannot.
    """
    needs_token = not is_loopback(host)
    with _bound(host, port) as listening:
        place = folder or data_folder() / "serve"
        desk = Desk(place, limits, token="", device=device)
        desk.token = _token(desk.store.folder)
        name = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        address = f"http://{name}:{listening.getsockname()[1]}/"
        config = uvicorn.Config(
            Guard(application(desk), token=desk.token, needs_token=needs_token),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # who asks is not what a header says
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=2,
        )
        lines = [address]
        if needs_token:
            kept = TOKEN_VARIABLE if os.environ.get(TOKEN_VARIABLE) else desk.store.folder / "token"
            lines = [f"{address}#token={desk.token}", f"the token is in {kept}"]
        _Server(config, desk, lambda: say(lines)).run(sockets=[listening])


def application(desk: Desk) -> Starlette:
    """Return the application, without its guard."""

    @asynccontextmanager
    async def at_work(_: Starlette) -> AsyncIterator[None]:
        async with desk.at_work():
            yield

    return Starlette(
        routes=[*api.routes(desk), *page.ROUTES], lifespan=at_work, exception_handlers={Problem: answer_problem}
    )


class _Server(uvicorn.Server):
    """Says when it answers, and lets go of those who listen when it ends."""

    def __init__(self, config: uvicorn.Config, desk: Desk, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._desk, self._tell_started = desk, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._desk.feed.close()
        await super().shutdown(sockets)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises UsageError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        hint = "; give another one with --port" if is_taken else ""
        raise UsageError(f"port {port} of {host} cannot be used: {reason}{hint}") from error


def _token(folder: Path) -> str:
    """Return the token: of the environment, or the one in the folder, which is made where there is none yet."""
    given = os.environ.get(TOKEN_VARIABLE, "")
    if given:
        if len(given) < SHORTEST_TOKEN:
            raise UsageError(f"{TOKEN_VARIABLE} has {len(given)} characters, expected at least {SHORTEST_TOKEN}")
        return given
    path = folder / "token"
    try:
        kept = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        kept = ""
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(kept) < SHORTEST_TOKEN:
        kept = secrets.token_urlsafe(32)
        write_atomically(path, kept.encode())
        path.chmod(0o600)
    return kept
