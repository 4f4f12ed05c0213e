"""What the stages before would have left in the database: brands, sources, people, and mentions with a verdict."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from core import waiting
from core.runtime import Runtime
from core.tables import Author, Brand, Case, CaseMention, Match, Mention, OwnAccount, Source, User, Verdict
from core.types import Draft
from responder.desk.open_case import open_cases
from responder.drafts.draft import Answers, Occasion

_numbers = itertools.count(1)

COMPLAINT: dict[str, Any] = {
    "sentiment": "negative",
    "scores": {"negative": 0.9, "neutral": 0.08, "positive": 0.02},
    "complaint": True,
    "complaint_score": 0.94,
}
UNSURE = COMPLAINT | {"complaint": None, "complaint_score": 0.5}
PRAISE = {
    "sentiment": "positive",
    "scores": {"negative": 0.02, "neutral": 0.08, "positive": 0.9},
    "complaint": False,
    "complaint_score": 0.01,
}
CHATTER = {
    "sentiment": "neutral",
    "scores": {"negative": 0.1, "neutral": 0.8, "positive": 0.1},
    "complaint": False,
    "complaint_score": 0.1,
}
UNREAD: dict[str, Any] = {
    "sentiment": "unsupported",
    "scores": {},
    "complaint": None,
    "complaint_score": None,
    "language": "de",
}


class NoDrafts:
    """A drafter that has nothing to suggest."""

    def draft(self, occasions: Sequence[Occasion], answers: Answers) -> list[tuple[Draft, ...]]:
        return [()] * len(occasions)


def add_user(runtime: Runtime, name: str = "Ana", role: str = "agent") -> int:
    with runtime.db.write() as db:
        row = User(name=name, password_hash="", role=role, session_key="", created_at=runtime.clock.now())
        db.add(row)
        db.flush()
        return row.id


def add_brand(runtime: Runtime, slug: str = "hawkweed", own: Sequence[tuple[str, str]] = (), **values: Any) -> int:
    with runtime.db.write() as db:
        row = Brand(slug=slug, name=slug.title(), created_at=runtime.clock.now(), **values)
        row.own_accounts = [OwnAccount(platform=platform, handle=handle) for platform, handle in own]
        db.add(row)
        db.flush()
        return row.id


def hear(
    runtime: Runtime,
    text: str = "my parcel is late",
    verdict: dict[str, Any] | None = None,
    *,
    author: str = "ann",
    followers: int | None = None,
    brand: str = "hawkweed",
    kind: str = "files",
    minutes_ago: float = 0,
    at: datetime | None = None,
    **mention: Any,
) -> int:
    """A mention, judged (a complaint, unless `verdict` says otherwise) and waiting for open_case; gives its id."""
    number, now = next(_numbers), runtime.clock.now()
    written = at or now - timedelta(minutes=minutes_ago)
    with runtime.db.write() as db:
        brand_id = db.scalar(select(Brand.id).where(Brand.slug == brand))
        source = db.scalar(select(Source).where(Source.kind == kind)) or Source(kind=kind, name=kind, created_at=now)
        person = db.scalar(select(Author).where(Author.native_id == f"id-{author}"))
        person = person or Author(platform="bluesky", native_id=f"id-{author}", handle=author, name=author.title())
        person.followers = followers if followers is not None else person.followers
        values = {"platform": "bluesky", "native_id": f"post-{number}", "created_at": written, "heard_at": written}
        row = Mention(**values | {"text": text} | mention, source=source, author=person)
        row.matches = [Match(brand_id=brand_id)] if brand_id else []
        db.add(row)
        db.flush()
        if verdict is None or verdict:
            said = {"model": "fake-1", "language": "en", "judged_at": now} | (verdict or COMPLAINT)
            db.add(Verdict(mention_id=row.id, **said))
        waiting.add(db, runtime.clock, "open_case", [row.id])
        return row.id


def look(runtime: Runtime) -> int:
    """Let open_case look at everything that is due; gives how many mentions it saw."""
    seen = 0
    while now := open_cases(runtime, NoDrafts()):
        seen += now
    return seen


def add_case(runtime: Runtime, text: str = "my parcel is late", **heard: Any) -> Case:
    """A case as open_case opens it, with a brand if there is none yet."""
    with runtime.db.read() as db:
        known = db.scalar(select(Brand.id).where(Brand.slug == heard.get("brand", "hawkweed")))
    if known is None:
        add_brand(runtime, heard.get("brand", "hawkweed"))
    mention_id = hear(runtime, text, **{"author": f"author{next(_numbers)}"} | heard)
    look(runtime)
    with runtime.db.read() as db:
        return db.scalars(select(Case).where(Case.mention_id == mention_id)).one()


def case(runtime: Runtime, case_id: int) -> Case:
    """The case as it is now."""
    with runtime.db.read() as db:
        return db.get_one(Case, case_id)


def all_cases(runtime: Runtime) -> list[Case]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Case).order_by(Case.id)))


def members(runtime: Runtime) -> dict[int, list[int]]:
    """Mention ids per case id."""
    found: dict[int, list[int]] = {}
    with runtime.db.read() as db:
        for row in db.scalars(select(CaseMention).order_by(CaseMention.mention_id)):
            found.setdefault(row.case_id, []).append(row.mention_id)
    return found
