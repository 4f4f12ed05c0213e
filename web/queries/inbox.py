"""Which cases stand in the inbox, in which order, and how many. Quick however many cases are done.

Every list is read state by state along an index and cut after one page; counts end at a limit, since nobody acts
on the difference between 1,000 and 100,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from core.tables import Author, Brand, Case, Mention, User, Verdict
from core.tables.row import UtcDateTime

PAGE = 50
MOST_COUNTED = 1_000
_SNIPPET = 300
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

Rows = Select[*tuple[Any, ...]]
"""A query for rows of any columns."""


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the inbox: the states that belong to it, by urgency or (`recent`) the last changed first."""

    name: str
    title: str
    states: tuple[str, ...]
    recent: bool = False


_DONE = ("sent", "answered_by_hand", "dismissed")
GROUPS = {
    group.name: group
    for group in (
        Group("todo", "To do", ("new", "drafted")),
        Group("trouble", "Failed or unsure", ("unsure", "failed")),
        Group("sending", "Waiting to send", ("approved", "sending")),
        Group("snoozed", "Snoozed", ("snoozed",)),
        Group("done", "Done", _DONE, recent=True),
        Group(
            "all", "All", ("new", "drafted", "unsure", "failed", "approved", "sending", "snoozed", *_DONE), recent=True
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to see. Empty means everything; `owner` is a user's id."""

    group: Group = GROUPS["todo"]
    brand: str = ""
    platform: str = ""
    sentiment: str = ""
    text: str = ""
    owner: int | None = None

    @property
    def narrowed(self) -> bool:
        """Whether anything but the group was chosen."""
        return bool(self.brand or self.platform or self.sentiment or self.text or self.owner)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the inbox."""

    id: int
    version: int
    state: str
    priority: int
    reasons: Sequence[str]
    due_at: datetime | None
    changed_at: datetime
    snoozed_until: datetime | None
    owner_id: int | None
    owner: str | None
    brand: str
    zone: str
    platform: str
    text: str
    deleted: bool
    created_at: datetime
    handle: str
    name: str
    followers: int | None
    sentiment: str | None = None
    complaint: bool | None = None
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the inbox; `next` is where the following page begins, if there is one."""

    rows: Sequence[Listed]
    next: str | None


def page(db: Session, wanted: Wanted, after: str | None = None) -> Page:
    """The page of what is wanted that begins after the row that `after` names."""
    keys = _recent(db, wanted, after) if wanted.group.recent else _urgent(db, wanted, after)
    rows = load(db, [key[-1] for key in keys[:PAGE]])
    return Page(rows, _cursor(keys[PAGE - 1]) if len(keys) > PAGE else None)


def load(db: Session, ids: Sequence[int]) -> list[Listed]:
    """These cases as rows of the inbox, in this order."""
    query = (
        select(
            Case.id,
            Case.version,
            Case.state,
            Case.priority,
            Case.reasons,
            Case.due_at,
            Case.changed_at,
            Case.snoozed_until,
            Case.owner_id,
            User.name.label("owner"),
            Brand.name.label("brand"),
            Brand.timezone.label("zone"),
            Mention.platform,
            func.substr(Mention.text, 1, _SNIPPET).label("text"),
            Mention.deleted_at.is_not(None).label("deleted"),
            Mention.created_at,
            Author.handle,
            Author.name,
            Author.followers,
            Mention.id.label("mention_id"),
        )
        .join(Brand, Brand.id == Case.brand_id)
        .join(Mention, Mention.id == Case.mention_id)
        .join(Author, Author.id == Mention.author_id)
        .outerjoin(User, User.id == Case.owner_id)
        .where(Case.id.in_(ids))
    )
    found = {row.id: dict(row._mapping) for row in db.execute(query)}
    verdicts = _verdicts(db, [row["mention_id"] for row in found.values()])
    return [_listed(found[one], verdicts) for one in ids if one in found]


def counts(db: Session) -> dict[str, int]:
    """How many cases are in each group that somebody has to act on; counting ends at MOST_COUNTED."""
    return {name: _count(db, group.states) for name, group in GROUPS.items() if not group.recent}


def newer(db: Session, wanted: Wanted, newest: int) -> int:
    """How many wanted cases were opened after the case `newest`."""
    found = [
        one
        for state in wanted.group.states
        for one in db.scalars(_narrowed(select(Case.id), wanted, state).where(Case.id > newest).limit(MOST_COUNTED))
    ]
    return len(found)


def newest(db: Session) -> int:
    """The id of the case that was opened last; 0 before the first."""
    return db.scalar(select(func.max(Case.id))) or 0


def platforms(db: Session) -> list[str]:
    """Every platform that a mention was heard on, each found by one step along the index."""
    found: list[str] = []
    while following := db.scalar(select(func.min(Mention.platform)).where(Mention.platform > (found or [""])[-1])):
        found.append(following)
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """How the cases of a group are spread, by brand slug, platform and sentiment; empty where there are too many."""

    brands: Mapping[str, int]
    platforms: Mapping[str, int]
    sentiments: Mapping[str, int]


def shares(db: Session, group: Group) -> Shares:
    """How the cases of a group are spread, as long as they are few enough to count."""
    some = select(Case.mention_id, Case.brand_id).where(Case.state.in_(group.states)).limit(MOST_COUNTED).subquery()
    if group.recent or (db.scalar(select(func.count()).select_from(some)) or 0) >= MOST_COUNTED:
        return Shares({}, {}, {})
    by_brand = select(Brand.slug, func.count()).join(some, some.c.brand_id == Brand.id).group_by(Brand.slug)
    by_platform = select(Mention.platform, func.count()).join(some, some.c.mention_id == Mention.id)
    by_sentiment = select(Verdict.sentiment, func.count()).join(some, some.c.mention_id == Verdict.mention_id)
    return Shares(
        _pairs(db, by_brand),
        _pairs(db, by_platform.group_by(Mention.platform)),
        _pairs(db, by_sentiment.where(_is_latest()).group_by(Verdict.sentiment)),
    )


def _pairs(db: Session, query: Rows) -> dict[str, int]:
    return {row[0]: row[1] for row in db.execute(query)}


_Key = tuple[Any, ...]
"""What rows are sorted by; its last part is the case's id."""


def _urgent(db: Session, wanted: Wanted, after: str | None) -> list[_Key]:
    """Keys (-priority, due, id) of one page and one more, what is most urgent first."""
    due = func.coalesce(Case.due_at, literal(_NEVER, UtcDateTime)).label("due")
    query = select(Case.priority, due, Case.id)
    if after and (at := _parsed(after)):
        priority, moment, last = at
        later = or_(due > literal(moment, UtcDateTime), and_(due == literal(moment, UtcDateTime), Case.id > last))
        query = query.where(Case.priority <= -priority, or_(Case.priority < -priority, later))
    query = query.order_by(Case.priority.desc(), due, Case.id).limit(PAGE + 1)
    found = [(-row[0], row[1], row[2]) for row in _by_state(db, query, wanted)]
    return sorted(found)[: PAGE + 1]


def _recent(db: Session, wanted: Wanted, after: str | None) -> list[_Key]:
    """Keys (0, changed, id) of one page and one more, what changed last first."""
    query = select(literal(0), Case.changed_at, Case.id)
    if after and (at := _parsed(after)):
        _, moment, last = at
        query = query.where(
            Case.changed_at <= moment, or_(Case.changed_at < moment, and_(Case.changed_at == moment, Case.id < last))
        )
    query = query.order_by(Case.changed_at.desc(), Case.id.desc()).limit(PAGE + 1)
    return sorted((tuple(row) for row in _by_state(db, query, wanted)), reverse=True)[: PAGE + 1]


def _by_state(db: Session, query: Rows, wanted: Wanted) -> Iterable[Any]:
    for state in wanted.group.states:
        yield from db.execute(_narrowed(query, wanted, state))


def _narrowed(query: Rows, wanted: Wanted, state: str) -> Rows:
    query = query.where(Case.state == state)
    if wanted.brand:
        query = query.where(Case.brand_id == select(Brand.id).where(Brand.slug == wanted.brand).scalar_subquery())
    if wanted.owner:
        query = query.where(Case.owner_id == wanted.owner)
    if wanted.sentiment:
        judged = exists().where(
            Verdict.mention_id == Case.mention_id, Verdict.sentiment == wanted.sentiment, _is_latest()
        )
        query = query.where(judged)
    if wanted.platform or wanted.text:
        query = query.join(Mention, Mention.id == Case.mention_id)
    if wanted.platform:
        query = query.where(Mention.platform == wanted.platform)
    if wanted.text:
        query = query.where(*(Mention.text.icontains(word, autoescape=True) for word in wanted.text.split()))
    return query


def _is_latest() -> ColumnElement[bool]:
    """That no later model judged the same mention."""
    other = Verdict.__table__.alias("later")
    return ~exists().where(other.c.mention_id == Verdict.mention_id, other.c.id > Verdict.id)


def _count(db: Session, states: Sequence[str]) -> int:
    some = select(Case.id).where(Case.state.in_(states)).limit(MOST_COUNTED).subquery()
    return db.scalar(select(func.count()).select_from(some)) or 0


def _verdicts(db: Session, mentions: Sequence[int]) -> dict[int, Any]:
    """The latest verdict of each mention."""
    query = select(Verdict.mention_id, Verdict.sentiment, Verdict.complaint).order_by(Verdict.id)
    return {row.mention_id: row for row in db.execute(query.where(Verdict.mention_id.in_(mentions)))}


def _listed(row: dict[str, Any], verdicts: Mapping[int, Any]) -> Listed:
    verdict = verdicts.get(row.pop("mention_id"))
    listed = Listed(**row)
    return replace(listed, sentiment=verdict.sentiment, complaint=verdict.complaint, judged=True) if verdict else listed


def _cursor(key: _Key) -> str:
    return f"{key[0]}_{key[1].isoformat()}_{key[2]}"


def _parsed(after: str) -> tuple[int, datetime, int] | None:
    """A cursor read back; None if somebody made it up."""
    try:
        first, moment, last = after.split("_")
        at = int(first), datetime.fromisoformat(moment).astimezone(UTC), int(last)
    except (ValueError, OverflowError):
        return None
    return at if -100 <= at[0] <= 0 and 0 <= at[2] < 2**31 else None
