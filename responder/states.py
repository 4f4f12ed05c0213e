"""The states of a case and every move between them: one table, one conditional update, one winner.

A person (or the service) says which version of the case they looked at. The update happens only if the case still
has that version and a state that the move starts from; the version then rises by one, so of two who decide at the
same moment the database lets exactly one through. Each move leaves one audit row, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, case, or_, select, update
from sqlalchemy import bindparam as given
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import Forbidden, Stale
from core.tables import Audit, Case, User
from responder import clock as case_clock

LABELS: Mapping[str, str] = {
    "new": "new",
    "drafted": "drafted",
    "approved": "approved, about to be sent",
    "sending": "being sent",
    "sent": "sent",
    "failed": "failed: was not sent",
    "unsure": "unsure whether it was sent",
    "answered_by_hand": "answered by hand",
    "dismissed": "dismissed",
    "snoozed": "snoozed",
}
"""Every state, and what people call it."""

STATES = tuple(LABELS)

OPEN_STATES = ("new", "drafted", "snoozed", "failed", "unsure")
"""States in which a person still has to do something. What the author or others in the thread say next joins in."""

ANSWERED_STATES = ("sent", "answered_by_hand")

LEASE = timedelta(minutes=30)
"""For so long after claiming a case (or saving a draft of it) its owner alone may decide; then anybody may again."""


@dataclass(frozen=True, slots=True)
class Move:
    """One verb: from which state to which, what is told of it ("Ana approved it"), and whether a lease forbids it."""

    states: Mapping[str, str]
    told: str
    leased: bool = False


def _stay(*states: str) -> dict[str, str]:
    return {state: state for state in states}


def _to(state: str, *states: str) -> dict[str, str]:
    return dict.fromkeys(states, state)


TRANSITIONS: Mapping[str, Move] = {
    # what people do
    "claim": Move(_stay(*OPEN_STATES), "took it", leased=True),
    "take_over": Move(_stay(*OPEN_STATES), "took it over"),
    "release": Move(_stay(*OPEN_STATES), "let go of it", leased=True),
    "draft": Move(_to("drafted", "new", "drafted") | _stay("failed"), "wrote a draft", leased=True),
    "approve": Move(_to("approved", "new", "drafted", "snoozed", "failed"), "approved a reply", leased=True),
    "withdraw": Move(_to("drafted", "approved"), "withdrew the reply"),
    "answer_by_hand": Move(
        _to("answered_by_hand", "new", "drafted", "snoozed", "failed"), "answered it by hand", leased=True
    ),
    "dismiss": Move(_to("dismissed", "new", "drafted", "snoozed", "failed"), "dismissed it", leased=True),
    "snooze": Move(_to("snoozed", "new", "drafted", "snoozed", "failed"), "snoozed it", leased=True),
    "reopen": Move(_to("new", "sent", "answered_by_hand", "dismissed", "snoozed"), "reopened it"),
    "say_sent": Move(_to("sent", "unsure"), "found the reply on the platform"),
    "say_not_sent": Move(_to("failed", "unsure"), "did not find the reply on the platform"),
    # what the service does
    "join": Move(_stay("new", "drafted", "failed", "unsure") | _to("new", "snoozed"), "added another mention"),
    "wake": Move(_to("new", "snoozed"), "woke it"),
    "come_back": Move(_to("new", *ANSWERED_STATES), "brought it back: its author wrote again"),
    "hear": Move(_stay(*ANSWERED_STATES), "heard a kind word of its author"),
    "follow_up": Move(_to("drafted", *ANSWERED_STATES), "proposed to ask whether all is well"),
    "start": Move(_to("sending", "approved"), "began to send the reply"),
    "look_back": Move(_stay("sending"), "looks whether the reply is on the platform"),
    "hold": Move(_to("approved", "sending"), "did not send the reply yet"),
    "sent": Move(_to("sent", "sending"), "sent the reply"),
    "fail": Move(_to("failed", "sending"), "could not send the reply"),
    "doubt": Move(_to("unsure", "sending"), "could not find out whether the reply was sent"),
    # what listener/forget.py does when the post goes: close, or go on with the next mention of the case
    "gone": Move(_to("dismissed", "new", "drafted", "snoozed", "failed", "approved"), "closed it: the post is gone"),
    "mention_gone": Move(
        _to("new", "new", "drafted", "snoozed", "failed", "approved")
        | _stay("sending", "sent", "unsure", "answered_by_hand", "dismissed"),
        "emptied it: the post is gone",
    ),
}
"""Every move there is. Opening a case is none: it begins as `new` (responder/open_case.py)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One move of many at once: new values for the row beside its state, and what the audit keeps of it."""

    case_id: int
    version: int
    values: Mapping[str, object] = field(default_factory=dict)
    detail: Mapping[str, object] = field(default_factory=dict)


def move(
    db: Session,
    clock: Clock,
    verb: str,
    case_id: int,
    version: int,
    user_id: int | None,
    detail: Mapping[str, object] | None = None,
    **values: object,
) -> Case:
    """Do `verb` (a key of TRANSITIONS) to one case and give the row as it is now. `user_id` None is the service.

    `detail` goes to the audit; it never holds text of posts or replies, because audit rows are kept when those are
    erased. Raises Stale when the case is no longer at `version`, Forbidden when its state or somebody's lease is
    in the way.
    """
    now, kind = clock.now(), TRANSITIONS[verb]
    wanted = [Case.id == case_id, Case.version == version, Case.state.in_(kind.states)]
    if kind.leased:
        wanted.append(free_for(user_id, now))
    values |= case_clock.values_of(verb, kind.states.values(), now)
    changed = db.execute(
        update(Case)
        .where(*wanted)
        .values(state=_next(kind), version=version + 1, changed_at=now, **values)
        .returning(Case.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if changed is None:
        raise refusal(db, verb, case_id, version)
    audit.add(db, audit.Entry(now, verb, case_id, user_id, dict(detail or {})))
    row = db.get_one(Case, case_id, populate_existing=True)
    case_clock.moved(db, clock, verb, row)
    return row


def move_all(db: Session, clock: Clock, verb: str, changes: Sequence[Change]) -> None:
    """Do `verb` to many cases for the service, in one statement; all with the same names in `values`.

    The caller holds the rows' locks, so a case that has moved on means a mistake of ours: Stale, nothing is kept.
    """
    if not changes:
        return
    now, kind = clock.now(), TRANSITIONS[verb]
    table = Case.__table__
    names = {name: given(f"v_{name}", type_=table.c[name].type) for name in changes[0].values}
    statement = (
        update(table)  # type: ignore[arg-type]
        .where(table.c.id == given("at_id"), table.c.version == given("at_version"))
        .where(or_(*(table.c.state == state for state in kind.states)))  # many rows at once take no IN
        .values(state=_next(kind), version=table.c.version + 1, changed_at=now, **names)
    )
    rows = [
        {"at_id": one.case_id, "at_version": one.version} | {f"v_{name}": value for name, value in one.values.items()}
        for one in changes
    ]
    done = cast("CursorResult[Any]", db.connection().execute(statement, rows))
    if done.rowcount != len(rows):
        raise Stale(f"{len(rows) - done.rowcount} of {len(rows)} cases had moved on before they could {verb}")
    audit.add(db, *(audit.Entry(now, verb, one.case_id, detail=one.detail) for one in changes))


def free_for(user_id: int | None, now: datetime) -> ColumnElement[bool]:
    """The condition that nobody else's lease on the case still runs."""
    over = or_(Case.claimed_at.is_(None), Case.claimed_at <= now - LEASE)
    return or_(Case.owner_id.is_(None), Case.owner_id == user_id, over)


