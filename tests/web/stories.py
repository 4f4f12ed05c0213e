"""Rows for pages to show: brands, mentions, verdicts and cases, as the stages before would have left them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from core import audit
from core.runtime import Runtime
from core.tables import Author, Brand, Case, Draft, Mention, Reply, Source, User, Verdict

_numbers = itertools.count(1)


def add_user(runtime: Runtime, name: str = "Ana", role: str = "agent") -> int:
    """A user whose password nobody knows."""
    with runtime.db.write() as db:
        row = User(name=name, role=role, password_hash="", session_key="key", created_at=runtime.clock.now())
        db.add(row)
        db.flush()
        return row.id


def add_brand(runtime: Runtime, name: str = "Hawkweed", zone: str = "Europe/Berlin") -> str:
    """A brand; gives its slug."""
    slug = name.lower().replace(" ", "-")
    with runtime.db.write() as db:
        if db.scalar(select(Brand.id).where(Brand.slug == slug)) is None:
            db.add(Brand(slug=slug, name=name, timezone=zone, created_at=runtime.clock.now()))
    return slug


def add_source(runtime: Runtime, kind: str = "files", name: str = "import", **values: Any) -> int:
    """A source; gives its id."""
    with runtime.db.write() as db:
        found = db.scalar(select(Source).where(Source.kind == kind, Source.name == name))
        row = found or Source(kind=kind, name=name, created_at=runtime.clock.now())
        for field, value in values.items():
            setattr(row, field, value)
        db.add(row)
        db.flush()
        return row.id


def add_case(
    runtime: Runtime,
    text: str = "My parcel is three weeks late and nobody answers.",
    *,
    brand: str = "Hawkweed",
    author: Mapping[str, Any] | None = None,
    mention: Mapping[str, Any] | None = None,
    verdict: Mapping[str, Any] | None = None,
    drafts: tuple[str, ...] = (),
    reply: Mapping[str, Any] | None = None,
    source: str | None = "files",
    minutes_ago: float = 30,
    **case: Any,
) -> int:
    """A case with its mention, author and verdict; every part can be said otherwise. Gives its id."""
    number, slug = next(_numbers), add_brand(runtime, brand)
    source_id = add_source(runtime, source) if source else None
    now = runtime.clock.now()
    written = now - timedelta(minutes=minutes_ago)
    with runtime.db.write() as db:
        who = {
            "platform": "bluesky",
            "native_id": f"did:{number}",
            "handle": f"author{number}",
            "name": f"Author {number}",
        }
        person = Author(**who | {"followers": 212} | dict(author or {}))
        db.add(person)
        db.flush()
        about = {
            "platform": person.platform,
            "native_id": f"post-{number}",
            "source_id": source_id,
            "author_id": person.id,
            "text": text,
            "url": f"https://bsky.example/post/{number}",
            "created_at": written,
            "heard_at": written,
        }
        post = Mention(**about | dict(mention or {}))
        db.add(post)
        db.flush()
        if verdict is None or verdict:
            db.add(_verdict(post.id, now, verdict or {}))
        values = {
            "mention_id": post.id,
            "brand_id": db.scalar(select(Brand.id).where(Brand.slug == slug)),
            "priority": 50,
            "reasons": ["complaint (93%)"],
            "permission": "api",
            "permission_why": "replies are written to the outbox file",
            "due_at": written + timedelta(minutes=60),
            "opened_at": written,
            "changed_at": written,
        }
        row = Case(**values | case)
        db.add(row)
        db.flush()
        audit.add(db, audit.Entry(row.opened_at, "open", row.id))
        for place, draft in enumerate(drafts):
            db.add(_draft(row.id, place, draft, now))
        if reply is not None:
            db.add(_reply(row.id, number, now, reply))
        return row.id


def _verdict(mention_id: int, now: Any, given: Mapping[str, Any]) -> Verdict:
    values = {
        "mention_id": mention_id,
        "model": "minilm-1",
        "language": "en",
        "sentiment": "negative",
        "scores": {"negative": 0.86, "neutral": 0.11, "positive": 0.03},
        "complaint": True,
        "complaint_score": 0.93,
        "judged_at": now,
    }
    return Verdict(**values | dict(given))


def _draft(case_id: int, place: int, text: str, now: Any) -> Draft:
    unresolved = ["order"] if "{order}" in text else []
    why = "“Late parcel” fits best" if place == 0 else "also fits"
    score = 0.9 - place / 10
    return Draft(
        case_id=case_id, text=text, origin="playbook", why=why, score=score, unresolved=unresolved, created_at=now
    )


def _reply(case_id: int, number: int, now: Any, given: Mapping[str, Any]) -> Reply:
    values = {
        "case_id": case_id,
        "turn": 1,
        "key": f"key-{number}",
        "text": "Sorry! We are looking for it.",
        "account": "the outbox file",
        "via": "files",
        "approved_at": now,
    }
    return Reply(**values | dict(given))


def case_of(runtime: Runtime, case_id: int) -> Case:
    """The case's row as it is now."""
    with runtime.db.read() as db:
        return db.get_one(Case, case_id)
