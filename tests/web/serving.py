"""The pages behind a real server on this machine, as long as a test needs them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from waitress import create_server
from waitress.wasyncore import close_all


@contextmanager
def serving(app: Flask, threads: int = 4) -> Iterator[str]:
    """Serve `app` on a free port; gives its address. Requests in hand are finished before it ends."""
    server = create_server(app, host="127.0.0.1", port=0, threads=threads, backlog=128)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown()  # requests in hand end while their sockets are open
        server.trigger.pull_trigger(lambda: close_all(server._map))  # in its own thread: nothing is closed under it
        thread.join(10)
    assert not thread.is_alive()
