"""What every stage of a process shares: settings, database, clock and queue, made once and handed in."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock, SystemClock
from core.db import Database
from core.queue import Queue, RqQueue, ThreadQueue
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """Handed to every stage's work. Nothing in it belongs to one stage."""

    settings: Settings
    db: Database
    clock: Clock
    queue: Queue


def build(settings: Settings) -> Runtime:
    """The runtime that the settings ask for, with its database made or found to fit.

    Raises SchemaOutdated when the database is of another version.
    """
    db = Database(settings.database)
    db.prepare()
    return Runtime(settings, db, SystemClock(), RqQueue(settings.redis_url) if settings.distributed else ThreadQueue())
