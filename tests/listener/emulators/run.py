"""A source that is heard step by step, as the listener does it, on a real database and a clock that waits at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from core import tables
from core.clock import HeldClock
from core.errors import PlatformError
from core.runtime import Runtime
from core.types import Page
from listener.matching import BrandMatcher
from listener.source import Source
from listener.step import Next
from listener.step import step as take_step
from tests.listener import made


def pages(source: Source, cursor: str | None) -> list[Page]:
    """Pages until there is no more; a hundred at most."""
    found = [source.fetch(cursor)]
    while found[-1].more:
        assert len(found) < 100
        found.append(source.fetch(found[-1].cursor))
    return found


def ids(found: list[Page]) -> set[str]:
    """Native ids of what was heard, edits included."""
    return {mention.native_id for page in found for mention in (*page.mentions, *page.edited)}


class Run:
    """One source of one brand, whose mentions all it gives are. `make` opens it, as often as it is opened anew."""

    def __init__(self, runtime: Runtime, clock: HeldClock, kind: str, make: Callable[[], Source], **row: Any) -> None:
        self.runtime, self.clock, self.make = runtime, clock, make
        self.source_id = made.source(runtime, kind, kind, brand_id=made.brand(runtime), **row)
        self.source = make()
        self.opened_at = clock.now()

    def step(self) -> Next:
        """One step, and the wait after it."""
        with self.runtime.db.read() as db:
            matcher = BrandMatcher.load(db)
        after = take_step(self.runtime, self.source_id, self.source, matcher, self.opened_at)
        if after.reopen:
            self.reopen()
        self.clock.advance(after.wait or 0)
        return after

    def catch_up(self, most: int) -> None:
        """Step until a step that worked leaves nothing to be fetched."""
        for _ in range(most):
            after = self.step()
            if not after.failed and after.wait:
                return
        pytest.fail(f"not caught up after {most} steps: {self.row().reason}")

    def restart(self) -> None:
        """As after SIGKILL between fetch and commit: what was fetched is lost, and another process begins."""
        with suppress(PlatformError):
            self.source.fetch(self.row().cursor)
        self.reopen()

    def reopen(self) -> None:
        """Close the source and make it anew."""
        self.source.close()
        self.source, self.opened_at = self.make(), self.clock.now()

    def resume(self) -> None:
        """What a person does once they have mended what was wrong."""
        with self.runtime.db.write() as db:
            db.get_one(tables.Source, self.source_id).state = "running"
        self.reopen()

    def row(self) -> tables.Source:
        with self.runtime.db.read() as db:
            return db.get_one(tables.Source, self.source_id)

    def stored(self) -> list[str]:
        """Native ids of what is held and not deleted."""
        return sorted(mention.native_id for mention in made.mentions(self.runtime) if mention.deleted_at is None)
