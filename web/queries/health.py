"""How the service itself is doing: what waits for each stage, who is alive, what was set aside, how much there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.queue import STAGES
from core.tables import Case, Heartbeat, Mention, Reply, SetAside, Switch, Verdict, Waiting

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class StageState:
    """What waits for a stage: how many items are due, since when the oldest is, how many wait for a later time."""

    name: str
    process: str
    due: int
    since: datetime | None
    later: int
    aside: int


@dataclass(frozen=True, slots=True)
class Health:
    """All that the health page shows."""

    stages: Sequence[StageState]
    alive: Sequence[Heartbeat]
    aside: Sequence[SetAside]
    aside_count: int
    mentions: int
    verdicts: int
    cases: int
    sent: int
    sending: Switch | None


def health(db: Session, now: datetime) -> Health:
    """Look at everything; the counts of large tables take a while when there are millions."""
    return Health(
        [_stage(db, name, now) for name in STAGES],
        db.scalars(select(Heartbeat).order_by(Heartbeat.runs, Heartbeat.at.desc())).all(),
        db.scalars(select(SetAside).order_by(SetAside.at.desc()).limit(_SHOWN)).all(),
        _count(db, SetAside),
        _count(db, Mention),
        _count(db, Verdict),
        _count(db, Case),
        db.scalar(select(func.count()).select_from(Reply).where(Reply.sent_at.is_not(None))) or 0,
        db.get(Switch, "sending"),
    )


def _stage(db: Session, name: str, now: datetime) -> StageState:
    mine = Waiting.stage == name
    due, since = db.execute(select(func.count(), func.min(Waiting.due)).where(mine, Waiting.due <= now)).one()
    later = db.scalar(select(func.count()).select_from(Waiting).where(mine, Waiting.due > now)) or 0
    aside = db.scalar(select(func.count()).select_from(SetAside).where(SetAside.stage == name)) or 0
    return StageState(name, STAGES[name].process, due, since, later, aside)


def _count(db: Session, table: type[SetAside] | type[Mention] | type[Verdict] | type[Case]) -> int:
    return db.scalar(select(func.count()).select_from(table)) or 0
