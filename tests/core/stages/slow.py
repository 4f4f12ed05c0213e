"""Takes 40 seconds of a held clock for each id."""

from __future__ import annotations

from core import waiting
from core.clock import HeldClock
from core.runtime import Runtime


def work(runtime: Runtime) -> int:
    assert isinstance(runtime.clock, HeldClock)
    runtime.clock.advance(40)
    with runtime.db.write() as db:
        ids = waiting.take(db, runtime.clock, "slow", 1)
        waiting.done(db, "slow", ids)
    return len(ids)
