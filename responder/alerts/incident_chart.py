"""How an incident grew, as an image: all complaints of its brand by hour, those of the incident, and when it began."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import HourCount, Incident, IncidentMention, Mention
from responder.alerts.chart import Drawing, Line, Mark, png

_HOUR = timedelta(hours=1)
_BEFORE, _MOST = 24, 24 * 7
"""Hours that are shown before its first complaint, and at most."""


def image(db: Session, incident: Incident, now: datetime, zone: str) -> bytes:
    """The chart of an incident, as a PNG."""
    return png(drawing(db, incident, now, zone))


def drawing(db: Session, incident: Incident, now: datetime, zone: str) -> Drawing:
    """The same as what is drawn."""
    end = _hour(min(now, (incident.ended_at or now) + _HOUR))
    start = max(_hour(incident.began_at) - _BEFORE * _HOUR, end - (_MOST - 1) * _HOUR)
    times = [start + place * _HOUR for place in range(max(0, int((end - start) / _HOUR)) + 1)]
    all_of = _complaints(db, incident.brand_id, start, end)
    own = _own(db, incident.id, start)
    lines = [Line("in this incident", [float(own[one]) for one in times])]
    if all_of:
        lines.append(Line("all complaints", [float(max(all_of.get(one, 0), own[one])) for one in times]))
    marks = [Mark(incident.began_at, "first complaint")] if incident.began_at >= start else []
    if incident.noticed_at - incident.began_at > _HOUR and start <= incident.noticed_at:
        marks.append(Mark(incident.noticed_at, "noticed"))
    return Drawing(f"Complaints an hour: {incident.name}", times, lines, marks=marks, zone=zone)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _complaints(db: Session, brand_id: int, start: datetime, end: datetime) -> dict[datetime, int]:
    """All complaints of the brand by hour, from the counts."""
    wanted = select(HourCount.hour, HourCount.complaints).where(
        HourCount.brand_id == brand_id, HourCount.dimension == "all", HourCount.hour >= start, HourCount.hour <= end
    )
    return {row.hour: row.complaints for row in db.execute(wanted)}


def _own(db: Session, incident_id: int, start: datetime) -> Counter[datetime]:
    written = select(Mention.created_at).join(IncidentMention, IncidentMention.mention_id == Mention.id)
    written = written.where(IncidentMention.incident_id == incident_id, Mention.created_at >= start)
    return Counter(_hour(moment) for moment in db.scalars(written))
