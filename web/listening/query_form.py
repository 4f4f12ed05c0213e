"""A query while a person writes it: can it be read, what does it mean, and what would it have matched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.clock import Clock
from core.roles import EVERYTHING, Rights
from core.tables import Brand, Match, Mention, Query
from listener.matching import lists_of, stored_post
from listener.query import Lists, Post, QuerySyntaxError, explain, matches, parse, too_broad
from listener.query import Query as Parsed
from web.queries.seen import seen

LOOK_BACK = 1_000
"""The newest mentions that a preview looks through."""
ENOUGH = 100
"""Mentions that are not the brand's, from which on they say how much a query would match beside it."""
_SHOWN = 8
_LONGEST_NAME = 100
_SAMPLE = Path(__file__).parent.parent / "sample" / "mentions.jsonl"


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
    """What can be said of a query before it is saved. `looked` at so many mentions, `hits` of them match.

    `broad` says why it would match nearly everything, if it would.
    """

    meaning: str = ""
    broad: str = ""
    wrong: Wrong | None = None
    looked: int = 0
    hits: int = 0
    examples: tuple[Found, ...] = ()
    sample: bool = False


def preview(db: Session, brand: Brand, text: str, rights: Rights, *, own: bool = False) -> Preview:
    """What a query means and what it would match of the newest mentions that somebody with these rights may see.

    While there are none of them, of the sample. With `own` it looks for what it would match among the brand's own.
    """
    if not text.strip():
        return Preview()
    query = _parsed(text, lists_of(db, brand.id))
    if isinstance(query, Wrong):
        return Preview(wrong=query)
    stored = _newest(db, rights, brand.id if own else None)
    tried = [(stored_post(row), Found(row.text, row.author.handle, row.platform)) for row in stored] or _sample()
    hits = [found for post, found in tried if matches(query, post)]
    return Preview(
        meaning=explain(query),
        broad="" if own else _broad(db, brand, query, stored),
        looked=len(tried),
        hits=len(hits),
        examples=tuple(hits[:_SHOWN]),
        sample=not stored,
    )


def add(db: Session, clock: Clock, brand: Brand, name: str, text: str, *, broad_too: bool = False) -> dict[str, str]:
    """Add a query to a brand; gives what is wrong by field, and then adds nothing.

    One that would match nearly everything is added only if the person wants it `broad_too`.
    """
    name = " ".join(name.split())
    if errors := _errors(db, brand, None, name, text, broad_too=broad_too):
        return errors
    db.add(Query(brand_id=brand.id, name=name, text=text.strip(), created_at=clock.now()))
    return {}


def change(db: Session, row: Query, name: str, text: str, *, active: bool, broad_too: bool = False) -> dict[str, str]:
    """Change a query; gives what is wrong by field, and then changes nothing. For `broad_too` see `add`."""
    name = " ".join(name.split())
    broad_too = broad_too or not active or text.strip() == row.text
    if errors := _errors(db, row.brand, row.id, name, text, broad_too=broad_too):
        return errors
    row.name, row.text, row.active = name, text.strip(), active
    return {}


def _errors(
    db: Session, brand: Brand, query_id: int | None, name: str, text: str, *, broad_too: bool
) -> dict[str, str]:
    errors = {}
    same = select(Query.id).where(Query.brand_id == brand.id, Query.name == name)
    if not name or len(name) > _LONGEST_NAME:
        errors["name"] = f"Give the query a name of at most {_LONGEST_NAME} characters."
    elif db.scalar(same) not in {None, query_id}:
        errors["name"] = "This brand has a query of that name already."
    wrong = Wrong("Write at least one word to look for.", "", "", "")
    parsed = _parsed(text, lists_of(db, brand.id)) if text.strip() else wrong
    if isinstance(parsed, Wrong):
        errors["text"] = parsed.message
    elif not broad_too and (broad := _broad(db, brand, parsed, _newest(db, EVERYTHING))):
        errors["text"] = broad
    return errors


def problem(db: Session, brand: Brand, text: str) -> str:
    """Why a query of this brand cannot be read; empty if it can."""
    found = _parsed(text, lists_of(db, brand.id))
    return found.message if isinstance(found, Wrong) else ""


def _parsed(text: str, lists: Lists) -> Parsed | Wrong:
    try:
        return parse(text, lists)
    except QuerySyntaxError as error:
        at = min(error.position, len(text))
        return Wrong(error.message, text[:at], text[at : at + 1], text[at + 1 :])


def _newest(db: Session, rights: Rights, brand_id: int | None = None) -> Sequence[Mention]:
    newest = select(Mention).where(Mention.deleted_at.is_(None), seen(rights, Mention.id))
    if brand_id is not None:
        newest = newest.where(Mention.id.in_(select(Match.mention_id).where(Match.brand_id == brand_id)))
    newest = newest.order_by(Mention.id.desc()).limit(LOOK_BACK)
    return db.scalars(newest.options(joinedload(Mention.author), joinedload(Mention.source))).all()


def _broad(db: Session, brand: Brand, query: Parsed, stored: Sequence[Mention]) -> str:
    """Why it would match nearly everything: by its words, or since it matches most of what is not the brand's."""
    if said := too_broad(query):
        return said
    theirs = select(Match.mention_id).where(Match.brand_id == brand.id)
    own = set(db.scalars(theirs.where(Match.mention_id.in_(row.id for row in stored))))
    others = [stored_post(row) for row in stored if row.id not in own]
    hits = sum(matches(query, post) for post in others)
    if len(others) < ENOUGH or hits <= len(others) / 2:
        return ""
    return f"It matches {hits / len(others):.0%} of the newest mentions of other brands. Add a word that they lack."


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
