"""What people say belongs to an incident: putting in and taking out, splitting and merging.

As all verbs (responder/incidents/incidents.py); these also say where mentions belong (sentiment/ripple/membership.py).
The brand is held before any row of an incident is locked, as everybody does who decides that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from core import alerts
from core.clock import Clock
from core.errors import BadInput, Forbidden
from core.tables import Incident, IncidentMention, Match, Ripple
from responder.incidents import incident_cases
from responder.incidents.incident_moves import move, named, note, refusal, told_outside
from sentiment.ripple import membership
from sentiment.ripple.membership import Member


def put_in(
    db: Session, clock: Clock, incident_id: int, version: int, user_id: int, mention_ids: Collection[int]
) -> Incident:
    """These mentions of the brand belong to it, wherever they belonged before."""
    brand_id = held(db, incident_id)
    matched = select(Match.mention_id).where(Match.mention_id.in_(mention_ids), Match.brand_id == brand_id)
    ids = sorted(set(db.scalars(matched)))
    if not ids:
        raise BadInput("mentions: choose mentions of this brand")
    row = move(db, clock, "put_in", incident_id, version, user_id, _mentions(len(ids)), {"mentions": ids})
    before = [one for one in _homes(db, row.brand_id, ids) if one.id != row.id]
    _join(db, clock, row, ids)
    for one in before:
        incident_cases.let_go(db, clock, one, ids, user_id)
    incident_cases.link(db, clock, row, ids, user_id)
    _counted(db, clock, row, *before)
    return row


def take_out(
    db: Session, clock: Clock, incident_id: int, version: int, user_id: int, mention_ids: Collection[int]
) -> Incident:
    """These mentions do not belong to it, and join none by themselves again."""
    held(db, incident_id)
    ids = _members(db, incident_id, mention_ids)
    row = move(db, clock, "take_out", incident_id, version, user_id, _mentions(len(ids)), {"mentions": ids})
    membership.leave(db, clock, row.brand_id, ids, by_hand=True)
    incident_cases.let_go(db, clock, row, ids, user_id)
    _counted(db, clock, row)
    return row


def split(
    db: Session,
    clock: Clock,
    incident_id: int,
    version: int,
    user_id: int,
    mention_ids: Collection[int],
    name: str = "",
) -> int:
    """Make these mentions an incident of their own; gives its id. Without a name its own words name it."""
    held(db, incident_id)
    ids = _members(db, incident_id, mention_ids)
    if (db.scalar(_number_of(incident_id)) or 0) <= len(ids):
        raise BadInput("mentions: leave at least one in the incident that is split")
    row = move(db, clock, "split", incident_id, version, user_id, _mentions(len(ids)), {"mentions": ids})
    members = [Member(one, by_hand=True) for one in ids]
    new = membership.open_incident(db, clock, row.brand_id, "likeness", members)
    if name.strip():
        new.name, new.named_by = named(name), user_id
    new.owner_id, new.taken_at, new.noticed_at = row.owner_id, row.taken_at, row.noticed_at
    note(db, clock, new, "split", user_id, f"from “{row.name}”", detail={"from": row.id})
    incident_cases.let_go(db, clock, row, ids, user_id)
    _counted(db, clock, row, new)
    if new.owner_id is not None:
        alerts.taken(db, clock, "incident", new.id)
    return new.id


def merge(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, other_id: int) -> Incident:
    """Make it part of the other one, which goes on with all mentions; gives the other. This one stays readable."""
    if other_id == incident_id:
        raise BadInput("other: choose another incident")
    held(db, incident_id)
    both = select(Incident).where(Incident.id.in_((incident_id, other_id))).order_by(Incident.id)
    found = {one.id: one for one in db.scalars(both.with_for_update().execution_options(populate_existing=True))}
    other = found.get(other_id)
    if incident_id not in found:
        raise refusal(db, incident_id, version)
    if other is None or other.state != "open" or other.brand_id != found[incident_id].brand_id:
        raise Forbidden("that incident is not open any more; choose another one")
    row = move(
        db, clock, "merge", incident_id, version, user_id, f"“{other.name}”", {"into": other_id},
        merged_into=other_id, ended_at=clock.now(), ended_by=user_id,
    )  # fmt: skip
    row.first_reply_at = incident_cases.first_reply_at(db, row.id)
    incident_cases.drop_drafts(db, row.id)
    for table in (IncidentMention, Ripple):
        mine = update(table).where(table.incident_id == row.id)
        db.execute(mine.values(incident_id=other_id).execution_options(synchronize_session=False))
    other = move(db, clock, "absorb", other_id, None, user_id, f"“{row.name}”", {"from": row.id}, **_joined(row, other))
    incident_cases.hand_over(db, clock, row, other, user_id)
    _counted(db, clock, other)
    alerts.closed(db, clock, "incident", row.id)
    return other


def held(db: Session, incident_id: int) -> int:
    """The incident's brand, of which nobody else decides now what belongs to which incident."""
    brand_id = db.scalar(select(Incident.brand_id).where(Incident.id == incident_id)) or 0
    membership.hold(db, brand_id)
    return brand_id


def _joined(row: Incident, other: Incident) -> dict[str, Any]:
    """What the one that goes on takes from the one that is merged into it."""
    rank = alerts.SEVERITIES.index
    severity = max(row.severity, other.severity, key=rank)
    earliest = [one for one in (row.could_at, other.could_at) if one is not None]
    taken = [one for one in (row.taken_at, other.taken_at) if one is not None]
    values: dict[str, Any] = {
        "severity": severity,
        "reasons": row.reasons if rank(row.severity) > rank(other.severity) else other.reasons,
        "began_at": min(row.began_at, other.began_at),
        "could_at": min(earliest) if earliest else None,
        "noticed_at": min(row.noticed_at, other.noticed_at),
        "last_at": max(row.last_at, other.last_at),
        "owner_id": other.owner_id or row.owner_id,
        "taken_at": min(taken) if taken else None,
    }
    if row.holding and not other.holding:
        values |= {"holding": row.holding, "holding_version": other.holding_version + 1}
    return values


def _homes(db: Session, brand_id: int, ids: Collection[int]) -> Sequence[Incident]:
    """The incidents of the brand that these mentions belong to now."""
    mine = (IncidentMention.mention_id.in_(ids), IncidentMention.brand_id == brand_id)
    homes = select(IncidentMention.incident_id).where(*mine)
    return db.scalars(select(Incident).where(Incident.id.in_(homes)).order_by(Incident.id)).all()


def _number_of(incident_id: int) -> Select[int]:
    return select(func.count()).select_from(IncidentMention).where(IncidentMention.incident_id == incident_id)


def _members(db: Session, incident_id: int, ids: Collection[int]) -> list[int]:
    """Those of these mentions that belong to it. Raises BadInput when none does."""
    mine = (IncidentMention.incident_id == incident_id, IncidentMention.mention_id.in_(ids))
    found = sorted(db.scalars(select(IncidentMention.mention_id).where(*mine)))
    if not found:
        raise BadInput("mentions: tick at least one mention of this incident")
    return found


def _join(db: Session, clock: Clock, row: Incident, ids: Sequence[int]) -> None:
    membership.join(db, clock, row, [Member(one, by_hand=True) for one in ids])


def _counted(db: Session, clock: Clock, *rows: Incident) -> None:
    """Count them anew, give their cases what they should have, and let others know."""
    for row in rows:
        membership.recount(db, clock, row)
        incident_cases.bring_up_to_date(db, clock, row)
        told_outside(db, clock, row)


def _mentions(count: int) -> str:
    return f"{count} {'mention' if count == 1 else 'mentions'}"
