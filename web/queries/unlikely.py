"""Mentions that are probably not about their brand: what would have opened a case and was kept apart instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core.roles import Rights
from core.tables import Author, Brand, CaseMention, Mention, Relevance
from sentiment.relevance import UNLIKELY
from web.queries.inbox import Rows
from web.words import MOST_COUNTED

PAGE = 50


@dataclass(frozen=True, slots=True)
class Unlikely:
    """One of them, as it is listed. `id` is the mention's."""

    id: int
    brand_id: int
    brand: str
    zone: str
    platform: str
    handle: str
    name: str
    text: str
    url: str | None
    created_at: datetime
    score: float


def listed(db: Session, rights: Rights, before: int | None = None) -> Sequence[Unlikely]:
    """The newest of the brands one may see, or the newest that were heard before the mention `before`: one page and
    one more."""
    columns = (
        Mention.id,
        Relevance.brand_id,
        Brand.name.label("brand"),
        Brand.timezone.label("zone"),
        Mention.platform,
        Author.handle,
        Author.name,
        Mention.text,
        Mention.url,
        Mention.created_at,
        Relevance.score,
    )
    query = _apart(select(*columns)).join(Author, Author.id == Mention.author_id)
    query = query.join(Brand, Brand.id == Relevance.brand_id).where(rights.brands(Relevance.brand_id))
    if before:
        query = query.where(Mention.id < before)
    rows = db.execute(query.order_by(Mention.id.desc(), Relevance.brand_id).limit(PAGE + 1))
    return [Unlikely(**row._mapping) for row in rows]


def count(db: Session, rights: Rights) -> int:
    """How many there are of the brands one may see; counting ends at MOST_COUNTED."""
    some = _apart(select(Relevance.id)).where(rights.brands(Relevance.brand_id)).limit(MOST_COUNTED).subquery()
    return db.scalar(select(func.count()).select_from(some)) or 0


def is_listed(db: Session, mention_id: int, brand_id: int, *, said: bool = False) -> bool:
    """Whether this mention of a brand is among them; or was (`said`) until somebody said that it is not about it."""
    rows = _apart(select(Relevance.id), said=said)
    return db.scalar(rows.where(Relevance.mention_id == mention_id, Relevance.brand_id == brand_id)) is not None


def _apart(query: Rows, *, said: bool = False) -> Rows:
    in_case = exists().where(CaseMention.mention_id == Relevance.mention_id)
    query = query.select_from(Relevance).join(Mention, Mention.id == Relevance.mention_id)
    about_us = Relevance.about_us.is_(False) if said else Relevance.about_us.is_(None)
    return query.where(Relevance.score < UNLIKELY, about_us, Mention.deleted_at.is_(None), ~in_case)
