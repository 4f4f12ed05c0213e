"""What a platform is asked for, where it takes words or queries: the brands' queries, less what the money forbids."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import tables
from listener.budget import Level
from listener.matching import BrandMatcher
from listener.source import Wanted


@dataclass(frozen=True, slots=True)
class Wish:
    """See `Context`: words, whole queries, and whether only what is put to our own accounts is wanted."""

    terms: tuple[str, ...]
    queries: tuple[Wanted, ...]
    mentions_only: bool


def wish(db: Session, matcher: BrandMatcher, level: Level) -> Wish:
    """What to ask for at this level of the budget."""
    query, brand = tables.Query, tables.Brand
    active = select(brand.id, brand.slug, brand.competitor, query.text).join(query).where(query.active)
    found = db.execute(active.order_by(query.id)).all()
    if level >= Level.NO_COMPETITORS:
        found = [one for one in found if not one.competitor]
    brands = {one.id for one in found}
    known = matcher.watchlist.lists
    lists = {one: tuple((name, words) for brand_id, name, words in known if brand_id == one) for one in brands}
    return Wish(
        matcher.terms(brands),
        tuple(Wanted(one.slug, one.text, one.competitor, lists[one.id]) for one in found),
        mentions_only=level >= Level.MENTIONS_ONLY,
    )
