"""The process's repliers: one for each source through which replies go out, for as long as its settings stay."""

from __future__ import annotations

import functools
import hashlib
import json
import threading

from sqlalchemy.orm import Session

from core import tables
from core.errors import BadInput, PlatformError
from core.runtime import Runtime
from core.types import Used
from listener import budget
from listener.settings import renew
from listener.source import Addresses, Context, Replier, Uses, kinds, load_replier
from responder.checks.permission import Dealings, Way, dealings


class Repliers:
    """Finds the replier of a reply. Repliers keep sessions with their platforms, so each is made once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._made: dict[int, tuple[str, Replier]] = {}
        self._lock = threading.Lock()

    def find(self, db: Session, via: str, mention: tables.Mention, account: str) -> tuple[int, Replier] | None:
        """The source that sends, and its replier: the mention's own, or another of its kind that sends as `account`.

        None where there is none. Raises BadInput where its settings are no longer good.
        """
        found = [way for way in self._ways(db, mention) if way.kind == via]
        problem: BadInput | None = None
        usable: list[tuple[int, Replier]] = []
        for way in found:
            try:
                usable.append((way.source_id, self._of(way)))
            except BadInput as error:
                problem = problem or error
        if not usable and problem:
            raise problem
        named = [one for one in usable if _account(one[1]) == account]
        return next(iter(named or usable), None)

    def close(self) -> None:
        """Let go of all sockets."""
        with self._lock:
            for _, replier in self._made.values():
                replier.close()
            self._made.clear()

    def _ways(self, db: Session, mention: tables.Mention) -> list[Way]:
        known: Dealings = dealings(db, self._runtime.settings, ())
        source = mention.source
        return known.ways_of(source.id, source.kind) if source else [way for way in known.ways if way.active]

    def _of(self, way: Way) -> Replier:
        kind = load_replier(way.kind)
        if kind is None:
            raise BadInput(f"replies cannot be sent to {way.kind} from here")
        mark = hashlib.sha256(json.dumps([dict(way.settings), way.account], sort_keys=True).encode()).hexdigest()
        with self._lock:
            known = self._made.get(way.source_id)
            if known and known[0] == mark:
                return known[1]
            made = kind(context(self._runtime, way))
            if known:
                known[1].close()
            self._made[way.source_id] = mark, made
            return made


@functools.cache
def repliers_of(runtime: Runtime) -> Repliers:
    """The repliers of this process."""
    return Repliers(runtime)


def as_whom(db: Session, runtime: Runtime, mention: tables.Mention) -> str:
    """As whom a reply to this mention would go out, for the person who approves; empty where nobody knows."""
    try:
        kind = mention.source.kind if mention.source else ""
        found = repliers_of(runtime).find(db, kind, mention, "")
        return found[1].account() if found else ""
    except (BadInput, PlatformError):
        return ""


def addressed(case: tables.Case, text: str) -> str:
    """The text as it has to read so that it reaches whom it answers; unchanged where no text has to, or by hand."""
    source = case.mention.source
    kind = load_replier(source.kind) if source and source.kind in kinds() and case.permission == "api" else None
    handle = case.mention.author.handle
    return kind.addressed(text, handle) if kind and handle and issubclass(kind, Addresses) else text


def unaddressed(via: str, text: str, handle: str) -> str | None:
    """What is wrong with a text on a platform where it has to name whom it answers, if it does not."""
    kind = load_replier(via) if via in kinds() else None
    if kind is None or not issubclass(kind, Addresses) or kind.addressed(text, handle) == text:
        return None
    return f"the text has to name @{handle}: nobody would tell them of it otherwise"


def context(runtime: Runtime, way: Way) -> Context:
    """What a replier of this source is made with."""
    return Context(way.settings, runtime.settings, runtime.clock, source_id=way.source_id, account=way.account)


def settle(db: Session, runtime: Runtime, source_id: int, replier: Replier) -> None:
    """Note what a replier has used: paid units, and credentials that its platform has renewed."""
    used = replier.used() if isinstance(replier, Uses) else Used()
    row = db.get(tables.Source, source_id) if used != Used() else None
    if row is not None:
        budget.spend(db, row, used.spent, runtime.clock.now())
        renew(runtime.settings, row, used.credentials)


def _account(replier: Replier) -> str | None:
    try:
        return replier.account()
    except PlatformError:  # whoever sends asks again, and says what is wrong
        return None
