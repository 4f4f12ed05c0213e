"""One page in, rows and cursor out: everything that a page of a source changes, in the caller's one transaction.

    new mentions         stored once per (platform, native id), with author and the brands they match
    known mentions       counts brought up to date (listener/recount.py), another brand's match added
    edited ones          the new text replaces the old, which stays as a version; its verdicts go, and it is judged anew
    deleted ones         forgotten (listener/forget.py), and never stored again
    cursor               moves with all of this or not at all

Own posts and what no query matches are dropped and counted; what own posts tell of our replies is noted first
(listener/confirm.py). Only `as_context` keeps what is nobody's mention: the post that a mention answers, which people
see in its thread and nowhere else.

Several processes may collect the same things at the same time: unique constraints decide who was first, and rows are
touched in the order of their keys so that no two processes wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Table, bindparam, delete, select, update
from sqlalchemy import insert as add
from sqlalchemy.orm import Session

from core import tables, waiting
from core.clock import Clock
from core.db import insert
from core.types import Author, Mention, Page
from listener import budget, canary, copies, gaps, pressing, rates, recount
from listener.chunks import chunks
from listener.clean import clean, short_id
from listener.confirm import confirm
from listener.forget import drop_labels, forget_authors, forget_mentions
from listener.matching import BrandMatcher

log = logging.getLogger(__name__)

LOGGED = 20
"""Rejected items of one page that are logged each; the rest is counted."""

Key = tuple[str, str]
"""(platform, native id)"""
Brands = list[tuple[int, int | None]]
"""(brand id, query id or None)"""


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a page's items. `matched` counts known mentions that turned out to be one more brand's."""

    new: int = 0
    known: int = 0
    matched: int = 0
    edited: int = 0
    deleted: int = 0
    own: int = 0
    unmatched: int = 0
    rejected: int = 0

    @property
    def to_judge(self) -> int:
        """How many mentions wait for the judge because of this page: nudge it, after the commit, if any."""
        return self.new + self.matched + self.edited

    def __add__(self, other: Collected) -> Collected:
        return Collected(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class _Held:
    """What the database holds of a mention."""

    id: int
    text: str
    deleted: bool
    counts: tuple[int, int, int]


def collect(
    db: Session,
    clock: Clock,
    source: tables.Source,
    page: Page,
    matcher: BrandMatcher,
    *,
    as_context: bool = False,
    late: bool = False,
) -> Collected:
    """Store a page of `source`, which is a row of this session; see the module.

    `late`: it comes from an import or is fetched after all, and lets overtake what is heard now (listener/pressing.py).
    """
    now, page = clock.now(), canary.without(db, clock, source, page)
    heard, own = _heard(page, matcher, now)
    confirm(db, clock, own)
    held = _held(db, heard)
    heard = {key: mention for key, mention in heard.items() if key not in held or not held[key].deleted}
    brands = {key: found for key, mention in heard.items() if (found := matcher.brands(mention, source))}
    if as_context and source.brand_id is not None:
        brands = {}  # that the source is the brand's makes what it asked for no mention of the brand
    fresh = {key: heard[key] for key in (heard if as_context else brands) if key not in held}
    authors = _store_authors(db, [heard[key] for key in heard if key in held or key in fresh])
    new = _store_mentions(db, source, fresh, authors, now)

    stored = _held(db, fresh) | {key: one for key, one in held.items() if key in heard}
    matched = _store_matches(db, {stored[key].id: found for key, found in brands.items()})
    known = {key: one for key, one in stored.items() if key not in fresh}
    grown = _update_counts(db, {one.id: (one, heard[key]) for key, one in known.items()})
    changed = {_key(edit) for edit in page.edited} & known.keys()
    edits = [key for key in changed if known[key].text != heard[key].text]
    edited = {known[key].id: heard[key] for key in edits}
    _store_edits(db, clock, edited, {known[key].id: known[key].text for key in edits})
    copies.forget(db, list(edited))
    copies.note(db, [*edited, *(stored[key].id for key in fresh)])
    grown |= _add_reposts(db, source.kind, page.reposts)
    recount.heard(db, clock, grown)
    to_judge = {stored[key].id: heard[key] for key in brands if stored[key].id in matched} | edited
    waiting.add(db, clock, "judge", to_judge, lane=pressing.lanes(db, now, matcher, to_judge, late=late))
    deleted = _forget(db, clock, source.kind, page)
    _store_progress(db, source, page, now, new)
    return Collected(
        new=new,
        known=len(held) + len(fresh) - new,
        matched=len(matched - {stored[key].id for key in fresh}),
        edited=len(edited),
        deleted=deleted,
        own=len(own),
        unmatched=len(heard.keys() - stored.keys()),
        rejected=len(page.rejected),
    )


def _key(mention: Mention) -> Key:
    return mention.platform, mention.native_id


def _heard(page: Page, matcher: BrandMatcher, now: datetime) -> tuple[dict[Key, Mention], list[Mention]]:
    """What the page says, each once and in its last version, in the order of the keys; and the posts that are own."""
    cleaned = (clean(mention, now) for mention in (*page.mentions, *page.edited))
    last = {_key(mention): mention for mention in cleaned}
    own = {key: last[key] for key in sorted(last) if matcher.is_own(last[key])}
    return {key: last[key] for key in sorted(last) if key not in own}, list(own.values())


def _per_platform(keys: Iterable[Key]) -> Iterable[tuple[str, Sequence[str]]]:
    """Native ids per platform, in chunks."""
    platforms: dict[str, list[str]] = {}
    for platform, native_id in keys:
        platforms.setdefault(platform, []).append(native_id)
    return ((platform, part) for platform, ids in platforms.items() for part in chunks(ids))


def _held(db: Session, keys: Iterable[Key]) -> dict[Key, _Held]:
    row = tables.Mention
    columns = select(row.native_id, row.id, row.text, row.deleted_at, row.likes, row.reposts, row.replies)
    return {
        (platform, found.native_id): _Held(
            found.id, found.text, found.deleted_at is not None, (found.likes, found.reposts, found.replies)
        )
        for platform, ids in _per_platform(keys)
        for found in db.execute(columns.where(row.platform == platform, row.native_id.in_(ids)))
    }


def _insert(db: Session, row: type[tables.Row], rows: Sequence[Mapping[str, object]]) -> int:
    """Store what nobody has stored yet; how many rows that were.

    One row per execution, prepared and pipelined: with psycopg four times as fast as one statement with thousands
    of parameters. That is why ids are asked for afterwards.
    """
    if not rows:
        return 0
    statement = insert(db, row).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return cast("CursorResult[Any]", db.connection().execute(statement, rows)).rowcount


def _store_authors(db: Session, mentions: Collection[Mention]) -> dict[Key, int]:
    """The ids of all authors, who are stored or brought up to date; by platform and native id."""
    wanted = {(mention.platform, mention.author.native_id): mention.author for mention in mentions}
    ids = _update_authors(db, wanted)
    unknown = {key: wanted[key] for key in sorted(wanted.keys() - ids.keys())}
    rows = [
        {"platform": key[0], "native_id": key[1], "handle": one.handle, "name": one.name, "followers": one.followers}
        for key, one in unknown.items()
    ]
    _insert(db, tables.Author, rows)
    return ids | _update_authors(db, unknown)


def _update_authors(db: Session, wanted: Mapping[Key, Author]) -> dict[Key, int]:
    """Bring the authors up to date that are stored already; their ids. A name or number not given stays as it was."""
    row, ids, changes = tables.Author, dict[Key, int](), dict[int, dict[str, object]]()
    columns = select(row.native_id, row.id, row.handle, row.name, row.followers)
    for platform, native_ids in _per_platform(wanted):
        for found in db.execute(columns.where(row.platform == platform, row.native_id.in_(native_ids))):
            key = (platform, found.native_id)
            ids[key], one = found.id, wanted[key]
            followers = found.followers if one.followers is None else one.followers
            handle = "" if one.handle == found.native_id else one.handle  # who says only the id knows no handle
            after = (handle or found.handle, one.name or found.name, followers)
            if after != (found.handle, found.name, found.followers):
                changes[found.id] = {"id": found.id, "handle": after[0], "name": after[1], "followers": after[2]}
    if changes:
        db.execute(update(row), [changes[author_id] for author_id in sorted(changes)])
    return ids


def _store_mentions(
    db: Session, source: tables.Source, fresh: Mapping[Key, Mention], authors: Mapping[Key, int], now: datetime
) -> int:
    """Store those that nobody else has stored meanwhile; how many."""
    threads = _threads(db, fresh)
    rows = [
        {
            "platform": one.platform,
            "native_id": one.native_id,
            "source_id": source.id,
            "author_id": authors[one.platform, one.author.native_id],
            "text": one.text,
            "url": one.url,
            "kind": one.kind,
            "reply_to": one.reply_to,
            "conversation": threads[key],
            "lang": one.lang,
            "likes": one.likes,
            "reposts": one.reposts,
            "replies": one.replies,
            "extra": dict(one.extra),
            "created_at": one.created_at,
            "heard_at": now,
            "checked_at": now,
        }
        for key, one in fresh.items()
    ]
    return _insert(db, tables.Mention, rows)


def _threads(db: Session, fresh: Mapping[Key, Mention]) -> dict[Key, str]:
    """The thread of each mention: as the platform says, else its parent's, else the parent, else itself."""
    parents = {(one.platform, one.reply_to) for one in fresh.values() if one.reply_to and not one.conversation}
    threads, row = dict[Key, str](), tables.Mention
    columns = select(row.native_id, row.conversation)
    for platform, ids in _per_platform(sorted(parents - fresh.keys())):
        for parent in db.execute(columns.where(row.platform == platform, row.native_id.in_(ids))):
            threads[platform, parent.native_id] = parent.conversation or parent.native_id
    for key, one in sorted(fresh.items(), key=lambda item: item[1].created_at):
        above = threads.get((one.platform, one.reply_to), one.reply_to) if one.reply_to else None
        threads[key] = one.conversation or above or one.native_id
    return threads


def _store_matches(db: Session, brands: Mapping[int, Brands]) -> set[int]:
    """Note whose the mentions are; the ids of those for which that is news."""
    row, stored = tables.Match, set[tuple[int, int]]()
    for ids in chunks(sorted(brands)):
        found = db.execute(select(row.mention_id, row.brand_id).where(row.mention_id.in_(ids)))
        stored.update((one.mention_id, one.brand_id) for one in found)
    rows: list[dict[str, Any]] = [
        {"mention_id": mention_id, "brand_id": brand_id, "query_id": query_id}
        for mention_id, theirs in sorted(brands.items())
        for brand_id, query_id in theirs
        if (mention_id, brand_id) not in stored
    ]
    _insert(db, row, rows)
    return {one["mention_id"] for one in rows}


def _update_counts(db: Session, known: Mapping[int, tuple[_Held, Mention]]) -> set[int]:
    """Zero means that the platform did not say. Gives the ids of those that changed."""
    changes = list[dict[str, int]]()
    for mention_id, (held, mention) in sorted(known.items()):
        given = (mention.likes, mention.reposts, mention.replies)
        after = tuple(new or old for new, old in zip(given, held.counts, strict=True))
        if after != held.counts:
            changes.append({"id": mention_id, "likes": after[0], "reposts": after[1], "replies": after[2]})
    if changes:
        db.execute(update(tables.Mention), changes)
    return {one["id"] for one in changes}


def _store_edits(db: Session, clock: Clock, edited: Mapping[int, Mention], before: Mapping[int, str]) -> None:
    """Replace texts, and keep how they read `before`.

    Verdicts and corrections were about other words: they go, after a judge at work has finished.
    """
    changes = [
        {"id": mention_id, "text": one.text, "lang": one.lang, "extra": dict(one.extra), "edited_at": clock.now()}
        for mention_id, one in sorted(edited.items())
    ]
    if not changes:
        return
    db.execute(update(tables.Mention), changes)
    versions = [{"mention_id": one, "text": before[one], "until": clock.now()} for one in sorted(edited)]
    db.execute(add(tables.MentionVersion), versions)
    waiting.add(db, clock, "judge", edited)
    for ids in chunks(sorted(edited)):
        db.execute(delete(tables.Verdict).where(tables.Verdict.mention_id.in_(ids)))
        drop_labels(db, ids)
        aside = tables.SetAside
        db.execute(delete(aside).where(aside.stage == "judge", aside.subject == "mention", aside.subject_id.in_(ids)))


def _add_reposts(db: Session, platform: str, reposts: Mapping[str, int]) -> set[int]:
    """Count them on what we hold; the ids of that."""
    row, grown = tables.Mention, set[int]()
    counts = {short_id(native_id): number for native_id, number in reposts.items()}
    more = (
        update(cast("Table", row.__table__))
        .where(row.id == bindparam("one"))
        .values(reposts=row.reposts + bindparam("more"))
    )
    for ids in chunks(sorted(counts)):
        wanted = select(row.id, row.native_id).where(row.platform == platform, row.native_id.in_(ids))
        found = db.execute(wanted.where(row.deleted_at.is_(None)).order_by(row.id)).all()
        if found:
            db.connection().execute(more, [{"one": one.id, "more": counts[one.native_id]} for one in found])
            grown |= {one.id for one in found}
    return grown


def _forget(db: Session, clock: Clock, platform: str, page: Page) -> int:
    """Empty what the platform says is gone, mentions and authors; how many mentions that were."""
    mention, author = tables.Mention, tables.Author
    gone: list[int] = []
    for ids in chunks(sorted(map(short_id, page.deleted))):
        wanted = select(mention.id).where(mention.platform == platform, mention.native_id.in_(ids))
        gone += db.scalars(wanted.where(mention.deleted_at.is_(None)))
    count = forget_mentions(db, clock, gone, asked_at=page.deleted_since)
    authors: list[int] = []
    for ids in chunks(sorted(map(short_id, page.deleted_authors))):
        authors += db.scalars(select(author.id).where(author.platform == platform, author.native_id.in_(ids)))
    return count + forget_authors(db, clock, authors, asked_at=page.deleted_since)


def _store_progress(db: Session, source: tables.Source, page: Page, now: datetime, new: int) -> None:
    """Move the cursor, count what came, what it cost and what could not be read, note gaps."""
    if page.cursor is not None:
        source.cursor = page.cursor
    came = len(page.mentions) + len(page.edited) + len(page.deleted) + len(page.reposts)
    events = dict(page.events) or {"posts": came}
    if any(events.values()):
        source.last_event_at = now
        rates.record(db, source.id, now, {name: number for name, number in events.items() if number}, new)
    if page.events:
        last = {name: now.isoformat() for name, number in page.events.items() if number}
        source.last_events = {name: now.isoformat() for name in page.events} | dict(source.last_events) | last
    budget.spend(db, source, page.spent, now)
    for rejected in page.rejected[:LOGGED]:
        log.warning("%s %r: %s: %s", source.kind, source.name, rejected.where, rejected.reason)
    source.rejected += len(page.rejected)
    for gap in page.gaps:
        gaps.note(db, source.id, gap, lost=True)
    db.flush()
