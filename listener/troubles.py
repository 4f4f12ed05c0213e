"""What people outside the pages should hear of a source: once per outage, and that it is well again.

An outage is told when only a person can end it, or when it has lasted LONG; both are one occasion, which began when the
source was last well. A canary that was lost is an occasion of its own.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts, tables
from core.clock import Clock

LONG = timedelta(minutes=30)
"""A source that has not answered for so long is told of: until then it mends itself often enough."""


def needs_a_person(db: Session, clock: Clock, row: tables.Source) -> None:
    """It is paused until somebody has acted."""
    alerts.tell(db, clock, "source", row.id, row.brand_id, "high", f"{row.name} is paused: {row.reason}", key=_key(row))


def waits(db: Session, clock: Clock, row: tables.Source) -> None:
    """It is tried again by itself; what it does not hear meanwhile is a gap."""
    if row.last_ok_at is not None and clock.now() - row.last_ok_at >= LONG:
        words = f"{row.name} has not answered since {row.last_ok_at:%H:%M} UTC: {row.reason}"
        alerts.tell(db, clock, "source", row.id, row.brand_id, "normal", words, key=_key(row))


def well_again(db: Session, clock: Clock, row: tables.Source) -> None:
    """It has answered."""
    if _open(db, "source", row.id):
        alerts.closed(db, clock, "source", row.id)


def canary_lost(db: Session, clock: Clock, row: tables.Source, canary_id: int, why: str) -> None:
    """A message that we sent to ourselves through it was not heard, so others may not be."""
    alerts.tell(db, clock, "canary", row.id, row.brand_id, "high", f"{row.name}: {why}", key=str(canary_id))


def canary_seen(db: Session, clock: Clock, source_id: int) -> None:
    """One was heard: the way is open."""
    if _open(db, "canary", source_id):
        alerts.closed(db, clock, "canary", source_id)


def is_told(db: Session, source_id: int, canary_id: int) -> bool:
    """Whether people were told that this canary was lost."""
    told = select(tables.Alert.id).where(tables.Alert.kind == "canary", tables.Alert.subject_id == source_id)
    return db.scalar(told.where(tables.Alert.key == str(canary_id))) is not None


def _key(row: tables.Source) -> str:
    return row.last_ok_at.isoformat() if row.last_ok_at else ""


def _open(db: Session, kind: str, source_id: int) -> bool:
    alert = tables.Alert
    mine = select(alert.id).where(alert.kind == kind, alert.subject_id == source_id, alert.closed_at.is_(None))
    return db.scalar(mine.limit(1)) is not None
