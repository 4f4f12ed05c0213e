"""How many cases there are of each sort: beside the inbox's filters, and above it when new ones come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from core.roles import Rights
from core.tables import Brand, Case, CaseTag, Mention, Verdict
from web.queries.inbox import GROUPS, Group, Rows, Wanted, is_latest, looked_into
from web.words import MOST_COUNTED

_TAGS = 15


def counts(db: Session, rights: Rights) -> dict[str, int]:
    """How many cases are in each group that somebody has to act on; counting ends at MOST_COUNTED."""
    asked = [_count(group, rights).label(name) for name, group in GROUPS.items() if not group.recent]
    return dict(db.execute(select(*asked)).one()._mapping)


def newer(db: Session, wanted: Wanted, newest: int) -> int:
    """How many wanted cases were opened after the case `newest`; counting ends at MOST_COUNTED."""
    fresh = select(Case.id).where(Case.id > newest, Case.state.in_(wanted.group.states)).order_by(Case.id)
    fresh = fresh.where(*wanted.of_case)
    if wanted.brand:
        fresh = fresh.join(Brand, Brand.id == Case.brand_id).where(Brand.slug == wanted.brand)
    if wanted.owner:
        fresh = fresh.where(Case.owner_id == wanted.owner)
    return len(db.scalars(looked_into(fresh.limit(MOST_COUNTED), Case.mention_id, wanted)).all())


def newest(db: Session) -> int:
    """The id of the case that was opened last; 0 before the first."""
    return db.scalar(select(func.max(Case.id))) or 0


def platforms(db: Session) -> list[str]:
    """Every platform that a mention was heard on, each found by one step along the index."""
    steps = select(func.min(Mention.platform).label("name")).cte("steps", recursive=True)
    following = select(func.min(Mention.platform)).where(Mention.platform > steps.c.name).scalar_subquery()
    steps = steps.union_all(select(following).where(steps.c.name.is_not(None)))
    return list(db.scalars(select(steps.c.name).where(steps.c.name.is_not(None)).order_by(steps.c.name)))


def tags(db: Session, rights: Rights) -> Sequence[str]:
    """The tags that are on most cases of the brands one may see."""
    used = select(CaseTag.tag).join(Case, Case.id == CaseTag.case_id).where(rights.brands(Case.brand_id))
    return db.scalars(used.group_by(CaseTag.tag).order_by(func.count().desc(), CaseTag.tag).limit(_TAGS)).all()


@dataclass(frozen=True, slots=True)
class Shares:
    """How the cases of a group are spread, by brand slug, platform and sentiment; empty where there are too many."""

    brands: Mapping[str, int]
    platforms: Mapping[str, int]
    sentiments: Mapping[str, int]


def shares(db: Session, group: Group, rights: Rights) -> Shares:
    """How the cases of a group are spread, as long as they are few enough to count."""
    mine = select(Case.mention_id, Case.brand_id).where(Case.state.in_(group.states), rights.brands(Case.brand_id))
    some = mine.where(group.kinds).limit(MOST_COUNTED).subquery()
    if group.recent or (db.scalar(select(func.count()).select_from(some)) or 0) >= MOST_COUNTED:
        return Shares({}, {}, {})
    by_brand = select(Brand.slug, func.count()).join(some, some.c.brand_id == Brand.id).group_by(Brand.slug)
    by_platform = select(Mention.platform, func.count()).join(some, some.c.mention_id == Mention.id)
    by_sentiment = select(Verdict.sentiment, func.count()).join(some, some.c.mention_id == Verdict.mention_id)
    return Shares(
        _pairs(db, by_brand),
        _pairs(db, by_platform.group_by(Mention.platform)),
        _pairs(db, by_sentiment.where(is_latest()).group_by(Verdict.sentiment)),
    )


def _pairs(db: Session, query: Rows) -> dict[str, int]:
    return {row[0]: row[1] for row in db.execute(query)}


def _count(group: Group, rights: Rights) -> ScalarSelect[int]:
    mine = select(Case.id).where(Case.state.in_(group.states), group.kinds, rights.brands(Case.brand_id))
    return select(func.count()).select_from(mine.limit(MOST_COUNTED).subquery()).scalar_subquery()
