"""What the pages of incidents show: the list, one with its cases and mentions, its curve, what is learned of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from core.roles import Rights
from core.tables import (
    Author,
    Brand,
    Case,
    CaseMention,
    Incident,
    IncidentEvent,
    IncidentMention,
    Mention,
    Spread,
    User,
)
from responder.desk.states import ANSWERED_STATES, OPEN_STATES
from responder.incidents import incident_cases
from responder.incidents.after_action import Facts, OfCase

SHOWN = 100
"""Incidents of a list, lines of a timeline, and cases and mentions of one, at most."""
LOUDEST = 3
MOST_COUNTED = 100

_SEVERE = {"urgent": 0, "high": 1, "normal": 2}
_STATES = {"open": ("open",), "ended": ("ended", "merged"), "dismissed": ("dismissed",)}
_DONE_STATES = ("dismissed", *ANSWERED_STATES)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list. `lately` are its complaints of the last hour; `resting`: it is snoozed."""

    row: Incident
    brand: Brand
    owner: User | None
    lately: int
    resting: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A mention of an incident, with its case if it has one."""

    mention: Mention
    joined_at: datetime
    by_hand: bool
    likeness: float | None
    case_id: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    """One incident. `mentions` are the newest SHOWN, `cases` the open ones first."""

    row: Incident
    timeline: Sequence[tuple[IncidentEvent, Incident]]
    mentions: Sequence[Member]
    loudest: Sequence[Mention]
    case_ids: Sequence[int]
    case_count: int
    platforms: Sequence[tuple[str, int]]
    times: Sequence[datetime]
    first_reply_at: datetime | None
    into: Incident | None
    merged: Sequence[Incident]
    others: Sequence[Incident]


def listed(db: Session, now: datetime, rights: Rights, state: str) -> Sequence[Listed]:
    """The incidents of a state (a key of _STATES): open ones by severity and speed, others the last changed first."""
    lately = (
        select(func.count())
        .select_from(IncidentMention)
        .join(Mention, Mention.id == IncidentMention.mention_id)
        .where(IncidentMention.incident_id == Incident.id, Mention.created_at > hour_before(now))
        .scalar_subquery()
    )
    wanted = select(Incident, lately).options(joinedload(Incident.brand), joinedload(Incident.owner))
    wanted = wanted.where(rights.brands(Incident.brand_id), Incident.state.in_(_STATES[state]))
    rows = db.execute(wanted.order_by(Incident.changed_at.desc(), Incident.id.desc()).limit(SHOWN)).all()
    found = [Listed(row, row.brand, row.owner, number, resting(row, now)) for row, number in rows]
    if state == "open":
        found.sort(key=lambda one: (one.resting, _SEVERE[one.row.severity], -one.lately, -one.row.mentions))
    return found


def hour_before(now: datetime) -> datetime:
    """From when on a complaint counts as one of the last hour."""
    return datetime.fromtimestamp(now.timestamp() - 3600, now.tzinfo)


def resting(row: Incident, now: datetime) -> bool:
    """Whether it is snoozed at this moment."""
    return row.state == "open" and row.snoozed_until is not None and row.snoozed_until > now


def number_open(db: Session, now: datetime, rights: Rights) -> tuple[int, int]:
    """How many incidents are open and not snoozed, and how many of them are urgent and nobody's; each at most
    MOST_COUNTED."""
    awake = or_(Incident.snoozed_until.is_(None), Incident.snoozed_until <= now)
    mine = (rights.brands(Incident.brand_id), Incident.state == "open", awake)
    rows = db.execute(select(Incident.severity, Incident.owner_id).where(*mine).limit(MOST_COUNTED)).all()
    return len(rows), sum(row.severity == "urgent" and row.owner_id is None for row in rows)


def counts(db: Session, rights: Rights) -> dict[str, int]:
    """How many incidents there are, by the lists in which they stand."""
    seen = select(Incident.state, func.count()).where(rights.brands(Incident.brand_id)).group_by(Incident.state)
    found: dict[str, int] = {row[0]: row[1] for row in db.execute(seen)}
    return {name: sum(found.get(state, 0) for state in states) for name, states in _STATES.items()}


def whole(db: Session, incident_id: int) -> Whole | None:
    """One incident, or None if there is none of this id."""
    loaded = [joinedload(Incident.brand), joinedload(Incident.owner), joinedload(Incident.known_issue)]
    row = db.get(Incident, incident_id, options=loaded)
    if row is None:
        return None
    inside = incident_cases.inside(row.id)
    cases = select(Case.id).where(Case.id.in_(inside))
    open_first = cases.order_by(Case.state.not_in(OPEN_STATES), Case.priority.desc(), Case.id)
    merged = _merged_into(db, row)
    others = select(Incident).where(Incident.brand_id == row.brand_id, Incident.state == "open", Incident.id != row.id)
    return Whole(
        row,
        _timeline(db, row, merged),
        _members(db, row),
        _loudest(db, row),
        db.scalars(open_first.limit(SHOWN)).all(),
        db.scalar(select(func.count()).select_from(inside.subquery())) or 0,
        _platforms(db, row),
        _times(db, row),
        row.first_reply_at or incident_cases.first_reply_at(db, row.id),
        db.get(Incident, row.merged_into) if row.merged_into else None,
        merged,
        db.scalars(others.order_by(Incident.changed_at.desc()).limit(SHOWN)).all(),
    )


def open_of_brand(db: Session, brand_id: int) -> Sequence[Incident]:
    """The open incidents of a brand, the last changed first."""
    mine = select(Incident).where(Incident.brand_id == brand_id, Incident.state == "open")
    return db.scalars(mine.order_by(Incident.changed_at.desc(), Incident.id.desc()).limit(SHOWN)).all()


def facts(db: Session, incident_id: int) -> Facts:
    """What the look back upon an incident is made of."""
    row = db.get_one(Incident, incident_id)
    cases = select(Case.first_reply_at, Case.state, Case.outcome, Mention.created_at).join(
        Mention, Mention.id == Case.mention_id
    )
    rows = db.execute(cases.where(Case.id.in_(incident_cases.inside(row.id)))).all()
    of_cases = [OfCase(one.created_at, one.first_reply_at, one.state in _DONE_STATES, one.outcome) for one in rows]
    return Facts(
        row.name,
        row.brand.name,
        row.severity,
        row.began_at,
        row.could_at,
        row.noticed_at,
        row.taken_at,
        row.first_reply_at or incident_cases.first_reply_at(db, row.id),
        row.peak_at,
        row.peak,
        row.ended_at,
        row.why_ended,
        row.mentions,
        row.authors,
        row.reach,
        row.angry,
        of_cases,
    )


def _merged_into(db: Session, row: Incident) -> Sequence[Incident]:
    """Every incident that became part of this one, or of one that did."""
    found: dict[int, Incident] = {}
    level = [row.id]
    while level:
        parts = db.scalars(select(Incident).where(Incident.merged_into.in_(level)).order_by(Incident.id)).all()
        level = [one.id for one in parts if one.id not in found]
        found |= {one.id: one for one in parts}
    return list(found.values())


def _timeline(db: Session, row: Incident, merged: Sequence[Incident]) -> Sequence[tuple[IncidentEvent, Incident]]:
    """What happened, the newest first, also in those that were merged into it."""
    known = {row.id: row} | {one.id: one for one in merged}
    mine = select(IncidentEvent).where(IncidentEvent.incident_id.in_(known))
    newest = mine.order_by(IncidentEvent.at.desc(), IncidentEvent.id.desc()).limit(SHOWN)
    return [(one, known[one.incident_id]) for one in db.scalars(newest)]


def _members(db: Session, row: Incident) -> Sequence[Member]:
    case_id = (
        select(CaseMention.case_id)
        .join(Case, Case.id == CaseMention.case_id)
        .where(CaseMention.mention_id == Mention.id, Case.brand_id == row.brand_id)
        .scalar_subquery()
    )
    wanted = select(Mention, IncidentMention, case_id).join(IncidentMention, IncidentMention.mention_id == Mention.id)
    mine = wanted.where(IncidentMention.incident_id == row.id).options(joinedload(Mention.author))
    rows = db.execute(mine.order_by(Mention.created_at.desc(), Mention.id.desc()).limit(SHOWN))
    return [Member(mention, member.joined_at, member.by_hand, member.likeness, case) for mention, member, case in rows]


def _loudest(db: Session, row: Incident) -> Sequence[Mention]:
    """The mentions that most people hear of: by how often they are passed on, liked and expected to be, then by their
    authors' followers."""
    spread = select(Spread.expected).where(Spread.mention_id == Mention.id).scalar_subquery()
    heard = 3 * Mention.reposts + Mention.likes + Mention.replies + func.coalesce(spread, 0)
    wanted = select(Mention).join(IncidentMention, IncidentMention.mention_id == Mention.id)
    wanted = wanted.join(Author, Author.id == Mention.author_id).options(joinedload(Mention.author))
    mine = wanted.where(IncidentMention.incident_id == row.id, Mention.deleted_at.is_(None))
    order = (heard.desc(), func.coalesce(Author.followers, 0).desc(), Mention.created_at, Mention.id)
    return db.scalars(mine.order_by(*order).limit(LOUDEST)).all()


def _platforms(db: Session, row: Incident) -> Sequence[tuple[str, int]]:
    """Where its mentions come from, most first."""
    wanted = select(Mention.platform, func.count()).join(IncidentMention, IncidentMention.mention_id == Mention.id)
    mine = wanted.where(IncidentMention.incident_id == row.id).group_by(Mention.platform)
    return [(one[0], one[1]) for one in db.execute(mine.order_by(func.count().desc(), Mention.platform))]


def _times(db: Session, row: Incident) -> Sequence[datetime]:
    """When its mentions were written, oldest first."""
    wanted = select(Mention.created_at).join(IncidentMention, IncidentMention.mention_id == Mention.id)
    return db.scalars(wanted.where(IncidentMention.incident_id == row.id).order_by(Mention.created_at)).all()
