"""A web server for tests, whose every answer is the test's own: breaking, slow, lying, endless."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Visit"], None]


@dataclass
class Visit:
    """One request, and the means to answer it as no library would."""

    handler: BaseHTTPRequestHandler
    number: int  # of requests so far, from 1

    @property
    def range_begin(self) -> int:
        return int(self.handler.headers.get("Range", "bytes=0-")[6:-1])

    def head(self, status: int, **headers: object) -> None:
        self.handler.send_response_only(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def body(self, data: bytes) -> None:
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def file(self, data: bytes, *, etag: str = '"one"', ranges: bool = True, cut_at: int | None = None) -> None:
        """Answer as a good server does; `cut_at` ends the connection before that byte of the file."""
        begin = self.range_begin
        condition = self.handler.headers.get("If-Range")
        if ranges and begin >= len(data):
            self.head(416, Content_Range=f"bytes */{len(data)}", Content_Length=0)
        elif ranges and begin and condition in (None, etag):
            span = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            self.head(206, Content_Length=len(data) - begin, Content_Range=span, ETag=etag)
            self.body(data[begin:cut_at])
        else:
            self.head(200, Content_Length=len(data), ETag=etag)
            self.body(data[:cut_at])


@dataclass
class Site:
    """A web server of the test's own: `pages` says how each path is answered, `asked` what was asked for."""

    url: str
    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, Range

    def serves(self, path: str, answer: Answer | bytes) -> str:
        self.pages[path] = answer if callable(answer) else lambda visit: visit.file(answer)
        return self.url + path


def serve(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("Range", "")))
            answer = site.pages.get(self.path.split("?")[0], lambda visit: visit.head(404, Content_Length=0))
            with suppress(OSError):  # the client has gone, as it should with some of these
                answer(Visit(self, len(site.asked)))

        def log_message(self, format: str, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site = Site(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
