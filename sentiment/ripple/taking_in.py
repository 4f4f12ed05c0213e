"""Which incidents of a brand still take something in by themselves, and what belongs where."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.tables import Incident, IncidentMention, Mention
from listener.chunks import chunks

LIVE = timedelta(hours=48)
"""So long after its last complaint an open incident takes in another, and after it was dismissed that one."""
RECENT = timedelta(days=7)
"""Complaints that were heard later than this make no incident: nobody can do anything about them any more."""
TAIL = timedelta(hours=2)
"""So long after it was ended an incident takes in what still comes."""

Thread = tuple[str, str]
"""A platform, and the native id of what people answer there."""


def live(db: Session, clock: Clock, brand_id: int, written: datetime | None = None) -> list[Incident]:
    """The brand's incidents that still take something in that was `written` then (default: now), the oldest first, as
    they are now."""
    now = clock.now()
    wanted = select(Incident).where(
        Incident.brand_id == brand_id,
        or_(
            and_(Incident.state == "open", Incident.last_at > (written or now) - LIVE),
            and_(Incident.state == "dismissed", Incident.ended_at > now - LIVE),
            and_(Incident.state == "ended", Incident.ended_at > now - TAIL),
        ),
    )
    return list(db.scalars(wanted.order_by(Incident.id).execution_options(populate_existing=True)))


def homes(db: Session, clock: Clock, brand_id: int, incidents: Collection[int]) -> tuple[dict[int, int], set[int]]:
    """To which of these incidents mentions belong, of those that joined lately; and which belong to none of them, and
    must not: to another one, or to none because a person took them out."""
    rows = select(IncidentMention.mention_id, IncidentMention.incident_id).where(
        IncidentMention.brand_id == brand_id, IncidentMention.joined_at > clock.now() - 2 * LIVE
    )
    inside: dict[int, int] = {}
    barred: set[int] = set()
    for mention_id, incident_id in db.execute(rows):
        if incident_id is not None and incident_id in incidents:
            inside[mention_id] = incident_id
        else:
            barred.add(mention_id)
    return inside, barred


def answered(db: Session, threads: Iterable[Thread]) -> dict[Thread, int]:
    """The mentions at which these threads begin, or which are answered there, as far as we have them."""
    wanted: dict[str, set[str]] = {}
    for platform, native_id in threads:
        wanted.setdefault(platform, set()).add(native_id)
    found: dict[Thread, int] = {}
    for platform, ids in wanted.items():
        for part in chunks(sorted(ids)):
            mine = select(Mention.native_id, Mention.id).where(
                Mention.platform == platform, Mention.native_id.in_(part)
            )
            found |= {(platform, row.native_id): row.id for row in db.execute(mine)}
    return found
