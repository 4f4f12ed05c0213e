"""What people may do to an incident: one table, one conditional update, one winner.

As with cases (responder/desk/states.py) a person says which version of the incident they looked at. The update happens
only if it still has that version and a state that the verb starts from; the version then rises by one. Mentions that
join change no version: what a person decides still fits when ten more complain.

Each verb leaves one line on the timeline and one row of the audit, and brings up to date what was said of the incident
outside (core/alerts.py), all in the caller's transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import BadInput, Forbidden, Stale
from core.tables import Incident, IncidentEvent
from responder.desk.states import name_of
from sentiment.ripple import membership

STATES: Mapping[str, str] = {
    "open": "open",
    "ended": "ended",
    "dismissed": "dismissed",
    "merged": "merged into another one",
}
"""Every state, and what people call it."""


LONGEST_NAME = 200
"""Characters of a name that somebody gives."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that people do: from which states, to which (None: it stays), who may, and what is told of it."""

    told: str
    role: str = "agent"
    states: tuple[str, ...] = ("open",)
    to: str | None = None


VERBS: Mapping[str, Verb] = {
    "take": Verb("took it"),
    "give": Verb("gave it to somebody else"),
    "give_up": Verb("let go of it"),
    "snooze": Verb("snoozed it"),
    "wake": Verb("woke it"),
    "rename": Verb("renamed it", states=("open", "ended")),
    "raise_severity": Verb("raised its severity"),
    "set_status": Verb("changed what is said in public"),
    "set_holding": Verb("changed its holding reply"),
    "put_in": Verb("put mentions in"),
    "take_out": Verb("took mentions out"),
    "split": Verb("split it"),
    "say": Verb("wrote", states=("open", "ended", "dismissed")),
    "merge": Verb("merged it into another one", "approver", to="merged"),
    "absorb": Verb("merged another one into it", "approver"),
    "dismiss": Verb("dismissed it", "approver", to="dismissed"),
    "end": Verb("ended it", "approver", to="ended"),
    "reopen": Verb("opened it again", "approver", ("ended", "dismissed"), "open"),
}
"""Every verb there is. `role` is for whoever asks (a page, Slack) to check; it is not checked here."""


def move(
    db: Session,
    clock: Clock,
    verb: str,
    incident_id: int,
    version: int | None,
    user_id: int | None,
    words: str = "",
    detail: Mapping[str, object] | None = None,
    **values: Any,
) -> Incident:
    """Do `verb` to one incident and give the row as it is now. `user_id` None is the service.

    `words` follow what is told of the verb on the timeline; neither they nor `detail`, which the audit keeps, hold
    anything of a post. `version` None is whichever it is. Raises Stale when it is no longer at `version`, Forbidden
    when its state is in the way.
    """
    now, kind = clock.now(), VERBS[verb]
    wanted = [Incident.id == incident_id, Incident.state.in_(kind.states)]
    if version is not None:
        wanted.append(Incident.version == version)
    values |= {"state": kind.to} if kind.to else {}
    changed = db.execute(
        update(Incident)
        .where(*wanted)
        .values(version=Incident.version + 1, changed_at=now, **values)
        .returning(Incident.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if changed is None:
        raise refusal(db, incident_id, version)
    row = db.get_one(Incident, incident_id, populate_existing=True)
    note(db, clock, row, verb, user_id, words, key=str(row.version), detail=detail)
    return row


def note(
    db: Session,
    clock: Clock,
    row: Incident,
    verb: str,
    user_id: int | None,
    words: str = "",
    *,
    key: str = "",
    detail: Mapping[str, object] | None = None,
) -> IncidentEvent:
    """Write a line on the timeline and a row of the audit. The same `key` is told once by the database."""
    now, who = clock.now(), name_of(db, user_id)
    told = words if verb == "say" else f"{VERBS[verb].told}{': ' if words else ''}{words}"
    event = IncidentEvent(incident_id=row.id, at=now, kind=verb, key=key or uuid.uuid4().hex, words=told)
    event.user_id, event.who = user_id, who
    db.add(event)
    db.flush()
    audit.add(db, audit.Entry(now, f"incident_{verb}", None, user_id, {"incident": row.id, **dict(detail or {})}))
    return event


def told_outside(db: Session, clock: Clock, row: Incident) -> None:
    """What was said of an open incident outside is to be brought up to date."""
    if row.state == "open":
        membership.tell(db, clock, row)


def named(name: str) -> str:
    """A name that somebody gave, on one line. Raises BadInput when there is none, or it is too long."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(f"name: give it a name of at most {LONGEST_NAME} characters")
    return name


def refusal(db: Session, incident_id: int, version: int | None) -> Stale | Forbidden:
    """Why that cannot be done, in words for the person who asked."""
    row = db.get(Incident, incident_id, populate_existing=True)
    if row is None:
        return Forbidden("this incident is no longer there")
    if version is not None and row.version != version:
        return Stale(f"{_last(db, row)}; it is {STATES[row.state]}. Look again before you decide")
    return Forbidden(f"that cannot be done to an incident that is {STATES[row.state]}")


def _last(db: Session, row: Incident) -> str:
    """Who did what to it last, and when."""
    told = select(IncidentEvent).where(IncidentEvent.incident_id == row.id, IncidentEvent.kind.in_(VERBS.keys()))
    moves = told.where(IncidentEvent.kind != "say").order_by(IncidentEvent.id.desc()).limit(1)
    last = db.scalars(moves).one_or_none()
    if last is None:
        return "this incident has changed"
    return f"{last.who} {VERBS[last.kind].told} at {last.at:%H:%M} UTC"
