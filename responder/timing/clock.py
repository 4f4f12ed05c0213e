"""The clock of a case: when a first reply and a resolution are due, who is told before and when the time is up.

Both are counted from the author's word in the brand's open time (responder/timing/sla.py), by how severe the case is.
The first stops with our reply, the second when the case is done; a snooze stops neither. The author's next word after
our reply begins both anew. One alarm is given when most of a time is gone (WARNED), one when it is up.

The stage `clock` waits for the next such moment of every open case. Alarms are rows (tables.Notification), written in
the transaction that notes on the case that they were given: a process that dies in between gives them once, not twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from core import alerts, waiting
from core.clock import Clock
from core.roles import holds
from core.runtime import Runtime
from core.tables import Case, TeamMember, User
from responder.desk.notifications import tell
from responder.timing.sla import OpenHours

STAGE, FOLLOW_UP = "clock", "follow_up"
BATCH = 40
"""Cases per transaction: few, since each is told of to several people, and nobody else writes meanwhile."""

SEVERITIES = ("urgent", "high", "normal")
WARNED = 0.75
"""The share of a time that is gone when its owner is warned."""

NEWS = timedelta(days=1)
"""An alarm that comes later than this is none: what is imported from last year is on the black-hole list instead."""

ANSWERED = frozenset({"sent", "answered_by_hand"})
DONE = ANSWERED | {"dismissed"}
"""States in which nothing is due."""

_TARGETS = {"first": "The first reply", "resolve": "A solution"}


class Timed(Protocol):
    """What of a brand says when something is due: its row, or BrandRules."""

    @property
    def timezone(self) -> str:
        """Name of the time zone."""
        ...

    @property
    def hours(self) -> Mapping[str, Any]:
        """See Brand."""
        ...

    @property
    def holidays(self) -> Mapping[str, Any]:
        """See Brand."""
        ...

    @property
    def targets(self) -> Mapping[str, Any]:
        """See Brand."""
        ...

    @property
    def first_reply_minutes(self) -> int:
        """Minutes of open time."""
        ...

    @property
    def urgent_reply_minutes(self) -> int:
        """Minutes of open time."""
        ...


@dataclass(frozen=True, slots=True)
class Times:
    """When a case has to be answered and solved, and when most of the time until then is gone. None: no such target."""

    due_at: datetime
    warn_at: datetime
    resolve_due_at: datetime | None = None
    resolve_warn_at: datetime | None = None

    def stored(self) -> dict[str, datetime | None]:
        """As columns of a case."""
        return {name: getattr(self, name) for name in self.__slots__}

    def sooner(self, other: Times) -> Times:
        """Of each of both times the earlier."""
        first = self if self.due_at <= other.due_at else other
        solved = [one for one in (self, other) if one.resolve_due_at]
        last = min(solved, key=lambda one: (one.resolve_due_at, one.resolve_warn_at), default=self)
        return Times(first.due_at, first.warn_at, last.resolve_due_at, last.resolve_warn_at)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to tell at a moment: `kind` is due (soon) or breach, `target` first or resolve, due at `due_at`."""

    at: datetime
    kind: str
    target: str
    due_at: datetime


def minutes_of(brand: Timed, severity: str, target: str) -> int | None:
    """A brand's target ("first" or "resolve") in minutes of open time; None where it has none."""
    given = (brand.targets.get(severity) or {}).get(target)
    if given is not None:
        return int(given)
    if target == "resolve":
        return None
    return brand.urgent_reply_minutes if severity == "urgent" else brand.first_reply_minutes


def times(brand: Timed, severity: str, since: datetime) -> Times:
    """When a case is due that its author wrote `since`. Raises BadInput when the brand's hours cannot be read."""
    hours = OpenHours.read(brand.hours, brand.timezone, brand.holidays)
    first, solved = minutes_of(brand, severity, "first") or 0, minutes_of(brand, severity, "resolve")
    found = Times(hours.after(since, first), hours.after(since, first * WARNED))
    if solved is None:
        return found
    return Times(found.due_at, found.warn_at, hours.after(since, solved), hours.after(since, solved * WARNED))


def to_tell(row: Case) -> list[Alarm]:
    """The alarms of a case that have not been given and still mean something, the earliest first."""
    alarms: list[Alarm] = []
    if row.state in DONE:
        return alarms
    if row.due_at and row.first_reply_at is None:
        alarms += _alarms("first", row.warn_at, row.due_at)
    if row.resolve_due_at and row.resolved_at is None:
        alarms += _alarms("resolve", row.resolve_warn_at, row.resolve_due_at)
    return sorted((one for one in alarms if not _told(row, one)), key=lambda one: one.at)


def watch(db: Session, clock: Clock, rows: Iterable[Case]) -> None:
    """Let the stage wait for the next alarm of each of these cases, and for none where none is left."""
    moments: dict[datetime, list[int]] = {}
    ids: list[int] = []
    for row in rows:
        ids.append(row.id)
        news = [one.at for one in to_tell(row) if one.at > clock.now() - NEWS]
        if news:
            moments.setdefault(news[0], []).append(row.id)
    waiting.done(db, STAGE, ids)
    for moment, some in moments.items():
        waiting.add(db, clock, STAGE, some, moment)


