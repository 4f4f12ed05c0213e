"""Complaints that nobody sees to: which, why, how old. There is no filter, and nothing that hides one.

What is here: what may be a complaint and lies with nobody; what lies with somebody who is away, or no longer here, or
took it and let it lie; what is snoozed for a long time; a proposed reply that nobody approves; a reply that failed or
may have, which nobody has looked at since; and mentions that could not be made into a case at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from core.roles import Rights
from core.tables import Author, Brand, Case, Mention, SetAside, User
from web.queries.inbox import Rows
from web.queries.seen import seen

PAGE = 200
MOST = 100
"""Where counting for the side bar ends."""

LONG_SNOOZE = timedelta(days=7)
LEFT = timedelta(days=1)
"""So long after it was taken an overdue case counts as left lying."""

REASONS = {
    "nobody": "nobody has it",
    "away": "its owner is away or no longer here",
    "left": "taken, then left lying",
    "snoozed": "snoozed for a long time",
    "unapproved": "a reply waits for approval",
    "trouble": "a reply went wrong and nobody has looked since",
}
"""Why a case is here, in words."""

AGES = (
    ("In time", None, timedelta(0)),
    ("Up to a day over", timedelta(0), timedelta(days=1)),
    ("Up to a week over", timedelta(days=1), timedelta(days=7)),
    ("Longer", timedelta(days=7), None),
)
"""Groups by how long ago the first reply was due: title, from, to."""

_OPEN = ("new", "drafted", "proposed", "snoozed", "failed", "unsure")
_SNIPPET = 300


@dataclass(frozen=True, slots=True)
class Untouched:
    """One case that nobody sees to. `why` is a key of REASONS."""

    id: int
    why: str
    brand: str
    zone: str
    platform: str
    handle: str
    name: str
    text: str
    owner: str | None
    due_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Stuck:
    """A mention that could not be judged or made into a case, and why."""

    id: int
    platform: str
    text: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ages:
    """How many there are of each of AGES, and the share of the largest that each is."""

    counts: Sequence[int]

    @property
    def bars(self) -> Sequence[tuple[str, int, float]]:
        """Title, count and length (0 to 1) of each bar."""
        most = max(*self.counts, 1)
        return [(title, count, count / most) for (title, _, _), count in zip(AGES, self.counts, strict=True)]


def listed(db: Session, rights: Rights, now: datetime) -> Sequence[Untouched]:
    """Those that were due first, one page and one more."""
    why = _why(now)
    columns = (
        Case.id,
        why.label("why"),
        Brand.name.label("brand"),
        Brand.timezone.label("zone"),
        Mention.platform,
        Author.handle,
        Author.name,
        func.substr(Mention.text, 1, _SNIPPET).label("text"),
        User.name.label("owner"),
        Case.due_at,
        Mention.created_at,
    )
    query = _untouched(select(*columns), rights, now).join(Brand, Brand.id == Case.brand_id)
    query = query.join(Mention, Mention.id == Case.mention_id).join(Author, Author.id == Mention.author_id)
    rows = db.execute(query.order_by(Case.due_at, Case.id).limit(PAGE + 1))
    return [Untouched(**row._mapping) for row in rows]


def ages(db: Session, rights: Rights, now: datetime) -> Ages:
    """How many there are by age."""
    group = case(
        *((_between(now, start, end), number) for number, (_, start, end) in enumerate(AGES[:-1])), else_=len(AGES) - 1
    )
    rows = db.execute(_untouched(select(group, func.count()), rights, now).group_by(group))
    found = {row[0]: row[1] for row in rows}
    return Ages([found.get(number, 0) for number in range(len(AGES))])


def stuck(db: Session, rights: Rights) -> Sequence[Stuck]:
    """Mentions that were set aside, the longest first."""
    columns = (Mention.id, Mention.platform, func.substr(Mention.text, 1, _SNIPPET).label("text"))
    query = _aside(select(*columns, SetAside.reason, SetAside.at), rights)
    return [Stuck(**row._mapping) for row in db.execute(query.order_by(SetAside.at).limit(PAGE))]


def late(db: Session, rights: Rights, now: datetime) -> int:
    """How many are older than their target, and how many are stuck; counting ends at MOST."""
    overdue = _untouched(select(Case.id), rights, now).where(Case.due_at < now).limit(MOST)
    found = len(db.scalars(overdue).all())
    return min(MOST, found + len(db.scalars(_aside(select(SetAside.id), rights).limit(MOST)).all()))


def _untouched(query: Rows, rights: Rights, now: datetime) -> Rows:
    query = query.select_from(Case).outerjoin(User, User.id == Case.owner_id)
    mine = (Case.state.in_(_OPEN), rights.brands(Case.brand_id), Case.kind.in_(("complaint", "other")))
    return query.where(*mine, _why(now).is_not(None))


def _why(now: datetime) -> ColumnElement[Any]:
    """The key of REASONS that is true of a case; NULL where somebody sees to it."""
    held = Case.held_until > now
    waits = and_(Case.state.in_(("new", "drafted")), Case.first_reply_at.is_(None))
    late_now = Case.due_at < now
    unseen = or_(Case.claimed_at.is_(None), Case.claimed_at < Case.changed_at)
    return case(
        (held, None),
        (and_(Case.state.in_(("failed", "unsure")), unseen), "trouble"),
        (and_(Case.state == "proposed", late_now), "unapproved"),
        (
            and_(Case.state == "snoozed", or_(Case.snoozed_until.is_(None), Case.snoozed_until > now + LONG_SNOOZE)),
            "snoozed",
        ),
        (and_(Case.owner_id.is_not(None), or_(User.away, ~User.active), Case.state != "snoozed"), "away"),
        (and_(waits, Case.owner_id.is_(None)), "nobody"),
        (and_(waits, late_now, Case.claimed_at < now - LEFT), "left"),
        else_=None,
    )


def _between(now: datetime, start: timedelta | None, end: timedelta | None) -> ColumnElement[bool]:
    """The condition that a case was due longer ago than `start`, and not longer than `end`."""
    due = Case.due_at
    if end is not None and start is None:
        return or_(due.is_(None), due >= now - end)
    return and_(due < now - (start or timedelta(0)), due >= now - (end or timedelta(0)))


def _aside(query: Rows, rights: Rights) -> Rows:
    query = query.select_from(SetAside).join(Mention, Mention.id == SetAside.subject_id)
    return query.where(SetAside.subject == "mention", Mention.deleted_at.is_(None), seen(rights, Mention.id))
