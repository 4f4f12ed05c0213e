"""Who writes, where a stream tells only the id of an author: asked for, once, of those whose mentions we hold.

The newest mentions of the source are looked at, so this costs the same however many there are. An id of which the
platform says nothing (the account is gone, or its name does not hold) is not asked for again by this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import tables
from core.runtime import Runtime
from core.types import Author
from listener.source import NamesAuthors

BETWEEN = timedelta(seconds=10)
"""A source is asked at most so often."""
NEWEST = 500
"""Mentions whose authors are looked at."""
REMEMBERED = 10_000


@dataclass(slots=True)
class _Asked:
    """When one source was last asked, and of whom it said nothing."""

    at: datetime | None = None
    unknown: set[str] = field(default_factory=set)


_asked: WeakKeyDictionary[NamesAuthors, _Asked] = WeakKeyDictionary()


def ask(runtime: Runtime, source_id: int, source: NamesAuthors) -> int:
    """Ask for the names of some authors, if it is time; how many are known now that were not."""
    asked, now = _asked.setdefault(source, _Asked()), runtime.clock.now()
    if asked.at and now - asked.at < BETWEEN:
        return 0
    asked.at = now
    with runtime.db.read() as db:
        wanted = [one for one in _nameless(db, source_id) if one not in asked.unknown][: source.author_ids]
    if not wanted:
        return 0
    found = source.authors(wanted)
    asked.unknown |= set(wanted) - found.keys()
    if len(asked.unknown) > REMEMBERED:
        asked.unknown.clear()
    with runtime.db.write() as db:
        _store(db, source.kind, found)
    return len(found)


def _nameless(db: Session, source_id: int) -> list[str]:
    """Ids of the authors of the newest mentions that have no other name, the newest first."""
    mention, author = tables.Mention, tables.Author
    newest = select(mention.author_id).where(mention.source_id == source_id, mention.deleted_at.is_(None))
    ids = list(dict.fromkeys(db.scalars(newest.order_by(mention.id.desc()).limit(NEWEST))))
    rows = select(author.id, author.native_id).where(author.id.in_(ids), author.handle == author.native_id)
    known = dict(db.execute(rows).all())
    return [known[one] for one in ids if one in known]


def _store(db: Session, platform: str, found: Mapping[str, Author]) -> None:
    author = tables.Author
    for native_id, one in sorted(found.items()):
        named = update(author).where(author.platform == platform, author.native_id == native_id)
        values = {"handle": one.handle, "name": one.name, "followers": one.followers}
        db.execute(named.values(values), execution_options={"synchronize_session": False})
