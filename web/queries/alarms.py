"""What needs a person now, wherever they are: stopped sending, sources that stand still, replies that went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from core.roles import Rights
from core.tables import Case, Source, Switch
from listener import budget
from web import words
from web.listening.hearing import URGENCY, Hearing, hearing, key_ends

EXPIRES = timedelta(days=3)
"""So long before a key ends every page says so."""
_MOST = 100


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source for which a person has to do something: `says` what, in the platform's own words where `quote` has any.

    What is only coming is for admins alone (`coming`), of the brand whose source it is.
    """

    source_id: int
    name: str
    says: str
    quote: str = ""
    coming: bool = False
    brand_id: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """How all sources together are doing."""

    light: str
    says: str


@dataclass(frozen=True, slots=True)
class Alarms:
    """`stopped` is the switch that stops sending, if it is on; counts end at 100; no `mark` where nobody listens."""

    stopped: Switch | None
    sources: Sequence[Trouble]
    unsure: int
    failed: int
    mark: Mark | None


def now(db: Session, moment: datetime, rights: Rights) -> Alarms:
    """What needs somebody with these rights at this moment; every part is found by an index or in a small table."""
    stopped = db.get(Switch, "sending")
    light = (defer(Source.cursor), defer(Source.settings), defer(Source.credentials))
    listening = db.scalars(select(Source).where(Source.active).options(*light).order_by(Source.name))
    active = [one for one in listening if rights.sees_source_of(one.brand_id)]
    levels = {one.id: budget.level(db, one, moment) if one.budget else budget.Level.ALL for one in active}
    troubles = [trouble for one in active if (trouble := _trouble(one, levels[one.id], moment))]
    heard = [(one.name, hearing(one, moment, level=levels[one.id])) for one in active]
    return Alarms(
        stopped if stopped and stopped.stopped else None,
        troubles,
        _count(db, "unsure", rights),
        _count(db, "failed", rights),
        _mark(heard),
    )


def _trouble(source: Source, level: budget.Level, moment: datetime) -> Trouble | None:
    if source.state == "paused":
        why = source.reason or "it needs a person"
        return Trouble(source.id, source.name, "is paused:", why, brand_id=source.brand_id)
    if level == budget.Level.NOTHING:
        until = words.day(budget.next_month(moment))
        says = f"has used up its budget: nothing is read until {until}."
        return Trouble(source.id, source.name, says, brand_id=source.brand_id)
    ends = key_ends(source)
    if ends and ends - moment <= EXPIRES:
        says = f"needs a new key: this one {words.expiry(ends, moment)}."
        return Trouble(source.id, source.name, says, coming=True, brand_id=source.brand_id)
    return None


def _mark(heard: Sequence[tuple[str, Hearing]]) -> Mark | None:
    if not heard:
        return None
    name, worst = min(heard, key=lambda one: URGENCY.index(one[1].light))
    like = sum(one.light == worst.light for _, one in heard)
    if worst.light == "green":
        return Mark("green", "All sources are heard")
    others = f" ({like - 1} more like it)" if like > 1 else ""
    return Mark(worst.light, f"{name}: {worst.says} {worst.quote}".strip() + others)


def _count(db: Session, state: str, rights: Rights) -> int:
    return len(db.scalars(select(Case.id).where(Case.state == state, rights.brands(Case.brand_id)).limit(_MOST)).all())
