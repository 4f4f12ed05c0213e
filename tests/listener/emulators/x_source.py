"""The x source, pointed at the emulated X."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.clock import HeldClock
from core.settings import Settings
from core.types import Page
from listener.source import Context, Wanted
from listener.sources.x import X
from listener.sources.x.border import Timeouts
from tests.listener.emulators import x as emulator
from tests.listener.emulators.x_server import serve

PATIENT = Timeouts(connect=10, read=30, whole=60, alive=30, page=0.02)
"""Where nothing hangs: no slow machine makes a test fail."""
SHORT = Timeouts(connect=5, read=0.5, whole=5, alive=0.5, page=0.02)
"""Where something does."""


@dataclass(slots=True)
class World:
    """The platform, and sources that hear @acme there."""

    platform: emulator.X
    clock: HeldClock
    made: list[X] = field(default_factory=list)

    def source(
        self,
        *queries: str,
        mode: str = "search",
        timeouts: Timeouts = PATIENT,
        mentions_only: bool = False,
        **settings: str,
    ) -> X:
        """One for these queries, with these settings."""
        given = {"bearer_token": emulator.TOKEN, "accounts": "acme", "mode": mode} | settings
        wanted = tuple(Wanted("acme", text) for text in queries)
        process = Settings(x_api_url=self.platform.url)
        context = Context(given, process, self.clock, queries=wanted, mentions_only=mentions_only)
        self.made.append(X(context, timeouts))
        return self.made[-1]


@contextmanager
def world(clock: HeldClock) -> Iterator[World]:
    """Run the platform; close all sources in the end."""
    with serve(clock) as platform:
        running = World(platform, clock)
        try:
            yield running
        finally:
            for source in running.made:
                source.close()


def round_of(source: X, cursor: str | None = None) -> list[Page]:
    """Pages until one has no more."""
    pages = [source.fetch(cursor)]
    while pages[-1].more:
        assert len(pages) < 200
        pages.append(source.fetch(pages[-1].cursor))
    return pages


def texts(*pages: Page) -> list[str]:
    """What the mentions say."""
    return sorted(one.text for page in pages for one in page.mentions)
