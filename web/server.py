"""The pages behind a socket: waitress, on a port that is known before the first link is printed."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import waitress

from core.errors import SettingError
from core.runtime import Runtime
from web.app import create_app

_THREADS = 8
_LARGEST_REQUEST = 16_000_000
"""Bytes that are taken in before the pages look at a request; their own limits are smaller."""


class Server(Protocol):
    """What serves: waitress's server, as far as we use it."""

    def run(self) -> None:
        """Serve until SystemExit or KeyboardInterrupt is raised in this thread; requests in hand are finished."""
        ...


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on host and port (0: any free one); SettingError with what to do when it cannot."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=family, backlog=1024)
    except (OSError, UnicodeError) as error:
        raise SettingError(_refused(host, port, error)) from None
    with listening:
        yield listening


def _refused(host: str, port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken: stop what uses it, or choose another with --port (0: any free one)"
        case errno.EACCES:
            return f"port {port} may not be used by this user: choose one above 1023 with --port"
        case _:
            why = getattr(error, "strerror", None) or error
            return f"cannot listen on {host}, port {port} ({why}): choose an address of this machine with --host"


def pages(runtime: Runtime, listening: socket.socket) -> Server:
    """The server of the pages; call its `run` in the main thread."""
    server = waitress.create_server(
        create_app(runtime),
        sockets=[listening],
        threads=_THREADS,
        ident=None,
        max_request_body_size=_LARGEST_REQUEST,
        clear_untrusted_proxy_headers=True,
    )
    return cast("Server", server)
