"""Incidents as the stages before would have left them: complaints with their cases, joined into one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Case, Incident, IncidentEvent, IncidentMention, User
from sentiment.ripple import membership
from sentiment.ripple.membership import Member
from tests.responder.stories import add_case


def add_cases(runtime: Runtime, number: int = 3, text: str = "checkout refuses my card", **heard: object) -> list[Case]:
    """So many complaints of as many people, each with its case."""
    return [add_case(runtime, f"{text}, try {one}", minutes_ago=number - one, **heard) for one in range(number)]


def add_incident(runtime: Runtime, cases: Sequence[Case], name: str | None = None) -> int:
    """An open incident of these cases' mentions; gives its id."""
    with runtime.db.write() as db:
        members = [Member(one.mention_id, 0.9) for one in cases]
        row = membership.open_incident(db, runtime.clock, cases[0].brand_id, "likeness", members)
        if name:  # as if the first user had given it
            row.name, row.named_by = name, db.scalars(select(User.id).order_by(User.id)).first()
        return row.id


def incident(runtime: Runtime, incident_id: int) -> Incident:
    """The incident as it is now."""
    with runtime.db.read() as db:
        return db.get_one(Incident, incident_id)


def lines(runtime: Runtime, incident_id: int) -> list[str]:
    """Its timeline: who did what."""
    with runtime.db.read() as db:
        mine = select(IncidentEvent).where(IncidentEvent.incident_id == incident_id).order_by(IncidentEvent.id)
        return [f"{one.who} {one.words}".strip() for one in db.scalars(mine)]


def homes(runtime: Runtime, cases: Sequence[Case]) -> list[int | None]:
    """To which incident each of these cases' mentions belongs."""
    with runtime.db.read() as db:
        ids = [one.mention_id for one in cases]
        rows = db.execute(select(IncidentMention.mention_id, IncidentMention.incident_id))
        found = {row[0]: row[1] for row in rows}
        return [found.get(one) for one in ids]
