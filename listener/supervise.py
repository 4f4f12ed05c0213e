"""Runs every active source, each in a thread of its own, and follows what people change in the database.

Every few seconds it looks: new sources start, changed ones start anew, switched-off ones stop, changed queries take
effect. Several listener processes share the sources by leases (`holder` and `held_until` of the row): whoever holds
the lease runs the source and renews it; when a process dies, another takes over once the lease has run out.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core import tables
from core.errors import BadInput, GiveUp
from core.queue import beat, retire
from core.runtime import Runtime
from listener import budget
from listener.matching import BrandMatcher, Watchlist
from listener.settings import whole
from listener.source import Context, Source, load
from listener.step import Next, pause, reopened, step
from listener.wish import Wish, wish

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
LEASE = timedelta(seconds=30)
BEAT_SECONDS = 10.0
STOP_SECONDS = 10.0
"""How long the end of the process waits for a fetch that does not notice it."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """Everything of a row by which its source is made: when it changes the source starts anew."""

    kind: str
    name: str
    brand_id: int | None
    settings: str
    credentials: str | None
    wanted: Wish


class _Hearing(threading.Thread):
    """One source being heard, until `halt`."""

    def __init__(self, listener: Listener, row: tables.Source, setting: _Setting) -> None:
        super().__init__(name=f"{row.kind}-{row.id}", daemon=True)
        self.setting = setting
        self.waiting = False
        self.wake = threading.Event()
        self._listener, self._row, self._stop_event = listener, row, threading.Event()
        self._source: Source | None = None

    def halt(self) -> None:
        """End soon: waits notice it, and a fetch that does not loses its socket."""
        self._stop_event.set()
        self.wake.set()
        if source := self._source:
            source.close()

    def run(self) -> None:
        """Step until halted or paused. The database may be away for a while: that is waited for."""
        runtime = self._listener.runtime
        self._rest(self._first_wait())
        while not self._stop_event.is_set():
            try:
                if not self._hear(runtime):
                    break
            except Exception:
                log.exception("cannot keep the state of source %d; trying again", self._row.id)
                self._rest(LOOK_SECONDS)
        log.info("source %d is no longer heard here", self._row.id)

    def _first_wait(self) -> float:
        """A source that waits goes on waiting where another process left it."""
        until, now = self._row.next_try_at, self._listener.runtime.clock.now()
        return max(0.0, (until - now).total_seconds()) if until and self._row.state == "waiting" else 0.0

    def _rest(self, seconds: float, *, failed: bool = True) -> None:
        self.waiting = failed
        self._listener.runtime.clock.wait(self.wake, seconds)
        self.waiting = False
        if not self._stop_event.is_set():
            self.wake.clear()

    def _hear(self, runtime: Runtime) -> bool:
        """Open the source and hear it until it must be opened anew (True) or is paused (False)."""
        row, opened_at = self._row, runtime.clock.now()
        try:
            source = self._source = load(row.kind)(self._context(runtime))
        except (BadInput, GiveUp) as error:
            pause(runtime, row.id, str(error))
            return False
        reopened(runtime, row.id)
        try:
            while not self._stop_event.is_set():
                after: Next = step(runtime, row.id, source, self._listener.matcher, opened_at, self._stop_event)
                if after.wait is None or self._stop_event.is_set():
                    return False
                if after.reopen:
                    return True
                if after.wait:
                    self._rest(after.wait, failed=after.failed)
        finally:
            source.close()
        return False

    def _context(self, runtime: Runtime) -> Context:
        wanted = self.setting.wanted
        with runtime.db.read() as db:
            row = db.get(tables.Source, self._row.id) or self._row  # its credentials may have been renewed
        return Context(
            whole(runtime.settings, row),
            runtime.settings,
            runtime.clock,
            wanted.terms,
            self._stop_event,
            wanted.queries,
            wanted.mentions_only,
            row.id,
        )


class Listener:
    """All sources that this process hears, and the matcher that they share. `holder` names it in leases.

    SQLite lives on one machine, where a listener that starts takes the place of one that was killed.
    """

    def __init__(self, runtime: Runtime, holder: str | None = None) -> None:
        self.runtime = runtime
        self.holder = holder or ("local" if runtime.db.sqlite else f"{socket.gethostname()}-{os.getpid()}")
        with runtime.db.read() as db:
            self.matcher = BrandMatcher.load(db)
        self._hearing: dict[int, _Hearing] = {}
        self._beat_at: float | None = None

    def look(self) -> None:
        """Follow the database; see the module."""
        retrying = {source_id for source_id, one in self._hearing.items() if one.waiting}
        ended = {source_id for source_id, one in self._hearing.items() if not one.is_alive()}
        with self.runtime.db.read() as db:
            watchlist = Watchlist.read(db)
            rows = {row.id: row for row in db.scalars(select(tables.Source))}
        if watchlist != self.matcher.watchlist:
            self.matcher = BrandMatcher(watchlist)
        mine = self._hold(rows)
        for source_id in ended:  # before the rows were read: they say already why
            del self._hearing[source_id]
        self._follow({source_id: rows[source_id] for source_id in mine})
        for source_id in retrying & self._hearing.keys():
            if source_id in rows and rows[source_id].state == "running":  # somebody said: try again now
                self._hearing[source_id].wake.set()
        self._beat()

    def end(self) -> None:
        """Halt everything, wait for it a while, and let others have the sources at once."""
        for one in self._hearing.values():
            one.halt()
        deadline = self.runtime.clock.monotonic() + STOP_SECONDS
        for one in self._hearing.values():
            one.join(max(0.0, deadline - self.runtime.clock.monotonic()))
        held = update(tables.Source).where(tables.Source.holder == self.holder)
        try:
            with self.runtime.db.write() as db:
                db.execute(held.values(holder=None, held_until=None))
            retire(self.runtime, "listener")
        except Exception:
            log.exception("could not let go of the sources; other processes may have them in %s", LEASE)

    def _hold(self, rows: dict[int, tables.Source]) -> set[int]:
        """Take and renew leases; the ids of sources that this process has to hear. Writes only if it must."""
        now = self.runtime.clock.now()
        wanted = [row for row in rows.values() if row.active and row.state != "paused"]
        left = {row.id: row.held_until - now if row.held_until else timedelta() for row in wanted}
        mine = {row.id for row in wanted if row.holder == self.holder and left[row.id] > LEASE / 2}
        to_take = {row.id for row in wanted if row.holder in (None, self.holder) or left[row.id] < timedelta()} - mine
        switched = any(row.active == (row.state == "off") for row in rows.values())
        if not to_take and not switched:
            return mine
        with self.runtime.db.write() as db:
            _switch(db)
            return mine | self._lease(db, to_take)

    def _lease(self, db: Session, ids: set[int]) -> set[int]:
        row, now = tables.Source, self.runtime.clock.now()
        free = or_(row.holder.is_(None), row.holder == self.holder, row.held_until < now)
        locked = select(row.id).where(row.id.in_(ids), free).order_by(row.id).with_for_update()
        taken = set(db.scalars(locked))
        db.execute(
            update(row).where(row.id.in_(taken)).values(holder=self.holder, held_until=now + LEASE),
            execution_options={"synchronize_session": False},
        )
        return taken

    def _follow(self, rows: dict[int, tables.Source]) -> None:
        """Start and stop threads so that exactly these sources are heard, with their present settings."""
        wishes = self._wishes(rows)
        for source_id, one in self._hearing.items():
            row = rows.get(source_id)
            if row is None or _setting(row, wishes[source_id]) != one.setting:
                one.halt()  # and starts anew, if it should, once it has ended
        for source_id, row in rows.items():
            if source_id not in self._hearing:
                one = self._hearing[source_id] = _Hearing(self, row, _setting(row, wishes[source_id]))
                one.start()

    def _wishes(self, rows: dict[int, tables.Source]) -> dict[int, Wish]:
        """What each source has to ask its platform for, as far as its budget still allows."""
        with self.runtime.db.read() as db:
            levels = {one.id: budget.level(db, one, self.runtime.clock.now()) for one in rows.values()}
            wishes = {level: wish(db, self.matcher, level) for level in set(levels.values())}
        return {source_id: wishes[level] for source_id, level in levels.items()}

    def _beat(self) -> None:
        now = self.runtime.clock.monotonic()
        if self._beat_at is None or now - self._beat_at >= BEAT_SECONDS:
            beat(self.runtime, "listener")
            self._beat_at = now


def listen(runtime: Runtime, stop: threading.Event, look_seconds: float = LOOK_SECONDS) -> None:
    """Hear all active sources until `stop` is set; then end within seconds."""
    listener = Listener(runtime)
    try:
        while not stop.is_set():
            try:
                listener.look()
            except Exception:
                log.exception("could not look for sources; looking again in %s s", look_seconds)
            runtime.clock.wait(stop, look_seconds)
    finally:
        listener.end()


def _setting(row: tables.Source, wanted: Wish) -> _Setting:
    return _Setting(row.kind, row.name, row.brand_id, repr(sorted(row.settings.items())), row.credentials, wanted)


def _switch(db: Session) -> None:
    """The state follows what a person switched."""
    row = tables.Source
    off = (
        update(row)
        .where(~row.active, row.state != "off")
        .values(state="off", reason=None, next_try_at=None, holder=None)
    )
    on = update(row).where(row.active, row.state == "off").values(state="running", failures=0)
    for change in (off, on):
        db.execute(change.execution_options(synchronize_session=False))
