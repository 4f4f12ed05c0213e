"""Brands, sources, mentions and pages as these tests need them, with as few words as possible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from core import tables
from core.runtime import Runtime
from core.types import Author, Mention, Page
from listener.collect import Collected, collect
from listener.matching import BrandMatcher

WRITTEN = datetime(2026, 11, 19, 8, tzinfo=UTC)


def post(number: int | str = 1, text: str = "acme lost my parcel", author: str = "ann", **more: Any) -> Mention:
    """A post on x; `more` are other fields."""
    given: dict[str, Any] = {
        "platform": "x",
        "native_id": str(number),
        "author": Author(f"id-{author}", author),
        "text": text,
        "created_at": WRITTEN,
    }
    return Mention(**(given | more))


def brand(runtime: Runtime, slug: str = "acme", *queries: str, own: Sequence[str] = ()) -> int:
    """A brand with these queries (its slug, if none) and own accounts on x; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        row = tables.Brand(slug=slug, name=slug.title(), created_at=now)
        row.queries = [tables.Query(name=text, text=text, created_at=now) for text in queries or (slug,)]
        row.own_accounts = [tables.OwnAccount(platform="x", handle=handle) for handle in own]
        db.add(row)
        db.flush()
        return row.id


def source(runtime: Runtime, kind: str = "x", name: str = "x", **more: Any) -> int:
    """A source's row; its id."""
    with runtime.db.write() as db:
        row = tables.Source(kind=kind, name=name, created_at=runtime.clock.now(), **more)
        db.add(row)
        db.flush()
        return row.id


def store(runtime: Runtime, source_id: int, page: Page | Sequence[Mention]) -> Collected:
    """Collect a page, or these mentions, in a transaction of its own."""
    page = page if isinstance(page, Page) else Page(tuple(page))
    with runtime.db.write() as db:
        matcher = BrandMatcher.load(db)
        return collect(db, runtime.clock, db.get_one(tables.Source, source_id), page, matcher)


def mentions(runtime: Runtime) -> list[tables.Mention]:
    """All rows of mentions, in the order in which they were stored, with their authors."""
    with runtime.db.read() as db:
        rows = list(db.scalars(select(tables.Mention).order_by(tables.Mention.id)))
        for row in rows:
            assert row.author
        return rows


def waiting_for(runtime: Runtime, stage: str) -> list[int]:
    """Ids of what waits for a stage."""
    with runtime.db.read() as db:
        row = tables.Waiting
        return list(db.scalars(select(row.subject_id).where(row.stage == stage).order_by(row.subject_id)))
