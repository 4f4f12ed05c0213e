"""`ripplewatch run`, and its parts as processes of their own: `listen`, `judge`, `respond`, `web`."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import click
from sqlalchemy.exc import SQLAlchemyError

from core import settings
from core.log import redact
from core.queue import ThreadQueue, beat, retire, serve, stages_of
from core.runtime import Runtime
from listener.supervise import listen as hear
from responder.alerts.checking import keep_checking
from responder.alerts.slack import socket as slack_socket
from web.commands.lines import note
from web.commands.opened import opened
from web.commands.stopping import on_signal
from web.managing.sample_brand import load_sample
from web.managing.setup import first_link
from web.server import Server, bound, pages

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that a stage gets to finish its batch when the process ends; what it leaves is done at the next start."""

_host = click.option("--host", help="Address to listen on (default: HOST, 127.0.0.1).")
_port = click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one (default: PORT, 8000).")


@click.command(short_help="Run everything in one process.", epilog="Example: ripplewatch run --sample --port 8080")
@click.option("--sample", is_flag=True, help="Load the sample brand first.")
@_host
@_port
def run(sample: bool, host: str | None, port: int | None) -> None:
    """Run everything in one process: sources, model, cases, replies and the pages."""
    if settings.load().distributed:
        raise click.UsageError(
            "REDIS_URL is set, so every part is a process of its own: start `ripplewatch listen`, `ripplewatch judge`, "
            "`ripplewatch respond` and `ripplewatch web`, or unset REDIS_URL"
        )
    with _pages(host, port) as (runtime, server):
        if sample:
            load_sample(runtime)
        with _stages(runtime):
            server.run()


@click.command(short_help="Serve the pages alone.", epilog="Example: ripplewatch web --host 0.0.0.0 --port 8080")
@_host
@_port
def web(host: str | None, port: int | None) -> None:
    """Serve the pages alone."""
    with _pages(host, port) as (runtime, server), _threads(_beats(runtime, "web")):
        server.run()


@click.command(short_help="Hear all sources, as a process of its own.", epilog="Example: ripplewatch listen")
def listen() -> None:
    """Hear all sources: one part of a distributed set-up. Several may run; each source is heard by one of them."""
    stop = threading.Event()
    with opened(service=True) as runtime, on_signal(stop.set):
        note("Ripplewatch listens (Ctrl+C stops it)")
        hear(runtime, stop)


@click.command(
    short_help="Let the model read, as a process of its own.",
    epilog="Example: REDIS_URL=redis://localhost:6379/0 ripplewatch judge",
)
def judge() -> None:
    """Let the model read what was heard: one part of a distributed set-up, as many times as you like."""
    _work("sentiment")


@click.command(
    short_help="Open cases and send replies, as a process of its own.",
    epilog="Example: REDIS_URL=redis://localhost:6379/0 ripplewatch respond",
)
def respond() -> None:
    """Open cases and send approved replies: one part of a distributed set-up, as many times as you like."""
    _work("responder")


def _work(process: str) -> None:
    """As an RQ worker; without REDIS_URL in threads that look at the shared database every SWEEP_SECONDS."""
    with opened(service=True) as runtime, _threads(*_beside(runtime, process)):
        if runtime.settings.distributed:
            with on_signal(_leave):  # until the worker has handlers of its own
                note(f"Ripplewatch takes work from {redact(runtime.settings.redis_url)} (Ctrl+C stops it)")
                serve(runtime, process)
            return
        queue = ThreadQueue({stage.name: stage for stage in stages_of(process)})
        stop = threading.Event()
        with on_signal(stop.set):
            note(f"Ripplewatch looks for work every {runtime.settings.sweep_seconds:g} s (Ctrl+C stops it)")
            queue.start(dataclasses.replace(runtime, queue=queue))
            _beats(runtime, process)(stop)
            queue.stop(_PATIENCE)


def _beside(runtime: Runtime, process: str) -> list[Callable[[threading.Event], None]]:
    """What a process does besides its stages."""
    if process != "responder":
        return []
    return [partial(slack_socket.listen, runtime), partial(keep_checking, runtime)]


@contextmanager
def _pages(host: str | None, port: int | None) -> Iterator[tuple[Runtime, Server]]:
    """The runtime and server of the pages, with the words that a person needs to find them."""
    chosen = settings.load({name: value for name, value in (("host", host), ("port", port)) if value is not None})
    with ExitStack() as stack:
        stack.enter_context(on_signal(_leave))
        listening = stack.enter_context(bound(chosen.host, chosen.port))
        found = {"host": chosen.host, "port": listening.getsockname()[1]}
        runtime = stack.enter_context(opened(found, service=True))
        server = pages(runtime, listening)
        _announce(runtime)
        yield runtime, server


def _announce(runtime: Runtime) -> None:
    note(f"Ripplewatch is at {runtime.settings.pages_url} (Ctrl+C stops it)")
    if link := first_link(runtime):
        note(f"Open {link} to make the first account (this link works once)")


@contextmanager
def _stages(runtime: Runtime) -> Iterator[None]:
    """Everything but the pages, in threads of this process."""
    queue = runtime.queue
    assert isinstance(queue, ThreadQueue)
    beats = _beats(runtime, "sentiment", "responder", "web")
    with _threads(partial(_hear, runtime), beats, *_beside(runtime, "responder")):
        queue.start(runtime)
        try:
            yield
        finally:
            queue.stop(_PATIENCE)


def _hear(runtime: Runtime, stop: threading.Event) -> None:
    """Listen; what ends it before its time must not leave the service deaf."""
    while not stop.is_set():
        try:
            hear(runtime, stop)
        except Exception:
            log.exception("listening failed; it begins again in %s s", runtime.settings.sweep_seconds)
            runtime.clock.wait(stop, runtime.settings.sweep_seconds)


@contextmanager
def _threads(*loops: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run loops beside the block; each ends when the event that it is given is set."""
    stop = threading.Event()
    running = [threading.Thread(target=loop, args=(stop,), daemon=True) for loop in loops]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join(_PATIENCE)


def _beats(runtime: Runtime, *parts: str) -> Callable[[threading.Event], None]:
    """A loop that says every SWEEP_SECONDS that these parts are alive, and at its end that they no longer are."""

    def loop(stop: threading.Event) -> None:
        while True:
            try:
                for part in parts:
                    beat(runtime, part)
            except Exception:
                log.exception("could not say that this process is alive; it is tried again")
            if runtime.clock.wait(stop, runtime.settings.sweep_seconds):
                break
        with suppress(SQLAlchemyError):  # a database that is gone at the end is nobody's concern here
            for part in parts:
                retire(runtime, part)

    return loop


def _leave() -> None:
    """End waitress's loop, or whatever comes before it, in the main thread."""
    raise SystemExit(0)
