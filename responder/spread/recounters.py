"""The process's own view of sources that can be asked for counts: one of each, for as long as its settings stay.

The listener's process hears; here nobody fetches, so nothing but single requests goes out. Each source is asked at
most once in PAUSE by a process, however many mentions are due: they wait for each other and go together.
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from core import tables
from core.errors import BadInput
from core.runtime import Runtime
from core.types import Recount
from listener.settings import whole
from listener.source import Context, Recounts, Source, load

PAUSE = timedelta(minutes=1)


class Recounters:
    """Asks sources for counts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._made: dict[int, tuple[str, Source]] = {}
        self._free_at: dict[int, datetime] = {}
        self._lock = threading.Lock()

    def free_at(self, source_id: int) -> datetime | None:
        """Until when a source wants to be left alone, if it is not free now."""
        until = self._free_at.get(source_id)
        return until if until and until > self._runtime.clock.now() else None

    def size(self, row: tables.Source) -> int:
        """How many mentions a request to it takes. Raises BadInput and GiveUp where it cannot be asked at all."""
        return self._of(row).recount_ids

    def recount(self, row: tables.Source, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """Ask. Raises BadInput, GiveUp and RetryLater."""
        now = self._runtime.clock.now()
        self._free_at[row.id] = now + PAUSE
        found = self._of(row).recount(posts)
        self._free_at[row.id] = max(now + PAUSE, found.rest_until or now)
        return found

    def leave(self, source_id: int, until: datetime) -> None:
        """Ask it for nothing before then."""
        self._free_at[source_id] = until

    def close(self) -> None:
        """Let go of all sockets."""
        with self._lock:
            for _, source in self._made.values():
                source.close()
            self._made.clear()

    def _of(self, row: tables.Source) -> Recounts:
        mark = json.dumps([row.kind, dict(row.settings), row.credentials, row.account], sort_keys=True)
        mark = hashlib.sha256(mark.encode()).hexdigest()
        with self._lock:
            known = self._made.get(row.id)
            if known is None or known[0] != mark:
                if known:
                    known[1].close()
                known = self._made[row.id] = mark, load(row.kind)(self._context(row))
        source = known[1]
        if not isinstance(source, Recounts):
            raise BadInput(f"{row.kind} cannot be asked how often posts were passed on")
        return source

    def _context(self, row: tables.Source) -> Context:
        runtime = self._runtime
        given = whole(runtime.settings, row)
        return Context(given, runtime.settings, runtime.clock, source_id=row.id, account=row.account)


@functools.cache
def recounters_of(runtime: Runtime) -> Recounters:
    """Those of this process."""
    return Recounters(runtime)
