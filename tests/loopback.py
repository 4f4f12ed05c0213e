"""Servers on 127.0.0.1 that answer as a script says, and remember what they were asked."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def one(self, name: str) -> str:
        """The only value of a query parameter."""
        (value,) = self.query[name]
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. `declared` is the Content-Length that is claimed; a smaller body is a connection cut off."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None


Script = Callable[[Asked], Answer]


@dataclass(slots=True)
class Server:
    """A running server: where it is, and what it was asked so far."""

    url: str
    asked: list[Asked] = field(default_factory=list)


class _Quiet(ThreadingHTTPServer):
    """A client that hangs up in the middle is what is being tested, and nothing to print."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def http(script: Script) -> Iterator[Server]:
    """Serve HTTP: each request is answered with what `script` gives for it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two writes, and the second would wait for 40 ms

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), body)
            server.asked.append(asked)
            answer = script(asked)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.declared is None else answer.declared))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.declared is not None

        do_GET = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    listening = _Quiet(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server = Server(f"http://127.0.0.1:{listening.server_address[1]}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)


@contextmanager
def websocket(
    talk: Callable[[ServerConnection, Asked], None], refuse: Callable[[Asked], Answer | None] = lambda _: None
) -> Iterator[Server]:
    """Serve WebSockets: `talk` has each connection, which is closed cleanly when it returns.

    What `refuse` gives for a request is answered instead of opening a connection.
    """

    def asked_for(request: Request) -> Asked:
        parts = urlsplit(request.path)
        return Asked("GET", parts.path, parse_qs(parts.query), dict(request.headers.raw_items()))

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        refused = refuse(asked_for(request))
        return connection.respond(refused.status, refused.body.decode()) if refused else None

    def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked = asked_for(connection.request)
        server.asked.append(asked)
        try:
            talk(connection, asked)
        except ConnectionClosed:
            return

    with serve(handle, "127.0.0.1", 0, process_request=answer, close_timeout=1) as listening:
        server = Server(f"ws://127.0.0.1:{listening.socket.getsockname()[1]}/subscribe")
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join(5)
