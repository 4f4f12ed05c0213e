"""Something that people outside the pages should hear of: said once per occasion, and kept up to date.

Whoever notices it calls `tell` in the transaction that makes it so; the responder's stage `alert` finds out who hears
of it and sends it. Telling the same occasion again changes what is said of it and never makes a second alert.
"""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.db import insert
from core.tables import Alert

KINDS = ("incident", "spread", "breach", "source", "canary", "channel", "digest")
"""What an alert may be about: subject_id is an incident's id, a ripple's, a case's, a source's twice, that of one of
our own channels, a brand's."""

SEVERITIES = ("normal", "high", "urgent")
"""From the least to the most."""

_GROWING = frozenset({"incident", "spread"})

STAGE = "alert"


def tell(
    db: Session,
    clock: Clock,
    kind: str,
    subject_id: int,
    brand_id: int | None,
    severity: str,
    words: str,
    key: str = "",
) -> int:
    """Say it, or bring up to date what was said; gives the alert's id. `words` quote no post."""
    now = clock.now()
    said = {"severity": severity, "words": words, "changed_at": now}
    row = said | {"kind": kind, "subject_id": subject_id, "key": key, "brand_id": brand_id, "at": now}
    statement = insert(db, Alert).values(**row)
    told = statement.on_conflict_do_update(index_elements=["kind", "subject_id", "key"], set_=said)
    alert_id = int(db.scalars(told.returning(Alert.id)).one())
    waiting.add(db, clock, STAGE, [alert_id], lane=lane_of(kind, severity))
    return alert_id


def lane_of(kind: str, severity: str) -> int:
    """The lane in which an alert goes out (core/waiting.py): what grows while nobody knows of it overtakes."""
    return waiting.PRESSING if kind in _GROWING or severity == SEVERITIES[-1] else waiting.USUAL


def taken(db: Session, clock: Clock, kind: str, subject_id: int) -> None:
    """Somebody looks after it: it is not escalated any more."""
    _mark(db, clock, kind, subject_id, taken_at=clock.now())


def closed(db: Session, clock: Clock, kind: str, subject_id: int) -> None:
    """It is over, or was nothing."""
    _mark(db, clock, kind, subject_id, closed_at=clock.now())


def _mark(db: Session, clock: Clock, kind: str, subject_id: int, **values: object) -> None:
    mine = (Alert.kind == kind, Alert.subject_id == subject_id)
    db.execute(update(Alert).where(*mine).values(changed_at=clock.now(), **values))
    waiting.add(db, clock, STAGE, db.scalars(select(Alert.id).where(*mine)).all())