def work(runtime: Runtime) -> int:
    """Give the alarms that are due; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    with runtime.db.write() as db:
        return give_alarms(db, runtime.clock)


def give_alarms(db: Session, clock: Clock, limit: int = BATCH) -> int:
    """Give the alarms of at most so many cases; gives how many cases it saw. Cases that others hold wait on."""
    ids = waiting.take(db, clock, STAGE, limit)
    found = select(Case).options(joinedload(Case.brand)).where(Case.id.in_(ids))
    rows = db.scalars(found.with_for_update(of=Case, skip_locked=True)).all()
    for row in rows:
        due = [one for one in to_tell(row) if one.at <= clock.now()]
        for alarm in _worth_telling(due, clock.now()):
            words, key = _words(row, alarm), _key(alarm)
            tell(db, clock, _listeners(db, row, alarm), row.id, alarm.kind, words, key=key)
            severity = row.severity if alarm.kind == "breach" else "normal"
            alerts.tell(db, clock, "breach", row.id, row.brand_id, severity, words, key=f"{alarm.kind} {key}")
        for alarm in due:
            _note(row, alarm, clock.now())
    db.flush()
    watch(db, clock, rows)
    seen = {row.id for row in rows}
    gone = [one for one in ids if one not in seen and db.get(Case, one) is None]
    waiting.done(db, STAGE, gone)
    return len(seen) + len(gone)


def values_of(verb: str, states: Iterable[str], now: datetime) -> dict[str, Any]:
    """What a move (states.TRANSITIONS) that leads to these states does to the clock, as columns of the case."""
    ends = set(states)
    if ends <= ANSWERED:
        return {"first_reply_at": func.coalesce(Case.first_reply_at, now), "resolved_at": now}
    if ends == {"dismissed"}:
        return {"resolved_at": func.coalesce(Case.resolved_at, now)}
    if verb == "reopen":  # what a person said of an answer of theirs is taken back with it
        first = case((Case.state == "answered_by_hand", None), else_=Case.first_reply_at)
        return {"resolved_at": None, "first_reply_at": first}
    return {}


def moved(db: Session, clock: Clock, verb: str, row: Case) -> None:
    """What follows when a case was answered or came back, in the transaction of the move."""
    if row.state in DONE:
        alerts.closed(db, clock, "breach", row.id)
    if verb == "reopen":
        watch(db, clock, [row])
    elif row.state in ANSWERED and verb not in ("hear", "mention_gone"):
        _plan_follow_up(db, clock, row)


def _plan_follow_up(db: Session, clock: Clock, row: Case) -> None:
    """Once per complaint: the answer to the question whether all is well is not followed by another question."""
    hours = row.brand.follow_up_hours
    if hours is None or row.kind != "complaint" or row.follow_up_at is not None:
        return
    due = (row.resolved_at or clock.now()) + timedelta(hours=hours)
    if due < clock.now():  # somebody answered there, and we hear of it too late to ask
        return
    row.follow_up_at = due
    db.flush()
    waiting.done(db, FOLLOW_UP, [row.id])
    waiting.add(db, clock, FOLLOW_UP, [row.id], row.follow_up_at)


def _alarms(target: str, warn_at: datetime | None, due_at: datetime) -> list[Alarm]:
    up = Alarm(due_at, "breach", target, due_at)
    return [Alarm(warn_at, "due", target, due_at), up] if warn_at and warn_at < due_at else [up]


def _told(row: Case, alarm: Alarm) -> bool:
    last = row.warned_at if alarm.kind == "due" else row.breached_at
    return last is not None and last >= alarm.at


def _note(row: Case, alarm: Alarm, now: datetime) -> None:
    if alarm.kind == "due":
        row.warned_at = now
    else:
        row.breached_at = now


def _worth_telling(due: Sequence[Alarm], now: datetime) -> list[Alarm]:
    """Without what is no news any more, and without warnings of what has happened meanwhile."""
    up = {one.target for one in due if one.kind == "breach"}
    return [one for one in due if one.at > now - NEWS and not (one.kind == "due" and one.target in up)]


def _key(alarm: Alarm) -> str:
    return f"{alarm.target} {alarm.due_at.isoformat()}"


def _words(row: Case, alarm: Alarm) -> str:
    """What is told; nothing of the post, since this is kept when the post is forgotten."""
    local = alarm.due_at.astimezone(ZoneInfo(row.brand.timezone))
    when = f"{local:%H:%M} {local:%Z} on {local.day} {local:%b}"
    if alarm.kind == "due":
        return f"{_TARGETS[alarm.target]} in case {row.id} is due at {when}"
    return f"{_TARGETS[alarm.target]} in case {row.id} was due at {when}"


def _listeners(db: Session, row: Case, alarm: Alarm) -> set[int]:
    """The owner, or their team, or who approves for the brand; when the time is up, the latter as well."""
    here = select(User.id).where(holds("agent", row.brand_id), User.away.is_(False))
    above = select(User.id).where(holds("approver", row.brand_id))
    near = set(db.scalars(here.where(User.id == row.owner_id))) if row.owner_id else set()
    if not near and row.team_id:
        members = select(TeamMember.user_id).where(TeamMember.team_id == row.team_id)
        near = set(db.scalars(here.where(User.id.in_(members))))
    if near and alarm.kind == "due":
        return near
    present = set(db.scalars(above.where(User.away.is_(False))))
    return near | (present or set(db.scalars(above)))
