"""Lets every id wait for `halted`, a moment from now."""

from __future__ import annotations

from datetime import timedelta

from core import waiting
from core.runtime import Runtime

MOMENT = timedelta(milliseconds=300)


def work(runtime: Runtime) -> int:
    with runtime.db.write() as db:
        ids = waiting.take(db, runtime.clock, "postponed", 10)
        waiting.add(db, runtime.clock, "halted", ids, runtime.clock.now() + MOMENT)
        waiting.done(db, "postponed", ids)
    return len(ids)
