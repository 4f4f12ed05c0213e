"""Passes every id on to `second`, two at a time; cannot stomach the number 13."""

from __future__ import annotations

from core import waiting
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import set_aside

UNLUCKY = 13


def work(runtime: Runtime) -> int:
    with runtime.db.write() as db:
        ids = waiting.take(db, runtime.clock, "first", 2)
        good = [one for one in ids if one != UNLUCKY]
        waiting.add(db, runtime.clock, "second", good)
        waiting.done(db, "first", good)
        if len(good) < len(ids):
            set_aside(db, runtime.clock, "first", "number", UNLUCKY, ValueError("unlucky"))
    if len(good) < len(ids):
        raise ItemsSetAside("first", 1)
    return len(good)
