"""What needs a person now, wherever they are: stopped sending, sources that stand still, replies that went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import Case, Source, Switch

_MOST = 100


@dataclass(frozen=True, slots=True)
class Alarms:
    """`stopped` is the switch that stops sending, if it is on; counts end at 100."""

    stopped: Switch | None
    paused: Sequence[Source]
    unsure: int
    failed: int

    def __bool__(self) -> bool:
        """Whether anything needs a person."""
        return bool(self.stopped or self.paused or self.unsure or self.failed)


def now(db: Session) -> Alarms:
    """What needs a person at this moment; every part is found by an index or in a small table."""
    stopped = db.get(Switch, "sending")
    paused = db.scalars(select(Source).where(Source.active, Source.state == "paused").order_by(Source.name)).all()
    return Alarms(stopped if stopped and stopped.stopped else None, paused, _count(db, "unsure"), _count(db, "failed"))


def _count(db: Session, state: str) -> int:
    return len(db.scalars(select(Case.id).where(Case.state == state).limit(_MOST)).all())
