"""Serves the emulated X on 127.0.0.1: answers, and a stream that lasts until it is ended in one way or another."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from core.clock import Clock, HeldClock
from tests.listener.emulators.x import STREAM, Connection, X, post_recorded
from tests.loopback import Answer, Asked

KEEP_ALIVE = 0.05
"""Seconds between two signs of life of a stream: X takes 20."""


class _Server(ThreadingHTTPServer):
    """A client that hangs up in the middle is what is being tested, and nothing to print."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


RECORDED = datetime(2022, 10, 7, 22, 45, tzinfo=UTC)
"""When the recorded answers were new."""


@contextmanager
def recordings() -> Iterator[X]:
    """The platform with what was recorded, and time standing still."""
    with serve(HeldClock(RECORDED)) as x:
        post_recorded(x)
        yield x


@contextmanager
def serve(clock: Clock) -> Iterator[X]:
    """Run the platform."""
    x, over = X(clock), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), body)
            answer = x.answer(asked)
            if answer.status == 200 and asked.path == STREAM:
                self._stream(asked)
            else:
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.declared is None else answer.declared))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.declared is not None

        def _stream(self, asked: Asked) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            connection = Connection()
            with x.lock:  # before whoever connects can know: what is posted from then on must reach them
                x.connections.append(connection)
            try:
                self.end_headers()
                while not over.is_set() and self._send_on(connection, asked):
                    pass
            finally:
                self.close_connection = True
                with x.lock:
                    x.connections.remove(connection)

        def _send_on(self, connection: Connection, asked: Asked) -> bool:
            try:
                item = connection.out.get(timeout=KEEP_ALIVE)
            except queue.Empty:
                self._chunk(b"\r\n")
                return True
            match item:
                case None:
                    self.wfile.write(b"0\r\n\r\n")
                    return False
                case "cut":
                    self.wfile.write(b'40\r\n{"data":{"id":"15')
                    return False
                case "hang":
                    over.wait(5)
                    return False
                case bytes():
                    self._chunk(item)
                case dict():
                    self._chunk(x.line(item, asked))
            return True

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    listening = _Server(("127.0.0.1", 0), Handler)
    x.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield x
    finally:
        over.set()
        listening.shutdown()
        listening.server_close()
        thread.join(5)
