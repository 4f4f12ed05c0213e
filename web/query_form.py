"""A query while a person writes it: can it be read, what does it mean, and what would it have matched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.clock import Clock
from core.tables import Brand, Mention, Query
from listener.query import Post, QuerySyntaxError, explain, matches, parse
from listener.query import Query as Parsed

LOOK_BACK = 1_000
"""The newest mentions that a preview looks through."""
_SHOWN = 8
_LONGEST_NAME = 100
_SAMPLE = Path(__file__).parent / "sample" / "mentions.jsonl"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a query cannot be read. `before`, `at` and `after` are the query, cut at the wrong character."""

    message: str
    before: str
    at: str
    after: str


@dataclass(frozen=True, slots=True)
class Found:
    """A mention that a query would match."""

    text: str
    author: str
    platform: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What can be said of a query before it is saved. `looked` at so many mentions, `hits` of them match."""

    meaning: str = ""
    wrong: Wrong | None = None
    looked: int = 0
    hits: int = 0
    examples: tuple[Found, ...] = ()
    sample: bool = False


def preview(db: Session, text: str) -> Preview:
    """What a query means and what it would match of the newest mentions, or of the sample while there are none."""
    if not text.strip():
        return Preview()
    query = _parsed(text)
    if isinstance(query, Wrong):
        return Preview(wrong=query)
    posts = list(_newest(db))
    tried = posts or _sample()
    hits = [(post, found) for post, found in tried if matches(query, post)]
    examples = tuple(found for _, found in hits[:_SHOWN])
    return Preview(explain(query), None, len(tried), len(hits), examples, sample=not posts)


def add(db: Session, clock: Clock, brand: Brand, name: str, text: str) -> dict[str, str]:
    """Add a query to a brand; gives what is wrong by field, and then adds nothing."""
    name = " ".join(name.split())
    if errors := _errors(db, brand.id, None, name, text):
        return errors
    db.add(Query(brand_id=brand.id, name=name, text=text.strip(), created_at=clock.now()))
    return {}


def change(db: Session, row: Query, name: str, text: str, *, active: bool) -> dict[str, str]:
    """Change a query; gives what is wrong by field, and then changes nothing."""
    name = " ".join(name.split())
    if errors := _errors(db, row.brand_id, row.id, name, text):
        return errors
    row.name, row.text, row.active = name, text.strip(), active
    return {}


def _errors(db: Session, brand_id: int, query_id: int | None, name: str, text: str) -> dict[str, str]:
    errors = {}
    same = select(Query.id).where(Query.brand_id == brand_id, Query.name == name)
    if not name or len(name) > _LONGEST_NAME:
        errors["name"] = f"Give the query a name of at most {_LONGEST_NAME} characters."
    elif db.scalar(same) not in {None, query_id}:
        errors["name"] = "This brand has a query of that name already."
    parsed = _parsed(text) if text.strip() else Wrong("Write at least one word to look for.", "", "", "")
    if isinstance(parsed, Wrong):
        errors["text"] = parsed.message
    return errors


def _parsed(text: str) -> Parsed | Wrong:
    try:
        return parse(text)
    except QuerySyntaxError as error:
        at = min(error.position, len(text))
        return Wrong(error.message, text[:at], text[at : at + 1], text[at + 1 :])


def _newest(db: Session) -> Iterator[tuple[Post, Found]]:
    newest = select(Mention).where(Mention.deleted_at.is_(None)).order_by(Mention.id.desc()).limit(LOOK_BACK)
    for row in db.scalars(newest.options(joinedload(Mention.author), joinedload(Mention.source))):
        source = row.source.name if row.source else None
        yield (
            Post(row.text, row.author.handle, row.lang, row.url, row.platform, source),
            Found(row.text, row.author.handle, row.platform),
        )


@cache
def _sample() -> list[tuple[Post, Found]]:
    lines = map(json.loads, _SAMPLE.read_text(encoding="utf-8").splitlines())
    return [
        (
            Post(line["text"], line["author"], line.get("lang"), line.get("url"), line["platform"]),
            Found(line["text"], line["author"], line["platform"]),
        )
        for line in lines
    ]
