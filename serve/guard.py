"""Let in only those who may ask: from this computer by its own name, or with the token; and no other site's pages.

docs/serve.md says what is trusted and why.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import Problem

COOKIE = "cgconv_session"
OPEN = frozenset({"/api/health", "/api/openapi.json"})  # besides the page's own files: these tell nothing of anybody
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Middleware around everything. Without `needs_token`, programs of this computer come in without it."""

    def __init__(self, app: ASGIApp, *, token: str, needs_token: bool) -> None:
        self._app, self._token, self._needs_token = app, token, needs_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on; every answer gets the headers that keep a browser careful."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = self._problem(scope) if scope["path"].startswith("/api/") else None
        answer = problem.response() if problem is not None else self._app
        await answer(scope, receive, send_with_headers)

    def _problem(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if is_of_another_site(headers):
            return Problem(403, "other_site", "a page of another site may not ask this server")
        if scope["path"] in OPEN or self.knows(headers) or (not self._needs_token and is_from_here(scope, headers)):
            return None
        return Problem(401, "token", "a token is needed: Authorization: Bearer TOKEN")

    def knows(self, headers: Headers) -> bool:
        """Say whether a request brings the token, or the cookie that was given for it."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(given.strip(), self._token):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and same(cookie.value, session_of(self._token))


def session_of(token: str) -> str:
    """Return the cookie's value, of which the token cannot be found out."""
    return hmac.new(token.encode(), b"cgconv serve session", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in a time that says nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def is_from_here(scope: Scope, headers: Headers) -> bool:
    """Say whether a request comes from this computer and asks for it by its own name.

    A page whose name was rebound to 127.0.0.1 asks under its own name; a proxy in front says for whom it asks.
    """
    client = scope.get("client")
    came_through = any(name in headers for name in FORWARDED)
    return client is not None and is_loopback(client[0]) and is_loopback(host_of(headers)) and not came_through


def is_loopback(host: str) -> bool:
    """Say whether a name or address is that of this computer itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(headers: Headers) -> str:
    """Return the name in the Host header, without the port; empty where there is not exactly one."""
    hosts = headers.getlist("host")
    if len(hosts) != 1:
        return ""
    host = hosts[0].strip().lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def is_of_another_site(headers: Headers) -> bool:
    """Say whether a browser asks for a page of somewhere else: another port of this computer is somewhere else, too."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    return origin.partition("://")[2].lower() != headers.get("host", "").lower()