def refusal(db: Session, verb: str, case_id: int, version: int | None) -> Stale | Forbidden:
    """Why `verb` cannot be done, in words for the person who asked. Without a `version` only the state counts."""
    row = db.get(Case, case_id, populate_existing=True)
    if row is None:
        return Forbidden("this case is no longer there")
    if version is not None and row.version != version:
        return Stale(f"{_last(db, row)}; it is now {LABELS[row.state]}. Look again before you decide")
    if row.state not in TRANSITIONS[verb].states:
        return Forbidden(f"that cannot be done to a case that is {LABELS[row.state]}")
    since = f"{row.claimed_at:%H:%M} UTC" if row.claimed_at else "now"
    return Forbidden(f"{_name(db, row.owner_id)} has this case since {since}; take it over, or ask them to release it")


def _next(kind: Move) -> Any:
    return case(kind.states, value=Case.state)


def _last(db: Session, row: Case) -> str:
    """Who did what to the case last, and when."""
    told = select(Audit).where(Audit.case_id == row.id, Audit.at >= row.opened_at)  # ids may be used again
    last = db.scalars(told.order_by(Audit.id.desc()).limit(1)).one_or_none()
    if last is None:
        return "this case has changed"
    did = TRANSITIONS[last.action].told if last.action in TRANSITIONS else "changed it"
    return f"{last.who or _name(db, last.user_id)} {did} at {last.at:%H:%M} UTC"


def _name(db: Session, user_id: int | None) -> str:
    found = db.get(User, user_id) if user_id is not None else None
    return found.name if found else "Ripplewatch"
